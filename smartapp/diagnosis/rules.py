"""What the numbers beside a verdict or a cause mean, in a sentence for administrators.

They are those of docs/conformance.md and docs/security.md, where the tests of each are named.
"""

from smartapp.launches.models import Step

RULES = {
    "C1": "A registration holds all that one vendor environment needs, and shares it with none.",
    "C2": "2-legged and 3-legged access to one EHR are two registrations.",
    "C3": "Launch and redirect URLs are fixed, full and https.",
    "C4": "Each registration has a redirect URI of its own; an answer on another one is refused.",
    "C7": "A launch's iss is only looked up among registrations; an unknown one opens no socket.",
    "C10": "Discovery is read below the FHIR base, path included, whatever its content type.",
    "C12": "No launch without both endpoints and S256; never plain.",
    "C14": "Hosts are pinned; a changed one blocks launches until an administrator accepts it.",
    "C15": "Fetches have limits: https, no redirect, size, time, no private address; stale serves.",
    "C20": "iss and launch are required once, capped, and launch is opaque.",
    "C22": "Standalone: no launch parameter, and the EHR is chosen from our list.",
    "C24": "A launch value that was used before fails with a page.",
    "C30": "Every parameter that SMART requires is sent.",
    "C31": "aud is the FHIR base URL.",
    "C33": "PKCE with S256 on every launch.",
    "C37": "v2 scopes of the grammar only.",
    "C38": "v1 scopes mean the same as their v2 equals.",
    "C39": "The least scopes, one for each resource type.",
    "C40": "offline_access or online_access, never both.",
    "C41": "The authorization request travels by GET, or in a form where it is too long.",
    "C43": "A pending launch lives ten minutes; its code is exchanged at once.",
    "C44": "An address of more than 2,000 characters is noticed.",
    "C50": "state is known, unexpired, unused, this browser's, this path's; used up first.",
    "C51": "RFC 9207: iss is compared where it comes, and required where it was promised.",
    "C52": "An error is told in our words; the EHR's are quoted, escaped and capped.",
    "C53": "Repeated parameters, a code beside an error, or an empty code are refused.",
    "C56": "Launches that never come back expire, and the administrator sees them.",
    "C57": "No cookie came back: a page that says so, with a way out of the frame.",
    "C60": "Token requests are posted forms over verified TLS; no redirect is followed.",
    "C61": "One authentication method; no client_id beside it but where asked for.",
    "C62": "Basic: each part form-url-encoded first.",
    "C63": "private_key_jwt with every header and claim that SMART requires.",
    "C64": "RS384 and ES384, and RS256 for athenahealth; never a symmetric algorithm or none.",
    "C65": "The assertion's audience is one string, the token endpoint or what the vendor wants.",
    "C66": "An assertion lives five minutes at most.",
    "C67": "Every request has an assertion of its own.",
    "C69": "A code is sent once; after a time-out nothing is repeated.",
    "C80": "Only 200 with a JSON object and a bearer access token counts.",
    "C81": "expires_in as a number or a numeric string; short where it is absent.",
    "C82": "Granted scopes are kept and compared with those asked for, degenerate ones too.",
    "C90": "The id_token passes every check of OpenID Connect.",
    "C91": "The issuer's keys come from an expected issuer's own configuration.",
    "C92": "Keys are kept as long as allowed; an unknown kid asks again, within a limit.",
    "C93": "Expected issuers are a list.",
    "C95": "fhirUser is resolved, and read only below the launch's own base.",
    "C97": "openid without an id_token is no sign-in.",
    "C98": "An id_token of a refresh must be of the same person.",
    "C101": "patient is a FHIR id, and what is read has that id.",
    "C102": "The encounter is the patient's, or it is not shown.",
    "C110": "No patient: the page says so and offers none from memory.",
    "C121": "scope on refresh where required, never more than was granted.",
    "C124": "The new refresh token is stored before it is used; doubt is not replayed.",
    "C125": "Only invalid_grant ends a launch.",
    "C126": "Another patient in a refresh stops the launch.",
    "C128": "Token requests stay within the vendor's limit, over all processes.",
    "C130": "Introspection by POST, authenticated; an inactive answer holds nothing else.",
    "C140": "The access token goes below the registered base and nowhere else.",
    "C141": "One refresh after a 401; a second one ends the launch; a 403 refreshes nothing.",
    "C142": "Errors of any form are read with care.",
    "C143": "Whatever is another patient's is dropped, with an alarm.",
    "C144": "429: as long as the EHR says, or to the end of the minute.",
    "C150": "Only the registration's own EHR may frame its pages; another frame gets the way out.",
    "C151": "Cookies that work in a frame: Secure, HttpOnly, SameSite=None, Partitioned.",
    "C153": "Where signing in must not be framed, a window of its own.",
    "T22": "A rotation that an EHR has not noticed. The new key waits, the old one helps out.",
}


# What it means that a rule was not kept, or only in part; first by the code of the event, where it
# is no error of `protocol.errors`.
SAID = {
    "wrong-patient-entry": "Entries of another patient were left out.",
    "unattributed-entry": "Entries that do not name a patient of this EHR were left out.",
    "list-incomplete": "The EHR gave less than it has.",
    "results-elsewhere": "More results are at an address that is not read.",
    "C44": "The address is long, and the EHR announces no authorize-post.",
    "C80": "No tokens came.",
    "C82": "Not every scope was granted.",
    "C95": "The id_token does not say who signed in.",
    "C98": "The id_token of the refresh names no audience (OpenID Connect Core §12.2 wants one). "
    "Issuer, subject and signature are right, and nothing is read from it, so it was taken.",
    "C110": "No patient was given.",
    "C126": "The EHR names another patient or encounter.",
    "C130": "The EHR does not say that the token is good.",
    "C150": "The page was opened in a frame of an origin that may not show the app.",
    "T22": "The EHR refused the new key and took the previous one: its copy of our JWKS is stale.",
}

# What a step that went well has kept: said by the step, and stored with none.
KEPT = {
    Step.LAUNCH: ("C7",),
    Step.DISCOVERY: ("C12", "C14"),
    Step.AUTHORIZE: ("C31", "C33"),
    Step.CALLBACK: ("C50", "C53"),
    Step.TOKEN: ("C60", "C80"),
    Step.ID_TOKEN: ("C90",),
    Step.CONTEXT: ("C82", "C101", "C110"),
}


def rule_in_words(number: str) -> str:
    """Return a requirement's number with its sentence; the number alone where it has none."""
    sentence = RULES.get(number, "")
    return f"{number}: {sentence}" if sentence else number
