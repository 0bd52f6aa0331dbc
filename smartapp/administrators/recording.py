"""Record sign-ins and changes of users' rights in the audit trail.

This uses signals because Django's own pages and commands write these rows too.
"""

import logging
from datetime import timedelta
from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from smartapp.administrators import throttling
from smartapp.audit import origin, trail
from smartapp.audit.models import AuditEvent

WATCHED = ("username", "is_active", "is_staff", "is_superuser")
PLACE = "administration"
ANONYMOUS_EVENTS_A_DAY = 200

logger = logging.getLogger(__name__)


@receiver(user_logged_in)
def signed_in(user: User, **_kwargs: Any) -> None:
    trail.record(user.get_username(), "sign-in", PLACE)


@receiver(user_logged_out)
def signed_out(user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        trail.record(user.get_username(), "sign-out", PLACE)


@receiver(user_login_failed)
def sign_in_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_kwargs: Any
) -> None:
    """Record a failed sign-in. Attempts while sign-in is locked are not recorded: a flood would
    bury everything else."""
    counted = getattr(request, "axes_failures_since_start", None) is not None
    if counted or not getattr(request, "axes_locked_out", False):
        _record_anonymous(throttling.known_name(request, credentials), "sign-in.failed")


@receiver(user_locked_out)
def sign_in_locked(request: HttpRequest, username: str, **_kwargs: Any) -> None:
    if getattr(request, "axes_failures_since_start", None) is not None:
        _record_anonymous(username, "sign-in.locked")


def _record_anonymous(name: str, action: str) -> None:
    """Record an event of an anonymous visitor, up to a daily limit. Events are never deleted, so
    visitors who have not signed in must not be able to fill the trail. The last event says that no
    more follow."""
    since = timezone.now() - timedelta(days=1)
    events = AuditEvent.objects.filter(action__in=("sign-in.failed", "sign-in.locked"))
    left = ANONYMOUS_EVENTS_A_DAY - events.filter(at__gt=since).count()
    if left > 1:
        trail.record(name, action, PLACE)
    elif left == 1:
        trail.record(name, action, PLACE, further="counted in the log only, for a day")
    else:
        logger.warning("%s by %s is not in the audit trail: there were too many", action, name)


def _before(user: User) -> dict[str, Any]:
    return User.objects.filter(pk=user.pk).values(*WATCHED).first() or {}


@receiver(pre_save, sender=User)
def note_changes(instance: User, update_fields: frozenset[str] | None, **_kwargs: Any) -> None:
    """Note the changes before they are saved. A sign-in saves only its time, which is recorded
    above."""
    changes: dict[str, Any] = {}
    if update_fields is None or update_fields & set(WATCHED):
        before = _before(instance)
        changes = {
            name: getattr(instance, name)
            for name in WATCHED
            if before.get(name) != getattr(instance, name)
        }
    # Set by set_password, but not when Django upgrades a hash at a sign-in.
    if instance._password is not None:  # type: ignore[attr-defined]
        changes["password"] = "changed"  # noqa: S105 - that it was, not what it is
    instance._audit_changes = changes  # type: ignore[attr-defined]


@receiver(post_save, sender=User)
def administrator_saved(instance: User, created: bool, **_kwargs: Any) -> None:
    changes = instance._audit_changes  # type: ignore[attr-defined]
    if changes:
        action = "administrator.create" if created else "administrator.change"
        trail.record(origin.actor(), action, f"administrator {instance}", **changes)


@receiver(post_save, sender=Group)
def group_saved(instance: Group, created: bool, **_kwargs: Any) -> None:
    action = "group.create" if created else "group.change"
    trail.record(origin.actor(), action, f"group {instance}", id=instance.pk, name=instance.name)


@receiver(post_delete, sender=User)
@receiver(post_delete, sender=Group)
def deleted(instance: User | Group, **_kwargs: Any) -> None:
    kind = "administrator" if isinstance(instance, User) else "group"
    trail.record(origin.actor(), f"{kind}.delete", f"{kind} {instance}")


@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def rights_changed(
    sender: type[Model], instance: Model, action: str, model: type[Model],
    pk_set: set[int] | None, **_kwargs: Any,
) -> None:  # fmt: skip
    """Record added and removed permissions or members, whichever side they were changed from."""
    step = {"post_add": "added", "post_remove": "removed", "post_clear": "cleared"}.get(action)
    if step is None or pk_set == set():
        return
    kind = "group" if sender is Group.permissions.through else "administrator"
    rows = [str(row) for row in model._default_manager.filter(pk__in=pk_set or ())]
    trail.record(
        origin.actor(),
        f"{kind}.rights",
        f"{instance._meta.verbose_name} {instance}",
        **{step: rows or f"all {model._meta.verbose_name_plural}"},
    )
