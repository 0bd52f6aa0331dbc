"""A registration signs with another algorithm only when its EHR can know the key (§3.5)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from smartapp.keys import automation, emergency, key_creation, lifecycle, material
from smartapp.keys.models import JWKSFetch, KeySet, SigningKey
from smartapp.keys.refusals import StepRefused
from smartapp.registrations import registering
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import asked_for
from smartapp.registrations.registering import Wanted
from tests.registrations.factories import BASE, NOW, make_endpoint
from tests.registrations.test_admin import errors, stored_form

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=30)
EPIC = timedelta(hours=29, minutes=10)
INSTANT = timedelta(microseconds=1)


def register(at: Any, **changes: Any) -> Endpoint:
    wanted = {"fhir_base_url": BASE, "name": "General", "client_id": "abc", "preset": "epic"}
    given = wanted | changes
    options = {name: given.pop(name) for name in asked_for() if name in given}
    return registering.register(Wanted(**given, options=options), now=at, actor="test")


def live() -> Registration:
    return Registration.objects.get(slug="general")


def keep_keys(at: datetime) -> None:
    """What `maintain` does."""
    automation.auto(KeySet.objects.all(), now=at, actor="test")


def public(alg: str) -> int:
    return SigningKey.objects.filter(key_set__slug="general", alg=alg, withdrawn_at=None).count()


@pytest.fixture
def epic() -> Registration:
    register(NOW)
    return live()


def test_it_is_refused_until_no_copy_without_the_key_is_left(epic: Registration) -> None:
    """The key is published by the refusal, so that its wait begins; another try does not begin it
    anew, and nothing else of the registration is changed. It signs by itself when that is over."""
    with pytest.raises(ValidationError, match="signs from 2026-12-02 17:10:00 UTC by itself"):
        register(LATER, alg="RS256", scope="launch openid")
    assert public("RS256") == 1
    keep_keys(LATER + EPIC - INSTANT)
    with pytest.raises(ValidationError, match="Save again then"):
        register(LATER + EPIC - INSTANT, alg="RS256", scope="launch openid")
    assert (live().alg, live().scope, public("RS256")) == ("RS384", epic.scope, 1)
    keep_keys(LATER + EPIC)
    register(LATER + EPIC, alg="RS256", scope="launch openid")
    assert (live().alg, public("RS256")) == ("RS256", 1)


def test_who_names_the_ehrs_at_risk_need_not_wait(epic: Registration) -> None:
    with pytest.raises(ValidationError):
        register(LATER, alg="RS256")
    with pytest.raises(StepRefused, match="General"):
        lifecycle.start_signing(epic.key_set, "RS256", now=LATER + INSTANT, actor="test")
    risk = {"typed": "General", "reason": "the vendor asked for it"}
    lifecycle.start_signing(epic.key_set, "RS256", now=LATER + INSTANT, actor="test", **risk)
    register(LATER + INSTANT, alg="RS256")
    assert live().alg == "RS256"


def test_a_key_that_replaced_another_at_once_is_waited_for_too(epic: Registration) -> None:
    """An emergency elsewhere in the set: its new key signs, and an older copy does not have it."""
    emergency.replace_at_once(
        epic.key_set, "ES384", now=LATER, actor="test", typed="General", reason="lost"
    )
    with pytest.raises(ValidationError, match="ES384 is possible from 2026-12-02 17:10:00 UTC"):
        register(LATER + INSTANT, alg="ES384")
    register(LATER + EPIC, alg="ES384")
    assert live().alg == "ES384"


def test_a_set_that_the_ehr_imported_waits_for_its_confirmation(epic: Registration) -> None:
    """§3.10: no time is long enough for an EHR that never asks again."""
    KeySet.objects.filter(pk=epic.key_set_id).update(imported_by_vendor=True)
    for at in (LATER, LATER + timedelta(days=60)):
        keep_keys(at)
        with pytest.raises(ValidationError, match="give it to that EHR, confirm that"):
            register(at, alg="RS256")
    key_set = KeySet.objects.get(slug="general")
    lifecycle.confirm(key_set, "RS256", now=LATER + timedelta(days=60), actor="test")
    keep_keys(LATER + timedelta(days=61))
    register(LATER + timedelta(days=61), alg="RS256")
    assert live().alg == "RS256"


def test_another_vendor_entered_first_does_not_make_it_shorter(epic: Registration) -> None:
    with pytest.raises(ValidationError):
        register(LATER, alg="RS256")
    register(LATER, preset="sandbox", alg="RS384")
    keep_keys(LATER + timedelta(hours=1))
    with pytest.raises(ValidationError, match="signs from 2026-12-02 17:10:00"):
        register(LATER + timedelta(hours=1), alg="RS256")


def test_an_algorithm_that_was_there_from_the_start_is_taken_at_once(epic: Registration) -> None:
    """The set was never public without it, however young it is."""
    register(NOW + timedelta(minutes=1), alg="ES384")
    assert live().alg == "ES384"


def test_a_new_registration_signs_at_once_with_a_set_that_others_use(epic: Registration) -> None:
    """Its EHR has never fetched that set, so a key that signs is enough. One that has to wait for
    the others is not."""
    emergency.replace_at_once(
        epic.key_set, "ES384", now=LATER, actor="test", typed="General", reason="lost"
    )
    second = {"name": "Second", "fhir_base_url": BASE + "/2", "key_set": "general"}
    with pytest.raises(ValidationError, match="signs from 2026-12-02 17:10:00"):
        register(LATER, **second, alg="RS256")
    assert not Registration.objects.filter(slug="second").exists()
    register(LATER, **second, alg="ES384")
    assert Registration.objects.get(slug="second").key_set == epic.key_set


@pytest.mark.parametrize(
    "away", [{"enabled": False}, {"auth_method": "client_secret_basic"}], ids=["off", "secret"]
)
def test_there_is_no_way_round_the_wait(epic: Registration, away: dict[str, Any]) -> None:
    """Switched off or signed in by a secret meanwhile: an older copy does not go away by that."""
    Registration.objects.filter(pk=epic.pk).update(**away)
    with pytest.raises(ValidationError, match="signs from 2026-12-02"):
        register(LATER, alg="RS256", auth_method="private_key_jwt")
    assert live().alg == "RS384"


def test_an_algorithm_that_was_chosen_while_a_secret_signed_in_is_held_to_the_wait(
    epic: Registration,
) -> None:
    register(LATER, alg="RS256", auth_method="client_secret_basic", client_secret="s" * 32)
    with pytest.raises(ValidationError, match="signs from 2026-12-02 18:00:00"):
        register(LATER + timedelta(hours=1), auth_method="private_key_jwt")
    keep_keys(LATER + timedelta(hours=31))
    register(LATER + timedelta(hours=31), auth_method="private_key_jwt")
    assert (live().alg, live().auth_method) == ("RS256", "private_key_jwt")


def test_one_without_a_client_id_changes_freely_until_somebody_fetches(epic: Registration) -> None:
    """No vendor knows it yet, so a vendor chosen by mistake costs nobody a day."""
    register(NOW, name="Fresh", fhir_base_url=BASE + "/3", client_id="")
    register(LATER, name="Fresh", fhir_base_url=BASE + "/3", client_id="", alg="RS256")
    fresh = Registration.objects.get(slug="fresh")
    assert fresh.alg == "RS256"
    JWKSFetch.objects.create(
        key_set=fresh.key_set, etag="x", kids=[], first_at=LATER, last_at=LATER, count=1
    )
    key_creation.publish_next(fresh.key_set, "ES384", now=LATER, actor="test")
    register(LATER, name="Fresh", fhir_base_url=BASE + "/3", client_id="", alg="RS384")
    with pytest.raises(ValidationError, match="RS256 is possible from"):
        register(LATER, name="Fresh", fhir_base_url=BASE + "/3", client_id="", alg="RS256")


def test_another_key_set_is_another_address(epic: Registration) -> None:
    key_creation.create_key_set("another", algs=["RS384"], now=NOW)
    register(LATER, alg="RS256", key_set="another")
    assert (live().alg, live().key_set.slug) == ("RS256", "another")


def test_a_set_without_room_says_so(epic: Registration) -> None:
    for alg in ("RS384", "ES384"):
        key_creation.publish_next(epic.key_set, alg, now=LATER, actor="test")
    filler = material.generate("RS256")
    key_creation.insert(
        KeySet.objects.get(slug="general"), filler, published_at=LATER, signs_from=LATER
    )
    SigningKey.objects.filter(kid=filler.kid).update(alg="ES256")  # a fifth key, of no use to it
    with pytest.raises(ValidationError, match="5 published keys"):
        register(LATER, alg="RS256")


def test_the_form_keeps_what_was_typed_and_publishes_the_key(admin_client: Client) -> None:
    endpoint = make_endpoint()
    key_creation.create_key_set("general", algs=["RS384", "ES384"], now=NOW)
    form = stored_form(endpoint.registration, alg="RS256", name="Typed")
    address = f"/admin/registrations/registration/{endpoint.registration_id}/change/"

    response = admin_client.post(address, form)

    assert "The key is public now and signs from" in errors(response)
    assert 'value="Typed"' in response.content.decode()
    assert (live().alg, live().name) == ("RS384", "General Hospital")
    assert public("RS256") == 1
    SigningKey.objects.filter(alg="RS256").update(
        published_at=NOW, known_from=NOW + timedelta(hours=30)
    )
    keep_keys(timezone.now())
    response = admin_client.post(address, form)
    assert response.status_code == 302, errors(response)
    assert (live().alg, live().name) == ("RS256", "Typed")
