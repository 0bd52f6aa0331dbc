"""Causes of `invalid_client`: the token endpoint does not accept who we are."""

from smartapp.diagnosis.case import ALGS, METHODS, Case
from smartapp.diagnosis.entry import Entry, always, coded, every, naming, under
from smartapp.diagnosis.finding import LIKELY, POSSIBLE, SAID, SEEN
from smartapp.registrations.options import AuthMethod


def _signs(case: Case) -> bool:
    return case.method == AuthMethod.PRIVATE_KEY_JWT


def _sends_secret(case: Case) -> bool:
    return case.method == AuthMethod.CLIENT_SECRET_BASIC


def _lacks_alg(case: Case) -> bool:
    listed = case.published(ALGS)
    return _signs(case) and listed is not None and case.alg not in listed


def _lacks_method(case: Case) -> bool:
    listed = case.published(METHODS)
    return listed is not None and case.method != AuthMethod.NONE and case.method not in listed


def _is_at_athena(case: Case) -> bool:
    """athenahealth wants an audience of its own, which is not the token endpoint."""
    return case.preset.startswith("athena")


def _lacks_athenas_audience(case: Case) -> bool:
    return _signs(case) and _is_at_athena(case) and case.aud == case.published_token_endpoint


def _has_other_audience(case: Case) -> bool:
    return not _is_at_athena(case) and case.aud != case.published_token_endpoint


def _is_key_gone(case: Case) -> bool:
    return case.facts.key is None or case.facts.key.withdrawn_at is not None


def _is_key_unseen(case: Case) -> bool:
    """Whether nobody but us has fetched the key that signed, where it is fetched at all."""
    facts = case.facts
    return facts.key is not None and not (facts.is_key_seen or facts.is_key_copied)


def _names_fetching(case: Case) -> bool:
    return case.named.issuperset({"fetch", "keys"}) or "network" in case.named


def _names_assertion_only(case: Case) -> bool:
    return "assertion" in case.named and case.named <= _VAGUE - {"expired"}


def _says_nothing(case: Case) -> bool:
    return case.named <= _VAGUE and not (_signs(case) and _names_assertion_only(case))


def _is_secret_named(case: Case) -> bool:
    return "secret" in case.named and case.named.isdisjoint(("method", "missing"))


# What an EHR may name without saying what is wrong.
_VAGUE = {"authentication", "assertion", "missing", "invalid", "expired", "registration",
          "credentials", "token_over"}  # fmt: skip
NTP = "Let this machine keep its time by NTP."
_OURS_ARE = "This app has private_key_jwt, client_secret_basic and none (SMART App Launch 2.2)."
_PORTALS_METHOD = "Choose the authentication that the vendor's portal shows for this client."
_KEYS = ("Compare the JWKS URL at the vendor with {c.jwks_url}; where the vendor imports keys, "
         "export and import them again.")  # fmt: skip
_OURS = "published-key"
SAME_RING = ("Give all processes the same ENCRYPTION_KEYS, and the same release. A new key has to "
             "be known to all of them before one seals with it.")  # fmt: skip

