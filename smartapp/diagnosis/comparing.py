"""Two addresses, or two clocks, compared in words that can be read out over the telephone."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from urllib.parse import urlsplit

from smartapp.protocol.client_assertion import CLOCK_SKEW_SECONDS
from smartapp.protocol.urls import base_key
from smartapp.registrations.models import Endpoint

AHEAD_SECONDS = CLOCK_SKEW_SECONDS + 2  # `Date` has whole seconds, and the answer took a while


def difference(ours: str, theirs: str) -> str:
    """Return where two texts part."""
    if ours == theirs:
        return "They are equal, byte for byte."
    pairs = enumerate(zip(ours, theirs, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
    if not same:
        return "They differ from the first character on."
    here, there = (
        f"“{rest[:12]}”" if (rest := text[same:]) else "nothing" for text in (ours, theirs)
    )
    return f"They differ from character {same + 1}: {here} on one side, {there} on the other."


def clock_in_words(ahead: int | None) -> str:
    """Return by how many seconds our clock is ahead of an EHR's; None where it does not say."""
    if ahead is None:
        return "The EHR did not say what time it has."
    if abs(ahead) <= AHEAD_SECONDS:
        return "By its Date header, the EHR's clock agrees with ours."
    where = "ahead of" if ahead > 0 else "behind"
    return f"By its Date header, we are {abs(ahead)} s {where} the EHR."


def nearest(iss: str, known: Iterable[Endpoint]) -> Endpoint | None:
    """Return the endpoint that an unknown `iss` most likely meant: the same base in another
    spelling, else the same host with the most similar path."""
    host, rest = plain(iss)
    spelled = ((*plain(one.fhir_base_url), one) for one in known)
    near = [(other, one) for its_host, other, one in spelled if host and its_host == host]
    near.sort(key=lambda pair: (pair[0] != rest, -_likeness(pair[0], rest)))
    return near[0][1] if near else None


def is_base(url: str) -> bool:
    try:
        return bool(base_key(url))
    except ValueError:
        return False


def plain(url: str) -> tuple[str, str]:
    """Return the host of a base, and the rest, without what spellings of one address differ in; ""
    for both, where it is no URL, as what anybody may have sent."""
    try:
        parts = urlsplit(url.lower())
        number = parts.port
    except ValueError:
        return "", ""
    host = "localhost" if parts.hostname == "127.0.0.1" else parts.hostname or ""
    port = f":{number}" if number not in (None, 80, 443) else ""
    return host, f"{port}{parts.path.removesuffix('/')}"


def _likeness(path: str, other: str) -> float:
    """Return how much of two paths is the same, 0 to 1; of long ones, their beginnings."""
    return SequenceMatcher(None, path[:500], other[:500], autojunk=False).ratio()
