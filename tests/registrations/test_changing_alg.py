"""A live registration gets another algorithm only when its EHR can know the key (§3.5)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from smartapp.keys import births, material
from smartapp.keys.models import KeySet, SigningKey
from smartapp.registrations import registering
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.registering import Wanted
from tests.registrations.factories import BASE, NOW, make_endpoint
from tests.registrations.test_admin import errors, stored_form

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=30)
EPIC = timedelta(hours=29, minutes=10)
INSTANT = timedelta(microseconds=1)


def register(at: Any, **changes: Any) -> Endpoint:
    wanted = {"fhir_base_url": BASE, "name": "General", "client_id": "abc", "preset": "epic"}
    return registering.register(Wanted(**wanted | changes), now=at, actor="test")


def live() -> Registration:
    return Registration.objects.get(slug="general")


def public(alg: str) -> int:
    return SigningKey.objects.filter(key_set__slug="general", alg=alg, withdrawn_at=None).count()


@pytest.fixture
def epic() -> Registration:
    register(NOW)
    return live()


def test_it_is_refused_until_no_copy_without_the_key_is_left(epic: Registration) -> None:
    """The key is published by the refusal, so that its wait begins; another try does not begin it
    anew, and nothing else of the registration is changed."""
    with pytest.raises(ValidationError, match="RS256 is possible from 2026-12-02 17:10:00 UTC"):
        register(LATER, alg="RS256", scope="launch openid")
    assert public("RS256") == 1
    with pytest.raises(ValidationError, match="Keep RS384 until then"):
        register(LATER + EPIC - INSTANT, alg="RS256", scope="launch openid")
    assert (live().alg, live().scope, public("RS256")) == ("RS384", epic.scope, 1)
    register(LATER + EPIC, alg="RS256", scope="launch openid")
    assert (live().alg, public("RS256")) == ("RS256", 1)


def test_another_vendor_entered_first_does_not_make_it_shorter(epic: Registration) -> None:
    with pytest.raises(ValidationError):
        register(LATER, alg="RS256")
    register(LATER, preset="sandbox", alg="RS384")
    with pytest.raises(ValidationError, match="possible from 2026-12-02 17:10:00"):
        register(LATER + timedelta(hours=1), alg="RS256")


def test_an_algorithm_that_was_there_from_the_start_is_taken_at_once(epic: Registration) -> None:
    """The set was never public without it, however young it is."""
    register(NOW + timedelta(minutes=1), alg="ES384")
    assert live().alg == "ES384"


def test_a_new_registration_signs_at_once_also_with_a_set_that_others_use(
    epic: Registration,
) -> None:
    """Its EHR has never fetched that set."""
    register(LATER, name="Second", fhir_base_url=BASE + "/2", key_set="general", alg="RS256")
    second = Registration.objects.get(slug="second")
    assert (second.alg, second.key_set) == ("RS256", epic.key_set)
    with pytest.raises(ValidationError):  # but the first one's EHR may hold a copy without it
        register(LATER + INSTANT, alg="RS256")


@pytest.mark.parametrize("fields", [{"enabled": False}, {"auth_method": "client_secret_basic"}])
def test_one_that_does_not_sign_in_with_keys_now_may_change(
    epic: Registration, fields: dict[str, Any]
) -> None:
    Registration.objects.filter(pk=epic.pk).update(**fields)
    register(LATER, alg="RS256", client_secret="s" * 32)
    assert live().alg == "RS256"


def test_another_key_set_is_another_address(epic: Registration) -> None:
    births.create_key_set("another", algs=["RS384"], now=NOW)
    register(LATER, alg="RS256", key_set="another")
    assert (live().alg, live().key_set.slug) == ("RS256", "another")


def test_a_set_without_room_says_so(epic: Registration) -> None:
    for alg in ("RS384", "ES384"):
        births.publish_next(epic.key_set, alg, now=LATER, actor="test")
    filler = material.generate("RS256")
    births.insert(KeySet.objects.get(slug="general"), filler, published_at=LATER, signs_from=LATER)
    SigningKey.objects.filter(kid=filler.kid).update(alg="ES256")  # a fifth key, of no use to it
    with pytest.raises(ValidationError, match="5 published keys"):
        register(LATER, alg="RS256")


def test_the_form_keeps_what_was_typed_and_publishes_the_key(admin_client: Client) -> None:
    endpoint = make_endpoint()
    births.create_key_set("general", algs=["RS384", "ES384"], now=NOW)
    form = stored_form(endpoint.registration, alg="RS256", name="Typed")
    address = f"/admin/registrations/registration/{endpoint.registration_id}/change/"

    response = admin_client.post(address, form)

    assert "RS256 is possible from" in errors(response)
    assert 'value="Typed"' in response.content.decode()
    assert (live().alg, live().name) == ("RS384", "General Hospital")
    assert public("RS256") == 1
    SigningKey.objects.filter(alg="RS256").update(
        published_at=NOW + INSTANT, signs_from=NOW + INSTANT, known_from=NOW + timedelta(hours=30)
    )
    response = admin_client.post(address, form)
    assert response.status_code == 302, errors(response)
    assert (live().alg, live().name) == ("RS256", "Typed")
