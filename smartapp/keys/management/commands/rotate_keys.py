"""Move a key set one step, or show where every key is in its life."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from smartapp.keys import lifecycle, rehearsal, wording
from smartapp.keys.lifecycle import NothingToDo, Step, StepRefused
from smartapp.keys.management.lookup import key_set_or_error
from smartapp.keys.models import KeySet


class Command(BaseCommand):
    help = (
        "Without an option: show every key and what comes next. With one: move a key set one "
        "step. A step whose wait is not over is refused, with the time when it will be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="?", help="the key set; all of them for --auto and show")
        step = parser.add_mutually_exclusive_group()
        for name, text in (
            (Step.PUBLISH, "publish the next keys"),
            (Step.SIGN, "let the published keys sign"),
            (Step.WITHDRAW, "withdraw the retired keys"),
        ):
            step.add_argument(f"--{name}", action="store_const", dest="step", const=name, help=text)
        step.add_argument(
            "--auto",
            action="store_true",
            help="take every step whose wait is over; safe from several machines at once",
        )
        step.add_argument(
            "--dry-run",
            action="store_true",
            help="sign with the next keys and verify that through the public JWKS URL",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug: str | None = options["slug"]
        key_sets = [key_set_or_error(slug)] if slug else list(KeySet.objects.all())
        if options["auto"]:
            self._auto(key_sets)
        elif options["dry_run"]:
            self._rehearse(key_sets)
        elif options["step"]:
            self._take(options["step"], key_sets)
        else:
            self._show(key_sets)

    def _auto(self, key_sets: list[KeySet]) -> None:
        now = timezone.now()
        for key_set, step, key in lifecycle.auto(key_sets, now=now, actor="rotate_keys --auto"):
            self.stdout.write(f"{key_set}: {key} {wording.STEPS[step].done}.")

    def _rehearse(self, key_sets: list[KeySet]) -> None:
        outcomes = [
            rehearsal.rehearse(key_set, line)
            for key_set in key_sets
            for line in lifecycle.lines(key_set)
        ]
        for outcome in outcomes:
            if outcome.passed:
                self.stdout.write(outcome.sentence)
        problems = [outcome.sentence for outcome in outcomes if not outcome.passed]
        if problems:
            raise CommandError("\n".join(problems))

    def _take(self, step: Step, key_sets: list[KeySet]) -> None:
        """Take the step on each line of the one key set. Lines that are not at this stage are
        passed over; if one refuses, or none has anything to do, the command fails."""
        if len(key_sets) != 1:
            names = ", ".join(key_set.slug for key_set in key_sets) or "none yet"
            raise CommandError(f"Name the key set to move. Key sets: {names}.")
        algs = [line.alg for line in lifecycle.lines(key_sets[0])]
        outcomes = [self._take_on_line(step, key_sets[0], alg) for alg in algs]
        refusals = [outcome for outcome in outcomes if outcome is not None]
        reasons = [refusal for refusal in refusals if not isinstance(refusal, NothingToDo)]
        if len(refusals) == len(algs):
            reasons = reasons or refusals
        if reasons:
            raise CommandError("\n".join(str(refusal) for refusal in reasons))

    def _take_on_line(self, step: Step, key_set: KeySet, alg: str) -> StepRefused | None:
        try:
            key = lifecycle.TAKE[step](key_set, alg, now=timezone.now(), actor="rotate_keys")
        except StepRefused as refusal:
            return refusal
        self.stdout.write(f"{key_set}: {key} {wording.STEPS[step].done}.")
        return None

    def _show(self, key_sets: list[KeySet]) -> None:
        now = timezone.now()
        for key_set in key_sets:
            self.stdout.write(f"Key set {key_set}")
            self.stdout.write(f"  {'alg':5}  {'kid':43}  {'state':9}  life")
            for key in key_set.signing_keys.order_by("alg", "published_at"):
                life = wording.life(key, now)
                self.stdout.write(f"  {key.alg:5}  {key.kid:43}  {key.state(now):9}  {life}")
            for line in lifecycle.lines(key_set):
                self.stdout.write(f"  Next for {line.alg}: {wording.next_step(line, now)}")
        if not key_sets:
            self.stdout.write("There are no key sets yet: register_ehr makes the first.")
