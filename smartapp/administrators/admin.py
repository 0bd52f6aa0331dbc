"""Admin pages of users and groups, without a way to gain more rights than one's own.

On Django's own pages, a user who may change users can become superuser, and can set a superuser's
password. Here a user who is not a superuser can change or delete only users and groups with no more
rights than their own, and can grant only rights that they have. Nobody types a password for
somebody else: everybody gets a one-time link, and chooses their own.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.forms import (
    ReadOnlyPasswordHashWidget,
    UserChangeForm,
    UsernameField,
)
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from smartapp.administrators import invitations
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


class NewUserForm(forms.ModelForm):
    """A new administrator: a name only. Rights are given on the next page, a password by nobody."""

    class Meta:
        model = User
        fields = ("username",)
        field_classes = {"username": UsernameField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.is_staff = True
        self.instance.set_unusable_password()

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if similar := invitations.similar_to(username):
            raise ValidationError(f"There is {similar} already.")
        return username


class _LinkWidget(ReadOnlyPasswordHashWidget):
    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        return super().get_context(name, value, attrs) | {"button_label": "Make a one-time link"}


class UserForm(AsShownForm, UserChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if password := self.fields.get("password"):
            password.widget = _LinkWidget()
            password.help_text = (
                "They choose their own, at a one-time link that you give them. Save what you have "
                "changed here first."
            )

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
    add_form = NewUserForm
    add_fieldsets = ((None, {"fields": ("username",)}),)
    # A sign-in changes the first one, also while another administrator has the page open.
    readonly_fields = ("last_login", "date_joined")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,
        form_url: str = "",  # noqa: ARG002 - Django's
    ) -> HttpResponse:
        """Show a one-time link, once it is asked for, in place of Django's form for a password."""
        user = self.get_object(request, id)
        if user is None:
            raise Http404
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user == request.user:
            return redirect("admin:password_change")
        may = invitations.may_sign_in(user)
        link = invitations.invite(user) if may and request.method == "POST" else ""
        context = {
            **self.admin_site.each_context(request),
            "title": f"One-time link for {user}",
            "original": user,
            "may_sign_in": may,
            "link": link,
        }
        return render(request, "administrators/invite.html", context)

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
