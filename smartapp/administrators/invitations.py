"""One-time links with which administrators choose their own password."""

from django.conf import settings
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from smartapp.administrators import pages
from smartapp.administrators.models import SecondFactor
from smartapp.audit import origin, trail
from smartapp.audit.models import AuditEvent

INVITED = "administrator.invite"


class InvitationTokens(PasswordResetTokenGenerator):
    """Signed tokens, valid for PASSWORD_RESET_TIMEOUT seconds, until the password changes, another
    link is made for the same person, or a backup is restored: to its database, a link that was used
    since would be a new one.

    Who sent a link to the wrong person makes another one, and the first is worth nothing.
    """

    key_salt = "smartapp.administrators.invitation"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        ends_earlier = Q(action="after-restore") | Q(action=INVITED, target=f"administrator {user}")
        last = AuditEvent.objects.filter(ends_earlier).order_by("id").last()
        return f"{super()._make_hash_value(user, timestamp)}{last.digest if last else ''}"


def may_sign_in(user: User) -> bool:
    """Return whether the person may use the administration at all, and so be invited to it."""
    return user.is_active and user.is_staff


def similar_to(username: str) -> User | None:
    """Return the user with this name, in whichever letters. Whoever lost their phone must not
    become a second one."""
    return User.objects.filter(username__iexact=username).first()


tokens = InvitationTokens()


@transaction.atomic
def invite(user: User) -> str:
    """Return a one-time link for this administrator, and record that it was made."""
    trail.record(origin.actor(), INVITED, f"administrator {user}")
    uid, token = urlsafe_base64_encode(force_bytes(user.pk)), tokens.make_token(user)
    return f"{settings.PUBLIC_URL}{reverse('administrators:invitation', args=[uid, token])}"


class InvitationView(PasswordResetConfirmView):
    """Django's own view for such links. It moves the token out of the address bar before it shows
    the form."""

    token_generator = tokens
    template_name = "administrators/invitation.html"
    title = "Choose your password"
    success_url = reverse_lazy("administrators:second_factor")
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"

    def get_user(self, uidb64: str) -> User | None:
        """Return None also for an administrator who was switched off since the link was made."""
        user: User | None = super().get_user(uidb64)
        return user if user is not None and may_sign_in(user) else None

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        """Set the password and delete the second factor: the link also serves people who lost
        theirs."""
        name = self.user.get_username()
        # Not signed in yet, but identified by the link. Without this the audit trail would name no
        # actor.
        self.request.user = self.user
        with transaction.atomic():
            SecondFactor.objects.filter(user=self.user).delete()
            trail.record(name, "administrator.invitation-used", f"administrator {name}")
            return super().form_valid(form)

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        context = {**pages.site(self.request), **super().get_context_data(**kwargs)}
        if not context["validlink"]:
            context["title"] = "This link does not work any more"
        return context
