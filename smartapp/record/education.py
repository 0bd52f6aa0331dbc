"""Links to plain-language information about a code.

MedlinePlus Connect, of the U.S. National Library of Medicine, has pages about the codes of
problems, medications and tests (HL7 Infobutton, URL-based). The address contains the code and
nothing about the person, and no request is made before the user clicks the link.
"""

from collections.abc import Iterable
from urllib.parse import urlencode

from smartapp.record.codes import LOINC, RXNORM, SNOMED

MEDLINEPLUS = "https://connect.medlineplus.gov/application"
# In the order of what it knows best: for problems, then medications, then tests.
OIDS = {
    "http://hl7.org/fhir/sid/icd-10-cm": "2.16.840.1.113883.6.90",
    SNOMED: "2.16.840.1.113883.6.96",
    "http://hl7.org/fhir/sid/icd-9-cm": "2.16.840.1.113883.6.103",
    RXNORM: "2.16.840.1.113883.6.88",
    "http://hl7.org/fhir/sid/ndc": "2.16.840.1.113883.6.69",
    LOINC: "2.16.840.1.113883.6.1",
}


def medlineplus_url(codings: Iterable[tuple[str, str]]) -> str:
    """Return the address of the page about the code that MedlinePlus knows best; "" without one."""
    known: dict[str, str] = {}
    for system, code in codings:
        known.setdefault(system, code)
    found = next(((OIDS[system], known[system]) for system in OIDS if system in known), None)
    if found is None:
        return ""
    oid, code = found
    query = {
        "mainSearchCriteria.v.cs": oid,
        "mainSearchCriteria.v.c": code,
        "informationRecipient.languageCode.c": "en",
    }
    return f"{MEDLINEPLUS}?{urlencode(query)}"
