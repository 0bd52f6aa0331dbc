"""One attempt, as the entries of the table look at it. Every text that they quote is made here."""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from smartapp.diagnosis import outcome
from smartapp.diagnosis.comparing import (
    AHEAD_SECONDS,
    clock_in_words,
    difference,
    is_base,
    nearest,
    plain,
)
from smartapp.diagnosis.facts import Facts
from smartapp.diagnosis.scopes_asked import ScopesAsked
from smartapp.diagnosis.words import (
    members_of,
    parts_of_assertion,
    subjects_of,
    without_code,
    without_what_was_tried,
)
from smartapp.launches.events import WireRecord, cleaned
from smartapp.launches.models import LaunchEvent, LaunchKind, Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.protocol import oauth_errors
from smartapp.protocol.client_assertion import LIFETIME_SECONDS
from smartapp.protocol.discovery import strings
from smartapp.protocol.errors import FHIRForbidden
from smartapp.protocol.scopes import parse_scopes
from smartapp.protocol.urls import resolve
from smartapp.registrations import presets, sheet
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.validation import pkce_refusal

MARGIN_SECONDS = 60
ALGS = "token_endpoint_auth_signing_alg_values_supported"
METHODS = "token_endpoint_auth_methods_supported"

_FORMS = {"markup": "It is a web page, or XML. ", "nothing": "It is empty. "}
# What is wrong with a request that has all its members.
_NOT_LOST = {"invalid", "registration", "user", "sign_in", "lasts"}
# What a server in trouble may mean that is not inside itself.
_OUTSIDE = frozenset(
    ("fetch", "network", "sign_in", "cookies", "limit", "user", "address", "grant")
)
# Errors about who asks, by their name.
_OF_CLIENT = ("invalid_client", "unauthorized_client", "invalid_assertion")
# A sentence may begin with one, as it is written.
_NAMES = frozenset((
    "iss", "launch", "state", "code", "aud", "azp", "exp", "iat", "nbf", "sub", "alg", "kid",
    "nonce", "openid", "patient", "encounter", "error",
))  # fmt: skip


class Recorded(dict[str, Any]):
    """What a timeline says of something; "" for what it does not say."""

    def __missing__(self, name: str) -> str:
        return ""


