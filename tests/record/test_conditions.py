from typing import Any

import pytest

from smartapp.record.conditions import NOT_NAMED, Problem, read_problems
from smartapp.record.elements import Resource
from tests.chart.samples import about_patient, concept
from tests.record.samples import SNOMED, given, named

VISIT = [concept("", "encounter-diagnosis")]
LISTED = [concept("", "problem-list-item")]


def problem(**members: Any) -> Problem:
    base = {"code": concept("Asthma"), "clinicalStatus": concept("", "active")}
    (only,) = read(about_patient("Condition", "c", **{**base, **members}))
    return only


def read(*resources: Resource) -> list[Problem]:
    return list(read_problems(given(*resources)).entries)


def condition(name: str, status: str = "active", **members: Any) -> Resource:
    return named("Condition", name, clinicalStatus=concept("", status), **members)


class TestOrder:
    def test_the_problem_list_newest_first_then_visits_then_what_is_over(self) -> None:
        found = read(
            condition("old", onsetDateTime="2001"),
            condition("sore throat", category=VISIT, recordedDate="2026-01-01"),
            condition("over", "resolved", onsetDateTime="2020"),
            condition("new", onsetDateTime="2019", category=LISTED),
        )
        assert [one.name for one in found] == ["new", "old", "sore throat", "over"]
        assert [one.group for one in found] == ["active", "active", "visit", "over"]

    @pytest.mark.parametrize(
        ("category", "group"),
        [
            ([], "active"),
            (LISTED, "active"),
            ([*VISIT, *LISTED], "active"),
            ([concept("", "health-concern")], "active"),
            (VISIT, "visit"),
            ([{"text": "Encounter Diagnosis"}], "visit"),
            ([{"text": "Admission diagnosis"}], "visit"),
        ],
    )
    def test_by_category(self, category: list[Resource], group: str) -> None:
        assert problem(category=category).group == group

    def test_only_the_problem_list_is_counted(self) -> None:
        found = read(condition("a"), condition("b", category=VISIT), condition("No known problems"))
        assert [one.is_counted for one in found] == [True, False, False]


class TestEqualDiagnosesOfVisits:
    def test_are_one_entry_that_keeps_each(self) -> None:
        visits = [
            condition("Pain", category=VISIT, recordedDate=f"2026-0{month}-01",
                      note=[{"text": f"visit {month}"}])
            for month in (1, 3, 2)
        ]  # fmt: skip
        (found,) = read(*visits)
        assert found.sources == 3
        assert [one.marks.notes for one in (found, *found.same)] == [
            ("visit 3",),
            ("visit 2",),
            ("visit 1",),
        ]

    def test_stay_apart_where_the_side_differs(self) -> None:
        left, right = (
            condition("Pain", category=VISIT, bodySite=[concept(side)])
            for side in ("left", "right")
        )
        assert len(read(left, right)) == 2

    def test_entries_of_the_problem_list_are_never_folded(self) -> None:
        assert len(read(condition("Pain"), condition("Pain"))) == 2


class TestStatus:
    def test_that_is_missing_is_said(self) -> None:
        found = problem(clinicalStatus=None)
        assert (found.group, found.marks.status) == ("active", "Status not recorded")

    @pytest.mark.parametrize(
        "members",
        [
            {"abatementDateTime": "2020"},
            {"abatementString": "years ago"},
            {"abatementAge": {"value": 12, "code": "a"}},
            {"abatementPeriod": {"end": "2020"}},
            {"abatementRange": {"low": {"value": 12, "code": "a"}}},
            {"abatementBoolean": True},
        ],
    )
    def test_an_abatement_of_any_form_ends_it_where_no_status_is(
        self, members: dict[str, Any]
    ) -> None:
        found = problem(clinicalStatus=None, **members)
        assert (found.group, found.marks.status) == ("over", "Over")
        assert found.abatement is not None
        # The author's last word.
        assert problem(**members).group == "active"

    @pytest.mark.parametrize("words", ["ongoing", "Unknown", "No", "not yet resolved"])
    def test_words_that_tell_of_no_end_end_nothing(self, words: str) -> None:
        for members in ({"abatementString": words}, {"abatementAge": words}):
            found = problem(clinicalStatus=None, **members)
            assert (found.group, found.marks.status) == ("active", "Status not recorded")
            assert (found.abatement, found.relations[0].split(": ")[0]) == (None, "end")

    @pytest.mark.parametrize("status", ["inactive", "remission", "resolved", "Resolved"])
    def test_that_says_so_ends_it(self, status: str) -> None:
        assert problem(clinicalStatus=status).group == "over"

    def test_doubt_is_said(self) -> None:
        assert problem(verificationStatus="provisional").marks.status == "Provisional"

    @pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
    def test_what_is_not_true_is_left_out(self, status: str) -> None:
        found = read_problems(given(condition("x", verificationStatus=concept("", status))))
        assert (found.entries, len(found.left_out)) == ((), 1)


