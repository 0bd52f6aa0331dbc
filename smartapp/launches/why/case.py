"""What a finder looks at, and what it finds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from smartapp.launches.facts import Facts
from smartapp.launches.models import LaunchEvent, Step
from smartapp.launches.why.rules import rule_in_words
from smartapp.registrations.models import AuthMethod


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause: what it is, what speaks for it, and what to do. `rule` is the number
    of the requirement."""

    weight: int
    title: str
    check: str
    todo: str
    rule: str

    @property
    def rule_in_words(self) -> str:
        return rule_in_words(self.rule)


class Case:
    """One attempt, as the finders look at it."""

    def __init__(self, timeline: Sequence[LaunchEvent], facts: Facts) -> None:
        self.timeline = timeline
        self.facts = facts
        # The first error page is where it went wrong; later ones are people trying again.
        self.failed = next((one for one in timeline if one.code), None)

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
    def hints(self) -> frozenset[str]:
        return frozenset(self.failure.get("hints", ()))

    @property
    def words(self) -> str:
        return str(self.failure.get("failure", ""))

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
    def ehr_error(self) -> str:
        return str(self.failure.get("ehr_error", ""))

    @property
    def http_status(self) -> int:
        return int(self.failure.get("http_status", 0))

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = self.token.get("assertion_claims", {})
        return claims

    @property
    def is_client_refused(self) -> bool:
        """Whether the token endpoint did not accept who we are."""
        at_token = self.step in (Step.TOKEN, Step.REFRESH)
        return self.code in {"invalid-client", "keys-replaced"} or (
            at_token and (self.http_status == 401 or self.ehr_error == "unauthorized_client")
        )

    @property
    def signs(self) -> bool:
        return bool(self.token.get("auth_method") == AuthMethod.PRIVATE_KEY_JWT)

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
    def missing_scopes(self) -> list[str]:
        events = (one.detail["missing"] for one in self.timeline if one.detail.get("missing"))
        return list(next(events, []))

    @cached_property
    def clock_ahead(self) -> int | None:
        """Seconds that our clock was ahead of the EHR's, by the `Date` of its last answer."""
        wires = [wire for one in self.timeline for wire in one.detail.get("exchanges", ())]
        return next((w["ahead"] for w in reversed(wires) if w.get("ahead") is not None), None)


Causes = Iterator[Cause]


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


def simple(case: Case, texts: dict[str, tuple[int, str, str, str]]) -> Causes:
    if found := texts.get(case.code):
        weight, title, todo, rule = found
        yield Cause(weight, title, f"{case.words or case.code}.", todo, rule)


def client_id(case: Case, weight: int, check: str) -> Cause:
    client_id = case.token.get("client_id") or case.first(Step.AUTHORIZE, "client_id")
    return Cause(
        weight,
        "The client id is not known, or is that of another environment",
        check,
        f"Compare {client_id} with the vendor's portal: production and sandbox have their own, "
        "and new ones may take hours to be known.",
        "C1",
    )
