"""Statements that there is nothing, or that it is unknown. They are entries in a list but do not
count as content.

Sources: SNOMED CT (situation with explicit context), IPS "absent-unknown-uv-ips", HL7 v3
NullFlavor, FHIR data-absent-reason, and words of authors who have no code.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from smartapp.record.absence import absent_code, is_nobody_known, reason_words
from smartapp.record.codes import RXNORM, SNOMED, codings, concept_words
from smartapp.record.elements import mapping, mappings
from smartapp.record.moments import Moment
from smartapp.record.texts import text

# none: somebody asked, and there is none · unknown: nobody asked, or it is not known
Meaning = Literal["none", "unknown"]
IPS = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
_IPS_SYSTEMS = frozenset({IPS, "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown", ""})
# CVX has a code for a vaccination that was not given.
NO_VACCINE = ("http://hl7.org/fhir/sid/cvx", "998")
# Servers often omit the system of SNOMED CT and of the IPS. In any other system the same code means
# something else.
_SNOMED_SYSTEMS = frozenset({SNOMED, ""})
# The kind that there is none of; "" means all. The kinds are those of AllergyIntolerance.category.
_SNOMED_NONE = {
    "716186003": "",
    "160244002": "",
    "409137002": "medication",
    "428607008": "environment",
    "429625007": "food",
    "716184000": "latex",
    "428197003": "insect",
    "716220001": "animal",
    "1003774007": "latex",
    "160245001": "",
    "787480003": "",
    "787481004": "",
    "787482006": "",
    "787483001": "",
}
_SNOMED_WORDS = {
    "716186003": "No known allergies",
    "160244002": "No known allergies",
    "409137002": "No known drug allergies",
    "428607008": "No known environmental allergies",
    "429625007": "No known food allergies",
    "716184000": "No known latex allergy",
    "428197003": "No known insect allergy",
    "716220001": "No known animal allergy",
    "1003774007": "No known latex allergy",
    "160245001": "No current problems or disability",
    "787480003": "No known procedures",
    "787481004": "No known medications",
    "787482006": "No known immunizations",
    "787483001": "No known device use",
    "1631000175102": "Not on file",
}
# Of a code of these systems that is not listed here: "No drug therapy prescribed (situation)".
_NEGATED = re.compile(r"\b(?:no|not|none|absent|unknown|without)\b", re.IGNORECASE)
# Codes of these systems name something that exists, except those for all of a kind.
_NAMING_SYSTEMS = frozenset({SNOMED, RXNORM, "http://hl7.org/fhir/sid/cvx"})
_OF_A_WHOLE_KIND = frozenset(
    {"419199007", "416098002", "414285001", "420134006", "418038007", "419511003", "418471000",
     "235719002", "59037007", "426232007", "106190000", "609328004", "281647001", "55607006",
     "64572001", "404684003", "282291009", "409586006", "410942007", "71388002", "243796009",
     "998", "999"}
)  # fmt: skip
_ABBREVIATIONS = {
    "nka": "No known allergies",
    "nkda": "No known drug allergies",
    "nkma": "No known medication allergies",
    "nkfa": "No known food allergies",
    "nkea": "No known environmental allergies",
}
_SNOMED_UNKNOWN = frozenset({"1631000175102"})
_IPS_KINDS = {"medication": "medication", "food": "food", "environmental": "environment"}
_IPS_CODE = re.compile(r"no-(?:(?P<none>known)-(?P<what>[a-z-]+)|(?P<unknown>[a-z]+)-info)")
_KINDS = (
    (
        "medication",
        re.compile(
            r"(?<!non-)(?:drug|medicat|medicin)|medicament|médicament|medikament"
            r"|arzneimittel|geneesmiddel|lægemid|legemid|läkemed|lääke|farmac|fármac|leki|gyógyszer"
            r"|ilaç|лекарств|תרופות|دوائية|薬|药|藥|약물"
        ),
    ),
    ("food", re.compile(r"food|aliment|ruoka|食物|음식|식품")),
    ("environment", re.compile(r"environ|seasonal|pollen")),
    ("latex", re.compile(r"latex")),
    ("animal", re.compile(r"animal|pet\b")),
    ("insect", re.compile(r"insect|bee|wasp")),
    ("contrast", re.compile(r"contrast")),
)
_GENERAL = frozenset(
    {"medical", "health", "clinical", "significant", "other", "of", "the", "history", "documented",
     "past", "known", "prior", "chronic", "home", "regular", "active", "hx"}
)  # fmt: skip
# Which drugs nobody takes if there are none of them; those of any other word must not be given:
# "No sulfa drugs".
_ANY_DRUGS = _GENERAL | {
    "prescription", "prescribed", "otc", "over-the-counter", "nonprescription", "herbal", "daily",
    "scheduled", "maintenance", "routine", "outpatient", "inpatient", "discharge", "oral",
    "current", "reported", "recorded", "or", "and", "preadmission", "long-term", "usual",
    "permanent", "continuous", "concomitant", "taking", "using", "vitamins", "supplements",
}  # fmt: skip
_DRUGS_AT_END = re.compile(r"(?:medic(?:ation|ine)s?(?: use)?|meds|drugs?)$")
_LISTED = (
    r"(?:allerg(?:y|ies|ic reactions?)|intolerances?|adverse (?:drug )?reactions?"
    r"|sensitivit(?:y|ies)"
    r"|problems?|conditions?|diagnos[ei]s|disabilit(?:y|ies)|diseases?|illness(?:es)?"
    r"|medic(?:ation|ine)s?(?: use)?|meds|drugs?|immuni[sz]ations?|vaccin(?:ation|e)s?|procedures?"
    r"|devices?(?: use)?|implants?|history)"
)
# Substances in a row. A second sentence in the row is about a real allergy: "No allergies to latex,
# rash with penicillin".
_WORD = r"(?!(?:or|and)\b)[\w-]+"
_SUBSTANCES = (
    rf"{_WORD}(?: {_WORD}){{0,2}}(?:,? or {_WORD}(?: {_WORD})?|,(?: and)? {_WORD}| and {_WORD})*"
)
# After "no allergies" a second sentence may begin: "no allergies codeine intolerance".
_NARROWER = r"(?!allerg|intoleranc|sensitiv|reaction)[\w-]+"
# "And latex allergy" may name one, "and no latex allergy" does not.
_ALSO = (
    r"(?:no (?:[\w-]+ ){0,2}?"
    r"|(?:(?:any|known|other|drug|food|medication|environmental|active|current|medical) )*)"
)
_NONE = re.compile(
    r"(?:(?:the )?(?:patient|pt) (?:(?:has|reports|is taking|takes) )?"
    # What somebody else has is not the patient's.
    r"|(?:the )?(?:mother|father|parents?|family|spouse|caregiver) (?:reports? |(?=denies )))?"
    r"(?:(?:no|nil|denies|without)"
    r"(?: (?:any|known|current|active|reported|significant|h/o|hx of|(?:past )?history of))*"
    rf"(?P<narrower>(?: {_NARROWER},?){{0,2}}?(?:,? (?:or|and) {_NARROWER})?) {_LISTED}"
    rf"(?: or (?:[\w-]+ ){{0,2}}?{_LISTED}(?: to [\w ]+)?| (?:and|/) {_ALSO}{_LISTED})?"
    r"(?: (?:known|reported|recorded|prescribed))?(?: on (?:file|record))?"
    rf"|(?:is )?(?:currently )?not (?:currently )?(?:on|taking|using) any {_LISTED}"
    rf"|(?:takes?|taking|on|uses?|using) no {_LISTED}"
    rf"|(?:does not|doesn't|denies|denied) (?:tak|us)(?:e|ing) (?:any )?{_LISTED}"
    r"|(?:no|nil|none) known|no known|denie[sd](?: any)?"
    r"|(?:none|nil)(?: (?:reported|disclosed|stated|significant))?"
    rf"|{_LISTED}(?: (?:list )?reviewed)?(?::| -)? (?:none|nil|none known|denie[sd])"
    rf"|(?:no|nil)(?: known)? (?:[\w-]+ ){{0,2}}?allerg(?:y|ies) to (?P<substance>{_SUBSTANCES})"
    rf"|not (?:known to be )?allergic(?: to (?:anything|any \w+|(?P<harmless>{_SUBSTANCES})))?"
    r"|negative for allergies"
    # "None" and "none known" in other languages
    r"|keine?(?: bekannt)?|(?:aucune?|ningun[ao]?|ningún|nenhuma?|nessun[ao]?)"
    r"(?: (?:con(?:nu|ocid|hecid)|not)[ae]?)?|néant|geen(?: bekend)?"
    r"|ing(?:en|a|et)(?: (?:kendte?|kjente?|kända?))?|ei ole|brak(?: uczuleń)?"
    r"|žádn[éáý]|nincs|yok|нет|аллерги[ия] (?:нет|отрицает)|אין|لا يوجد"
    # German
    r"|keine? (?:bekannten? )?(?:medikamenten|arzneimittel)?"
    r"(?:allergien?|unverträglichkeiten|(?:dauer)?medikation|medikamente|diagnosen|implantate)"
    r"(?: (?:oder|und) unverträglichkeiten)?(?: bekannt)?"
    r"|allergien?: (?:keine?|nein)(?: bekannte?n?)?"
    r"|keine? bekannten? (?:gesundheits)?(?:probleme?|erkrankung(?:en)?|vorerkrankungen)"
    r"|keine (?:vorerkrankungen|grunderkrankungen|impfungen|operationen)(?: bekannt)?"
    # French
    r"|(?:aucune|pas d.|absence d.)\s?(?:allergies?|antécédents?)(?: médicamenteuses?)?"
    r"(?: connue?s?)?"
    r"|aucun (?:antécédent|traitement|médicament|problème)(?: médicamenteux| de fond)?"
    r"(?: en cours| connu)?"
    r"|aucune (?:maladie|vaccination|intervention)(?: connue)?"
    # Spanish, Portuguese, Italian
    r"|(?:sin|sem|no|niega|nega|no refiere|ninguna|nenhuma) al[eé]rgias?"
    r"(?: medicamentosas?| a (?:medicamentos|fármacos))?(?: con(?:oc|hec)idas?)?"
    r"|no se conocen alergias|sin (?:medicación|medicamentos)|sem medicamentos"
    r"|(?:sin|sem|ning[uú]n|nenhum|nessun)"
    r" (?:problemas?|problem[ai]|medicamentos?|farmac[oi]|antecedentes?|doenças?"
    r"|comorbi(?:li)?dad(?:es)?)"
    r"(?: de (?:salud|saúde|salute))?(?: (?:con(?:oc|hec)id|not|activ|ativ)[oai]s?)?"
    r"|(?:nessuna|nega|non (?:note|riferite)) allergi[ae](?: (?:not|conosciut|riferit)[ae])?"
    r"(?: ai? (?:farmaci|alimenti))?|nessun farmaco"
    # Dutch
    r"|geen (?:bekende )?(?:allergie(?:ën|en)?|(?:geneesmiddel|medicijn)allergie(?:ën|en)?"
    r"|medicatie|medicijnen|problemen|aandoeningen|voorgeschiedenis)(?: bekend)?"
    # Danish and Norwegian, Swedish, Finnish, Polish
    r"|ing(?:en|a) (?:(?:kendte?|kjente?|känd[at]?) )?"
    r"(?:(?:lægemiddel|legemiddel|läkemedels)?(?:allergi(?:er)?|overfølsomhed(?:er)?"
    r"|overfølsomhet(?:er)?|överkänslighet(?:er)?)|cave|medicin(?:er)?|medisiner|läkemedel)"
    r"|ei (?:tunnettuja |tiedossa(?: olevia)? )?(?:(?:lääke(?:aine)?|ruoka-?)?allergioita"
    r"|(?:lääkeaine)?yliherkkyyksiä)"
    r"|(?:brak|nie stwierdzono) (?:znanych )?(?:alergii|uczuleń)(?: na leki)?"
    # Czech and Slovak, Hungarian, Turkish, Russian and Ukrainian, Hebrew, Arabic, Vietnamese
    r"|bez (?:známých |známych )?alergi[ií]|alergie neudává"
    r"|nincs (?:ismert )?(?:gyógyszer)?allergi(?:a|ája)|(?:bilinen )?(?:ilaç )?alerji(?:si)? yok"
    r"|(?:лекарственн\w+ )?(?:аллерги[ия]|аллерги[чй]\w+ реакций) (?:на лекарства )?"
    r"(?:нет|отрицает|не отмечено|не выявлено)|алерг[ії]ї немає"
    r"|(?:אין|ללא) (?:אלרגי\w+|רגישו\w+)(?: (?:ידוע\w+|לתרופות))*"
    r"|لا (?:يوجد|توجد) (?:حساسية|حساسيات)(?: (?:معروفة|دوائية))*|không (?:có )?(?:tiền sử )?dị ứng"
    r"|ing(?:en|a) (?:(?:kendte?|kjente?|kända) )?(?:problemer|sygdomme|sykdommer|sjukdomar)"
    r"|brak chorób(?: przewlekłych)?"
    # Japanese, Chinese, Korean
    r"|(?:(?:薬[物剤]?|食物)?アレルギー(?:歴)?(?:は)?|(?:内服|常用|服用)薬?|既往歴?(?:は)?)?(?:特に)?(?:なし|無し|無)"
    r"|(?:[无無]|否[认認])(?:已知)?(?:药物|藥物|食物|及|和){0,3}(?:过敏|過敏|既往)(?:史)?|无"
    r"|(?:(?:알려진|특이|약물|음식|식품) ?)*(?:알레르기|알러지)(?:력)?(?:는|은)? ?(?:없음|무)|없음)"
)
# "Allergies: NKDA", "Medications - none".
_HEADING = re.compile(rf"(?:(?:drug|food|known|current|home) )?{_LISTED}(?::| -) ")
# Words beside a statement that take nothing from it: "No known allergies - confirmed".
_BESIDE = frozenset(
    {"confirmed", "verified", "reviewed", "reported", "per patient", "patient reported",
     "self-reported", "situation", "finding", "disorder", "qualifier value"}
)  # fmt: skip
# Who said it, and when: they may also follow the words.
_SOURCE = re.compile(
    r"\s+(?:-\s+)?(?:as of (?:(?:\d{1,2}|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec"
    r"|[a-z]*(?:uary|ember|ober)|march|april|august)(?:st|nd|rd|th)?[ ,/.-]+){0,2}"
    r"\d{4}(?:-\d\d(?:-\d\d)?)?"
    r"|(?:(?:confirmed|verified|reviewed|reported|discussed) (?:with|by)|per)"
    r" (?:the )?(?:(?:patient|pt)'?s )?"
    r"(?:patient|pt|mother|mom|mum|father|dad|parents?|family|spouse|wife|husband|daughter|son|carer"
    r"|caregiver|guardian|nurse|pharmacist|gp|chart|self)"
    r"|(?:confirmed|verified|reviewed|updated|recorded|entered)(?: (?:on|in))?"
    r" (?:\d[\d./-]{2,9}|today)"
    r"|at (?:this time|present)|currently|to date|so far)$"
)
_EITHER = re.compile(rf"(?<=[a-z]) ?/ ?(?={_LISTED}$)")
# A statement with an exception is an entry: "No known allergies except penicillin".
_EXCEPTION = re.compile(
    r"\b(?:but|except\w*|exclud\w+|other than|apart from|aside from|besides|however|although|though"
    r"|only|save for|outside of"
    r"|außer|ausser|bis auf|sauf|hormis|excepto|salvo|exceto|eccetto|tranne"
    r"|behalve|undtagen|unntatt|utom|förutom)\b|以外"
)
_PART_ENDS = re.compile(r"\s+-\s+|\s*(?:[;,()\[\]]|(?<!\d)/(?!\d))\s*")
_UNKNOWN = re.compile(
    r"not on file|not asked|patient not asked|unknown|not known|(?:not|nil) recorded|not assessed"
    r"|unable to (?:assess|obtain|determine|respond)[\w ]*"
    r"|patient unable to (?:respond|answer|communicate)"
    rf"|(?:none|no {_LISTED}) (?:recorded|documented|listed|entered|noted|on (?:file|record))"
    rf"|no (?:recorded|documented|noted) {_LISTED}"
    rf"|unobtainable|unverified|assessment not done|{_LISTED} (?:have |has )?not been \w+"
    r"|no information(?: available)?|not reviewed|n/a|not applicable"
    rf"|{_LISTED} unable to (?:assess|obtain|determine)|{_LISTED} information not on file"
    rf"|(?:no|unknown|missing) {_LISTED} (?:information|info|history|status)(?: available)?"
    rf"|(?:no information|nothing known) (?:about|on) {_LISTED}"
    rf"|{_LISTED}(?: status)?:? (?:unknown|not (?:known|asked|on file|assessed|recorded|reviewed))"
    r"|(?:unknown|unverified) (?:allerg(?:y|ies)|problems)|allerg(?:y|ies) unverified"
    r"|information(?: (?:about|on) [\w ]+)? (?:not|un)\s?available|no data|no info"
    r"|(?:patient|pt) (?:refused|declined)(?: to answer)?"
    r"|(?:refused|declined) to (?:answer|respond|say|disclose)"
    r"|keine angaben?|k\. ?a\.?|לא ידוע|不明|不詳|不详"
    # German, French, Spanish and Portuguese, Italian, Dutch, Danish, Norwegian and Swedish
    r"|(?:allergien?:? )?(?:unbekannt|nicht (?:erhoben|erfragt|bekannt))"
    r"|(?:allergies?:? )?(?:inconnue?s?|non (?:connue?s?|renseignée?s?))"
    r"|(?:al[eé]rgias?:? )?(?:descon(?:oc|hec)id[ao]s?|no (?:consta|registrad[ao])s?)"
    r"|se desconocen? (?:las )?al[eé]rgias?"
    r"|(?:allergi[ae]:? )?(?:sconosciut[aeo]|non not[ae])"
    r"|(?:allergie(?:ën)?:? )?(?:onbekend|niet bekend)"
    r"|(?:allergi(?:er)?:? )?(?:ukendt?e?|ukjente?|okänd[at]?)"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement. `kind` has the kinds that there are none of, separated by spaces; "" for all.
    `words` are the author's, or else the code's."""

    words: str
    meaning: Meaning
    kind: str = ""


