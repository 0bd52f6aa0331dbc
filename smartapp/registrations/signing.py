"""The key set that a registration signs with, and the change to another algorithm."""

from datetime import datetime

from django.core.exceptions import ValidationError

from smartapp.keys import key_creation, rotation
from smartapp.keys.models import Algorithm, KeySet
from smartapp.keys.refusals import StepRefused
from smartapp.keys.rotation import Line, RotationStep
from smartapp.registrations.models import Registration
from smartapp.registrations.options import AuthMethod

_MAY_HOLD = (
    "The EHR may still hold a copy of the public keys without the {alg} key, and would refuse "
    "every sign-in."
)


def about_new_key_set(slug: str | None) -> tuple[str, ...]:
    """Return a warning if registering makes the key set that was asked for by name: a typo makes
    one, too, and none can be deleted."""
    others = list(KeySet.objects.values_list("slug", flat=True))
    if slug is None or not others or slug in others:
        return ()
    return (
        f"The key set {slug} did not exist and was made, with keys of its own. There are also: "
        f"{', '.join(others)}. If you meant one of these, run the command again with it: {slug} "
        "cannot be deleted, and signs for nobody then.",
    )


def key_set_for(
    registration: Registration, slug: str | None, *, now: datetime, actor: str
) -> KeySet:
    """Return the key set that the registration signs with; create it or its missing keys.

    Generating keys takes CPU time, so this happens before any transaction. Raises ValidationError
    if the set has no room for another algorithm.
    """
    current = registration.key_set.slug if registration.key_set_id else registration.slug
    # One RSA and one EC algorithm, so that a rotation of each still fits into five published keys.
    rsa = Algorithm.RS256 if registration.alg == Algorithm.RS256 else Algorithm.RS384
    algs = (rsa, Algorithm.ES384)
    try:
        return key_creation.create_key_set(slug or current, algs=algs, now=now, actor=actor)
    except StepRefused as refusal:
        raise ValidationError({"alg": str(refusal)}) from None


def refuse_alg_too_early(
    registration: Registration, slug: str | None, *, now: datetime, actor: str
) -> None:
    """Refuse a change to another algorithm while the EHR may still hold a copy of the key set
    without that algorithm's key: every token request would fail.

    `slug` is the key set's; None for the present one. The key is published, so that its waiting
    time begins; the ValidationError says when it ends.

    This also applies to a registration that is not in use, because it can be switched on at any
    moment. The EHR of a new registration holds no copy yet, and with another key set the EHR
    fetches another URL; in these cases a key that signs is enough.
    """
    if registration.auth_method != AuthMethod.PRIVATE_KEY_JWT:
        return
    stored = Registration.objects.filter(pk=registration.pk).select_related("key_set").first()
    knows_the_set = stored is not None and slug in {None, stored.key_set.slug}
    if stored and knows_the_set and _signs_alike(stored, registration):
        return
    key_set = key_set_for(registration, slug, now=now, actor=actor)
    line = rotation.read(key_set, registration.alg)
    if line.waiting and line.signer is None:
        raise ValidationError({"alg": _still_waits(key_set, line)})
    when = rotation.usable_from(key_set, line) if knows_the_set else None
    if when and now < when:
        raise ValidationError(
            {
                "alg": f"{_MAY_HOLD.format(alg=registration.alg)} {registration.alg} is possible "
                f"from {when:%Y-%m-%d %H:%M:%S} UTC; save again then."
            }
        )


def _signs_alike(one: Registration, other: Registration) -> bool:
    return (one.auth_method, one.alg) == (other.auth_method, other.alg)


def _still_waits(key_set: KeySet, line: Line) -> str:
    """Return what the first key of an algorithm waits for, and how to shorten that if necessary."""
    step, when = line.next_step()
    if step is RotationStep.CONFIRM or when is None:
        return (
            f"An EHR holds an imported copy of the keys of {key_set}. The {line.alg} key is public "
            "now: give it to that EHR, confirm that on the page of the key set, and save again "
            "once the key signs."
        )
    return (
        f"{_MAY_HOLD.format(alg=line.alg)} The key is public now and signs from "
        f"{when:%Y-%m-%d %H:%M:%S} UTC by itself while `maintain` runs, or on the page of the key "
        f"set {key_set}, which also lets it sign earlier at the EHRs' risk. Save again then."
    )
