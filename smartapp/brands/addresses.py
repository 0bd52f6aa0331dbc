"""Checks whether a published address can be the FHIR R4 base URL of a launch.

Vendors' lists contain internal names, incomplete addresses, documentation pages and old FHIR
versions. Each of these is skipped with a reason that an administrator can send to the vendor.
"""

import re
from urllib.parse import urlsplit

from smartapp.protocol.fhir import is_r4
from smartapp.protocol.urls import host_of

MAX_CHARACTERS = 4096

_OLD_VERSION = re.compile(r"(?:^|/)(dstu ?1|dstu ?2|stu ?3|r5|r6)(?:/|$)", re.IGNORECASE)
_PAGE = re.compile(r"\.(html?|pdf|aspx?|php)$", re.IGNORECASE)
_NUMBERS = re.compile(r"[0-9.]+")
_THIS_MACHINE = re.compile(r"https?://127\.0\.0\.1:[0-9]+/")
_RESERVED = (".local", ".localhost", ".internal", ".lan", ".intranet", ".corp", ".home")


class NotUsable(ValueError):
    """An address that no launch can use; the message is the reason, and reasons are counted."""


def usable_address(address: object, *, version: str = "", in_development: bool = False) -> str:
    """Return a published address exactly as published, without surrounding blanks.

    `in_development` also allows 127.0.0.1 with a port, for a sandbox. `version` is the
    `endpoint-fhir-version`, or "" if the list has none; then only a path that names another version
    rules the address out. Raises NotUsable.
    """
    if not isinstance(address, str) or not address.strip():
        raise NotUsable("no address")
    url = address.strip()
    if len(url) > MAX_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise NotUsable("blanks or other characters that no URL has")
    if any(mark in url for mark in "{}<>[]"):
        raise NotUsable("a placeholder in place of the organization's own value")
    if not (in_development and _THIS_MACHINE.match(url)):
        _refuse_scheme(url)
        _refuse_host(url)
    _refuse_path(url)
    if version and not is_r4(version):
        raise NotUsable(f"FHIR {version.removeprefix('FHIR ')}, this app reads R4")
    return url


def _refuse_scheme(url: str) -> None:
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme.isalpha():
        raise NotUsable("not a whole address")
    if scheme.lower() == "http":
        raise NotUsable("http, not https")
    if scheme.lower() != "https":
        raise NotUsable("not a whole address")
    if "://" in rest or rest.lower().startswith(("http:", "https:")):
        raise NotUsable("two addresses in one")


def _refuse_host(url: str) -> None:
    try:
        host = host_of(url).partition(":")[0]
        urlsplit(url).port  # noqa: B018 - raises for a port that is none
    except ValueError:
        raise NotUsable("not a whole address") from None
    if urlsplit(url).netloc.endswith(":"):
        raise NotUsable("a colon without a port")
    if "." not in host or host.endswith(_RESERVED):
        raise NotUsable("a name or number inside somebody's network")
    if _NUMBERS.fullmatch(host):
        raise NotUsable("a name or number inside somebody's network")


def _refuse_path(url: str) -> None:
    parts = urlsplit(url)
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise NotUsable("a query or fragment, which a FHIR base URL cannot have")
    if parts.path.startswith("//"):
        raise NotUsable("a path that begins with two slashes")
    path = parts.path.rstrip("/")
    if path.endswith("/metadata"):
        raise NotUsable("the address of a CapabilityStatement, not a base URL")
    if "/.well-known/" in f"{path}/":
        raise NotUsable("the address of a SMART configuration, not a base URL")
    if _PAGE.search(path):
        raise NotUsable("a page for people, not a base URL")
    if old := _OLD_VERSION.search(parts.path):
        raise NotUsable(f"FHIR {old[1].upper()}, this app reads R4")