def read_statement(concept: object) -> Statement | None:
    """Return the statement that a code makes; None for the code of something that exists."""
    found = _by_code(concept) or _by_absence(concept) or _by_words(_written(concept))
    other = _contrary_code(concept) if found else ""
    return replace(found, words=f"{found.words} (“{other}”)") if found and other else found


def _contrary_code(concept: object) -> str:
    """Return the display of a code of something that exists, beside a statement that nothing does;
    "" if there is none. A code for all of a kind says nothing else ("Drug allergy")."""
    for coding in mappings(mapping(concept).get("coding")):
        of_one = {"coding": [coding]}
        words = text(coding.get("display"))
        is_of_one = any(
            system in _NAMING_SYSTEMS and not is_of_a_whole_kind(system, code)
            for system, code in codings(of_one)
        )
        is_said = words and not _NEGATED.search(words)
        if is_said and is_of_one and not (_by_code(of_one) or _by_words(words)):
            return words
    return ""


def is_of_a_whole_kind(system: str, code: str) -> bool:
    """Return whether a code is one for all of a kind ("Drug allergy"), and of nothing in it."""
    return system in _NAMING_SYSTEMS and code in _OF_A_WHOLE_KIND


def read_undated_statement(concept: object, when: Moment | None) -> Statement | None:
    """Return the statement that a code makes, as `read_statement` does. What happened at some time
    and has no code exists; only its name is not known."""
    is_dated = when is not None and when.is_readable
    return None if is_dated and absent_code(concept) else read_statement(concept)


