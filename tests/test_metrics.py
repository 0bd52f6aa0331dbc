"""`/metrics` counts events, distinguishes processes, and requires the token."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from smartapp import metrics, metrics_page
from smartapp.database import close_thread_connections, in_database
from smartapp.keys import heartbeat, key_creation
from smartapp.launches import readiness
from tests.launches.conftest import Browser, app, browser, ehr_launch, registered, until
from tests.scripted_ehr import CANARY, ScriptedEHR
from tests.test_asgi import ask

__all__ = ["app", "browser", "ehr_launch", "registered"]
TOKEN = "a-token-for-the-tests"
SENT = [(b"authorization", f"Bearer {TOKEN}".encode())]


@pytest.fixture(autouse=True)
def allowed(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.METRICS_TOKEN = TOKEN
    settings.METRICS_DIR = tmp_path / "metrics"
    # What earlier tests left, such as hosts of many ports, makes thousands of lines.
    for one in (metrics.requests, metrics.request_seconds, metrics.ehr_requests,
                metrics.ehr_seconds, metrics.token_budget):  # fmt: skip
        one.clear()
    yield
    readiness.forget()
    close_thread_connections()


async def text() -> str:
    status, headers, body = await ask("/metrics", headers=SENT)
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    return body.decode()


async def value(name: str, **labels: str) -> float:
    """Return the sum of the samples with these labels."""
    families = text_string_to_metric_families(await text())
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.mark.django_db(transaction=True)
class TestWhoMaySeeThem:
    @pytest.mark.parametrize("sent", ["", "Bearer", "Bearer wrong", TOKEN, "Bearer ä", "Basic x"])
    async def test_without_the_token_there_is_no_such_page(self, sent: str) -> None:
        status, _, _ = await ask("/metrics", headers=[(b"authorization", sent.encode())])
        assert status == 404

    async def test_a_token_may_have_other_letters(self, settings: Settings) -> None:
        settings.METRICS_TOKEN = "tökén"
        status, _, _ = await ask("/metrics", headers=[(b"authorization", "Bearer tökén".encode())])
        assert status == 200

    async def test_without_a_configured_token_there_is_none_for_anybody(
        self, settings: Settings
    ) -> None:
        settings.METRICS_TOKEN = ""
        for sent in ([], [(b"authorization", b"Bearer ")]):
            status, _, _ = await ask("/metrics", headers=sent)
            assert status == 404


async def test_a_launch_is_counted_and_nothing_of_it_is_told(
    browser: Browser,
    ehr: ScriptedEHR,
    ehr_launch: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each EHR of the earlier tests had its own port, and so its own host.
    monkeypatch.setattr(metrics, "_hosts", set())
    before = {
        name: await value("smartapp_launches_total", outcome=name)
        for name in ("begun", "completed", "failed")
    }
    uuid = await browser.launch(ehr_launch())
    await browser.get(f"/launches/{uuid}/")
    await browser.get("/callback/scripted/?code=x&state=y")
    for name, count in before.items():
        assert await value("smartapp_launches_total", outcome=name) == count + 1
    host = ehr.base.removeprefix("http://")
    assert await value("smartapp_ehr_requests_total", kind="token", host=host, status="200") == 1
    assert await value("smartapp_ehr_requests_total", kind="read", host=host) > 1
    assert await value("smartapp_ehr_request_seconds_count", kind="token", host=host) == 1
    assert await value("smartapp_http_requests_total", where="callback", status="303") >= 1
    assert await value("smartapp_launches_total", outcome="failed", cause="state-unknown") >= 1
    told = await text()
    for secret in (str(uuid), CANARY, "Patient/", "?code="):
        assert secret not in told


@pytest.mark.django_db(transaction=True)
class TestPage:
    async def test_tells_what_the_database_knows(self) -> None:
        await in_database(key_creation.create_key_set, "one", algs=["ES384"], now=timezone.now())
        await in_database(heartbeat.ran, timezone.now())
        assert await value("smartapp_signing_key_age_seconds", key_set="one", alg="ES384") >= 0
        due = await value("smartapp_key_step_due_timestamp_seconds", key_set="one", step="publish")
        assert due > timezone.now().timestamp()
        assert await value("smartapp_maintain_last_run_timestamp_seconds") > 0
        assert await value("smartapp_revocations_waiting") == 0

    async def test_tells_processes_apart(self, settings: Settings) -> None:
        metrics_page.write()
        other = settings.METRICS_DIR / "web-2-4711.prom"
        own = settings.METRICS_DIR / f"{metrics_page.own_name()}.prom"
        other.write_text(own.read_text())
        told = await text()
        for process in (metrics_page.own_name(), "web-2-4711"):
            assert f'process="{process}"' in told
        assert told.count("# TYPE smartapp_http_requests_total counter") == 1

    async def test_forgets_a_process_that_has_ended(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.METRICS_DIR.mkdir()
        ended = settings.METRICS_DIR / "web-2-4711.prom"
        ended.write_text("a 1\n")
        assert "web-2-4711" in await text()
        monkeypatch.setattr(metrics_page, "FORGOTTEN_SECONDS", -1)
        assert "web-2-4711" not in await text()
        metrics_page.write()
        assert not ended.exists()

    async def test_goes_on_without_a_file_that_is_damaged(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.METRICS_DIR.mkdir()
        (settings.METRICS_DIR / "web-2-4711.prom").write_bytes(b"a 1\n\0\0\xff")
        assert "smartapp_http_requests_total" in await text()
        assert "the metrics of process web-2-4711 cannot be read" in caplog.text

    async def test_only_the_task_that_writes_the_file_touches_it(self, settings: Settings) -> None:
        """A scrape wrote it too once, and was a 500 when both wrote at the same moment."""
        assert f'process="{metrics_page.own_name()}"' in await text()
        assert not settings.METRICS_DIR.exists()
        metrics_page.write()
        [own] = settings.METRICS_DIR.iterdir()
        own.write_text("a 1\n")
        assert "a{" not in await text()

    async def test_tells_of_this_process_while_no_file_can_be_written(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.METRICS_DIR.write_text("a file where the folder should be")
        monkeypatch.setattr(metrics_page, "WRITE_SECONDS", 0.01)
        tries = 0

        def counted() -> None:
            nonlocal tries
            tries += 1
            write()

        write = metrics_page.write
        monkeypatch.setattr(metrics_page, "write", counted)
        writing = asyncio.create_task(metrics_page.keep_writing())
        await until(lambda: tries >= 3)
        assert caplog.text.count("metrics not written for other processes") == 1
        assert "smartapp_http_requests_total" in await text()
        settings.METRICS_DIR.unlink()
        await until(lambda: list(settings.METRICS_DIR.glob("*.prom")))
        writing.cancel()

    async def test_goes_on_while_the_database_is_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: Any) -> None:
            raise OperationalError

        monkeypatch.setattr(metrics_page, "in_database", away)
        told = await text()
        assert "smartapp_event_loop_lag_seconds" in told
        assert "smartapp_revocations_waiting" not in told

    @pytest.mark.parametrize("missing", [*readiness.NEEDED, *readiness.DONE_WITHOUT])
    async def test_say_what_is_missing_while_nobody_launches(
        self, missing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def there() -> bool:
            return True

        async def away() -> bool:
            raise OperationalError

        for checks in (readiness.NEEDED, readiness.DONE_WITHOUT):
            for name in checks:
                monkeypatch.setitem(checks, name, away if name == missing else there)
        readiness.forget()
        assert await value("smartapp_available", what=missing) == 0
        assert await value("smartapp_available") == 3

    async def test_waits_no_longer_for_the_database_than_prometheus_waits_for_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def silent(*_: Any) -> None:
            await asyncio.Event().wait()

        assert max(metrics_page.DATABASE_SECONDS, readiness.WAIT_SECONDS) < 10
        monkeypatch.setattr(metrics_page, "DATABASE_SECONDS", 0.01)
        monkeypatch.setattr(metrics_page, "in_database", silent)
        told = await text()
        assert "smartapp_event_loop_lag_seconds" in told
        assert "smartapp_revocations_waiting" not in told


def test_hosts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_hosts", set())
    monkeypatch.setattr(metrics, "MAX_HOSTS", 3)
    named = [metrics._bounded(f"ehr-{number}.example") for number in range(5)]
    assert named[3:] == [metrics.OTHERS, metrics.OTHERS]
    assert metrics._bounded("ehr-1.example") == "ehr-1.example"


@pytest.mark.parametrize(
    ("path", "part"),
    [("/", "home"), ("/launch", "launch"), ("/launches/x/", "launches"), ("/admin/", "admin"),
     ("/.well-known/jwks.json", "keys"), ("/wp-login.php", "other"), ("*", "other")],
)  # fmt: skip
def test_addresses_have_few_parts(path: str, part: str) -> None:
    assert metrics.where(path) == part
