"""The marks of a German diagnosis or procedure: how certain it is, and on which side.

They belong to ICD-10-GM and OPS, and are extensions of the coding (HL7 Germany, basisprofil-de;
ISiK and the medical informatics initiative use them too).
"""

from collections.abc import Iterator

from smartapp.record.elements import Resource, mapping, mappings
from smartapp.record.texts import text

# The ends of the extensions' addresses, which differ between profiles.
CERTAINTY, SIDE = "diagnosesicherheit", "seitenlokalisation"
EXCLUDED, AFTER = "A", "Z"
CERTAINTY_WORDS = {
    "G": "",
    "V": "Suspected",
    EXCLUDED: "Ruled out by its code",
    AFTER: "State after",
}
SIDES = {"L": "left", "R": "right", "B": "both sides"}


def certainty(resource: Resource) -> str:
    """Return the code of how certain a Condition is ("A" is ruled out, "Z" the state after it), or
    ""."""
    return next(_marks(resource, CERTAINTY), "")


def certainty_text(resource: Resource) -> str:
    """Return how certain a Condition is, in words; "" if it is confirmed or not said."""
    code = certainty(resource)
    return CERTAINTY_WORDS.get(code, f"Certainty “{code}”" if code else "")


def side_texts(resource: Resource) -> list[str]:
    """Return the sides of a Condition or a Procedure."""
    return [SIDES.get(code, code) for code in dict.fromkeys(_marks(resource, SIDE))]


def _marks(resource: Resource, name: str) -> Iterator[str]:
    for coding in mappings(mapping(resource.get("code")).get("coding")):
        for extension in mappings(coding.get("extension")):
            if text(extension.get("url")).casefold().endswith(name):
                coded = text(mapping(extension.get("valueCoding")).get("code"))
                code = coded or text(extension.get("valueCode"))
                yield from [code.upper()] * bool(code)
