"""The token endpoint does not accept who we are: key, clock, audience, client id, secret."""

from collections.abc import Callable

from smartapp.launches.models import Step
from smartapp.launches.why.case import Case, Cause, Causes, client_id, difference
from smartapp.protocol.client_assertion import CLOCK_SKEW_SECONDS, LIFETIME_SECONDS
from smartapp.registrations.models import AuthMethod

AHEAD_SECONDS = CLOCK_SKEW_SECONDS + 2
MARGIN_SECONDS = 60


def _no_key(case: Case) -> Causes:
    if case.code == "client-key-missing":
        yield Cause(
            97,
            "There is no key to sign with, or no secret that opens",
            f"{case.words}.",
            "Make a key for the registration's algorithm; check ENCRYPTION_KEYS.",
            "C64",
        )


def _replaced(case: Case) -> Causes:
    if case.code == "keys-replaced":
        yield Cause(
            98,
            "Our keys were replaced in an emergency, and the EHR has not fetched the new ones",
            f"{case.words}.",
            "Ask the vendor to fetch the JWKS URL again; the page of the key set says how long it "
            "takes otherwise.",
            "C63",
        )


def _key_public(case: Case) -> Causes:
    """Whether an EHR that asks our public address now finds the key that signed."""
    if not (case.is_client_refused and case.signs):
        return
    if case.facts.key is None or case.facts.key.withdrawn_at:
        yield Cause(
            97,
            "The key that signed is not published any more",
            f"kid {case.token.get('assertion_header', {}).get('kid')} is withdrawn or unknown.",
            "Launch again; if it stays, restart the process that signed.",
            "C63",
        )
    elif finding := case.facts.problem("published-key") or case.facts.problem("own-address"):
        yield Cause(
            95,
            "Our public address does not show the key that signed",
            finding.seen,
            finding.fix,
            "C63",
        )


def _clock(case: Case) -> Causes:
    if not (case.is_client_refused and case.signs):
        return
    ahead = case.clock_ahead
    behind = case.claims.get("exp", LIFETIME_SECONDS) - case.claims.get("iat", 0) - MARGIN_SECONDS
    if ahead is not None and not -behind <= ahead <= AHEAD_SECONDS:
        where = "ahead of" if ahead > 0 else "behind"
        yield Cause(
            94,
            "Our clock is wrong, so the assertion is not valid yet or any more",
            f"By its Date header, we are {abs(ahead)} s {where} the EHR.",
            "Let this machine keep its time by NTP.",
            "C66",
        )
    elif "time" in case.hints:
        yield Cause(
            72,
            "The EHR finds the assertion's times wrong",
            "Its description names them.",
            "Compare both clocks; the EHR's own may be wrong.",
            "C66",
        )


def _audience(case: Case) -> Causes:
    """C65: SMART wants the token endpoint; athenahealth a URL of its own."""
    config = case.facts.config
    if not (case.is_client_refused and case.signs and config):
        return
    aud, called = str(case.claims.get("aud", "")), str(case.token.get("token_endpoint", ""))
    published = str(case.facts.published.get("token_endpoint", called))
    wants_its_own = config.preset.startswith("athena")
    if aud != published and not wants_its_own:
        yield Cause(
            92,
            "The assertion is for another audience than the token endpoint",
            f"aud was {aud}; discovery says {published}. {difference(aud, published)}",
            "Empty the registration's assertion audience, unless the vendor names one.",
            "C65",
        )
    elif aud == published and wants_its_own:
        yield Cause(
            88,
            "athenahealth wants an audience of its own",
            f"aud was {aud}.",
            "Enter the audience that athenahealth names for this environment.",
            "C65",
        )
    elif "aud" in case.hints:
        yield Cause(
            86,
            "The EHR wants another audience",
            "Its description names it.",
            "Ask the vendor, and enter it as the assertion audience.",
            "C65",
        )


