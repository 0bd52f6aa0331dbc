"""One attempt, as the entries of the table look at it. Every text that they quote is made here."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from smartapp.diagnosis.facts import Facts, Key, Known
from smartapp.launches.models import LaunchEvent, LaunchKind, Step
from smartapp.launches.pending import PENDING_LIFETIME
from smartapp.protocol.client_assertion import CLOCK_SKEW_SECONDS, LIFETIME_SECONDS
from smartapp.protocol.scopes import ResourceScope, compare, parse_scope
from smartapp.registrations.options import AuthMethod

AHEAD_SECONDS = CLOCK_SKEW_SECONDS + 2
MARGIN_SECONDS = 60

# What an EHR's description may name. The words are the EHR's: nothing of ours is read this way.
SUBJECTS = {
    "redirect_uri": r"redirect",
    "client_id": r"client.?id|unknown client|client not found|unregistered",
    "secret": r"secret|basic auth",
    "pkce": r"pkce|code.?verifier|code.?challenge",
    "aud": r"\baud(ience)?\b",
    "keys": r"\bkid\b|\bjwks?\b|public key|no matching key|usable key|signature|"
    r"verif(y|ication) failed",
    "fetch": r"(fail|could not|unable|cannot|can't|error)\w* (to )?"
    r"(fetch|retriev|load|download|access|read|resolv)\w*",
    "jti": r"\bjti\b|replay|already (been )?used",
    "clock": r"\bexp\b|\biat\b|\bnbf\b|clock|in the future|lifetime",
    "expired": r"expired",
    "registration": r"registration",
    "scope": r"scope",
    "launch": r"\blaunch\b",
    "approval": r"not (been )?(approved|activated|enabled|authorized)|inactive|disabled|pending",
}
_SUBJECTS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in SUBJECTS.items()}
_SCOPE = re.compile(r"\b(?:patient|user|system)/[\w*]+\.[\w*]+|\boffline_access\b|\bfhirUser\b")


class Case:
    """One attempt, and what is known beside it."""

    def __init__(self, timeline: Sequence[LaunchEvent], facts: Facts) -> None:
        self.timeline = timeline
        self.facts = facts
        # The first error page is where it went wrong; later ones are people trying again.
        self.failed = next((one for one in timeline if one.code), None)

    # --- the failure ---

    @property
    def is_failed(self) -> bool:
        return self.failed is not None

    @property
    def code(self) -> str:
        return self.failed.code if self.failed else ""

    @property
    def step(self) -> str:
        return self.failed.step if self.failed else ""

    @property
    def failure(self) -> dict[str, Any]:
        detail: dict[str, Any] = self.failed.detail if self.failed else {}
        return detail

    @property
    def seen(self) -> str:
        """What is known of the failure, as a sentence: our words, or the EHR's code."""
        words = str(self.failure.get("failure", ""))
        if words:
            return f"{words[0].upper()}{words[1:]}."
        return f"{self.answer} " if self.ehr_error or self.http_status else f"{self.code}."

    @property
    def answer(self) -> str:
        """What the EHR answered, in a sentence."""
        parts = " ".join(filter(None, (str(self.http_status or ""), self.ehr_error)))
        said = f" It said: “{self.said}”" if self.said else ""
        return f"The EHR answered {parts or 'nothing usable'}.{said}"

    @property
    def said(self) -> str:
        """The EHR's own words, cleaned when they were kept; "" where there are none."""
        return str(self.failure.get("said", ""))

    @cached_property
    def named(self) -> frozenset[str]:
        """What the EHR's words name."""
        return frozenset(name for name, one in _SUBJECTS.items() if one.search(self.said))

    @property
    def ehr_error(self) -> str:
        return str(self.failure.get("ehr_error", ""))

    @property
    def http_status(self) -> int:
        return int(self.failure.get("http_status", 0))

    @property
    def is_framed(self) -> bool:
        return bool(self.failure.get("framed"))

    @property
    def broken_rule(self) -> str:
        """Of an answer that broke one: which."""
        return str(self.failure.get("rule", ""))

    # --- the launch ---

    def first(self, step: Step, member: str) -> str:
        """Return a member of the first event of that step which has it."""
        events = (one for one in self.timeline if one.step == step and member in one.detail)
        return str(next((one.detail[member] for one in events), ""))

    def verdict_failed(self, rule: str) -> bool:
        return any(
            one["rule"] == rule and not one["ok"]
            for event in self.timeline
            for one in event.verdicts
        )

    @property
    def began_framed(self) -> bool:
        return bool(self.first(Step.AUTHORIZE, "framed"))

    @property
    def is_standalone(self) -> bool:
        return self.first(Step.LAUNCH, "kind") == LaunchKind.STANDALONE

    @property
    def iss(self) -> str:
        return str(self.failure.get("iss", ""))

    @property
    def redirect_uri(self) -> str:
        return str(self.token.get("redirect_uri") or self.first(Step.AUTHORIZE, "redirect_uri"))

    @property
    def client_id(self) -> str:
        return str(self.token.get("client_id") or self.first(Step.AUTHORIZE, "client_id"))

    @cached_property
    def nearest(self) -> Known | None:
        """The endpoint that an unknown `iss` most likely meant: the same base in another spelling,
        else the same host with the most similar path."""
        iss = self.iss.lower()
        try:
            parts = urlsplit(iss)
            parts.port  # noqa: B018 - raises for what is no number; anybody may have sent this
        except ValueError:
            return None
        alike = [one for one in self.facts.known if _is_near(urlsplit(one.fhir_base_url), parts)]
        same = [one for one in alike if _plain(one.fhir_base_url) == _plain(iss)]
        ordered = sorted(alike, key=lambda one: -_likeness(one.fhir_base_url.lower(), iss))
        return next(iter(same or ordered), None)

    @property
    def is_switched_off(self) -> bool:
        return self.nearest is not None and _plain(self.nearest.fhir_base_url) == _plain(self.iss)

    @property
    def nearest_difference(self) -> str:
        return difference(self.iss, self.nearest.fhir_base_url) if self.nearest else ""

    @property
    def is_away(self) -> bool:
        """Whether the person is at the EHR, or never came back from there."""
        return not self.is_failed and self.timeline[-1].step == Step.AUTHORIZE

    @property
    def may_still_come(self) -> bool:
        return self.is_away and self.facts.now - self.timeline[-1].at < PENDING_LIFETIME

    @property
    def others(self) -> str:
        """Whether the EHR knows us, as other launches show."""
        count = self.facts.came_back
        return f"{count} other launches of this endpoint came back." if count else _NONE_CAME_BACK

    @property
    def asked_uri(self) -> str:
        return self.first(Step.AUTHORIZE, "redirect_uri")

    @property
    def has_gone_wrong(self) -> bool:
        return self.is_failed or self.timeline[-1].step == Step.AUTHORIZE

    @property
    def uri_moved(self) -> str:
        """Where our redirect URI and the one of the authorization request part; "" where equal."""
        now = self.facts.config.redirect_uri if self.facts.config else ""
        sent = str(self.token.get("redirect_uri", "")) or now
        if not (self.asked_uri and sent and self.has_gone_wrong):
            return ""
        return difference(self.asked_uri, sent if sent != self.asked_uri else now or sent)

    @property
    def current_uri(self) -> str:
        return self.facts.config.redirect_uri if self.facts.config else ""

    # --- scopes ---

    @property
    def asked_scopes(self) -> list[str]:
        return self.first(Step.AUTHORIZE, "scope").split()

    @cached_property
    def named_scopes(self) -> str:
        """Scopes of ours that the EHR's words name."""
        mentioned = set(_SCOPE.findall(self.said))
        return " ".join(one for one in self.asked_scopes if one in mentioned)

    @cached_property
    def unlisted_scopes(self) -> str:
        """Scopes that no entry of the EHR's list covers, wildcards and both versions understood."""
        listed = self.facts.published.get("scopes_supported")
        if not isinstance(listed, list):
            return ""
        known = [one for one in listed if isinstance(one, str)]
        return " ".join(compare(self.asked_scopes, known).missing)

    @property
    def is_newer_form(self) -> bool:
        """Whether v2 scopes were asked for, and the EHR lists v1 only."""
        listed = self.facts.published.get("capabilities", ())
        return (
            "permission-v1" in listed
            and "permission-v2" not in listed
            and any(map(_is_v2, self.asked_scopes))
        )

    @property
    def missing_scopes(self) -> str:
        events = (one.detail["missing"] for one in self.timeline if one.detail.get("missing"))
        return " ".join(next(events, []))

    # --- the token request ---

    @cached_property
    def token(self) -> dict[str, Any]:
        """What the last token request that had an answer shows."""
        steps = (Step.TOKEN, Step.REFRESH)
        return next(
            (
                one.detail
                for one in reversed(self.timeline)
                if one.step in steps and "token_endpoint" in one.detail
            ),
            {},
        )

    @property
    def is_at_token_endpoint(self) -> bool:
        return self.step in (Step.TOKEN, Step.REFRESH)

    @property
    def is_refresh_refused(self) -> bool:
        return any(
            one.step == Step.REFRESH and one.detail.get("ehr_error") == "invalid_grant"
            for one in self.timeline
        )

    @property
    def is_client_refused(self) -> bool:
        """Whether the token endpoint did not accept who we are."""
        return self.code in {"invalid-client", "keys-replaced"} or (
            self.is_at_token_endpoint
            and (self.http_status == 401 or self.ehr_error == "unauthorized_client")
        )

    @property
    def is_signature_refused(self) -> bool:
        return self.is_client_refused and self.method == AuthMethod.PRIVATE_KEY_JWT

    @property
    def method(self) -> str:
        return str(self.token.get("auth_method", ""))

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = self.token.get("assertion_claims", {})
        return claims

    @property
    def kid(self) -> str:
        return str(self.token.get("assertion_header", {}).get("kid", ""))

    @property
    def alg(self) -> str:
        return str(self.token.get("assertion_header", {}).get("alg", ""))

    @property
    def aud(self) -> str:
        return str(self.claims.get("aud", ""))

    @property
    def published_token_endpoint(self) -> str:
        called = self.token.get("token_endpoint", "")
        return str(self.facts.published.get("token_endpoint", called))

    @property
    def aud_difference(self) -> str:
        return difference(self.aud, self.published_token_endpoint)

    @property
    def refused_kid(self) -> str:
        return self.first(Step.TOKEN, "refused_kid")

    @property
    def taken_kid(self) -> str:
        return self.first(Step.TOKEN, "taken_kid")

    @property
    def preset(self) -> str:
        return self.facts.config.preset if self.facts.config else ""

    @property
    def key(self) -> Key | None:
        return self.facts.key

    @property
    def is_key_gone(self) -> bool:
        return self.key is None or self.key.withdrawn_at is not None

    @property
    def is_key_unseen(self) -> bool:
        """Whether nobody but us has fetched the key that signed."""
        return self.key is not None and self.key.first_seen_at is None

    @property
    def last_fetch(self) -> str:
        at = self.facts.last_fetch_at
        return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""

    @property
    def key_published(self) -> str:
        return f"{self.key.published_at:%Y-%m-%d %H:%M} UTC" if self.key else ""

    def published(self, member: str) -> list[str] | None:
        """Return a list that the EHR publishes, None where it publishes none."""
        listed = self.facts.published.get(member)
        return [str(one) for one in listed] if isinstance(listed, list) else None

    @property
    def listed_algs(self) -> str:
        return ", ".join(self.published(ALGS) or ())

    @property
    def listed_methods(self) -> str:
        return ", ".join(self.published(METHODS) or ())

    @property
    def sharing(self) -> str:
        return ", ".join(self.facts.shares_client_id)

    @cached_property
    def clock_ahead(self) -> int | None:
        """Seconds that our clock was ahead of the EHR's, by the `Date` of its last answer."""
        wires = [wire for one in self.timeline for wire in one.detail.get("exchanges", ())]
        return next((w["ahead"] for w in reversed(wires) if w.get("ahead") is not None), None)

    @property
    def is_clock_wrong(self) -> bool:
        """Whether the difference of both clocks is more than the assertion's times allow."""
        lifetime = self.claims.get("exp", LIFETIME_SECONDS) - self.claims.get("iat", 0)
        ahead = self.clock_ahead
        return ahead is not None and not MARGIN_SECONDS - lifetime <= ahead <= AHEAD_SECONDS

    @property
    def clock(self) -> str:
        ahead = self.clock_ahead or 0
        where = "ahead of" if ahead > 0 else "behind"
        return f"By its Date header, we are {abs(ahead)} s {where} the EHR."

    def finding(self, *checks: str) -> Any:
        """Return what a live check found wrong; None where all are right or were not run."""
        return next(filter(None, map(self.facts.problem, checks)), None)

    @property
    def key_finding(self) -> Any:
        return self.finding("published-key", "own-address")

    # --- after the tokens ---

    @property
    def expected_issuers(self) -> str:
        return ", ".join(self.facts.config.issuers) if self.facts.config else "none"

    @property
    def published_issuer(self) -> str:
        return str(self.facts.published.get("issuer", "none"))

    @property
    def issuer_difference(self) -> str:
        config = self.facts.config
        return (
            difference(self.published_issuer, config.issuers[0])
            if config and config.issuers
            else ""
        )

    @property
    def frame_ancestors(self) -> str:
        return ", ".join(self.facts.config.frame_ancestors if self.facts.config else ()) or "none"

    @cached_property
    def reads(self) -> list[dict[str, Any]]:
        """Requests of the attempt, with how they ended."""
        return [wire for one in self.timeline for wire in one.detail.get("exchanges", ())]

    @cached_property
    def bad_reads(self) -> list[dict[str, Any]]:
        return [wire for wire in self.reads if (wire.get("status") or 0) >= 400]

    @property
    def asked_type(self) -> str:
        return str(self.failure.get("resource_type", "resource"))

    @property
    def bad_reads_text(self) -> str:
        seen = "; ".join(f"{wire['where']}: {wire['status']}" for wire in self.bad_reads[:3])
        if seen:
            return f"{seen}."
        silent = any(one["status"] is None and not one.get("abandoned") for one in self.reads)
        return "A read had no usable answer." if silent else "An answer could not be used."

    @property
    def has_left_out(self) -> bool:
        """Whether a list held entries of another patient."""
        return any(one.code == "wrong-patient-entry" for one in self.timeline)


