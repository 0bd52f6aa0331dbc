"""Importing: whole or not at all, again without losing anything, and no permission by itself."""

import json
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any

import pytest
from aiohttp import web
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from smartapp import http
from smartapp.audit.models import AuditEvent
from smartapp.brands import own, search
from smartapp.brands.models import Brand, BrandList
from smartapp.database import in_database
from smartapp.registrations.models import Endpoint, Registration
from tests.brands.conftest import Import
from tests.brands.lists import BASE, JSONObject, address, bundle, endpoint, organization
from tests.registrations.factories import make_endpoint, make_registration

pytestmark = pytest.mark.django_db(transaction=True)


def many(count: int) -> JSONObject:
    brands = [organization(f"b{n}", name=f"Maple Clinic {n:03}") for n in range(count)]
    return bundle(endpoint(), *brands)


def names(query: str) -> list[str]:
    return [hit.name for hit in search.search(query).hits]


class TestCommand:
    def test_it_says_what_came_and_what_was_skipped(self, import_list: Import) -> None:
        document = bundle(organization(), endpoint(), endpoint("bad", address="http://x.example"))
        said = import_list(document)
        assert "1 brands, 1 of them new" in said
        assert "skipped 1: http, not https" in said
        assert "nobody can connect to them yet" in said

    def test_as_json(self, import_list: Import, registration: Registration) -> None:
        said = json.loads(import_list(many(3), "--registration", "vendor", "--json"))
        assert (said["brands"], said["offered"], said["endpoints_added"]) == (3, 3, 1)
        assert said["skipped"] == {}

    @pytest.mark.parametrize("document", [bundle(), bundle(endpoint()), {"a": 1}])
    def test_where_nothing_can_be_read_it_fails(
        self, import_list: Import, document: JSONObject
    ) -> None:
        with pytest.raises(CommandError):
            import_list(document)
        assert not Brand.objects.exists()

    def test_an_unknown_registration_is_named_with_those_there_are(
        self, import_list: Import, registration: Registration
    ) -> None:
        with pytest.raises(CommandError, match=r"no registration vendro. Registered: vendor"):
            import_list(many(1), "--registration", "vendro")

    def test_a_file_that_is_none_is_said(self) -> None:
        with pytest.raises(CommandError, match="No such file"):
            call_command("import_brands", "nowhere.json")

    def test_it_stands_in_the_audit_trail(self, import_list: Import) -> None:
        import_list(many(2))
        event = AuditEvent.objects.get(action="brands.imported")
        assert (event.target, event.detail["brands"]) == ("list.json", 2)


class TestEndpoints:
    """A list is no permission (C162)."""

    def test_each_address_becomes_one_that_is_not_launched_at_unread(
        self, import_list: Import, registration: Registration
    ) -> None:
        import_list(many(3), "--registration", "vendor")
        made = Endpoint.objects.get()
        assert (made.fhir_base_url, made.pinned_hosts) == (BASE, [])
        assert [hit.note for hit in search.search("maple").hits] == [search.NOT_CHECKED] * 3

    def test_an_address_that_is_registered_is_taken_as_it_is(
        self, import_list: Import, registration: Registration
    ) -> None:
        known = make_endpoint(
            "known", registration=registration, fhir_base_url=f"{BASE}/", name="Known"
        )
        import_list(many(1), "--registration", "vendor")
        assert Endpoint.objects.get() == known
        assert search.search("maple").hits[0].choices[0].url.startswith("/connect/known/?brand=")
        assert names("known") == []  # the list's name stands in the place of ours

    def test_without_registration_nothing_is_offered(self, import_list: Import) -> None:
        import_list(many(1))
        hit = search.search("maple").hits[0]
        assert (hit.choices, hit.note) == ((), search.NOT_CONNECTED)
        assert not Endpoint.objects.exists()

    @pytest.mark.parametrize("change", [{"enabled": False}, {"standalone_scope": ""}])
    def test_a_registration_that_no_patient_can_use_offers_nothing(
        self, import_list: Import, registration: Registration, change: dict[str, Any]
    ) -> None:
        import_list(many(1), "--registration", "vendor")
        Endpoint.objects.update(pinned_hosts=["fhir.maple.example"])
        assert search.search("maple").hits[0].choices
        for name, value in change.items():
            setattr(registration, name, value)
        registration.save()
        assert search.search("maple").hits[0].choices == ()
        assert not Brand.objects.filter(offered=True).exists()


