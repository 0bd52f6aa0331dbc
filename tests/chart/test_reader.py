"""Reading over HTTP from an EHR that behaves, and from one that does not."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from smartapp.chart import chart as chart_module
from smartapp.chart import fhir_access as access_module
from smartapp.chart import permissions
from smartapp.chart import reader as reader_module
from smartapp.chart.chart import Chart, ReadSection
from smartapp.chart.fhir_access import ReadRefused
from smartapp.chart.reader import _failure_text, read_chart
from smartapp.chart.sections import Search, Section
from smartapp.protocol.errors import FHIRUnauthorized, InvalidGrant, WrongPatient
from smartapp.record.reading import Given, LeftOut, Read
from tests.chart.fake_ehr import FakeAccess, FakeEHR, Handler, always, bundle, fhir, serving
from tests.chart.samples import NOW, PATIENT, Resource, about_patient, concept, observation, patient

TYPES = [
    "Patient",
    "Encounter",
    "Observation",
    "Condition",
    "MedicationRequest",
    "AllergyIntolerance",
    "Immunization",
]
NOT_READ = "1 entry that this list refers to was not read: names or reasons are missing."
SCOPES = tuple(f"patient/{name}.rs" for name in TYPES)


@pytest.fixture
async def ehr() -> AsyncIterator[FakeEHR]:
    async with serving(FakeEHR()) as fake:
        yield fake


async def chart_of(ehr: FakeEHR, access: FakeAccess | None = None, **options: Any) -> Chart:
    defaults: dict[str, Any] = {
        "patient": PATIENT,
        "encounter": None,
        "fhirUser": None,
        "granted_scopes": SCOPES,
        "extras": {},
        "now": NOW,
        "reference": "A2B3-C4D5",
    }
    return await read_chart(access or FakeAccess(ehr), **{**defaults, **options})


def category(code: str) -> list[Resource]:
    return [concept("", code)]


def condition(id: str, **members: Any) -> Resource:
    return about_patient("Condition", id, code=concept(f"Problem {id}"), **members)


def _fail_at_second_page(ehr: FakeEHR) -> None:
    async def pages(request: web.Request) -> web.StreamResponse:
        if "page" in request.query:
            return web.Response(status=500)
        return bundle([condition("c1")], f"{ehr.base}/Condition?page=2")

    ehr.answers["Condition"] = pages


class TestReading:
    async def test_all_parts_of_a_record(self, ehr: FakeEHR) -> None:
        ehr.add(
            condition("c1"),
            about_patient("AllergyIntolerance", "a1", code=concept("Penicillin")),
            about_patient("MedicationRequest", "m1", status="active"),
            about_patient("Immunization", "i1", status="completed"),
            about_patient("Encounter", "e1", period={"start": "2026-10-05"}),
            observation("8867-4", 67, "/min", category=category("vital-signs")),
            observation("2160-0", 2.0, "mg/dL", category=category("laboratory")),
        )
        chart = await chart_of(ehr)
        assert chart.who.identity is not None
        assert chart.who.identity.name.text == "Eleni Papadopoulou"
        read = [(s.state, s.count) for s in chart.sections if s.items]
        assert read == [("ok", 1)] * 7

    async def test_an_empty_record_is_empty_and_not_failed(self, ehr: FakeEHR) -> None:
        chart = await chart_of(ehr)
        assert {section.state for section in chart.sections} == {"empty"}

    async def test_every_search_carries_the_patient(self, ehr: FakeEHR) -> None:
        await chart_of(ehr)
        searches = [one for one in ehr.requests if "/" not in one.path.removeprefix("/fhir/")]
        assert {one.path.rpartition("/")[2] for one in searches} == {*TYPES} - {"Patient"}
        assert all(one.query["patient"] == PATIENT for one in searches)
        assert all(one.headers["Accept"] == "application/fhir+json" for one in searches)

    async def test_athenas_practice_is_named_only_when_the_launch_named_it(
        self, ehr: FakeEHR
    ) -> None:
        await chart_of(ehr)
        assert "ah-practice" not in ehr.asked("Condition")[0].query
        await chart_of(ehr, extras={"ah_practice": "a-1.Practice-195900"})
        assert "ah-practice=Organization/a-1.Practice-195900" in (
            ehr.asked("Condition")[1].raw_path
        )
        await chart_of(ehr, extras={"ah_practice": "x&patient=other"})
        assert "ah-practice" not in ehr.asked("Condition")[2].query

    async def test_a_section_without_scope_is_not_asked_for(self, ehr: FakeEHR) -> None:
        chart = await chart_of(ehr, granted_scopes=("patient/Patient.r", "user/Condition.read"))
        assert chart.section("problems").state == "empty"
        assert chart.section("labs").state == "not-granted"
        assert ehr.asked("Observation") == []

    async def test_a_narrowed_scope_is_not_taken_for_the_whole(self, ehr: FakeEHR) -> None:
        system = "http://terminology.hl7.org/CodeSystem/observation-category"
        chart = await chart_of(
            ehr,
            granted_scopes=(
                "patient/Patient.rs",
                f"patient/Observation.rs?category={system}|vital-signs",
                f"patient/Condition.rs?category={system}|problem-list-item",
            ),
        )
        assert chart.section("vitals").state == "empty"
        assert chart.section("labs").state == "not-granted"
        assert chart.section("problems").state == "partial"
        assert "only a part" in chart.section("problems").notes[0]

    async def test_a_medication_that_is_only_referred_to_gets_its_name(self, ehr: FakeEHR) -> None:
        reference = {"reference": "Medication/m7"}
        ehr.add(
            about_patient("MedicationRequest", "r1", medicationReference=reference),
            {"resourceType": "Medication", "id": "m7", "code": concept("Losartan 50 mg")},
        )
        chart = await chart_of(ehr)
        assert chart.section("medications").items[0].name == "Losartan 50 mg"

    async def test_more_medications_than_can_be_read_one_by_one_are_searched_by_id(
        self, ehr: FakeEHR
    ) -> None:
        numbers = range(reader_module.MAX_FOLLOWED + 30)
        drugs = [
            {"resourceType": "Medication", "id": f"m{n}", "code": concept(f"Drug {n}")}
            for n in numbers
        ]
        ehr.add(*drugs, *(_order(n) for n in numbers))
        section = (await chart_of(ehr)).section("medications")
        assert {one.name for one in section.items} == {f"Drug {n}" for n in numbers}
        (batch,) = ehr.asked("Medication")
        assert len(batch.query["_id"].split(",")) == 30
        assert not section.notes

    async def test_what_a_list_refers_to_and_was_not_read_is_counted(self, ehr: FakeEHR) -> None:
        ehr.answers["Medication"] = always(lambda: web.Response(status=403))
        ehr.add(*(_order(n) for n in range(reader_module.MAX_FOLLOWED + 3)))
        section = (await chart_of(ehr)).section("medications")
        assert section.notes == (
            "3 entries that this list refers to were not read: names or reasons are missing.",
        )

    @pytest.mark.parametrize(
        ("status", "notes", "settled"),
        [
            (404, (), True),
            (403, (), True),
            (500, (NOT_READ,), False),
            (429, (NOT_READ,), False),
        ],
    )
    async def test_a_reference_that_the_ehr_fails_to_give_is_told_and_read_again(
        self, ehr: FakeEHR, status: int, notes: tuple[str, ...], settled: bool
    ) -> None:
        """One that it refuses is refused the next time too."""
        ehr.answers["Medication/m1"] = always(lambda: web.Response(status=status))
        ehr.add(_order(1))
        section = (await chart_of(ehr)).section("medications")
        assert section.items[0].name == "Medication that could not be read"
        assert (section.notes, chart_module.is_settled(section)) == (notes, settled)

    async def test_a_list_of_which_a_search_failed_is_read_again(self, ehr: FakeEHR) -> None:
        _fail_at_second_page(ehr)
        section = (await chart_of(ehr)).section("problems")
        assert section.state == "partial"
        assert not chart_module.is_settled(section)

    async def test_an_observation_of_any_category_is_in_one_section(self, ehr: FakeEHR) -> None:
        # "Labor" may be a laboratory's in German, and is about a birth in English.
        every = (
            "vital-signs",
            "laboratory",
            "social-history",
            "survey",
            "exam",
            "imaging",
            "functional-status",
            "treatment-intervention-preference",
            "observation-adi-documentation",
            "labor",
        )
        ehr.answers["Observation"] = _whatever_is_asked(
            [
                observation(f"1-{n}", 1, id=f"o{n}", name=one, category=category(one))
                for n, one in enumerate(every)
            ]
        )
        chart = await chart_of(ehr)
        shown = {
            section.name: {getattr(one, "name", "") or one.sign.name for one in section.items}
            for section in chart.sections
            if section.name in ("vitals", "social", "findings")
        }
        assert shown == {
            "vitals": {"vital-signs"},
            "social": {"social-history", "survey"},
            "findings": {
                "exam",
                "imaging",
                "functional-status",
                "treatment-intervention-preference",
                "observation-adi-documentation",
                "labor",
            },
        }
        assert chart.section("labs").count == 1

    @pytest.mark.parametrize("code", ["LAB", "Laboratory", "CH"])
    async def test_a_category_in_an_older_spelling_is_the_same(
        self, ehr: FakeEHR, code: str
    ) -> None:
        filed = [concept("http://terminology.hl7.org/CodeSystem/v2-0074", code)]
        ehr.answers["Observation"] = _whatever_is_asked([observation("1-1", 1, category=filed)])
        chart = await chart_of(ehr)
        assert (chart.section("labs").count, chart.section("findings").count) == (1, 0)


def _order(number: int) -> Resource:
    reference = {"reference": f"Medication/m{number}"}
    return about_patient("MedicationRequest", f"r{number}", medicationReference=reference)


def _whatever_is_asked(resources: list[Resource]) -> Handler:
    """A server that does not narrow a search."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return bundle(resources)

    return handler


