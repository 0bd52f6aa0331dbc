"""One attempt, as the entries of the table look at it. Every text that they quote is made here."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from http import HTTPStatus
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from smartapp.chart.permissions import LEVELS
from smartapp.diagnosis import outcome
from smartapp.diagnosis.facts import Facts
from smartapp.diagnosis.finding import Finding
from smartapp.diagnosis.words import (
    members_of,
    parts_of_assertion,
    scopes_of,
    subjects_of,
    without_code,
    without_what_was_tried,
)
from smartapp.launches.events import WireRecord, cleaned
from smartapp.launches.models import LaunchEvent, LaunchKind, Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.protocol import oauth_errors
from smartapp.protocol.client_assertion import CLOCK_SKEW_SECONDS, LIFETIME_SECONDS
from smartapp.protocol.discovery import strings
from smartapp.protocol.errors import FHIRForbidden
from smartapp.protocol.scopes import ResourceScope, allows, compare, parse_scope, parse_scopes
from smartapp.protocol.urls import base_key, resolve
from smartapp.registrations import sheet
from smartapp.registrations.models import Endpoint
from smartapp.registrations.options import AuthMethod
from smartapp.registrations.presets import PRESETS
from smartapp.registrations.validation import pkce_refusal

AHEAD_SECONDS = CLOCK_SKEW_SECONDS + 2  # `Date` has whole seconds, and the answer took a while
MARGIN_SECONDS = 60
ALGS = "token_endpoint_auth_signing_alg_values_supported"
METHODS = "token_endpoint_auth_methods_supported"

# The two forms of SMART's scopes, versions 1 and 2.
_BY_PERMISSION = {"permission-v1": "older", "permission-v2": "newer"}
_WRITE = {"older": ".read in place of .rs", "newer": ".rs in place of .read"}
_FORMS = {"markup": "It is a web page, or XML. ", "nothing": "It is empty. "}
# What is wrong with a request that has all its members.
_NOT_LOST = {"invalid", "registration", "user", "sign_in", "lasts"}
# What a server in trouble may mean that is not inside itself.
_OUTSIDE = frozenset(
    ("fetch", "network", "sign_in", "cookies", "limit", "user", "address", "grant")
)
# Errors about who asks, by their name.
_OF_CLIENT = ("invalid_client", "unauthorized_client", "invalid_assertion")
_OF_A_PARAMETER = {
    "parameter-missing": " is missing, or empty",
    "parameter-repeated": " is there more than once",
    "parameter-too-long": " is longer than any EHR sends",
}
_NAMES = frozenset((
    "iss", "launch", "state", "code", "aud", "azp", "exp", "iat", "nbf", "sub", "alg", "kid",
    "nonce", "openid", "patient", "encounter",
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
        self.failed = outcome.failure_of(timeline)
        self.code = self.failed.code if self.failed else ""
        self.step = self.failed.step if self.failed else ""
        self.failure = Recorded(self.failed.detail if self.failed else {})
        self.said = str(self.failure["said"])  # the EHR's own words, cleaned
        self.quote = _quoted(self.said)
        self.ehr_error = oauth_errors.as_standard(self.failure["ehr_error"])
        self.http_status: int = self.failure["http_status"] or 0
        self.is_limited = self.http_status == HTTPStatus.TOO_MANY_REQUESTS
        self.broken_rule: str = self.failure["rule"]
        self.iss: str = self.failure["iss"]
        self.came: str = self.failure["came"] or self.iss  # which older events have
        # Whether the person is at the EHR, or never came back from there.
        self.is_away = not self.failed and bool(timeline) and timeline[-1].step == Step.AUTHORIZE
        self.is_standalone = self._of(Step.LAUNCH)["kind"] == LaunchKind.STANDALONE
        self.reads = [wire for one in timeline for wire in one.detail.get("exchanges", ())]
        self.bad_reads = [wire for wire in self.reads if (wire.get("status") or 0) >= 400]
        self._describe_requests(timeline)
        self._describe_registration(facts)

    def _of(self, step: Step) -> Recorded:
        """Return what the events of a step say; where several do, the first."""
        found = Recorded()
        for event in reversed(self.timeline):
            found |= event.detail if event.step == step else {}
        return found

    def _describe_requests(self, timeline: Sequence[LaunchEvent]) -> None:
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
        self.aud: str = self.claims["aud"]
        self.alg: str = self.header["alg"]
        self.method: str = self.token["auth_method"]
        self.redirect_uri = self.token["redirect_uri"] or self.asked["redirect_uri"]
        self.client_id = self.token["client_id"] or self.asked["client_id"]
        # Those of this launch or, where none are recorded, of both kinds that may come.
        config, asked = self.facts.config, self.asked["scope"]
        may_ask = (config.scope, config.standalone_scope) if config else ()
        scopes = [asked] if asked else [parse_scopes(one) for one in may_ask]
        self.asked_scopes = tuple(dict.fromkeys(chain(*scopes)))
        self.asked_for = " ".join(asked if is_launch else self.asked_scopes) or "not recorded"
        self.forms = [_forms(one) for one in scopes]

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

    # --- the failure ---

    @property
    def seen(self) -> str:
        """What is known of the failure, as a sentence: our words, or what the EHR answered."""
        words = str(self.failure["failure"])
        if not words:
            answered = (str(self.http_status or ""), self.failure["ehr_error"])
            answer = " ".join(filter(None, answered))
            return f"{f'The EHR answered {answer}' if answer else self.code}.{self.quote}"
        of_part = _OF_A_PARAMETER.get(self.broken_rule or self.code, "")
        words += of_part if " " not in words else ""
        first = words.partition(" ")[0]
        is_name = bool(of_part) or "_" in first or first.rstrip(":") in _NAMES
        return f"{words if is_name else words[0].upper() + words[1:]}.{self.quote}"

    @property
    def words(self) -> str:
        """The EHR's own words about the failure, with the code that it gave; "" for none."""
        return ": ".join(dict.fromkeys(filter(None, (self.failure["ehr_error"], self.said))))

    @cached_property
    def named(self) -> frozenset[str]:
        """What the EHR's words name, as far as its code lets them."""
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
            return f"{self.ehr_error.replace('_', ' ')}: {self.said}"
        is_secret = self.method == AuthMethod.CLIENT_SECRET_BASIC
        said = without_what_was_tried(self.said) if is_secret else self.said
        return f": {without_code(self.ehr_error, said)}"

    def verdict_failed(self, rule: str) -> bool:
        verdicts = (one for event in self.timeline for one in event.verdicts)
        return any(one["rule"] == rule and not one["ok"] for one in verdicts)

    @property
    def is_person_to_sign_in(self) -> bool:
        """Whether the EHR wants something of the person. That their session is over is said of a
        code, too."""
        is_of_grant = self.is_at_token_endpoint and self.ehr_error == "invalid_grant"
        return "sign_in" in self.named and not (is_of_grant and "token_over" in self.named)

    @cached_property
    def missed(self) -> str:
        """What the EHR says is missing, although it was sent to it."""
        is_said = self.is_refused and "missing" in self.named
        if not is_said or not self.named.isdisjoint(_NOT_LOST):
            return ""
        sent = self.asked["sent"]
        if self.is_at_token_endpoint:
            sent = self.token["sent"] or self.failure["sent"]
        members = members_of(self.said)
        missed = [name for name in members if name in sent]
        if self.missed_of_assertion and "client_assertion" in missed:
            missed.remove("client_assertion")
        pkce = "code_verifier" if self.is_at_token_endpoint else "code_challenge"
        if not members and "pkce" in self.named and pkce in sent:
            missed.append(pkce)
        if self._misses_authentication:
            missed.append("our authentication")
        return ", ".join(missed)

    @property
    def _misses_authentication(self) -> bool:
        """Whether the token endpoint, and not what stands before it, found none in a request that
        had one."""
        is_sent = self.is_at_token_endpoint and self.method not in ("", AuthMethod.NONE)
        others = ("secret", "assertion", "method", "certificate", "body")
        is_named = "authentication" in self.named and self.named.isdisjoint(others)
        return is_sent and is_named and self.ehr_error in oauth_errors.STANDARD

    @property
    def assertion_parts(self) -> str:
        return ", ".join((*self.header, *self.claims)) or "none"

    @cached_property
    def missed_of_assertion(self) -> str:
        """What the EHR says is missing in our client assertion: names of its header or claims."""
        is_said = self.is_at_token_endpoint and self.method == AuthMethod.PRIVATE_KEY_JWT
        if not is_said or "missing" not in self.named or self.named & {"invalid", "expired"}:
            return ""
        return ", ".join(parts_of_assertion(self.said))

    @property
    def came_members(self) -> frozenset[str]:
        """The names of the members of a launch's address."""
        return frozenset(self.came.split(", "))

    @property
    def address_has(self) -> str:
        """The members of a launch's address or of an answer's."""
        if self.came:
            return f"Its address has {self.came}."
        is_answer = self.step == Step.CALLBACK
        nothing = "Its address has no parameters. What stands after a # does not reach the app."
        return nothing if is_answer else ""

    @property
    def compare_client_id(self) -> str:
        return (
            f"Compare {self.client_id} with the vendor's portal: production and sandbox have their "
            "own, and new ones may take hours to be known."
        )

    @property
    def compared(self) -> str:
        """What came, beside what was expected where there is one such thing."""
        came = f"It names {self.came}." if self.came else ""
        wanted = dict.fromkeys(("aud", "azp"), self.client_id) | {"iss": self.expected_issuers}
        if not (expected := wanted.get(self.broken_rule)):
            return came
        apart = difference(self.came, expected.partition(", ")[0]) if came else ""
        return f"{came} Expected: {expected}. {apart}".strip()

    # --- the way out and back ---

    @property
    def is_found_by_time(self) -> bool:
        """Whether the answer was found to be that of a launch by the EHR and the time alone."""
        asked = {one.attempt for one in self.timeline if one.step == Step.AUTHORIZE}
        return bool(asked) and self.failed is not None and self.failed.attempt not in asked

    @property
    def waited(self) -> str:
        began = next((one.at for one in self.timeline if one.step == Step.AUTHORIZE), None)
        if began is None or self.failed is None:
            return ""
        return f"{round((self.failed.at - began).total_seconds())} s"

    @cached_property
    def nearest(self) -> Endpoint | None:
        """The endpoint that an unknown `iss` most likely meant: the same base in another spelling,
        else the same host with the most similar path."""
        host, rest = _plain(self.iss)
        known = ((*_plain(one.fhir_base_url), one) for one in self.facts.known)
        near = [(other, one) for its_host, other, one in known if host and its_host == host]
        near.sort(key=lambda pair: (pair[0] != rest, -_likeness(pair[0], rest)))
        return near[0][1] if near else None

    @property
    def is_iss_an_address(self) -> bool:
        return self.iss.lower().startswith(("https:", "http:")) and bool(_plain(self.iss)[0])

    @property
    def is_iss_a_base(self) -> bool:
        try:
            return bool(base_key(self.iss))
        except ValueError:
            return False

    @property
    def is_nearest_the_same(self) -> bool:
        return self.nearest is not None and _plain(self.nearest.fhir_base_url) == _plain(self.iss)

    @property
    def nearest_difference(self) -> str:
        return difference(self.iss, self.nearest.fhir_base_url) if self.nearest else ""

    @property
    def may_still_come(self) -> bool:
        return self.is_away and self.facts.now - self.timeline[-1].at < PENDING_LIFETIME

    @property
    def others(self) -> str:
        """Whether the EHR knows us, as other launches show."""
        count = self.facts.came_back
        none = "No launch of this endpoint has come back yet."
        launches = "1 other launch" if count == 1 else f"{count} other launches"
        return f"{launches} of this endpoint came back." if count else none

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
        known = PRESETS.get(config.preset, PRESETS[""]).known_of_pkce
        return (
            "If its servers take PKCE all the same, say so with who says it and when: "
            '`register_ehr … --pkce-unannounced "REASON"`, or in the admin under Takes PKCE '
            f"unannounced.{f' Known of this vendor: {known}' if known else ''}"
        )

    # --- scopes ---

    @property
    def is_nothing_of_it_granted(self) -> bool:
        """Whether scopes were granted, and none is one that was asked for."""
        missing, granted = set(self.context["missing"]), self.context["granted"]
        return bool(granted) and missing >= set(self.asked_scopes)

    @cached_property
    def named_scopes(self) -> str:
        """Scopes of ours that the EHR's words name."""
        if self.is_every_scope_named:
            return ""
        mentioned = scopes_of(self.said)
        return " ".join(one for one in self.asked_scopes if one in mentioned)

    @property
    def is_every_scope_named(self) -> bool:
        """Whether the EHR repeats whatever was asked for, as Keycloak does: it names none."""
        asked = set(self.asked_scopes) - {"launch"}
        return len(asked) > 1 and asked <= scopes_of(self.said)

    @cached_property
    def unlisted_scopes(self) -> str:
        """Scopes that no entry of the EHR's list covers, wildcards and both versions understood."""
        known = self.published("scopes_supported")
        return " ".join(compare(self.asked_scopes, known).missing) if known else ""

    @property
    def is_mixed(self) -> bool:
        """Whether one request has scopes of both forms."""
        return any(len(one) > 1 for one in self.forms)

    @cached_property
    def listed_permissions(self) -> set[str]:
        """The forms of scopes that the EHR says by its capabilities to know."""
        listed = self.published("capabilities") or ()
        return {form for one, form in _BY_PERMISSION.items() if one in listed}

    @cached_property
    def listed_form(self) -> str:
        """The only form of scopes that the EHR lists; "" if it lists both, or none."""
        # Servers of both versions list `patient/*.*` to say that they give everything.
        listed = (one for one in self.published("scopes_supported") or () if one[-2:] != ".*")
        known = self.listed_permissions or _forms(listed)
        return min(known) if len(known) == 1 else ""

    @property
    def is_other_form(self) -> bool:
        """Whether scopes are asked for in a form that the EHR does not list, but the other."""
        return bool(self.listed_form) and any(one - {self.listed_form} for one in self.forms)

    @property
    def form_to_write(self) -> str:
        return _WRITE.get(self.listed_form, "the one that the vendor's portal shows")

    @property
    def is_record_asked_for(self) -> bool:
        """Whether a scope lets the app read the patient, or the EHR is asked as a system."""
        return any(one.startswith("system/") for one in self.asked_scopes) or allows(
            self.asked_scopes, level_types=LEVELS, resource="Patient", permission="r"
        )

    # --- the token request ---

    @property
    def is_at_token_endpoint(self) -> bool:
        return self.step in (Step.TOKEN, Step.REFRESH)

    @property
    def is_refused(self) -> bool:
        """Whether the authorization endpoint or the token endpoint refused a request."""
        if self.step == Step.CALLBACK:
            return bool(self.ehr_error)
        return self.is_at_token_endpoint and (bool(self.ehr_error) or self.http_status >= 400)

    @cached_property
    def is_client_refused(self) -> bool:
        """Whether the token endpoint did not accept who we are, under whichever name of an error:
        some say invalid_grant or invalid_request of an assertion."""
        if not self.is_at_token_endpoint:
            return False
        is_grant = self.ehr_error == "invalid_grant"
        ours = {"assertion", "keys", "secret", "method", "certificate"}
        if self.method == AuthMethod.PRIVATE_KEY_JWT:
            ours.add("aud")
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

    def published(self, member: str) -> list[str] | None:
        """Return a list that the EHR publishes, None where it publishes none."""
        return [*strings(self.facts.published.get(member))] or None

    @property
    def _published_token_endpoint(self) -> str:
        """The token endpoint that the EHR publishes, as it is used; "" for none."""
        url, base = self.facts.published.get("token_endpoint"), self.facts.config
        written = url.strip() if isinstance(url, str) else ""
        return (resolve(written, base=base.fhir_base_url) if base else None) or written

    @cached_property
    def clock_ahead(self) -> int | None:
        """Seconds that our clock was ahead of the EHR's, by the `Date` of its last answer."""
        seen = (wire["ahead"] for wire in reversed(self.reads) if wire.get("ahead") is not None)
        return next(seen, None)

    @property
    def assertion_lifetime(self) -> int:
        """Seconds from the assertion's iat to its exp."""
        return int((self.claims["exp"] or LIFETIME_SECONDS) - (self.claims["iat"] or 0))

    @property
    def is_clock_wrong(self) -> bool:
        """Whether the difference of both clocks is more than the assertion's times allow."""
        ahead = self.clock_ahead
        earliest = MARGIN_SECONDS - self.assertion_lifetime
        return ahead is not None and not earliest <= ahead <= AHEAD_SECONDS

    @property
    def clock(self) -> str:
        return clock_in_words(self.clock_ahead)

    @property
    def key_problem(self) -> Finding | None:
        """What a check of our own keys, as the EHR fetches them, found wrong."""
        return self.facts.problem("published-key") or self.facts.problem("own-address")

    # --- after the tokens ---

    @property
    def patient_state(self) -> str:
        """How the last page got on with reading the patient; "" where none was shown."""
        return outcome.sections(self.timeline).get("patient", "")

    @cached_property
    def unread(self) -> Recorded:
        """By code, the parts of the record that were not read whole, with what is known of each."""
        found: dict[str, dict[str, dict[str, None]]] = {}
        for one in self.timeline:
            for name in one.detail.get("sections", {}) if one.code else ():
                why = str(one.detail.get("failure", ""))
                found.setdefault(one.code, {}).setdefault(why, {})[name] = None
        return Recorded(
            {code: "; ".join(map(_of_parts, whys.items())) for code, whys in found.items()}
        )

    @cached_property
    def strange_reads(self) -> list[WireRecord]:
        """Reads that were answered by something else than FHIR in JSON: a page, XML, a redirect."""
        read = (one for one in self.timeline if one.step == Step.FHIR)
        wires = (wire for one in read for wire in one.detail.get("exchanges", ()))
        return [wire for wire in wires if _is_strange(wire)]

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


