import re
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smartapp.audit.models import AuditEvent
from smartapp.keys import affected_launches, dry_run, key_creation, lifecycle, waits
from smartapp.keys.models import JWKSFetch, KeySet, SigningKey
from smartapp.keys.rotation import RotationStep
from tests.keys.test_importing import P384, RSA2048, pem
from tests.registrations.factories import make_registration
from tests.secrecy import all_logs, database_dump, private_numbers

pytestmark = pytest.mark.django_db

# Members of a private JWK, PEM and DER of PKCS8, and the vault's format (T23).
PRIVATE_MATERIAL = re.compile(
    r"&quot;(d|p|q|dp|dq|qi|oth|k)&quot;|\"(d|p|q|dp|dq|qi|oth|k)\":|PRIVATE KEY"
    r"|MII[A-Za-z0-9+/]{80}|v1\.[0-9a-f]{8}\.|sealed_private_key"
)


@pytest.fixture
def long_ago() -> datetime:
    return timezone.now() - timedelta(days=30)


@pytest.fixture
def epic(long_ago: datetime) -> KeySet:
    """A key set with a key in every state."""
    key_set = key_creation.create_key_set("epic", algs=["ES384", "RS384"], now=long_ago)
    now = long_ago
    for step, wait in (
        (RotationStep.PUBLISH, 0),
        (RotationStep.SIGN, 31),
        (RotationStep.WITHDRAW, 2),
    ):
        now += timedelta(hours=wait)
        lifecycle.TAKE[step](key_set, "ES384", now=now, actor="test")
    key_creation.publish_next(key_set, "RS384", now=timezone.now(), actor="test")
    return key_set