def _written(concept: object) -> str:
    """Return the author's words, with usual abbreviations spelled out."""
    words = concept_words(concept)
    return _ABBREVIATIONS.get(words.casefold(), words)


def _by_code(concept: object) -> Statement | None:
    written = _written(concept)
    for system, code in codings(concept):
        is_snomed = system in _SNOMED_SYSTEMS and (bool(system) or _is_said(written))
        if is_snomed and code in _SNOMED_NONE:
            return Statement(_said(code, written), "none", _SNOMED_NONE[code])
        if is_snomed and code in _SNOMED_UNKNOWN:
            return Statement(_said(code, written), "unknown")
        if (system, code) == NO_VACCINE:
            return Statement(written or "No vaccine administered", "none", kind="that vaccine")
        if system in _IPS_SYSTEMS and (match := _IPS_CODE.fullmatch(code)):
            return _ips(match, written or code.replace("-", " ").capitalize())
    return None


def _said(code: str, written: str) -> str:
    """Return the author's words if they make such a statement, else the code's words with theirs:
    "Food" alone would look like an allergy to food."""
    if written and _is_said(written):
        return written
    return f"{_SNOMED_WORDS[code]} (“{written}”)" if written else _SNOMED_WORDS[code]


def _is_said(written: str) -> bool:
    return not written or _by_words(written) is not None