REPORTED = Search("MedicationStatement", what="reported medications")


def _ids(given: Given) -> Read[str]:
    """A reader that shows what has a status, and leaves out the rest."""
    shown = [one for one in given.resources if "status" in one]
    left_out = [LeftOut("no status")] * (len(given.resources) - len(shown))
    return Read(tuple(one["id"] for one in shown), tuple(left_out))


class TestMedications:
    @pytest.mark.parametrize("types", [("MedicationRequest",), ("*",)])
    async def test_without_the_reports_the_list_is_not_whole(
        self, ehr: FakeEHR, types: tuple[str, ...]
    ) -> None:
        """They are optional, so that no note says that they were not permitted."""
        ehr.add(about_patient("MedicationRequest", "r1", status="stopped"))
        scopes = tuple(f"patient/{name}.rs" for name in types)
        section = (await chart_of(ehr, granted_scopes=scopes)).section("medications")
        assert (section.state, section.notes) == ("ok", ())
        assert section.is_whole is (types == ("*",))


class TestOneMoreSection:
    """What a section is, is one value; here one that asks twice."""

    @pytest.fixture(autouse=True)
    def only_this_section(self, monkeypatch: pytest.MonkeyPatch) -> None:
        section = Section(
            name="taken",
            title="Taken",
            for_patients="Taken",
            searches=(Search("MedicationRequest", parameters=(("intent", "order"),)), REPORTED),
            read=_ids,
            template="sections/medications.html",
            noun="medication",
            nouns="medications",
        )
        monkeypatch.setattr(permissions, "SECTIONS", (section,))
        monkeypatch.setattr(chart_module, "SECTIONS", (section,))

    async def taken(self, ehr: FakeEHR, *types: str) -> ReadSection:
        scopes = tuple(f"patient/{name}.rs" for name in types)
        return (await chart_of(ehr, granted_scopes=scopes)).section("taken")

    async def test_the_reader_gets_what_all_its_searches_brought(self, ehr: FakeEHR) -> None:
        ehr.add(
            about_patient("MedicationStatement", "s1", status="active"),
            about_patient("MedicationRequest", "r1", status="active"),
        )
        section = await self.taken(ehr, "MedicationRequest", "MedicationStatement")
        assert (section.state, section.items, section.notes) == ("ok", ("r1", "s1"), ())
        assert ehr.asked("MedicationRequest")[0].query["intent"] == "order"

    async def test_what_is_left_out_is_counted_by_reason(self, ehr: FakeEHR) -> None:
        ehr.add(about_patient("MedicationRequest", "r1"), about_patient("MedicationRequest", "r2"))
        section = await self.taken(ehr, "MedicationRequest", "MedicationStatement")
        assert section.state == "partial"
        assert section.notes == ("2 medications could not be shown: no status.",)

    async def test_a_half_that_was_not_given_is_named_and_the_other_stands(
        self, ehr: FakeEHR
    ) -> None:
        ehr.add(about_patient("MedicationRequest", "r1", status="active"))
        section = await self.taken(ehr, "MedicationRequest")
        assert (section.state, section.items) == ("partial", ("r1",))
        assert section.notes == ("This app was not given permission to read reported medications.",)

    async def test_a_half_that_fails_is_named_and_the_other_stands(self, ehr: FakeEHR) -> None:
        ehr.answers["MedicationStatement"] = always(lambda: web.Response(status=500))
        ehr.add(about_patient("MedicationRequest", "r1", status="active"))
        section = await self.taken(ehr, "MedicationRequest", "MedicationStatement")
        assert (section.state, section.items) == ("partial", ("r1",))
        assert "The reported medications could not be read." in section.notes[0]
        assert section.reference in section.notes[0]

    async def test_nothing_read_is_failed_even_where_the_rest_was_not_given(
        self, ehr: FakeEHR
    ) -> None:
        ehr.answers["MedicationStatement"] = always(lambda: web.Response(status=500))
        assert (await self.taken(ehr, "MedicationStatement")).state == "failed"
        assert (await self.taken(ehr, "Condition")).state == "not-granted"


