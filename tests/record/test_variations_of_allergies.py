"""Allergies and statements about them as other servers may write them."""

from typing import Any

import pytest

from smartapp.record.moments import DATA_ABSENT_REASON
from tests.chart.samples import Resource, about_patient
from tests.pages.sections import assert_says, words_of
from tests.record.samples import SNOMED

ANAPHYLAXIS = {"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe"}
NOBODY = "Nobody has recorded whether there are any."
NO_SUBSTANCE = "Allergy to something that the EHR does not name"


def allergy(code: object = "Penicillin", **members: Any) -> Resource:
    named = {"text": code} if isinstance(code, str) else code
    return about_patient("AllergyIntolerance", str(code), code=named, **members)


def of_veterans(code: str) -> Resource:
    url = "https://department-of-veterans-affairs.github.io/mhv-fhir-phr-mapping/"
    return {"url": f"{url}StructureDefinition/allergyObservedHistoric", "valueCode": code}


def sct(words: str, code: str, display: str) -> Resource:
    coding = {"system": "http://snomed.info/sct", "code": code, "display": display}
    return {"text": words, "coding": [coding]}


def absent(reason: str) -> Resource:
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}


def coded(code: str, system: str = SNOMED, **members: Any) -> Resource:
    return {"coding": [{"system": system, "code": code}], **members}


EXTENSION = "http://hl7.org/fhir/StructureDefinition/allergyintolerance-"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"


