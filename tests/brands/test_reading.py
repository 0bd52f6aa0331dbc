"""Every shape in which vendors publish brands and endpoints, and every trap in them."""

import json
from datetime import date
from io import BytesIO
from typing import Any

import pytest

from smartapp.brands.parsed import Place
from smartapp.brands.reading import NotAList, Pages
from tests.brands.lists import BASE, JSONObject, address, bundle, endpoint, organization, read

FHIR_VERSION = "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version"
PORTAL = "http://hl7.org/fhir/StructureDefinition/organization-portal"
BRAND = "http://hl7.org/fhir/StructureDefinition/organization-brand"


def names(parsed: object) -> list[str]:
    return [one.name for one in parsed.brands]  # type: ignore[attr-defined]


class TestReferences:
    @pytest.mark.parametrize(
        ("full_url", "reference"),
        [
            ("https://list.example/Endpoint/maple", "https://list.example/Endpoint/maple"),
            ("urn:uuid:5f0c9f66-0000-4000-8000-000000000001",
             "urn:uuid:5f0c9f66-0000-4000-8000-000000000001"),
            ("urn:uuid:5f0c9f66-0000-4000-8000-000000000001", "Endpoint/maple"),
            ("https://other.example/Endpoint/maple", "https://other.example/Endpoint/maple"),
            ("https://list.example/Endpoint/maple", "Endpoint/maple"),
            ("https://list.example/Endpoint/maple", "https://other.example/fhir/Endpoint/maple"),
            ("https://list.example/Endpoint/maple", "Endpoint/maple/_history/2"),
            ("urn:uuid:5F0C9F66-0000-4000-8000-000000000001",
             "urn:uuid:5f0c9f66-0000-4000-8000-000000000001"),
        ],
    )  # fmt: skip
    def test_each_form_leads_to_the_endpoint(self, full_url: str, reference: str) -> None:
        parsed = read(bundle(organization("b", reference), endpoint() | {"fullUrl": full_url}))
        assert [one.addresses[0].url for one in parsed.brands] == [BASE]

    @pytest.mark.parametrize("address", ["https://[server]/Endpoint/1", "https://[", "//[x]"])
    def test_one_that_is_no_url_harms_no_other_brand(self, address: str) -> None:
        stray = organization("b", address, name="Stray", partOf={"reference": address})
        parsed = read(bundle(stray | {"fullUrl": address}, organization(), endpoint()))
        assert names(parsed) == ["Maple Health"]

    def test_one_that_leads_nowhere_is_counted(self) -> None:
        parsed = read(bundle(organization("b", "Endpoint/gone", "Endpoint/maple"), endpoint()))
        assert names(parsed) == ["Maple Health"]
        assert parsed.notes == ["1 reference in `endpoint` leads to nothing in this list."]

    @pytest.mark.parametrize(
        "manager",
        [
            {"reference": "#own"}, {"reference": "own"}, {"id": "#own"}, {"id": "own"},
            {"reference": "e/AbC="},
        ],
    )  # fmt: skip
    def test_a_contained_organisation_is_the_brand(self, manager: dict[str, str]) -> None:
        identity = manager.get("reference", "own").removeprefix("#")
        contained = {"resourceType": "Organization", "id": identity, "name": "Elder Clinic"}
        parsed = read(bundle(endpoint(contained=[contained], managingOrganization=manager)))
        assert names(parsed) == ["Elder Clinic"]

    def test_a_manager_by_display_alone_is_the_brand(self) -> None:
        parsed = read(bundle(endpoint(managingOrganization={"display": "TX - Elder Clinic"})))
        assert names(parsed) == ["Elder Clinic"]
        assert parsed.brands[0].places == (Place(state="TX"),)

    @pytest.mark.parametrize("endpoint_first", [True, False])
    def test_the_name_of_an_endpoint_that_an_organisation_has_is_no_brand(
        self, endpoint_first: bool
    ) -> None:
        entries = [organization("b"), endpoint(name="R4 endpoint of Maple")]
        parsed = read(bundle(*(reversed(entries) if endpoint_first else entries)))
        assert names(parsed) == ["Maple Health"]
        assert not parsed.skipped

    def test_an_endpoint_that_is_contained_and_not_referred_to_is_its_own_too(self) -> None:
        own = endpoint("e")["resource"]
        parsed = read(bundle(organization("b", endpoint=[], contained=[own])))
        assert [one.addresses[0].url for one in parsed.brands] == [BASE]
        assert not parsed.skipped

    def test_a_reference_of_the_id_alone_is_followed(self) -> None:
        assert names(read(bundle(organization("b", "maple"), endpoint()))) == ["Maple Health"]

    def test_of_two_with_the_same_id_the_one_below_the_same_base_is_meant(self) -> None:
        """Another hospital's could be the other."""
        other = endpoint(address=f"{BASE}/other") | {"fullUrl": "https://b.example/Endpoint/maple"}
        for entries in ((endpoint(), other), (other, endpoint())):
            (brand,) = read(bundle(organization("b"), *entries)).brands
            assert [one.url for one in brand.addresses] == [BASE]

    def test_of_two_with_the_same_id_and_no_base_none_is_meant(self) -> None:
        entries = [endpoint(), endpoint(address=f"{BASE}/other"), organization("b")]
        parsed = read(bundle(*({"resource": one["resource"]} for one in entries)))
        assert parsed.brands == []
        assert parsed.notes == ["1 reference in `endpoint` leads to nothing in this list."]

    def test_of_two_parents_that_differ_in_what_they_contain_none_is_meant(self) -> None:
        """Both have the id, the name and the reference "#e", and each another endpoint."""
        contained = [[endpoint("e", address=f"{BASE}/{one}")["resource"]] for one in "ab"]
        parents = [organization("top", "#e", name="Top", contained=one) for one in contained]
        facility = organization("b", endpoint=[], partOf={"reference": "Organization/top"})
        parsed = read(bundle(*({"resource": one["resource"]} for one in (*parents, facility))))
        assert names(parsed) == ["Top", "Top"]

    def test_of_two_parents_of_other_bases_none_is_meant(self) -> None:
        """The same references mean another endpoint at each."""
        entries: list[JSONObject] = []
        for base in ("https://a.example", "https://b.example"):
            entries += [
                organization("top", name="Top") | {"fullUrl": f"{base}/Organization/top"},
                endpoint(address=f"{base}/r4") | {"fullUrl": f"{base}/Endpoint/maple"},
            ]
        facility = organization("b", endpoint=[], partOf={"reference": "Organization/top"})
        assert names(read(bundle(*entries, facility))) == ["Top", "Top"]

    def test_what_is_there_twice_is_there_once(self) -> None:
        entries = [endpoint(), endpoint(), organization("b")]
        parsed = read(bundle(*({"resource": one["resource"]} for one in entries)))
        assert names(parsed) == ["Maple Health"]

    @pytest.mark.parametrize("reference", ["#e", "e"])
    def test_an_endpoint_that_is_contained_in_the_organisation_is_its_own(
        self, reference: str
    ) -> None:
        """And it is no other organisation's, which may contain one with the same id."""

        def brand(name: str) -> JSONObject:
            one = {"resourceType": "Endpoint", "id": "e", "status": "active",
                   "address": f"{BASE}/{name}"}  # fmt: skip
            references = [{"reference": reference}]
            return organization(name, name=name, contained=[one], endpoint=references)

        parsed = read(bundle(brand("maple"), brand("elder")))
        assert {one.name: one.addresses[0].url for one in parsed.brands} == {
            "maple": f"{BASE}/maple", "elder": f"{BASE}/elder",
        }  # fmt: skip
        assert not (parsed.skipped or parsed.notes)

    def test_the_name_of_an_endpoint_that_nobody_has_is_the_brand(self) -> None:
        parsed = read(bundle(organization("b", endpoint=[]), endpoint(name="Elder Clinic")))
        assert names(parsed) == ["Elder Clinic"]

    def test_each_of_several_organisations_that_an_endpoint_names_is_a_brand(self) -> None:
        managers = [{"reference": "Organization/b"}, {"reference": "Organization/c"}]
        north = organization("b", endpoint=[], name="Maple North")
        south = organization("c", endpoint=[], name="Maple South")
        parsed = read(bundle(north, south, endpoint(managingOrganization=managers)))
        assert names(parsed) == ["Maple North", "Maple South"]

    @pytest.mark.parametrize(
        ("manager", "name"),
        [({"display": "Elder Clinic"}, "FHIR R4"), ({}, "Elder Clinic")],
    )
    def test_an_organisation_that_the_list_lacks_is_known_by_its_name(
        self, manager: JSONObject, name: str
    ) -> None:
        manager = {"reference": "Organization/elsewhere"} | manager
        parsed = read(bundle(endpoint(name=name, managingOrganization=manager)))
        assert names(parsed) == ["Elder Clinic"]
        assert "`managingOrganization`" in parsed.notes[0]

    def test_an_organisation_that_the_endpoint_names_is_the_brand(self) -> None:
        manager = {"reference": "Organization/b"}
        parsed = read(
            bundle(organization("b", endpoint=[]), endpoint(managingOrganization=manager))
        )
        assert names(parsed) == ["Maple Health"]


