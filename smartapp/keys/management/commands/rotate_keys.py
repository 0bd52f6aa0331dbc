"""Move a key set by one step, or show the state of every key."""

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from smartapp.keys import (
    affected_launches,
    automation,
    dry_run,
    emergency,
    lifecycle,
    refusals,
    rotation,
    wording,
)
from smartapp.keys.management.lookup import key_set_or_error
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.refusals import NothingToDo, StepRefused
from smartapp.keys.rotation import RotationStep
from smartapp.management.arguments import filled
from smartapp.management.sealing import SealingCommand

Take = Callable[..., SigningKey]


class Command(SealingCommand):
    help = (
        "Without an option: show every key and what comes next. With one: move a key set one "
        "step. A step whose wait is not over is refused, with the time when it will be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "slug", nargs="?", type=filled, help="the key set; all of them for --auto and show"
        )
        parser.add_argument("--alg", type=filled, help="only this algorithm of the key set")
        parser.add_argument(
            "--at-risk",
            default="",
            metavar="NAMES",
            help="with --sign or --withdraw before their time, and with --emergency where an EHR "
            "uses the algorithm: the EHRs whose launches may fail, as the refusal names them",
        )
        parser.add_argument(
            "--reason",
            default="",
            metavar="TEXT",
            help="with --at-risk or --emergency: why, for the audit trail; no patient data",
        )
        step = parser.add_mutually_exclusive_group()
        for name, text in (
            (RotationStep.PUBLISH, "publish the next keys"),
            (
                RotationStep.CONFIRM,
                "say that the EHR which imported the public keys has the next ones",
            ),
            (RotationStep.SIGN, "let the published keys sign"),
            (RotationStep.ROLL_BACK, "let the retired keys sign again"),
            (RotationStep.WITHDRAW, "withdraw the retired keys"),
            (RotationStep.ABANDON, "withdraw the published keys that have never signed"),
        ):
            step.add_argument(f"--{name}", action="store_const", dest="step", const=name, help=text)
        step.add_argument(
            "--auto",
            action="store_true",
            help="take every step whose wait is over; safe from several machines at once",
        )
        step.add_argument(
            "--emergency",
            action="store_true",
            help="the private keys may be known to somebody: new ones sign at once, all others go",
        )
        step.add_argument(
            "--dry-run",
            action="store_true",
            help="sign with the next keys and verify that through the public JWKS URL; ask EHRs "
            "that give tokens to the app itself (2-legged) for one",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug: str | None = options["slug"]
        risk = {"typed": options["at_risk"], "reason": options["reason"]}
        key_sets = [key_set_or_error(slug)] if slug else list(KeySet.objects.all())
        if options["auto"]:
            self._auto(key_sets)
        elif options["dry_run"]:
            self._rehearse(key_sets)
        elif options["emergency"]:
            self._replace_all_at_once(*self._chosen(key_sets, options["alg"]), **risk)
        elif options["step"]:
            step: RotationStep = options["step"]
            take: Take = lifecycle.TAKE[step]
            if step in lifecycle.WAITING:
                take = partial(take, **risk)
            self._take(take, wording.STEPS[step].done, *self._chosen(key_sets, options["alg"]))
        else:
            self._show(key_sets)

    def _auto(self, key_sets: list[KeySet]) -> None:
        now = timezone.now()
        for key_set, step, key in automation.auto(key_sets, now=now, actor="rotate_keys --auto"):
            self.stdout.write(f"{key_set}: {key} {wording.STEPS[step].done}.")
        for warning in automation.all_warnings(key_sets, now):
            self.stdout.write(warning)

    def _rehearse(self, key_sets: list[KeySet]) -> None:
        outcomes = []
        for key_set in key_sets:
            for line in rotation.of(key_set):
                outcomes.append(dry_run.rehearse(key_set, line))
                outcomes += dry_run.ask_ehrs(line, actor="rotate_keys", now=timezone.now())
        for outcome in outcomes:
            if outcome.passed:
                self.stdout.write(outcome.sentence)
        problems = [outcome.sentence for outcome in outcomes if not outcome.passed]
        if problems:
            raise CommandError("\n".join(problems))

    def _replace_all_at_once(
        self, key_set: KeySet, algs: list[str], *, typed: str, reason: str
    ) -> None:
        """Refuse the whole command unless the EHRs at risk on all of these lines were named."""
        try:
            refusals.refuse_unless_named(key_set, typed, reason, *algs)
        except StepRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        take = partial(self._replace_at_once, reason)
        self._take(take, wording.EMERGENCY.done, key_set, algs)

    def _replace_at_once(
        self, reason: str, key_set: KeySet, alg: str, *, now: datetime, actor: str
    ) -> SigningKey:
        """Replace the keys of a line and print which launches it affects, as of that moment."""
        affected = affected_launches.launches().affected(key_set, alg, now)
        named = refusals.confirmation(key_set, alg)
        key = emergency.replace_at_once(
            key_set, alg, now=now, actor=actor, typed=named, reason=reason
        )
        self.stdout.write(f"{key_set}, {alg}: {wording.whom_it_hits(key_set, alg, affected)}")
        return key

    def _chosen(self, key_sets: list[KeySet], alg: str | None) -> tuple[KeySet, list[str]]:
        """Return the key set to move and its algorithms. Raises CommandError."""
        if len(key_sets) != 1:
            names = ", ".join(key_set.slug for key_set in key_sets) or "none yet"
            raise CommandError(f"Name the key set to move. Key sets: {names}.")
        algs = [line.alg for line in rotation.of(key_sets[0])]
        if alg and alg not in algs:
            raise CommandError(f"Key set {key_sets[0]} has no {alg} key; it has {', '.join(algs)}.")
        return key_sets[0], [alg] if alg else algs

    def _take(self, take: Take, done: str, key_set: KeySet, algs: list[str]) -> None:
        """Take the step on each of these lines. Lines at another stage are skipped. The command
        fails if one line refuses, or if no line has anything to do."""
        refused = [
            refusal
            for alg in algs
            if (refusal := self._take_on_line(take, done, key_set, alg)) is not None
        ]
        reasons = [refusal for refusal in refused if not isinstance(refusal, NothingToDo)]
        if len(refused) == len(algs):
            reasons = reasons or refused
        if reasons:
            raise CommandError("\n".join(dict.fromkeys(str(refusal) for refusal in reasons)))

    def _take_on_line(self, take: Take, done: str, key_set: KeySet, alg: str) -> StepRefused | None:
        try:
            key = take(key_set, alg, now=timezone.now(), actor="rotate_keys")
        except StepRefused as refusal:
            return refusal
        self.stdout.write(f"{key_set}: {key} {done}.")
        return None

    def _show(self, key_sets: list[KeySet]) -> None:
        now = timezone.now()
        for reading in rotation.of_each(key_sets):
            key_set = reading.key_set
            self.stdout.write(f"Key set {key_set}")
            self.stdout.write(f"  {wording.wait(key_set)}")
            self.stdout.write(f"  {'alg':5}  {'kid':43}  {'state':9}  life")
            for key in key_set.signing_keys.order_by("alg", "published_at"):
                life = wording.life(key, now)
                self.stdout.write(f"  {key.alg:5}  {key.kid:43}  {key.state(now):9}  {life}")
            for line in reading.lines:
                self.stdout.write(f"  Next for {line.alg}: {wording.next_step(key_set, line, now)}")
            for warning in automation.warnings(reading, now):
                self.stdout.write(f"  {warning}")
        if not key_sets:
            self.stdout.write("There are no key sets yet: register_ehr makes the first.")
