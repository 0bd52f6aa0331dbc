"""Causes at the code, the tokens and what came with them."""

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.entry import (
    Entry,
    always,
    answered,
    broken,
    coded,
    every,
    naming,
    under,
    with_rest,
)
from smartapp.diagnosis.finding import LIKELY, POSSIBLE, SAID, SEEN
from smartapp.launches.models import Step
from smartapp.protocol.oauth_errors import STANDARD, TROUBLE
from smartapp.registrations.options import AuthMethod


def _code_refused(case: Case) -> bool:
    """By its code, or by words that name nothing else."""
    is_said = "code" in case.named and case.named <= {"code", "invalid", *_OVER}
    return case.step == Step.TOKEN and (is_said or case.ehr_error == "invalid_grant")


def _is_refused(case: Case) -> bool:
    return case.is_at_token_endpoint and case.is_refused


def _lacks_scope(case: Case) -> bool:
    is_bare = case.ehr_error == "invalid_scope" and not case.said
    is_asked_for = is_bare or case.named.issuperset({"scope", "missing"})
    return case.step == Step.REFRESH and is_asked_for and "scope" not in case.token["sent"]


def _is_no_answer(case: Case) -> bool:
    """A web page, or a FHIR server's answer, came with status 200."""
    is_strange = case.broken_rule == "not-json" or "resourceType" in case.token["received"]
    return case.code == "token-response-invalid" and is_strange


def _is_without_a_word(case: Case) -> bool:
    """The answer is empty, and nothing stands in its WWW-Authenticate either."""
    return case.form == "nothing" and not (case.ehr_error or case.said)


def _is_no_refusal(case: Case) -> bool:
    """A refusal has nothing of OAuth in it: it is a page, an answer of a FHIR server, or says that
    the address takes no such request."""
    if not (_is_refused(case) and 400 <= case.http_status < 500) or case.is_limited:
        return False
    if "gateway" in case.named:
        return True
    if _is_without_a_word(case):
        return case.http_status not in (400, 401)
    is_foreign = (
        case.form == "markup"
        or "resourceType" in case.token["received"]
        or (case.ehr_error not in STANDARD and case.http_status in (404, 405, 415))
        or (not case.ehr_error and (case.form == "other" or case.http_status == 403))
    )
    return is_foreign and case.named <= _SAYS_LITTLE


_TOKEN_OVER = naming("token_over", but_not=("assertion", "scope"))
_LIMITED = coded("ehr-limited", "token-budget-spent")
_GATEWAY = ("Look for a gateway, a proxy or a sign-in page in between, and compare the token "
            "endpoint with the vendor's.")  # fmt: skip
_ENDED = "The person, their EHR session or a policy ended it; start a new launch."
_OVER = {"expired", "jti"}
# What is named where nothing of OAuth is.
_SAYS_LITTLE = {"missing", "invalid", "authentication", "credentials", "user", "expired", "fetch"}
CODE_OVER, PKCE_FAILED = "C69", "C33"
# What a server may find wrong with a code that it did not make.
OF_CODE = frozenset((CODE_OVER, PKCE_FAILED))
_ISSUERS_KEYS = ("See that the expected issuer is the right one and that its keys are found. Their "
                 "address can be entered on the endpoint's discovery page. If they are, tell the "
                 "vendor.")  # fmt: skip
# Checks of an id_token that fail, with what they mean and what to do.
_ID_TOKEN = (
    ("aud-missing", "The id_token does not say which client it is for",
     "Tell the vendor: an id_token needs aud (OpenID Connect Core §2)."),
    ("aud", "The id_token is for another client",
     "Compare the client id with the vendor's: it may be that of another environment."),
    ("azp", "The id_token was issued to another client", "Compare the client id."),
    ("azp-missing", "The id_token is for several clients, and does not say which it was issued to",
     "Tell the vendor: aud has to name this client alone, or azp that it was issued to it (OpenID "
     "Connect Core §3.1.3.7)."),
    ("times", "A time in the id_token is missing, or is not in seconds",
     "Tell the vendor: exp and iat are numbers of seconds (RFC 7519 §2)."),
    ("nonce", "The id_token answers another sign-in",
     "Start again; if it stays, the EHR does not return the nonce: tell the vendor."),
    ("alg", "The id_token's algorithm is not accepted", "Tell the vendor: RS256 or better."),
    ("at_hash", "The id_token belongs to another access token", "Tell the vendor."),
    ("sub", "The id_token does not say who signed in, or names another person", "Tell the vendor."),
    ("format", "The id_token is not a signed JWT",
     "Tell the vendor: encrypted and unsigned ones are not read."),
)  # fmt: skip
_TIMES = (
    ("exp", "The id_token is over already"),
    ("iat", "The id_token's times are wrong"),
    ("nbf", "The id_token is not valid yet"),
)

