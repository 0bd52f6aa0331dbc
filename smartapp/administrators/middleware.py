"""Under /admin/: require the second factor, and limit the guessing of passwords.

Both middlewares act on /admin/ only, so launches and the sandbox have no extra cost.
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
    """Return whether the user signed in with a password only and must give a second factor."""
    if not isinstance(request.user, User) or second_factor.is_verified(request):
        return False
    return settings.ADMIN_SECOND_FACTOR or second_factor.in_use(request.user) is not None


def _gate(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to the sign-in or to the second factor; None if the request may go on."""
    if request.user.is_authenticated and sessions.is_over(request.session):
        logout(request)
        wanted = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('admin:login')}?{wanted}")
    if request.path_info.startswith(OPEN) or not _is_wanting(request):
        return None
    wanted = urlencode({"next": request.get_full_path()})
    return HttpResponseRedirect(f"{reverse('administrators:second_factor')}?{wanted}")


class SecondFactorMiddleware(OTPMiddleware):
    """django-otp's middleware, which tells whether this session gave a second factor, and a
    gate."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(ADMIN_PREFIX):
            return self.get_response(request)
        if iscoroutinefunction(self):
            return self.__acall__(request)
        self._install_lazy_accessors(request)
        return _gate(request) or self.get_response(request)

    async def __acall__(self, request: HttpRequest) -> Any:
        self._install_lazy_accessors(request)
        # The gate reads the session and the database, which needs a thread.
        refused = await sync_to_async(_gate)(request)
        return refused or await self.get_response(request)


class ThrottlingMiddleware(AxesMiddleware):
    """Answer a sign-in that is locked with our page."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(ADMIN_PREFIX):
            return self.get_response(request)
        return super().__call__(request)
