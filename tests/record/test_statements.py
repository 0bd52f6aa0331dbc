from collections.abc import Callable
from typing import Any

import pytest

from smartapp.record.devices import read_devices
from smartapp.record.immunizations import read_immunizations
from smartapp.record.medications import read_medications
from smartapp.record.procedures import read_procedures
from smartapp.record.reading import Given, Read
from smartapp.record.statements import IPS, read_statement
from tests.chart.samples import about_patient, concept
from tests.record.samples import SNOMED, given


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("716186003", ""),
        ("160244002", ""),
        ("409137002", "medication"),
        ("429625007", "food"),
        ("428607008", "environment"),
        ("716184000", "latex"),
        ("1003774007", "latex"),
        ("160245001", ""),
        ("787480003", ""),
        ("787481004", ""),
        ("787482006", ""),
        ("787483001", ""),
    ],
)
def test_codes_of_snomed_that_say_that_there_is_nothing(code: str, kind: str) -> None:
    found = read_statement({"coding": [{"system": SNOMED, "code": code}]})
    assert found is not None
    assert (found.meaning, found.kind) == ("none", kind)
    assert found.words.startswith("No ")


@pytest.mark.parametrize(
    ("code", "meaning", "kind", "words"),
    [
        ("no-known-allergies", "none", "", "No known allergies"),
        ("no-known-food-allergies", "none", "food", "No known food allergies"),
        ("no-known-medication-allergies", "none", "medication", "No known medication allergies"),
        ("no-known-environmental-allergies", "none", "environment",
         "No known environmental allergies"),
        ("no-known-problems", "none", "", "No known problems"),
        ("no-known-medications", "none", "", "No known medications"),
        ("no-allergy-info", "unknown", "", "No allergy info"),
        ("no-problem-info", "unknown", "", "No problem info"),
    ],
)  # fmt: skip
def test_codes_of_the_international_patient_summary(
    code: str, meaning: str, kind: str, words: str
) -> None:
    for system in (IPS, ""):
        found = read_statement({"coding": [{"system": system, "code": code}]})
        assert found is not None
        assert (found.meaning, found.kind, found.words) == (meaning, kind, words)


@pytest.mark.parametrize(
    "words",
    [
        "No known allergies",
        "Allergies - none",
        "No known allergies at this time",
        "No known allergies (verified 01/02/2024)",
        "No known allergies, verified by mother",
        "Denies",
        "Takes no medications",
        "Denies taking medications",
        "Problem list reviewed - none",
        "Nenhuma alergia conhecida",
        "Nenhum problema conhecido",
        "Sin problemas conocidos",
        "Aucun problème connu",
        "Keine bekannten Probleme",
        "Geen problemen bekend",
        "Ingen kendte problemer",
        "既往歴なし",
        "Ninguno",
        "Nessuno",
        "No hx of allergies",
        "Keine",
        "Aucune connue",
        "Ninguna conocida",
        "Geen bekend",
        "Inga kända",
        "Аллергии нет",
        "NO KNOWN ALLERGIES.",
        "No known allergy (situation)",
        "No allergies",
        "None",
        "None known",
        "No known drug allergy",
        "No known contrast allergy",
        "No known active allergies",
        "Denies any allergies",
        "Patient has no known allergies",
        "Allergies: none",
        "No current problems",
        "No current problems or disability",
        "No active medical problems",
        "No known problems",
        "Keine bekannten Allergien",
        "Keine Allergien oder Unverträglichkeiten bekannt",
        "Allergien: keine",
        "Keine Medikation",
        "Absence d’allergie connue",
        "Aucun antécédent",
        "Niega alergias",
        "Sem alergias conhecidas",
        "Geen allergieën bekend",
        "Ingen medicin",
        "Ei tunnettuja allergioita",
        "Brak znanych alergii",
        "アレルギーなし",
        "无已知过敏",
        "no-known-allergies",
        "No known allergies as of 2020",
        "NKA - as of January 3rd, 2024",
        "No allergies to foods, drugs, or latex",
        "No known allergies - confirmed with patient",
        "No allergies per mother",
        "Mother denies allergies",
        "The parents report no known allergies",
        "Pt has no allergies",
        "Nil stated",
        "Patient takes no medications",
        "No medications prescribed",
        "No significant past medical history",
        "Aucune allergie connue",
        "Sin alergias conocidas",
        "Ingen kendte allergier",
        "Inga kända allergier",
        "*No known allergies",
        "No known allergies - confirmed",
        "NKA - No Known Allergies",
        "No history of allergies",
        "Not allergic to anything",
        "No H/O allergies",
        "No known history of any allergy",
        "Nessuna allergia nota",
        "Non note allergie",
        "Ingen känd överkänslighet",
        "Ingen kjent cave",
        "Ingen kjente overfølsomheter",
        "Brak uczuleń",
        "Bez známých alergií",
        "Nincs ismert allergia",
        "Bilinen alerji yok",
        "Аллергических реакций не отмечено",
        "ללא רגישויות ידועות",
        "لا توجد حساسية معروفة",
        "Không có tiền sử dị ứng",
        "알려진 알레르기 없음",
        "알러지 없음",
        "否认过敏史",
    ],
)
def test_the_usual_words_for_nothing(words: str) -> None:
    found = read_statement({"text": words})
    assert found is not None
    assert (found.meaning, found.words) == ("none", words)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("NKDA/NKFA", "medication food"),
        ("No Known Drug Allergies/Intolerances", "medication"),
        ("Nenhum medicamento", "medication"),
        ("Allergies: NKDA", "medication"),
        ("No drug allergies and no latex allergy", "medication latex"),
        ("No drug allergies and food allergies", "medication food"),
        ("Drug allergies: none", "medication"),
        ("NKDA per patient's wife", "medication"),
        ("No prescription medications", "medication"),
        ("No long-term medications", "medication"),
        ("No vitamins or medications", "medication"),
        ("N.K.D.A.", "medication"),
        ("No Known Drug Allergies [NKDA]", "medication"),
        ("Sin alergias medicamentosas conocidas", "medication"),
        ("Keine bekannten Medikamentenallergien", "medication"),
        ("Geen geneesmiddelallergie bekend", "medication"),
        ("薬アレルギーなし", "medication"),
        ("Not allergic to penicillin", "penicillin"),
        ("NKDA per mother", "medication"),
        ("No known allergy to penicillin", "penicillin"),
        ("No known non-drug allergies", "non-drug"),
        ("No known drug allergies; no known allergies", ""),
        ("No H/O known drug allergy", "medication"),
        ("No history of penicillin allergy", "penicillin"),
        ("Nessuna allergia nota a farmaci", "medication"),
        ("Ei tiedossa olevia lääkeallergioita", "medication"),
        ("약물 알레르기 없음", "medication"),
        ("否认药物过敏史", "medication"),
        ("食物アレルギーなし", "food"),
    ],
)
def test_of_which_kind_there_is_nothing(words: str, kind: str) -> None:
    found = read_statement({"text": words})
    assert found is not None
    assert (found.meaning, found.kind) == ("none", kind)


