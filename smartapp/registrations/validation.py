"""What an administrator may enter, with the same rules in the admin and on the command line.

Each function raises Django's ValidationError with one sentence that says what to change.
"""

import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from smartapp.http import check_url, is_loopback
from smartapp.protocol.errors import AddressRefused, ScopeError
from smartapp.protocol.scopes import parse_scopes, validate_backend, validate_requested

MAX_ADDRESS_CHARACTERS = 4096
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
MAX_CLIENT_ID_CHARACTERS = 2048


def validate_identifier_system(system: str) -> None:
    """Accept a URI: FHIR's Identifier.system is one, compared exactly and never opened."""
    if _URI.fullmatch(system) is None:
        raise ValidationError(f"{system} is not a URI, such as urn:oid:1.2.3.4.")


def validate_url(url: str) -> None:
    """Accept a full https URL on a public host; in development also one on this machine (C3)."""
    if len(url) > MAX_ADDRESS_CHARACTERS:
        raise ValidationError(
            f"This address has {len(url):,} characters; {MAX_ADDRESS_CHARACTERS:,} are possible."
        )
    try:
        parts = urlsplit(url)
        loopback = is_loopback(parts.hostname or "")
    except ValueError:
        raise ValidationError(f"{url} is not a URL.") from None
    if loopback and not settings.ALLOW_LOOPBACK_EHRS:
        raise ValidationError(
            "This address is on this machine; set ALLOW_LOOPBACK_EHRS=on to use it in development."
        )
    _validate_beginning(parts, may_be_http=loopback)
    if _PLACEHOLDER.search(url):
        raise ValidationError(
            "The address has a placeholder in brackets: put the organization's own value there."
        )
    try:
        check_url(url)
    except AddressRefused as error:
        raise ValidationError(f"This address cannot be used: {error.detail}.") from None
    if "*" in url or "#" in url:
        raise ValidationError("Enter the full address: no wildcard (*), no fragment (#).")


def _validate_beginning(parts: SplitResult, *, may_be_http: bool) -> None:
    """Report the most common mistakes: half an address, one without TLS, two in one."""
    if not (parts.scheme and parts.hostname):
        raise ValidationError("Write the whole address, beginning with https://.")
    if parts.scheme != "https" and not (parts.scheme == "http" and may_be_http):
        raise ValidationError("The address has to begin with https://.")
    if parts.hostname in {"http", "https"} and parts.path.startswith("//"):
        raise ValidationError("The address begins with https:// twice; take one out.")
    if parts.netloc.endswith(":"):
        raise ValidationError("The address has a colon after its host and no port number.")
    if parts.path.startswith("//"):
        raise ValidationError("The path of the address begins with two slashes; take one out.")


# People often paste the address of a document below the base URL.
_BELOW_BASE = re.compile(r"/(?:metadata|\.well-known/[a-z-]+)(?=/?(?:\?.*)?$)")
# As in a vendor's documentation. No URL has these characters, and no path brackets (RFC 3986 §3).
_PLACEHOLDER = re.compile(r"[{}<>]|(?<!/)/[^/]*[\[\]]")


def without_document(url: str) -> str:
    """Return a pasted FHIR base URL without the document below it that the address may end with."""
    below = _BELOW_BASE.search(url)
    return url[: below.start()] if below else url


def validate_base_url(url: str) -> None:
    """Accept a FHIR base URL. It has no query, because paths are appended to it (C10)."""
    validate_url(url)
    if below := _BELOW_BASE.search(url):
        raise ValidationError(f"{below[0]} is below the FHIR base URL: leave that end of it out.")
    if "?" in url:
        raise ValidationError("A FHIR base URL has no query (?).")


def validate_origin(url: str) -> None:
    """Accept an origin for Content-Security-Policy: scheme, host, port (C150)."""
    validate_url(url)
    parts = urlsplit(url)
    if parts.path or parts.query or any(mark in url for mark in ";,?'\""):
        raise ValidationError(f"{url} is more than an origin; enter https://host, without a path.")


def validate_issuers(urls: object) -> None:
    _validate_each(urls, _validate_issuer)


def _validate_issuer(url: str) -> None:
    validate_url(url)
    if below := _BELOW_BASE.search(url):
        raise ValidationError(f"{below[0]} is below the issuer: leave that end of it out.")


