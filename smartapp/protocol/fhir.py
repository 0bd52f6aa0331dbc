"""The security-relevant part of FHIR: whose resource it is, and whether the token may be sent to a
URL.

FHIR R4: Data Types (id), Resource References, RESTful API, Search; C95, C101, C140, C142, C143.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote

from smartapp.protocol.bundle_json import parse_bundle_json
from smartapp.protocol.errors import FHIRResponseInvalid, IDTokenError, WrongPatient
from smartapp.protocol.json import JSON, JSONInvalid, in_utf8, parse_json, parse_json_object
from smartapp.protocol.text import MAX_VENDOR_CHARACTERS, plain_text
from smartapp.protocol.urls import (
    base_key,
    is_below,
    origin_of,
    parse_endpoint_url,
    resolve,
    without_trailing_slash,
)

MAX_USUAL_REFERENCE = 500

FHIR_USER_TYPES = frozenset(
    {"Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person"}
)
# A FHIR id. `.` and `..` match its grammar but would change the path of a URL.
_ID = r"(?!\.{1,2}(?![A-Za-z0-9\-.]))[A-Za-z0-9\-.]{1,64}"
# A reference to a patient, with any base and version (FHIR R4, References).
_PATIENT_REFERENCE = re.compile(rf"(?:(.*)/)?Patient/({_ID})(?:/_history/[A-Za-z0-9\-.]{{1,64}})?")
_FHIR_USER = re.compile(rf"(?:([^?#]*)/)?([A-Za-z]{{1,64}})/({_ID})")
_BRACES = re.compile(r"[{}]")
# The elements in which R4 resources refer to their patient.
_PATIENT_MEMBERS = ("subject", "patient", "beneficiary", "for", "individual")
_QUOTED_TOTAL = re.compile(r"[0-9]{1,9}")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
# FHIR R4, value sets issue-severity and issue-type.
_OUTCOME_TEXT = (
    "fatal error warning information invalid structure required value invariant security login "
    "unknown expired forbidden suppressed processing not-supported duplicate multiple-matches "
    "not-found deleted too-long code-invalid extension too-costly business-rule conflict transient "
    "lock-error no-store exception timeout incomplete throttled informational"
)
_OUTCOME_CODES = frozenset(_OUTCOME_TEXT.split())
_NOTHING_FOUND = re.compile(
    r"(?:(?:the )?(?:resource )?(?:request|search|query) (?:returns|returned|found) )?"
    r"no (?:results?|match(?:es)?|matching (?:results|resources|records)|resources|records|entries)"
    r"(?: (?:were |was )?(?:found|returned))?\.?",
    re.IGNORECASE,
)
_CHALLENGE_ERROR = re.compile(r'\berror(?:_description)?\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
# Members with an error text: OAuth, Okta, athenahealth's gateway, Apigee, others (C142).
_ERROR_MEMBERS = (
    "error_description",
    "error_message",
    "errorMessage",
    "errorSummary",
    "detailedmessage",
    "Error",
    "details",
    "message",
    "msg",
    "detail",
    "title",
)
# Any other member with one, as athenahealth's "description" and gematik's "gematik_error_text".
_TEXT_MEMBER = re.compile("error_|message|descr|detail|reason|(?<!con)text", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FHIRUser:
    """The person who launched the app. If `readable`, the token may be sent to `url`; otherwise it
    is only shown."""

    resource_type: str
    id: str
    url: str
    readable: bool


@dataclass(frozen=True, slots=True)
class Bundle:
    """A page of a search result. `included` are the resources that the server marks as such;
    `total` is its number of matches on all pages together. `elsewhere`: where the next page is, in
    words, if it is outside the base and not read. `meta` is what the server says of the page,
    such as its security labels."""

    resources: tuple[dict[str, Any], ...]
    next_url: str | None
    notes: tuple[str, ...]
    included: tuple[dict[str, Any], ...] = ()
    total: int | None = None
    elsewhere: str = ""
    meta: object = None


def is_r4(version: str) -> bool:
    """Return whether a version of FHIR is R4 or R4B: "4.0.1", "R4", "FHIR R4"."""
    number = version.upper().removeprefix("HL7").strip().removeprefix("FHIR").strip()
    return number.lstrip("RV").startswith("4")


def parse_fhir_user(value: str, *, fhir_base_url: str) -> FHIRUser:
    """Return the person in a `fhirUser` claim, absolute or relative to the base (C95).

    Raises IDTokenError with rule "fhirUser" unless it is one of the five types that SMART allows.
    """
    match = _FHIR_USER.fullmatch(value)
    if match is None or match[2] not in FHIR_USER_TYPES:
        raise IDTokenError("fhirUser: not a reference to a person", rule="fhirUser")
    base, resource_type, resource_id = match.groups()
    here = without_trailing_slash(fhir_base_url)
    url = f"{here}/{resource_type}/{resource_id}" if base is None else value
    try:
        url = parse_endpoint_url(url, allow_http=True)
    except ValueError as exc:
        raise IDTokenError(f"fhirUser: {exc}", rule="fhirUser") from None
    # A deeper path below the base may belong to another server behind a proxy, so the whole base
    # must be the same.
    readable = base is None or (is_below(base, here) and is_below(here, base))
    return FHIRUser(resource_type, resource_id, url, readable)


def fhir_user_type(value: str) -> str:
    """Return the resource type of a `fhirUser` claim; "" unless it is one of the five types that
    SMART allows (C95)."""
    match = _FHIR_USER.fullmatch(value)
    return match[2] if match is not None and match[2] in FHIR_USER_TYPES else ""


def is_below_base(url: str, fhir_base_url: str) -> bool:
    """Return whether the access token may be sent to `url`: same scheme, host, port and path
    prefix, after resolving `..` (C140; T11)."""
    return is_below(url, fhir_base_url)


def parse_resource(body: bytes, *, resource_type: str, id: str | None = None) -> dict[str, Any]:
    """Return the requested resource.

    Raises FHIRResponseInvalid if the body is not a resource of this type, and WrongPatient if it
    has another id than requested, or none: a server that mixes up two reads must be noticed (C101).
    """
    resource = _parsed(body, partial(parse_json_object, exact=True))
    _check_type(resource, resource_type)
    if id is not None and resource.get("id") != id:
        detail = f"a {resource_type} with another id than the one that was asked for"
        raise WrongPatient(detail, resource_type=resource_type)
    return resource


def parse_bundle(body: bytes, *, fhir_base_url: str, url: str) -> Bundle:
    """Return the resources of a search at `url` and the URL of its next page.

    Raises FHIRResponseInvalid if the body is not a Bundle. Entries without a resource and
    OperationOutcomes are left out with a note, unless all they say is that the empty result is
    empty. A `next` link outside the base is not followed, because the token would be sent there
    (T11).
    """
    bundle = _parsed(body, parse_bundle_json)
    _check_type(bundle, "Bundle")
    notes: list[str] = []
    outcomes: list[dict[str, Any]] = []
    found = list(_resources(bundle.get("entry"), notes, outcomes))
    notes += [
        f"The EHR remarks: “{_outcome_text(one)}”"
        for one in outcomes
        if found or not _says_nothing_was_found(one)
    ]
    resources = tuple(resource for resource, mode in found if mode != "include")
    included = tuple(resource for resource, mode in found if mode == "include")
    next_url, elsewhere = _next_url(bundle.get("link"), fhir_base_url, url)
    if elsewhere:
        notes.append(
            "This list is not complete: the EHR keeps more of it at an address that this app must "
            "not read."
        )
    total = _total(bundle.get("total"))
    said, meta = tuple(dict.fromkeys(notes)), bundle.get("meta")
    return Bundle(resources, next_url, said, included, total, elsewhere, meta)


def parse_binary(body: bytes) -> bytes:
    """Return the content of a Binary resource in JSON; any other body is returned unchanged.

    Raises FHIRResponseInvalid for a Binary whose data is not base64.
    """
    if body.lstrip()[:1] != b"{":
        return body
    try:
        binary = parse_json_object(body)
    except JSONInvalid:
        return body
    if binary.get("resourceType") != "Binary":
        return body
    try:
        return b64decode(str(binary.get("data", "")), validate=True)
    except ValueError:
        raise FHIRResponseInvalid("a Binary whose data is no base64") from None


def patient_of(resource: dict[str, Any], *, fhir_base_url: str) -> str | None:
    """Return the id of the patient at this EHR that `resource` is about; None if it names no
    patient, several, or one of another base (C143).

    References may be relative, versioned, or absolute below the base.
    """
    if resource.get("resourceType") == "Patient":
        own_id = resource.get("id")
        return own_id if isinstance(own_id, str) else None
    named: set[str | None] = set()
    for member in _who_it_is_about(resource):
        reference = member.get("reference") if isinstance(member, dict) else None
        if isinstance(reference, str):
            is_usual = len(reference) <= MAX_USUAL_REFERENCE
            found = _named if is_usual else _named.__wrapped__
            named |= found(reference, fhir_base_url)
    return named.pop() if len(named) == 1 else None


# Thousands of resources refer to one patient.
@lru_cache(maxsize=100)
def _named(reference: str, fhir_base_url: str) -> frozenset[str | None]:
    """Return the id of the patient at this EHR that a reference names, or None if the patient is
    elsewhere; nothing if it names no patient."""
    match = _PATIENT_REFERENCE.fullmatch(reference)
    if match is None:
        return frozenset()
    return frozenset([match[2] if _is_here(match[1], fhir_base_url) else None])


def _who_it_is_about(resource: dict[str, Any]) -> list[object]:
    named = [resource[name] for name in _PATIENT_MEMBERS if name in resource]
    participants = resource.get("participant")  # of an Appointment: also people and rooms
    if isinstance(participants, list):
        named += [one.get("actor") for one in participants if isinstance(one, dict)]
    return named


def _is_here(base: str | None, fhir_base_url: str) -> bool:
    try:
        return base is None or base_key(base) == base_key(fhir_base_url)
    except ValueError:
        return False


def error_words(content_type: str | None, body: bytes) -> str:
    """Return an EHR's own words about an error, on one short line, in any format (C142).

    Understands OperationOutcome, OAuth errors, Okta's, Apigee's and athenahealth's members, JSON
    strings and plain text. "" for a web page or broken data, of which nothing is quoted. Token-like
    words are hidden.
    """
    return plain_text(" ".join(_words(content_type, body)), MAX_VENDOR_CHARACTERS)


def challenge_words(header: str | None) -> str:
    """Return what a `WWW-Authenticate` header says of an error (RFC 6750 §3), on one short line:
    some servers say it nowhere else. Token-like words are hidden."""
    found = _CHALLENGE_ERROR.findall(header or "")
    return plain_text(" ".join(quoted or bare for quoted, bare in found), MAX_VENDOR_CHARACTERS)


def _parsed(body: bytes, parse: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    try:
        return parse(body)
    except JSONInvalid as exc:
        raise FHIRResponseInvalid(f"the body is {exc}", rule=exc.rule) from None


def _resources(
    entries: object, notes: list[str], outcomes: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], object]]:
    """Yield each resource with its search mode (FHIR R4, Bundle.entry.search.mode). What the server
    says of the search is added to `outcomes`."""
    for entry in _listed(entries):
        members = entry if isinstance(entry, dict) else {}
        resource, search = members.get("resource"), members.get("search")
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            notes.append("An entry without a resource was left out.")
        elif resource["resourceType"] == "OperationOutcome":
            outcomes.append(resource)
        else:
            yield resource, search.get("mode") if isinstance(search, dict) else None


def _listed(entries: object) -> list[Any]:
    """Return the entries. Converters from XML write a single one without a list."""
    if not entries:
        return []
    if isinstance(entries, dict):
        return [entries]
    if isinstance(entries, list):
        return entries
    raise FHIRResponseInvalid("the entries of the Bundle are no list")


def _total(value: object) -> int | None:
    if isinstance(value, str) and _QUOTED_TOTAL.fullmatch(value):  # as some servers have it
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _next_url(links: object, fhir_base_url: str, asked: str) -> tuple[str | None, str]:
    """Return the URL of the next page, or where it is if it is outside the base, in words without
    its path and query, which may name a patient. A link of a query alone is about the address that
    was `asked` (RFC 3986 §5.2.2). A server behind a proxy may not know that it is asked over https:
    its link is followed over https."""
    elsewhere = ""
    listed = [links] if isinstance(links, dict) else links  # a single one, converted from XML
    for link in listed if isinstance(listed, list) else []:
        if isinstance(link, dict) and str(link.get("relation")).lower() == "next":
            written = link.get("url")
            is_query = isinstance(written, str) and written.startswith("?")
            path = asked.partition("?")[0]
            url = f"{path}{written}" if is_query else resolve(written, base=fhir_base_url)
            if url is not None and fhir_base_url.startswith("https://"):
                url = re.sub("^http://", "https://", url)
            if url is not None and is_below(url, fhir_base_url):
                return url, ""
            elsewhere = _place(url or "", fhir_base_url)
    return None, elsewhere


def _place(url: str, fhir_base_url: str) -> str:
    try:
        origin = origin_of(url)
    except ValueError:
        return "at no usable address"
    if origin == origin_of(fhir_base_url):
        return "on the same server, with a path outside the FHIR base"
    return f"at {origin}"


def _check_type(resource: dict[str, Any], wanted: str) -> None:
    """Raise FHIRResponseInvalid if the resource is of another type. Its detail names that type, and
    of an OperationOutcome severity and code, as far as FHIR has them. The text, which may be about
    the patient (T10), is only in `said`, for the page."""
    came = resource.get("resourceType")
    if came == wanted:
        return
    name = came if isinstance(came, str) and _TYPE.fullmatch(came) else "something without a type"
    issues = resource.get("issue") if came == "OperationOutcome" else None
    first = issues[0] if isinstance(issues, list) and issues else None
    found = [first.get("severity"), first.get("code")] if isinstance(first, dict) else []
    known = [one for one in found if isinstance(one, str) and one in _OUTCOME_CODES]
    codes = f" ({', '.join(known)})" if known else ""
    said = _outcome_text(resource) if issues else ""
    detail = f"{name}{codes} came in place of {wanted}"
    raise FHIRResponseInvalid(detail, rule="other-type", said=said)


def _words(content_type: str | None, body: bytes) -> list[str]:
    body = in_utf8(body)
    try:
        return _json_words(parse_json(body))
    except JSONInvalid:
        pass
    text = body[: 8 * MAX_VENDOR_CHARACTERS].decode("utf-8", errors="replace").strip()
    is_page = "html" in (content_type or "") or text.startswith("<")
    # A cut document may contain a cut token, which the token pattern would not recognise.
    return [] if is_page or _BRACES.search(text) else [text]


def _json_words(document: JSON) -> list[str]:
    if isinstance(document, str):
        return [document]
    if isinstance(document, list):
        return _json_words(document[0]) if document else []
    if not isinstance(document, dict):
        return []
    if document.get("resourceType") == "OperationOutcome":
        return [_outcome_text(document)]
    if isinstance(fault := document.get("fault"), dict):  # Apigee's
        return _json_words({"message": fault.get("faultstring")})
    if isinstance(errors := document.get("errors"), list):  # JSON:API's
        return _json_words(errors)
    error = document.get("error")
    if isinstance(error, dict):  # Google's, Microsoft Graph's
        return _json_words({**error, "error": error.get("code")})
    words = [error] if isinstance(error, str) else []
    texts = [document.get(name) for name in _ERROR_MEMBERS]
    # Oracle Health says in its path what is wrong, encoded once more.
    texts.append(unquote(str(document.get("error_uri") or "")))
    others = (_text_of(value) for name, value in document.items() if _TEXT_MEMBER.search(name))
    texts.append(max(others, key=len, default=""))
    words += [text for text in map(_text_of, texts) if text][:1]
    # OpenEMR, and others of its library, say what the standard says, and add what is wrong; FastAPI
    # says of which member it is.
    words += [_text_of(document.get("hint")), _text_of(document.get("loc"))]
    inside = [value for value in document.values() if isinstance(value, dict | list)]
    return list(dict.fromkeys(filter(None, words))) or next(
        filter(None, map(_json_words, inside)), []
    )


def _text_of(member: JSON) -> str:
    """Return a text, or a list's texts, and nothing of what is in them: that may be a token."""
    several = member if isinstance(member, list) else [member]
    return " ".join(one for one in several if isinstance(one, str))


def _outcome_text(outcome: dict[str, Any]) -> str:
    issues = outcome.get("issue")
    texts = [_issue_text(issue) for issue in issues] if isinstance(issues, list) else []
    return plain_text("; ".join(text for text in texts if text), MAX_VENDOR_CHARACTERS)


def _says_nothing_was_found(outcome: dict[str, Any]) -> bool:
    """Return whether an OperationOutcome only says that a search found nothing, as Epic's do with
    every empty result (4101), and nothing that could be the reason."""
    issues = outcome.get("issue")
    return (
        isinstance(issues, list)
        and bool(issues)
        and all(
            isinstance(one, dict)
            and one.get("severity") in ("warning", "information")
            and _NOTHING_FOUND.fullmatch(_issue_text(one).strip()) is not None
            for one in issues
        )
    )


def _issue_text(issue: object) -> str:
    """Return the server's text for an issue, else its code (FHIR R4 OperationOutcome)."""
    if not isinstance(issue, dict):
        return ""
    details = issue.get("details")
    candidates = (
        issue.get("diagnostics"),
        details.get("text") if isinstance(details, dict) else None,
        issue.get("code"),
    )
    return next((text for text in candidates if isinstance(text, str) and text), "")