class Case:
    """One attempt, and what is known beside it. The doctor's has no timeline: nothing failed yet,
    and what would be sent is what the registration says."""

    def __init__(self, timeline: Sequence[LaunchEvent], facts: Facts) -> None:
        self.timeline, self.facts = timeline, facts
        self._describe_failure(timeline)
        self._describe_way(timeline, facts)
        self._describe_requests(timeline, facts)
        self._describe_registration(facts)
        self._describe_words()
        self._describe_reads(timeline)

    def _describe_failure(self, timeline: Sequence[LaunchEvent]) -> None:
        self.failed = outcome.failure_of(timeline)
        self.code = self.failed.code if self.failed else ""
        self.step = self.failed.step if self.failed else ""
        self.failure = Recorded(self.failed.detail if self.failed else {})
        self.said = str(self.failure["said"])  # the EHR's own words, cleaned
        self.quote = _quoted(self.said)
        error = self.failure["ehr_error"]
        self.words = ": ".join(dict.fromkeys(filter(None, (error, self.said))))
        self.ehr_error = oauth_errors.as_standard(error)
        self.http_status: int = self.failure["http_status"] or 0
        self.is_limited = self.http_status == HTTPStatus.TOO_MANY_REQUESTS
        self.broken_rule: str = self.failure["rule"]
        # Whether the authorization endpoint or the token endpoint refused a request.
        is_answer = self.step == Step.CALLBACK
        self.is_at_token_endpoint = self.step in (Step.TOKEN, Step.REFRESH)
        is_no_success = self.is_at_token_endpoint and self.http_status >= HTTPStatus.BAD_REQUEST
        is_error = bool(error) and (is_answer or self.is_at_token_endpoint)
        self.is_refused = is_error or is_no_success
        # The members of a launch's address, or of an answer's.
        self.iss: str = self.failure["iss"]
        self.came: str = self.failure["came"] or self.iss  # which older events have
        nothing = "Its address has no parameters. What stands after a # does not reach the app."
        has_none = nothing if is_answer else ""
        self.address_has = f"Its address has {self.came}." if self.came else has_none

    def _describe_way(self, timeline: Sequence[LaunchEvent], facts: Facts) -> None:
        """Describe how the person came here, went to the EHR, and came back."""
        self.is_iss_an_address = bool(plain(self.iss)[0]) and (
            self.iss.lower().startswith(("https:", "http:"))
        )
        self.is_iss_a_base = is_base(self.iss)
        self.nearest = nearest(self.iss, facts.known)
        near = self.nearest.fhir_base_url if self.nearest else ""
        self.is_nearest_the_same = bool(near) and plain(near) == plain(self.iss)
        self.nearest_difference = difference(self.iss, near)
        self.is_standalone = self._of(Step.LAUNCH)["kind"] == LaunchKind.STANDALONE
        # Whether the person is at the EHR, or never came back from there.
        self.is_away = not self.failed and bool(timeline) and timeline[-1].step == Step.AUTHORIZE
        self.may_still_come = self.is_away and facts.now - timeline[-1].at < PENDING_LIFETIME
        failed, asked = self.failed, [one for one in timeline if one.step == Step.AUTHORIZE]
        waited = failed.at - asked[0].at if failed and asked else None
        self.waited = f"{round(waited.total_seconds())} s" if waited else "some time"
        # Whether the answer was found to be that of this launch by the EHR and the time alone.
        attempts = {one.attempt for one in asked}
        self.is_found_by_time = bool(failed and asked and failed.attempt not in attempts)
        # Whether the EHR knows us, as other launches show.
        count = facts.came_back
        launches = "1 other launch" if count == 1 else f"{count} other launches"
        none = "No launch of this endpoint has come back yet."
        self.others = f"{launches} of this endpoint came back." if count else none

    def _of(self, step: Step) -> Recorded:
        """Return what the events of a step say; where several do, the first."""
        found = Recorded()
        for event in reversed(self.timeline):
            found |= event.detail if event.step == step else {}
        return found

    def _describe_requests(self, timeline: Sequence[LaunchEvent], facts: Facts) -> None:
        """Describe what was sent: the last token request that had an answer, and every other."""
        steps = (Step.TOKEN, Step.REFRESH)
        answered = (one for one in timeline if one.step in steps and "token_endpoint" in one.detail)
        tokens = [one.detail for one in answered]
        is_launch = any(one.attempt for one in timeline)
        self.token = Recorded(tokens[-1] if tokens else {} if is_launch else self._would_send)
        self.token_quote = _quoted(self.token["said"])
        self.asked = self._of(Step.AUTHORIZE)
        self.stale = self._of(Step.TOKEN)  # which key was refused, and which taken instead
        self.context = self._of(Step.CONTEXT)
        self.missing_scopes = " ".join(self.context["missing"])
        self.granted_scopes = " ".join(self.context["granted"]) or "none"
        self.beside_tokens = ", ".join(self.context["received"]) or "nothing"
        self.received = ", ".join(self.token["received"]) or "none"
        self.sent = ", ".join(self.asked["sent"])
        self.form = self.token["form"] or self.failure["form"]
        self.form_in_words = _FORMS.get(self.form, "")
        self.header = Recorded(self.token["assertion_header"] or {})
        self.claims = Recorded(self.token["assertion_claims"] or {})
        self.assertion_parts = ", ".join((*self.header, *self.claims)) or "none"
        until, since = self.claims["exp"] or LIFETIME_SECONDS, self.claims["iat"] or 0
        self.assertion_lifetime = int(until - since)
        self.aud: str = self.claims["aud"]
        self.alg: str = self.header["alg"]
        self.method: str = self.token["auth_method"]
        self.redirect_uri = self.token["redirect_uri"] or self.asked["redirect_uri"]
        self.client_id = self.token["client_id"] or self.asked["client_id"]
        self.compare_client_id = (
            f"Compare {self.client_id} with the vendor's portal: production and sandbox have their "
            "own, and new ones may take hours to be known."
        )
        # The scopes of this launch or, where none are recorded, of both kinds that may come.
        config, asked = facts.config, self.asked["scope"]
        may_ask = (config.scope, config.standalone_scope) if config else ()
        requests = [asked] if asked else [parse_scopes(one) for one in may_ask]
        self.scopes = ScopesAsked(requests, facts.published, self.said)
        self.asked_for = " ".join(asked if is_launch else self.scopes.all) or "not recorded"

    @property
    def _would_send(self) -> dict[str, Any]:
        """What a token request will show, before there is one."""
        config = self.facts.config
        if config is None:
            return {}
        aud = config.assertion_audience or self._published_token_endpoint
        kid = self.facts.key.kid if self.facts.key else ""
        is_signed = config.auth_method == AuthMethod.PRIVATE_KEY_JWT
        return {
            "auth_method": config.auth_method,
            "client_id": config.client_id,
            "redirect_uri": config.redirect_uri,
            "assertion_header": {"alg": config.alg, "kid": kid} if is_signed else {},
            "assertion_claims": {"aud": aud} if is_signed else {},
        }

    def _describe_registration(self, facts: Facts) -> None:
        config = facts.config
        self.preset = config.preset if config else ""
        self.base = config.fhir_base_url if config else ""
        self.current_uri = config.redirect_uri if config else ""
        self.jwks_url = config.jwks_url if config else ""
        reported = sheet.reported_audience(config) if config else ""
        self.reported_audience = f" Reported, not verified: {reported}" if reported else ""
        shared = ", ".join(facts.shares_client_id)
        self.sharing = f"{shared} has the same client id." if shared else ""
        self.expected_issuers = ", ".join(config.issuers if config else ()) or "none"
        self.frame_ancestors = ", ".join(config.frame_ancestors if config else ()) or "none"
        self.published_issuer = str(facts.published.get("issuer") or "none")
        published = self._published_token_endpoint or self.token["token_endpoint"]
        self.published_token_endpoint = cleaned(published)  # as that of the timeline is
        self.listed_algs = ", ".join((self.published(ALGS) or ())[:10])
        self.listed_methods = ", ".join((self.published(METHODS) or ())[:10])
        self.aud_difference = difference(self.aud, self.published_token_endpoint)
        # What a check of our own keys, as the EHR fetches them, found wrong.
        self.key_problem = facts.problem("published-key") or facts.problem("own-address")

    def _describe_words(self) -> None:
        """Describe what the EHR's own words mean, beside its code and what was sent to it."""
        self.named = self._subjects()
        # Whether it wants something of the person. That their session is over is said of a code,
        # too.
        is_of_grant = self.is_at_token_endpoint and self.ehr_error == "invalid_grant"
        is_of_code = is_of_grant and "token_over" in self.named
        self.is_person_to_sign_in = "sign_in" in self.named and not is_of_code
        # What it misses in our client assertion: names of its header or claims.
        is_signed = self.is_at_token_endpoint and self.method == AuthMethod.PRIVATE_KEY_JWT
        is_missing = "missing" in self.named and self.named.isdisjoint({"invalid", "expired"})
        parts = parts_of_assertion(self.said) if is_signed and is_missing else ()
        self.missed_of_assertion = ", ".join(parts)
        self.missed = ", ".join(self._missed())
        self.is_client_refused = self.is_at_token_endpoint and self._is_client_refused()

    def _subjects(self) -> frozenset[str]:
        """Return what the EHR's words name, as far as its code lets them."""
        if self.is_limited:  # about nothing else, whatever its words mention
            return frozenset({"limit"})
        if self.ehr_error == "invalid_client_metadata":  # of what the EHR has about this app
            return frozenset({"metadata"})
        named = subjects_of(self._own_words)
        if self.ehr_error in oauth_errors.TROUBLE:
            is_of_keys = named & {"fetch", "network"}
            return named & (_OUTSIDE | ({"keys"} if is_of_keys else set()))
        if self.is_at_token_endpoint and self.ehr_error == "invalid_client":
            return named - {"person", "sign_in"}  # the account is the app's
        return named

    @property
    def _own_words(self) -> str:
        """What the EHR says beyond the standard's code."""
        if self.ehr_error not in oauth_errors.STANDARD:
            code = self.ehr_error.replace("_", " ")
            is_repeated = set(code.lower().split()) <= set(self.said.lower().split())
            return f": {self.said}" if is_repeated else f"{code}: {self.said}"
        is_secret = self.method == AuthMethod.CLIENT_SECRET_BASIC
        said = without_what_was_tried(self.said) if is_secret else self.said
        return f": {without_code(self.ehr_error, said)}"

    def _missed(self) -> Iterator[str]:
        """Yield what the EHR says is missing, although it was sent to it."""
        is_said = self.is_refused and "missing" in self.named
        if not is_said or not self.named.isdisjoint(_NOT_LOST):
            return
        sent, pkce = self.asked["sent"], "code_challenge"
        if self.is_at_token_endpoint:
            sent, pkce = self.token["sent"] or self.failure["sent"], "code_verifier"
        members = members_of(self.said)
        if not members and "pkce" in self.named:
            members = [pkce]
        is_of_assertion = {"client_assertion"} if self.missed_of_assertion else set()
        yield from (name for name in members if name in sent and name not in is_of_assertion)
        if self._misses_authentication:
            yield "our authentication"

    @property
    def _misses_authentication(self) -> bool:
        """Whether the token endpoint, and not what stands before it, found none in a request that
        had one."""
        is_sent = self.is_at_token_endpoint and self.method not in ("", AuthMethod.NONE)
        others = ("secret", "assertion", "method", "certificate", "body")
        is_named = "authentication" in self.named and self.named.isdisjoint(others)
        return is_sent and is_named and self.ehr_error in oauth_errors.STANDARD

    def _is_client_refused(self) -> bool:
        """Whether the token endpoint did not accept who we are, under whichever name of an error:
        some say invalid_grant or invalid_request of an assertion."""
        is_grant = self.ehr_error == "invalid_grant"
        ours = {"assertion", "keys", "secret", "method", "certificate"}
        if self.method == AuthMethod.PRIVATE_KEY_JWT:
            ours.add("aud")
            if not is_grant and "code" not in self.named:
                ours.add("jti")
        if not is_grant and self._is_client_id_wrong:
            ours.add("client_id")
        is_of_client = not self.named.isdisjoint(ours)
        is_of_others = not self.named.isdisjoint(("pkce", "redirect_uri", "person"))
        if self.http_status == HTTPStatus.UNAUTHORIZED or self.ehr_error in _OF_CLIENT:
            return is_of_client or not is_of_others
        elsewhere = {"code" if is_grant else "client_id"} - ours
        return is_of_client and not is_of_others and self.named.isdisjoint(elsewhere)

    @property
    def _is_client_id_wrong(self) -> bool:
        """Whether the client id is invalid where it is named, and not its place in the request."""
        is_in_place = "client_id" not in self.token["sent"] or self.method == AuthMethod.NONE
        return not self.ehr_error or ("invalid" in self.named and is_in_place)

    def _describe_reads(self, timeline: Sequence[LaunchEvent]) -> None:
        """Describe what was read, and what clock the EHR has by its last answer."""
        self.reads = [wire for one in timeline for wire in one.detail.get("exchanges", ())]
        self.bad_reads = [wire for wire in self.reads if (wire.get("status") or 0) >= 400]
        # Answered by something else than FHIR in JSON: a page, XML, a redirect.
        read = (one for one in timeline if one.step == Step.FHIR)
        wires = (wire for one in read for wire in one.detail.get("exchanges", ()))
        self.strange_reads = [wire for wire in wires if _is_strange(wire)]
        # How the last page got on with reading the patient; "" where none was shown.
        self.patient_state = outcome.sections(timeline).get("patient", "")
        self.unread = _unread(timeline)
        aheads = (wire["ahead"] for wire in reversed(self.reads) if wire.get("ahead") is not None)
        ahead = next(aheads, None)
        self.clock = clock_in_words(ahead)
        # Whether the difference of both clocks is more than the assertion's times allow.
        earliest = MARGIN_SECONDS - self.assertion_lifetime
        self.is_clock_wrong = ahead is not None and not earliest <= ahead <= AHEAD_SECONDS

    def published(self, member: str) -> list[str] | None:
        """Return a list that the EHR publishes, None where it publishes none."""
        return [*strings(self.facts.published.get(member))] or None

    @property
    def _published_token_endpoint(self) -> str:
        """The token endpoint that the EHR publishes, as it is used; "" for none."""
        url, base = self.facts.published.get("token_endpoint"), self.facts.config
        written = url.strip() if isinstance(url, str) else ""
        return (resolve(written, base=base.fhir_base_url) if base else None) or written

    def verdict_failed(self, rule: str) -> bool:
        verdicts = (one for event in self.timeline for one in event.verdicts)
        return any(one["rule"] == rule and not one["ok"] for one in verdicts)

    @property
    def seen(self) -> str:
        """What is known of the failure, as a sentence: our words, or what the EHR answered."""
        words = str(self.failure["failure"])
        if not words:
            answered = (str(self.http_status or ""), self.failure["ehr_error"])
            answer = " ".join(filter(None, answered))
            return f"{f'The EHR answered {answer}' if answer else self.code}.{self.quote}"
        first = words.partition(" ")[0]
        is_name = "_" in first or first.rstrip(":") in _NAMES
        return f"{words if is_name else words[0].upper() + words[1:]}.{self.quote}"

    @property
    def compared(self) -> str:
        """What came, beside what was expected where there is one such thing."""
        came = f"It names {self.came}." if self.came else ""
        wanted = dict.fromkeys(("aud", "azp"), self.client_id) | {"iss": self.expected_issuers}
        if not (expected := wanted.get(self.broken_rule)):
            return came
        apart = difference(self.came, expected.partition(", ")[0]) if came else ""
        return f"{came} Expected: {expected}. {apart}".strip()

    @property
    def uri_moved(self) -> str:
        """Where our redirect URI and the one of the authorization request part; "" where equal."""
        asked, sent = self.asked["redirect_uri"], self.token["redirect_uri"] or self.current_uri
        if not (asked and sent and (self.failed or self.is_away)):
            return ""
        other = sent if sent != asked else self.current_uri or sent
        return difference(asked, other) if other != asked else ""

    @property
    def pkce_way_out(self) -> str:
        """What an administrator may say to an EHR that lists no PKCE, and when not."""
        config = self.facts.config
        if config is None:
            return ""
        if refusal := pkce_refusal(config.auth_method, config.scope, config.standalone_scope):
            return refusal
        known = presets.of(config.preset).known_of_pkce
        return (
            "If its servers take PKCE all the same, say so with who says it and when: "
            '`register_ehr … --pkce-unannounced "REASON"`, or in the admin under Takes PKCE '
            f"unannounced.{f' Known of this vendor: {known}' if known else ''}"
        )

    @property
    def bad_reads_text(self) -> str:
        """The reads that were refused; where the EHR forbids something, only those."""
        forbidden = [wire for wire in self.bad_reads if wire["status"] == HTTPStatus.FORBIDDEN]
        all_bad = self.bad_reads or self.strange_reads
        shown = forbidden if self.code == FHIRForbidden.code else all_bad
        seen = dict.fromkeys(
            f"{one['where']}: {one['status']} {one.get('media', '')}".strip() for one in shown
        )
        return f"{'; '.join(list(seen)[:3]) or self.unread[self.code]}."


def _quoted(said: str) -> str:
    return f" It said: “{said}”" if said else ""


def _unread(timeline: Iterable[LaunchEvent]) -> Recorded:
    """Return by code the parts of the record that were not read whole, with what is known of
    each."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for one in timeline:
        for name in one.detail.get("sections", {}) if one.code else ():
            why = str(one.detail.get("failure", ""))
            found.setdefault(one.code, {}).setdefault(why, {})[name] = None
    return Recorded({code: "; ".join(map(_of_parts, whys.items())) for code, whys in found.items()})


def _of_parts(why: tuple[str, Iterable[str]]) -> str:
    words, names = why
    return ": ".join(filter(None, (", ".join(names), words)))


def _is_strange(wire: WireRecord) -> bool:
    status, media = wire["status"] or 0, wire.get("media", "")
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    is_other = status == HTTPStatus.OK and ("html" in media or "xml" in media)
    return is_other or (is_redirect and status != HTTPStatus.NOT_MODIFIED)
