"""Who is signed in to the sandbox: one signed cookie, without a session or Django user."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from smartapp.sandbox import people
from smartapp.sandbox.models import new_secret

COOKIE = "sandbox_sign_in"
COOKIE_PATH = "/sandbox/"
LIFETIME = timedelta(hours=8)
SALT = "sandbox.sign-in"


@dataclass(frozen=True, slots=True)
class SignIn:
    person: people.Person
    at: float
    secret: str

    @property
    def form_check(self) -> str:
        """A value that only pages shown to this sign-in contain, so that no other site can post for
        it."""
        return salted_hmac("sandbox.form", self.secret, algorithm="sha256").hexdigest()

    def allows(self, form_check: str) -> bool:
        return constant_time_compare(self.form_check, form_check)


def read(request: HttpRequest) -> SignIn | None:
    try:
        value = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return None
    person = people.find_person(value["username"])
    return SignIn(person, value["at"], value["secret"]) if person else None


def check(username: str, password: str) -> people.Person | None:
    return people.find_person(username) if password == people.PASSWORD else None


def write(request: HttpRequest, response: HttpResponse, person: people.Person) -> None:
    value = {
        "username": person.username,
        "at": timezone.now().timestamp(),
        "secret": new_secret(),
    }
    _set(request, response, signing.dumps(value, salt=SALT), LIFETIME)


def end(request: HttpRequest, response: HttpResponse) -> None:
    _set(request, response, "", timedelta(0))


def is_framed(request: HttpRequest) -> bool:
    return request.headers.get("Sec-Fetch-Dest") in {"iframe", "frame"}


def _set(request: HttpRequest, response: HttpResponse, value: str, lifetime: timedelta) -> None:
    """Set the cookie; in a frame of another site only a partitioned cookie is sent back (C151)."""
    framed = is_framed(request)
    response.set_cookie(
        COOKIE,
        value,
        max_age=lifetime,
        path=COOKIE_PATH,
        secure=framed or settings.PUBLIC_URL_IS_HTTPS,
        httponly=True,
        samesite="None" if framed else "Lax",
    )
    if framed:
        response.cookies[COOKIE]["partitioned"] = True