class TestPaging:
    async def test_pages_are_followed_and_repeats_dropped(self, ehr: FakeEHR) -> None:
        async def pages(request: web.Request) -> web.StreamResponse:
            if request.query.get("page") == "2":
                return bundle([condition("c1"), condition("c2")])
            return bundle([condition("c1")], f"{ehr.base}/Condition?page=2")

        ehr.answers["Condition"] = pages
        chart = await chart_of(ehr)
        assert (chart.section("problems").state, chart.section("problems").count) == ("ok", 2)

    @pytest.mark.parametrize("order", [1, -1])
    async def test_of_two_versions_of_an_entry_the_later_one_is_read(
        self, ehr: FakeEHR, order: int
    ) -> None:
        versions = [
            condition("c1", clinicalStatus=concept("", status), meta={"versionId": version})
            for status, version in (("active", "9"), ("resolved", "10"))
        ]
        ehr.answers["Condition"] = always(lambda: bundle(versions[::order]))
        (problem,) = (await chart_of(ehr)).section("problems").items
        assert problem.marks.status == "Resolved"

    async def test_a_next_link_elsewhere_gets_no_token(self, ehr: FakeEHR) -> None:
        foreign: list[web.Request] = []

        async def note(request: web.Request) -> web.StreamResponse:
            foreign.append(request)
            return bundle([])

        app = web.Application()
        app.router.add_get("/{path:.*}", note)
        async with TestServer(app) as elsewhere:
            url = str(elsewhere.make_url("/fhir/Condition"))
            ehr.answers["Condition"] = always(lambda: bundle([condition("c1")], url))
            chart = await chart_of(ehr)
        assert foreign == []
        assert (chart.section("problems").state, chart.section("problems").count) == ("partial", 1)

    async def test_endless_pages_are_cut_and_the_page_says_so(self, ehr: FakeEHR) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            page = int(request.query.get("page", "1"))
            return bundle([condition(f"c{page}")], f"{ehr.base}/Condition?page={page + 1}")

        ehr.answers["Condition"] = endless
        chart = await chart_of(ehr)
        assert len(ehr.asked("Condition")) == access_module.MAX_PAGES
        assert chart.section("problems").state == "partial"
        assert "it has more" in chart.section("problems").notes[0]

    @pytest.mark.parametrize("obeys", [True, False])
    async def test_pages_that_are_too_large_are_asked_for_in_small_ones(
        self, ehr: FakeEHR, obeys: bool
    ) -> None:
        every = [condition(f"c{n}", note=[{"text": "x" * 80_000}]) for n in range(70)]

        async def pages(request: web.Request) -> web.StreamResponse:
            size = int(request.query["_count"]) if obeys else 70
            first = int(request.query.get("from", "0"))
            url = f"{ehr.base}/Condition?_count={size}&from={first + size}"
            return bundle(every[first : first + size], url if first + size < 70 else None)

        ehr.answers["Condition"] = pages
        problems = (await chart_of(ehr)).section("problems")
        assert (problems.state, problems.count) == (("ok", 70) if obeys else ("failed", 0))

    async def test_too_many_resources_are_cut(
        self, ehr: FakeEHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(access_module, "MAX_RESOURCES", 3)
        ehr.add(*(condition(f"c{n}") for n in range(5)))
        chart = await chart_of(ehr)
        assert (chart.section("problems").state, chart.section("problems").count) == ("partial", 3)

    async def test_a_slow_section_is_cut_and_the_others_stand(
        self, ehr: FakeEHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(access_module, "SEARCH_SECONDS", 0.3)

        async def slow(request: web.Request) -> web.StreamResponse:
            if "page" in request.query:
                await asyncio.sleep(5)
            return bundle([condition("c1")], f"{ehr.base}/Condition?page=2")

        ehr.answers["Condition"] = slow
        chart = await chart_of(ehr)
        assert (chart.section("problems").state, chart.section("problems").count) == ("partial", 1)
        assert chart.section("allergies").state == "empty"

    async def test_a_later_page_that_fails_keeps_what_was_read(self, ehr: FakeEHR) -> None:
        _fail_at_second_page(ehr)
        assert (await chart_of(ehr)).section("problems").state == "partial"


@pytest.mark.parametrize(
    ("status", "said", "sentence"),
    [
        (403, "Not allowed.", "It answered with status 403. The EHR said: “Not allowed.”"),
        (403, "Who are you?", "It answered with status 403. The EHR said: “Who are you?”"),
        (500, "", "It answered with status 500."),
    ],
)
def test_the_ehrs_words_are_quoted_apart_from_ours(status: int, said: str, sentence: str) -> None:
    text = _failure_text(ReadRefused("detail", http_status=status, said=said))
    assert text.endswith(f" {sentence}")


class TestWrongPatient:
    @pytest.mark.parametrize(
        "subject",
        [
            None,
            {"identifier": {"value": "F-1001"}},
            {"reference": f"https://evil.example/fhir/Patient/{PATIENT}"},
            {"reference": "Patient/.."},
        ],
    )
    async def test_entries_that_do_not_say_whose_they_are_are_left_out(
        self, ehr: FakeEHR, subject: Resource | None
    ) -> None:
        ehr.add(condition("c1"), {**condition("c2"), "subject": subject})
        problems = (await chart_of(ehr)).section("problems")
        assert [problem.name for problem in problems.items] == ["Problem c1"]
        assert problems.notes == (
            "1 entry from the EHR did not say whose it is, and was left out.",
        )

    async def test_an_absolute_reference_below_this_base_is_this_patients(
        self, ehr: FakeEHR
    ) -> None:
        ehr.add({**condition("c1"), "subject": {"reference": f"{ehr.base}/Patient/{PATIENT}"}})
        assert (await chart_of(ehr)).section("problems").state == "ok"

    async def test_another_patients_resources_are_dropped_with_an_alarm(
        self, ehr: FakeEHR, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = {**condition("c2"), "subject": {"reference": "Patient/somebody-else"}}
        ehr.add(condition("c1"), other, {**other, "id": "c3"})
        chart = await chart_of(ehr)
        assert [problem.name for problem in chart.section("problems").items] == ["Problem c1"]
        assert chart.section("problems").state == "partial"
        assert "2 entries" in chart.section("problems").notes[0]
        record = next(one for one in caplog.records if one.levelno == logging.ERROR)
        assert chart.section("problems").reference in record.getMessage()
        assert "somebody-else" not in caplog.text

    async def test_only_other_patients_resources_are_not_an_empty_list(self, ehr: FakeEHR) -> None:
        ehr.add({**condition("c2"), "subject": {"reference": "Patient/somebody-else"}})
        assert (await chart_of(ehr)).section("problems").state == "partial"

    async def test_somebody_else_in_the_patients_place_ends_the_page(self, ehr: FakeEHR) -> None:
        ehr.answers[f"Patient/{PATIENT}"] = always(lambda: fhir(patient(id="somebody-else")))
        with pytest.raises(WrongPatient):
            await chart_of(ehr)

    async def test_an_encounter_of_another_patient_is_hidden(
        self, ehr: FakeEHR, caplog: pytest.LogCaptureFixture
    ) -> None:
        visit = about_patient("Encounter", "e1", type=[concept("Check-up")])
        ehr.add(visit)
        chart = await chart_of(ehr, encounter="e1")
        assert chart.visit.encounter is not None
        assert chart.visit.encounter.name == "Check-up"
        visit["subject"] = {"reference": "Patient/somebody-else"}
        chart = await chart_of(ehr, encounter="e1")
        assert chart.visit.encounter is None
        assert chart.visit.reference
        assert "another patient" in chart.visit.problem
        assert chart.visit.reference in caplog.text
        del visit["subject"]
        chart = await chart_of(ehr, encounter="e1")
        assert chart.visit.encounter is None
        assert "did not say whose visit it is" in chart.visit.problem


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "state", "words"),
        [
            (lambda: web.Response(status=403), "forbidden", "does not let this app"),
            (
                lambda: web.json_response(
                    {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "No consent"}]},
                    status=403,
                ),
                "forbidden",
                "No consent",
            ),
            (lambda: web.Response(status=500, text="boom"), "failed", "status 500"),
            (
                lambda: web.Response(text="<html>", content_type="text/html"),
                "failed",
                "could not be understood",
            ),
            (
                lambda: web.Response(status=429, headers={"Retry-After": "7"}),
                "failed",
                "in 7 seconds",
            ),
            (
                lambda: web.Response(status=429, headers={"Retry-After": "3600"}),
                "failed",
                "in 60 minutes",
            ),
            (lambda: web.Response(status=503), "failed", "in 60 seconds"),
            (
                lambda: web.Response(status=429, headers={"Retry-After": "Mon, 1 Jan"}),
                "failed",
                "in 60 seconds",
            ),
            (
                lambda: web.Response(
                    status=503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
                ),
                "failed",
                "in 1 second.",
            ),
            (
                lambda: web.Response(status=302, headers={"Location": "https://x.example/"}),
                "failed",
                "another address",
            ),
        ],
    )
    async def test_one_failing_section_blanks_nothing_else(
        self, ehr: FakeEHR, answer: Callable[[], web.StreamResponse], state: str, words: str
    ) -> None:
        """C142, C144."""
        ehr.answers["Condition"] = always(answer)
        ehr.add(about_patient("AllergyIntolerance", "a1", code=concept("Penicillin")))
        access = FakeAccess(ehr)
        chart = await chart_of(ehr, access)
        assert chart.section("problems").state == state
        assert words in chart.section("problems").error
        assert chart.section("problems").reference
        assert chart.section("allergies").state == "ok"
        assert access.renewals == []

    @pytest.mark.parametrize("is_granted", [True, False])
    async def test_what_the_patient_resource_has_is_not_called_unrecorded_without_it(
        self, ehr: FakeEHR, is_granted: bool
    ) -> None:
        """An interpreter or an emergency contact may be in it."""
        ehr.answers[f"Patient/{PATIENT}"] = always(lambda: web.Response(status=500))
        scopes = ("patient/Patient.rs",) if is_granted else ("patient/Condition.rs",)
        section = (await chart_of(ehr, granted_scopes=scopes)).section("personal")
        assert (section.state, section.is_whole) == ("partial", False)
        assert section.notes == (
            "Personal details were not read, so what is in them is missing here.",
        )

    async def test_a_patient_that_cannot_be_read_leaves_the_sections(self, ehr: FakeEHR) -> None:
        ehr.answers[f"Patient/{PATIENT}"] = always(lambda: web.Response(status=500))
        ehr.add(condition("c1"))
        chart = await chart_of(ehr)
        assert chart.who.identity is None
        assert chart.who.problem
        assert chart.section("problems").state == "ok"

    async def test_a_patient_that_was_not_granted_is_not_asked_for(self, ehr: FakeEHR) -> None:
        chart = await chart_of(ehr, granted_scopes=("patient/Condition.rs",))
        assert "not given permission" in chart.who.problem
        assert [one.path for one in ehr.requests] == ["/fhir/Condition"]


