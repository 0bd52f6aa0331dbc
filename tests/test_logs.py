"""Log lines as JSON and as text; the access line contains no secrets."""

import asyncio
import gc
import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from django.db import OperationalError
from django.test import AsyncClient

from smartapp import http, logs
from smartapp.administrators.invitations import InvitationView
from tests.processes import ROOT, environment
from tests.test_asgi import ask


def record(message: str = "hello", **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("smartapp.x", logging.WARNING, "f", 1, message, (), None)
    vars(made).update(extra)
    made.created = 1_795_942_005.123
    return made


def as_json(made: logging.LogRecord) -> dict[str, str]:
    line = logs.JSONFormatter().format(made)
    assert "\n" not in line
    parsed: dict[str, str] = json.loads(line)
    return parsed


def test_json_has_the_members_of_the_contract() -> None:
    logs.begin("proxy-0123456789")
    logs.about(launch="6a3f", endpoint="epic")
    assert as_json(record("a\nb", reference="ABCD-EFGH", code="busy")) == {
        "time": "2026-11-29T08:46:45.123Z", "level": "WARNING", "logger": "smartapp.x",
        "message": "a\nb", "request_id": "proxy-0123456789", "launch": "6a3f", "endpoint": "epic",
        "reference": "ABCD-EFGH", "code": "busy",
    }  # fmt: skip


def test_json_leaves_out_what_is_not_known() -> None:
    logs.begin("")
    assert set(as_json(record())) == {"time", "level", "logger", "message", "request_id"}


def test_text_has_the_moment_in_utc() -> None:
    formatter = logs.TextFormatter("%(asctime)s %(levelname)s %(message)s")
    assert formatter.format(record()) == "2026-11-29T08:46:45.123Z WARNING hello"


class TestRequestID:
    @pytest.mark.parametrize("sent", ["from-the-proxy.1", "0123456789abcdef"])
    async def test_of_the_proxy_is_kept(self, sent: str) -> None:
        _, headers, _ = await ask("/healthz", headers=[(b"x-request-id", sent.encode())])
        assert headers["x-request-id"] == sent

    @pytest.mark.parametrize("sent", ["", "short", "a b c d e f g", "x" * 65, "new\nline-12345"])
    async def test_that_could_forge_a_line_is_replaced(self, sent: str) -> None:
        _, headers, _ = await ask("/healthz", headers=[(b"x-request-id", sent.encode())])
        assert headers["x-request-id"] != sent
        assert len(headers["x-request-id"]) == 16

    async def test_is_another_one_for_each_request(self) -> None:
        ids = {(await ask("/healthz"))[1]["x-request-id"] for _ in range(5)}
        assert len(ids) == 5


class TestAccessLine:
    @pytest.mark.parametrize(
        ("path", "shown"),
        [
            ("/launch", "/launch"),
            ("/callback/epic-2/", "/callback/epic-2/"),
            ("/admin/invitation/MQ/cmx2vw-3f5a0b/", "/admin/invitation/…/…/"),
            ("/launches/6f1c2b1e-aaaa-4bbb-8ccc-0123456789ab/context.json",
             "/launches/6f1c2b1e-aaaa-4bbb-8ccc-0123456789ab/context.json"),
            ("/launches/6f1c2b1e-aaaa-4bbb-8ccc-0123456789ab/fhir/Patient/p-1",
             "/launches/6f1c2b1e-aaaa-4bbb-8ccc-0123456789ab/fhir/…/…"),
            ("/a\nERROR forged", "/…"),
        ],
    )  # fmt: skip
    def test_names_no_secret_and_nobody(self, path: str, shown: str) -> None:
        assert logs.safe_path(path) == shown

    async def test_has_no_query(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "smartapp.access")
        await ask("/healthz", query=b"code=CANARY&state=CANARY")
        [line] = [one.getMessage() for one in caplog.records if one.name == "smartapp.access"]
        assert line.startswith("GET /healthz 200 ")
        assert "CANARY" not in line


@pytest.mark.parametrize(
    ("name", "text"), [("LOG_FORMAT", "xml"), ("LOG_LEVEL", "loud"), ("ACCESS_LOG", "perhaps")]
)
def test_a_setting_that_is_none_stops_the_start(tmp_path: Any, name: str, text: str) -> None:
    env = environment("http://127.0.0.1:8000", f"sqlite:///{tmp_path / 'a'}", **{name: text})
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(name)


async def test_an_error_page_and_its_line_have_the_same_reference(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = await AsyncClient().get("/no/such/page")
    [line] = [one for one in caplog.records if getattr(one, "code", "") == "page-not-found"]
    assert getattr(line, "reference", "none") in answer.content.decode()


def test_a_failure_that_goes_on_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    failures = logs.Failures(logging.getLogger("smartapp.x"), "keys not read")
    failures.worked()
    for why in ["away", "away", "away", "starting", "starting"]:
        failures.failed(why)
    failures.worked()
    failures.worked()
    failures.failed("away")
    assert [made.getMessage() for made in caplog.records] == [
        "keys not read: away",
        "keys not read: starting",
        "keys not read: it works again",
        "keys not read: away",
    ]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/launches/6f1c2b1e-aaaa-4bbb-8ccc-0123456789ab/fhir/Patient/CANARY-1",
         "/launches/6f1c2b1e-aaaa-4bbb-8ccc-0123456789ab/fhir/…/…"),
        ("/no/CANARY-1/page", "/no/…/page"),
    ],
)  # fmt: skip
async def test_the_line_of_an_error_page_names_no_secret_and_nobody(
    caplog: pytest.LogCaptureFixture, path: str, shown: str
) -> None:
    assert (await AsyncClient().get(path)).status_code >= 400
    [line] = [one.getMessage() for one in caplog.records if getattr(one, "reference", "")]
    assert f" at {shown}: " in line
    assert "CANARY" not in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_a_link_to_a_new_password_is_in_no_log_while_the_database_is_away(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(InvitationView, "get_user", away)
    answer = await AsyncClient().get("/admin/invitation/MQ/cmx2vw-CANARY/")
    assert answer.status_code == 503
    assert "database-away" in caplog.text
    assert "CANARY" not in caplog.text


def test_an_exception_that_a_library_logs_is_one_line_without_its_words() -> None:
    try:
        raise ValueError("CANARY\nERROR forged")
    except ValueError:
        made = record("a task\r\nfailed", exc_info=sys.exc_info())
    line = logs.TextFormatter("%(message)s").format(made)
    assert line.startswith("a task failed ValueError (tests/test_logs.py:")
    made.exc_text = None  # what the first formatter has kept
    parsed = as_json(made)
    assert parsed["exception"].startswith("ValueError (tests/test_logs.py:")
    assert "CANARY" not in line + parsed["exception"]
    assert "\n" not in line


def test_what_nobody_has_awaited_is_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails() -> None:
        raise ValueError("CANARY")

    async def forgetful() -> None:
        task = asyncio.create_task(fails())
        await asyncio.wait([task])

    http.run(forgetful())
    gc.collect()
    [line] = [one.getMessage() for one in caplog.records]
    assert line.startswith("event loop: Task exception was never retrieved: ValueError (")
    assert "CANARY" not in caplog.text


def test_the_driver_adds_no_line_to_that_of_an_error() -> None:
    """For each statement that a read-only PostgreSQL refuses it would have a second one."""
    assert not logging.getLogger("psycopg").isEnabledFor(logging.WARNING)