def _of_parts(why: tuple[str, Iterable[str]]) -> str:
    words, names = why
    return ": ".join(filter(None, (", ".join(names), words)))


def _is_strange(wire: WireRecord) -> bool:
    status, media = wire["status"] or 0, wire.get("media", "")
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    is_other = status == HTTPStatus.OK and ("html" in media or "xml" in media)
    return is_other or (is_redirect and status != HTTPStatus.NOT_MODIFIED)


def _forms(scopes: Iterable[str]) -> set[str]:
    parsed = [one for one in map(parse_scope, scopes) if isinstance(one, ResourceScope)]
    return {"older" if one.is_version_1 else "newer" for one in parsed}


def _likeness(path: str, other: str) -> float:
    """Return how much of two paths is the same, 0 to 1; of long ones, their beginnings."""
    return SequenceMatcher(None, path[:500], other[:500], autojunk=False).ratio()


def _plain(url: str) -> tuple[str, str]:
    """Return the host of a base, and the rest, without what spellings of one address differ in; ""
    for both, where it is no URL, as what anybody may have sent."""
    try:
        parts = urlsplit(url.lower())
        number = parts.port
    except ValueError:
        return "", ""
    host = "localhost" if parts.hostname == "127.0.0.1" else parts.hostname or ""
    port = f":{number}" if number not in (None, 80, 443) else ""
    return host, f"{port}{parts.path.removesuffix('/')}"


def clock_in_words(ahead: int | None) -> str:
    """Return by how many seconds our clock is ahead of an EHR's; None where it does not say."""
    if ahead is None:
        return "The EHR did not say what time it has."
    if abs(ahead) <= AHEAD_SECONDS:
        return "By its Date header, the EHR's clock agrees with ours."
    where = "ahead of" if ahead > 0 else "behind"
    return f"By its Date header, we are {abs(ahead)} s {where} the EHR."


def difference(ours: str, theirs: str) -> str:
    """Return where two texts part, in words that can be read out over the telephone."""
    if ours == theirs:
        return "They are equal, byte for byte."
    pairs = enumerate(zip(ours, theirs, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
    if not same:
        return "They differ from the first character on."
    here, there = (
        f"“{rest[:12]}”" if (rest := text[same:]) else "nothing" for text in (ours, theirs)
    )
    return f"They differ from character {same + 1}: {here} on one side, {there} on the other."
