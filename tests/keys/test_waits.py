"""The EHR that keeps its copy longest decides how long a new key waits."""

from datetime import timedelta

import pytest

from smartapp.keys import key_creation, lifecycle, waits
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.refusals import StepRefused
from smartapp.keys.rotation import RotationStep
from smartapp.registrations.models import Registration
from smartapp.registrations.presets import PRESETS, quirks
from tests.registrations.factories import NOW, make_registration

pytestmark = pytest.mark.django_db

OBEYS = timedelta(minutes=15)
EPIC = timedelta(hours=29, minutes=10)
UNKNOWN = timedelta(hours=30)


@pytest.fixture
def key_set() -> KeySet:
    return key_creation.create_key_set("shared", algs=["ES384"], now=NOW)


def at_vendor(key_set: KeySet, preset: str, **fields: object) -> None:
    make_registration(
        preset or "other",
        name=f"The {preset or 'other'} EHR",
        key_set=key_set,
        preset=preset,
        jwks_cache_seconds=quirks(PRESETS[preset])["jwks_cache_seconds"],
        **fields,
    )


@pytest.mark.parametrize(
    ("presets", "wait"),
    [
        ([], UNKNOWN),
        (["sandbox"], OBEYS),
        (["epic"], EPIC),
        (["athenahealth-preview"], UNKNOWN),
        ([""], UNKNOWN),
        (["sandbox", "epic"], EPIC),
        (["epic", "oracle", "sandbox"], UNKNOWN),
    ],
)
def test_the_longest_copy_decides(key_set: KeySet, presets: list[str], wait: timedelta) -> None:
    """Our max-age, the vendor's maximum, or 30 hours if it is unknown."""
    for preset in presets:
        at_vendor(key_set, preset)
    key = key_creation.publish_next(key_set, "ES384", now=NOW, actor="test")
    for too_early in (timedelta(0), wait - timedelta(microseconds=1)):
        with pytest.raises(StepRefused):
            lifecycle.start_signing(key_set, "ES384", now=NOW + too_early, actor="test")
    key.refresh_from_db()
    assert key.signs_from is None
    lifecycle.start_signing(key_set, "ES384", now=NOW + wait, actor="test")
    key.refresh_from_db()
    assert key.signs_from == NOW + wait


def test_an_ehr_that_comes_during_the_wait_makes_it_longer(key_set: KeySet) -> None:
    """The EHR may have been given the address before it was registered here."""
    at_vendor(key_set, "sandbox")
    key_creation.publish_next(key_set, "ES384", now=NOW, actor="test")
    at_vendor(key_set, "epic")
    with pytest.raises(StepRefused, match="The epic EHR may hold our keys for 29 hours"):
        lifecycle.TAKE[RotationStep.SIGN](key_set, "ES384", now=NOW + OBEYS, actor="test")


def test_one_that_is_switched_off_counts_and_one_that_does_not_sign_does_not(
    key_set: KeySet,
) -> None:
    at_vendor(key_set, "sandbox")
    at_vendor(key_set, "oracle", auth_method="client_secret_basic")
    assert waits.before_signing(key_set).span == OBEYS
    at_vendor(key_set, "epic", enabled=False)
    assert waits.before_signing(key_set).span == EPIC


def test_the_reason_names_each_ehr(key_set: KeySet) -> None:
    for preset in ("sandbox", "epic", "oracle"):
        at_vendor(key_set, preset)
    assert waits.before_signing(key_set).why == (
        "The epic EHR may hold our keys for 29 hours, whatever this app asks. "
        "How long The oracle EHR holds our keys is not known, so 30 hours. "
        "The sandbox EHR may hold our keys for 5 minutes, as this app asks."
    )


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(hours=29, minutes=10), "29 hours and 10 minutes"),
        (timedelta(hours=1), "an hour"),
        (timedelta(minutes=1), "a minute"),
        (timedelta(0), "0 minutes"),
    ],
)
def test_spans_are_said_as_people_do(span: timedelta, words: str) -> None:
    assert waits.in_words(span) == words


def test_no_edit_of_a_registration_makes_a_wait_shorter_that_has_begun(key_set: KeySet) -> None:
    """The EHR's copy is as old as it is, whichever vendor is entered afterwards; and the right to
    edit registrations is not the right to cut a wait short."""
    at_vendor(key_set, "sandbox")
    at_vendor(key_set, "epic")
    key_creation.publish_next(key_set, "ES384", now=NOW, actor="test")
    for change in (
        {"jwks_cache_seconds": quirks(PRESETS["sandbox"])["jwks_cache_seconds"]},
        {"auth_method": "client_secret_basic"},
        {"key_set": KeySet.objects.create(slug="another", created_at=NOW)},
    ):
        Registration.objects.filter(slug="epic").update(**change)
        with pytest.raises(StepRefused, match=r"not become shorter.*from 2026-11-02 17:10:00"):
            early = NOW + EPIC - timedelta(microseconds=1)
            lifecycle.start_signing(key_set, "ES384", now=early, actor="test")
        Registration.objects.filter(slug="epic").update(
            jwks_cache_seconds=quirks(PRESETS["epic"])["jwks_cache_seconds"],
            auth_method="private_key_jwt",
            key_set=key_set,
        )
    lifecycle.start_signing(key_set, "ES384", now=NOW + EPIC, actor="test")


def test_a_key_that_waited_before_that_was_kept_has_the_present_wait(key_set: KeySet) -> None:
    at_vendor(key_set, "sandbox")
    key = key_creation.publish_next(key_set, "ES384", now=NOW, actor="test")
    SigningKey.objects.filter(pk=key.pk).update(known_from=None)
    with pytest.raises(StepRefused):
        early = NOW + OBEYS - timedelta(microseconds=1)
        lifecycle.start_signing(key_set, "ES384", now=early, actor="test")
    lifecycle.start_signing(key_set, "ES384", now=NOW + OBEYS, actor="test")