class TestNotOffered:
    @pytest.mark.parametrize(("path", "name", "state"), [
        ("CareTeam", "care-team", "not-offered"),
        ("Condition", "problems", "failed"),
    ])  # fmt: skip
    async def test_a_type_that_the_ehr_has_not_is_no_failure_where_the_page_can_do_without(
        self, ehr: FakeEHR, path: str, name: str, state: str
    ) -> None:
        ehr.answers[path] = always(lambda: web.Response(status=404))
        chart = await chart_of(ehr, granted_scopes=("patient/*.rs",))
        assert chart.section(name).state == state

    async def test_half_of_it_is_read_without_a_word(self, ehr: FakeEHR) -> None:
        ehr.answers["Goal"] = always(lambda: web.Response(status=404))
        plans = (await chart_of(ehr, granted_scopes=("patient/*.rs",))).section("plans")
        assert (plans.state, plans.notes) == ("empty", ())


class TestRenewal:
    async def test_a_401_renews_once_for_all_parallel_reads_and_retries(self, ehr: FakeEHR) -> None:
        ehr.token = "second"
        ehr.add(condition("c1"))
        access = FakeAccess(ehr)
        chart = await chart_of(ehr, access)
        assert access.renewals == ["first"]
        assert chart.who.identity is not None
        assert all(section.state in ("ok", "empty") for section in chart.sections)

    async def test_a_second_401_is_for_the_whole_page(self, ehr: FakeEHR) -> None:
        ehr.token = "neither"
        access = FakeAccess(ehr)
        with pytest.raises(FHIRUnauthorized):
            await chart_of(ehr, access)
        assert access.renewals == ["first"]

    async def test_a_401_for_a_missing_scope_is_of_one_section(self, ehr: FakeEHR) -> None:
        """It should be 403 (RFC 6750 §3.1); a new token would have the same scope."""
        refused = {"WWW-Authenticate": 'Bearer realm="fhir", error="insufficient_scope"'}
        ehr.answers["Condition"] = always(lambda: web.Response(status=401, headers=refused))
        access = FakeAccess(ehr)
        chart = await chart_of(ehr, access)
        assert chart.section("problems").state == "forbidden"
        assert chart.section("allergies").state in ("ok", "empty")
        assert access.renewals == []

    async def test_an_error_of_renewing_passes_through(self, ehr: FakeEHR) -> None:
        ehr.token = "neither"
        access = FakeAccess(ehr)
        access.refusal = InvalidGrant("gone")
        with pytest.raises(InvalidGrant):
            await chart_of(ehr, access)