def administrator(*permissions: str) -> Client:
    user = User.objects.create_user(f"admin-{len(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def viewer() -> Client:
    return administrator("view_keyset", "view_signingkey", "view_auditevent")


@pytest.fixture
def rotator() -> Client:
    return administrator("view_keyset", "rotate_keyset")


def page(client: Client, key_set: KeySet) -> str:
    response = client.get(reverse("admin:keys_keyset_change", args=[key_set.pk]))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def step_url(key_set: KeySet, alg: str, step: str) -> str:
    return reverse("admin:keys_keyset_step", args=[key_set.pk, alg, step])


class TestPrivateMaterial:
    def test_is_on_no_page(self, admin_client: Client, epic: KeySet) -> None:
        """T23: every admin page about keys, as a superuser."""
        urls = [reverse(f"admin:{name}_changelist") for name in ("keys_keyset", "keys_signingkey")]
        urls += [reverse("admin:audit_auditevent_changelist"), reverse("admin:index")]
        urls += [reverse("admin:keys_keyset_change", args=[epic.pk])]
        urls += [reverse("admin:keys_keyset_history", args=[epic.pk])]
        urls += [step_url(epic, "RS384", step) for step in [*RotationStep, "emergency"]]
        urls += [
            reverse(f"admin:keys_keyset_{name}", args=[epic.pk]) for name in ("settings", "import")
        ]
        for key in SigningKey.objects.all():
            urls.append(reverse("admin:keys_signingkey_change", args=[key.pk]))
            urls.append(reverse("admin:keys_signingkey_history", args=[key.pk]))
        for event in AuditEvent.objects.all():
            urls.append(reverse("admin:audit_auditevent_change", args=[event.pk]))
        for url in urls:
            response = admin_client.get(url)
            assert response.status_code == 200, url
            assert not PRIVATE_MATERIAL.search(response.content.decode()), url

    def test_the_search_would_find_it(self, epic: KeySet) -> None:
        """Shows that the search works."""
        key = epic.signing_keys.exclude(sealed_private_key="").first()
        assert key is not None
        assert PRIVATE_MATERIAL.search(key.sealed_private_key)
        assert PRIVATE_MATERIAL.search('{"kty": "EC", "d": "AAAA"}')
        assert PRIVATE_MATERIAL.search("-----BEGIN PRIVATE KEY-----")


class TestKeySetPage:
    def test_says_where_every_key_is_and_what_is_next(self, viewer: Client, epic: KeySet) -> None:
        html = page(viewer, epic)
        for key in epic.signing_keys.all():
            assert key.kid in html
        assert "has not signed anything yet." in html
        assert "its private half is destroyed." in html
        assert "in 1 day, 5 hours: the next key signs" in html
        assert ": the next key is published, and signs 30 hours later." in html

    def test_the_first_key_of_an_algorithm_waits_beside_the_others(
        self, admin_client: Client, long_ago: datetime
    ) -> None:
        """It never signed, so there is nothing to replace or retire."""
        key_set = key_creation.create_key_set("epic", algs=["ES384"], now=long_ago)
        JWKSFetch.objects.create(
            key_set=key_set, etag="x", kids=[], first_at=long_ago, last_at=long_ago, count=1
        )
        key_creation.add_lines(key_set, ["RS256"], now=timezone.now())
        html = page(admin_client, key_set)
        assert "the key may sign from then on." in html
        assert "Other algorithms are not affected." in html
        assert step_url(key_set, "RS256", "sign") in html
        assert step_url(key_set, "RS256", "emergency") not in html
        asked = admin_client.get(step_url(key_set, "RS256", "sign")).content.decode()
        assert "None does yet" in asked
        assert "http://127.0.0.1:8000/.well-known/jwks/epic.json" in html

    def test_offers_what_is_allowed_now_and_nothing_else(
        self, rotator: Client, epic: KeySet
    ) -> None:
        html = page(rotator, epic)
        assert step_url(epic, "ES384", "publish") in html
        assert step_url(epic, "RS384", "abandon") in html
        for alg, step in (("RS384", "sign"), ("RS384", "publish"), ("ES384", "withdraw")):
            assert step_url(epic, alg, step) not in html

    def test_who_may_only_look_is_offered_nothing(self, viewer: Client, epic: KeySet) -> None:
        """Viewing and rotating are two permissions."""
        html = page(viewer, epic)
        assert 'class="button' not in html

    def test_who_may_not_look_sees_nothing(self, epic: KeySet) -> None:
        url = reverse("admin:keys_keyset_change", args=[epic.pk])
        assert administrator().get(url).status_code == 403
        assert Client().get(url).status_code == 302

    @pytest.mark.parametrize("name", ["keys_keyset", "keys_signingkey", "audit_auditevent"])
    def test_nothing_is_added_or_deleted_by_hand(
        self, admin_client: Client, epic: KeySet, name: str
    ) -> None:
        row = {
            "keys_keyset": epic,
            "keys_signingkey": SigningKey.objects.first(),
            "audit_auditevent": AuditEvent.objects.first(),
        }[name]
        assert row is not None
        assert admin_client.post(reverse(f"admin:{name}_add"), {}).status_code == 403
        delete = reverse(f"admin:{name}_delete", args=[row.pk])
        assert admin_client.post(delete, {"post": "yes"}).status_code == 403

    def test_an_unknown_key_set_or_step_is_not_found(
        self, admin_client: Client, epic: KeySet
    ) -> None:
        assert admin_client.get(reverse("admin:keys_keyset_change", args=[0])).status_code == 404
        assert admin_client.get(step_url(epic, "RS384", "steal")).status_code == 404
        assert admin_client.get(step_url(epic, "HS256", "publish")).status_code == 404


class TestSteps:
    def test_asking_changes_nothing(self, rotator: Client, epic: KeySet) -> None:
        before = epic.signing_keys.count()
        response = rotator.get(step_url(epic, "ES384", "publish"))
        assert "Nothing is signed with it yet" in response.content.decode()
        assert "It may sign 30 hours later." in response.content.decode()
        assert epic.signing_keys.count() == before

    def test_confirmed_it_is_done_and_written_down(self, rotator: Client, epic: KeySet) -> None:
        """The audit trail has who, when and which kid."""
        response = rotator.post(step_url(epic, "ES384", "publish"), follow=True)
        new = epic.signing_keys.get(alg="ES384", signs_from=None)
        assert f"ES384 {new.kid} is published; it signs nothing yet." in response.content.decode()
        event = AuditEvent.objects.latest("id")
        assert (event.actor, event.action) == ("admin-2", "keys.publish")
        assert event.detail == {"alg": "ES384", "kid": new.kid}

    def test_a_step_that_is_too_early_says_when(self, rotator: Client, epic: KeySet) -> None:
        """Also if the button was not shown."""
        response = rotator.post(step_url(epic, "RS384", "sign"), follow=True)
        assert "This step is possible from 20" in response.content.decode()
        assert epic.signing_keys.filter(alg="RS384", signs_from=None).count() == 1

    def test_two_administrators_click_at_the_same_moment(
        self, rotator: Client, epic: KeySet
    ) -> None:
        rotator.post(step_url(epic, "ES384", "publish"))
        response = rotator.post(step_url(epic, "ES384", "publish"), follow=True)
        assert "is published already; it has to sign first." in response.content.decode()
        assert epic.signing_keys.filter(alg="ES384", signs_from=None).count() == 1

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_who_may_not_rotate_is_refused(self, viewer: Client, epic: KeySet, method: str) -> None:
        before = list(SigningKey.objects.values())
        for step in RotationStep:
            response = getattr(viewer, method)(step_url(epic, "RS384", step))
            assert response.status_code == 403
        assert list(SigningKey.objects.values()) == before

    def test_a_forged_form_is_refused(self, rotator: Client, epic: KeySet) -> None:
        rotator.handler.enforce_csrf_checks = True
        assert rotator.post(step_url(epic, "ES384", "publish")).status_code == 403

    def test_a_browser_is_let_to_say_where_its_form_comes_from(self, rotator: Client) -> None:
        """Under `no-referrer` Chromium sends `Origin: null` with a form, and sign-in would fail."""
        response = rotator.get(reverse("admin:keys_keyset_changelist"))
        assert response.headers["Referrer-Policy"] == "same-origin"


class TestFetches:
    def test_says_who_has_seen_the_new_key(self, viewer: Client, epic: KeySet) -> None:
        now = timezone.now()
        kids = list(epic.signing_keys.filter(withdrawn_at=None).values_list("kid", flat=True))
        for address, seen in (("192.0.2.7", kids), ("192.0.2.8", kids[:1])):
            JWKSFetch.objects.create(
                key_set=epic, etag='"a"', kids=seen, address=address, user_agent="requests/2",
                first_at=now, last_at=now - timedelta(minutes=3), count=2,
            )  # fmt: skip
        html = page(viewer, epic)
        assert "192.0.2.7 (requests/2)" in html
        assert "fetched 3 minutes ago and has seen the new key." in html
        assert "fetched 3 minutes ago and has not seen the new RS384 key yet." in html

    def test_what_a_visitor_calls_itself_is_no_markup(self, viewer: Client, epic: KeySet) -> None:
        now = timezone.now()
        JWKSFetch.objects.create(
            key_set=epic, etag='"a"', kids=[], address="192.0.2.7", user_agent="<script>",
            first_at=now, last_at=now, count=1,
        )  # fmt: skip
        assert "&lt;script&gt;" in page(viewer, epic)

    def test_nobody_yet(self, viewer: Client, epic: KeySet) -> None:
        assert "Nobody yet." in page(viewer, epic)


class TestDryRun:
    @pytest.fixture
    def url(self, epic: KeySet) -> str:
        return reverse("admin:keys_keyset_dry_run", args=[epic.pk, "RS384"])

    @pytest.mark.parametrize("passed", [True, False])
    def test_shows_its_outcome(
        self, rotator: Client, url: str, passed: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcome = affected_launches.Outcome(passed, "It went as it went.")
        monkeypatch.setattr(dry_run, "rehearse", lambda key_set, line: outcome)
        html = rotator.post(url, follow=True).content.decode()
        assert "Dry run: It went as it went." in html
        assert f'class="{"success" if passed else "error"}"' in html

    def test_is_asked_for_with_a_form_by_who_may_rotate(
        self, rotator: Client, viewer: Client, url: str, epic: KeySet
    ) -> None:
        assert rotator.get(url).status_code == 405
        assert viewer.post(url).status_code == 403
        other = reverse("admin:keys_keyset_dry_run", args=[epic.pk, "RS256"])
        assert rotator.post(other).status_code == 404


class TestRisk:
    @pytest.fixture(autouse=True)
    def registered(self, epic: KeySet) -> None:
        make_registration("epic", name="General Hospital", key_set=epic)

    @pytest.fixture
    def daring(self) -> Client:
        return administrator("view_keyset", "rotate_keyset", "emergency_keyset")

    def test_is_offered_to_who_may_take_it_only(
        self, rotator: Client, daring: Client, epic: KeySet
    ) -> None:
        for url in (step_url(epic, "ES384", "emergency"), step_url(epic, "RS384", "sign")):
            assert url not in page(rotator, epic)
            assert url in page(daring, epic)

    @pytest.mark.parametrize("step", ["emergency", "sign"])
    def test_says_what_is_at_risk_before_it_is_taken(
        self, daring: Client, epic: KeySet, step: str
    ) -> None:
        html = " ".join(daring.get(step_url(epic, "RS384", step)).content.decode().split())
        assert "Launches may fail at: </p> <ul> <li>General Hospital</li>" in html
        assert "General Hospital was not seen to fetch these keys yet." in html
        assert "type exactly: <code>General Hospital</code>" in html

    def test_a_fetch_is_not_said_to_be_the_ehrs_before_a_wait_is_cut_short(
        self, daring: Client, epic: KeySet
    ) -> None:
        """A visitor that polls the public keys coincides with a token request sooner or later."""
        now = timezone.now()
        slug = epic.registrations.get().slug
        JWKSFetch.objects.create(
            key_set=epic, etag='"a"', kids=[], address="192.0.2.7", user_agent="curl/8", count=1,
            first_at=now, last_at=now, during={slug: [1, now.isoformat()]},
        )  # fmt: skip
        url = step_url(epic, "RS384", "sign")
        html = " ".join(daring.get(url).content.decode().split())
        assert "does not prove that the EHR has the new key:" in html
        assert (
            "<li>Somebody who came while General Hospital was being asked for a token fetched "
            in html
        )

    def test_of_an_algorithm_that_nobody_uses_nothing_is(
        self, daring: Client, epic: KeySet
    ) -> None:
        """The hospital's registration signs with RS384."""
        html = daring.get(step_url(epic, "ES384", "emergency")).content.decode()
        assert "No EHR signs in with this algorithm now, so no launch fails." in html
        assert "<li>General Hospital</li>" not in html
        assert "was not seen to fetch" not in html
        assert 'id="typed"' not in html
        daring.post(step_url(epic, "ES384", "emergency"), {"reason": "a laptop was stolen"})
        event = AuditEvent.objects.latest("id")
        assert (event.action, event.detail["at_risk"]) == ("keys.emergency", [])

    def test_an_emergency_that_was_named(self, daring: Client, epic: KeySet) -> None:
        data = {"typed": " General Hospital ", "reason": "a laptop was stolen"}
        response = daring.post(step_url(epic, "RS384", "emergency"), data, follow=True)
        html = response.content.decode()
        assert "every key before it is dropped as compromised." in html
        # The page asks to tell the EHRs: its first line must not say that there is nothing to do.
        assert "There is something to do; it is said below." in html
        assert "You need not do anything" not in html
        event = AuditEvent.objects.latest("id")
        assert (event.action, event.detail["reason"]) == ("keys.emergency", "a laptop was stolen")

    @pytest.mark.parametrize(("alg", "step"), [("ES384", "emergency"), ("RS384", "sign")])
    def test_nothing_is_put_at_risk_without_a_reason(
        self, daring: Client, epic: KeySet, alg: str, step: str
    ) -> None:
        """The audit trail has who, when, kid and reason."""
        before = list(SigningKey.objects.values())
        data = {"typed": "General Hospital", "reason": " "}
        response = daring.post(step_url(epic, alg, step), data, follow=True)
        assert "Say why, in a few words" in response.content.decode()
        assert list(SigningKey.objects.values()) == before

    def test_an_emergency_that_was_not(self, daring: Client, epic: KeySet) -> None:
        before = list(SigningKey.objects.values())
        response = daring.post(step_url(epic, "RS384", "emergency"), {"typed": "x"}, follow=True)
        assert "type exactly what is at risk: General Hospital." in response.content.decode()
        assert list(SigningKey.objects.values()) == before

    def test_what_was_typed_stays_when_it_is_refused(self, daring: Client, epic: KeySet) -> None:
        """In an emergency nobody should have to find the page again."""
        data = {"typed": "general hospital", "reason": "a laptop was stolen"}
        html = daring.post(step_url(epic, "RS384", "emergency"), data).content.decode()
        assert "type exactly what is at risk: General Hospital." in html
        assert 'value="general hospital"' in html
        assert 'value="a laptop was stolen"' in html

    def test_who_may_only_rotate_cannot_cut_a_wait_short(
        self, rotator: Client, epic: KeySet
    ) -> None:
        data = {"typed": "General Hospital", "reason": "a test"}
        response = rotator.post(step_url(epic, "RS384", "sign"), data, follow=True)
        assert "This step is possible from 20" in response.content.decode()
        assert rotator.post(step_url(epic, "RS384", "emergency"), data).status_code == 403

    def test_a_wait_cut_short(self, daring: Client, epic: KeySet) -> None:
        data = {"typed": "General Hospital", "reason": "a test"}
        response = daring.post(step_url(epic, "RS384", "sign"), data, follow=True)
        assert "signs from now on" in response.content.decode()
        assert AuditEvent.objects.latest("id").detail["reason"] == "a test"


class TestSettings:
    @pytest.fixture
    def url(self, epic: KeySet) -> str:
        return reverse("admin:keys_keyset_settings", args=[epic.pk])

    def test_the_age_limit(self, rotator: Client, url: str, epic: KeySet) -> None:
        response = rotator.post(url, {"rotate_after_days": "30"}, follow=True)
        assert "replaced by itself when it has signed for 30 days." in response.content.decode()
        event = AuditEvent.objects.latest("id")
        assert (event.action, event.detail["rotate_after_days"]) == ("keys.settings", 30)

    def test_an_ehr_that_imported_the_keys(self, rotator: Client, url: str, epic: KeySet) -> None:
        data = {"rotate_after_days": "", "imported_by_vendor": "on"}
        html = rotator.post(url, data, follow=True).content.decode()
        assert "no rotation begins by itself" in html
        assert "confirm that it has them" in html

    @pytest.mark.parametrize("days", ["1", "-3", "soon", "99999999"])
    def test_an_age_limit_that_is_none(
        self, rotator: Client, url: str, epic: KeySet, days: str
    ) -> None:
        assert "errorlist" in rotator.post(url, {"rotate_after_days": days}).content.decode()
        epic.refresh_from_db()
        assert epic.rotate_after_days == 90

    def test_is_for_who_may_rotate(self, viewer: Client, url: str) -> None:
        assert viewer.get(url).status_code == viewer.post(url).status_code == 403


class TestImport:
    @pytest.fixture
    def importer(self) -> Client:
        return administrator("view_keyset", "import_keyset")

    @pytest.fixture
    def url(self, epic: KeySet) -> str:
        return reverse("admin:keys_keyset_import", args=[epic.pk])

    def test_becomes_the_next_key(self, importer: Client, url: str, epic: KeySet) -> None:
        data = {"alg": "ES384", "private_key": pem(P384), "reason": "moved here"}
        html = importer.post(url, data, follow=True).content.decode()
        key = epic.signing_keys.get(alg="ES384", signs_from=None)
        assert f"ES384 {key.kid} is imported." in html
        assert AuditEvent.objects.latest("id").detail == {
            "alg": "ES384", "kid": key.kid, "reason": "moved here",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"private_key": pem(RSA2048)}, "needs an elliptic-curve key"),
            ({"private_key": pem(P384, "right"), "passphrase": "wrong"}, "passphrase again"),
            ({"private_key": ""}, "required"),
            ({"reason": ""}, "required"),
            ({"alg": "HS256"}, "not one of the available choices"),
            ({"alg": "RS384", "private_key": pem(RSA2048)}, "published already"),
        ],
    )
    def test_a_refusal_changes_nothing_and_shows_nothing(
        self, importer: Client, url: str, changes: dict[str, str], reason: str
    ) -> None:
        """T23: the page does not show what was typed."""
        before = list(SigningKey.objects.values())
        data = {"alg": "ES384", "private_key": pem(P384), "reason": "a test", **changes}
        html = importer.post(url, data).content.decode()
        assert reason in html
        assert list(SigningKey.objects.values()) == before
        for line in [*data["private_key"].split("\n")[1:-2], data.get("passphrase", "")]:
            assert not line or line not in html

    def test_leaves_the_private_half_in_no_row_and_no_log(self, importer: Client, url: str) -> None:
        """T23: neither the key nor its passphrase, encrypted or not."""
        with all_logs() as keeper:
            for text, passphrase in (
                (pem(P384, "right"), "wrong-one"),
                (pem(P384, "right"), "right"),
            ):
                data = {
                    "alg": "ES384", "private_key": text, "passphrase": passphrase,
                    "reason": "a test",
                }  # fmt: skip
                importer.post(url, data, follow=True)
        left = database_dump() + "\n".join(keeper.lines)
        assert len(private_numbers()) == 4
        for secret in [*private_numbers(), *text.split("\n")[1:-2], "wrong-one", pem(P384)[40:80]]:
            assert (secret in left) is False

    def test_is_for_who_may_import(self, rotator: Client, url: str) -> None:
        assert rotator.get(url).status_code == rotator.post(url).status_code == 403


