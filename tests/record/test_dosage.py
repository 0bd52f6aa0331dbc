"""Every element of Dosage and Timing is in the words, or the line says that there is more."""

from decimal import Decimal
from typing import Any

import pytest
from fhirclient.models.dosage import Dosage as R4Dosage
from fhirclient.models.dosage import DosageDoseAndRate
from fhirclient.models.fhirabstractbase import FHIRAbstractBase
from fhirclient.models.timing import Timing as R4Timing
from fhirclient.models.timing import TimingRepeat

from smartapp.record.dosage import Dosage, read_dosages
from smartapp.record.timing import EVENTS
from smartapp.record.units import UCUM

SILENT = {"id", "extension"}
DAY = {"frequency": 1, "period": 1, "periodUnit": "d"}


def mg(value: object) -> dict[str, Any]:
    return {"value": value, "unit": "mg", "system": UCUM, "code": "mg"}


def dose(value: object, unit: str = "mg") -> dict[str, Any]:
    return {"doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}]}


def read(dosage: dict[str, Any]) -> Dosage:
    (only,) = read_dosages([dosage])
    return only


def words(**dosage: Any) -> str:
    """Return the words of a dosage that is said whole."""
    found = read(dosage)
    assert found.is_whole
    return found.words


def timing(**repeat: Any) -> str:
    return words(timing={"repeat": repeat})


# For each element of R4: an example of it, and what of it must stand in the words.
DOSAGE_EXAMPLES: dict[str, tuple[Any, str]] = {
    "sequence": (2, ""),
    "text": ("two at night", "two at night"),
    "additionalInstruction": ([{"text": "with food"}], "with food"),
    "patientInstruction": ("swallow whole", "swallow whole"),
    "timing": ({"repeat": DAY}, "once a day"),
    "asNeededBoolean": (True, "as needed"),
    "asNeededCodeableConcept": ({"text": "itching"}, "as needed for itching"),
    "site": ({"text": "left eye"}, "left eye"),
    "route": ({"text": "by mouth"}, "by mouth"),
    "method": ({"text": "chew"}, "chew"),
    "doseAndRate": ([{"doseQuantity": mg(5)}], "5 mg"),
    "maxDosePerPeriod": (
        {"numerator": mg(40), "denominator": {"value": 1, "unit": "d"}},
        "at most 40 mg per day",
    ),
    "maxDosePerAdministration": (mg(20), "at most 20 mg at a time"),
    "maxDosePerLifetime": (mg(550), "at most 550 mg in a lifetime"),
}
DOSE_EXAMPLES: dict[str, tuple[Any, str]] = {
    "type": ({"text": "calculated"}, ""),
    "doseRange": ({"low": mg(5), "high": mg(10)}, "5 mg to 10 mg"),
    "doseQuantity": (mg(Decimal("7.50")), "7.50 mg"),
    "rateRatio": (
        {"numerator": {"value": 1000, "unit": "U"}, "denominator": {"value": 1, "unit": "h"}},
        "at 1000 U per hour",
    ),
    "rateRange": (
        {"low": {"value": 1, "unit": "mL/h"}, "high": {"value": 2, "unit": "mL/h"}},
        "at 1 mL/h to 2 mL/h",
    ),
    "rateQuantity": ({"value": 25, "unit": "mL/h"}, "at 25 mL/h"),
}
TIMING_EXAMPLES: dict[str, tuple[Any, str]] = {
    "event": (["2026-06-03", "2026-06-10"], "on 3 Jun 2026 and 10 Jun 2026"),
    "repeat": (DAY, "once a day"),
    "code": ({"coding": [{"code": "BID"}]}, "2 times a day"),
}
# Each with what it needs beside it.
REPEAT_EXAMPLES: dict[str, tuple[dict[str, Any], str]] = {
    "boundsDuration": ({"boundsDuration": {"value": 7, "unit": "d"}}, "for 7 days"),
    "boundsRange": (
        {"boundsRange": {"low": {"value": 7, "code": "d"}, "high": {"value": 10, "code": "d"}}},
        "for 7 days to 10 days",
    ),
    "boundsPeriod": (
        {"boundsPeriod": {"start": "2026-04-01", "end": "2026-04-08"}},
        "from 1 Apr 2026 to 8 Apr 2026",
    ),
    "count": ({"count": 3}, "3 times in all"),
    "countMax": ({"count": 3, "countMax": 5}, "3 to 5 times in all"),
    "duration": ({"duration": 30, "durationUnit": "min"}, "over 30 minutes"),
    "durationMax": (
        {"duration": 30, "durationMax": 60, "durationUnit": "min"},
        "over 30 to 60 minutes",
    ),
    "durationUnit": ({"duration": 2, "durationUnit": "h"}, "over 2 hours"),
    "frequency": ({"frequency": 3, "period": 1, "periodUnit": "d"}, "3 times a day"),
    "frequencyMax": (
        {"frequency": 1, "frequencyMax": 3, "period": 1, "periodUnit": "d"},
        "1 to 3 times a day",
    ),
    "period": ({"period": 8, "periodUnit": "h"}, "every 8 hours"),
    "periodMax": ({"period": 4, "periodMax": 6, "periodUnit": "h"}, "every 4 to 6 hours"),
    "periodUnit": ({"period": 1, "periodUnit": "wk"}, "once a week"),
    "dayOfWeek": ({"dayOfWeek": ["mon", "thu"]}, "on Mondays and Thursdays"),
    "timeOfDay": ({"timeOfDay": ["08:00:00", "20:30:00"]}, "at 08:00 and 20:30"),
    "when": ({"when": ["MORN"]}, "in the morning"),
    "offset": ({"when": ["ACM"], "offset": 30}, "30 minutes before breakfast"),
}


def elements(cls: type[FHIRAbstractBase]) -> set[str]:
    """Return the names of a type's elements in R4, as the published definitions have them."""
    return {names[1] for names in cls().elementProperties()} - SILENT


class TestEveryElement:
    """FHIR R4: Dosage and Timing."""

    @pytest.mark.parametrize(
        ("cls", "examples"),
        [
            (R4Dosage, DOSAGE_EXAMPLES),
            (DosageDoseAndRate, DOSE_EXAMPLES),
            (R4Timing, TIMING_EXAMPLES),
            (TimingRepeat, REPEAT_EXAMPLES),
        ],
    )
    def test_has_an_example_here(
        self, cls: type[FHIRAbstractBase], examples: dict[str, Any]
    ) -> None:
        assert elements(cls) - {"modifierExtension"} == examples.keys()

    @pytest.mark.parametrize("name", DOSAGE_EXAMPLES)
    def test_of_dosage_is_said(self, name: str) -> None:
        example, said = DOSAGE_EXAMPLES[name]
        found = read({name: example})
        assert said in f"{found.words} {found.for_patient}"
        assert found.is_whole

    @pytest.mark.parametrize("name", DOSE_EXAMPLES)
    def test_of_dose_and_rate_is_said(self, name: str) -> None:
        example, said = DOSE_EXAMPLES[name]
        assert words(doseAndRate=[{name: example}]) == said

    @pytest.mark.parametrize("name", TIMING_EXAMPLES)
    def test_of_timing_is_said(self, name: str) -> None:
        example, said = TIMING_EXAMPLES[name]
        assert words(timing={name: example}) == said

    @pytest.mark.parametrize("name", REPEAT_EXAMPLES)
    def test_of_repeat_is_said(self, name: str) -> None:
        example, said = REPEAT_EXAMPLES[name]
        assert timing(**example) == said

    @pytest.mark.parametrize(
        "dosage",
        [
            {"modifierExtension": [{"url": "http://example.org/x", "valueBoolean": True}]},
            {"doseQuantity": mg(10)},
            {"newInSomeLaterRelease": "x"},
            {"doseAndRate": [{"newInSomeLaterRelease": "x"}]},
            {"timing": {"newInSomeLaterRelease": "x"}},
            {"timing": {"repeat": {"newInSomeLaterRelease": "x"}}},
            {"timing": {"modifierExtension": [{"url": "http://example.org/x"}]}},
            {"timing": "every other day"},
        ],
    )
    def test_that_is_unknown_makes_the_line_say_so(self, dosage: dict[str, Any]) -> None:
        assert not read(dose(5) | dosage).is_whole

    def test_extensions_may_be_ignored(self) -> None:
        """FHIR R4 Extensibility: only modifier extensions change the meaning."""
        assert read(dose(5) | {"extension": [{"url": "http://example.org/x"}]}).is_whole


class TestHowOften:
    @pytest.mark.parametrize(
        ("repeat", "said"),
        [
            ({**DAY, "dayOfWeek": ["mon"]}, "on Mondays"),
            ({**DAY, "dayOfWeek": ["mon", "wed", "fri"]}, "on Mondays, Wednesdays and Fridays"),
            ({"dayOfWeek": ["Sun"]}, "on Sundays"),
            ({"frequency": 2, "period": 1, "periodUnit": "d", "dayOfWeek": ["sat"]},
             "2 times a day, on Saturdays"),
            ({"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["tue"]},
             "once a week, on Tuesdays"),
            ({"frequency": 1, "period": 7, "periodUnit": "d"}, "every 7 days"),
            ({"frequency": 1, "period": 1, "periodUnit": "h"}, "once an hour"),
            ({"frequency": 2, "period": 8, "periodUnit": "h"}, "2 times every 8 hours"),
            ({"frequencyMax": 3, "period": 1, "periodUnit": "d"}, "up to 3 times a day"),
            ({"frequency": "2", "period": "1.0", "periodUnit": "d"}, "2 times a day"),
            ({"period": Decimal("0.5"), "periodUnit": "h"}, "every 0.5 hours"),
            ({**DAY, "when": ["HS"]}, "once a day, before going to sleep"),
            ({"when": ["CM", "CV"]}, "with breakfast and with dinner"),
            ({"when": ["C"], "offset": 15}, "15 minutes after meals"),
            ({**DAY, "boundsPeriod": {"end": "2026-04-08"}}, "once a day, until 8 Apr 2026"),
            ({**DAY, "boundsPeriod": {"end": "soon"}},
             "once a day, until date not readable: soon"),
            ({"count": 1}, "once in all"),
        ],
    )  # fmt: skip
    def test_is_said(self, repeat: dict[str, Any], said: str) -> None:
        assert timing(**repeat) == said

    def test_a_weekly_dose_is_never_a_daily_one(self) -> None:
        for days in ({"dayOfWeek": ["mon"]}, {"dayOfWeek": ["mon"], "when": ["MORN"]}):
            assert "once a day" not in timing(**DAY, **days)

    @pytest.mark.parametrize(
        "repeat",
        [
            {"frequency": 2},
            {"frequency": 2, "period": 1},
            {"frequency": 0, "period": 1, "periodUnit": "d"},
            {"frequency": True, "period": 1, "periodUnit": "d"},
            {"frequency": -1, "period": 1, "periodUnit": "d"},
            {"period": 1, "periodUnit": "fortnight"},
            {"_frequency": {"extension": [{"url": "x"}]}, "period": 1, "periodUnit": "d"},
            {"dayOfWeek": ["mon", "someday"]},
            {"_dayOfWeek": [{"extension": [{"url": "x"}]}]},
            {"when": ["XX"]},
            {"offset": 30},
            {"timeOfDay": ["morning"]},
            {"count": "many"},
            {"duration": 30},
            {"boundsDuration": {"unit": "d"}},
        ],
    )
    def test_what_cannot_be_said_is_in_the_ehr(self, repeat: dict[str, Any]) -> None:
        found = read({"timing": {"repeat": repeat}})
        assert not found.is_whole
        assert "once a day" not in found.words

    def test_the_days_are_said_where_the_rate_cannot_be(self) -> None:
        found = read({"timing": {"repeat": {"frequency": 2, "dayOfWeek": ["mon"]}}})
        assert (found.words, found.is_whole) == ("on Mondays", False)

    @pytest.mark.parametrize("event", EVENTS)
    def test_every_event_takes_an_offset(self, event: str) -> None:
        assert timing(when=[event], offset=10).startswith("10 minutes ")


class TestTheCodeOfATiming:
    def test_says_nothing_twice(self) -> None:
        said = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
        for code in ({"text": "BID"}, {"text": "2 times daily"}, {"text": "Twice a day"}):
            assert words(timing=said | {"code": code}) == "2 times a day"

    def test_that_says_something_else_stands_as_the_ehrs_word(self) -> None:
        said = words(timing={"repeat": {**DAY, "dayOfWeek": ["mon"]}, "code": {"text": "Daily"}})
        assert said == "on Mondays, coded as “Daily”"

    def test_of_a_stranger_stands_as_a_code(self) -> None:
        code = {"coding": [{"system": "http://example.org", "code": "WK"}]}
        assert words(timing={"code": code}) == "code WK"


class TestDoses:
    @pytest.mark.parametrize(
        ("quantity", "said"),
        [
            ({"value": Decimal("1.125"), "unit": "mg"}, "1.125 mg"),
            ({"value": Decimal("0.1125"), "unit": "mg"}, "0.1125 mg"),
            ({"value": Decimal("2.50"), "unit": "mg"}, "2.50 mg"),
            ({"value": 1}, "1 (no unit given)"),
            ({"value": 1, "unit": "1"}, "1 (no unit given)"),
            ({"value": 2, "code": "{tablet}"}, "2 tablet"),
            ({"value": 2, "unit": "tablets"}, "2 tablets"),
            ({"value": 5, "comparator": "<", "unit": "mg"}, "< 5 mg"),
        ],
    )
    def test_keep_their_digits_and_unit(self, quantity: dict[str, Any], said: str) -> None:
        assert words(doseAndRate=[{"doseQuantity": quantity}]) == said

    def test_of_several_kinds_have_their_names(self) -> None:
        doses = [
            {"type": {"text": "Ordered"}, "doseQuantity": mg(500)},
            {"type": {"text": "Calculated"}, "doseQuantity": mg(480)},
        ]
        assert words(doseAndRate=doses) == "500 mg (Ordered), 480 mg (Calculated)"

    def test_of_several_kinds_that_are_equal_are_said_once(self) -> None:
        doses = [{"type": {"text": kind}, "doseQuantity": mg(500)} for kind in ("a", "b")]
        assert words(doseAndRate=doses) == "500 mg"

    @pytest.mark.parametrize(
        ("bounds", "said"),
        [({"high": mg(10)}, "up to 10 mg"), ({"low": mg(5)}, "at least 5 mg")],
    )
    def test_may_have_one_bound(self, bounds: dict[str, Any], said: str) -> None:
        assert words(doseAndRate=[{"doseRange": bounds}]) == said

    def test_without_a_number_are_in_the_ehr(self) -> None:
        assert not read({"doseAndRate": [{"doseQuantity": {"unit": "mg"}}]}).is_whole

    def test_a_rate_over_hours(self) -> None:
        ratio = {"numerator": {"value": 20, "unit": "mL"}, "denominator": {"value": 4, "unit": "h"}}
        assert words(doseAndRate=[{"rateRatio": ratio}]) == "at 20 mL per 4 hours"

    @pytest.mark.parametrize("one", [{"value": 1}, {"value": 1, "system": UCUM, "code": "1"}])
    def test_a_rate_per_one_of_nothing_in_particular(self, one: dict[str, Any]) -> None:
        ratio = {"numerator": {"value": 20, "unit": "mL"}, "denominator": one}
        assert words(doseAndRate=[{"rateRatio": ratio}]) == "at 20 mL per 1 (no unit given)"


class TestTheAuthorsText:
    def test_stands_first_and_the_codes_say_what_it_does_not(self) -> None:
        found = read({"text": "Take 10 mg daily", **dose(10), "route": {"text": "Oral"},
                      "timing": {"repeat": DAY}})  # fmt: skip
        assert (found.words, found.coded) == ("Take 10 mg daily", "Oral")

    @pytest.mark.parametrize(
        ("written", "coded"),
        [
            ("Take 1 tablet by mouth 2 (two) times daily", ""),
            ("1 tab(s) PO BID", "1 tablet"),
            ("2 tablets orally b.i.d.", "1 tablet"),
            ("1 tablet PO TID", "2 times a day"),
            ("1 tablet 2 times a day po jedle", "Oral"),
            ("1 tablet twice a day; do not take by mouth", "Oral"),
        ],
    )
    def test_says_the_usual_in_many_ways(self, written: str, coded: str) -> None:
        twice = {"frequency": 2, "period": 1, "periodUnit": "d"}
        dosage = {"route": {"text": "Oral"}, "timing": {"repeat": twice}, **dose(1, "tablet")}
        assert read({"text": written, **dosage}).coded == coded

    @pytest.mark.parametrize(
        ("written", "frequency"), [("1 tablett vid samma tid", 3), ("1 tablet q.d.s.", 1)]
    )
    def test_shows_another_frequency_beside_words_that_look_alike(
        self, written: str, frequency: int
    ) -> None:
        repeat = {"frequency": frequency, "period": 1, "periodUnit": "d"}
        assert "a day" in read({"text": written, "timing": {"repeat": repeat}}).coded

    @pytest.mark.parametrize(
        ("written", "repeat", "coded"),
        [
            *(
                (f"20 mg {words}", {"when": ["HS"]}, "")
                for words in ("at bedtime", "qhs", "Q.H.S.", "before bed", "before bedtime")
            ),
            ("20 mg, not at bedtime", {"when": ["HS"]}, "before going to sleep"),
            ("20 mg in the morning", {"when": ["HS"]}, "before going to sleep"),
            *(
                (f"20 mg {words}", {"frequency": 1, "period": 1, "periodUnit": "h"}, "")
                for words in ("every hour", "each hour", "q1h")
            ),
            ("20 mg q4h", {"frequency": 1, "period": 1, "periodUnit": "h"}, "once an hour"),
            ("20 mg 4 hourly", {"frequency": 1, "period": 1, "periodUnit": "h"}, "once an hour"),
        ],
    )
    def test_says_the_time_of_day_and_the_hour(
        self, written: str, repeat: dict[str, Any], coded: str
    ) -> None:
        assert read({"text": written, "timing": {"repeat": repeat}}).coded == coded

    @pytest.mark.parametrize(
        ("code", "repeat", "said"),
        [
            ("BED", {"when": ["HS"]}, "before going to sleep"),
            ("QHS", {"when": ["HS"]}, "before going to sleep"),
            ("Q1H", {"frequency": 1, "period": 1, "periodUnit": "h"}, "once an hour"),
            ("Q4H", {"frequency": 1, "period": 1, "periodUnit": "h"},
             "once an hour, coded as “every 4 hours”"),
        ],
    )  # fmt: skip
    def test_of_a_code_that_means_the_same_is_said_once(
        self, code: str, repeat: dict[str, Any], said: str
    ) -> None:
        assert words(timing={"code": {"text": code}, "repeat": repeat}) == said

    @pytest.mark.parametrize(
        ("written", "amount", "coded"),
        [
            ("Take 5 mg daily", "5.0", ""),
            ("Take 5 mg daily", "5.00", ""),
            ("Take 5.0 mg daily", "5", ""),
            ("Take 2.5 mg daily", "2.50", ""),
            ("Take 0.5 mg daily", "0.50", ""),
            ("Take 50 mg daily", "5.0", "5.0 mg"),
            ("Take 5 mg daily", "5.01", "5.01 mg"),
            # In Germany 1.000 is a thousand, and 1,000 elsewhere.
            ("Take 1.000 mg daily", "1", "1 mg"),
            ("Take 1 mg daily", "1.000", "1.000 mg"),
            ("Take 1.0.5 mg daily", "1", "1 mg"),
            ("Take 1,000 mg daily", "1000", ""),
            ("Take 1,000 mg daily", "1", "1 mg"),
            ("Take 0,500 mg daily", "500", "500 mg"),
            ("Take 1,000.5 mg daily", "1000", "1000 mg"),
            ("Take 2,50 mg daily", "250", "250 mg"),
        ],
    )
    def test_says_a_number_with_or_without_zeros(
        self, written: str, amount: str, coded: str
    ) -> None:
        found = read({"text": written, **dose(Decimal(amount))})
        assert (found.words, found.coded) == (written, coded)

    def test_of_its_code_is_not_said_twice(self) -> None:
        timing = {"code": {"text": "every 4 hr"}, "repeat": {"boundsPeriod": {"start": "2026"}}}
        found = read({"text": "2 caps, every 4 hr", "timing": timing})
        assert found.coded == "from 2026"

    def test_of_a_dash_is_none_for_the_patient(self) -> None:
        found = read({**dose(5), "patientInstruction": "-"})
        assert (found.words, found.for_patient, found.is_whole) == ("5 mg", "", True)

    def test_of_a_snomed_unit_is_without_its_kind(self) -> None:
        unit = {"unit": "Tablet (unit of presentation)", "system": "http://snomed.info/sct"}
        tablets = {"doseAndRate": [{"doseQuantity": {"value": 1, "code": "732936001", **unit}}]}
        assert words(**tablets) == "1 Tablet"

    def test_never_hides_a_code_that_contradicts_it(self) -> None:
        found = read({"text": "Take 20 mg daily", **dose(10), "timing": {"repeat": DAY}})
        assert found.coded == "10 mg"

    def test_a_number_inside_another_is_not_in_the_text(self) -> None:
        assert read({"text": "Take 110 mg", **dose(10)}).coded == "10 mg"

    def test_keeps_its_lines(self) -> None:
        assert words(text="Day 1: 40 mg\nDay 2: 20 mg") == "Day 1: 40 mg\nDay 2: 20 mg"

    def test_of_the_patient_stands_beside_the_dose(self) -> None:
        found = read(dose(70) | {"timing": {"repeat": {"period": 1, "periodUnit": "wk"}},
                                 "patientInstruction": "Take before breakfast"})  # fmt: skip
        assert found.words == "70 mg, once a week"
        assert found.for_patient == "Take before breakfast"

    def test_does_not_make_unknown_members_known(self) -> None:
        assert not read({"text": "Take one", "newInSomeLaterRelease": "x"}).is_whole


class TestAsNeeded:
    def test_with_its_reason(self) -> None:
        assert words(asNeededCodeableConcept={"text": "pain"}) == "as needed for pain"

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ("as needed for pain", "as needed for pain"),
            ("PRN nausea", "as needed for nausea"),
            ("As needed", "as needed"),
            ("p.r.n.", "as needed"),
        ],
    )
    def test_a_reason_that_repeats_it(self, reason: str, said: str) -> None:
        assert words(asNeededCodeableConcept={"text": reason}) == said

    def test_with_the_reasons_of_r5(self) -> None:
        reasons = [{"text": "pain"}, {"text": "fever"}]
        assert words(asNeeded=True, asNeededFor=reasons) == "as needed for pain or fever"

    def test_false_says_nothing(self) -> None:
        assert words(**dose(5), asNeededBoolean=False) == "5 mg"

    def test_may_be_a_string(self) -> None:
        assert words(asNeededBoolean="true") == "as needed"


class TestSequence:
    def test_orders_a_taper(self) -> None:
        steps = [{"sequence": step, **dose(amount)} for step, amount in ((3, 5), (1, 20), (2, 10))]
        found = read_dosages(steps)
        assert [one.words for one in found] == ["20 mg", "10 mg", "5 mg"]
        assert [one.is_next for one in found] == [False, True, True]

    def test_may_be_a_tiny_number(self) -> None:
        """No order of doses, but no reason to read none of the medications."""
        found = read_dosages([{"sequence": Decimal("6.1e-05"), **dose(5)}, dose(10)])
        assert [one.words for one in found] == ["10 mg", "5 mg"]

    def test_one_number_is_one_time(self) -> None:
        found = read_dosages([{"sequence": 1, **dose(5)}, {"sequence": 1, **dose(10)}])
        assert [one.is_next for one in found] == [False, False]

    def test_none_keeps_the_order_of_the_ehr(self) -> None:
        assert [one.words for one in read_dosages([dose(10), dose(5)])] == ["10 mg", "5 mg"]


def test_no_json_breaks_it() -> None:
    odd: object
    for odd in (None, [], {}, "x", 3, [None], [{"timing": []}], [{"doseAndRate": "x"}]):
        read_dosages(odd)
