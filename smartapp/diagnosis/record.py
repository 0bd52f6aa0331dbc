"""Causes where the record is read."""

from http import HTTPStatus

from smartapp.chart.sections import SECTIONS
from smartapp.diagnosis.case import Case
from smartapp.diagnosis.entry import Entry, When, broken, coded, every, under, with_rest
from smartapp.diagnosis.finding import LIKELY, SEEN
from smartapp.diagnosis.outcome import LEFT_OUT, NOT_CHOSEN
from smartapp.launches.models import Step

_SEARCHED = {search.resource_type for section in SECTIONS for search in section.searches}
_LACKING = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


def _has(code: str) -> When:
    """A part of the record, whichever, has this code."""
    return lambda c: code in c.unread


def _answered(*statuses: int) -> When:
    return lambda c: any(wire["status"] in statuses for wire in c.bad_reads)


def _patient_answered(case: Case, *statuses: int) -> bool:
    """Other types may be missing: not every server has them."""
    asked = [one["status"] for one in case.bad_reads if one["where"].endswith("/Patient")]
    return case.step == Step.FHIR and any(status in asked for status in statuses)


def _wants_a_parameter(case: Case) -> bool:
    """The patient is read by id, and no parameter belongs there."""
    return _answered(400)(case) and not _patient_answered(case, HTTPStatus.BAD_REQUEST)


def _lacks_a_type(case: Case) -> bool:
    """A server that does not have a type says so of every search for it, and knows the patient. A
    reference that leads nowhere is answered so, too."""
    answers: dict[str, set[int | None]] = {}
    for wire in case.reads:
        answers.setdefault(wire["where"].rpartition("/")[2], set()).add(wire["status"])
    is_lacking = any(answers[name] <= _LACKING for name in answers.keys() & _SEARCHED)
    return is_lacking and not _patient_answered(case, *_LACKING)


def _is_lasting_access_refused(case: Case) -> bool:
    is_missing = "offline_access" in case.context["missing"]
    return is_missing and "refresh_token" not in case.token["received"]


def _is_nothing_granted(case: Case) -> bool:
    """Scopes were granted, and none is one that was asked for."""
    missing = set(case.context["missing"])
    return bool(case.context["granted"]) and missing >= set(case.scopes.all)


def _is_no_fhir(case: Case) -> bool:
    return bool(case.strange_reads) and not case.bad_reads


def _is_forbidden(case: Case) -> bool:
    """A 401 that did not end the launch names a scope that is missing (RFC 6750 §3.1)."""
    statuses = {wire["status"] for wire in case.bad_reads}
    closed = {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}
    return case.step == Step.FHIR and (
        case.code == "fhir-forbidden" or (bool(statuses) and statuses <= closed)
    )


def _is_forbidden_by_a_page(case: Case) -> bool:
    """No FHIR server answers with a web page: something in front of it does."""
    medias = [wire.get("media", "") for wire in case.bad_reads]
    return _is_forbidden(case) and all("html" in media for media in medias)


def _read(
    title: str, when: When, fix: str, seen: str = "{c.bad_reads_text}", rule: str = "C142"
) -> Entry:
    """What the FHIR server did with a read."""
    return Entry(rule, SEEN, title, when, fix, "capability-statement", seen=seen)


_SCOPES = "Missing: {c.missing_scopes}. Granted: {c.granted_scopes}."
_PARTS = "{c.unread[fhir-failed]}."
_FAILED = under(
    coded("fhir-failed"),
    _read("The launch's encounter does not say whose it is", broken("no-patient"),
          "Ask the vendor: an Encounter names its patient as its subject (FHIR R4, Encounter).",
          _PARTS, "C102"),
    Entry("C102", SEEN, "The launch's encounter is not the patient's", broken("other-patient"),
          "Ask the vendor: patient and encounter of one token answer belong together.",
          seen="The Encounter that the token answer names does not refer to the patient that it "
               "names. It was not shown."),
    _read("The FHIR server answered with something else than was asked for", broken("other-type"),
          "Ask the vendor why its server answers 200 with this: an error has a status of its own "
          "(FHIR R4, RESTful API). If every read is answered so, compare the FHIR base URL.",
          _PARTS),
    Entry("C142", LIKELY, "The EHR wants another parameter in this search", _wants_a_parameter,
          "athenahealth wants intent with MedicationRequest, others category or date: choose the "
          "vendor's preset, and ask the vendor what a search must have.", "capability-statement",
          seen="{c.bad_reads_text}"),
    _read("The FHIR server does not answer in application/fhir+json", _answered(406, 415),
          "Ask the vendor: servers of FHIR R4 take this media type (FHIR R4, RESTful API)."),
    _read("A web page, XML or a redirect comes in place of the record", _is_no_fhir,
          "Look for a gateway, a proxy or a sign-in page in between, and compare the FHIR base URL "
          "with the vendor's. If it is XML, ask the vendor how its server answers in "
          "application/fhir+json."),
    _read("The FHIR server's answer is not JSON that can be read",
          every(broken("not-json", "encoding", "duplicate"), lambda c: not _is_no_fhir(c)),
          "Ask the vendor to mend it: JSON in UTF-8, with each member once (RFC 8259, RFC 7493), "
          "compressed by gzip as its header says, or not at all.",
          _PARTS),
    _read("The FHIR server's answers are larger than a page can hold", broken("too-large"),
          "Ask the vendor whether its server keeps to _count, and what makes its entries so large.",
          _PARTS),
    _read("The FHIR server broke its answer off", broken("cut"),
          "Try again. If it stays, look for a proxy or a firewall in between that cuts "
          "connections, and ask the vendor.", _PARTS),
    _read("The FHIR server took too long", broken("timeout"),
          "Try again; then ask the vendor why these reads are slow.", _PARTS),
    _read("The FHIR server limits how often we may ask", _answered(429),
          "Wait a minute; ask the vendor for its limit.", rule="C144"),
    _read("The FHIR server has a problem of its own", _answered(500, *range(502, 600)),
          "Wait; then ask the vendor."),
    _read("The FHIR server does not have a part of the record, or no search for it", _lacks_a_type,
          "Look whether its capability statement lists these types. If not, take their scopes out "
          "of the registration; if it does, ask the vendor."),
)  # fmt: skip
_READS = with_rest((
    *_FAILED,
    _read("A web page refuses the reads, as of a gateway or a firewall", _is_forbidden_by_a_page,
          "Ask the vendor what stands in front of its FHIR server, and whether the address from "
          "which this server reaches the internet has to be allowed there.", rule="C141"),
    Entry("C141", SEEN, "The EHR does not let this app, or this user, read it",
          lambda c: _is_forbidden(c) and not _is_forbidden_by_a_page(c),
          "Compare the granted scopes, and the user's rights in the EHR: some charts have to be "
          "opened there first, with a reason. The page quotes what the EHR said.",
          seen="{c.bad_reads_text}"),
    _read("The FHIR server does not have the launch's patient",
          lambda c: _patient_answered(c, HTTPStatus.NOT_FOUND),
          "Compare the FHIR base URL with the vendor's: it may be that of another environment.",
          rule="C101"),
    _read("The FHIR server says that the launch's patient was deleted",
          lambda c: _patient_answered(c, HTTPStatus.GONE), "Look in the EHR whether this record "
          "was joined with another; ask the vendor why it launches with it.", rule="C101"),
), _read("The FHIR server refused or broke off a read", coded("fhir-failed"),
         "Look up the reference number in the log; ask the vendor."))  # fmt: skip

