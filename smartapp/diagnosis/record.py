"""Causes where the record is read."""

from http import HTTPStatus

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.cause import Certainty, Entry, coded
from smartapp.launches.models import Step


def _is_forbidden(case: Case) -> bool:
    statuses = {wire["status"] for wire in case.bad_reads}
    return case.step == Step.FHIR and (
        case.code == "fhir-forbidden" or statuses == {HTTPStatus.FORBIDDEN}
    )


def _wants_a_parameter(case: Case) -> bool:
    """A search was answered with 400: US Core lets a server ask for more than the patient."""
    return case.code == "fhir-failed" and any(
        wire["status"] == HTTPStatus.BAD_REQUEST for wire in case.bad_reads
    )


TABLE = (
    Entry(
        "The FHIR server answered with another patient",
        coded("wrong-patient"),
        Certainty.SEEN,
        check="The launch's {c.asked_type} was asked for by its id, and one with another id came.",
        todo="Stop using this endpoint and tell the vendor.",
        rule="C101",
    ),
    Entry(
        "The EHR sent entries of another patient",
        lambda case: case.has_left_out,
        Certainty.SEEN,
        check="They were in the answer to a search for this patient, and were not shown.",
        todo="Stop using this endpoint until the vendor has explained it.",
        rule="C143",
    ),
    Entry(
        "The EHR does not let this app, or this user, read it",
        _is_forbidden,
        Certainty.SEEN,
        check="{c.bad_reads_text}",
        todo="Compare the granted scopes, and the user's rights in the EHR.",
        rule="C141",
    ),
    Entry(
        "The EHR wants another parameter in this search",
        _wants_a_parameter,
        Certainty.LIKELY,
        check="{c.bad_reads_text}",
        todo="athenahealth wants intent with MedicationRequest, others category or date: choose "
        "the vendor's preset, and ask the vendor what a search must have.",
        rule="C142",
    ),
    Entry(
        "The FHIR server refused or broke off a read",
        lambda case: case.code == "fhir-failed" and not _wants_a_parameter(case),
        Certainty.SEEN,
        check="{c.bad_reads_text}",
        todo="Look up the reference number in the log; ask the vendor.",
        rule="C142",
    ),
)