class TestParents:
    def child(self, **members: Any) -> JSONObject:
        return organization("child", name="Maple Eye Clinic", endpoint=[], **members)

    def test_a_facility_takes_its_ancestors_address(self) -> None:
        parent = {"reference": "Organization/middle"}
        middle = organization(
            "middle", name="Maple North", endpoint=[], partOf={"reference": "Organization/top"}
        )
        parsed = read(bundle(self.child(partOf=parent), middle, organization("top"), endpoint()))
        child = next(one for one in parsed.brands if one.name == "Maple Eye Clinic")
        assert (child.part_of, child.addresses[0].url) == ("Maple North", BASE)

    def test_a_parent_outside_of_the_list_is_named_as_there(self) -> None:
        parent = {"reference": "Organization/nowhere", "display": "Maple Group"}
        (brand,) = read(bundle(organization("b", partOf=parent), endpoint())).brands
        assert brand.part_of == "Maple Group"

    def test_an_unknown_parent_is_no_error(self) -> None:
        stray = organization("b", partOf={"reference": "Organization/nowhere"})
        parsed = read(bundle(stray, endpoint()))
        assert names(parsed) == ["Maple Health"]
        assert "`partOf`" in parsed.notes[0]

    def test_a_loop_ends(self) -> None:
        one = organization("one", endpoint=[], partOf={"reference": "Organization/two"})
        two = organization("two", endpoint=[], partOf={"reference": "Organization/one"})
        parsed = read(bundle(one, two))
        assert parsed.skipped == {"a brand without an address that can be used": 2}


