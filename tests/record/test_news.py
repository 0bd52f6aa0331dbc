"""What is new and what is wrong, from what was read, and of what it was made."""

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from smartapp.record.encounters import read_encounters
from smartapp.record.laboratory import read_laboratory
from smartapp.record.medications import read_medications
from smartapp.record.news import (
    News,
    Overview,
    Share,
    overview,
    share_from,
    share_of_encounters,
    share_of_laboratory,
    share_of_medications,
    share_of_vital_signs,
)
from smartapp.record.vital_signs import read_vital_signs
from tests.chart.samples import (
    NOW,
    Resource,
    about_patient,
    concept,
    observation,
    patient,
    quantity,
)
from tests.record.samples import given, named

RANGE = [{"low": {"value": 3.5}, "high": {"value": 5.1}}]
VISIT = named(
    "Encounter", "v1", status="finished", period={"start": "2026-10-01T09:00:00Z"}, type=[]
)


def potassium(value: float, when: str, **members: Any) -> Resource:
    own = {"name": "Potassium", "when": when, "referenceRange": RANGE, **members}
    return observation("2823-3", value, "mmol/L", **own)


def order(name: str, when: str, dose: str = "1 tablet", **members: Any) -> Resource:
    return about_patient(
        "MedicationRequest",
        f"{name}{when}{dose}",
        **{
            "status": "active",
            "intent": "order",
            "authoredOn": when,
            "medicationCodeableConcept": concept(name),
            "dosageInstruction": [{"text": dose}],
            **members,
        },
    )


def labs(*results: Resource) -> Share:
    return share_of_laboratory(read_laboratory(given(*results)).entries)


def medications(*orders: Resource) -> Share:
    return share_of_medications(read_medications(given(*orders)).entries)


def vital_signs(*signs: Resource) -> Share:
    return share_of_vital_signs(read_vital_signs(given(*signs)).entries)


def visits(*encounters: Resource) -> Share:
    return share_of_encounters(read_encounters(given(*encounters)).entries)


def block(encounter: str | None = None, /, **shares: Share) -> Overview:
    whole = dict.fromkeys(("labs", "vitals", "medications", "encounters"), Share())
    return overview({**whole, **shares}, encounter=encounter, now=NOW)


def line(share: Share) -> News:
    (found,) = share.lines
    return found


