"""The address that patients read at: the code, and nothing of the person."""

import pytest

from smartapp.record.education import medlineplus_url

SNOMED, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.mark.parametrize(
    ("codings", "oid", "code"),
    [
        ([(SNOMED, "38341003")], "2.16.840.1.113883.6.96", "38341003"),
        ([(SNOMED, "38341003"), (ICD, "I10")], "2.16.840.1.113883.6.90", "I10"),
        ([("http://loinc.org", "2823-3")], "2.16.840.1.113883.6.1", "2823-3"),
    ],
)
def test_the_code_that_is_known_best(codings: list[tuple[str, str]], oid: str, code: str) -> None:
    assert medlineplus_url(codings) == (
        f"https://connect.medlineplus.gov/application?mainSearchCriteria.v.cs={oid}"
        f"&mainSearchCriteria.v.c={code}&informationRecipient.languageCode.c=en"
    )


@pytest.mark.parametrize("codings", [[], [("urn:local", "x")], [("", "x")]])
def test_no_address_without_a_code_that_is_known(codings: list[tuple[str, str]]) -> None:
    assert medlineplus_url(codings) == ""


def test_a_code_cannot_become_another_address() -> None:
    url = medlineplus_url([(SNOMED, "1&x=2#/../")])
    assert url.startswith("https://connect.medlineplus.gov/application?")
    assert "&x=2" not in url
    assert "#" not in url
