"""Admin pages of users and groups, without a way to gain more rights than one's own.

On Django's own pages, a user who may change users can become superuser, and can set a superuser's
password. Here a user who is not a superuser can change or delete only users and groups with no more
rights than their own, and can grant only rights that they have.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from smartapp.as_shown import AsShownAdmin, AsShownForm


def _of(user: User) -> QuerySet[Permission]:
    """Return the permissions that a user has, or would have if the account were active."""
    if user.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def _goes_further(row: User | Group, user: Any) -> bool:
    """Return whether `row`, a user or a group, has permissions that `user` does not have."""
    if user.is_superuser:
        return False
    if isinstance(row, User) and row.is_superuser:
        return True
    theirs = _of(row) if isinstance(row, User) else Permission.objects.filter(group=row)
    return theirs.exclude(pk__in=_of(user).values("pk")).exists()


class NoFurther(AsShownAdmin):
    """Users and groups with more rights than the current user are read-only."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_change_permission(request, obj)
        return may and (obj is None or not _goes_further(obj, request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)
        return may and (obj is None or not _goes_further(obj, request.user))

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is None or request.user.is_superuser:
            return field
        own = _of(request.user).values("pk")
        if field.queryset.model is Permission:
            field.queryset = field.queryset.filter(pk__in=own)
        else:
            further = Permission.objects.exclude(pk__in=own)
            field.queryset = field.queryset.exclude(permissions__in=further)
        return field


admin.site.unregister([User, Group])


LAST_SUPERUSER = (
    "Without {names} nobody is left who may do everything here: make somebody else a superuser "
    "first."
)


def _is_last_superuser(users: Iterable[User]) -> bool:
    """Return whether without `users` there is no superuser left who may sign in."""
    all_of_them = User.objects.filter(is_superuser=True, is_staff=True, is_active=True)
    without = {user.pk for user in users}
    found = set(all_of_them.values_list("pk", flat=True))
    return bool(found) and found <= without


class UserForm(AsShownForm, UserChangeForm):
    def clean(self) -> dict[str, Any]:
        """Refuse to take away the rights of the last superuser, be it by their own hand."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        stays = all(
            data.get(name, getattr(self.instance, name))
            for name in ("is_superuser", "is_staff", "is_active")
        )
        if not stays and _is_last_superuser([self.instance]):
            raise ValidationError(LAST_SUPERUSER.format(names=self.instance))
        return data


class GroupForm(AsShownForm):
    pass


@admin.register(User)
class UserAdmin(NoFurther, auth.UserAdmin):
    form = UserForm
    # A sign-in changes the first one, also while another administrator has the page open.
    readonly_fields = ("last_login", "date_joined")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Protect the last superuser. Django lists what is protected, and deletes nothing."""
        delete, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if _is_last_superuser(objs):
            names = ", ".join(map(str, objs))
            protected = [*protected, LAST_SUPERUSER.format(names=names)]
        return delete, counts, lacking, protected


@admin.register(Group)
class GroupAdmin(NoFurther, auth.GroupAdmin):
    form = GroupForm