class TestWhatADiagnosisConsistsOf:
    def test_site_and_side(self) -> None:
        assert problem(bodySite=[concept("Left breast")]).sites == ("Left breast",)
        side = {"coding": [{"system": SNOMED, "code": "7771000"}], "text": "Breast"}
        assert problem(bodySite=[side]).sites == ("Breast, left",)

    def test_stage(self) -> None:
        staged = [{"summary": concept("Stage IIIB"), "type": concept("Pathological")}]
        assert problem(stage=staged).stages == ("Stage IIIB (Pathological)",)
        assert problem(stage=[{"assessment": [{"display": "T3 N1 M0"}]}]).stages == ("T3 N1 M0",)

    def test_severity_evidence_and_notes(self) -> None:
        found = problem(
            severity=concept("Severe"),
            evidence=[{"code": [concept("Wheeze")], "detail": [{"display": "Spirometry"}]}],
            note=[{"text": "line 1\nline 2"}],
        )
        assert found.severity == "Severe"
        assert found.evidence == ("Wheeze", "Spirometry")
        assert found.marks.notes == ("line 1\nline 2",)

    def test_a_name_that_is_missing_is_the_ehrs(self) -> None:
        assert problem(code=None).name == NOT_NAMED


class TestDates:
    def test_a_recorded_date_is_no_onset(self) -> None:
        found = problem(recordedDate="2026-02-01", onsetString="in childhood")
        assert found.onset is not None
        assert (found.onset.words, found.onset.moment) == ("in childhood", None)
        assert found.recorded is not None
        assert problem(recordedDate="2026-02-01").onset is None

    def test_a_date_that_cannot_be_read_is_shown(self) -> None:
        onset = problem(onsetDateTime="last winter").onset
        assert onset is not None
        assert "last winter" in onset.words


class TestStatements:
    def test_are_remarked_where_a_problem_contradicts(self) -> None:
        found = read(condition("No current problems"), condition("Asthma"))
        assert [(one.name, one.is_contradicted) for one in found] == [
            ("Asthma", False),
            ("No current problems", True),
        ]

    def test_stand_alone_uncontradicted(self) -> None:
        (only,) = read(condition("No current problems"))
        assert not only.is_contradicted


# JP Core has them beside a code of the disease without them.
@pytest.mark.parametrize(
    ("text", "before", "after", "name"),
    [
        ("肺炎", "", {"text": "の疑い"}, "肺炎の疑い"),
        ("肺炎", "", {"coding": [{"code": "8002"}]}, "肺炎の疑い"),
        ("肺癌", {"text": "左"}, "", "左肺癌"),
        ("左肺癌の疑い", {"text": "左"}, {"text": "の疑い"}, "左肺癌の疑い"),
        ("肺癌疑い", "", {"text": "の疑い"}, "肺癌疑い"),
    ],
)
def test_words_beside_the_name_of_a_disease_are_said(
    text: str, before: Any, after: Any, name: str
) -> None:
    url = "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Condition_Disease"
    beside = [
        {"url": f"{url}PrefixModifier", "valueCodeableConcept": before},
        {"url": f"{url}PostfixModifier", "valueCodeableConcept": after},
    ]
    assert problem(code={"text": text}, extension=beside).name == name


def test_remission_in_words_is_over() -> None:
    assert problem(clinicalStatus={"text": "In remission"}).group == "over"