def at_risk(risk: str) -> Resource:
    parts = [
        {"url": "substance", "valueCodeableConcept": {"text": "Latex"}},
        {"url": "exposureRisk", "valueCodeableConcept": {"coding": [{"code": risk}]}},
    ]
    return {"url": f"{EXTENSION}substanceExposureRisk", "extension": parts}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        # How dangerous it is.
        (allergy(criticality="High"), "▲ High criticality"),
        (allergy(criticality="CRITH"), "▲ High criticality"),
        (allergy(criticality="extreme"), "Criticality “extreme”"),
        (
            allergy(criticality="low", reaction=[ANAPHYLAXIS]),
            "Anaphylaxis (severe) | Low criticality | NOT ▲",
        ),
        (
            allergy(reaction=[{"manifestation": [{"text": "Rash"}], "severity": "Severe"}]),
            "Rash (severe)",
        ),
        (
            allergy(
                reaction=[{"manifestation": [{"text": "Rash"}], "severity": {"text": "Severe"}}]
            ),
            "Rash (severe)",
        ),
        (allergy(reaction="throat closed"), "Penicillin | throat closed"),
        (allergy(reaction=[{"manifestation": ["Hives", "Wheeze"]}]), "Hives, Wheeze"),
        (allergy(reaction=[{"manifestation": "Hives", "severity": "severe"}]), "Hives (severe)"),
        (
            allergy(
                reaction=[{"manifestation": [absent("unknown")], "description": "throat closed"}]
            ),
            "throat closed",
        ),
        (allergy(reaction=[{"manifestation": [{"concept": {"text": "Hives"}}]}]), "Hives"),
        # Table 0128 of HL7 v2.
        (allergy(reaction=[{"manifestation": ["Hives"], "severity": "SV"}]), "Hives (severe)"),
        (allergy(reaction=[{"manifestation": ["Hives"], "severity": "U"}]), "severity “unknown”"),
        (allergy(reaction=[{"manifestation": [coded("39579001")]}]), "SNOMED CT 39579001"),
        (
            allergy(
                reaction=[
                    {
                        "manifestation": [{"text": "Rash"}],
                        "certainty": "unlikely",
                        "extension": [
                            {
                                "url": f"{EXTENSION}duration",
                                "valueDuration": {"value": 2, "unit": "d"},
                            },
                            {
                                "url": f"{EXTENSION}certainty",
                                "valueCodeableConcept": {"text": "Confirmed by test"},
                            },
                        ],
                    }
                ]
            ),
            "Rash | for 2 days | certainty: unlikely | certainty: Confirmed by test",
        ),
        (
            allergy(
                clinicalStatus="resolved",
                extension=[
                    {
                        "url": f"{EXTENSION}resolutionAge",
                        "valueAge": {"value": 12, "unit": "a"},
                    }
                ],
            ),
            "Resolved resolved at the age of 12 years",
        ),
        (
            allergy(
                clinicalStatus="resolved",
                extension=[
                    {
                        "url": "http://hl7.org/fhir/uv/ips/StructureDefinition/"
                        "abatement-dateTime-uv-ips",
                        "valueDateTime": "2010",
                    }
                ],
            ),
            "Resolved resolved 2010",
        ),
        (allergy(extension=[of_veterans("h")]), "Historical: reported, not observed"),
        (allergy(extension=[of_veterans("o")]), "Observed | NOT not observed"),
        (
            allergy(
                extension=[
                    {
                        "url": "https://fhir.hl7.org.uk/Extension-UKCore-AllergyIntoleranceEnd",
                        "extension": [
                            {"url": "endDate", "valueDateTime": "2020-01-01"},
                            {"url": "reasonEnded", "valueString": "Tolerated a challenge"},
                        ],
                    }
                ]
            ),
            "resolved 1 Jan 2020, Tolerated a challenge",
        ),
        # DSTU2.
        (
            about_patient(
                "AllergyIntolerance",
                "old",
                substance={"text": "Penicillin"},
                criticality="CRITH",
                lastOccurence="2019-03",
            ),
            f"▲ High criticality | Penicillin | last reaction Mar 2019 | NOT {NO_SUBSTANCE}",
        ),
        # Whether it is true.
        (
            allergy(
                verificationStatus=coded(
                    "410594000", coding=[{"code": "410594000", "display": "Definitely NOT present"}]
                )
            ),
            "could not be shown: ruled out | NOT Penicillin",
        ),
        (
            allergy(verificationStatus={"text": "Known absent"}),
            "could not be shown: ruled out | NOT Penicillin",
        ),
        (
            allergy(status="entered-in-error"),
            "could not be shown: entered in error | NOT Penicillin",
        ),
        (
            allergy(
                verificationStatus=coded(
                    "415684004", coding=[{"code": "415684004", "display": "Suspected"}]
                )
            ),
            "Penicillin | Status “suspected” | NOT 415684004",
        ),
        (allergy(recordedDate="2031-01-01"), "Dated in the future"),
        (
            allergy(modifierExtension=[{"url": "x"}], reaction=[ANAPHYLAXIS]),
            "does not understand | NOT Anaphylaxis",
        ),
        # What it is to, where that is withheld or in words only.
        (allergy(absent("masked")), f"{NO_SUBSTANCE} (masked) | NOT {NOBODY}"),
        (
            allergy(absent("masked"), reaction=[ANAPHYLAXIS], criticality="high"),
            f"Allergies ▲ | (masked) | Anaphylaxis | NOT {NOBODY}",
        ),
        (allergy(coded("MSK", NULL)), f"{NO_SUBSTANCE} (masked) | NOT {NOBODY}"),
        (allergy(coded("OTH", NULL, text="Blue dye")), f"Allergies Blue dye | NOT {NOBODY}"),
        (
            allergy(coded("UNK", NULL), reaction=[ANAPHYLAXIS]),
            f"{NO_SUBSTANCE} (unknown) | Anaphylaxis | NOT {NOBODY}",
        ),
        (
            allergy("Unknown", reaction=[ANAPHYLAXIS]),
            f"Allergies Unknown | Anaphylaxis | NOT {NOBODY}",
        ),
        (
            allergy({}, text={"div": "<div><b>Peanut</b><p>anaphylaxis 2019</p></div>"}),
            f"{NO_SUBSTANCE} | The EHR's own text: Peanut anaphylaxis 2019",
        ),
        (
            allergy(coded("160244002", "urn:local", text="Shellfish")),
            "Allergies Shellfish | NOT No known",
        ),
        (allergy(coded("160244002", "", text="Shellfish")), "Allergies Shellfish | NOT No known"),
        # DSTU2's one status.
        (allergy(clinicalStatus=None, status="resolved"), "Allergies not recorded | Resolved"),
        (allergy(status="unconfirmed"), "Penicillin Unconfirmed"),
        # What is over, and what only a code or another element names.
        (
            allergy(clinicalStatus="inactive", criticality="high"),
            "Penicillin Inactive High criticality | NOT ▲",
        ),
        (
            allergy(
                reaction=[{"manifestation": [{"text": "Rash"}], "severity": coded("24484000")}]
            ),
            "Rash (severe)",
        ),
        (allergy(reaction=[{"manifestation": [coded("UNK", NULL)]}]), "reaction unknown"),
        (
            allergy(reaction=[{"manifestation": [{"reference": {"display": "Hives"}}]}]),
            "Penicillin Hives",
        ),
        (allergy({}, extension=[at_risk("known-reaction-risk")]), "Allergies Latex"),
        (
            allergy({}, extension=[at_risk("no-known-reaction-risk")]),
            "No known risk of a reaction to Latex | NOT Allergies Latex",
        ),
        (
            allergy(coded("716186003", "urn:oid:2.16.840.1.113883.6.96")),
            "No known allergies | NOT Allergies No",
        ),
        (
            allergy(coded("716186003", f"{SNOMED}/900000000000207008")),
            "No known allergies | NOT Allergies No",
        ),
        # Table 0396 of HL7 v2: SCT is SNOMED CT, SNM is SNOMED International.
        (allergy(coded("716186003", "SCT")), "No known allergies | NOT Allergies No"),
        (allergy(coded("716186003", "SNM")), "code 716186003 | NOT No known allergies"),
        (allergy(coded("UNK", "urn:oid:2.16.840.1.113883.5.1008")), NOBODY),
        # Statements.
        (allergy(coded("429625007", text="Food")), "No known food allergies (“Food”)"),
        (allergy("NKDA (no known drug allergies)"), "NKDA | NOT Allergies NKDA"),
        (allergy("NKMA"), "No known medication allergies | NOT Allergies NKMA"),
        (allergy("No known allergies on file"), "No known allergies on file | NOT Allergies No"),
        (allergy("Information not available"), f"not recorded | {NOBODY}"),
        (allergy(absent("asked-unknown")), f"not recorded | asked, but not known | {NOBODY}"),
        (
            allergy("No known allergies", verificationStatus="unconfirmed"),
            "No known allergies (unconfirmed)",
        ),
        (
            allergy("No known allergies", verificationStatus="refuted"),
            "not recorded | ruled out | NOT No known",
        ),
        (allergy("No known allergies", clinicalStatus="inactive"), "Allergies not recorded"),
        (
            allergy("No known allergies", note=[{"text": "except penicillin: rash"}]),
            "No known allergies (see its note) | except penicillin",
        ),
        # A narrative that repeats a comment.
        (
            allergy(
                note=[{"text": "Mild rash", "authorString": "Dr Lee"}],
                text={"status": "additional", "div": "<div>Mild rash</div>"},
            ),
            "Mild rash (Dr Lee) | NOT own text",
        ),
        # A reaction that happened is no "none".
        (
            allergy("No known allergies", reaction=[{"manifestation": [{"text": "Wheeze"}]}]),
            "Allergies Something that the EHR does not name | Wheeze | “No known allergies”, but",
        ),
        (
            allergy("No known allergies", criticality="high"),
            "▲ Something that the EHR does not name (high criticality)",
        ),
        (
            allergy("No known allergies", reaction=[{"manifestation": [{"text": "None"}]}]),
            "NOT Something that the EHR does not name",
        ),
        (
            allergy("No known allergies", reaction=[{"description": "None"}]),
            "NOT Something that the EHR does not name",
        ),
        (
            allergy(
                "No known allergies",
                reaction=[{"manifestation": [{"text": "None"}, {"text": "Wheeze"}]}],
            ),
            "Allergies Something that the EHR does not name | None, Wheeze",
        ),
        (
            allergy(
                "No known allergies",
                reaction=[{"substance": {"text": "Latex"}, "manifestation": [{"text": "Unknown"}]}],
            ),
            "Allergies Latex Allergies and | to Latex | the EHR does not name",
        ),
        # Words in place of codes.
        (allergy(verificationStatus={"text": "Ruled out"}), "could not be shown: ruled out"),
        *(
            (allergy(verificationStatus=said), "could not be shown: ruled out")
            for said in ("disproven", "Disproved", "excluded", "Not present")
        ),
        (allergy(criticality="High Risk"), "▲ Penicillin (high criticality)"),
        (allergy(criticality={"text": "Low risk"}), "Low criticality"),
        (allergy(type="side effect"), "Side effect"),
        (allergy(type="allergy"), "NOT Allergy"),
        (allergy(type={"text": "IgE mediated"}), "IgE mediated"),
        (allergy(category=[{"text": "Medication"}, {"text": "Drug"}]), "Medication Drug"),
        (
            allergy(participant=[{"function": {"text": "author"}, "actor": {"display": "Dr Lee"}}]),
            "recorded by Dr Lee (author)",
        ),
        (
            allergy(
                coded("416098002", text="Drug allergy"),
                reaction=[{"substance": {"text": "Codeine"}, "manifestation": [{"text": "Itch"}]}],
            ),
            "Allergies Drug allergy (Codeine) | to Codeine",
        ),
        (
            allergy(
                reaction=[
                    {"substance": {"text": one}, "manifestation": [{"text": "Itch"}]}
                    for one in ("Unknown", "PENICILLIN")
                ]
            ),
            "Allergies Penicillin | NOT Unknown | NOT PENICILLIN",
        ),
        (
            allergy(
                reaction=[
                    {"substance": {"text": "Amoxicillin " * 9}, "manifestation": [{"text": "Itch"}]}
                ]
            ),
            "Allergies Penicillin (Amoxicillin",
        ),
        # Of two statuses that contradict each other the dangerous one counts.
        (
            allergy(clinicalStatus={"coding": [{"code": "active"}, {"code": "inactive"}]}),
            "Allergies Penicillin | Inactive",
        ),
        *(
            (allergy(words), f"not recorded | {words} | {NOBODY}")
            for words in (
                "Allergien unbekannt",
                "Allergies inconnues",
                "Se desconocen alergias",
                "Alergias desconhecidas",
                "Allergie sconosciute",
                "Allergieën onbekend",
                "Ukendt",
            )
        ),
        # A statement with the code of a substance, and of none.
        (
            allergy(sct("No known allergies", "91936005", "Allergy to penicillin")),
            "No known allergies (“Allergy to penicillin”)",
        ),
        (
            allergy(sct("No known drug allergies", "416098002", "Drug allergy")),
            "No known drug allergies | NOT “",
        ),
        (
            allergy(sct("No known allergies", "410515003", "Known absent")),
            "No known allergies | NOT “",
        ),
        (allergy(onsetDateTime="2031"), "Dated in the future"),
        # In R5 a manifestation may be a finding of its own.
        (
            allergy(
                reaction=[{"manifestation": [{"reference": {"reference": "#o"}}]}],
                contained=[{"resourceType": "Observation", "id": "o", "code": {"text": "Hives"}}],
            ),
            "Hives",
        ),
        (
            allergy(reaction=[{"manifestation": [{"reference": {"reference": "Observation/1"}}]}]),
            "a reaction described in the EHR",
        ),
    ],
)
def test_one_entry(given: Resource, says: str) -> None:
    assert_says(words_of("allergies", given), says)