def _ips(match: re.Match[str], words: str) -> Statement:
    if match["unknown"]:
        return Statement(words, "unknown")
    kind = match["what"].partition("-")[0] if "-" in match["what"] else ""
    return Statement(words, "none", _IPS_KINDS.get(kind, kind))


def _by_absence(concept: object) -> Statement | None:
    """Return the statement of a data-absent reason that replaces the code. A masked code is no
    statement, because something exists."""
    code = absent_code(concept)
    if not code or not is_nobody_known(code):
        return None
    return Statement(f"Not known ({reason_words(code)})", "unknown")


def _by_words(written: str) -> Statement | None:
    plain = " ".join(written.casefold().strip("*.! ").split())
    if _EXCEPTION.search(plain):
        return None
    found = _meaning(plain)
    if found is None:
        # Several statements in one: "NKDA/NKFA", "NKA - No Known Allergies".
        parts = [part for part in _PART_ENDS.split(plain) if part and not _is_beside(part)]
        said = [_meaning(part) for part in parts]
        if not said or None in said or (len(said) == 1 and parts[0] == plain):
            return None
        found = _together([one for one in said if one])
    meaning, kind = found
    return Statement(written, meaning, kind)


def _is_beside(part: str) -> bool:
    return part in _BESIDE or _SOURCE.fullmatch(f" {part}") is not None


