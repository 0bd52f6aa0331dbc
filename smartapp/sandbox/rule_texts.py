"""The rules' numbers in words, for the developer of a client."""

from collections.abc import Iterable

RULES = {
    "E1": "the client authenticates",
    "E2": "the client is known here, and its secret is right",
    "E3": "the aud of an assertion is the one configured",
    "E4": "the exp of an assertion lies ahead, and not too far",
    "E5": "kid, alg and signature of an assertion are those of a key of the client",
    "E6": "iss and sub are the client, iat is past, and the jti is new",
    "E7": "every parameter stands once, is text and not too long; one way to authenticate",
    "E8": "code, verifier and refresh token are valid and the client's own",
    "E9": "the scopes are within the contract",
    "E10": "the client has a contract with this practice",
    "E11": "the user is assigned to the app",
    "E12": "the path is an address of this EHR",
    "E13": "not too many token requests in this minute",
    "E14": "a request to the API carries a valid access token",
    "S10": "client and redirect URI are registered here, byte for byte",
    "S11": "the parameters of an authorization request are complete and known",
    "S12": "state, and in bcp a nonce with openid; aud is the FHIR base URL",
    "S13": "PKCE: an S256 challenge of 43 characters",
    "S14": "the launch value is new, young, this client's and this person's",
    "S15": "the person signed in and allowed it",
    "S16": "the code is used for the first time",
    "S20": "POST with a form as body",
    "S21": "the grant is one that the client is registered for",
    "S22": "a client secret comes in a Basic header",
    "S23": "a client_id in the body is the authenticated client",
    "S24": "an assertion is a signed JWT of a known type, by a known key",
    "S25": "the aud of an assertion is one string, as configured",
    "S26": "the exp of an assertion is not past, and not too far ahead",
    "S27": "the jti of an assertion is used for the first time",
    "S28": "redirect URI and verifier fit the authorization request",
    "S29": "client_credentials names scopes, all registered",
    "S30": "a refresh asks for no more than was granted",
    "S31": "the refresh token is young enough and not retired",
    "S40": "introspection names a token, by GET a hint too, and the client authenticates",
    "S42": "revocation names a token, with a known hint or none; the client authenticates",
    "S43": "the client_id is registered",
    "S54": "a jku header is the registered JWKS URL",
    "S55": "the client's key set can be fetched and read",
    "S60": "the FHIR request can be understood",
    "S61": "the scopes of the token reach this resource type",
    "S62": "the record exists and is within what the token opens",
    "S65": "a search is narrow enough; in the athena profile it names practice and intent",
    "S66": "no fault was asked for",
}


def in_words(numbers: Iterable[str]) -> list[tuple[str, str]]:
    return [(number, RULES.get(number, "")) for number in numbers]
