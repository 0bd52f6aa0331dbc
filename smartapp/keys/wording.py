"""The texts about keys and their next steps, the same in the admin pages and on the command
line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timesince import timesince, timeuntil

from smartapp.keys import automation, waits
from smartapp.keys.affected_launches import Affected
from smartapp.keys.models import JWKSFetch, KeySet, KeyState, SigningKey, StaleCopy
from smartapp.keys.refusals import confirmation
from smartapp.keys.rotation import Line, RotationStep


@dataclass(frozen=True, slots=True)
class StepWords:
    """`label`: the button. `consequence`: shown before the step, with `{wait}` for the wait of the
    line. `done`: shown after it, as "<key> <done>."."""

    label: str
    consequence: str
    done: str


STEPS = {
    RotationStep.PUBLISH: StepWords(
        "Publish the next key",
        "A new key is made and joins the public keys. Nothing is signed with it yet, so no launch "
        "is affected. It may sign {wait} later. An EHR that was given a "
        "copy of the public keys must be given the new one before that.",
        "is published; it signs nothing yet",
    ),
    RotationStep.CONFIRM: StepWords(
        "The EHR has the new key",
        "You say that every EHR which imported the public keys has been given the new ones "
        "(`manage.py export_jwks` prints them). Without that, its launches fail from the moment "
        "the new key signs.",
        "is confirmed to be known to the EHR",
    ),
    RotationStep.SIGN: StepWords(
        "Start signing",
        "From this moment the new key signs every token request, and the present one retires. It "
        f"stays public for at least {waits.in_words(waits.BEFORE_WITHDRAWAL)}, so that EHRs can "
        "verify what it signed last.",
        "signs from now on, and the key before it has retired",
    ),
    RotationStep.ROLL_BACK: StepWords(
        "Roll back to the retired key",
        "From this moment the retired key signs again, and the present one retires. EHRs know "
        "both, so no launch is affected. The next rotation begins when the age limit is reached "
        "again.",
        "signs again, and the key after it has retired",
    ),
    RotationStep.WITHDRAW: StepWords(
        "Withdraw the retired key",
        "The retired key leaves the public keys and its private half is destroyed. This cannot be "
        "undone. Launches go on with the key that signs now.",
        "is withdrawn and its private half destroyed",
    ),
    RotationStep.ABANDON: StepWords(
        "Call the rotation off",
        "The next key leaves the public keys without having signed anything, and its private half "
        "is destroyed. The present key goes on signing.",
        "is withdrawn before it ever signed",
    ),
}


# For an algorithm that no registration uses yet.
FIRST = {
    RotationStep.SIGN: "From this moment registrations can sign with this algorithm. None does "
    "yet: choose it on the page of a registration.",
    RotationStep.ABANDON: "The key leaves the public keys without having signed anything, and its "
    "private half is destroyed. Other algorithms are not affected.",
}

EMERGENCY = StepWords(
    "Replace at once",
    "For a private key that somebody else may have. In one moment a new key is made, published and "
    "signs, and every other key of this algorithm leaves the public keys. Where this app signs in "
    "with it, token requests fail until the EHR fetches the public keys again, which may take "
    "{wait}, or until it is given them. This cannot be undone.",
    "signs from now on, and every key before it is dropped as compromised",
)

STILL_WAITS = {
    RotationStep.SIGN: "EHRs may still hold the old keys until",
    RotationStep.WITHDRAW: "EHRs may still need the retired key until",
}

BY_ITSELF = {
    RotationStep.PUBLISH: "the next key is published, and signs {wait} later",
    RotationStep.SIGN: "the next key signs, and the present one retires",
    RotationStep.WITHDRAW: "the retired key is withdrawn and its private half destroyed",
}


def affected(found: Affected) -> list[str]:
    """Return sentences about what an emergency does to the present launches."""
    renewing = len(found.renewing) + found.not_listed
    at_sign_in = f"{_launches(found.under_way)} at an EHR's sign-in, begun in the last ten minutes."
    renewed = f"{_launches(renewing)} open and renewed from time to time."
    return [
        f"{at_sign_in} These have to be started again, and fail until the EHR knows the new key."
        if found.under_way
        else "Nobody is at an EHR's sign-in at this moment, so nobody has to start again.",
        f"{renewed} None has to be started again: each can be read until its next renewal, "
        "which is tried again until the EHR knows the new key."
        if renewing
        else "No launch is open that is renewed.",
        f"{_launches(found.untouched)} open and never renewed: nothing changes there."
        if found.untouched
        else "No launch is open that is never renewed.",
    ]


def whom_it_hits(key_set: KeySet, alg: str, found: Affected) -> str:
    """Return the same for a terminal, with the EHRs and each open launch that renews its token."""
    launches = [
        f"  launch {one.uuid_prefix} of {one.registration} at {one.ehr}, open since "
        f"{moment(one.since)} UTC, renewed next at {moment(one.renews_at)} UTC"
        for one in found.renewing
    ]
    more = [f"  and {found.not_listed} more"] if found.not_listed else []
    ehrs = confirmation(key_set, alg)
    hit = f"Launches may fail at: {ehrs}." if ehrs else f"No EHR signs in with {alg} now."
    return "\n".join([hit, *affected(found), *launches, *more])


def _launches(count: int) -> str:
    return "1 launch is" if count == 1 else f"{count} launches are"


def consequence(step: RotationStep, line: Line) -> str:
    """Return what a step on this line does."""
    words = STEPS[step].consequence
    return in_line(words if line.signer else FIRST.get(step, words), line)


def in_line(words: str, line: Line) -> str:
    """Return `words` with the wait of this line filled in."""
    return words.format(wait=waits.in_words(line.wait.span))


def before_its_time(line: Line) -> str:
    """Return what cutting short the wait of this line's next step means; "" if there is no wait."""
    step, when = line.next_step()
    if when is None:
        return ""
    return in_line(
        f"The wait is not over: {STILL_WAITS[step]} {moment(when)} UTC. Launches may fail at each "
        "EHR that does, for up to {wait}. It is done only when you type which.",
        line,
    )