@pytest.mark.parametrize(
    "words",
    [
        "Nil by mouth",
        "No-sting barrier film",
        "Unknown antibiotic",
        "No reaction to any earlier medication",
        "No longer allergic to penicillin",
        "Penicillin - no reaction",
        "Not allergic to penicillin but intolerant",
        "Not allergic to penicillin, hives with sulfa",
        "No allergies to latex, rash with penicillin",
        "NKDA as of 3/2019, penicillin rash 03/2021",
        "No known allergies except penicillin",
        "No allergies to medications other than codeine",
        "No known allergies and intolerant to codeine",
        "Keine Allergien außer Penicillin",
        "Nitrofurantoin",
    ],
)
def test_what_only_begins_like_a_statement_is_an_allergy(words: str) -> None:
    assert_says(words_of("allergies", allergy(words)), f"Allergies {words}")


@pytest.mark.parametrize(
    ("status", "day", "is_said"),
    [("active", "2022-01-01", True), ("active", "2027-01-01", False),
     ("resolved", "2022-01-01", False)],
)  # fmt: skip
def test_an_allergy_that_is_over_and_active_says_so(status: str, day: str, is_said: bool) -> None:
    end = {"url": f"{EXTENSION}abatement", "valueDateTime": day}
    shown = words_of("allergies", allergy("Egg", clinicalStatus=status, extension=[end]))
    remark = "Its end date has passed, though the EHR lists it as current"
    assert_says(shown, remark if is_said else f"NOT {remark}")