def _meaning(plain: str) -> tuple[Meaning, str] | None:
    """Return what words mean and of which kind, also below a heading; None if they are no
    statement."""
    plain = _EITHER.sub(" or ", _SOURCE.sub("", plain))
    heading = _HEADING.match(plain)
    below = _meaning_of_words(plain[heading.end() :]) if heading else None
    if heading and below:
        return below[0], below[1] or _kind(heading[0])
    return _meaning_of_words(plain)


def _meaning_of_words(plain: str) -> tuple[Meaning, str] | None:
    if " " not in plain:
        # A code in place of words: "no-known-allergies".
        plain = plain.replace("-", " ").replace("_", " ")
    spelled = _ABBREVIATIONS.get(plain.replace(".", ""), plain).casefold()
    # "No information about allergies" matches both patterns.
    if _UNKNOWN.fullmatch(spelled):
        return "unknown", ""
    match = _NONE.fullmatch(spelled)
    if match is None or _is_of_some_drugs(match):
        return None
    return "none", _kind(spelled) or _narrower(match)


def _is_of_some_drugs(match: re.Match[str]) -> bool:
    words = re.findall(r"[\w-]+", match["narrower"] or "")
    return _DRUGS_AT_END.search(match[0]) is not None and not _ANY_DRUGS.issuperset(words)


def _together(said: list[tuple[Meaning, str]]) -> tuple[Meaning, str]:
    """Return several statements as one: it denies everything if one of them does."""
    if any(meaning == "unknown" for meaning, _ in said):
        return "unknown", ""
    kinds = [kind for _, kind in said]
    return "none", " ".join(dict.fromkeys(kinds)) if all(kinds) else ""


def _kind(plain: str) -> str:
    """Return the kinds that are named: "No known food or drug allergies" has two."""
    return " ".join(kind for kind, pattern in _KINDS if pattern.search(plain))


def _narrower(match: re.Match[str]) -> str:
    """Return the words that limit the statement: "No heart disease" does not deny everything."""
    words = (match["narrower"] or match["substance"] or match["harmless"] or "").split()
    return " ".join(word for word in words if word not in _GENERAL)


def says_none(statement: Statement | None) -> bool:
    """Return whether it says that there is none of any kind."""
    return statement is not None and statement.meaning == "none" and not statement.kind


def contradicts(statement: Statement, kinds: Iterable[Iterable[str]]) -> bool:
    """Return whether the statement denies one of the list's entries, each given by its kinds."""
    denied = set(statement.kind.split())
    return any(not denied or not denied.isdisjoint(of) for of in kinds)
