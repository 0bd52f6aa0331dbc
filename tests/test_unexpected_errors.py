"""A fault of the app leaves its cause for the operator; an outage of the database is no fault."""

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import InterfaceError, InternalError, OperationalError
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django import Settings

from smartapp import alerts, checks
from smartapp.keys import emergency, key_creation, material
from smartapp.keys.refusals import StepRefused
from smartapp.launches import events, views
from smartapp.registrations import registry
from tests.secrecy import all_logs
from tests.test_asgi import ask

EHR = "https://ehr.example"


@pytest.fixture(autouse=True)
def alone(settings: Settings) -> Iterator[None]:
    settings.ALLOW_LOOPBACK_EHRS = False  # no redirect to PUBLIC_URL
    alerts.forget()
    yield
    alerts.forget()
    events.forget()


@pytest.fixture
def admins(settings: Settings) -> None:
    settings.ADMINS = [("", "ops@example.org")]


def failing(error: Exception) -> Callable[..., Any]:
    def fails(*_: object, **__: object) -> None:
        secret = "patient John Doe"  # noqa: F841 - what a traceback with values would show
        raise error

    return fails


class TestCause:
    async def get(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> tuple[Any, str]:
        monkeypatch.setattr(views, "render", failing(error))
        with all_logs() as keeper:
            answer = await AsyncClient(raise_request_exception=False).get(
                "/signed-out/?code=CANARY"
            )
        lines = [line for line in keeper.lines if "signed-out" in line]
        assert len(lines) == 1, lines
        return answer, lines[0]

    async def test_is_in_the_log_without_a_value(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer, line = await self.get(monkeypatch, KeyError("John Doe"))
        assert answer.status_code == 500
        assert "unexpected-error" in line
        assert "KeyError (tests/test_unexpected_errors.py:" in line
        assert "smartapp/launches/views.py:" in line
        assert "John Doe" not in line + answer.content.decode()
        assert "CANARY" not in line

    async def test_is_mailed_to_admins_once(
        self, monkeypatch: pytest.MonkeyPatch, admins: None
    ) -> None:
        await self.get(monkeypatch, KeyError("John Doe"))
        await self.get(monkeypatch, KeyError("John Doe"))
        [sent] = mail.outbox
        assert sent.to == ["ops@example.org"]
        assert "KeyError" in sent.subject
        assert "smartapp/launches/views.py" in sent.body
        assert "raise error" in sent.body
        assert "John Doe" not in sent.subject + str(sent.body)
        assert "CANARY" not in str(sent.body)

    @pytest.mark.django_db
    def test_of_the_administrations_is_too(
        self, monkeypatch: pytest.MonkeyPatch, admins: None
    ) -> None:
        client = Client(raise_request_exception=False)
        client.force_login(User.objects.create_superuser("ann", password="x"))
        monkeypatch.setattr("smartapp.audit.chain.verify", failing(KeyError("a")))
        with all_logs() as keeper:
            assert client.get("/admin/audit/auditevent/").status_code == 500
        assert any("unexpected-error" in line and "KeyError (" in line for line in keeper.lines)
        assert len(mail.outbox) == 1

    async def test_is_told_where_the_page_itself_fails(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Templates and static files may be the problem."""
        monkeypatch.setattr("smartapp.middleware.render", failing(ValueError("John Doe")))
        monkeypatch.setattr(views, "render", failing(KeyError("a")))
        with all_logs() as keeper:
            answer = await AsyncClient(raise_request_exception=False).get("/signed-out/")
        assert answer.status_code == 500
        assert b"Something went wrong in this app" in answer.content
        assert any("KeyError (" in line for line in keeper.lines)
        assert not any("Traceback" in line or "John Doe" in line for line in keeper.lines)

    async def test_outside_of_django_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smartapp.keys.public.jwks_response", failing(KeyError("John Doe")))
        with all_logs() as keeper:
            status, _, _ = await ask("/.well-known/jwks.json")
        assert status == 500
        [line] = [line for line in keeper.lines if "jwks.json" in line]
        assert "KeyError (" in line
        assert "John Doe" not in line


class TestDatabaseAway:
    @pytest.mark.parametrize("error", [OperationalError("x"), InterfaceError("x"), InternalError()])
    @pytest.mark.parametrize(
        "path", [f"/launch?iss={EHR}&launch=x", "/connect/one/", "/callback/one/?code=c&state=s"]
    )
    async def test_is_503_and_shows_in_the_ehrs_frame(
        self, monkeypatch: pytest.MonkeyPatch, path: str, error: Exception
    ) -> None:
        registry.forget()
        monkeypatch.setattr(registry, "in_database", failing(error))
        monkeypatch.setattr("smartapp.launches.callback.in_database", failing(error))
        monkeypatch.setattr("smartapp.launches.events.in_database", failing(error))
        client = AsyncClient(raise_request_exception=False)
        answer = await client.get(path, headers={"Sec-Fetch-Dest": "iframe"})
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert "X-Frame-Options" not in answer
        assert "frame-ancestors *" in answer["Content-Security-Policy"]
        assert "Try again" in answer.content.decode()
        assert "start page" not in answer.content.decode()

    async def test_sends_no_form_by_a_link(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smartapp.launches.page_actions.find", failing(OperationalError()))
        client = AsyncClient(raise_request_exception=False)
        answer = await client.post("/launches/00000000-0000-0000-0000-000000000000/end/")
        assert answer.status_code == 503
        assert ">Try again</a>" not in answer.content.decode()

    async def test_alarms_nobody_by_itself(
        self, monkeypatch: pytest.MonkeyPatch, admins: None
    ) -> None:
        """A restart of the database is no fault; /readyz reports it."""
        monkeypatch.setattr(registry, "in_database", failing(OperationalError("x")))
        registry.forget()
        assert (await AsyncClient().get("/connect/one/")).status_code == 503
        assert not mail.outbox

    async def test_an_error_of_our_own_shows_in_the_frame_too(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry.forget()
        monkeypatch.setattr(registry, "in_database", failing(KeyError("x")))
        client = AsyncClient(raise_request_exception=False)
        framed = {"Sec-Fetch-Dest": "iframe"}
        answer = await client.get(f"/launch?iss={EHR}&launch=x", headers=framed)
        assert answer.status_code == 500
        assert "frame-ancestors *" in answer["Content-Security-Policy"]

    async def test_a_page_outside_of_launches_stays_out_of_frames(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "render", failing(OperationalError("x")))
        answer = await AsyncClient().get("/signed-out/")
        assert answer.status_code == 503
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


class Webhook(BaseHTTPRequestHandler):
    received: list[dict[str, str]] = []
    status = 200

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.received.append(json.loads(self.rfile.read(length)))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def webhook(settings: Settings) -> Iterator[type[Webhook]]:
    class Own(Webhook):
        received: list[dict[str, str]] = []

    server = HTTPServer(("127.0.0.1", 0), Own)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/hook"
    yield Own
    server.shutdown()
    server.server_close()


class TestAlarm:
    def test_comes_by_the_webhook(self, webhook: type[Webhook]) -> None:
        assert alerts.send("wrong-patient", "wrong-patient alarm at one")
        assert not alerts.send("wrong-patient", "wrong-patient alarm at one")
        [words] = webhook.received
        assert words["alert"] == "wrong-patient"
        assert "wrong-patient alarm at one" in words["text"]

    def test_a_webhook_that_refuses_or_is_away_harms_nobody(
        self, webhook: type[Webhook], settings: Settings
    ) -> None:
        webhook.status = 500
        assert not alerts.send("a", "a")
        settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/"
        assert not alerts.send("b", "b")

    def test_a_webhook_that_speaks_something_else_harms_nobody(
        self, settings: Settings, admins: None
    ) -> None:
        """A port of another service: its answer is no error of the network."""
        with socket.create_server(("127.0.0.1", 0)) as server:

            def greet() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"220 mail.example.org ESMTP\r\n")
                    connection.recv(65_536)

            Thread(target=greet, daemon=True).start()
            settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.getsockname()[1]}/"
            assert alerts.send("a", "a")
        assert len(mail.outbox) == 1

    def test_a_way_that_fails_keeps_no_other(self, admins: None, settings: Settings) -> None:
        settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/"
        assert alerts.send("a", "a")
        assert len(mail.outbox) == 1

    def test_is_tried_once_when_it_is_configured(
        self, webhook: type[Webhook], settings: Settings
    ) -> None:
        assert checks.alarms_reach_somebody() == []
        assert checks.alarms_reach_somebody() == []
        assert [words["alert"] for words in webhook.received] == ["test", "test"]
        webhook.status = 404
        assert [one.id for one in checks.alarms_reach_somebody()] == ["smartapp.W018"]
        settings.ALERT_WEBHOOK_URL = ""
        assert [one.id for one in checks.alarms_reach_somebody()] == ["smartapp.W017"]

    @pytest.mark.django_db
    def test_an_emergency_that_fails_is_one(
        self, webhook: type[Webhook], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = timezone.now()
        key_set = key_creation.create_key_set("one", algs=["ES384"], now=now)
        risk = {"typed": "", "reason": "lost", "actor": "ann"}
        with pytest.raises(StepRefused):
            emergency.replace_at_once(key_set, "ES384", now=now, while_signs="another", **risk)
        assert not webhook.received
        monkeypatch.setattr(material, "generate", failing(OperationalError("x")))
        with pytest.raises(OperationalError):
            emergency.replace_at_once(key_set, "ES384", now=now, **risk)
        assert [words["alert"] for words in webhook.received] == ["emergency-failed"]