CONTRADICTED = "The record contradicts this"


@pytest.mark.parametrize(
    ("statement", "other", "is_contradicted"),
    [
        ("No known allergies", allergy("Latex"), True),
        ("No known food or drug allergies", allergy("Peanut", category=["food"]), True),
        ("No known food or drug allergies", allergy("Pollen", category=["environment"]), False),
        ("NKDA", allergy("Peanut", category=["food"]), False),
        ("Patient denies any known drug allergies", allergy("Aspirin"), True),
        ("NKDA", allergy(absent("masked")), True),
        ("No known allergies", allergy("Latex", clinicalStatus="resolved"), False),
        ("No known latex allergy", allergy("Latex"), True),
        ("No known allergy to penicillin", allergy("Penicillin V"), True),
        ("No known latex allergy", allergy("Peanut"), False),
        ("No known allergy to penicillin", allergy("Benzylpenicillin"), True),
        ("No known allergy to peanuts", allergy("Peanut"), True),
        ("No known wheat allergy", allergy("Buckwheat"), False),
        ("No known tape allergy", allergy("Tapentadol"), False),
    ],
)
def test_a_statement_beside_an_allergy(
    statement: str, other: Resource, is_contradicted: bool
) -> None:
    shown = words_of("allergies", allergy(statement), other)
    assert (CONTRADICTED in shown) is is_contradicted, shown


