"""Mistakes of administrators on the admin pages: each is refused, says what to do, and changes
nothing."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smartapp.audit.models import AuditEvent
from smartapp.keys import key_creation, lifecycle, material, waits
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.rotation import RotationStep
from tests.keys.test_admin import step_url
from tests.keys.test_importing import P384, RSA1024, RSA2048, jwk, pem, public_pem

pytestmark = pytest.mark.django_db(transaction=True)

P256 = ec.generate_private_key(ec.SECP256R1())
AGO = timedelta(days=30)


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def epic() -> KeySet:
    """A key set whose RS384 key is to be withdrawn soon and whose ES384 key is the only one."""
    now = timezone.now() - AGO
    key_set = key_creation.create_key_set("epic", algs=["ES384", "RS384"], now=now)
    key_creation.publish_next(key_set, "RS384", now=now, actor="test")
    signs = timezone.now() - timedelta(minutes=30)
    lifecycle.start_signing(key_set, "RS384", now=signs, actor="test")
    return key_set


def everything() -> list[object]:
    events = AuditEvent.objects.filter(action__startswith="keys.").count()
    return [*SigningKey.objects.order_by("pk").values(), *KeySet.objects.values(), events]


def words(client: Client, url: str, data: dict[str, str]) -> str:
    return " ".join(client.post(url, data, follow=True).content.decode().split())


def known_key(key_set: KeySet) -> str:
    """Return, as a private JWK, a key that is in the set already."""
    row = key_set.signing_keys.get(alg="ES384")
    return json.dumps(material.open_private_key(row).as_dict(private=True))


IMPORTS = {
    "RSA below 2048 bits": ("RS384", pem(RSA1024), "", "fewer than 2048 are too weak"),
    "another curve": ("ES384", pem(P256), "", "needs a key on the curve P-384"),
    "an RSA key for ES384": ("ES384", pem(RSA2048), "", "choose an RSA algorithm"),
    "an EC key for RS384": ("RS384", pem(P384), "", "choose ES384 for one"),
    "a JWK for another alg": ("RS384", jwk(RSA2048, alg="RS256"), "", "another algorithm"),
    "a public half": ("ES384", public_pem(P384), "", "give the file with the private key"),
    "a public JWK": ("ES384", jwk(P384, d=None), "", "give the one that has a `d`"),
    "a wrong passphrase": ("ES384", pem(P384, "right"), "wrong", "try the passphrase again"),
    "no passphrase": ("ES384", pem(P384, "right"), "", "give its passphrase too"),
    "no key at all": ("ES384", "hello", "", "not one private key in PEM"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_is_refused(root: Client, epic: KeySet, name: str) -> None:
    alg, text, passphrase, what_to_do = IMPORTS[name]
    before = everything()
    data = {"alg": alg, "private_key": text, "passphrase": passphrase, "reason": "a test"}
    html = words(root, reverse("admin:keys_keyset_import", args=[epic.pk]), data)
    assert what_to_do.replace("'", "&#x27;") in html
    assert everything() == before


def test_a_key_that_is_or_was_in_a_key_set_is_not_imported(root: Client, epic: KeySet) -> None:
    url = reverse("admin:keys_keyset_import", args=[key_creation.create_key_set(
        "other", algs=["RS256"], now=timezone.now()
    ).pk])  # fmt: skip
    data = {"alg": "ES384", "private_key": known_key(epic), "reason": "a test"}
    before = everything()
    assert "no key is used twice: import another, or let one be made" in words(root, url, data)
    assert everything() == before


def test_a_sixth_key(root: Client) -> None:
    now = timezone.now() - AGO
    full = key_creation.create_key_set("full", algs=["ES384", "RS256", "RS384"], now=now)
    for alg in ("ES384", "RS256"):
        key_creation.publish_next(full, alg, now=now, actor="test")
    before = everything()
    html = words(root, step_url(full, "RS384", "publish"), {})
    assert "finish the rotation of another algorithm first" in html
    data = {"alg": "RS384", "private_key": pem(RSA2048), "reason": "a test"}
    html = words(root, reverse("admin:keys_keyset_import", args=[full.pk]), data)
    assert "finish the rotation of another algorithm first" in html
    assert everything() == before


@pytest.mark.parametrize("step", ["withdraw", "abandon"])
def test_withdrawal_of_the_only_signer(root: Client, epic: KeySet, step: str) -> None:
    before = everything()
    html = words(root, step_url(epic, "ES384", step), {"typed": "epic", "reason": "a test"})
    assert "publish the next one and let it sign first" in html or "is waiting to sign" in html
    assert everything() == before


@pytest.mark.parametrize(
    ("alg", "step"),
    [("ES384", "publish"), ("ES384", "emergency"), ("RS384", "withdraw"), ("RS384", "roll-back")],
)
def test_a_clock_set_back(
    root: Client, epic: KeySet, alg: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would write timestamps out of order, or cut a wait short."""
    before, then = everything(), timezone.now() - AGO - timedelta(days=1)
    monkeypatch.setattr("smartapp.keys.admin.timezone.now", lambda: then)
    html = words(root, step_url(epic, alg, step), {"typed": "epic", "reason": "a test"})
    assert "set it right, or wait" in html
    assert everything() == before


