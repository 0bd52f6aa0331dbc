"""End what must not go on after a backup was restored, before the first server starts.

A backup is older than the rest of the world. A refresh token that was used since the backup ends
the whole grant if it is sent again (RFC 9700 §4.14.2), and a key that was dropped as compromised
since then would be published and would sign again.
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.contrib.sessions.models import Session
from django.utils import timezone

from smartapp.administrators.models import RecoveryCode
from smartapp.audit import chain, origin, trail
from smartapp.keys import emergency, lifecycle, refusals, rotation
from smartapp.keys.models import KeySet
from smartapp.keys.refusals import StepRefused
from smartapp.keys.rotation import Line
from smartapp.launches import ending
from smartapp.management.arguments import filled
from smartapp.management.sealing import SealingCommand

REASON = "a backup was restored: what was dropped since must not come back"
WORDS = """\
Ended {launches} launches: their tokens may have been used since the backup. People open them again.
Signed out {sessions} administrators, and voided {recovery_codes} recovery codes and every link of
create_administrator, as some may have been used since: each administrator makes new codes under
Second factor.
{keys}
The audit trail ends with event {length}, {end}. Compare that with your last note of it: what came
after it is only where you noted it.
Start `web` ten minutes after the last server stopped: until then an answer of an EHR that was used
already could come again. What administrators changed since the backup, they change again.
"""

UNKNOWN = (
    "No key that is published here is called {kid}: nothing was replaced for it. That is right if "
    "it was made after the backup. Otherwise correct its name, and run this again."
)


class Command(SealingCommand):
    help = (
        "After a backup was restored, and before a server starts: end every launch without asking "
        "its EHR, sign administrators out, and replace all signing keys, as one of them may have "
        "been dropped as compromised since. With --withdrawn=KID only the lines of these keys are "
        "replaced, with --keep-keys none."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        keys = parser.add_mutually_exclusive_group()
        keys.add_argument(
            "--withdrawn",
            action="append",
            type=filled,
            metavar="KID",
            help="a key that was withdrawn since the backup, as the audit trail elsewhere says; "
            "with the = sign, as the name of a key may begin with a hyphen",
        )
        keys.add_argument(
            "--keep-keys",
            action="store_true",
            help="no key was withdrawn since the backup",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kids = [] if options["keep_keys"] else options["withdrawn"]
        actor = origin.actor()
        lines = list(_lines(kids))
        published = {key.kid for _, line in lines for key in line.published()}
        replaced = [_replaced(key_set, line, actor) for key_set, line in lines]
        replaced += [UNKNOWN.format(kid=kid) for kid in kids or () if kid not in published]
        ended = sum(iter(lambda: ending.end_batch_after_restore(timezone.now()), 0))
        # The sessions of launches contain nothing. They stay, to explain why the launch ended.
        sessions, _ = Session.objects.exclude(session_data="").delete()
        codes, _ = RecoveryCode.objects.all().delete()
        counts = {"launches": ended, "sessions": sessions, "recovery_codes": codes}
        trail.record(actor, "after-restore", "database", **counts)
        verdict = chain.verify()
        self.stdout.write(
            WORDS.format(
                **counts,
                keys="\n".join(replaced) or "No signing key was replaced.",
                length=verdict.length,
                end=verdict.end,
            )
        )


def _lines(kids: list[str] | None) -> Iterator[tuple[KeySet, Line]]:
    """Yield the lines to replace: those of these keys, or all if `kids` is None."""
    for key_set in KeySet.objects.all():
        for line in rotation.of(key_set):
            if kids is None or any(key.kid in kids for key in line.published()):
                yield key_set, line


def _replaced(key_set: KeySet, line: Line, actor: str) -> str:
    """Replace every key of a line at once; return what that means for its EHRs."""
    now, alg = timezone.now(), line.alg
    named = refusals.confirmation(key_set, alg)
    try:
        if line.signer is None:
            key = lifecycle.abandon(key_set, alg, now=now, actor=actor)
            return f"Key set {key_set}, {alg}: {key} was withdrawn; it never signed."
        key = emergency.replace_at_once(
            key_set, alg, now=now, actor=actor, typed=named, reason=REASON
        )
    except StepRefused as refusal:
        return f"Key set {key_set}, {alg}: nothing was replaced. {refusal}"
    fetch = "they import the public keys anew" if key_set.imported_by_vendor else "they fetch them"
    using = f" Launches of {named} fail until {fetch}." if named else ""
    return f"Key set {key_set}, {alg}: {key} signs from now on, and all others are dropped.{using}"
