"""Causes of `invalid_client`: the token endpoint does not accept who we are."""

from collections.abc import Callable

from smartapp.diagnosis.case import ALGS, METHODS, Case
from smartapp.diagnosis.cause import Certainty, Entry, coded
from smartapp.registrations.options import AuthMethod


def _refused(when: Callable[[Case], bool]) -> Callable[[Case], bool]:
    return lambda case: case.is_client_refused and when(case)


def _signed(when: Callable[[Case], bool]) -> Callable[[Case], bool]:
    """The assertion that we signed was refused."""
    return lambda case: case.is_signature_refused and when(case)


def _naming(*subjects: str) -> Callable[[Case], bool]:
    return _refused(lambda case: case.named.issuperset(subjects))


def _lacks(member: str, value: Callable[[Case], str]) -> Callable[[Case], bool]:
    """The EHR publishes a list, and what we use is not in it."""

    def lacks(case: Case) -> bool:
        listed = case.published(member)
        return listed is not None and value(case) not in listed

    return lacks


_ANSWER = "{c.answer}"

TABLE = (
    Entry(
        "There is no key to sign with, or no secret that opens",
        coded("client-key-missing"),
        Certainty.SEEN,
        todo="Make a key for the registration's algorithm; check ENCRYPTION_KEYS.",
        rule="C64",
    ),
    Entry(
        "Our keys were replaced in an emergency, and the EHR has not fetched the new ones",
        coded("keys-replaced"),
        Certainty.SEEN,
        todo="Ask the vendor to fetch the JWKS URL again; the page of the key set says how long it "
        "takes otherwise.",
        rule="C63",
    ),
    Entry(
        "The EHR could not fetch our keys",
        _naming("fetch", "keys"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Enter {c.facts.config.jwks_url} at the vendor, to the letter; it must be reachable "
        "from there. Or let the vendor import the keys: export_jwks prints them.",
        rule="C63",
    ),
    Entry(
        "This app's registration at the EHR has expired",
        _naming("expired", "registration"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Renew it at the vendor.",
        rule="C1",
    ),
    Entry(
        "The EHR does not know our client id",
        _naming("client_id"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Compare {c.client_id} with the vendor's portal: production and sandbox have their "
        "own, and new ones may take hours to be known.",
        rule="C1",
    ),
    Entry(
        "The client secret changes on its way",
        _refused(lambda case: "secret" in case.named and case.facts.is_secret_encoded),
        Certainty.SAID,
        check="{c.answer} The secret has characters that OAuth encodes (RFC 6749 §2.3.1), and some "
        "servers compare it raw.",
        todo="Tick “Send secret as it is” in the registration, or let the vendor make a secret of "
        "letters and digits.",
        rule="C62",
    ),
    Entry(
        "The client secret is not the vendor's",
        _refused(lambda case: "secret" in case.named and not case.facts.is_secret_encoded),
        Certainty.SAID,
        check=_ANSWER,
        todo="Enter it again in the registration; it may have been replaced or have expired.",
        rule="C62",
    ),
    Entry(
        "The EHR takes our assertion for a repeated one",
        _naming("jti"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Each request of ours has a jti of its own: look for a proxy that sends requests "
        "twice.",
        rule="C67",
    ),
    Entry(
        "The EHR wants another audience",
        _naming("aud"),
        Certainty.SAID,
        check="{c.answer} aud was {c.aud}.",
        todo="Ask the vendor, and enter it as the assertion audience.",
        rule="C65",
    ),
    Entry(
        "The EHR finds the assertion's times wrong",
        _refused(lambda case: "clock" in case.named and not case.is_clock_wrong),
        Certainty.SAID,
        check=_ANSWER,
        todo="Compare both clocks; the EHR's own may be wrong.",
        rule="C66",
    ),
    Entry(
        "The EHR has other keys of ours than we sign with",
        _refused(lambda case: "keys" in case.named and "fetch" not in case.named),
        Certainty.SAID,
        check="{c.answer} We signed with kid {c.kid}.",
        todo="Compare the JWKS URL at the vendor with the registration sheet's; where the vendor "
        "imports keys, export and import them again.",
        rule="C63",
    ),
    Entry(
        "The app is not active at the vendor",
        _naming("approval"),
        Certainty.SAID,
        check=_ANSWER,
        todo="Activate it in the vendor's portal.",
        rule="C1",
    ),
    Entry(
        "The key that signed is not published any more",
        _signed(lambda case: case.is_key_gone),
        Certainty.SEEN,
        check="kid {c.kid} is withdrawn or unknown.",
        todo="Launch again; if it stays, restart the process that signed.",
        rule="C63",
    ),
    Entry(
        "Our public address does not show the key that signed",
        _signed(lambda case: not case.is_key_gone and case.key_finding is not None),
        Certainty.SEEN,
        check="{c.key_finding.seen}",
        todo="{c.key_finding.fix}",
        rule="C63",
    ),
    Entry(
        "Our clock is wrong, so the assertion is not valid yet or any more",
        _signed(lambda case: case.is_clock_wrong),
        Certainty.SEEN,
        check="{c.clock}",
        todo="Let this machine keep its time by NTP.",
        rule="C66",
    ),
    Entry(
        "The assertion is for another audience than the token endpoint",
        _signed(
            lambda case: (
                case.aud != case.published_token_endpoint and not case.preset.startswith("athena")
            )
        ),
        Certainty.SEEN,
        check="aud was {c.aud}; discovery says {c.published_token_endpoint}. {c.aud_difference}",
        todo="Empty the registration's assertion audience, unless the vendor names one.",
        rule="C65",
    ),
    Entry(
        "The EHR does not list our algorithm",
        _signed(_lacks(ALGS, lambda case: case.alg)),
        Certainty.SEEN,
        check="We sign with {c.alg}; it lists {c.listed_algs}.",
        todo="Choose one of these in the registration, and tell the vendor.",
        rule="C64",
    ),
    Entry(
        "athenahealth wants an audience of its own",
        _signed(
            lambda case: (
                case.aud == case.published_token_endpoint and case.preset.startswith("athena")
            )
        ),
        Certainty.LIKELY,
        check="aud was {c.aud}, the token endpoint.",
        todo="Enter the audience that athenahealth names for this environment.",
        rule="C65",
    ),
    Entry(
        "The EHR expects a client that authenticates",
        _refused(lambda case: case.method == AuthMethod.NONE),
        Certainty.LIKELY,
        check="{c.answer} Only the client id was sent.",
        todo="Choose the authentication that the vendor's portal shows.",
        rule="C61",
    ),
    Entry(
        "The EHR does not list our way to authenticate",
        _refused(
            lambda case: (
                case.method != AuthMethod.NONE and _lacks(METHODS, lambda one: one.method)(case)
            )
        ),
        Certainty.LIKELY,
        check="We use {c.method}; it lists {c.listed_methods}.",
        todo="Choose the method that the vendor's portal shows for this client.",
        rule="C61",
    ),
    Entry(
        "The EHR has never asked for our keys",
        _signed(lambda case: case.is_key_unseen and not case.last_fetch),
        Certainty.LIKELY,
        check="Nobody has fetched our JWKS yet.",
        todo="Enter the JWKS URL at the vendor, to the letter; it must be reachable from there. "
        "Part of Epic's organisations can fetch none, and say so only with a bare invalid_client: "
        "there let the vendor import the keys (export_jwks; RSA; up to 12 hours to take effect).",
        rule="C63",
    ),
    Entry(
        "The EHR still has our older keys",
        _signed(lambda case: case.is_key_unseen and bool(case.last_fetch)),
        Certainty.LIKELY,
        check="Our JWKS was last fetched at {c.last_fetch}, without the key that signed, which was "
        "published at {c.key_published}.",
        todo="Roll back to the previous key, or wait until the EHR's cache is over.",
        rule="C63",
    ),
    Entry(
        "The client secret changes on its way",
        _refused(
            lambda case: (
                case.method == AuthMethod.CLIENT_SECRET_BASIC
                and case.facts.is_secret_encoded
                and "secret" not in case.named
            )
        ),
        Certainty.LIKELY,
        check="The secret has characters that OAuth encodes (RFC 6749 §2.3.1), and some servers "
        "compare it raw.",
        todo="Tick “Send secret as it is” in the registration, or let the vendor make a secret of "
        "letters and digits.",
        rule="C62",
    ),
    Entry(
        "The client secret is not the vendor's",
        _refused(
            lambda case: (
                case.method == AuthMethod.CLIENT_SECRET_BASIC and "secret" not in case.named
            )
        ),
        Certainty.LIKELY,
        check="It was sent as Basic, and nothing else that can be seen from here is wrong.",
        todo="Enter it again in the registration; it may have been replaced or have expired.",
        rule="C62",
    ),
    Entry(
        "The client id is that of another environment",
        _refused(lambda case: bool(case.sharing)),
        Certainty.POSSIBLE,
        check="{c.sharing} has the same client id.",
        todo="Compare {c.client_id} with the vendor's portal: production and sandbox have their "
        "own.",
        rule="C1",
    ),
    Entry(
        "The client id is not known, or is that of another environment",
        _refused(lambda case: not case.sharing),
        Certainty.POSSIBLE,
        check="Nothing else that can be seen from here is wrong.",
        todo="Compare {c.client_id} with the vendor's portal: production and sandbox have their "
        "own, and new ones may take hours to be known.",
        rule="C1",
    ),
    Entry(
        "The EHR holds an old copy of our public keys",
        lambda case: bool(case.refused_kid),
        Certainty.POSSIBLE,
        check="It refused {c.refused_kid} and took {c.taken_kid}; no launch failed because of "
        "that.",
        todo="Ask the vendor to fetch the JWKS URL again; withdraw no key before its time.",
        rule="T22",
    ),
)
