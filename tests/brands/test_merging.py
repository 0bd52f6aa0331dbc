"""One health system in the lists of two vendors, and what only looks like one."""

from collections.abc import Callable
from typing import Any

import pytest

from smartapp.brands import search
from smartapp.brands.models import Brand
from smartapp.registrations.models import Endpoint, Registration
from tests.brands.conftest import Import
from tests.brands.lists import JSONObject, bundle, endpoint, organization

pytestmark = pytest.mark.django_db(transaction=True)

Both = Callable[[JSONObject, JSONObject], tuple[search.Hit, ...]]
HTTPS = {"system": "urn:ietf:rfc:3986", "value": "https://maple.example"}
OTHER = "https://fhir.second.example/r4"


def listed(identifier: JSONObject, address: str, **members: Any) -> JSONObject:
    one = organization("b", "Endpoint/e", identifier=[identifier], **members)
    return bundle(endpoint("e", address=address), one)


@pytest.fixture
def two(import_list: Import, registration: Registration) -> Both:
    """Import two lists: the first with these members, the second with those."""

    def both(first: JSONObject, second: JSONObject) -> tuple[search.Hit, ...]:
        import_list(first, "--registration", "vendor", name="one.json")
        import_list(second, "--registration", "vendor", name="two.json")
        Endpoint.objects.update(pinned_hosts=["fhir.maple.example"])
        return search.search("maple").hits

    return both


def first() -> JSONObject:
    return listed(HTTPS, "https://fhir.maple.example/r4")


def test_one_row_leads_to_the_addresses_of_both(two: Both) -> None:
    (hit,) = two(first(), listed(HTTPS, OTHER))

    assert [choice.label for choice in hit.choices] == ["fhir.maple.example", "fhir.second.example"]
    named = {int(choice.url.rpartition("=")[2]) for choice in hit.choices}
    assert named == set(Brand.objects.values_list("pk", flat=True)), "each as its own list's"


def test_an_address_that_both_have_is_offered_once(two: Both) -> None:
    (hit,) = two(first(), first())

    assert len(hit.choices) == 1


@pytest.mark.parametrize(
    "second",
    [
        listed({**HTTPS, "value": "https://other.example"}, OTHER),
        listed({"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}, OTHER),
        listed({"system": "http://hl7.org/fhir/sid/us-npi", "value": "0"}, OTHER),
        listed(HTTPS, OTHER, name="Maple Dental"),
        listed({"value": "https://maple.example"}, OTHER),
        bundle(
            endpoint("e", address=OTHER),
            organization("b", "Endpoint/e", identifier=[HTTPS]),
            organization("c", "Endpoint/e", identifier=[HTTPS], address=[{"city": "Salem"}]),
        ),
    ],
    ids=["another", "OID", "NPI", "another name", "no system", "shared within one list"],
)
def test_what_is_not_known_to_be_one_stays_apart(two: Both, second: JSONObject) -> None:
    shared = "us-npi" if "us-npi" in str(second) else ""
    identifier = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "0"} if shared else HTTPS
    hits = two(listed(identifier, "https://fhir.maple.example/r4"), second)

    assert len(hits) > 1
    assert all(len(hit.choices) == 1 for hit in hits)


def test_what_an_administrator_hid_does_not_come_back_through_another_list(two: Both) -> None:
    two(first(), listed(HTTPS, OTHER))
    Brand.objects.filter(brand_list__name="two.json").update(hidden=True)
    (hit,) = search.search("maple").hits

    assert len(hit.choices) == 1


def test_choices_of_one_name_show_their_addresses(
    import_list: Import, registration: Registration
) -> None:
    same_host = [endpoint(n, address=f"https://h.example/{n}", name="MyPortal") for n in "ab"]
    other = endpoint("c", address="https://other.example/r4", name="MyPortal")
    references = [f"Endpoint/{n}" for n in "abc"]
    import_list(
        bundle(*same_host, other, organization("b", *references)), "--registration", "vendor"
    )
    Endpoint.objects.update(pinned_hosts=["h.example"])
    (hit,) = search.search("maple").hits

    assert [choice.label for choice in hit.choices] == [
        "MyPortal (h.example/a)",
        "MyPortal (h.example/b)",
        "MyPortal (other.example)",
    ]


def test_rows_that_share_name_and_host_show_their_addresses(
    import_list: Import, registration: Registration
) -> None:
    import_list(
        bundle(
            endpoint("a", address="https://h.example/a"),
            endpoint("b", address="https://h.example/b"),
            organization("x", "Endpoint/a"),
            organization("y", "Endpoint/b"),
        )
    )

    assert {hit.told_apart_by for hit in search.search("maple").hits} == {
        "h.example/a",
        "h.example/b",
    }