class TestUser:
    async def test_a_clinician_is_named(self, ehr: FakeEHR) -> None:
        ehr.add({"resourceType": "Practitioner", "id": "p1", "name": [{"text": "Dr. Okafor"}]})
        user = (await chart_of(ehr, fhirUser=f"{ehr.base}/Practitioner/p1")).user
        assert user is not None
        assert (user.name, user.role, user.relation) == ("Dr. Okafor", "Clinician", "clinician")

    async def test_the_patient_themself(self, ehr: FakeEHR) -> None:
        user = (await chart_of(ehr, fhirUser=f"Patient/{PATIENT}")).user
        assert user is not None
        assert user.relation == "self"

    async def test_a_proxy_is_never_taken_for_the_patient(self, ehr: FakeEHR) -> None:
        """C96."""
        mother = about_patient(
            "RelatedPerson",
            "r1",
            patient={"reference": f"Patient/{PATIENT}"},
            name=[{"text": "Fatima"}],
            relationship=[concept("Mother")],
        )
        ehr.add(mother)
        user = (await chart_of(ehr, fhirUser="RelatedPerson/r1")).user
        assert user is not None
        assert (user.name, user.role, user.relation) == ("Fatima", "Mother", "proxy")
        other = await chart_of(ehr, fhirUser="Patient/another")
        assert other.user is not None
        assert other.user.relation == "proxy"

    async def test_a_user_at_another_server_is_shown_and_not_read(self, ehr: FakeEHR) -> None:
        url = "https://elsewhere.example/fhir/Practitioner/p1"
        user = (await chart_of(ehr, fhirUser=url)).user
        assert user is not None
        assert (user.reference, user.name) == (url, "")
        assert not any("Practitioner" in one.path for one in ehr.requests)

    async def test_a_user_that_cannot_be_read_is_a_reference(self, ehr: FakeEHR) -> None:
        user = (await chart_of(ehr, fhirUser="Practitioner/gone")).user
        assert user is not None
        assert (user.reference, user.name) == ("Practitioner/gone", "")

    async def test_a_user_that_is_no_person_is_nobody(self, ehr: FakeEHR) -> None:
        assert (await chart_of(ehr, fhirUser="Device/x")).user is None


async def test_the_token_is_never_in_a_url(ehr: FakeEHR) -> None:
    await chart_of(ehr)
    assert not any(
        "first" in value for one in ehr.requests for _, value in parse_qsl(one.query_string)
    )