ALGS = "token_endpoint_auth_signing_alg_values_supported"
METHODS = "token_endpoint_auth_methods_supported"
_NONE_CAME_BACK = "No launch of this endpoint has come back yet."
_LOOPBACK = {"localhost", "127.0.0.1"}


def _is_near(known: Any, asked: Any) -> bool:
    hosts = {known.hostname, asked.hostname}
    return bool(asked.hostname) and (len(hosts) == 1 or hosts <= _LOOPBACK)


def _likeness(url: str, other: str) -> float:
    """Return how much of two addresses is the same, 0 to 1; of long ones, their beginnings."""
    return SequenceMatcher(None, url[:500], other[:500], autojunk=False).ratio()


def _plain(url: str) -> str:
    """Return a base without what different spellings of one address differ in."""
    parts = urlsplit(url.lower())
    host = "loopback" if parts.hostname in _LOOPBACK else parts.hostname
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    return f"{host}{port}{parts.path.removesuffix('/')}"


def _is_v2(scope: str) -> bool:
    return isinstance(parse_scope(scope), ResourceScope) and not scope.endswith(
        (".read", ".write", ".*")
    )


def difference(ours: str, theirs: str) -> str:
    """Return where two texts part, in words that can be read out over the telephone."""
    if ours == theirs:
        return "They are equal, byte for byte."
    same = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    here, there = (
        f"“{rest[:12]}”" if (rest := text[same:]) else "nothing" for text in (ours, theirs)
    )
    return f"They differ from character {same + 1}: {here} on one side, {there} on the other."
