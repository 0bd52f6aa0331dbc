"""Query strings of untrusted links and redirects."""

from urllib.parse import parse_qsl

from smartapp.protocol.errors import (
    ParameterMalformed,
    ParameterMissing,
    ParameterRepeated,
    ParameterTooLong,
)

MAX_QUERY_CHARACTERS = 32_768
MAX_PARAMETERS = 64


def parse_query(query: str) -> dict[str, list[str]]:
    """Return every parameter with all its values, in order. What is not UTF-8 becomes U+FFFD, which
    `optional` refuses: parameters that nobody reads may have any encoding.

    Raises ParameterTooLong if the query is longer than any real one, and ParameterMalformed if it
    has more parameters.
    """
    if len(query) > MAX_QUERY_CHARACTERS:
        raise ParameterTooLong("the whole query string")
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="replace", max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        raise ParameterMalformed("more parameters than any EHR sends") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def optional(values: dict[str, list[str]], name: str, *, max_characters: int) -> str | None:
    """Return the single value of `name`; None if it is absent or empty.

    RFC 6749 §3.1: "parameters sent without a value MUST be treated as if they were omitted".
    """
    found = values.get(name, [])
    if len(found) > 1:
        raise ParameterRepeated(name)
    if not found or not found[0]:
        return None
    value = found[0]
    if len(value) > max_characters:
        raise ParameterTooLong(name)
    if not value.isprintable() or "\ufffd" in value:
        raise ParameterMalformed(f"{name} has control characters, or is not UTF-8")
    return value


def required(values: dict[str, list[str]], name: str, *, max_characters: int) -> str:
    """Return the single value of `name`, or raise ParameterMissing."""
    value = optional(values, name, max_characters=max_characters)
    if value is None:
        raise ParameterMissing(name)
    return value
