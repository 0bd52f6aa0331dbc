"""Searches that an EHR does not take as they are, and answers to something else."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aiohttp import web

from smartapp.chart import asking
from smartapp.chart import fhir_access as access_module
from smartapp.chart.chart import ReadSection
from smartapp.chart.sections import FINDINGS
from tests.chart.fake_ehr import FakeEHR, always, bundle, fhir, serving
from tests.chart.samples import Resource, about_patient, concept, observation
from tests.chart.test_reader import chart_of, condition

ALL = ("patient/*.rs",)
NEWEST_FIRST = {
    "Condition": "-recorded-date",
    "MedicationRequest": "-authoredon",
    "Observation": "-date",
    "Immunization": "-date",
    "Encounter": "-date",
}


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    asking.forget()
    yield
    asking.forget()


@pytest.fixture
async def ehr() -> AsyncIterator[FakeEHR]:
    async with serving(FakeEHR()) as fake:
        yield fake


async def section(ehr: FakeEHR, name: str) -> ReadSection:
    return (await chart_of(ehr, granted_scopes=ALL)).section(name)


def refusing(
    ehr: FakeEHR, resource_type: str, needs: Callable[[web.Request], str], *, status: int = 400
) -> None:
    """Refuse a search as long as it lacks something, in the EHR's words."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if words := needs(request):
            issue = [{"severity": "error", "code": "required", "diagnostics": words}]
            return web.json_response(
                {"resourceType": "OperationOutcome", "issue": issue}, status=status
            )
        return ehr.search(resource_type, request.query.get("category"))

    ehr.answers[resource_type] = answer


def categories_in(request: web.Request) -> list[str]:
    return request.query.get("category", "").split(",")