class TestAddresses:
    @pytest.mark.parametrize(
        ("published", "reason"),
        [
            ("https://https://live.maple.example:443/r4", "two addresses in one"),
            ("http://fhir.maple.example/r4", "http, not https"),
            ("HTTP://MAPLE/FHIR", "http, not https"),
            ("https://192.168.4.2/fhir", "a name or number inside somebody's network"),
            ("https://localhost/r4", "a name or number inside somebody's network"),
            ("https://EHRSERVER/r4", "a name or number inside somebody's network"),
            ("https://ehr.corp/r4", "a name or number inside somebody's network"),
            ("fhir/r4", "not a whole address"),
            ("fhir.maple.example/r4", "not a whole address"),
            ("https://fhir.maple.example:port/r4", "not a whole address"),
            ("ftp://fhir.maple.example/r4", "not a whole address"),
            ("https://maple.example/{practice}/r4",
             "a placeholder in place of the organization's own value"),
            ("https://maple.example\t/r4", "blanks or other characters that no URL has"),
            (f"{BASE}?tenant=1", "a query or fragment, which a FHIR base URL cannot have"),
            (f"{BASE}#x", "a query or fragment, which a FHIR base URL cannot have"),
            ("https://fhir.maple.example/DSTU2/x", "FHIR DSTU2, this app reads R4"),
            ("https://fhir.maple.example/stu3/", "FHIR STU3, this app reads R4"),
            ("https://fhir.maple.example:/r4", "a colon without a port"),
            (f"{BASE}/.well-known/smart-configuration",
             "the address of a SMART configuration, not a base URL"),
            (f"{BASE}/metadata", "the address of a CapabilityStatement, not a base URL"),
            ("https://fhir.maple.example/[tenant]/r4",
             "a placeholder in place of the organization's own value"),
            (f"{BASE},https://fhir.oak.example/r4", "two addresses in one"),
            ("https://fhir.maple.example//r4", "a path that begins with two slashes"),
            ("https://maple.example/docs/api.html", "a page for people, not a base URL"),
            ("", "no address"),
            (None, "no address"),
            (7, "no address"),
        ],
    )  # fmt: skip
    def test_what_no_launch_can_go_to_is_skipped_with_its_reason(
        self, published: object, reason: str
    ) -> None:
        parsed = read(
            bundle(organization("b", "Endpoint/maple", "Endpoint/bad"), endpoint(),
                   endpoint("bad", address=published))
        )  # fmt: skip
        assert parsed.skipped == {reason: 1}
        assert [one.url for one in parsed.brands[0].addresses] == [BASE]

    @pytest.mark.parametrize(
        ("version", "is_read"),
        [
            ("4.0.1", True),
            ("R4", True),
            ("v4.0", True),
            ("FHIR R4", True),
            ("5.0.0", False),
            ("R5", False),
            ("FHIR DSTU2", False),
        ],
    )
    def test_the_version_that_is_said_decides(self, version: str, *, is_read: bool) -> None:
        said = [{"url": FHIR_VERSION, "valueCode": version}]
        parsed = read(bundle(organization(), endpoint(extension=said)))
        assert bool(parsed.brands) is is_read

    @pytest.mark.parametrize("value", ["valueCode", "valueString"])
    @pytest.mark.parametrize("base", ["http://fhir.org/argonaut", "http://hl7.org/fhir/uv/pab"])
    def test_the_extensions_of_the_drafts_are_read(self, base: str, value: str) -> None:
        def said(version: str) -> list[JSONObject]:
            return [{"url": f"{base}/StructureDefinition/endpoint-fhir-version", value: version}]

        parsed = read(
            bundle(organization("b", "Endpoint/maple", "Endpoint/old"),
                   endpoint(extension=said("4.0.1")), endpoint("old", extension=said("1.0.2")))
        )  # fmt: skip
        assert parsed.skipped == {"FHIR 1.0.2, this app reads R4": 1}
        assert len(parsed.brands) == 1

    def test_one_address_twice_is_one(self) -> None:
        twin = endpoint("twin", address="https://FHIR.maple.example:443/r4/")
        parsed = read(
            bundle(organization("b", "Endpoint/maple", "Endpoint/twin"), endpoint(), twin)
        )
        assert [one.url for one in parsed.brands[0].addresses] == [BASE]

    @pytest.mark.parametrize(
        ("members", "reason"),
        [
            ({"status": "off"}, "the list says that its status is off"),
            ({"status": "OFF"}, "the list says that its status is off"),
            ({"period": {"start": "2019-01-01", "end": "2026-11-29T00:00:00Z"}},
             "the list says that its period ended: 2026-11-29"),
            ({"period": {"end": "2020"}}, "the list says that its period ended: 2020"),
            ({"header": ["X-TENANT: 7"]},
             "wants a request header of its own, which a launch cannot send"),
            ({"extension": [{"url": "https://v.example/endpoint-environment",
                             "valueString": "test"}]},
             "the list says that it is for tests"),
        ],
    )  # fmt: skip
    def test_an_endpoint_that_is_not_for_patients_is_skipped(
        self, members: JSONObject, reason: str
    ) -> None:
        parsed = read(bundle(organization(), endpoint(**members)))
        assert parsed.skipped[reason] == 1
        assert parsed.brands == []

    @pytest.mark.parametrize(
        "members",
        [{"connectionType": {"code": "direct-project"}}, {"payloadType": [{"text": "NA"}]}],
    )
    def test_what_decides_nothing_is_not_looked_at(self, members: JSONObject) -> None:
        """Nor `active`, where a list says of no brand that it is."""
        parsed = read(bundle(organization("b", active=False), endpoint(**members)))
        assert names(parsed) == ["Maple Health"]

    def test_a_brand_that_is_no_longer_in_use_is_skipped_where_others_are(self) -> None:
        """FHIR R4: `active` is a modifier. What belongs to it has its endpoints all the same."""
        parsed = read(
            bundle(
                organization("old", name="Old Health", active=False),
                organization("kids", name="Kids", partOf={"reference": "Organization/old"},
                             endpoint=[]),
                endpoint(),
            )
        )  # fmt: skip
        assert names(parsed) == ["Kids"]
        assert parsed.skipped == {"the list says that it is no longer in use": 1}

    @pytest.mark.parametrize(
        "period",
        [{"start": "2019-01-01"}, {"end": "2026-11-30"}, {"end": "2026"}, {"end": "May 2020"}, 7],
    )
    def test_an_endpoint_whose_time_is_not_over_is_read(self, period: object) -> None:
        assert names(read(bundle(organization(), endpoint(period=period)))) == ["Maple Health"]

    def test_one_object_or_text_in_the_place_of_a_list(self) -> None:
        lone: JSONObject = {
            "endpoint": {"reference": "Endpoint/maple"}, "alias": "The Maples",
            "address": address("Springfield", "IL", "62701"),
        }  # fmt: skip
        brand = read(bundle(organization("b", **lone), endpoint())).brands[0]
        assert brand.aliases == ("The Maples",)
        assert brand.places == (Place("Springfield", "IL", "62701"),)
        assert names(read(bundle(organization("b", alias=7), endpoint()))) == ["Maple Health"]

    def test_an_address_that_is_there_twice_is_not_without_brand(self) -> None:
        page = bundle(organization(), endpoint())
        assert read(page, page).skipped == {}

    def test_an_address_without_brand_is_counted(self) -> None:
        assert read(bundle(endpoint())).skipped == {"an address that no brand of the list has": 1}