TABLE = (
    Entry("C101", SEEN, "The FHIR server answered with another patient", coded("wrong-patient"),
          "Stop using this endpoint and tell the vendor.",
          seen="The launch's {c.failure[resource_type]} was asked for by its id, and one with "
               "another id, or without one, came."),
    Entry("C143", SEEN, "The EHR sent entries of another patient", _has(LEFT_OUT),
          "Stop using this endpoint until the vendor has explained it.",
          seen="They were in the answer to a search for this patient, and were not shown."),
    Entry("C143", SEEN, "Entries of the record do not say whose they are, or name another server",
          _has("unattributed-entry"),
          "Look at how the EHR's entries refer to their patient: by an address that is not below "
          "the FHIR base URL, as one of an internal host? Ask the vendor.",
          seen="They were left out: {c.unread[unattributed-entry]}."),
    Entry("C140", SEEN, "The next page of a list is outside the FHIR base, so it was not read",
          _has("results-elsewhere"), "Ask the vendor to publish next links that begin with the "
          "base: a proxy in front of its server may have to pass on the host, https and the path. "
          "The access token is sent nowhere else.",
          seen="{c.unread[results-elsewhere]}. The base is {c.base}."),
    *_READS,
    Entry("C142", LIKELY, "The EHR gave less of a list than it has", _has("list-incomplete"),
          "Compare the list with the one in the EHR. The page quotes the EHR's remark, where there "
          "is one. Ask the vendor what keeps the rest back.", seen="{c.unread[list-incomplete]}."),
    Entry("C39", SEEN, "No scope lets the app read the patient",
          lambda c: c.patient_state == "not-granted" and not c.scopes.is_record,
          "Add patient/Patient.rs and those of the other parts to the registration's scopes, and "
          "tick them at the vendor.", "scopes", seen="So pages have no record.",
          before=lambda c: not c.scopes.is_record),
    Entry("C110", SEEN, "The EHR gave no patient",
          lambda c: c.verdict_failed("C110") or c.patient_state == NOT_CHOSEN,
          "Open the app from a chart; ask for launch (EHR) or launch/patient (standalone).",
          seen="None came with the tokens. Beside them came {c.beside_tokens}."),
    Entry("C95", SEEN, "The EHR did not say who signed in", lambda c: c.verdict_failed("C95"),
          "Ask the vendor: SMART wants it. Without it a patient is not told from a clinician.",
          seen="fhirUser was granted, and the id_token has no such claim, or one that names no "
               "person."),
    Entry("C40", SEEN, "The EHR gave no lasting access", _is_lasting_access_refused,
          "Allow refresh tokens for this app at the vendor. Some OpenID providers give them only "
          "to a request with prompt=consent (OpenID Connect Core §11), which this app does not "
          "send: ask the vendor to give them without.",
          seen="offline_access was asked for, and neither it nor a refresh token was given."),
    *with_rest((
        Entry("C82", SEEN, "Nothing that the EHR says it granted is a scope that was asked for",
              _is_nothing_granted, "Compare both, letter by letter: scopes are "
              "separated by blanks, and capitals count (RFC 6749 §3.3). If only the spelling "
              "differs, tell the vendor. Else tick the scopes there.", "scopes", seen=_SCOPES),
    ), Entry("C82", SEEN, "The EHR granted less than was asked", lambda c: c.verdict_failed("C82"),
             "Tick these scopes at the vendor, or ask the person to allow them.", "scopes",
             seen=_SCOPES)),
)  # fmt: skip
