"""FHIR of any shape: whatever a server sends, the readers give a page's values and never raise."""

from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from smartapp.chart.labs import draw_labs
from smartapp.chart.sections import SECTIONS
from smartapp.chart.vitals import draw_vital_signs
from smartapp.record.identity import read_identity
from smartapp.record.laboratory import read_laboratory
from smartapp.record.reading import Given
from smartapp.record.vital_signs import read_vital_signs
from tests.chart.samples import NOW

MEMBERS = [
    "id",
    "resourceType",
    "name",
    "use",
    "text",
    "family",
    "given",
    "prefix",
    "period",
    "start",
    "end",
    "extension",
    "url",
    "valueCode",
    "birthDate",
    "gender",
    "deceasedDateTime",
    "deceasedBoolean",
    "identifier",
    "type",
    "coding",
    "system",
    "code",
    "display",
    "value",
    "link",
    "active",
    "status",
    "clinicalStatus",
    "verificationStatus",
    "severity",
    "onsetDateTime",
    "note",
    "abatementDateTime",
    "medicationReference",
    "medicationCodeableConcept",
    "contained",
    "reference",
    "dosageInstruction",
    "doseAndRate",
    "doseQuantity",
    "doseRange",
    "low",
    "high",
    "timing",
    "repeat",
    "frequency",
    "periodUnit",
    "route",
    "reaction",
    "manifestation",
    "substance",
    "criticality",
    "vaccineCode",
    "statusReason",
    "occurrenceDateTime",
    "protocolApplied",
    "doseNumberPositiveInt",
    "class",
    "reasonCode",
    "location",
    "participant",
    "individual",
    "component",
    "valueQuantity",
    "valueString",
    "valueBoolean",
    "valueInteger",
    "valueRatio",
    "numerator",
    "denominator",
    "valueRange",
    "valueCodeableConcept",
    "interpretation",
    "referenceRange",
    "effectiveDateTime",
    "effectivePeriod",
    "issued",
    "unit",
    "comparator",
    "requester",
    "asNeededCodeableConcept",
    "bodySite",
    "boundsPeriod",
    "condition",
    "dayOfWeek",
    "diagnosis",
    "dischargeDisposition",
    "dispenseRequest",
    "doNotPerform",
    "hospitalization",
    "ingredient",
    "intent",
    "isSubpotent",
    "maxDosePerPeriod",
    "meta",
    "offset",
    "onsetAge",
    "onsetString",
    "primarySource",
    "quantity",
    "reasonReference",
    "security",
    "sequence",
    "stage",
    "strength",
    "summary",
    "timeOfDay",
    "when",
]
WORDS = [
    "2026-10-05T08:15:00+02:00",
    "1948",
    "2020-13-45",
    "active",
    "resolved",
    "MR",
    "old",
    "official",
    "H",
    "LL",
    "<",
    "mm[Hg]",
    "kg",
    "[lb_av]",
    "8480-6",
    "8462-4",
    "29463-7",
    "http://loinc.org",
    "Medication/1",
    "716186003",
    "#",
    "-1",
    "male",
    "final",
]
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6),
    ),
    max_leaves=25,
)
resources = st.lists(
    st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=12), min_size=1, max_size=4
)


# Of the sections whose entries are made one by one; what a result is made of is tests/chart's.
LISTS = tuple(section for section in SECTIONS if section.name not in ("vitals", "labs"))


def sources(entry: Any) -> int:
    """Return how many resources an entry stands for (nothing vanishes)."""
    return getattr(entry, "sources", 1)


# How long a machine takes that has other work to do is no property of a reader.
@given(resources)
@example([{"valueCodeableConcept": "2026"}, {"note": "2026"}])
def test_no_resource_of_any_shape_raises(found: list[dict[str, Any]]) -> None:
    read_identity(found[0], now=NOW)
    facts = Given(tuple(found), NOW, found[0])
    for section in LISTS:
        related = dict.fromkeys(section.follow(facts.resources), found[0])
        read = section.read(replace(facts, related=related))
        section.draw(read.entries)
        list(map(section.count, read.entries))
        if section.name != "social":
            assert sum(map(sources, read.entries)) + len(read.left_out) == len(found)
    draw_labs(read_laboratory(facts).entries)
    draw_vital_signs(read_vital_signs(facts).entries)


plausible_values = st.fixed_dictionaries(
    {"value": st.one_of(leaves, st.floats(0, 300)), "unit": st.sampled_from(["kg", "lb", "mm[Hg]"])}
)
plausible_codes = st.sampled_from(["8480-6", "8462-4", "29463-7", "8310-5", "0-0"]).map(
    lambda code: {"coding": [{"system": "http://loinc.org", "code": code}]}
)
plausible_observations = st.lists(
    st.fixed_dictionaries(
        {
            "code": plausible_codes,
            "valueQuantity": plausible_values,
            "effectiveDateTime": st.one_of(
                st.dates().map(str), st.sampled_from(["2020", "2020-05", "2020-01-01T00:00:00Z"])
            ),
        },
        optional={
            "referenceRange": st.lists(
                st.dictionaries(st.sampled_from(["low", "high"]), plausible_values), max_size=2
            ),
            "component": st.lists(
                st.fixed_dictionaries({"code": plausible_codes, "valueQuantity": plausible_values}),
                max_size=3,
            ),
        },
    ),
    max_size=30,
)


@given(plausible_observations)
def test_no_observations_that_look_right_raise(found: list[dict[str, Any]]) -> None:
    facts = Given(tuple(found), NOW, {"birthDate": "1948-12-05"})
    draw_labs(read_laboratory(facts).entries)
    for sign in draw_vital_signs(read_vital_signs(facts).entries):
        assert sign.summary.endswith(".")
        assert sign.table.count == len(sign.sign.rows) > 0
