"""Nothing under /admin/ without the second factor, and no sign-in without an end to guessing.

Both look only at /admin/: the launch routes and the sandbox pay nothing.
"""

from typing import Any
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, sync_to_async
from axes.middleware import AxesMiddleware
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_otp.middleware import OTPMiddleware

from smartapp.administrators import second_factor, sessions

ADMIN_PREFIX = "/admin/"
OPEN = ("/admin/login/", "/admin/logout/", "/admin/second-factor/", "/admin/invitation/")


def _is_wanting(request: HttpRequest) -> bool:
    """Whether the person signed in with a password only, and needs more."""
    if not isinstance(request.user, User) or second_factor.is_verified(request):
        return False
    return settings.ADMIN_SECOND_FACTOR or second_factor.in_use(request.user) is not None


def _gate(request: HttpRequest) -> HttpResponse | None:
    """Return the way to the sign-in or to the second factor, or None when the request may go on."""
    if request.user.is_authenticated and sessions.is_over(request.session):
        logout(request)
        wanted = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('admin:login')}?{wanted}")
    if request.path_info.startswith(OPEN) or not _is_wanting(request):
        return None
    wanted = urlencode({"next": request.get_full_path()})
    return HttpResponseRedirect(f"{reverse('administrators:second_factor')}?{wanted}")


class SecondFactorMiddleware(OTPMiddleware):
    """django-otp's, which says whether this session gave a second factor, with a gate behind it."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(ADMIN_PREFIX):
            return self.get_response(request)
        if iscoroutinefunction(self):
            return self.__acall__(request)
        self._install_lazy_accessors(request)
        return _gate(request) or self.get_response(request)

    async def __acall__(self, request: HttpRequest) -> Any:
        self._install_lazy_accessors(request)
        # Reads the session and the database, which belong into a thread.
        refused = await sync_to_async(_gate)(request)
        return refused or await self.get_response(request)


class ThrottlingMiddleware(AxesMiddleware):
    """Puts the page about the lock in place of the answer to a sign-in that is locked."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(ADMIN_PREFIX):
            return self.get_response(request)
        return super().__call__(request)
