"""Words of one entry that exclude each other."""

import pytest

from smartapp.record.opposites import contradiction_in
from tests.chart.samples import Resource, about_patient
from tests.pages.sections import assert_says, words_of


def concept(text: str, display: str) -> Resource:
    return {"text": text, "coding": [{"code": "1", "display": display}]}


@pytest.mark.parametrize(
    ("text", "display", "is_said"),
    [
        ("Left breast cancer", "Malignant neoplasm of right female breast", True),
        ("Mamma-Ca links", "Carcinoma of breast, rechts", True),
        ("Hypothyroidism", "Hyperthyroidism, unspecified", True),
        ("Diabetes type 1", "Type 2 diabetes mellitus", True),
        ("Benign tumor of colon", "Malignant neoplasm of colon", True),
        ("Left breast cancer", "Malignant neoplasm of breast", False),
        ("Left stroke, right hemiparesis", "Hemiplegia affecting right side", False),
        ("Stroke with right hemiparesis", "Infarction due to left cerebral artery", False),
        ("Occipital stroke, right", "Left homonymous hemianopia", False),
        ("Left-sided weakness", "Right hemiparesis", True),
        ("Left heart catheterization", "Access through right radial artery", False),
        ("Right ventricular lead placement", "Left chest wall", False),
        ("Left ventricular failure", "Right ventricular failure", True),
        ("Benign breast disease", "Non-malignant disorder of breast", False),
        ("Hypertension", "Hypertensive heart disease", False),
        ("Hypertension and hypotension", "Hypertension", False),
        ("Type 2 diabetes", "Type 2 diabetes mellitus with type 1 features", False),
        ("T2DM", "Type 1 diabetes mellitus", True),
        ("DM 1", "Diabetes mellitus, Typ II", True),
        ("CKD stage 3", "Chronic kidney disease, stage 5", True),
        ("CKD stage 3a", "Chronic kidney disease stage 3 (disorder)", False),
        ("CKD stage IIIb", "Chronic kidney disease, stage 3b", False),
        ("Type 2 diabetes with CKD stage 3", "Diabetes type II", False),
        ("CKD stage 3", "Hypertensive chronic kidney disease, stage I through stage IV", False),
        ("CKD stage 5", "Hypertensive chronic kidney disease, stage 1 to 4", True),
        ("Lupus nephritis class IV", "Lupus nephritis, class 4", False),
        ("Herpes simplex type 1 and 2", "Herpes simplex, type II", False),
        ("Hypokalaemia", "Hyperkalemia", True),
        ("Hyperkalaemia", "Hyperkalemia", False),
        ("Left axis deviation with RBBB", "Right bundle branch block", False),
        ("LAFB and RBBB", "Left anterior fascicular block", False),
        ("LBBB", "Right bundle branch block", True),
        ("RUQ pain", "Left upper quadrant pain", True),
        ("Breast cancer, RT done", "Left breast cancer", False),
        ("左乳癌", "右乳癌", True),
    ],
)
def test_a_name_and_its_code_contradict_each_other(text: str, display: str, is_said: bool) -> None:
    expected = f"The EHR contradicts itself: it also says “{display}”." if is_said else ""
    assert contradiction_in(concept(text, display)) == expected


@pytest.mark.parametrize(
    ("text", "display", "is_said"),
    [
        ("Diabetes", "Family history of diabetes mellitus", True),
        ("Breast cancer", "Personal history of malignant neoplasm of breast", True),
        ("Pulmonary embolism", "Pulmonary embolism ruled out", True),
        ("Pneumonia", "Suspected pneumonia", True),
        ("FH: diabetes", "Family history of diabetes mellitus", False),
        ("H/O breast cancer", "Personal history of malignant neoplasm of breast", False),
        ("Stroke 2015, s/p thrombolysis", "History of stroke", False),
        ("Diabetes", "Diabetes mellitus without complication", False),
        ("History of MI", "Myocardial infarction", False),
        ("PTSD", "Post-traumatic stress disorder", False),
        ("Former smoker", "Personal history of nicotine dependence", False),
        ("?PE", "Suspected pulmonary embolism", False),
        ("COVID ruled out", "Observation for suspected disease, ruled out", False),
        ("Exposure to COVID-19", "Contact with and (suspected) exposure to COVID-19", False),
    ],
)
def test_a_code_says_what_the_name_leaves_out(text: str, display: str, is_said: bool) -> None:
    entry = about_patient("Condition", "c", code=concept(text, display))
    says = f"Its code says “{display}”."
    assert_says(words_of("problems", entry), says if is_said else f"NOT {says}")


