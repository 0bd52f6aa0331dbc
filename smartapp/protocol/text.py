"""Untrusted text, made safe for log lines and pages."""

import re

# A JWT, or a long unbroken word with digits: more likely a token, code or assertion that the EHR
# quotes than a word (C70). Host names and URLs stay readable.
_TOKEN_LIKE = re.compile(r"eyJ[A-Za-z0-9_.-]+|[A-Za-z0-9_+=-]{20,}")
_DIGIT = re.compile(r"[0-9]")
# The value after the name of a secret, also a short one: "Invalid authorization code: n3TrFS". A
# bare "code" is that of an error. The name may be the end of a longer one: "client_secret: …". In
# an URN, a word after the name says what is wrong: "urn:ehr:token:invalid-tenant/instances/12".
_NAMED_SECRET = re.compile(
    r"((?<![A-Za-z])(?:(?<=[:-])(?P<urn>)|(?<![:-]))"
    r"(?:(?:auth|authori[sz]ation|access|grant|launch)[ _]code|token|launch|secret|"
    r"state|verifier|password|nonce|assertion)\b['\"]?(?: value)? ?[:=] ?['\"]?)"
    r"(?(urn)(?!(?<=[a-z]:)(?:[a-z]+-)*[a-z]{4,}[/:]))"
    r"(?=[^\s'\",;)]*[0-9])[^\s'\",;)]{4,}",
    re.IGNORECASE,
)
# Mail addresses, UUIDs, dates, numbers of six or more digits, `Patient/<id>`.
_PERSONAL = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b|\b\d[\d -]{4,}\d\b"
    r"|\b[A-Z][A-Za-z]+/[A-Za-z0-9.-]*\d[A-Za-z0-9.-]*"
)
_CAPITAL = "[A-Z\u00c0-\u00d6\u00d8-\u00de]"
_NAMES = re.compile(rf"\b{_CAPITAL}[\w'\u2019-]+(?:,? {_CAPITAL}[\w'\u2019-]*\.?)+")
# The words of error descriptions, of OAuth and of gateways; in titles they are capitalised, like
# names. No word that is also a name of people: "Long", "Early", "Mark".
_OAUTH_TEXT = (
    "a acceptable access account activated active address admin administrator again algorithm "
    "allowed already an and api apikey app application approval approved are arrest assertion "
    "assigned at attempts attestation audience auth authenticated authentication authorised "
    "authorization authorized available bad basic be been blocked by callback canceled cancelled "
    "certificate check claim claims client clientid clients clock closed code code_challenge "
    "code_verifier conditional configuration conflict connect connection consent content context "
    "cookies correlation could created credentials data declined deleted denied detected "
    "developer disabled disallowed does dpop dstu2 ehr enabled ended endpoint entity environment "
    "epic error es256 es384 exceeded exception exchange exists expected expiration expired failed "
    "failure fetch fetching fhir firewall for forbidden found gateway given grant granted has "
    "header http https id identifier idp implemented in inactive incorrect input insufficient "
    "internal invalid invalidated ip is issuer jose json jwk jwks jwkset jws jwt key keys known "
    "launch launcher lifetime limit limited list locked logged login malformed many match "
    "matching media method mismatch missing mode mtls must needed never no nonce not oauth oauth2 "
    "object objects of off oidc on only op openid operation or organisation organization out over "
    "owner page parameter parameters password patient payload pending permission permitted pkce "
    "please policy practice precondition private production proof protected protocol provider "
    "proxy public pushed qps quota r4 r4b r5 rate reached realm redirect refresh refused "
    "registered registration rejected replay replayed request requests required resource response "
    "retired retrieve revoked rs256 rs384 s256 saml sandbox scope scopes secret security selected "
    "sent server service session set sign signature signed signing single skew smart source spa "
    "spike ssl sso state status stu3 subject supplied supported suspended system temporarily "
    "temporary tenant the this time timed timeout times tls to token tokens too try typ type "
    "unable unauthorised unauthorized unavailable unexpected unknown unprocessable unregistered "
    "unsupported uri uris url usable use used user uuid v1 v2 valid validation value verification "
    "verifier verify version versions violation was web window with wrong xml your "
)
_OAUTH_WORDS = frozenset(_OAUTH_TEXT.split())
MAX_VENDOR_CHARACTERS = 300
_WHITESPACE = re.compile(r"\s+")


def plain_text(text: str, max_characters: int) -> str:
    """Return `text` on one line, printable, with token-like words hidden, cut to
    `max_characters`."""
    # Cut before the regular expressions run: a body may be long, and its end is not shown anyway.
    line = _WHITESPACE.sub(" ", text[: 4 * max_characters])
    line = "".join(char for char in line if char.isprintable())
    line = _TOKEN_LIKE.sub(_hide, line)
    line = _NAMED_SECRET.sub(r"\1[…]", line).strip()
    return line if len(line) <= max_characters else f"{line[: max_characters - 1]}…"


def vendor_words(text: str) -> str:
    """Return an EHR's own text as a timeline may store it: like `plain_text`, and without what may
    identify a person: mail addresses, dates, long numbers, ids in FHIR references, and adjacent
    capitalised words that are not OAuth's own (T10)."""
    without = _NAMES.sub(_hide_names, _PERSONAL.sub("[…]", text[: 4 * MAX_VENDOR_CHARACTERS]))
    return plain_text(without, MAX_VENDOR_CHARACTERS)


def _hide_names(match: re.Match[str]) -> str:
    is_known = all(word.strip(",.").lower() in _OAUTH_WORDS for word in match[0].split())
    return match[0] if is_known else "[…]"


def _hide(match: re.Match[str]) -> str:
    word = match[0]
    return "[…]" if word.startswith("eyJ") or _DIGIT.search(word) else word
