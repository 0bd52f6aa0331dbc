"""A request in Authlib's interface, with a first check of its parameters."""

from collections.abc import Iterator
from contextlib import contextmanager

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.requests import OAuth2Payload
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, QueryDict

from smartapp.sandbox import addresses, faults
from smartapp.sandbox.models import Authorization, Client, Launch, Token
from smartapp.sandbox.people import Person
from smartapp.sandbox.refusals import invalid_request

MAX_VALUE_CHARACTERS = 16_384
FORM = "application/x-www-form-urlencoded"


class Parameters(OAuth2Payload):
    """Parameters by name, each once; repeated ones are kept to be refused (E7).

    A parameter without a value counts as omitted (RFC 6749 §3.1, §3.2).
    """

    def __init__(self, values: QueryDict) -> None:
        self._datalist = {name: [str(v) for v in found] for name, found in values.lists()}
        self._data = {name: found[0] for name, found in self._datalist.items() if found[0]}

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._datalist

    def add(self, name: str, value: str) -> None:
        self._data[name] = value

    def repeated(self) -> list[str]:
        return sorted(name for name, found in self._datalist.items() if len(found) > 1)


class SandboxRequest(OAuth2Request):
    """A request to an OAuth endpoint.

    Its `uri` is built from PUBLIC_URL, as announced to clients, whatever Host header was sent.
    """

    payload: Parameters
    client: Client | None
    user: Person | None
    authorization_code: Authorization | None
    refresh_token: Token | None
    launch: Launch | None = None
    patient: str = ""
    offered: tuple[str, ...] = ()
    """The requested scopes that this EHR can grant."""
    granted: tuple[str, ...] = ()
    unconfirmed: bool = False
    """Whether the user must still confirm that this app is tried, and its redirect URI."""
    signed_in_at: float = 0
    fault_here: str = ""
    """The fault in this request's URL; a form field of that name is not one.

    The pages of an authorization carry the URL's parameters along in their forms.
    """

    def __init__(self, request: HttpRequest, endpoint: str) -> None:
        super().__init__(
            request.method or "", addresses.endpoint(endpoint), headers=dict(request.headers)
        )
        self.payload = Parameters(QueryDict())

    @property
    def consent(self) -> Authorization | None:
        """The consent behind a code or refresh token; None for 2-legged clients."""
        if self.authorization_code:
            return self.authorization_code
        return self.refresh_token.authorization if self.refresh_token else None

    @property
    def faults(self) -> faults.Faults:
        """The faults in effect: the client's quirks, those of its launch, and that of this
        request."""
        quirks = self.client.quirks if self.client else ""
        return faults.parse(quirks, self.carried_faults, self.fault_here)

    @property
    def carried_faults(self) -> str:
        """The faults that were chosen for the launch of this request."""
        source = self.consent or self.launch
        return source.faults if source else ""

    @property
    def chosen_faults(self) -> str:
        """The faults of the launch and of this request, as stored with an authorization."""
        return faults.joined(self.carried_faults, self.fault_here)

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data

    @property
    def args(self) -> dict[str, str | None]:
        return dict(self.payload.data)


@contextmanager
def readable() -> Iterator[None]:
    """Refuse what Django cannot read: too large requests, and forms that are not UTF-8 (E7)."""
    try:
        yield
    except (SuspiciousOperation, BadRequest) as exc:
        raise invalid_request("E7", "The request is too large, or its form is not UTF-8.") from exc


def query_of(request: HttpRequest) -> QueryDict:
    with readable():
        return request.GET


def parameters_of(request: HttpRequest) -> QueryDict:
    """Return the query of a GET; otherwise the form in the body, which must be one (S20)."""
    if request.method == "GET":
        return query_of(request)
    if request.content_type != FORM:
        raise invalid_request("S20", f"The body must be {FORM}.")
    with readable():
        return request.POST


def validate_shape(oauth: SandboxRequest) -> None:
    """Refuse repeated, huge and non-text parameters, and unknown faults (E7, S66)."""
    repeated = oauth.payload.repeated()
    if repeated:
        raise invalid_request("E7", f"The parameter {repeated[0]} is repeated.")
    for name, value in oauth.payload.data.items():
        if len(value) > MAX_VALUE_CHARACTERS:
            raise invalid_request("E7", f"The parameter {name} is too long.")
        if not {"\x00", "\ufffd"}.isdisjoint(name + value):
            raise invalid_request("E7", f"The parameter {name} is not text.")
    try:
        faults.parse(oauth.fault_here)
    except faults.FaultUnknown as exc:
        raise invalid_request("S66", str(exc)) from exc
