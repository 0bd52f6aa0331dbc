"""Key sets as arguments of commands."""

from django.core.management.base import CommandError

from smartapp.keys.models import KeySet


def key_set_or_error(slug: str) -> KeySet:
    """Return the key set `slug`. Raises CommandError, with the existing names, if there is none."""
    try:
        return KeySet.objects.get(slug=slug)
    except KeySet.DoesNotExist:
        names = ", ".join(KeySet.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no key set {slug!r}. Key sets: {names}.") from None
