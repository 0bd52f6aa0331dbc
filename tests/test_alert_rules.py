"""The alert rules and the dashboard name exactly the metrics and labels of /metrics."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client.core import Metric

from smartapp import metrics, metrics_page
from smartapp.keys import heartbeat, key_creation
from smartapp.launches.readiness import Readiness
from tests.processes import ROOT

PROMTOOL = shutil.which("promtool") or ""
METRIC = re.compile(r"\b((?:smartapp|process)_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*[=!]~?\s*\"")
SUFFIXES = ("_total", "_bucket", "_count", "_sum", "")
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus-alerts.yml").read_text())
DASHBOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture
def known(db: None) -> dict[str, set[str]]:
    """Return each metric's PromQL name and its labels."""
    now = timezone.now()
    key_creation.create_key_set("one", algs=["ES384"], now=now)
    heartbeat.ran(now)
    found: dict[str, set[str]] = {}
    families: list[Metric] = [
        *metrics.registry.collect(),
        *metrics_page.from_database(now),
        metrics_page._available(Readiness()),
    ]
    for family in families:
        labels = {name for sample in family.samples for name in sample.labels}
        for suffix in SUFFIXES:
            found[f"{family.name}{suffix}"] = labels | {"process"}
    for collector in vars(metrics).values():
        if hasattr(collector, "_labelnames"):
            for suffix in SUFFIXES:
                found[f"{collector._name}{suffix}"] |= set(collector._labelnames)
    return found


def test_each_metric_and_label_exists(known: dict[str, set[str]]) -> None:
    for expression in expressions():
        for name, labels in METRIC.findall(expression):
            assert name in known, expression
            assert set(LABEL.findall(labels)) <= known[name], expression


def test_each_metric_of_ours_is_on_the_dashboard_or_alarms(known: dict[str, set[str]]) -> None:
    named = {name for one in expressions() for name, _ in METRIC.findall(one)}
    ours = {name for name in known if name.startswith("smartapp_")}
    bases = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in ours}
    shown = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
    assert {name for name in bases if not name.endswith("_created")} <= shown


def test_nobody_is_woken_by_what_a_stranger_can_send(known: dict[str, set[str]]) -> None:
    """Without a launch, as a scanner does: what Web addresses of launches answer to that is in no
    rule that pages, but for a flood of it there is a ticket."""
    [page], [ticket] = (
        [re.findall(r'cause[!=]~"([^"]+)"', rule["expr"])[0].split("|")]
        for name in ("SmartappLaunchesFail", "SmartappLaunchesUnknown")
        for rule in rules()
        if rule["alert"] == name
    )
    assert page == ticket
    for method, address in (
        ("get", "/launch"),
        ("get", "/launch?iss=https://ehr.example/fhir&launch=1"),
        ("get", f"/launch?iss={'a' * 9000}&launch=1"),
        ("post", "/launch"),
        ("get", "/connect/none/"),
        ("get", "/callback/none/"),
        ("get", "/callback/none/?code=1&state=2"),
        ("get", "/callback/none/?error=access_denied"),
        ("post", "/callback/none/"),
    ):
        metrics.launches.clear()
        assert (
            getattr(Client(headers={"host": "127.0.0.1:8000"}), method)(address).status_code >= 400
        )
        [family] = metrics.launches.collect()
        causes = {one.labels["cause"] for one in family.samples if one.name.endswith("_total")}
        assert causes <= set(page), address


@pytest.mark.skipif(not PROMTOOL, reason="no promtool")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(  # noqa: S603
        [PROMTOOL, "check", "rules", ROOT / "deploy" / "prometheus-alerts.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_an_alert_waits_for_is_there_before_it_happens() -> None:
    """Prometheus sees no increase in a counter that appears with its first event."""
    fresh = "from smartapp import metrics; import prometheus_client as p; " \
        "print(p.generate_latest(metrics.registry).decode())"  # fmt: skip
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-c", fresh], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    awaited = [
        found for rule in rules() for found in re.findall(r"increase\((.+?)\[", rule["expr"])
    ]
    assert len(awaited) >= 5
    for series in awaited:
        assert f"{series} 0.0" in told


def test_each_rule_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 10
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")


def test_alarms_that_are_counted_are_those_that_are_sent() -> None:
    """The kinds in the rules are those in the code."""
    code = "".join(path.read_text() for path in (ROOT / "smartapp").rglob("*.py"))
    for kind in re.findall(r'smartapp_alarms_total\{kind="([\w-]+)"', str(RULES)):
        assert f'"{kind}"' in code