class TestResults:
    def test_another_value_of_the_same_moment_is_beside_it(self) -> None:
        found = line(labs(potassium(5.6, "2026-10-05"), potassium(4.1, "2026-10-05")))
        assert (found.text, found.beside) == ("5.6 mmol/L", "at the same time 4.1 mmol/L")

    def test_the_newest_value_outside_its_range_is_abnormal(self) -> None:
        found = line(labs(potassium(5.6, "2026-10-05"), potassium(6.1, "2026-05-01")))
        assert (found.kind, found.name, found.text) == ("abnormal", "Potassium", "5.6 mmol/L")
        assert (found.direction, found.limits, found.before) == ("high", "3.5 to 5.1", "")

    def test_a_value_that_left_its_range_says_from_where(self) -> None:
        found = line(labs(potassium(5.6, "2026-10-05"), potassium(4.1, "2026-05-01")))
        assert found.before == "4.1 mmol/L, 1 May 2026"

    def test_of_one_moment_each_abnormal_one_is_told(self) -> None:
        both = [potassium(value, "2026-10-05T08:00:00Z") for value in (5.6, 6.2)]
        assert [one.text for one in labs(*both).lines] == ["5.6 mmol/L", "6.2 mmol/L"]

    def test_where_nobody_says_that_it_was_inside_nothing_left_a_range(self) -> None:
        before = potassium(4.1, "2026-05-01", referenceRange=[])
        assert line(labs(potassium(5.6, "2026-10-05"), before)).before == ""

    def test_what_was_abnormal_says_how_it_is_now(self) -> None:
        found = line(labs(potassium(4.1, "2026-10-05"), potassium(6.9, "2026-10-02")))
        assert (found.kind, found.text) == ("was-abnormal", "6.9 mmol/L")
        assert found.beside == "now 4.1 mmol/L, 5 Oct 2026"

    @pytest.mark.parametrize(("value", "kinds"), [(4.1, ["was-abnormal"]), (5.6, ["abnormal"])])
    def test_what_was_abnormal_in_another_unit_is_not_abnormal_now(
        self, value: float, kinds: list[str]
    ) -> None:
        before = potassium(6.9, "2026-10-02")
        before["valueQuantity"]["unit"] = "mEq/L"
        found = labs(potassium(value, "2026-10-05"), before).lines
        assert [one.kind for one in found] == kinds

    def test_the_ehrs_own_word_counts(self) -> None:
        critical = [concept("", "HH", "")]
        found = line(labs(potassium(5.0, "2026-10-05", interpretation=critical)))
        assert found.flag == "Critically high, though inside the range"
        assert found.is_critical

    def test_a_value_that_nobody_judges_is_counted(self) -> None:
        share = labs(potassium(9.9, "2026-10-05", referenceRange=[]))
        assert (share.lines, share.unjudged) == ((), 1)

    @pytest.mark.parametrize(
        ("found", "usual", "unjudged"),
        [
            ("Few", "None seen", 1),
            ("Negative", "Negative", 0),
            ("Negative (A)", "Negative", 1),
            ("Not detected", "Negative", 0),
            ("Yellow", "Straw, yellow", 0),
            ("Not detected", "Not detected by PCR", 0),
            ("Detected", "Not detected by PCR", 1),
            ("Reactive", "Nonreactive (adults)", 1),
        ],
    )
    def test_words_that_differ_from_those_of_their_range_too(
        self, found: str, usual: str, unjudged: int
    ) -> None:
        cells = observation("Cells", None, valueString=found, referenceRange=[{"text": usual}])
        assert labs(cells).unjudged == unjudged

    @pytest.mark.parametrize(
        ("value", "unjudged"),
        [
            ({"value": "about 6.9", "unit": "mmol/L"}, 1),
            ({"value": "6.9 H", "unit": "mmol/L"}, 0),
            ({"value": 5, "comparator": ">", "unit": "mmol/L"}, 1),
            ({"value": 4, "comparator": "<", "unit": "mmol/L"}, 1),
            ({"value": 4, "unit": "mmol/L"}, 0),
        ],
    )
    def test_a_number_that_its_range_does_not_decide_too(
        self, value: dict[str, Any], unjudged: int
    ) -> None:
        usual = [{"low": quantity(3.5), "high": quantity(5.1)}]
        found = observation("K", None, valueQuantity=value, referenceRange=usual)
        assert labs(found).unjudged == unjudged

    def test_a_bound_inside_a_range_without_the_other_side_is_judged(self) -> None:
        below = {"value": 5, "comparator": "<", "unit": "mg/L"}
        usual = [{"high": quantity(5, "mg/L")}]
        found = observation("CRP", None, valueQuantity=below, referenceRange=usual)
        assert labs(found).unjudged == 0

    @pytest.mark.parametrize(("words", "count"), [("Resistant", 1), ("Abnormal", 1), ("High", 0)])
    def test_a_result_that_is_a_judgement_is_abnormal(self, words: str, count: int) -> None:
        assert len(labs(observation("Scan", None, valueString=words)).lines) == count

    def test_nothing_is_below_zero(self) -> None:
        below = {"value": 0.01, "comparator": "<", "unit": "ng/mL"}
        usual = [{"low": quantity(0, "ng/mL"), "high": quantity(0.04, "ng/mL")}]
        found = observation("Troponin", None, valueQuantity=below, referenceRange=usual)
        assert labs(found).unjudged == 0

    def test_what_another_result_replaced_is_no_news(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/observation-replaces"
        reference = {"reference": "Observation/wrong"}
        wrong = {**potassium(6.9, "2026-10-06"), "id": "wrong"}
        right = potassium(4.1, "2026-10-05", extension=[{"url": url, "valueReference": reference}])
        assert labs(wrong, right).lines == ()

    def test_a_result_that_its_range_does_not_name_is_abnormal(self) -> None:
        usual = [{"text": "Nonreactive"}]
        found = observation("HIV", None, valueString="Reactive", referenceRange=usual)
        assert line(labs(found)).flag == "Outside range"

    @pytest.mark.parametrize("when", ["", "2099-01-01"])
    def test_what_has_no_place_in_time_is_no_news(self, when: str) -> None:
        assert labs(potassium(5.6, when)).lines == ()

    @pytest.mark.parametrize("when", ["", "2099-01-01", "yesterday"])
    def test_and_is_counted_where_it_is_abnormal(self, when: str) -> None:
        pulse = observation(
            "8867-4", 160, "/min", when=when, interpretation=[concept("", "HH", "")]
        )
        signs = share_of_vital_signs(read_vital_signs(given(pulse)).entries)
        found = block(labs=labs(potassium(5.6, when), potassium(4.1, when)), vitals=signs)
        assert found.undated == 2

    def test_what_was_withdrawn_is_not_abnormal(self) -> None:
        critical = [concept("", "HH", "")]
        sent = potassium(7.2, "2026-10-05", interpretation=critical)
        assert labs({**sent, "status": "cancelled"}).lines == ()

    @pytest.mark.parametrize(
        ("first", "then"), [("preliminary", "final"), ("final", "corrected"), ("final", "amended")]
    )
    def test_what_another_result_took_the_place_of_is_not_abnormal(
        self, first: str, then: str
    ) -> None:
        when = "2026-10-05T08:00:00Z"
        both = [
            {**potassium(value, when), "status": status}
            for value, status in ((7.2, first), (4.2, then))
        ]
        assert labs(*both).lines == ()

    def test_what_could_not_be_measured_does_not_end_what_was_abnormal(self) -> None:
        failed = {"dataAbsentReason": {"text": "haemolysed"}, "valueQuantity": None}
        newest = {**potassium(0, "2026-10-05"), **failed}
        found = line(labs(potassium(7.2, "2026-10-02"), newest))
        assert (found.kind, found.text) == ("abnormal", "7.2 mmol/L")
        assert found.beside == "since then No result: haemolysed, 5 Oct 2026"

    def test_nor_does_a_refused_vital_sign(self) -> None:
        pulse = observation(
            "8867-4", 160, "/min", when="2026-10-02", interpretation=[concept("", "H", "")]
        )
        refused = observation(
            "8867-4", None, when="2026-10-05", dataAbsentReason={"text": "refused"}
        )
        found = line(share_of_vital_signs(read_vital_signs(given(pulse, refused)).entries))
        assert (found.text, found.beside) == (
            "160 /min",
            "since then No result: refused, 5 Oct 2026",
        )

    def test_whose_value_it_is_stands_with_it(self) -> None:
        found = line(labs(potassium(5.6, "2026-10-05", focus=[{"display": "Donor"}])))
        assert found.name == "Potassium (of: Donor)"

    def test_vital_signs_by_the_ehrs_remark(self) -> None:
        pulse = [
            observation("8867-4", value, "/min", when=when, interpretation=[concept("", code, "")])
            for value, when, code in ((160, "2026-10-05", "H"), (70, "2026-05-01", "N"))
        ]
        found = line(share_of_vital_signs(read_vital_signs(given(*pulse)).entries))
        assert (found.name, found.text, found.flag) == ("Heart rate", "160 /min", "High")
        assert found.before == "70 /min, 1 May 2026"

    def test_a_reading_of_the_same_moment_as_the_latest_is_not_missed(self) -> None:
        high = {"interpretation": [{"coding": [{"code": "HH"}]}]}
        pulse = (
            observation("8867-4", 71, "/min", id="a"),
            observation("8867-4", 180, "/min", id="b", **high),
            {**observation("8867-4", 190, "/min", id="c", **high), "status": "preliminary"},
        )
        found = line(share_of_vital_signs(read_vital_signs(given(*pulse)).entries))
        assert (found.text, found.flag, found.is_critical) == ("180 /min", "Critically high", True)
        assert found.beside == "at the same time 71 /min"

    def test_vital_signs_that_nobody_judged_are_named_where_they_are_unusual(self) -> None:
        def unusual(value: float, when: str, **members: Any) -> tuple[str, ...]:
            pulse = observation("8867-4", value, "/min", when=when, **members)
            of_an_adult = replace(given(pulse), patient=patient())
            return share_of_vital_signs(read_vital_signs(of_an_adult).entries).unusual

        own = [{"low": {"value": 50}, "high": {"value": 190}}]
        assert unusual(180, "2026-10-05") == ("Heart rate 180 /min (above usual)",)
        assert unusual(80, "2026-10-05") == ()
        assert unusual(180, "2024-10-05") == ()
        assert unusual(180, "2026-10-05", referenceRange=own) == ()
        assert unusual(180, "2026-10-05", interpretation=[concept("", "HH", "")]) == ()

    def test_the_ehrs_range_of_a_vital_sign(self) -> None:
        own = [{"low": {"value": 50}, "high": {"value": 90}}]
        pulse = observation("8867-4", 120, "/min", when="2026-10-05", referenceRange=own)
        found = line(share_of_vital_signs(read_vital_signs(given(pulse)).entries))
        assert (found.flag, found.limits) == ("Above range", "50 to 90")


class TestMedications:
    def test_begun(self) -> None:
        found = line(medications(order("Apixaban", "2026-10-05")))
        assert (found.kind, found.name, found.text) == ("begun", "Apixaban", "1 tablet")

    def test_a_repeat_is_not_begun_again(self) -> None:
        found = line(medications(order("Apixaban", "2026-10-05"), order("Apixaban", "2020-01-01")))
        assert found.when == "1 Jan 2020"

    def test_another_dose_in_place_of_the_first(self) -> None:
        first = order("Apixaban", "2020-01-01", "2 tablets", status="stopped")
        found = line(medications(order("Apixaban", "2026-10-05"), first))
        assert (found.kind, found.before) == ("changed", "2 tablets")

    @pytest.mark.parametrize(("status", "kinds"), [("completed", []), ("stopped", ["begun"])])
    def test_the_same_dose_after_an_order_that_is_over(self, status: str, kinds: list[str]) -> None:
        found = medications(
            order("Metformin", "2026-10-05"), order("Metformin", "2026-05-01", status=status)
        )
        assert [one.kind for one in found.lines] == kinds

    def test_a_dose_with_another_number_of_zeros_is_the_same(self) -> None:
        now = order("Ramipril", "2026-10-05", "2.50 mg")
        before = order("Ramipril", "2026-05-01", "2.5 mg", status="completed")
        assert medications(now, before).lines == ()
        stopped = {**before, "status": "stopped"}
        assert [one.kind for one in medications(now, stopped).lines] == ["begun"]
        both = read_medications(given(now, {**before, "status": "active"})).entries
        assert [len(one.orders) for one in both] == [2]

    def test_another_dose_beside_the_first_is_no_change(self) -> None:
        shares = medications(order("A", "2026-10-05"), order("A", "2020-01-01", "2 tablets"))
        newest = max(shares.lines, key=lambda one: one.at)
        assert (newest.kind, newest.beside) == ("begun", "besides 2 tablets")

    def test_stopped_on_the_day_that_the_record_tells(self) -> None:
        bounds = {"repeat": {"boundsPeriod": {"end": "2026-10-03"}}}
        course = [{"text": "1 tablet", "timing": bounds}]
        ended = order("A", "2026-09-20", status="stopped", dosageInstruction=course)
        found = line(medications(ended))
        assert (found.kind, found.when) == ("stopped", "3 Oct 2026")

    def test_not_taken_any_more_since_nobody_says_when(self) -> None:
        earlier = order("A", "2026-08-05", status="completed")
        ended = order("A", "2026-10-05", status="stopped", statusReason={"text": "Bleeding"})
        found = line(medications(ended, earlier))
        assert (found.kind, found.when) == ("ordered-and-ended", "5 Oct 2026")
        assert found.beside == "Stopped; Bleeding"
        assert block(medications=medications(ended)).medications == (found,)

    @pytest.mark.parametrize(
        ("other", "said"),
        [
            (order("A", "2026-10-05", doNotPerform=True), "also says not to give this medicine"),
            (
                order("B", "", priorPrescription={"reference": "MedicationRequest/A"}),
                "another order replaces it",
            ),
            (order("B", ""), ""),
        ],
    )
    def test_what_contradicts_an_order_is_beside_it(self, other: Resource, said: str) -> None:
        begun = {**order("A", "2026-10-05"), "id": "A"}
        found = line(medications(begun, {**other, "id": "other"}))
        assert said in found.beside
        assert bool(said) is bool(found.beside)

    @pytest.mark.parametrize(
        "orders",
        [
            [order("A", "2026-10-05"), order("A", "", "2 tablets")],
            [order("A", "2026-10-05", doNotPerform=True)],
            [order("A", "2026-10-05", status="draft")],
        ],
        ids=["an order without a date", "forbidden", "never taken"],
    )
    def test_what_cannot_be_told_is_not_told(self, orders: list[Resource]) -> None:
        assert medications(*orders).lines == ()

    def test_half_a_dose_is_no_dose(self) -> None:
        more = [{"text": "1 tablet"}, {"timing": {"repeat": {"unknown": 1}}}]
        assert line(medications(order("A", "2026-10-05", dosageInstruction=more))).text == ""


class TestLastVisit:
    def test_since_the_last_visit(self) -> None:
        found = block(encounters=visits(VISIT), labs=labs(potassium(5.6, "2026-10-05")))
        assert found.since.startswith("Since the last visit, 1 Oct 2026")
        assert found.abnormal == tuple(found.new)

    def test_the_launchs_own_visit_is_not_the_last_one(self) -> None:
        today = {**VISIT, "id": "now", "period": {"start": "2026-11-23T08:00:00Z"}}
        assert "1 Oct 2026" in block("now", encounters=visits(VISIT, today)).since

    @pytest.mark.parametrize("status", ["planned", "cancelled", "in-progress"])
    def test_a_visit_that_is_not_over_is_none(self, status: str) -> None:
        assert visits({**VISIT, "status": status}).visits == ()

    def test_without_one_it_is_of_the_last_90_days(self) -> None:
        old, new = potassium(5.6, "2026-08-01"), potassium(5.6, "2026-10-05", id="n")
        assert "No earlier visit is recorded" in block(labs=labs(old)).since
        assert block(labs=labs(old)).new == frozenset()
        assert len(block(labs=labs(new)).new) == 1

    def test_visits_that_were_not_read_are_not_called_none(self) -> None:
        unread = Share(is_read=False, is_whole=False)
        assert "The visits were not read" in block(encounters=unread).since

    def test_the_newest_comes_first_and_what_is_old_is_counted(self) -> None:
        share = labs(potassium(5.6, "2026-10-05"))
        newer = replace(line(share), at=line(share).at + 60, name="Newer")
        older = replace(line(share), at=(NOW - timedelta(days=400)).timestamp())
        found = block(labs=replace(share, lines=(line(share), newer, older)))
        assert [one.name for one in found.abnormal] == ["Newer", "Potassium"]
        assert found.long_ago == 1


class TestWhatItIsMadeOf:
    def test_it_says_what_could_not_be_read(self) -> None:
        unread = Share(is_read=False, is_whole=False)
        found = block(medications=unread)
        assert found.made_of == ("laboratory results", "vital signs", "visits")
        assert found.unread == ("medications",)
        assert found.are_values_whole

    @pytest.mark.parametrize("name", ["labs", "vitals"])
    @pytest.mark.parametrize("is_read", [True, False])
    def test_nothing_abnormal_only_of_values_that_were_read_whole(
        self, name: str, is_read: bool
    ) -> None:
        assert not block(None, **{name: Share(is_read=is_read, is_whole=False)}).are_values_whole

    @pytest.mark.parametrize(
        ("share", "has_values"),
        [
            (labs(potassium(4.0, "2026-10-05")), True),
            (vital_signs(observation("8867-4", 70, "/min", when="2026-10-05")), True),
            (labs(), False),
            (labs(potassium(4.0, "2024-10-05")), False),
            (labs(potassium(4.0, "")), False),
            (labs({**potassium(4.0, "2026-10-05"), "status": "entered-in-error"}), False),
            (labs(potassium(4.0, "2026-10-05", modifierExtension=[{"url": "x"}])), False),
            (labs(observation("2823-3", None, dataAbsentReason=concept("Haemolysed"))), False),
            (vital_signs(observation("8867-4", 70, "/min", when="2024-10-05")), False),
            (
                labs(
                    potassium(4.0, "2026-10-05"),
                    observation("2823-3", None, when="2026-10-06", name="Potassium"),
                ),
                True,
            ),
        ],
    )
    def test_of_no_values_none_is_normal(self, share: Share, has_values: bool) -> None:
        assert block(labs=share).has_values is has_values

    @pytest.mark.parametrize(
        ("shares", "is_whole"),
        [
            ({"labs": labs(potassium(4.0, "2026-10-05"))}, True),
            ({"labs": labs(potassium(5.6, "2026-10-05"))}, True),
            ({}, False),
            ({"labs": Share(is_read=False, is_whole=False)}, False),
            ({"labs": replace(labs(potassium(4.0, "2026-10-05")), is_whole=False)}, False),
            ({"labs": replace(labs(potassium(4.0, "2026-10-05")), not_understood=1)}, False),
        ],
    )
    def test_a_number_of_abnormal_values_only_where_it_says_it_all(
        self, shares: dict[str, Share], is_whole: bool
    ) -> None:
        assert block(None, **shares).is_whole is is_whole

    def test_what_is_not_understood_is_counted(self) -> None:
        mark = {"modifierExtension": [{"url": "http://example.org/not"}]}
        pulse = observation("8867-4", 70, "/min")
        found = block(
            labs=labs(potassium(9.9, "2026-10-05", **mark)), vitals=vital_signs({**pulse, **mark})
        )
        assert found.not_understood == 2
        assert block(labs=labs(potassium(9.9, "2026-10-05"))).not_understood == 0

    def test_visits_that_were_read_in_part_are_not_called_none(self) -> None:
        since = block(encounters=Share(is_whole=False)).since
        assert since == "No earlier visit is in what was read, so this is of the last 90 days"

    def test_a_share_comes_back_from_the_shelf_as_it_was(self) -> None:
        share = labs(potassium(5.6, "2026-10-05"))
        assert share_from(asdict(share)) == share
        assert share_from(asdict(visits(VISIT))) == visits(VISIT)