def test_abbreviations_are_spelled_out() -> None:
    found = read_statement({"text": "NKDA"})
    assert found is not None
    assert (found.words, found.kind) == ("No known drug allergies", "medication")


@pytest.mark.parametrize(
    "words",
    [
        "Not on File",
        "Patient refused",
        "Declined to answer",
        "No allergies noted",
        "לא ידוע",
        "Keine Angabe",
        "Unknown",
        "Not asked",
        "No allergy information",
        "No information about allergies",
        "Allergies unable to obtain",
        "Allergy information not on file",
        "N/A",
        "Allergies not on file",
        "Allergy status: unknown",
        "Unable to assess",
        "Unobtainable",
        "Patient unable to respond",
        "Allergies unverified",
        "Allergies have not been assessed",
        "None recorded",
        "No allergies recorded",
        "No documented allergies",
    ],
)
def test_the_usual_words_for_not_knowing(words: str) -> None:
    found = read_statement({"text": words})
    assert found is not None
    assert found.meaning == "unknown"


def test_what_narrows_a_statement_is_kept() -> None:
    found = read_statement({"text": "No known contrast allergy"})
    assert found is not None
    assert found.kind == "contrast"
    found = read_statement({"text": "No heart disease"})
    assert found is not None
    assert found.kind == "heart"


@pytest.mark.parametrize(
    "code",
    [
        {"coding": [{"system": SNOMED, "code": "1631000175102"}], "text": "Not on File"},
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
                     "code": "NASK"}]},
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                        "valueCode": "unknown"}]},
    ],
)  # fmt: skip
def test_codes_that_nobody_knows(code: dict[str, Any]) -> None:
    found = read_statement(code)
    assert found is not None
    assert found.meaning == "unknown"


@pytest.mark.parametrize(
    "words",
    [
        "Penicillin",
        "Penicillin (verified 2024)",
        "No known allergies (except latex)",
        "No allergies codeine intolerance",
        "No sulfa drugs",
        "No drug allergies and latex allergy",
        "No allergies and intolerance to codeine",
        "No new medications",
        "Mother has no known allergies",
        "Father is taking no medications",
        "Family no history of diseases",
        "Allergies: penicillin",
        "Allergies: see list",
        "Unknown antibiotic",
        "Unknown medication",
        "Nonallergic rhinitis",
        "Noonan syndrome",
        "Allergy to nickel",
        "No response to treatment",
        "Non-Hodgkin lymphoma",
        "Fever of unknown origin",
        "Nil by mouth",
        "Patient unable to walk",
        "None (latex)",
        "Unknown / penicillin",
        "No known allergies; penicillin",
        "No-sting barrier film",
    ],
)
def test_what_only_looks_like_one_is_an_entry(words: str) -> None:
    assert read_statement(concept(words, "1", SNOMED)) is None


IPS_NONE = {"coding": [{"system": IPS, "code": "no-known-medications"}]}


@pytest.mark.parametrize(
    "words", ["allergies: " * 9_000, "no " + "drug " * 20_000, "no " + "allergies and " * 9_000]
)
def test_words_of_any_length_are_read(words: str) -> None:
    assert read_statement({"text": words}) is None


@pytest.mark.parametrize(
    ("read", "resource_type", "member"),
    [
        (read_medications, "MedicationStatement", "medicationCodeableConcept"),
        (read_immunizations, "Immunization", "vaccineCode"),
        (read_procedures, "Procedure", "code"),
        (read_devices, "Device", "type"),
    ],
)
def test_a_statement_counts_for_nothing_in_any_list(
    read: Callable[[Given], Read[Any]], resource_type: str, member: str
) -> None:
    resource = about_patient(resource_type, "s", status="active", **{member: IPS_NONE})
    (found,) = read(given(resource)).entries
    assert (found.name, found.is_counted) == ("No known medications", False)
    other = about_patient(resource_type, "t", status="active", **{member: concept("Something")})
    assert read(given(other)).entries[0].is_counted