def validate_origins(urls: object) -> None:
    _validate_each(urls, validate_origin)


def validate_client_id(client_id: str) -> None:
    """Accept the characters of RFC 6749 appendix A.1, without surrounding blanks. At some vendors a
    client id is a JWT."""
    if len(client_id) > MAX_CLIENT_ID_CHARACTERS:
        raise ValidationError(
            f"This client id has {len(client_id):,} characters; {MAX_CLIENT_ID_CHARACTERS:,} are "
            "possible."
        )
    if not (client_id.isascii() and client_id.isprintable() and client_id == client_id.strip()):
        raise ValidationError("A client id has only visible ASCII characters.")
    if re.fullmatch(r"<.*>|'.*'|\".*\"", client_id):
        raise ValidationError("Enter the client id itself, without brackets or quotes around it.")


def validate_scope(scope: str) -> None:
    """Accept the scopes of an EHR launch (C36), those of a 2-legged registration (C145), or none if
    only patients connect."""
    if "launch" not in _items(scope) and not is_backend(scope):
        raise ValidationError(
            "The scopes of an EHR launch must contain launch; "
            "those of a 2-legged registration contain system/ scopes only."
        )


def validate_for_anybody(scope: str, standalone_scope: str) -> None:
    """Refuse a registration without any scopes."""
    if not (scope or standalone_scope):
        raise ValidationError({"scope": "Enter the scopes of clinicians, of patients, or both."})


def opens_from_ehr(scope: str) -> bool:
    """Return whether these are scopes of an EHR launch. A registration for patients only has
    none."""
    return bool(scope) and not is_backend(scope)


def is_backend(scope: str) -> bool:
    """Return whether these are scopes that an app requests without a person (2-legged)."""
    try:
        validate_backend(scope)
    except ScopeError:
        return False
    return True


def validate_standalone_scope(scope: str) -> None:
    """Accept the scopes of a standalone launch, in which no EHR provides a context."""
    if {"launch", "online_access"} & _items(scope):
        raise ValidationError(
            "launch and online_access belong to EHR launches only; "
            "a patient's connection asks for launch/patient."
        )


def pkce_refusal(auth_method: str, scope: str, standalone_scope: str) -> str:
    """Return why PKCE has to be announced to a registration like this; "" if it does not.

    Without PKCE a stolen code is only useless if the nonce is compared and the client has to
    authenticate (RFC 9700 §2.1.1).
    """
    if auth_method == "none":
        return "A public client is not safe without it: let the app authenticate by key or secret."
    asked = [scopes for scopes in (scope, standalone_scope) if scopes and not is_backend(scopes)]
    if any("openid" not in scopes.split() for scopes in asked):
        return "It is safe with openid among the scopes only, for clinicians and for patients."
    return ""


def validate_own_address() -> None:
    """Check PUBLIC_URL, with which the addresses for the vendor begin: https, or this machine
    (C3)."""
    if not (
        settings.PUBLIC_URL_IS_HTTPS or is_loopback(urlsplit(settings.PUBLIC_URL).hostname or "")
    ):
        raise ValidationError(
            f"PUBLIC_URL is {settings.PUBLIC_URL}; no EHR may send people to an http address."
        )


_KNOWN_SCOPES = ("openid", "profile", "fhirUser", "launch", "launch/patient", "launch/encounter",
                 "offline_access", "online_access")  # fmt: skip


def _items(scope: str) -> set[str]:
    try:
        items = set(parse_scopes(validate_requested(scope)))
    except ScopeError as error:
        raise ValidationError(f"These scopes cannot be asked for: {error.detail}.") from None
    # Scopes are case-sensitive (RFC 6749 §3.3): an EHR grants no fhiruser.
    known = {one.lower(): one for one in _KNOWN_SCOPES}
    for item in sorted(items):
        if (right := known.get(item.lower(), item)) != item:
            raise ValidationError(f"Write {right}, not {item}: scopes are case-sensitive.")
    return items


def _validate_each(urls: object, validate: Callable[[str], None]) -> None:
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise ValidationError("Enter a list of addresses.")
    for url in urls:
        validate(url)