class TestAgain:
    def test_what_is_gone_leaves_the_search_and_no_endpoint(
        self, import_list: Import, registration: Registration
    ) -> None:
        import_list(many(3), "--registration", "vendor")
        said = import_list(many(2))
        assert "1 no longer in it" in said
        assert names("maple") == ["Maple Clinic 000", "Maple Clinic 001"]
        assert Endpoint.objects.count() == 1

    def test_what_comes_back_is_found_again(self, import_list: Import) -> None:
        import_list(many(3))
        import_list(many(2))
        import_list(many(3))
        assert len(names("maple")) == 3

    def test_a_changed_name_is_found_by_the_new_one_only(self, import_list: Import) -> None:
        import_list(bundle(organization("b", name="Maple"), endpoint()))
        import_list(bundle(organization("b", name="Rowan"), endpoint()))
        assert (names("maple"), names("rowan")) == ([], ["Rowan"])

    def test_a_list_that_shrank_to_less_than_half_takes_nothing_away(
        self, import_list: Import
    ) -> None:
        import_list(many(5))
        assert "They stay in the search" in import_list(many(2))
        assert len(names("maple")) == 5
        assert not Brand.objects.filter(links=None).exists()

    def test_an_empty_one_takes_nothing_away_and_fails(self, import_list: Import) -> None:
        import_list(many(2))
        with pytest.raises(CommandError, match="It is empty"):
            import_list(bundle())
        assert len(names("maple")) == 2

    def test_hidden_stays_hidden(self, import_list: Import) -> None:
        import_list(many(2))
        Brand.objects.filter(name="Maple Clinic 000").update(hidden=True)
        import_list(many(2))
        assert names("maple") == ["Maple Clinic 001"]

    def test_the_registration_is_remembered(
        self, import_list: Import, registration: Registration
    ) -> None:
        import_list(many(1), "--registration", "vendor")
        import_list(many(2))
        assert len([hit for hit in search.search("maple").hits if not hit.note]) == 0
        assert Brand.objects.filter(offered=True).count() == 2

    def test_thirty_five_smoke_tests_are_one(self, import_list: Import) -> None:
        rows = [
            organization(f"s{n}", name="Smoke Test", address=[address("Waco", "TX")])
            for n in range(35)
        ]
        import_list(bundle(endpoint(), *rows))
        assert names("smoke") == ["Smoke Test"]


class TestOwnEndpoints:
    def test_a_registered_ehr_is_found_by_its_name_and_its_registrations(
        self, registration: Registration
    ) -> None:
        make_endpoint("rowan", registration=registration, name="Rowan Hospital")
        assert names("row hos") == names("vendor") == ["Rowan Hospital"]

    def test_a_new_name_replaces_the_old(self, registration: Registration) -> None:
        row = make_endpoint("rowan", registration=registration, name="Rowan Hospital")
        row.name = "Alder"
        row.save()
        assert (names("rowan"), names("alder")) == ([], ["Alder"])

    def test_a_deleted_one_is_gone(self, registration: Registration) -> None:
        make_endpoint("rowan", registration=registration, name="Rowan Hospital").delete()
        assert names("rowan") == []

    def test_rows_that_no_signal_told_of_are_found_after_a_round(
        self, registration: Registration
    ) -> None:
        row = make_endpoint("rowan", registration=registration, name="Rowan Hospital")
        Brand.objects.all().delete()
        assert own.sync() == 1
        assert names("rowan") == [row.name]
        assert own.sync() == 0