def moment(at: datetime | None) -> str:
    """Return a UTC time to the minute; a dash for None."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def life(key: SigningKey, now: datetime) -> str:
    """Return what the key does now, and since when."""
    match key.state(now):
        case KeyState.PUBLISHED:
            return f"Published {ago(key.published_at, now)}; has not signed anything yet."
        case KeyState.SIGNS:
            return f"Has signed for {_span(key.signs_from, now)}."
        case KeyState.COMPROMISED:
            return f"Compromised: dropped {ago(key.withdrawn_at, now)}, its private half destroyed."
        case KeyState.RETIRES:
            return f"Retired {ago(key.signs_until, now)}; EHRs can still verify what it signed."
        case _:
            return f"Withdrawn {ago(key.withdrawn_at, now)}; its private half is destroyed."


def next_step(key_set: KeySet, line: Line, now: datetime) -> str:
    """Return the next step of a line, and when it comes."""
    planned = automation.planned_step(key_set, line)
    if planned:
        step, when = planned
        words = BY_ITSELF[step] if line.signer else "the key may sign from then on"
        return f"{_due(when, now)}: {in_line(words, line)}."
    if line.next_step()[0] is RotationStep.CONFIRM:
        return "Somebody says that the EHR which imported the public keys has the next one too."
    return (
        "Nothing until somebody publishes the next key. It may sign "
        f"{waits.in_words(line.wait.span)} later; the old one can be withdrawn "
        f"{waits.in_words(waits.BEFORE_WITHDRAWAL)} after that."
    )


def importing(key_set: KeySet) -> str:
    """Return what an import does."""
    span = waits.in_words(waits.before_signing(key_set).span)
    return (
        "The key becomes the next one of its algorithm: public from now on, and it signs "
        f"{span} later. Where the algorithm has no key yet, it signs at once."
    )


def wait(key_set: KeySet) -> str:
    """Return how long a new key waits, and because of which EHR."""
    found = waits.before_signing(key_set)
    return f"A new key is public for {waits.in_words(found.span)} before it signs. {found.why}"


def habits(key_set: KeySet) -> str:
    """Return what happens to this key set automatically."""
    if key_set.imported_by_vendor:
        return (
            "An EHR imported a copy of these public keys: no rotation begins by itself, and no new "
            "key signs before it is confirmed that the EHR has it."
        )
    if key_set.rotate_after_days is None:
        return "No rotation begins by itself; one that was begun is finished by itself."
    return f"A key is replaced by itself when it has signed for {key_set.rotate_after_days} days."


def fetcher(fetch: JWKSFetch) -> str:
    """Return a visitor's address and user agent."""
    return f"{fetch.address} ({fetch.user_agent or 'says nothing of itself'})"


def seen(who: str, fetch: JWKSFetch, new: Iterable[SigningKey], now: datetime) -> str:
    """Return when the visitor last fetched, and whether it saw the new keys."""
    words = f"{who} fetched {ago(fetch.last_at, now)}"
    keys = list(new)
    unseen = [key.alg for key in keys if key.kid not in fetch.kids]
    if not keys:
        return f"{words}."
    if unseen:
        return f"{words} and has not seen the new {' and '.join(unseen)} key yet."
    return f"{words} and has seen the new key."


def stale(copy: StaleCopy, now: datetime) -> str:
    """Return what an EHR did with a key that it did not know."""
    return (
        f"refused the new key {copy.refused_kid} and took the previous one {copy.taken_kid}, "
        f"first at {moment(copy.first_at)}, last {ago(copy.last_at, now)}."
    )


def _due(when: datetime | None, now: datetime) -> str:
    if when is None or when <= now:
        return "Due now"
    return f"At {moment(when)} UTC, in {_plain(timeuntil(when, now))}"


def ago(at: datetime | None, now: datetime) -> str:
    """Return how long ago `at` was: "3 minutes ago"."""
    if at and now - at < timedelta(minutes=1):
        return "less than a minute ago"
    return f"{_span(at, now)} ago"


def _span(at: datetime | None, now: datetime) -> str:
    return _plain(timesince(at, now)) if at else ""


def _plain(text: str) -> str:
    """Replace Django's non-breaking spaces, which terminals and searches handle badly."""
    return text.replace("\xa0", " ")