_SECRET = under(
    _sends_secret,
    Entry("C61", SAID, "The EHR wants the secret in another part of the request",
          lambda c: "body" in c.named or c.named.issuperset({"secret", "missing"}),
          "This app sends it as Basic, in the Authorization header, as SMART asks. Ask the vendor "
          "to take that, or signed assertions."),
    Entry("C61", SAID, "The EHR expects a signed assertion, and we send a secret",
          lambda c: bool(c.named & {"assertion", "keys"}), _PORTALS_METHOD),
    Entry("C62", LIKELY, "The client secret changes on its way",
          lambda c: c.facts.is_secret_encoded, "Tick “Send secret as it is” in the registration, "
          "or let the vendor make a secret of letters and digits.", "client",
          seen="{c.seen} The secret has characters that OAuth encodes (RFC 6749 §2.3.1), and "
               "some servers compare it raw.",
          said=lambda c: _is_secret_named(c) and "expired" not in c.named),
    Entry("C62", LIKELY, "The client secret is not the vendor's", always,
          "Enter it again in the registration; it may have been replaced or have expired.",
          "client", seen="{c.seen} It was sent as Basic.",
          said=lambda c: _is_secret_named(c) and (
              "expired" in c.named or not c.facts.is_secret_encoded)),
)  # fmt: skip
_ASSERTION = under(
    _signs,
    Entry("C63", SAID, "The EHR misses a part of our client assertion: {c.missed_of_assertion}",
          lambda c: bool(c.missed_of_assertion),
          "If it is among them, ask the vendor what its server got. The registration can add jku.",
          seen="{c.seen} Sent were {c.assertion_parts}."),
    Entry("C63", SAID, "The EHR could not fetch our keys", _names_fetching,
          "Enter {c.jwks_url} at the vendor, to the letter; it must be reachable from there. Or "
          "let the vendor import the keys: export_jwks prints them.", _OURS),
    Entry("C67", SAID, "The EHR takes our assertion for a repeated one",
          naming("jti", but_not=("missing",)),
          "Each request of ours has a jti of its own: look for a proxy that sends requests twice."),
    Entry("C65", SAID, "The EHR wants another audience", naming("aud"),
          "Ask the vendor, and enter it as the assertion audience.",
          seen="{c.seen} aud was {c.aud}."),
    Entry("C61", SAID, "The EHR expects a client secret, and we sign",
          lambda c: "secret" in c.named and not c.named & {"assertion", "keys"}, _PORTALS_METHOD),
    Entry("C64", SAID, "The EHR does not take our algorithm", naming("alg"),
          "Ask the vendor which it takes, and choose that in the registration.",
          seen="{c.seen} We signed with {c.alg}."),
    Entry("C66", SAID, "The EHR finds the assertion valid for too long",
          lambda c: "lasts" in c.named and not c.is_clock_wrong, "Compare both clocks. Where they "
          "agree, enter a shorter lifetime of the assertion in the registration.", "clock",
          seen="{c.seen} It was valid for {c.assertion_lifetime} s. {c.clock}"),
    Entry("C66", SAID, "The EHR finds the assertion's times wrong",
          lambda c: not c.is_clock_wrong and (
              "clock" in c.named or c.named.issuperset({"expired", "assertion"})),
          "Compare both clocks; the EHR's own may be wrong.", "clock"),
    Entry("C63", SAID, "The EHR does not have the key that we sign with",
          lambda c: "keys" in c.named and not _names_fetching(c), _KEYS, _OURS,
          seen="{c.seen} We signed with kid {c.header[kid]}."),
    Entry("C1", SAID, "The EHR compares iss and sub with another client id",
          lambda c: "claimed" in c.named and not c.named & {"aud", "jti"}, "{c.compare_client_id}",
          seen="{c.seen} Both are our client id, {c.client_id}."),
    Entry("C63", SAID, "The EHR refuses our client assertion, and does not say what is wrong in it",
          _names_assertion_only, "Compare in this order: the JWKS URL at the vendor with "
          "{c.jwks_url}, the audience {c.aud}, the clocks.", "client"),
    Entry("C63", SEEN, "The key that signed is not published any more", _is_key_gone,
          "Launch again; if it stays, restart the process that signed.",
          seen="kid {c.header[kid]} is withdrawn or unknown."),
    Entry("C63", SEEN, "Our public address does not show the key that signed",
          lambda c: not _is_key_gone(c) and bool(c.key_problem), "{c.key_problem.fix}", _OURS,
          seen="{c.key_problem.seen}"),
    Entry("C66", SEEN, "Our clock is wrong, so the assertion is not valid yet or any more",
          lambda c: c.is_clock_wrong, NTP, "clock", seen="{c.clock}"),
    Entry("C65", SEEN, "The assertion is for another audience than the token endpoint",
          _has_other_audience,
          "Empty the registration's assertion audience, unless the vendor names one.", "audience",
          seen="aud was {c.aud}; discovery says {c.published_token_endpoint}. {c.aud_difference}"),
    Entry("C64", SEEN, "The EHR does not list our algorithm", _lacks_alg, "Choose one of these in "
          "the registration, unless the vendor's portal asks for the present one.", "algorithm",
          seen="We sign with {c.alg}; it lists {c.listed_algs}.", before=_lacks_alg),
    Entry("C65", LIKELY, "athenahealth wants an audience of its own", _lacks_athenas_audience,
          "Enter the audience that athenahealth names for this environment.{c.reported_audience}",
          "audience", seen="aud was {c.aud}, the token endpoint.", before=_lacks_athenas_audience),
    Entry("C63", LIKELY, "The EHR has never asked for our keys",
          lambda c: _is_key_unseen(c) and not c.facts.last_fetch_at,
          "Enter {c.jwks_url} at the vendor, to the letter; it must be reachable from there. Part "
          "of Epic's organisations can fetch none, and say so only with a bare invalid_client: "
          "there let the vendor import the keys (export_jwks; RSA; up to 12 hours to take effect).",
          _OURS,
          seen="No fetch of our JWKS is known; one of the last ten seconds may not be counted "
               "yet."),
    Entry("C63", LIKELY, "The EHR still has our older keys",
          lambda c: _is_key_unseen(c) and bool(c.facts.last_fetch_at),
          "Roll back to the previous key, or wait until the EHR's cache is over.", _OURS,
          seen="Our JWKS was last fetched at {c.facts.last_fetch_at:%Y-%m-%d %H:%M} UTC, without "
               "the key that signed, which was published at "
               "{c.facts.key.published_at:%Y-%m-%d %H:%M} UTC."),
    Entry("C63", LIKELY, "The EHR's copy of our keys may not have the one that signs",
          lambda c: c.facts.is_key_copied, "Look for this kid in the copy that the vendor's portal "
          "shows. export_jwks prints the present keys; a new copy may take hours to count.",
          seen="It was given a copy of our keys, and fetches none. We signed with kid "
               "{c.header[kid]}."),
)  # fmt: skip
_REFUSED = under(
    lambda c: c.is_client_refused,
    Entry("C1", SAID, "This app's registration or credentials at the EHR have expired",
          every(naming("expired", but_not=("invalid",)),
                lambda c: bool(c.named & {"registration", "credentials"})),
          "Renew them at the vendor."),
    Entry("C61", SAID, "The EHR wants another way to authenticate",
          naming("method", but_not=("keys",)), f"{_PORTALS_METHOD} {_OURS_ARE}"),
    Entry("C61", SAID, "The EHR wants a client certificate", naming("certificate"),
          "This app has none (RFC 8705). Ask the vendor to take signed assertions, or a secret."),
    Entry("C61", LIKELY, "The EHR expects a client that authenticates",
          lambda c: c.method == AuthMethod.NONE, _PORTALS_METHOD,
          seen="{c.seen} Only the client id was sent.",
          said=lambda c: bool(c.named & {"secret", "assertion", "keys", "authentication"})),
    Entry("C61", LIKELY, "The EHR does not list our way to authenticate", _lacks_method,
          f"{_PORTALS_METHOD} {_OURS_ARE}", "authentication",
          seen="We use {c.method}; it lists {c.listed_methods}.", before=_lacks_method),
    *_SECRET,
    *_ASSERTION,
    Entry("C1", POSSIBLE, "The client id is not known, or is that of another environment",
          lambda c: bool(c.sharing) or _says_nothing(c), "{c.compare_client_id}", "client",
          seen="{c.seen} {c.sharing}"),
    Entry("C63", POSSIBLE, "The EHR may have other keys than ours, or look for ours elsewhere",
          lambda c: _signs(c) and _says_nothing(c) and c.facts.is_key_seen, _KEYS, _OURS,
          seen="{c.seen} The key that signed was fetched before, and it is not certain by whom."),
)  # fmt: skip
TABLE = (
    Entry("C64", SEEN, "This process could not open what it keeps encrypted",
          coded("client-key-unopened", "tokens-unopened"), SAME_RING),
    Entry("C64", SEEN, "There is no key to sign with, or no secret that opens",
          coded("client-key-missing"), "Where a key is missing, register_ehr makes one for the "
          "registration's algorithm. Enter a secret that does not open again."),
    Entry("C63", SEEN,
          "Our keys were replaced in an emergency, and the EHR has not fetched the new ones",
          coded("keys-replaced"), "Ask the vendor to fetch the JWKS URL again; the page of the key "
          "set says how long it takes otherwise.", _OURS),
    *_REFUSED,
    Entry("T22", POSSIBLE, "The EHR holds an old copy of our public keys",
          lambda c: bool(c.stale["refused_kid"]),
          "Ask the vendor to fetch the JWKS URL again; withdraw no key before its time.",
          seen="It refused {c.stale[refused_kid]} and took {c.stale[taken_kid]}; no launch failed "
               "because of that."),
)  # fmt: skip
OF_CLIENT = frozenset(entry.rule for entry in TABLE)
