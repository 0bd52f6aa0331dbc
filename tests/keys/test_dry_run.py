"""The dry run, against a public address that a test chooses."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from multidict import CIMultiDict, CIMultiDictProxy

from smartapp import http
from smartapp.keys import affected_launches, dry_run, key_creation, material, rotation
from smartapp.keys.models import KeySet
from smartapp.protocol import jwks
from smartapp.protocol.errors import EHRUnreachable

pytestmark = pytest.mark.django_db

Answer = Callable[[bytes, int], None]


@pytest.fixture
def now() -> datetime:
    return timezone.now() - timedelta(days=1)


@pytest.fixture
def epic(now: datetime) -> KeySet:
    return key_creation.create_key_set("epic", algs=["ES384"], now=now)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Set the response of the public address, also one changed by a proxy in front of us."""

    headers_of_json = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json"}))

    def answers(body: bytes, status: int = 200) -> None:
        async def get(url: str, headers: dict[str, str]) -> http.Response:
            assert headers == {"User-Agent": "this app itself"}
            assert url == "http://127.0.0.1:8000/.well-known/jwks/epic.json"
            return http.Response(status, headers_of_json, body)

        monkeypatch.setattr(http, "get", get)

    return answers


def document(key_set: KeySet) -> bytes:
    return jwks.jwks_document(key.public_jwk for key in key_set.signing_keys.all())


def run(key_set: KeySet) -> affected_launches.Outcome:
    [line] = rotation.of(key_set)
    return dry_run.rehearse(key_set, line)


def test_the_next_key_is_tried_before_it_signs(epic: KeySet, answer: Answer, now: datetime) -> None:
    new = key_creation.publish_next(epic, "ES384", now=now, actor="test")
    answer(document(epic), 200)
    outcome = run(epic)
    assert outcome.passed
    assert outcome.sentence.startswith(f"ES384 {new.kid} signed, and what http://127.0.0.1:8000/")


def test_without_a_next_key_the_signer_is_tried(epic: KeySet, answer: Answer) -> None:
    answer(document(epic), 200)
    assert epic.signing_keys.get().kid in run(epic).sentence


def test_a_cache_that_holds_an_older_copy_is_found(
    epic: KeySet, answer: Answer, now: datetime
) -> None:
    answer(document(epic), 200)
    key_creation.publish_next(epic, "ES384", now=now, actor="test")
    outcome = run(epic)
    assert not outcome.passed
    assert ". Something in front of this app holds an older copy" in outcome.sentence


def test_another_key_under_the_same_kid_is_found(epic: KeySet, answer: Answer) -> None:
    other = material.generate("ES384").public_jwk
    answer(json.dumps({"keys": [other | {"kid": epic.signing_keys.get().kid}]}).encode(), 200)
    assert "does not verify with http://127.0.0.1:8000/" in run(epic).sentence


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [(b"", 502, "answered 502."), (b"<html>", 200, "is no JWKS")],
)
def test_an_address_that_answers_something_else(
    epic: KeySet, answer: Answer, body: bytes, status: int, sentence: str
) -> None:
    answer(body, status)
    outcome = run(epic)
    assert not outcome.passed
    assert sentence in outcome.sentence


def test_an_address_that_is_not_reached(epic: KeySet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(url: str, headers: dict[str, str]) -> http.Response:
        raise EHRUnreachable("127.0.0.1:8000: ClientConnectorError")

    monkeypatch.setattr(http, "get", get)
    assert "was not reached from here" in run(epic).sentence


def test_a_private_half_that_does_not_open(epic: KeySet, answer: Answer) -> None:
    other = key_creation.create_key_set("other", algs=["ES384"], now=timezone.now())
    moved = other.signing_keys.get().sealed_private_key
    epic.signing_keys.update(sealed_private_key=moved)
    answer(document(epic), 200)
    assert "does not open" in run(epic).sentence


def test_the_command_fails_when_one_line_does(epic: KeySet, answer: Answer) -> None:
    output = StringIO()
    answer(document(epic), 200)
    call_command("rotate_keys", "epic", "--dry-run", stdout=output)
    assert "signed, and what" in output.getvalue()
    answer(b"", 404)
    with pytest.raises(CommandError, match=r"answered 404"):
        call_command("rotate_keys", "epic", "--dry-run", stdout=output)