class TestOrder:
    @pytest.mark.parametrize("resource_type", NEWEST_FIRST)
    async def test_the_newest_are_asked_for_first(self, ehr: FakeEHR, resource_type: str) -> None:
        await chart_of(ehr, granted_scopes=ALL)
        asked = ehr.asked(resource_type)[0].query["_sort"]
        assert asked == NEWEST_FIRST[resource_type]

    async def test_an_ehr_that_sorts_nothing_is_asked_without_and_that_is_remembered(
        self, ehr: FakeEHR
    ) -> None:
        ehr.add(condition("c1"))
        refusing(ehr, "Condition", lambda one: "unknown: _sort" if "_sort" in one.query else "")
        assert (await section(ehr, "problems")).count == 1
        assert ["_sort" in one.query for one in ehr.asked("Condition")] == [True, False]
        assert (await section(ehr, "problems")).count == 1
        assert ["_sort" in one.query for one in ehr.asked("Condition")] == [True, False, False]

    async def test_what_is_refused_by_name_is_left_out_and_nothing_else(self, ehr: FakeEHR) -> None:
        ehr.add(condition("c1"))
        words = "Unsupported parameter _count"
        refusing(ehr, "Condition", lambda one: words if "_count" in one.query else "")
        assert (await section(ehr, "problems")).count == 1
        first, second = ehr.asked("Condition")
        assert first.query.keys() - second.query.keys() == {"_count"}

    @pytest.mark.parametrize("resource_type", ["Condition", "AllergyIntolerance"])
    async def test_an_ehr_that_does_not_say_that_the_pages_are_too_large(
        self, ehr: FakeEHR, resource_type: str
    ) -> None:
        ehr.add(about_patient(resource_type, "x1", code=concept("Something")))
        words = "The value must be between 1 and 50"
        refusing(ehr, resource_type, lambda one: words if "_count" in one.query else "")
        name = {"Condition": "problems", "AllergyIntolerance": "allergies"}[resource_type]
        assert (await section(ehr, name)).count == 1

    async def test_what_is_cut_is_old_and_the_page_says_so(
        self, ehr: FakeEHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(access_module, "WINDOW", 3)
        found = await self.labs(ehr, [f"2026-10-{day:02}" for day in range(20, 0, -1)])
        assert found.notes == ("Only the newest 4 entries are shown; the record has more.",)
        further = [one for one in ehr.asked("Observation") if "from" in one.query]
        assert {one.query["from"] for one in further} == {"2"}

    async def test_an_ehr_that_ignores_the_order_is_read_as_far_as_it_goes(
        self, ehr: FakeEHR, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(access_module, "WINDOW", 3)
        found = await self.labs(ehr, [f"2026-10-{day:02}" for day in range(1, 13)])
        assert found.notes == ()

    async def labs(self, ehr: FakeEHR, days: list[str]) -> ReadSection:
        """Return the section of an EHR that gives two results a page in this order."""
        results = [
            observation("2160-0", n, "mg/dL", id=f"o{n}", when=day, category=LABORATORY)
            for n, day in enumerate(days)
        ]

        async def pages(request: web.Request) -> web.StreamResponse:
            if "laboratory" not in request.query.get("category", "laboratory"):
                return bundle([])
            first = int(request.query.get("from", "0"))
            url = f"{ehr.base}/Observation?from={first + 2}" if first + 2 < len(results) else None
            return bundle(results[first : first + 2], url)

        ehr.answers["Observation"] = pages
        return await section(ehr, "labs")


LABORATORY = [concept("", "laboratory")]


class TestDemands:
    @pytest.mark.parametrize("status", [400, 403])
    @pytest.mark.parametrize(
        ("resource_type", "parameter", "name"),
        [
            ("MedicationRequest", "intent", "medications"),
            ("MedicationRequest", "status", "medications"),
            ("Condition", "category", "problems"),
            ("Encounter", "date", "encounters"),
            ("AllergyIntolerance", "clinical-status", "allergies"),
            ("CareTeam", "status", "care-team"),
            ("DiagnosticReport", "status", "documents"),
            ("Goal", "lifecycle-status", "plans"),
            ("Coverage", "status", "coverage"),
        ],
    )
    async def test_a_search_is_put_once_more_with_what_the_ehr_names(
        self, ehr: FakeEHR, resource_type: str, parameter: str, name: str, status: int
    ) -> None:
        ehr.add(about_patient(resource_type, "x1", status="active", code=concept("Something")))
        words = f"Search parameter {parameter} is required."
        lacks = lambda one: "" if parameter in one.query else words  # noqa: E731
        refusing(ehr, resource_type, lacks, status=status)
        found = await section(ehr, name)
        assert found.state in ("ok", "empty"), found
        assert len(ehr.asked(resource_type)) == 2
        if resource_type == "MedicationRequest" and parameter == "intent":
            assert ehr.asked(resource_type)[1].query["intent"].split(",")[:2] == ["order", "plan"]

    async def test_words_that_name_nothing_lead_to_every_demand_that_is_known(
        self, ehr: FakeEHR
    ) -> None:
        refusing(ehr, "MedicationRequest", lambda one: "" if "intent" in one.query else "No.")
        assert (await section(ehr, "medications")).state == "empty"

    async def test_a_403_without_a_word_of_a_parameter_is_about_permission(
        self, ehr: FakeEHR
    ) -> None:
        refusing(ehr, "Condition", lambda _: "Not allowed.", status=403)
        assert (await section(ehr, "problems")).state == "forbidden"
        assert len(ehr.asked("Condition")) == 1

    async def test_what_is_refused_in_every_form_is_refused(self, ehr: FakeEHR) -> None:
        refusing(ehr, "Condition", lambda _: "No.")
        found = await section(ehr, "problems")
        assert found.state == "failed"
        # As we like it, plain, with what may be demanded, then the last two with pages of any size.
        assert len(ehr.asked("Condition")) == 5


def unfiled(code: str, **members: object) -> Resource:
    return observation(code, 4.1, "mmol/L", name=f"Test {code}", **members)


class TestCategories:
    async def test_an_ehr_that_ignores_categories_mixes_up_no_sections(self, ehr: FakeEHR) -> None:
        everything = [
            unfiled("2823-3", category=LABORATORY),
            unfiled("8867-4", category=[concept("", "vital-signs")]),
            unfiled("72166-2", category=[concept("", "social-history")]),
            unfiled("11779-6"),
        ]

        async def all_of_it(_: web.Request) -> web.StreamResponse:
            return bundle(everything)

        ehr.answers["Observation"] = all_of_it
        chart = await chart_of(ehr, granted_scopes=ALL)
        assert chart.section("labs").count == 1
        assert chart.section("vitals").count == 1
        assert chart.section("labs").notes == ()

    @pytest.mark.parametrize("ignores", [False, True])
    async def test_a_category_of_the_ehrs_own_is_of_the_search_that_found_it(
        self, ehr: FakeEHR, ignores: bool
    ) -> None:
        """If the EHR ignores the category, it finds it among the other findings, too."""
        result = unfiled("2823-3", category=[concept("", "local-lab")])
        pulse = unfiled("8867-4", category=[concept("", "vital-signs")])

        async def its_own(request: web.Request) -> web.StreamResponse:
            asked = request.query.get("category", "")
            if ignores:
                return bundle([result, pulse])
            return bundle([result] if "laboratory" in asked else [])

        ehr.answers["Observation"] = its_own
        chart = await chart_of(ehr, granted_scopes=ALL)
        counts = [chart.section(name).count for name in ("labs", "vitals", "findings")]
        assert counts == ([0, 1, 1] if ignores else [1, 0, 0])

    async def test_what_has_no_category_is_sorted_in_by_its_code_once(self, ehr: FakeEHR) -> None:
        async def without_categories(request: web.Request) -> web.StreamResponse:
            is_asked = request.query.get("category:missing") == "true"
            return bundle([unfiled("883-9"), unfiled("8867-4")] if is_asked else [])

        ehr.answers["Observation"] = without_categories
        chart = await chart_of(ehr, granted_scopes=ALL)
        assert [chart.section(name).count for name in ("labs", "vitals")] == [1, 1]
        asked = [one for one in ehr.asked("Observation") if "category:missing" in one.query]
        assert len(asked) == 1

    async def test_an_ehr_without_modifiers_is_asked_for_them_once_an_hour(
        self, ehr: FakeEHR
    ) -> None:
        for _ in range(2):
            assert (await section(ehr, "labs")).state == "empty"
        asked = [one for one in ehr.asked("Observation") if "category:missing" in one.query]
        assert len(asked) == 2  # as we like it, and plain; and then no more

    @pytest.mark.parametrize(("code", "name"), [("LAB", "labs"), ("vital-sign", "vitals")])
    async def test_the_other_codes_of_a_category_count(
        self, ehr: FakeEHR, code: str, name: str
    ) -> None:
        ehr.add(unfiled("2823-3" if name == "labs" else "8867-4", category=[concept("", code)]))
        assert (await section(ehr, name)).count == 1

    async def test_an_ehr_that_takes_two_codes_for_one_is_asked_for_the_usual_one(
        self, ehr: FakeEHR
    ) -> None:
        result = unfiled("2823-3", category=LABORATORY)

        async def literal(request: web.Request) -> web.StreamResponse:
            return bundle([result] if request.query.get("category") == "laboratory" else [])

        ehr.answers["Observation"] = literal
        assert (await section(ehr, "labs")).count == 1

    @pytest.mark.parametrize(("known", "state"), [(("exam", "imaging"), "partial"), ((), "failed")])
    async def test_a_category_that_the_ehr_does_not_know_costs_no_other(
        self, ehr: FakeEHR, known: tuple[str, ...], state: str
    ) -> None:
        ehr.add(unfiled("2823-3", category=[concept("", "imaging")]))
        words = "Invalid code in the parameter."
        refusing(ehr, "Observation", lambda one: words if {*categories_in(one)} - {*known} else "")
        for _ in range(2):
            found = await section(ehr, "findings")
            assert (found.state, found.count) == (state, len(known[:1]))
        categories = ", ".join(f"“{one}”" for one in FINDINGS[2:])
        refused = [f"The EHR refused to look for the categories {categories}."]
        assert [*found.notes] == (refused if known else [])
        if known:
            in_one = [one for one in ehr.asked("Observation") if categories_in(one) == [*FINDINGS]]
            # As we like it, plain, with what some EHRs demand, and the last two with pages of any
            # size; and then no more.
            assert len(in_one) == 5

    async def test_a_category_that_the_ehr_does_not_know_is_asked_for_once_an_hour(
        self, ehr: FakeEHR
    ) -> None:
        known = {"exam", "imaging"}
        refusing(ehr, "Observation", lambda one: "No." if {*categories_in(one)} - known else "")
        asked = []
        for _ in range(2):
            before = len(ehr.asked("Observation"))
            assert (await section(ehr, "findings")).state == "partial"
            alone = [categories_in(one) for one in ehr.asked("Observation")[before:]]
            asked.append([one[0] for one in alone if one[0] in FINDINGS and len(one) == 1])
        assert asked == [[*FINDINGS], ["exam", "imaging"]]

    async def test_an_ehr_that_refuses_every_category_is_not_asked_for_each_again(
        self, ehr: FakeEHR
    ) -> None:
        refusing(ehr, "Observation", lambda one: "No." if "category" in one.query else "")
        for most in (5 + 5 * len(FINDINGS), 5):
            before = len(ehr.asked("Observation"))
            assert (await section(ehr, "findings")).state == "failed"
            asked = [categories_in(one) for one in ehr.asked("Observation")[before:]]
            assert len([one for one in asked if one[0] in FINDINGS]) == most

    async def test_a_category_among_those_that_the_ehr_demands_costs_no_other(
        self, ehr: FakeEHR
    ) -> None:
        ehr.add(condition("c1", category=[concept("", "problem-list-item")]))
        known = {"problem-list-item", "encounter-diagnosis"}
        refusing(ehr, "Condition", lambda one: "category?" if {*categories_in(one)} - known else "")
        found = await section(ehr, "problems")
        assert (found.state, found.count) == ("partial", 1)
        assert found.notes == ("The EHR refused to look for the category “health-concern”.",)

    async def test_an_ehr_that_takes_several_categories_for_one_is_asked_for_each(
        self, ehr: FakeEHR
    ) -> None:
        result = unfiled("2823-3", category=[concept("", "procedure")])

        async def literal(request: web.Request) -> web.StreamResponse:
            return bundle([result] if request.query.get("category") == "procedure" else [])

        ehr.answers["Observation"] = literal
        assert (await section(ehr, "findings")).count == 1

    async def test_an_ehr_that_takes_two_codes_for_two_is_not_asked_for_one_of_them(
        self, ehr: FakeEHR
    ) -> None:
        ehr.add(unfiled("2823-3", category=LABORATORY))
        await section(ehr, "labs")
        first = len(ehr.asked("Observation"))
        assert (await section(ehr, "vitals")).state == "empty"
        asked = [one.query.get("category") for one in ehr.asked("Observation")[first:]]
        assert "vital-signs,vital-sign" in asked
        assert "vital-signs" not in asked


class TestCounts:
    @pytest.mark.parametrize(
        ("total", "given", "said"),
        [
            (40, 5, "The EHR says that there are 40; it gave 5."),
            ("40", 5, "The EHR says that there are 40; it gave 5."),
            (1, 0, "The EHR says that there is 1; it gave none."),
        ],
    )
    async def test_fewer_than_the_ehr_says_there_are_is_said(
        self, ehr: FakeEHR, total: object, given: int, said: str
    ) -> None:
        async def too_few(_: web.Request) -> web.StreamResponse:
            entry = [{"resource": condition(f"c{n}")} for n in range(given)]
            return fhir({"resourceType": "Bundle", "total": total, "entry": entry})

        ehr.answers["Condition"] = too_few
        found = await section(ehr, "problems")
        assert (found.state, found.notes) == ("partial", (said,))

    async def test_an_entry_that_is_twice_on_a_page_was_counted_twice(self, ehr: FakeEHR) -> None:
        entry = [{"resource": condition("c1")}] * 2
        answer = {"resourceType": "Bundle", "total": 2, "entry": entry}
        ehr.answers["Condition"] = always(lambda: fhir(answer))
        found = await section(ehr, "problems")
        assert (found.state, found.notes, found.count) == ("ok", (), 1)

    async def test_an_entry_that_is_on_two_pages_may_be_in_the_place_of_another(
        self, ehr: FakeEHR
    ) -> None:
        async def pages(request: web.Request) -> web.StreamResponse:
            entry = [{"resource": condition("c1")}]
            is_first = "page" not in request.query
            link = [{"relation": "next", "url": f"{ehr.base}/Condition?page=2"}] * is_first
            return fhir({"resourceType": "Bundle", "total": 2, "entry": entry, "link": link})

        ehr.answers["Condition"] = pages
        said = "The EHR says that there are 2; it gave 1."
        assert (await section(ehr, "problems")).notes == (said,)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (0, "The EHR has more than was read, and nothing of what was read is shown here."),
            (1, "Only the first entry that the EHR sent is shown; it has more, and perhaps newer "
                "ones."),
            (2, "Only the first 2 entries that the EHR sent are shown; it has more, and perhaps "
                "newer ones."),
        ],
    )  # fmt: skip
    async def test_a_next_page_that_is_this_one_again_is_more(
        self, ehr: FakeEHR, given: int, said: str
    ) -> None:
        async def for_ever(_: web.Request) -> web.StreamResponse:
            return bundle([condition(f"c{n}") for n in range(given)], f"{ehr.base}/Condition?p=2")

        ehr.answers["Condition"] = for_ever
        found = await section(ehr, "problems")
        assert (found.state, found.notes) == ("partial", (said,))
        assert len(ehr.asked("Condition")) == 2

    async def test_a_single_entry_needs_no_list(self, ehr: FakeEHR) -> None:
        """Converters from XML write it so; it was an empty list once, and "none recorded"."""

        async def one(_: web.Request) -> web.StreamResponse:
            return fhir({"resourceType": "Bundle", "entry": {"resource": condition("c1")}})

        ehr.answers["Condition"] = one
        found = await section(ehr, "problems")
        assert (found.count, found.notes) == (1, ())

    @pytest.mark.parametrize("entries", [[], [{"resource": condition("c1")}]])
    @pytest.mark.parametrize(
        ("label", "said"),
        [
            ("REDACTED", "The EHR withholds a part of this."),
            ("SUBSETTED", "The EHR sent only a part of this."),
            ("N", ""),
        ],
    )
    async def test_a_list_from_which_something_is_withheld_says_so(
        self, ehr: FakeEHR, entries: list[Resource], label: str, said: str
    ) -> None:
        async def labelled(_: web.Request) -> web.StreamResponse:
            meta = {"security": [{"code": label}]}
            return fhir({"resourceType": "Bundle", "meta": meta, "entry": entries})

        ehr.answers["Condition"] = labelled
        found = await section(ehr, "problems")
        assert found.notes == ((said,) if said else ())
        assert found.is_whole is not bool(said)

    async def test_entries_that_are_no_list_are_no_answer(self, ehr: FakeEHR) -> None:
        async def words(_: web.Request) -> web.StreamResponse:
            return fhir({"resourceType": "Bundle", "entry": "Asthma"})

        ehr.answers["Condition"] = words
        assert (await section(ehr, "problems")).state == "failed"

    @pytest.mark.parametrize(
        ("mode", "state"), [({}, "partial"), ({"search": {"mode": "include"}}, "empty")]
    )
    async def test_a_list_of_something_else_is_not_empty(
        self, ehr: FakeEHR, mode: dict[str, object], state: str
    ) -> None:
        nested = {"resourceType": "Bundle", "entry": [{"resource": condition("c1")}]}

        async def other(_: web.Request) -> web.StreamResponse:
            return fhir({"resourceType": "Bundle", "entry": [{"resource": nested, **mode}]})

        ehr.answers["Condition"] = other
        found = await section(ehr, "problems")
        assert found.state == state
        assert found.notes == ((access_module.OF_ANOTHER_KIND,) if not mode else ())

    async def test_a_message_in_place_of_the_list_is_said_in_its_words(self, ehr: FakeEHR) -> None:
        issue = [{"severity": "error", "code": "exception", "diagnostics": "Index is rebuilt."}]

        async def message(_: web.Request) -> web.StreamResponse:
            return fhir({"resourceType": "OperationOutcome", "issue": issue})

        ehr.answers["Condition"] = message
        found = await section(ehr, "problems")
        assert found.state == "failed"
        assert found.error == (
            "In place of this part of the record, the EHR sent a message. "
            "The EHR said: “Index is rebuilt.”"
        )

    async def test_a_total_that_fits_is_no_news(self, ehr: FakeEHR) -> None:
        async def one_of_one(_: web.Request) -> web.StreamResponse:
            entry = [{"resource": condition("c1")}]
            return fhir({"resourceType": "Bundle", "total": 1, "entry": entry})

        ehr.answers["Condition"] = one_of_one
        assert (await section(ehr, "problems")).notes == ()