# The request was refused, with words that name a part of it, and not who we are.
_REQUEST = under(
    lambda c: not c.is_client_refused,
    Entry("C60", SAID, "The EHR compares the redirect URI and finds it different",
          naming("redirect_uri"),
          "Compare, to the last character, what the vendor has with {c.redirect_uri}"),
    Entry(PKCE_FAILED, SAID, "The EHR's PKCE check failed", naming("pkce"),
          "Ask the vendor: we send S256, as it publishes.", "discovery"),
    Entry("C61", SAID, "The EHR wants the client id in the body of the request",
          every(answered("invalid_request"), naming("client_id", "missing"),
                lambda c: "client_id" not in c.token["sent"]),
          "Tick “Send the client id in the body too” in the registration."),
    Entry("C61", SAID, "The EHR does not want the client id in the body of the request",
          every(answered("invalid_request"), naming("client_id"), lambda c: (
              "client_id" in c.token["sent"] and c.method != AuthMethod.NONE)),
          "Untick “Send the client id in the body too” in the registration."),
)  # fmt: skip
_REFUSED = under(
    _is_refused,
    *_REQUEST,
    Entry("C61", SAID, "The EHR wants DPoP", naming("dpop"),
          "This app has bearer tokens only (SMART App Launch 2.2). Ask the vendor not to bind this "
          "client's tokens to a key (RFC 9449)."),
    Entry("C60", SAID, "The EHR refuses the network address that this server calls from",
          naming("address"), "Give the vendor the address from which this server reaches the "
          "internet, or let it take any."),
    Entry("C60", SAID, "The EHR gave this code to another client id",
          lambda c: _code_refused(c) and "client_id" in c.named and not c.named & _OVER,
          "{c.compare_client_id}"),
    Entry(CODE_OVER, LIKELY, "The code was over before it was exchanged",
          lambda c: _code_refused(c) and not c.is_client_refused and not c.is_person_to_sign_in
          and not c.named & {"redirect_uri", "pkce", "person", "tenant", "patient", "launch"}
          and not ("user" in c.named and "code" not in c.named)
          and ("client_id" not in c.named or bool(c.named & _OVER)),
          "Start again; look for a proxy or a link scanner that opens the callback first.",
          seen="{c.seen} Codes live about a minute and work once.",
          said=lambda c: "code" in c.named and bool(c.named & _OVER)),
    Entry("C60", POSSIBLE, "Something else of the request may not be that of the sign-in",
          lambda c: _code_refused(c) and not c.named - {"code", "invalid"}
          and not c.is_client_refused, "If it stays, compare {c.client_id} and {c.redirect_uri} "
          "with what the vendor has, and ask what its log says.",
          seen="{c.seen} It is the answer to another client id, redirect URI or PKCE verifier, "
               "too (RFC 6749 §5.2, RFC 7636 §4.6), and some answer so where a DPoP proof is "
               "missing."),
    Entry("C125", SEEN, "The EHR has a problem of its own",
          lambda c: c.http_status >= 500 or c.ehr_error in TROUBLE, "Wait; then ask the vendor.",
          seen="{c.seen} That was its token endpoint."),
    Entry("C121", LIKELY, "The EHR wants scope in a refresh, and none was sent", _lacks_scope,
          "Tick “Send scope on refresh” in the registration.", said=naming("scope", "missing")),
    Entry("C121", SEEN, "The EHR does not give these scopes",
          every(answered("invalid_scope"), lambda c: not _lacks_scope(c)),
          "Compare the registration's scopes with those ticked at the vendor. A refresh may ask "
          "only for what was granted.", "scopes"),
    Entry("C2", SEEN, "The app may not use this grant at the vendor",
          every(answered("unsupported_grant_type", "unauthorized_client"), lambda c: (
              (c.http_status != 401 or "grant" in c.named)
              and c.named.isdisjoint(("authentication", "approval")))),
          "Check the kind of app in the vendor's portal."),
    Entry("C2", SAID, "The vendor takes this app for one that runs in a browser",
          naming("browser_app"), "Register it there as a web app with a server."),
)  # fmt: skip
_ID_TOKENS = under(
    coded("id-token-invalid", "refresh-not-trusted"),
    *with_rest((
        Entry("C90", SEEN, "The id_token does not say who issued it",
              lambda c: c.broken_rule == "iss" and not c.came,
              "Tell the vendor: an id_token needs iss (OpenID Connect Core §2)."),
        Entry("C93", SEEN, "The id_token names another issuer than the expected ones",
              lambda c: c.broken_rule == "iss" and bool(c.came),
              "Ask the vendor, and add its issuer, to the letter, to the expected issuers.",
              "discovery", seen="{c.compared} Discovery names {c.published_issuer}."),
        *(Entry("C90", SEEN, title, broken(rule), fix, seen="{c.seen} {c.compared}")
          for rule, title, fix in _ID_TOKEN),
        *(Entry("C90", SEEN, title, broken(rule),
                "Compare both clocks (NTP); where they agree, tell the vendor.", "clock",
                seen="{c.seen} {c.clock}")
          for rule, title in _TIMES),
        Entry("C92", SEEN, "The id_token's signature does not verify with the issuer's keys",
              broken("signature"),
              "Tell the vendor: it signs with a key that it does not publish under this kid.",
              "issuer-keys"),
        Entry("C97", SEEN, "openid was granted, and no id_token came", broken("missing"),
              "Tick OpenID at the vendor, or take openid and fhirUser out of the scopes."),
    ), Entry("C90", SEEN, "The id_token did not pass every check", always, "Tell the vendor.")),
)  # fmt: skip
TABLE = (
    *_REFUSED,
    Entry("C128", SEEN, "The EHR limits how often we may ask",
          lambda c: _LIMITED(c) or (_is_refused(c) and "limit" in c.named),
          "Wait a minute; ask the vendor for its limit, and enter it in the registration.",
          said=naming("limit")),
    Entry("C128", SEEN, "The EHR refused other sign-ins from this network, so this one had to wait",
          coded("codes-refused"),
          "Look at the attempts before it. If a stranger invented codes, it is over when they "
          "stop. If codes grew too old while people waited, ask the vendor for a higher limit."),
    Entry("C80", SEEN, "What answered is not an OAuth token endpoint",
          lambda c: _is_no_answer(c) or _is_no_refusal(c), _GATEWAY, "discovery",
          seen="{c.seen} {c.form_in_words}A token endpoint answers in JSON, with tokens or an "
               "error (RFC 6749 §5)."),
    Entry("C61", POSSIBLE, "The EHR may refuse this client without a word",
          every(_is_refused, _is_without_a_word, lambda c: c.http_status in (400, 403)),
          "Tick “Send the client id in the body too” in the registration. If it stays, compare the "
          "JWKS URL at the vendor with {c.jwks_url}, and look for a gateway in between.", "client",
          seen="{c.seen} It is empty. Some servers answer so to a request without the client id in "
               "its body, or to an assertion that they cannot verify."),
    Entry("C80", SEEN, "The EHR's token answer breaks a rule",
          lambda c: c.code == "token-response-invalid" and not _is_no_answer(c),
          "Tell the vendor which rule it is.", seen="{c.seen} Members that came: {c.received}."),
    Entry("C125", LIKELY, "The EHR does not accept the refresh token any more",
          lambda c: c.code == "refresh-refused" and (
              _TOKEN_OVER(c) or (c.ehr_error == "invalid_request" and not c.named)),
          f"{_ENDED} Ask the vendor to answer invalid_grant then (RFC 6749 §5.2): the app does not "
          "ask again after it.", said=_TOKEN_OVER),
    *_ID_TOKENS,
    Entry("C92", SEEN, "Several of the issuer's keys may have signed the id_token",
          every(coded("id-token-key-unknown"), broken("several")),
          "Tell the vendor: where several keys are published, each has a kid of its own, and an "
          "id_token names it (OpenID Connect Core §10.1). Keys are not tried one by one.",
          "issuer-keys", seen="{c.seen} {c.compared}"),
    Entry("C92", SEEN, "The key that signed the id_token is not among the issuer's keys",
          lambda c: c.code == "id-token-key-unknown" and c.broken_rule != "several", _ISSUERS_KEYS,
          "issuer-keys", seen="{c.seen} {c.compared} They are asked for again once a minute."),
    Entry("C91", SEEN, "The issuer's keys could not be used", coded("jwks-invalid"), _ISSUERS_KEYS,
          "issuer-keys"),
    Entry("C101", SEEN, "The EHR's launch context cannot be used", coded("launch-context-invalid"),
          "Tell the vendor: patient and encounter are ids alone and texts, as “123” of Patient/123 "
          "(SMART App Launch 2.2, Launch Context)."),
    Entry("C126", SEEN, "A refresh answered for another patient or encounter",
          coded("patient-changed"), "Open the app again from the right chart, and tell the vendor.",
          seen="The tokens that were renewed came with another patient or encounter than the "
               "launch's."),
    Entry("C125", SEEN, "The EHR does not accept the refresh token any more",
          lambda c: c.code == "ended-by-ehr" and c.token["ehr_error"] == "invalid_grant",
          f"{_ENDED} If it says that the token was used before, see that no other server has a "
          "copy of the database, and that `after_restore` was run if a backup was restored.",
          seen="It answered invalid_grant to a refresh.{c.token_quote}"),
    Entry("C141", SEEN, "The FHIR server refuses tokens that the EHR has just given",
          lambda c: c.code == "ended-by-ehr" and c.token["ehr_error"] != "invalid_grant",
          "Compare aud with the FHIR base URL, and ask the vendor whether this server takes this "
          "app's tokens.",
          "capability-statement", seen="401 for a renewed token too.{c.quote}"),
    Entry("C141", SEEN, "The FHIR server refuses a token before its time is over",
          coded("access-refused"), "If it is refused from the start, compare aud with the FHIR "
          "base URL, and ask the vendor whether this server takes this app's tokens. If it was "
          "taken before, the person, their EHR session or a policy ended it; start a new launch.",
          "capability-statement",
          seen="401 for a token that was not over yet, and there was no refresh token."),
    Entry("C124", SEEN, "The answer to a refresh was lost", coded("refresh-uncertain"),
          "The person opens the app again. Only if the vendor says that a refresh does not use its "
          "token up, say so in the registration: it is then sent once more."),
    Entry("C124", SEEN, "A process of this app was ended during a refresh",
          coded("refresh-interrupted"), "The person opens the app again. Look in the system's log "
          "for why it was ended: memory, a restart without SIGTERM, the machine."),
    Entry("C124", SEEN, "The EHR's answer to a refresh could not be used",
          coded("refresh-unusable"), "Ask the vendor what its token endpoint answered; look for a "
          "gateway in between. The person opens the app again.", seen="{c.seen} {c.form_in_words}"),
    Entry("C40", SEEN, "There is no refresh token, and the access token is over",
          coded("access-expired"),
          "Ask for offline_access (or online_access), and see that it was granted. If it was, ask "
          "the vendor to give this app refresh tokens.", seen="The EHR gave none."),
)  # fmt: skip

OTHERWISE = Entry(
    "C60", POSSIBLE, "The EHR refused the token request",
    lambda c: _is_refused(c) or c.code in ("token-refused", "refresh-failed"),
    "Compare the members that were sent with the vendor's documentation.",
)  # fmt: skip
