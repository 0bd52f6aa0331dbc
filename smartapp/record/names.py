"""Names of people (FHIR R4 HumanName): the one to use, those in other scripts, and former ones."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartapp.record.elements import extensions, mapping, mappings
from smartapp.record.moments import (
    Chronology,
    Moment,
    is_past,
    is_reversed,
    member_moment,
    newest_first,
)
from smartapp.record.texts import text, texts

NAME_ORDER = ("official", "usual", "", "temp", "anonymous", "nickname", "old", "maiden")
NAME_WORDS = {
    "nickname": "nickname",
    "old": "former name",
    "maiden": "name before marriage",
    "temp": "temporary name",
    "anonymous": "name that hides who it is",
}
LANGUAGE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/language"
_WORD = re.compile(r"[^\W\d_]+")
_PLAIN_LETTERS = str.maketrans("øæłđ", "oald", "'\u2019\u02bc")
# How letters with accents are written without them: Oestergaard is Østergaard.
_WITHOUT_ACCENT = re.compile(r"([aou])e|a(?=a)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in any script. `lang` is only set if the record has it: the script does not determine
    it. `is_usual`: the person is called by it (FHIR's use "usual"), whatever the official name is.
    """

    text: str
    use: str = ""
    lang: str = ""
    is_former: bool = False
    is_usual: bool = False

    @property
    def script(self) -> str:
        """The script of its first letter, by its Unicode name: LATIN, GREEK, CJK, HIRAGANA."""
        letter = next((one for one in self.text if one.isalpha()), "")
        return unicodedata.name(letter, "").partition(" ")[0] if letter else ""


def read_names(resource: dict[str, Any], now: datetime) -> list[Name]:
    """Return the names with the one to use first, each text once."""
    sent = mappings(resource.get("name"))
    undated = {text(name.get("use")) for name in sent if _start(name) is None}

    def place(name: dict[str, Any]) -> tuple[bool, int, float]:
        # Of names of one use that all have a beginning, the newest comes first.
        has_age = text(name.get("use")) not in undated
        return *_rank(name, now), newest_first(_start(name)) if has_age else 0

    ranked = sorted(sent, key=place)
    names: dict[str, Name] = {}
    for name in ranked:
        if written := name_text(name):
            found = _name(name, written, now)
            names.setdefault(written, found)
            if other := _another_in_parts(name, found):
                names.setdefault(other, _name(name, other, now))
    # Some servers send a sentence instead of FHIR's structure, as for an organization.
    for written in texts(resource.get("name")):
        names.setdefault(written, Name(written))
    return list(names.values())


def best_name(resource: dict[str, Any], now: datetime) -> str:
    """Return the name to call a person by, or ""."""
    names = read_names(resource, now)
    return names[0].text if names else ""


def in_other_scripts(names: list[Name]) -> tuple[Name, ...]:
    """Return the person's current names in other scripts than the first one's, one for each
    script."""
    scripts = {names[0].script} if names else set()
    found = []
    for name in names[1:]:
        if name.script and name.script not in scripts and not name.is_former and not name.use:
            scripts.add(name.script)
            found.append(name)
    return tuple(found)


def name_text(name: dict[str, Any]) -> str:
    """Return one HumanName: its text as the EHR displays it, or its parts in order."""
    parts = [
        *texts(name.get("prefix")),
        *texts(name.get("given")),
        *texts(name.get("family")),
        *texts(name.get("suffix")),
    ]
    return text(name.get("text")) or " ".join(parts)


def _another_in_parts(name: dict[str, Any], written: Name) -> str:
    """Return the name that the parts make if its text has nothing of their family name: "Jane
    Smith" with the family name Doe may be of two people. A text in another script is not."""
    parts = name_text({**name, "text": ""})
    family = _beginnings(" ".join(texts(name.get("family"))))
    is_in_one_script = Name(parts).script == written.script != ""
    if written.use == NAME_WORDS["anonymous"] or not (family and is_in_one_script):
        return ""
    return "" if family & _beginnings(written.text) else parts


def _beginnings(words: str) -> set[str]:
    """Return the first two letters of each word, without case and accents: Mueller is Müller, and
    Mc Donald is McDonald."""
    plain = unicodedata.normalize("NFKD", words.casefold().translate(_PLAIN_LETTERS))
    bare = "".join(one for one in plain if not unicodedata.combining(one))
    return {word[:2] for word in _WORD.findall(_WITHOUT_ACCENT.sub(r"\1", bare))}


def is_over(element: dict[str, Any], now: datetime) -> bool:
    """Return whether the period of a name or number has ended."""
    end = member_moment(mapping(element.get("period")), "end")
    if end is None or not end.is_readable or is_reversed(_start(element), end):
        return False
    return is_past(end, now)


def is_to_come(element: dict[str, Any], now: datetime) -> bool:
    """Return whether the period of a name or number has not begun."""
    return Chronology(now).is_future(_start(element))


def _name(name: dict[str, Any], written: str, now: datetime) -> Name:
    use = text(name.get("use"))
    is_former = use in ("old", "maiden") or is_over(name, now)
    return Name(written, NAME_WORDS.get(use, ""), _language(name), is_former, use == "usual")


def _start(element: dict[str, Any]) -> Moment | None:
    return member_moment(mapping(element.get("period")), "start")


def _rank(name: dict[str, Any], now: datetime) -> tuple[bool, int]:
    """Order names: those still in use first, then by FHIR's `use`."""
    use = text(name.get("use"))
    rank = NAME_ORDER.index(use) if use in NAME_ORDER else len(NAME_ORDER)
    return is_over(name, now) or is_to_come(name, now), rank


def _language(name: dict[str, Any]) -> str:
    for extension in extensions(name, LANGUAGE_EXTENSION):
        tag = text(extension.get("valueCode"))
        return tag if _LANGUAGE.fullmatch(tag) else ""
    return ""