class TestPicture:
    def test_is_drawn_without_style_or_script(self, viewer: Client, epic: KeySet) -> None:
        """The content security policy forbids both."""
        html = page(viewer, epic)
        assert html.count('<figure class="key-timeline">') == 2
        figure = html.split("<figure")[1].split("</figure>")[0]
        assert "style=" not in figure and "<script" not in figure
        assert 'class="signs planned"' in figure


def test_a_step_before_its_time_says_until_when_it_would_wait(epic: KeySet) -> None:
    """And its button has the colours of Django's own delete page."""
    now = timezone.now()
    key = lifecycle.TAKE[RotationStep.PUBLISH](epic, "ES384", now=now, actor="test")
    until = key.published_at + waits.before_signing(epic).span
    client = administrator("view_keyset", "rotate_keyset", "emergency_keyset")
    asked = client.get(step_url(epic, "ES384", RotationStep.SIGN)).content.decode()
    said = (
        f"The wait is not over: EHRs may still hold the old keys until {until:%Y-%m-%d %H:%M} UTC."
    )
    assert said in asked
    assert said in page(client, epic)
    assert "delete-confirmation" in asked
    harmless = client.get(step_url(epic, "ES384", RotationStep.ABANDON)).content.decode()
    assert "delete-confirmation" not in harmless