class TestAddress:
    """A list at an address, over real HTTP: asked with its ETag (C162)."""

    @pytest.fixture
    async def origin(self) -> AsyncIterator[str]:
        self.asked: list[str | None] = []
        app = web.Application()
        app.router.add_get("/list", self._list)
        app.router.add_get("/pages", self._pages)
        app.router.add_get("/page", self._page)
        app.router.add_get("/cut", self._cut)
        self.document: JSONObject = many(3)
        app.router.add_get("/endless", self._endless)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        yield f"http://127.0.0.1:{port}"
        await http.close()
        await runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("If-None-Match"))
        if request.headers.get("If-None-Match") == '"one"':
            return web.Response(status=304)
        return web.json_response(many(2), headers={"ETag": '"one"'})

    async def _pages(self, request: web.Request) -> web.Response:
        if "page" in request.query:
            return web.json_response(bundle(organization("z", name="Zelkova"), endpoint()))
        link = [{"relation": "next", "url": f"{request.url.origin()}/pages?page=2"}]
        etag = {"ETag": '"first"'}
        return web.json_response(many(1) | {"link": link}, headers=etag)

    async def _endless(self, request: web.Request) -> web.Response:
        link = [{"relation": "next", "url": request.path}]
        return web.json_response(many(1) | {"link": link})

    async def _cut(self, _: web.Request) -> web.Response:
        return web.json_response(self.document, headers={"ETag": '"one"'})

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text="<html>")

    async def run(self, *arguments: str) -> str:
        output = StringIO()
        await in_database(lambda: call_command("import_brands", *arguments, stdout=output))
        return output.getvalue()

    async def test_an_edition_that_was_read_is_not_read_again(self, origin: str) -> None:
        assert "2 brands" in await self.run(f"{origin}/list")
        assert "has not changed" in await self.run(f"{origin}/list")
        assert self.asked == [None, '"one"']

    async def test_pages_that_follow_are_read(self, origin: str) -> None:
        assert "2 brands" in await self.run(f"{origin}/pages")

    async def test_that_the_first_page_is_unchanged_says_nothing_of_the_others(
        self, origin: str
    ) -> None:
        await self.run(f"{origin}/pages")
        listed = await in_database(BrandList.objects.get)
        assert listed.etag == ""

    async def test_pages_without_an_end_are_said(self, origin: str) -> None:
        assert "have no end; 1 of them were read." in await self.run(f"{origin}/endless")

    @pytest.mark.parametrize(
        ("following", "words"),
        [("https://[bad", "what is no address"), ("https://other.example/2", "another host")],
    )
    async def test_a_list_that_is_not_read_to_its_end_takes_nothing_away(
        self, origin: str, following: str, words: str
    ) -> None:
        await self.run(f"{origin}/cut")
        self.document = many(2) | {"link": [{"relation": "next", "url": following}]}
        said = await self.run(f"{origin}/cut")
        assert words in said
        assert "1 brands of the edition before are missing. They stay" in said
        assert (await in_database(BrandList.objects.get)).etag == ""

    async def test_a_web_page_is_refused(self, origin: str) -> None:
        with pytest.raises(CommandError, match="A web page or XML came"):
            await self.run(f"{origin}/page")

    async def test_a_status_is_said(self, origin: str) -> None:
        with pytest.raises(CommandError, match="status 404"):
            await self.run(f"{origin}/nowhere")


class TestAdministration:
    def test_brands_are_hidden_for_good_and_that_is_recorded(
        self, import_list: Import, admin_client: Client
    ) -> None:
        import_list(many(2))
        chosen = Brand.objects.get(name="Maple Clinic 000")
        url = reverse("admin:brands_brand_changelist")
        admin_client.post(url, {"action": "hide", "_selected_action": [chosen.pk]})
        assert names("maple") == ["Maple Clinic 001"]
        assert AuditEvent.objects.get(action="brand.hidden").target == "Maple Clinic 000"

    def test_administrators_search_as_patients_do(
        self, import_list: Import, admin_client: Client
    ) -> None:
        import_list(many(2))
        page = admin_client.get(reverse("admin:brands_brand_changelist"), {"q": "001 map"})
        assert "Maple Clinic 001" in page.content.decode()
        assert "Maple Clinic 000" not in page.content.decode()

    def test_equal_names_are_told_apart_by_place(
        self, import_list: Import, admin_client: Client
    ) -> None:
        import_list(many(2))
        places = [["Boston", "MA", "02118"], ["Austin", "TX", "78701"]]
        Brand.objects.update(places=places, place_count=5)
        page = admin_client.get(reverse("admin:brands_brand_changelist")).content.decode()
        assert page.count("Boston, MA and 4 more") == 2

    def test_a_brand_shows_its_addresses(self, import_list: Import, admin_client: Client) -> None:
        import_list(many(1))
        url = reverse("admin:brands_brand_change", args=[Brand.objects.get().pk])
        assert BASE in admin_client.get(url).content.decode()


def test_two_registrations_at_two_addresses_do_not_mix(import_list: Import) -> None:
    make_registration("one")
    make_registration("two")
    other = "https://fhir.rowan.example/r4"
    import_list(many(1), "--registration", "one")
    document = bundle(organization("r", name="Rowan"), endpoint(address=other))
    import_list(document, "--registration", "two", name="other.json")
    bases = Endpoint.objects.values_list("registration__slug", "fhir_base_url")
    assert set(bases) == {("one", BASE), ("two", other)}
