"""Removes secrets from search parameters before they are logged or repeated.

Only known search parameters keep their values. Others may be an access token that was put into the
URL, with or without its name (RFC 6750 §5.3).
"""

from urllib.parse import parse_qsl, quote

from smartapp.sandbox.fhir.search import parameters_of
from smartapp.sandbox.fhir.store import TYPES

HIDDEN = "•••"
MAX_NAME_CHARACTERS = 40
"""Anything longer is not a name: it may be a secret."""
OF_EVERY_SEARCH = frozenset({"_count", "_cursor", "_format", "_pretty", "_sort", "_total"})


def query(text: str) -> str:
    """Return a query string without possible secrets."""
    sent = parse_qsl(text, keep_blank_values=True)
    return "&".join(_parameter(name, value) for name, value in sent)


def shown_name(name: str) -> str:
    """Return the name of an unknown parameter, unless it is too long to be one."""
    return name if len(name) <= MAX_NAME_CHARACTERS else HIDDEN


def _parameter(name: str, value: str) -> str:
    if _is_known(name.partition(":")[0]):
        return f"{quote(name, ':')}={quote(value, ':/,|')}"
    return f"{shown_name(name)}={HIDDEN}"


def _is_known(name: str) -> bool:
    return name in OF_EVERY_SEARCH or any(name in parameters_of(one) for one in TYPES)