class TestTwoAdministratorsAtTheSameMoment:
    """Both have the page open and press the button at the same moment."""

    @pytest.fixture
    def clients(self) -> Iterator[list[Client]]:
        clients = [Client(), Client()]
        for number, client in enumerate(clients):
            client.force_login(User.objects.create_superuser(f"root-{number}"))
        yield clients

    def press(self, clients: list[Client], url: str, data: dict[str, str]) -> list[str]:
        """Return the messages that the two get."""
        pages = [" ".join(client.get(url).content.decode().split()) for client in clients]
        barrier, told = threading.Barrier(len(clients)), []

        def one(client: Client, page: str) -> None:
            seen = page.partition('name="while_signs" value="')[2].partition('"')[0]
            barrier.wait()
            try:
                told.append(words(client, url, {**data, "while_signs": seen}))
            finally:
                connection.close()

        threads = [
            threading.Thread(target=one, args=pair) for pair in zip(clients, pages, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return told

    @pytest.mark.parametrize(
        ("alg", "step", "done"),
        [
            ("ES384", "publish", "keys.publish"),
            ("RS384", "roll-back", "keys.roll_back"),
            ("ES384", "emergency", "keys.emergency"),
        ],
    )
    def test_one_does_it_and_the_other_is_told(
        self, clients: list[Client], epic: KeySet, alg: str, step: str, done: str
    ) -> None:
        data = {"typed": "epic", "reason": "a test"}
        told = self.press(clients, step_url(epic, alg, step), data)
        refused = [
            html
            for html in told
            if "somebody else was faster" in html or "is published already" in html
        ]
        assert len(refused) == 1
        assert AuditEvent.objects.filter(action=done).count() == (
            2 if done == "keys.publish" else 1
        )
        assert (
            epic.signing_keys.filter(alg=alg, signs_until=None).exclude(signs_from=None).count()
            == 1
        )

    def test_a_withdrawal_too(self, clients: list[Client], epic: KeySet) -> None:
        retired = epic.signing_keys.filter(alg="RS384", signs_until__isnull=False)
        long_ago = timezone.now() - waits.BEFORE_WITHDRAWAL - timedelta(minutes=1)
        with_terms = epic.signing_keys.get(alg="RS384", signs_until=None)
        retired.update(signs_until=long_ago)
        SigningKey.objects.filter(pk=with_terms.pk).update(signs_from=long_ago)
        told = self.press(clients, step_url(epic, "RS384", RotationStep.WITHDRAW), {})
        assert sum("has retired, so none can be withdrawn" in html for html in told) == 1
        assert sum("pressed the button twice, the first time counted" in html for html in told) == 1
        assert AuditEvent.objects.filter(action="keys.withdraw").count() == 1