REFUTED = {"verificationStatus": {"coding": [{"code": "refuted"}]}}
IN_ERROR = {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}
OTHER = {"coding": [{"system": "http://example.org/codes", "code": "OTHER"}]}
ASTHMA = {"coding": [{"system": "http://snomed.info/sct", "code": "195967001"}]}


@pytest.mark.parametrize(
    ("own", "other", "is_said"),
    [
        ({}, {}, True),
        ({"recordedDate": "2025"}, {"recordedDate": "2026-02-01"}, True),
        (
            {"code": {**ASTHMA, "text": "Asthma"}},
            {"code": {**ASTHMA, "text": "Asthma, mild"}},
            True,
        ),
        ({"code": {**OTHER, "text": "Nuts"}}, {"code": {**OTHER, "text": "Latex"}}, False),
        ({"recordedDate": "2026-02-01"}, {"recordedDate": "2025"}, False),
        ({"clinicalStatus": "resolved"}, {}, False),
        ({}, {"code": {"text": "Eczema"}}, False),
        ({"code": {}}, {"code": {}}, False),
        ({}, IN_ERROR, False),
        ({}, {"modifierExtension": [{"url": "x"}]}, False),
    ],
)
@pytest.mark.parametrize(
    ("section", "resource_type"),
    [("problems", "Condition"), ("allergies", "AllergyIntolerance")],
)
def test_another_entry_rules_it_out(
    section: str, resource_type: str, own: Resource, other: Resource, is_said: bool
) -> None:
    plain = {"code": {"text": "Asthma"}}
    entry = about_patient(resource_type, "1", **{**plain, **own})
    ruled_out = about_patient(resource_type, "2", **{**plain, **REFUTED, **other})
    when = ", recorded 1 Feb 2026," if "recordedDate" in own else ""
    says = f"Another entry{when} says that it was ruled out."
    assert_says(words_of(section, entry, ruled_out), says if is_said else "NOT was ruled out")


ANY_DRUG = {"coding": [{"system": "http://snomed.info/sct", "code": "416098002"}]}


@pytest.mark.parametrize(
    ("section", "resource_type", "own", "other"),
    [
        (
            "problems",
            "Condition",
            *({"code": {"text": "Thrombosis"}, "bodySite": [{"text": f"{side} leg"}]}
              for side in ("Left", "Right")),
        ),
        (
            "allergies",
            "AllergyIntolerance",
            *({"code": {**ANY_DRUG, "text": name}} for name in ("Penicillin", "Codeine")),
        ),
        (
            "allergies",
            "AllergyIntolerance",
            *({"code": ANY_DRUG, "reaction": [{"substance": {"text": name}}]}
              for name in ("Penicillin", "Codeine")),
        ),
    ],
)  # fmt: skip
def test_what_is_ruled_out_of_another_place_or_substance_is_something_else(
    section: str, resource_type: str, own: Resource, other: Resource
) -> None:
    entry = about_patient(resource_type, "1", **own)
    elsewhere = about_patient(resource_type, "2", **other, **REFUTED)
    assert "that it was ruled out" not in words_of(section, entry, elsewhere)


@pytest.mark.parametrize(
    ("section", "resource_type"),
    [
        ("problems", "Condition"),
        ("procedures", "Procedure"),
        ("orders", "ServiceRequest"),
    ],
)
def test_entries_say_it_also_of_the_body_site(section: str, resource_type: str) -> None:
    site = [{"text": "Right knee"}]
    entry = about_patient(resource_type, "e", code={"text": "Left knee"}, bodySite=site)
    assert_says(words_of(section, entry), "Left knee | it also says “Right knee”")


KNEES = {"text": "Left knee", "coding": [{"code": "1", "display": "Right knee"}]}
EXAM = {"category": [{"coding": [{"code": "exam"}]}], "valueString": "Swollen"}


@pytest.mark.parametrize(
    ("section", "entry"),
    [
        ("documents", about_patient("DiagnosticReport", "1", code=KNEES, conclusion="Tear")),
        ("findings", about_patient("Observation", "1", code=KNEES, **EXAM)),
        ("devices", about_patient("Device", "1", type=KNEES)),
        ("family-history", about_patient("FamilyMemberHistory", "1", condition=[{"code": KNEES}])),
    ],
)
def test_a_code_of_the_other_side_is_said_in_each_section(section: str, entry: Resource) -> None:
    assert_says(words_of(section, entry), "Left knee | it also says “Right knee”")