class TestNames:
    @pytest.mark.parametrize("name", [None, "", "undefined", "N/A", "null"])
    def test_a_brand_without_name_has_no_row(self, name: object) -> None:
        parsed = read(bundle(organization("b", name=name), endpoint()))
        assert (parsed.brands, parsed.skipped["no name to show"]) == ([], 1)

    def test_the_portal_that_patients_know_stands_in(self) -> None:
        extension = portal("MyMaple", "Endpoint/maple")
        parsed = read(bundle(organization("b", name=None, extension=[extension]), endpoint()))
        assert names(parsed) == ["MyMaple"]

    def test_addresses_are_told_apart_by_their_portals(self) -> None:
        extensions = [portal("MyMaple", "Endpoint/maple"), portal("Maple Kids", "Endpoint/kids")]
        kids = endpoint("kids", address="https://kids.maple.example/r4")
        parsed = read(bundle(organization("b", extension=extensions), endpoint(), kids))
        assert [one.label for one in parsed.brands[0].addresses] == ["MyMaple", "Maple Kids"]

    def test_doing_business_as_is_another_name(self) -> None:
        parsed = read(bundle(organization("b", name="Maple Corp d/b/a Lake Clinic"), endpoint()))
        assert parsed.brands[0].aliases == ("Lake Clinic",)

    @pytest.mark.parametrize(
        ("logo", "kept"),
        [
            ("https://maple.example/logo.png", "https://maple.example/logo.png"),
            ("javascript:alert(1)", ""),
            ("http://maple.example/logo.png", ""),
            ("data:image/svg+xml;base64,AAAA", ""),
        ],
    )
    def test_only_a_logo_at_an_https_address_is_kept(self, logo: str, kept: str) -> None:
        extension = {"url": BRAND, "extension": [{"url": "brandLogo", "valueUrl": logo}]}
        empty = {"url": BRAND, "extension": []}
        parsed = read(bundle(organization("b", extension=[empty, extension]), endpoint()))
        assert parsed.brands[0].logo_url == kept


