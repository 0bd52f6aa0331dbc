"""Administrators' sessions: not stored in plain text, limited in time, and bound to this host."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import AsyncClient, Client
from pytest_django import Settings

from smartapp.administrators.sessions import SessionStore
from tests.processes import environment, manage

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, alice: User) -> Client:
    client.force_login(alice)
    assert client.get("/admin/").status_code == 200
    return client


class TestAtRest:
    def test_the_database_holds_no_key(self, signed_in: Client) -> None:
        """T21: reading the database opens no session."""
        cookie = signed_in.cookies["sessionid"].value
        rows = list(Session.objects.values_list("session_key", flat=True))
        assert rows
        assert cookie not in rows
        thief = Client()
        for row in rows:
            thief.cookies["sessionid"] = row
            assert thief.get("/admin/").status_code == 302

    def test_a_session_lives_on_and_ends_with_sign_out(self, signed_in: Client) -> None:
        assert signed_in.get("/admin/").status_code == 200
        signed_in.post("/admin/logout/")
        assert not Session.objects.exists()
        assert signed_in.get("/admin/").status_code == 302

    def test_a_key_that_a_stranger_chose_is_not_taken(self, alice: User) -> None:
        """Session fixation."""
        client = Client()
        client.cookies["sessionid"] = "chosen-by-a-stranger-0123456789abcd"
        client.force_login(alice)
        assert client.cookies["sessionid"].value != "chosen-by-a-stranger-0123456789abcd"

    async def test_works_in_async_code_too(self, transactional_db: None) -> None:
        store = SessionStore()
        await store.aset("a", 1)
        await store.asave()
        key = store.session_key
        assert key is not None
        assert await store.aexists(key)
        again = SessionStore(key)
        assert await again.aget("a") == 1
        await again.adelete()
        assert not await store.aexists(key)
        assert await SessionStore(key).aget("a") is None


class TestEnd:
    def later(self, monkeypatch: pytest.MonkeyPatch, at: float) -> None:
        monkeypatch.setattr("smartapp.administrators.sessions.time.time", lambda: at)

    @pytest.mark.parametrize(("minutes", "status"), [(29, 200), (31, 302)])
    def test_unused_for_half_an_hour(
        self, signed_in: Client, monkeypatch: pytest.MonkeyPatch, minutes: int, status: int
    ) -> None:
        self.later(monkeypatch, time.time() + minutes * 60)
        answer = signed_in.get("/admin/keys/keyset/")
        assert answer.status_code == status
        if status == 302:
            assert answer["Location"] == "/admin/login/?next=%2Fadmin%2Fkeys%2Fkeyset%2F"
            assert not Session.objects.exists()

    def test_eight_hours_after_the_sign_in_however_much_it_is_used(
        self, signed_in: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.time()
        statuses = []
        for minutes in range(20, 9 * 60, 20):
            monkeypatch.setattr(
                "smartapp.administrators.sessions.time.time", lambda at=now + minutes * 60: at
            )
            statuses.append(signed_in.get("/admin/").status_code)
        assert statuses.index(302) in (23, 24)  # the one at eight hours, or the next

    def test_a_form_does_not_get_around_it(
        self, signed_in: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.later(monkeypatch, time.time() + 31 * 60)
        assert signed_in.post("/admin/auth/user/add/", {"username": "x"}).status_code == 302
        assert not User.objects.filter(username="x").exists()


def test_cookies_are_for_this_host_alone_where_there_is_tls(tmp_path: Any) -> None:
    """RFC 6265bis §4.1.3.2."""
    env = environment("https://app.example.org", f"sqlite:///{tmp_path / 'a.sqlite3'}")
    code = "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    assert manage(env, "shell", "-v", "0", "-c", code).split() == [
        "__Host-sessionid",
        "__Host-csrftoken",
    ]


async def test_launches_have_no_such_session(settings: Settings) -> None:
    answer = await AsyncClient().get("/signed-out/")
    assert "sessionid" not in answer.cookies