def test_the_worst_reaction_stands_first() -> None:
    rash = {"manifestation": [{"text": "Rash"}], "severity": "mild"}
    shown = words_of(
        "allergies",
        allergy("Aspirin", reaction=[rash]),
        allergy("Wasps", reaction=[rash, ANAPHYLAXIS]),
    )
    assert "Allergies Wasps , Aspirin" in shown
    assert shown.rindex("Wasps") < shown.rindex("Aspirin")


def test_the_line_names_each_allergy_once() -> None:
    again = {**allergy(criticality="high"), "id": "a2"}
    shown = words_of("allergies", allergy(), again, {**allergy("Latex"), "id": "a3"})
    assert_says(shown, "▲ Penicillin (high criticality) , Latex Allergies and")


@pytest.mark.parametrize(
    ("written", "display", "is_said"),
    [
        ("PCN", "Allergy to penicillin", True),
        ("Codeine", "Allergy to peanut", True),
        ("Hydrocodone", "Hydrocortisone", True),
        ("Pea", "Peanut", True),
        ("Eggs", "Egg white allergy", False),
        ("Sulfa drugs", "Sulfonamide", False),
        ("Strawberries", "Strawberry", False),
    ],
)
def test_code_that_has_nothing_in_common_with_the_name_is_said(
    written: str, display: str, is_said: bool
) -> None:
    code = {"text": written, "coding": [{"code": "1", "display": display}]}
    shown = words_of("allergies", about_patient("AllergyIntolerance", "a", code=code))
    assert_says(shown, f"{written} | {'' if is_said else 'NOT '}Its code says “{display}”.")