def portal(name: str, reference: str) -> dict[str, object]:
    parts = [
        {"url": "portalName", "valueString": name},
        {"url": "portalEndpoint", "valueReference": {"reference": reference}},
    ]
    return {"url": PORTAL, "extension": parts}


class TestPlaces:
    @pytest.mark.parametrize(
        ("given", "place"),
        [
            (address("Waco", "tx", "76701-1234"), Place("Waco", "TX", "76701")),
            (address("WACO", "Texas", "767011234"), Place("Waco", "TX", "76701")),
            (address("Waco", "A", "."), Place("Waco")),
            (address("Toronto", "Ontario", "M5V 2T6"), Place("Toronto", "ON", "M5V 2T6")),
            (address("Boston", "MA") | {"postalCode": 2115}, Place("Boston", "MA", "02115")),
            (address("Sydney", "NSW", "2000") | {"country": "AU"}, Place("Sydney", "NSW", "2000")),
            (address("York", "", "yo1 7hh") | {"country": "GB"}, Place("York", "", "YO1 7HH")),
            (address("Waco", "A", "PG..") | {"country": "USA"}, Place("Waco")),
        ],
    )
    def test_state_and_zip_are_written_one_way(
        self, given: dict[str, object], place: Place
    ) -> None:
        assert read(bundle(organization("b", address=[given]), endpoint())).brands[0].places == (
            place,
        )

    def test_a_thousand_rows_of_one_city_are_one_place(self) -> None:
        rows = [address("Waco", "TX", "76701") for _ in range(1000)]
        assert len(read(bundle(organization("b", address=rows), endpoint())).brands[0].places) == 1

    def test_no_street_is_kept(self) -> None:
        parsed = read(bundle(organization("b", address=[address("Waco", "TX")]), endpoint()))
        assert "Private Road" not in repr(parsed)