def _algorithm(case: Case) -> Causes:
    if not (case.is_client_refused and case.signs):
        return
    listed = case.facts.published.get("token_endpoint_auth_signing_alg_values_supported")
    alg = case.token.get("assertion_header", {}).get("alg")
    if isinstance(listed, list) and alg not in listed:
        yield Cause(
            91,
            "The EHR does not list our algorithm",
            f"We sign with {alg}; it lists {', '.join(map(str, listed))}.",
            "Choose one of these in the registration, and tell the vendor.",
            "C64",
        )


def _method(case: Case) -> Causes:
    if not case.is_client_refused:
        return
    listed = case.facts.published.get("token_endpoint_auth_methods_supported")
    method = case.token.get("auth_method")
    if isinstance(listed, list) and method not in listed:
        yield Cause(
            87,
            "The EHR does not list our way to authenticate",
            f"We use {method}; it lists {', '.join(map(str, listed))}.",
            "Choose the method that the vendor's portal shows for this client.",
            "C61",
        )


def _fetched(case: Case) -> Causes:
    """Whether anybody has fetched the key that signed, since it was published."""
    key, last = case.facts.key, case.facts.last_fetch_at
    if not (case.is_client_refused and case.signs and key) or key.first_seen_at:
        return
    if last is None:
        yield Cause(
            86,
            "The EHR has never asked for our keys",
            "Nobody has fetched our JWKS yet.",
            "Enter the JWKS URL at the vendor, to the letter; it must be reachable from there.",
            "C63",
        )
    else:
        yield Cause(
            85,
            "The EHR still has our older keys",
            f"Our JWKS was last fetched at {last:%Y-%m-%d %H:%M} UTC, without the key that signed, "
            f"which was published at {key.published_at:%Y-%m-%d %H:%M}.",
            "Roll back to the previous key, or wait until the EHR's cache is over.",
            "C63",
        )


def _stale_copy(case: Case) -> Causes:
    """Said of launches that went well too: nobody else tells that the EHR's copy is old."""
    refused = case.first(Step.TOKEN, "refused_kid")
    if refused:
        yield Cause(
            50,
            "The EHR holds an old copy of our public keys",
            f"It refused {refused} and took {case.first(Step.TOKEN, 'taken_kid')}; no launch "
            "failed because of that.",
            "Ask the vendor to fetch the JWKS URL again; withdraw no key before its time.",
            "T22",
        )


def _client(case: Case) -> Causes:
    if not case.is_client_refused:
        return
    shared = case.facts.shares_client_id
    if "client_id" in case.hints:
        yield client_id(case, 90, "The EHR's description names it.")
    elif shared:
        yield client_id(case, 84, f"{', '.join(shared)} has the same client id.")
    else:
        yield client_id(case, 55, "Nothing else that can be seen from here is wrong.")
    if case.hints & {"signature", "key"}:
        yield Cause(
            74,
            "The EHR has other keys of ours than we sign with",
            "Its description names keys or signatures.",
            "Compare the JWKS URL at the vendor with the registration sheet's.",
            "C63",
        )
    if "jti" in case.hints:
        yield Cause(
            83,
            "The EHR takes our assertion for a repeated one",
            "Its description names jti.",
            "Look for a proxy that sends requests twice.",
            "C67",
        )


def _secret(case: Case) -> Causes:
    method = case.token.get("auth_method")
    if case.is_client_refused and method == AuthMethod.CLIENT_SECRET_BASIC:
        yield Cause(
            80,
            "The client secret is not the vendor's",
            "It is sent as Basic, RFC 6749.",
            "Enter it again in the registration; it may have been replaced or have expired.",
            "C62",
        )
    if case.is_client_refused and method == AuthMethod.NONE:
        yield Cause(
            80,
            "The EHR expects a client that authenticates",
            "Only the client id was sent.",
            "Choose the authentication that the vendor's portal shows.",
            "C61",
        )


FINDERS: tuple[Callable[[Case], Causes], ...] = (
    _no_key,
    _replaced,
    _key_public,
    _clock,
    _audience,
    _algorithm,
    _method,
    _fetched,
    _stale_copy,
    _client,
    _secret,
)
