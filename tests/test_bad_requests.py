"""An unreadable form is the client's mistake, on every page: 400 with a page, never a 500."""

import pytest
from django.contrib.auth.models import User
from django.db import DataError
from django.test import Client

FORM = "application/x-www-form-urlencoded"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/no/such/page", "/sandbox/keys/rotate"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{FORM}; charset=utf-16", b"a=b"),
        (FORM, b"a=" + b"x" * 3_000_000),
        (FORM, b"&".join(b"a%d=1" % number for number in range(1_100))),
    ],
)
def test_form_that_cannot_be_read(path: str, content_type: str, body: bytes) -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    answer = client.post(path, body, content_type)
    assert answer.status_code == (404 if path == "/no/such/page" else 400)
    assert b"Reference" in answer.content


def test_host_that_is_not_ours(caplog: pytest.LogCaptureFixture) -> None:
    """The log names it, for who has set up a proxy that passes another one on."""
    answer = Client(raise_request_exception=False).get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert b"request-unreadable" in answer.content
    assert b"evil.example" not in answer.content
    assert "evil.example is not in ALLOWED_HOSTS" in caplog.text


def test_request_without_a_host(caplog: pytest.LogCaptureFixture) -> None:
    """As HTTP/1.0 allows it."""
    answer = Client(raise_request_exception=False, SERVER_NAME="10.0.0.7").get("/")
    assert answer.status_code == 400
    assert "DisallowedHost: no Host came; a proxy in front has to pass Host on" in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    ["at__year=99999", "at__year=0", "at__month=13&at__year=2026", "at__day=x", "p=99999999999999",
     "at__gte=nonsense", "o=99.x", "e=1", "q=%00", "action=%00"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["audit/auditevent", "keys/keyset", "registrations/registration"])
def test_filter_that_cannot_be(path: str, query: str) -> None:
    """A list of the admin site with an invalid filter: no row, or 400; never a 500."""
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password="x"))
    answer = client.get(f"/admin/{path}/?{query}")
    assert answer.status_code in (200, 302, 400)
    if answer.status_code == 400:
        assert b"request-unreadable" in answer.content


@pytest.mark.parametrize("error", [ValueError("x"), DataError("x"), OverflowError("x")])
def test_nul_that_the_database_refuses(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """PostgreSQL refuses it in text; for other values the same exceptions are faults of the app."""

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("smartapp.launches.views.render", fails)
    client = Client(raise_request_exception=False)
    assert client.get("/signed-out/?a=%00").status_code == 400
    assert client.get("/signed-out/?a=1").status_code == 500
