"""What a search lists, in which order, on both databases."""

import json
from pathlib import Path

import psycopg
import pytest

from smartapp.brands import search
from smartapp.brands.models import BrandAddress
from smartapp.registrations.models import Endpoint, Registration
from tests.brands.conftest import Import
from tests.brands.lists import BASE, JSONObject, address, bundle, endpoint, organization
from tests.processes import environment, manage, migrated_postgres_database
from tests.registrations.factories import make_endpoint

OTHER = "https://kids.maple.example/r4"


def document() -> JSONObject:
    waco = [address("Waco", "TX", "76701")]
    parent = {"reference": "Organization/b"}
    salem = [address("Salem", "OR", "97301"), address("Dover", "DE", "19901")]
    return bundle(
        endpoint(),
        endpoint("kids", address=OTHER),
        organization("a", name="Lake Maple"),
        organization("b", name="Maple Lake Clinic", address=waco),
        organization("c", name="Rowan Center", address=salem, partOf=parent),
        organization("d", "Endpoint/maple", "Endpoint/kids", name="Sorrel System"),
        organization("e", name="Twin", address=waco),
        organization("f", name="Twin", address=salem[:1]),
    )  # fmt: skip


QUERIES = {
    "map": ["Maple Lake Clinic", "Lake Maple", "Rowan Center"],
    "lake maple": ["Lake Maple", "Maple Lake Clinic", "Rowan Center"],
    "clin LAKE": ["Maple Lake Clinic", "Rowan Center"],
    "waco": ["Maple Lake Clinic", "Twin"],
    "texas": ["Maple Lake Clinic", "Twin"],
    "tx": ["Maple Lake Clinic", "Twin"],
    "767": ["Maple Lake Clinic", "Twin"],
    "19901": ["Rowan Center"],
    "rowan delaware": ["Rowan Center"],
    "rowan texas": [],
    "twin salem": ["Twin"],
    "'; --": [],
    "map:* | x": [],
    "": [],
}


@pytest.mark.django_db(transaction=True)
class TestOnSQLite:
    @pytest.fixture(autouse=True)
    def imported(self, import_list: Import, registration: Registration) -> None:
        import_list(document(), "--registration", "vendor")
        Endpoint.objects.update(pinned_hosts=["fhir.maple.example"])

    @pytest.mark.parametrize("query", QUERIES)
    def test_brands_are_found_best_first(self, query: str) -> None:
        assert [hit.name for hit in search.search(query).hits] == QUERIES[query]

    def test_a_row_says_where_and_of_whom(self) -> None:
        hit = search.search("rowan").hits[0]
        assert (hit.place, hit.more_places, hit.part_of) == ("Salem, OR", 1, "Maple Lake Clinic")

    def test_equal_names_are_told_apart_by_their_city(self) -> None:
        assert {hit.place for hit in search.search("twin").hits} == {"Waco, TX", "Salem, OR"}

    def test_several_addresses_are_a_choice_by_host(self) -> None:
        labels = [choice.label for choice in search.search("sorrel").hits[0].choices]
        assert labels == ["fhir.maple.example", "kids.maple.example"]

    def test_addresses_of_one_host_are_a_choice_by_their_paths(self, import_list: Import) -> None:
        north, south = "https://fhir.maple.example/north", "https://fhir.maple.example/south"
        import_list(
            bundle(endpoint("n", address=north), endpoint("s", address=south),
                   organization("t", "Endpoint/n", "Endpoint/s", name="Tansy")),
            "--registration", "vendor", name="more.json",
        )  # fmt: skip
        Endpoint.objects.update(pinned_hosts=["fhir.maple.example"])
        labels = [choice.label for choice in search.search("tansy").hits[0].choices]
        assert labels == ["fhir.maple.example/north", "fhir.maple.example/south"]

    def test_what_was_found_dead_is_not_offered(self) -> None:
        BrandAddress.objects.filter(lookup=BASE).update(
            problem="ehr-unreachable", checked_at="2026-11-01T00:00Z"
        )
        found = search.search("lake").hits
        assert {hit.note for hit in found} == {search.NOT_REACHABLE}
        assert [c.label for c in search.search("sorrel").hits[0].choices] == ["kids.maple.example"]

    def test_an_own_endpoint_of_the_same_name_is_told_apart(
        self, registration: Registration
    ) -> None:
        base = "https://fhir.rowan.example/r4"
        make_endpoint("own", registration=registration, fhir_base_url=base, name="Lake Maple")
        assert [hit.told_apart_by for hit in search.search("lake map").hits][:2] == [
            "",
            "The vendor",
        ]

    def test_few_are_listed_at_once_and_many_only_when_asked(self, import_list: Import) -> None:
        everything = search.everything()
        assert everything is not None
        assert len(everything.hits) == 6
        many = [organization(f"n{n}", name=f"Maple {n}") for n in range(30)]
        import_list(bundle(endpoint(), *many), "--registration", "vendor", name="more.json")
        assert search.everything() is None
        found = search.search("maple")
        assert (len(found.hits), found.has_more) == (20, True)


@pytest.mark.postgres
def test_postgresql_finds_the_same(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps(document()))
    ask = (
        "from smartapp.brands import search; import json; print(json.dumps("
        f"{{q: [h.name for h in search.search(q).hits] for q in {list(QUERIES)!r}}}))"
    )
    with migrated_postgres_database() as url:
        env = environment("http://127.0.0.1:1", url)
        manage(env, "import_brands", str(tmp_path / "list.json"))
        assert json.loads(manage(env, "shell", "--no-imports", "-c", ask)) == QUERIES
        # Its plans and indexes are good from the first search on, not from the next vacuum.
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT relname, reltuples, reloptions FROM pg_class WHERE relname LIKE 'brands_%'"
            )
            found = {name: (int(tuples), options) for name, tuples, options in rows}
        for table in ("brands_brand", "brands_brandendpoint", "brands_brandaddress"):
            assert found[table][0] > 0  # counted
        for index in ("brands_brand_name_words", "brands_brand_all_words"):
            assert found[index][1] == ["fastupdate=off"]
