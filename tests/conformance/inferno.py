"""The requirements that the Inferno SMART App Launch Test Kit lists for clients of SMART 2.2.0.

The numbers are the kit's (hl7.fhir.uv.smart-app-launch_2.2.0); the words are ours. Each is covered
by our own requirements, which have tests, or by tests of its own; where there is nothing to test,
the entry says why.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    text: str
    held_by: tuple[str, ...] = ()
    reason: str = ""
    tests: tuple[str, ...] = ()


def _held(text: str, *numbers: str) -> Requirement:
    return Requirement(text, numbers)


def _tested(text: str, *tests: str) -> Requirement:
    return Requirement(text, tests=tests)


def _not(text: str, reason: str) -> Requirement:
    return Requirement(text, (), reason)


_READS_ONLY = "Asks for no such scope: the app reads and searches, and writes nothing."
_NO_BRANDS = "No smart-configuration of a vendor names a bundle; administrators name the lists."
_SERVER = "A duty of the server; the app sends aud."

CLIENT: dict[int, Requirement] = {
    1: _held("Secrets go over TLS to authenticated servers only.", "C15", "C60", "C140"),
    2: _held("state cannot be guessed.", "C32"),
    3: _held("state is in every authorization request.", "C30", "C32"),
    4: _held("state is checked on return.", "C50"),
    5: _held("Nothing that others send is executed.", "C52", "C111"),
    6: _held("No open redirector.", "C54", "C55"),
    7: _held("No token in a cookie.", "C85"),
    8: _held("Tokens are kept in storage of the app's own.", "C85"),
    9: _held("Tokens are kept nowhere that others can find.", "C70", "C85"),
    10: _held("No secret is part of what is distributed.", "C62", "C85"),
    11: _held("A confidential app, as it can keep a secret.", "C62", "C63"),
    12: _held("A public app where the vendor registers it as one.", "C61"),
    13: _held("PKCE.", "C33"),
    20: _held("A fixed, full launch URL is registered.", "C3"),
    21: _held("Fixed, full redirect URIs are registered.", "C3", "C4"),
    22: _held("Asymmetric: a JWKS or its URL is registered.", "C63"),
    23: _held("Symmetric: a client secret is registered.", "C62"),
    29: _held("Discovery is read below the FHIR base.", "C10"),
    32: _held("response_type is code.", "C30"),
    33: _held("client_id is sent.", "C30"),
    34: _held("redirect_uri is a registered one.", "C3", "C30"),
    35: _held("launch is echoed in an EHR launch.", "C20", "C30"),
    36: _held("No launch in a standalone launch.", "C22"),
    37: _held("scope says what is needed.", "C36", "C39"),
    39: _held("state prevents forged answers and fixed sessions.", "C50"),
    40: _held("state has at least 122 bits.", "C32"),
    41: _held("aud is the FHIR server.", "C31"),
    42: _held("aud is supported. " + _SERVER, "C31"),
    43: _not("resource as a synonym of aud.", "Optional, and for servers; the app sends aud."),
    44: _held("code_challenge.", "C33"),
    45: _held("code_challenge_method.", "C33"),
    46: _held("The least scopes.", "C39"),
    47: _held("openid and fhirUser where identity is needed.", "C35"),
    50: _held("GET or POST for the authorization request.", "C41"),
    51: _held("By GET: in the query.", "C30", "C41"),
    52: _held("By POST: as a form.", "C41"),
    60: _held("The returned state is the one that was sent.", "C50"),
    61: _held("state is tied to the browser's session.", "C50"),
    62: _held("The code is exchanged in a posted form.", "C60"),
    63: _held("A public app does not authenticate.", "C61"),
    64: _held("A confidential app authenticates.", "C61", "C62", "C63"),
    65: _held("Asymmetric authentication where there is a choice.", "C63"),
    66: _held("Symmetric authentication is possible.", "C62"),
    67: _held("grant_type is authorization_code.", "C60"),
    68: _held("code is sent.", "C60"),
    69: _held("The same redirect_uri again.", "C60"),
    70: _held("code_verifier.", "C60"),
    71: _held("A public app sends its client_id.", "C61"),
    72: _held("A confidential app does not.", "C61"),
    90: _held("Tokens stay in storage of the app's own.", "C85"),
    93: _held("FHIR requests carry the token as Bearer.", "C140"),
    97: _held("No token follows a reference to another server.", "C140"),
    98: _held("Such a reference is left alone.", "C140"),
    105: _held("Refresh: grant_type is refresh_token.", "C120"),
    106: _held("Refresh: the refresh token.", "C120"),
    107: _held("Refresh: scope may be sent.", "C121"),
    108: _held("Refresh: scope asks for nothing new.", "C121"),
    117: _held("A new refresh token replaces the old one.", "C122"),
    120: _not("c for create.", _READS_ONLY),
    121: _held("r for read.", "C37", "C39"),
    122: _not("u for update.", _READS_ONLY),
    124: _not("d for delete.", _READS_ONLY),
    125: _held("s for search.", "C37", "C39"),
    131: _held("Scopes in their shortest form.", "C39"),
    132: _held("A scope narrowed by search parameters.", "C37"),
    133: _held("POST is preferred for long scopes.", "C41", "C44"),
    135: _held("The grammar of v2 scopes.", "C37"),
    137: _held("patient/ scopes.", "C37"),
    141: _held("user/ scopes.", "C37"),
    143: _held("system/ scopes.", "C37", "C145"),
    146: _held("Wildcards.", "C37"),
    147: _held("What was granted is looked at.", "C82", "C83"),
    148: _held("No wildcard for convenience.", "C39"),
    150: _held("Launch context is asked for by scopes.", "C36"),
    151: _held("Those begin with launch.", "C36"),
    152: _held("launch/patient.", "C36"),
    153: _held("launch/encounter can be asked for.", "C36"),
    155: _held("Resource types in lower case.", "C36"),
    156: _held("A role in a launch scope.", "C36"),
    157: _held("At most one role in each.", "C36"),
    158: _held("Several scopes for several roles.", "C36"),
    161: _held("launch is passed on as it came.", "C20", "C30"),
    162: _held("Hints may be given in an EHR launch.", "C36"),
    166: _held("Standalone apps ask for context.", "C22", "C36"),
    191: _held("No role in fhirContext means launch.", "C103"),
    193: _held("An unknown intent, or none: the default view.", "C105"),
    195: _held("openid authenticates the user.", "C35", "C97"),
    196: _held("fhirUser with it.", "C35"),
    201: _held("The id_token is validated as OpenID Connect says.", "C90"),
    202: _held("fhirUser is the URL of a resource, and is read.", "C95"),
    211: _held("No auth_time and no max_age.", "C35"),
    215: _held("online_access.", "C40", "C129"),
    216: _held("offline_access.", "C40"),
    218: _held(
        "Issuer, its configuration, its keys, the signature, fhirUser.", "C90", "C91", "C95"
    ),
    219: _not("Scopes as URIs.", "Nothing here needs a scope as a URI."),
    220: _not("OpenID scopes as URIs.", "Nothing here needs a scope as a URI."),
    225: _held("Backend: registered with its public keys.", "C2", "C145"),
    226: _held("Backend: discovery.", "C10"),
    227: _held("Backend: discovery accepts JSON.", "C10"),
    229: _held("Backend: a confidential client.", "C145"),
    230: _held("Backend: TLS to the token endpoint.", "C60"),
    232: _held("Backend: TLS for everything.", "C15", "C60"),
    233: _held("Backend: a one-time assertion.", "C67", "C145"),
    234: _held("Backend: a posted form.", "C60", "C145"),
    235: _held("Backend: scope.", "C145"),
    236: _held("Backend: grant_type is client_credentials.", "C145"),
    237: _held("Backend: client_assertion_type.", "C63", "C145"),
    238: _held("Backend: client_assertion.", "C63", "C145"),
    239: _held("Backend: system/ scopes.", "C145", "C146"),
    242: _held("Backend: no user/ or patient/ scopes without an arrangement.", "C146"),
    263: _held("Backend: a new token when the old one ends.", "C145"),
    264: _not(
        "Backend: Bearer.", "The app obtains and hands out the token; it calls no API by it."
    ),
    267: _not("Backend: no token to foreign references.", "It calls no API without a person."),
    268: _not("Backend: foreign references are left alone.", "It calls no API without a person."),
    270: _held("Introspection by RFC 7662.", "C130"),
    290: _held("A key pair is made.", "C64"),
    291: _held("Its public half is registered.", "C63"),
    292: _not("Dynamic registration.", "For servers to consider; vendors register by portal."),
    293: _held("The public key is registered before use.", "C63"),
    294: _held("It is conveyed as a JWK in a set.", "C63", "C64"),
    295: _held("The private key is protected.", "C70", "C85"),
    298: _tested(
        "The server's way of communicating keys is chosen.",
        "TestImportedByTheEHR.test_nothing_signs_unconfirmed",
    ),
    299: _held("By URL, preferably.", "C63"),
    300: _tested("Or as a set.", "TestImportedByTheEHR.test_nothing_signs_unconfirmed"),
    301: _held("The URL is TLS-protected.", "C3"),
    302: _tested(
        "It needs no authentication.",
        "TestDocument.test_headers_let_every_cache_keep_it_for_five_minutes",
    ),
    303: _tested(
        "It has a Cache-Control header.",
        "TestDocument.test_headers_let_every_cache_keep_it_for_five_minutes",
    ),
    304: _tested(
        "A set may be supplied directly.", "TestImportedByTheEHR.test_nothing_signs_unconfirmed"
    ),
    307: _held("Signatures by RFC 7515.", "C63"),
    308: _held("RS384.", "C64"),
    309: _held("ES384.", "C64"),
    312: _held("Other algorithms, where a vendor wants them.", "C64"),
    313: _held("kty, kid, and bare key members.", "C64"),
    314: _held("RSA: n and e.", "C64"),
    315: _held("EC: crv, x and y.", "C64"),
    317: _held("The assigned client_id is used.", "C63"),
    318: _held("TLS 1.2 or newer.", "C60"),
    319: _held("A one-time assertion.", "C67"),
    320: _held("Signed in RS384 or ES384.", "C64"),
    321: _held("Header: alg.", "C63"),
    322: _held("Header: kid, unique in the set.", "C63"),
    323: _held("Header: typ is JWT.", "C63"),
    324: _held("Header: jku, optionally.", "C63"),
    325: _held("jku is the registered URL.", "C63"),
    327: _held("iss is the client_id.", "C63"),
    328: _held("sub is the client_id.", "C63"),
    329: _held("aud is the token URL.", "C65"),
    330: _held("exp.", "C66"),
    331: _held("exp is five minutes ahead at most.", "C66"),
    332: _held("jti.", "C67"),
    333: _held("client_assertion_type.", "C63"),
    334: _held("client_assertion.", "C63"),
    343: _held("A client secret where keys cannot be used.", "C62"),
    345: _held("Basic authentication.", "C62"),
    375: _held("Accept may be left out; it is sent.", "C10"),
    379: _held("Relative endpoints are resolved.", "C11"),
    413: _held("Brands: If-None-Match.", "C162"),
    414: _held("Brands: cached by ETag.", "C162"),
    415: _not("Brands: smart-configuration's come first.", _NO_BRANDS),
    416: _not("Brands: smart-configuration's come first.", _NO_BRANDS),
    420: _not("Brands: merging by identifier.", "Each list keeps its own rows."),
    425: _held("Brands: cached by ETag.", "C162"),
    426: _held("Brands: If-None-Match.", "C162"),
    435: _held("Brands: an Endpoint is no permission.", "C162"),
}
