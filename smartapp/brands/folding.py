"""Turns names, places and search terms into words that can be compared.

"St. Luke's" and "saint lukes", "A & B" and "A and B", "Administración" and "administracion" must
match. Names and search terms go through the same functions.
"""

import re
import unicodedata

STATES = {
    "AL": "alabama", "AK": "alaska", "AZ": "arizona", "AR": "arkansas", "CA": "california",
    "CO": "colorado", "CT": "connecticut", "DE": "delaware", "DC": "district of columbia",
    "FL": "florida", "GA": "georgia", "HI": "hawaii", "ID": "idaho", "IL": "illinois",
    "IN": "indiana", "IA": "iowa", "KS": "kansas", "KY": "kentucky", "LA": "louisiana",
    "ME": "maine", "MD": "maryland", "MA": "massachusetts", "MI": "michigan", "MN": "minnesota",
    "MS": "mississippi", "MO": "missouri", "MT": "montana", "NE": "nebraska", "NV": "nevada",
    "NH": "new hampshire", "NJ": "new jersey", "NM": "new mexico", "NY": "new york",
    "NC": "north carolina", "ND": "north dakota", "OH": "ohio", "OK": "oklahoma", "OR": "oregon",
    "PA": "pennsylvania", "RI": "rhode island", "SC": "south carolina", "SD": "south dakota",
    "TN": "tennessee", "TX": "texas", "UT": "utah", "VT": "vermont", "VA": "virginia",
    "WA": "washington", "WV": "west virginia", "WI": "wisconsin", "WY": "wyoming",
    "PR": "puerto rico", "GU": "guam", "VI": "virgin islands", "AS": "american samoa",
    "MP": "northern mariana islands",
    "AB": "alberta", "BC": "british columbia", "MB": "manitoba", "NB": "new brunswick",
    "NL": "newfoundland and labrador", "NS": "nova scotia", "NT": "northwest territories",
    "NU": "nunavut", "ON": "ontario", "PE": "prince edward island", "QC": "quebec",
    "SK": "saskatchewan", "YT": "yukon",
}  # fmt: skip
_CODES = {name: code for code, name in STATES.items()}

# Words with the same meaning. Each matches the others, in a name and in a search.
_SAME = ({"st", "saint"}, {"ste", "sainte"}, {"ft", "fort"}, {"mt", "mount"},
         {"ctr", "center", "centre"}, {"hosp", "hospital"}, {"med", "medical"},
         {"univ", "university"}, {"peds", "pediatrics", "paediatrics"},
         {"assoc", "associates"}, {"dr", "doctor"}, {"hlth", "health"})  # fmt: skip
_OTHERS = {word: same - {word} for same in _SAME for word in same}
# Words that people omit, or type although the list does not have them.
_LEGAL = frozenset({"llc", "inc", "pc", "pa", "pllc", "ltd", "llp", "corp", "plc", "lp", "sc"})
_FILLERS = frozenset({"and", "the", "of", "at"})

_APOSTROPHES = re.compile("['\u2018\u2019\u02bc\u00b4`\u2032]")
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}|\b(?:[a-z]\. ){1,}[a-z]\.(?!\w)")
_WORD = re.compile(r"[^\W_]+")
_STATE_BEFORE = re.compile(r"^\s*([A-Za-z]{2}) - (?=\S)")
_DOING_BUSINESS_AS = re.compile(r"\bd\s*[/.]\s*b\s*[/.]\s*a\b\.?\s*", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Return the words of a text in folded form: no case, accents or apostrophes, "P.C." as
    "pc"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(one for one in decomposed if not unicodedata.combining(one))
    plain = _APOSTROPHES.sub("", plain).replace("&", " and ")
    plain = _INITIALS.sub(lambda found: re.sub(r"[. ]", "", found[0]), plain)
    return _WORD.findall(plain)


def indexed_words(*texts: str) -> list[str]:
    """Return the words under which texts are found, each once, in order."""
    found: dict[str, None] = {}
    for text in texts:
        for word in words(text):
            found[word] = None
            found |= dict.fromkeys(sorted(_OTHERS.get(word, ())))
    return list(found)


def asked_words(query: str) -> list[str]:
    """Return the words that a brand must have; each matches the beginning of a word. Words that
    people add out of habit ("and", "LLC") are left out unless there are no others."""
    asked = list(dict.fromkeys(words(query)))
    telling = [word for word in asked if word not in _LEGAL | _FILLERS]
    return telling or asked


def sort_key(name: str) -> str:
    """Return a name in the form for sorting and for comparing its beginning with what people
    type."""
    return " ".join(words(name))


def state_code(text: str) -> str:
    """Return the two letters of a state or province, given as code or name; "" for anything
    else."""
    folded = " ".join(words(text))
    return folded.upper() if folded.upper() in STATES else _CODES.get(folded, "")


def without_state(name: str) -> tuple[str, str]:
    """Return the name and state code of "TX - Gum Pediatrics"; the code is "" if there is none."""
    found = _STATE_BEFORE.match(name)
    code = state_code(found[1]) if found else ""
    return (name[found.end() :], code) if found and code else (name, "")


def doing_business_as(name: str) -> str:
    """Return the name after "d/b/a", which patients know; "" if there is none."""
    parts = _DOING_BUSINESS_AS.split(name, maxsplit=1)
    return parts[1].strip(" ,") if len(parts) == 2 else ""


def readable(name: str) -> str:
    """Return an all-capitals name in normal capitalisation. Other names, and names so short that
    they may be abbreviations, stay unchanged."""
    return capitalised(name) if len(name) > 5 else name


def capitalised(name: str) -> str:
    if not name.isupper():
        return name
    return re.sub(r"[A-Z][A-Z'\u2019]+", lambda found: _capitalised(found[0]), name)


def _capitalised(word: str) -> str:
    if word.lower() in _LEGAL or word in STATES:
        return word
    if word in {"OF", "AND", "THE", "AT", "FOR", "IN", "DE", "LA"}:
        return word.lower()
    return word[0] + word[1:].lower()