class TestMedications:
    ORDER = about_patient("MedicationRequest", "r1", status="active", intent="order")
    MEDICATION = {"resourceType": "Medication", "id": "m7", "code": concept("Losartan 50 mg")}

    @pytest.mark.parametrize(
        "reference", ["Medication/m7", "{base}/Medication/m7", "Medication/m7/_history/2"]
    )
    @pytest.mark.parametrize("comes_with_it", [True, False])
    async def test_the_medication_is_included_or_read(
        self, ehr: FakeEHR, reference: str, comes_with_it: bool
    ) -> None:
        written = {"reference": reference.replace("{base}", ehr.base)}
        order = {**self.ORDER, "medicationReference": written}
        ehr.add(order, self.MEDICATION)
        if comes_with_it:

            async def including(request: web.Request) -> web.StreamResponse:
                assert request.query["_include"] == "MedicationRequest:medication"
                return bundle([order, self.MEDICATION])

            ehr.answers["MedicationRequest"] = including
        found = await section(ehr, "medications")
        assert found.items[0].name == "Losartan 50 mg"
        was_read = any(one.path == "/fhir/Medication/m7" for one in ehr.requests)
        assert was_read is not comes_with_it

    async def test_what_patients_report_stands_beside_the_orders(self, ehr: FakeEHR) -> None:
        taken = {"medicationCodeableConcept": concept("Warfarin 5 mg")}
        ehr.add(
            {**self.ORDER, "medicationCodeableConcept": concept("Losartan 50 mg")},
            about_patient("MedicationStatement", "s1", status="active", **taken),
        )
        found = await section(ehr, "medications")
        assert {one.name for one in found.items} == {"Losartan 50 mg", "Warfarin 5 mg"}

    async def test_an_ehr_without_statements_says_nothing_of_them(self, ehr: FakeEHR) -> None:
        async def unknown(_: web.Request) -> web.StreamResponse:
            return web.Response(status=404)

        ehr.answers["MedicationStatement"] = unknown
        for _ in range(2):
            assert (await section(ehr, "medications")).notes == ()
        assert len(ehr.asked("MedicationStatement")) == 1