class TestShapes:
    def test_a_searchset_says_where_it_goes_on(self) -> None:
        link = [{"relation": "next", "url": "https://list.example/Endpoint?page=2"}]
        page = bundle(endpoint(name="Sorrel Eye Care"), type="searchset", link=link)
        pages = Pages(today=date(2026, 11, 30))
        assert pages.add(BytesIO(json.dumps(page).encode())) == link[0]["url"]
        assert names(pages.parsed()) == ["Sorrel Eye Care"]

    @pytest.mark.parametrize(
        "entries",
        [
            (organization("b"), endpoint()),
            (endpoint(managingOrganization={"reference": "Organization/b"}),
             organization("b", endpoint=[])),
            (organization("b", endpoint=[], partOf={"reference": "Organization/top"}),
             organization("top", name="Maple Top", endpoint=[
                 {"reference": "Endpoint/maple"}]), endpoint()),
        ],
    )  # fmt: skip
    def test_references_lead_to_other_pages(self, entries: tuple[JSONObject, ...]) -> None:
        parsed = read(*(bundle(entry) for entry in entries))
        assert "Maple Health" in names(parsed)
        assert (parsed.brands, parsed.notes) == (read(bundle(*entries)).brands, [])
        assert not parsed.skipped

    def test_a_next_page_of_another_kind_is_refused(self) -> None:
        """Or the brands of the pages before it would be withdrawn."""
        rows = {"endpoints": [{"name": "Elder", "baseUrl": f"{BASE}/elder"}]}
        with pytest.raises(NotAList, match="of another kind"):
            read(bundle(organization(), endpoint()), rows)

    def test_total_is_not_believed(self) -> None:
        assert names(read(bundle(organization(), endpoint(), total=900))) == ["Maple Health"]

    def test_a_flat_list(self) -> None:
        parsed = read({"endpoints": [{"name": "Maple", "baseUrl": BASE, "type": "prod"}]})
        assert [(one.name, one.addresses[0].url) for one in parsed.brands] == [("Maple", BASE)]

    def test_a_list_of_lantern(self) -> None:
        row = {
            "URL": BASE,
            "OrganizationName": "TX - Maple",
            "NPIID": "",
            "OrganizationZipCode": "76701",
        }
        parsed = read({"Endpoints": [row, row]})
        assert [(one.name, str(one.places[0])) for one in parsed.brands] == [("Maple", "TX")]
        assert parsed.skipped == {"the same name and address again": 1}

    @pytest.mark.parametrize(
        "table",
        [
            b"\xef\xbb\xbfOrganization Name,FHIR Base URL,Zip-Code\nElder Clinic,%s,62701\n",
            b"organization_name;url;ZIP\r\nElder Clinic;%s;62701\r\n",
            b"Practice Name\tService Base URL\tPostal Code\nElder Clinic\t%s\t62701\n",
            b"Facility|FHIR R4 Endpoint|zip|Website URL\nElder Clinic|%s|62701|https://x.example\n",
        ],
    )
    def test_a_table_of_a_spreadsheet(self, table: bytes) -> None:
        parsed = read(table % BASE.encode())
        assert names(parsed) == ["Elder Clinic"]
        assert parsed.brands[0].places[0].zip == "62701"

    @pytest.mark.parametrize(
        "table",
        [
            b"Facility,Organization Name,FHIR URL\n17,Elder Clinic,%s\n",
            b"Practice,Name,Base URL\n17,Elder Clinic,%s\n",
            b"Name,Address,FHIR Base URI\nElder Clinic,12 Main St,%s\n",
            b"Name,Service Address,URL\nElder Clinic,12 Main St,%s\n",
            b"Name,API URL,FHIR Base URL\nElder Clinic,https://api.example/docs,%s\n",
        ],
    )
    def test_a_column_of_the_usual_name_goes_before_one_that_is_like_it(self, table: bytes) -> None:
        (brand,) = read(table % BASE.encode()).brands
        assert (brand.name, brand.addresses[0].url) == ("Elder Clinic", BASE)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_a_table_in_the_encoding_of_a_spreadsheet(self, encoding: str) -> None:
        table = f"Name,URL\nAdministraci\u00f3n,{BASE}\n".encode(encoding)
        assert names(read(table)) == ["Administraci\u00f3n"]

    @pytest.mark.parametrize(
        "before",
        ["Endpoints, exported 2026\r\n\r\n", "\n", '"Our clinics"\n', "FHIR Endpoint;;\n"],
    )
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_a_title_may_stand_before_a_table(self, before: str, separator: str) -> None:
        table = f"{before}Name{separator}URL\nMaple{separator}{BASE}\n"
        assert names(read(table.encode())) == ["Maple"]

    @pytest.mark.parametrize("member", ["data", "items", "fhirEndpoints", "ENDPOINTS"])
    def test_a_flat_list_under_another_name(self, member: str) -> None:
        rows = [{"name": "Maple", "serviceBaseUrl": BASE}]
        others = {"errors": [], "columns": ["name"], "meta": {"tags": [1]}, "states": [{"a": 1}]}
        assert names(read({**others, member: rows})) == ["Maple"]

    def test_a_list_of_endpoints_goes_before_others(self) -> None:
        rows = [{"name": "Maple", "url": BASE}]
        assert names(read({"states": [{"name": "TX"}], "endpoints": rows})) == ["Maple"]

    def test_a_table_of_lantern(self) -> None:
        table = f"url,organization_name,organization_zipcode\r\n{BASE},Maple,76701\r\n".encode()
        parsed = read(b"\xef\xbb\xbf" + table)
        assert [(one.name, one.places[0].zip) for one in parsed.brands] == [("Maple", "76701")]

    @pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n\n", b"\xef\xbb\xbf \r\n"])
    def test_what_stands_before_a_document_harms_nobody(self, before: bytes) -> None:
        document = json.dumps(bundle(organization(), endpoint())).encode()
        assert names(read(before + document)) == ["Maple Health"]

    @pytest.mark.parametrize("given", ["TX - Maple; Maple Eye", ["TX - Maple", "", "Maple Eye"]])
    def test_one_address_of_several_names_is_found_by_all(self, given: object) -> None:
        row = {"url": BASE, "organization_names": given}
        (brand,) = read({"Endpoints": [row]}).brands
        assert (brand.name, brand.aliases, str(brand.places[0])) == ("Maple", ("Maple Eye",), "TX")

    @pytest.mark.parametrize(
        ("document", "sentence"),
        [
            (b"<html>", "A web page or XML came"),
            (b'{"resourceType": "Bundle", "entry": [{', "not complete JSON"),
            (b'{"resourceType": "Patient"}', "not a Bundle; its type is Patient"),
            (b"\x1f\x8b\x08\x00list", "compressed"),
            (b"PK\x03\x04list", "save it as CSV"),
            (b"%PDF-1.7", "is a PDF"),
            (b'{"a": 1}', "has no list of endpoints"),
            (b'{"errors": [{"code": 503, "message": "down"}]}', "has no list of endpoints"),
            (b"just,words\n1,2\n", "neither JSON nor a table .* It begins with: just,words"),
            (b"", "neither JSON nor a table .* It begins with: nothing"),
        ],
    )
    def test_anything_else_is_refused_with_a_sentence(self, document: bytes, sentence: str) -> None:
        with pytest.raises(NotAList, match=sentence):
            read(document)

    @pytest.mark.parametrize(
        "document",
        [
            b"\n".join(
                json.dumps(one["resource"]).encode() for one in (organization(), endpoint())
            ),
            json.dumps([endpoint()["resource"], organization()["resource"]]).encode(),
            json.dumps(bundle(organization(), endpoint())).encode("utf-16"),
        ],
        ids=["NDJSON", "a list of resources", "UTF-16"],
    )
    def test_resources_are_read_however_they_are_packed(self, document: bytes) -> None:
        (brand,) = read(document).brands
        assert (brand.name, brand.addresses[0].url) == ("Maple Health", BASE)

    def test_epics_old_list(self) -> None:
        row = {"OrganizationName": "Maple", "FHIRPatientFacingURI": f"{BASE}/", "Type": 0}
        (brand,) = read({"Entries": [row]}).brands
        assert (brand.name, brand.addresses[0].url) == ("Maple", f"{BASE}/")

    @pytest.mark.parametrize("entry", [7, None, {}, {"resource": "x"}, {"resource": {}}])
    def test_odd_entries_are_counted(self, entry: object) -> None:
        parsed = read(bundle(organization(), endpoint(), entry))  # type: ignore[arg-type]
        assert names(parsed) == ["Maple Health"]
        assert parsed.skipped.total() == 1
