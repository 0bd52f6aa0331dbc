"""The second factor, used by an administrator and attacked with a stolen password."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp import verify_token
from pytest_django import Settings

from smartapp import vault
from smartapp.administrators import enrolment
from smartapp.administrators.models import RecoveryCode, SecondFactor
from smartapp.audit.models import AuditEvent
from tests.administrators.conftest import (
    PASSWORD,
    app_code,
    enrol,
    shown_recovery_codes,
    shown_secret,
)

INDEX = "/admin/"
CODE = "/admin/second-factor/"
SET_UP = "/admin/second-factor/set-up/"
HOSTILE = (
    "https://evil.example/", "//evil.example/", "/\\evil.example/", "https:evil.example",
    "\t//evil.example", "javascript:alert(1)",
)  # fmt: skip


@pytest.fixture
def required(settings: Settings) -> None:
    settings.ADMIN_SECOND_FACTOR = True


def other_browser(password: str = PASSWORD) -> Client:
    """Sign in from another browser, with the password only."""
    client = Client()
    client.post(reverse("admin:login"), {"username": "alice", "password": password})
    return client


def look(client: Client) -> str:
    """Open the set-up page; return the key that it shows."""
    return shown_secret(client.get(SET_UP).content.decode())


def give(client: Client, secret: str) -> str:
    """Send the code of an app with this key; return the page."""
    html: str = client.post(SET_UP, {"code": app_code(secret)}).content.decode()
    return html


def may_enter(client: Client) -> bool:
    return client.get(INDEX).status_code == 200


@pytest.mark.usefixtures("required")
class TestGate:
    @pytest.mark.parametrize(
        "path",
        [INDEX, "/admin/keys/keyset/", "/admin/password_change/", "/admin/jsi18n/", "/admin/none/"],
    )
    def test_a_password_alone_opens_nothing(self, signed_in: Client, path: str) -> None:
        response = signed_in.get(path)
        assert response.status_code == 302
        assert response["Location"].startswith(f"{CODE}?next=")

    def test_nor_does_a_form(self, signed_in: Client) -> None:
        response = signed_in.post("/admin/auth/user/add/", {"username": "mallory"})
        assert response.status_code == 302
        assert not User.objects.filter(username="mallory").exists()

    def test_the_first_time_leads_to_setting_it_up(self, signed_in: Client) -> None:
        response = signed_in.get(INDEX, follow=True)
        assert response.redirect_chain[-1] == (SET_UP, 302)
        enrol(signed_in)
        assert may_enter(signed_in)

    def test_who_is_not_signed_in_signs_in_first(self, client: Client, db: None) -> None:
        for path in (CODE, SET_UP):
            assert client.get(path)["Location"] == f"/admin/login/?next={path}"

    def test_leaving_is_always_possible(self, signed_in: Client) -> None:
        assert signed_in.post("/admin/logout/").status_code == 200
        assert signed_in.get(INDEX)["Location"].startswith("/admin/login/")

    def test_elsewhere_nobody_asks(self, signed_in: Client) -> None:
        assert signed_in.get("/", HTTP_HOST="127.0.0.1:8000").status_code == 200


class TestWhereItIsNotRequired:
    def test_a_password_is_enough(self, signed_in: Client) -> None:
        assert may_enter(signed_in)

    def test_but_who_set_one_up_is_asked_for_it(self, signed_in: Client) -> None:
        enrol(signed_in)
        assert not may_enter(other_browser())


class TestSettingUp:
    def test_shows_a_picture_that_the_policy_of_the_page_allows(self, signed_in: Client) -> None:
        """No style attribute and no data: URL."""
        html = signed_in.get(SET_UP).content.decode()
        svg = html[html.index("<title>QR code") : html.index("Or type in")]
        assert "style=" not in svg and "data:" not in html

    def test_a_page_that_is_loaded_again_shows_another_key(self, signed_in: Client) -> None:
        first, second = look(signed_in), look(signed_in)
        assert first != second
        assert "scan the picture below" in give(signed_in, first)
        assert shown_recovery_codes(give(signed_in, second))

    @pytest.mark.parametrize("code", ["", "000000", "12345", "abcdef", "١٢٣٤٥٦", "1" * 5000, "\0"])
    def test_a_wrong_code_takes_nothing_into_use(self, signed_in: Client, code: str) -> None:
        look(signed_in)
        html = signed_in.post(SET_UP, {"code": code}).content.decode()
        assert "That code is not right" in html
        assert not SecondFactor.objects.exists()

    def test_after_a_typo_nobody_scans_again(self, signed_in: Client) -> None:
        secret = look(signed_in)
        typo = signed_in.post(SET_UP, {"code": "000000"}).content.decode()
        assert shown_secret(typo) == look(signed_in) == secret
        assert shown_recovery_codes(give(signed_in, secret))

    def test_who_knew_the_password_first_has_no_key_of_who_enrols(self, signed_in: Client) -> None:
        thief = other_browser()
        stolen = look(thief)
        assert look(signed_in) != stolen
        assert not shown_recovery_codes(give(signed_in, stolen))
        secret, _ = enrol(signed_in)
        assert SecondFactor.objects.get().secret == secret != stolen
        assert thief.post(SET_UP, {"code": app_code(stolen)})["Location"] == CODE
        thief.post(CODE, {"code": app_code(stolen)})
        assert not may_enter(thief)

    def test_what_another_session_was_shown_before_is_worth_nothing(
        self, signed_in: Client
    ) -> None:
        other = other_browser()
        earlier = look(other)
        secret, _ = enrol(signed_in)
        other.post(CODE, {"code": app_code(secret)})
        assert may_enter(other)
        html = give(other, earlier)
        assert "The picture that you scanned is not valid any more." in html
        assert shown_secret(html) != earlier
        assert SecondFactor.objects.get().secret == secret

    def test_a_picture_is_valid_for_a_quarter_of_an_hour(
        self, signed_in: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret, now = look(signed_in), timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=15))
        html = give(signed_in, secret)
        assert "The picture that you scanned is not valid any more." in html
        assert shown_recovery_codes(give(signed_in, shown_secret(html)))

    def test_a_session_that_was_shown_nothing_takes_nothing_into_use(
        self, signed_in: Client
    ) -> None:
        html = signed_in.post(SET_UP, {"code": "000000"}).content.decode()
        assert "The picture that you scanned is not valid any more." in html

    def test_the_code_that_proved_it_is_used_up(self, signed_in: Client) -> None:
        secret = look(signed_in)
        give(signed_in, secret)
        other = other_browser()
        other.post(CODE, {"code": app_code(secret)})
        assert not may_enter(other)

    def test_a_session_does_not_hold_the_key_readable(self, signed_in: Client) -> None:
        secret = look(signed_in)
        assert secret not in str(dict(signed_in.session))
        enrol(signed_in)
        assert enrolment.SHOWN not in signed_in.session

    def test_a_key_ring_that_has_changed_since_shows_another(
        self, signed_in: Client, settings: Settings
    ) -> None:
        secret = look(signed_in)
        settings.ENCRYPTION_KEYS = vault.new_key()
        assert shown_secret(give(signed_in, secret)) != secret

    def test_recovery_codes_are_shown_once(self, signed_in: Client) -> None:
        _, codes = enrol(signed_in)
        assert len(set(codes)) == 10
        for path in (CODE, SET_UP, INDEX):
            assert not shown_recovery_codes(signed_in.get(path).content.decode())

    def test_the_session_gets_another_key(self, signed_in: Client) -> None:
        """An attacker who knew the old session key is left out."""
        before = signed_in.cookies["sessionid"].value
        enrol(signed_in)
        assert signed_in.cookies["sessionid"].value != before

    def test_a_stolen_password_cannot_replace_it(self, signed_in: Client) -> None:
        enrol(signed_in)
        thief = other_browser()
        assert thief.get(SET_UP)["Location"] == CODE
        assert thief.post(SET_UP, {"code": "000000"})["Location"] == CODE
        assert thief.post(f"{CODE}recovery-codes/")["Location"] == CODE
        assert SecondFactor.objects.count() == 1

    def test_a_new_phone_replaces_the_old_one(self, signed_in: Client) -> None:
        old, _ = enrol(signed_in)
        new, _ = enrol(signed_in)
        browser = other_browser()
        browser.post(CODE, {"code": app_code(old)})
        assert not may_enter(browser)
        SecondFactor.objects.update(throttling_failure_count=0)
        browser.post(CODE, {"code": app_code(new)})
        assert may_enter(browser)


class TestCode:
    @pytest.fixture
    def secret(self, signed_in: Client) -> str:
        return enrol(signed_in)[0]

    @pytest.fixture
    def codes(self, signed_in: Client) -> list[str]:
        return enrol(signed_in)[1]

    @pytest.mark.parametrize("steps", [0, 1])
    def test_lets_in_and_leads_where_one_wanted(self, secret: str, steps: int) -> None:
        browser = other_browser()
        wanted = browser.get("/admin/keys/keyset/?o=1")["Location"]
        response = browser.post(wanted, {"code": f" {app_code(secret, steps=steps)} "})
        assert response["Location"] == "/admin/keys/keyset/?o=1"
        assert may_enter(browser)

    @pytest.mark.parametrize("elsewhere", [*HOSTILE, ""])
    def test_leads_to_no_other_site(self, secret: str, elsewhere: str) -> None:
        """T13."""
        url = f"{CODE}?{urlencode({'next': elsewhere})}"
        response = other_browser().post(url, {"code": app_code(secret)})
        assert response["Location"] == INDEX

    @pytest.mark.parametrize("elsewhere", HOSTILE)
    def test_neither_does_the_password(self, client: Client, alice: User, elsewhere: str) -> None:
        """T13."""
        url = f"/admin/login/?{urlencode({'next': elsewhere})}"
        response = client.post(url, {"username": "alice", "password": PASSWORD})
        assert response["Location"] == INDEX

    def test_a_server_that_lacks_its_key_says_so(self, secret: str, settings: Settings) -> None:
        browser = other_browser()
        settings.ENCRYPTION_KEYS = vault.new_key()
        answer = browser.post(CODE, {"code": app_code(secret)})
        assert (answer.status_code, "tokens-unopened" in str(answer.content)) == (503, True)

    def test_is_accepted_once(self, secret: str) -> None:
        code = app_code(secret)
        first, second = other_browser(), other_browser()
        first.post(CODE, {"code": code})
        assert "or was used already" in second.post(CODE, {"code": code}).content.decode()
        assert (may_enter(first), may_enter(second)) == (True, False)

    @pytest.mark.parametrize("code", ["", "000000", "12345", "abcdef", "١٢٣٤٥٦", "x" * 5000, "\0"])
    def test_a_wrong_one_does_not(self, secret: str, code: str) -> None:
        browser = other_browser()
        assert "That code is not right" in browser.post(CODE, {"code": code}).content.decode()
        assert not may_enter(browser)
        assert AuditEvent.objects.filter(actor="alice", action="second-factor.failed").exists()

    def test_guessing_is_slowed_down_and_says_how_long(self, secret: str) -> None:
        browser = other_browser()
        for _ in range(3):
            SecondFactor.objects.update(throttling_failure_timestamp=None)
            browser.post(CODE, {"code": "000000"})
        html = browser.post(CODE, {"code": app_code(secret)}).content.decode()
        assert "wait 4 seconds" in html or "wait 3 seconds" in html
        assert not may_enter(browser)

    def test_a_recovery_code_does_too_and_only_once(self, codes: list[str]) -> None:
        first, second = other_browser(), other_browser()
        html = first.post(CODE, {"code": codes[3].upper()}, follow=True).content.decode()
        assert "You used a recovery code: 9 are left." in html
        second.post(CODE, {"code": codes[3]})
        assert (may_enter(first), may_enter(second)) == (True, False)

    def test_of_two_recovery_codes_one_is_left(self, codes: list[str]) -> None:
        kept = RecoveryCode.objects.order_by("pk").values_list("pk", flat=True)[:2]
        RecoveryCode.objects.exclude(pk__in=list(kept)).delete()
        html = other_browser().post(CODE, {"code": codes[0]}, follow=True).content.decode()
        assert "You used a recovery code: 1 is left." in html

    def test_new_recovery_codes_end_the_old_ones(self, signed_in: Client, codes: list[str]) -> None:
        html = signed_in.post(f"{CODE}recovery-codes/").content.decode()
        new = shown_recovery_codes(html)
        assert len(new) == 10 and not set(new) & set(codes)
        browser = other_browser()
        browser.post(CODE, {"code": codes[0]})
        assert not may_enter(browser)

    def test_of_another_person_does_not(self, secret: str, db: None) -> None:
        User.objects.create_superuser("bob", password=PASSWORD)
        bob = Client()
        bob.post(reverse("admin:login"), {"username": "bob", "password": PASSWORD})
        enrol(bob)
        bob = Client()
        bob.post(reverse("admin:login"), {"username": "bob", "password": PASSWORD})
        bob.post(CODE, {"code": app_code(secret)})
        assert not may_enter(bob)


@pytest.mark.django_db(transaction=True)
def test_of_two_with_one_code_at_the_same_moment_one_comes_in() -> None:
    alice = User.objects.create_superuser("alice", password=PASSWORD)
    factor = SecondFactor.fresh(alice)
    factor.save()
    code, barrier = app_code(factor.secret), Barrier(4)

    def give(_: int) -> bool:
        barrier.wait()
        try:
            return verify_token(alice, factor.persistent_id, code) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(give, range(4))) == [False, False, False, True]


@pytest.mark.django_db(transaction=True)
def test_of_two_sessions_that_finish_at_the_same_moment_one_takes_its_key_into_use() -> None:
    User.objects.create_superuser("alice", password=PASSWORD)
    browsers = [other_browser() for _ in range(3)]
    secrets, barrier = [look(browser) for browser in browsers], Barrier(3)

    def finish(number: int) -> bool:
        barrier.wait()
        try:
            return bool(shown_recovery_codes(give(browsers[number], secrets[number])))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        took = list(threads.map(finish, range(3)))
    assert sorted(took) == [False, False, True]
    assert SecondFactor.objects.get().secret == secrets[took.index(True)]


class TestAtRest:
    def test_neither_key_nor_codes_can_be_read(self, signed_in: Client, alice: User) -> None:
        secret, codes = enrol(signed_in)
        factor = SecondFactor.objects.get()
        stored = str([*SecondFactor.objects.values(), *factor.recovery_codes.values()])
        assert secret not in stored
        assert not any(code in stored or code.replace("-", "") in stored for code in codes)

    def test_a_key_moved_to_another_person_does_not_open(self, signed_in: Client) -> None:
        enrol(signed_in)
        bob = User.objects.create_superuser("bob", password=PASSWORD)
        SecondFactor.objects.update(user=bob)
        with pytest.raises(vault.VaultError):
            _ = SecondFactor.objects.get().secret
