"""The options of a registration, which an administrator or a vendor's preset may set; each is
declared once.

A field of `RegistrationOptions` is the whole declaration. Django's own parameters give its label,
help, type, default and rules. `option` adds its place in the admin, its name on the command line
and whether a preset sets it. The model, the forms, the command, the sheet, `EndpointConfig` and the
audit trail are derived from it.
"""

from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.text import capfirst

from smartapp.keys.models import Algorithm
from smartapp.protocol.client_assertion import (
    LIFETIME_SECONDS,
    LONGEST_LIFETIME_SECONDS,
    SHORTEST_LIFETIME_SECONDS,
)
from smartapp.registrations import validation
from smartapp.registrations.lists_of_texts import LinesModelField

REASON_LENGTH = 300


class AuthMethod(models.TextChoices):
    PRIVATE_KEY_JWT = "private_key_jwt", "Signed assertion (private_key_jwt)"
    CLIENT_SECRET_BASIC = "client_secret_basic", "Client secret (Basic)"
    NONE = "none", "Public client with PKCE (none)"


class AssertionType(models.TextChoices):
    """The header `typ` of a client assertion if it is not SMART's JWT (C63, C68)."""

    CLIENT_AUTHENTICATION = "client-authentication+jwt", "client-authentication+jwt"


class IntrospectionMethod(models.TextChoices):
    """How an EHR wants to be asked about a token. With GET the token is in the address (T26)."""

    POST = "POST", "POST, as RFC 7662 says"
    GET = "GET", "GET, with the token in the address"


class Group(Enum):
    """Where an option is in the admin."""

    IDENTITY = auto()
    AUTHENTICATION = "How this app authenticates"
    SCOPES = "What it asks for"
    QUIRKS = "What this vendor wants otherwise"
    READING = "What is read and shown"
    FRAMES = "Addresses and frames"


class Fills(Enum):
    """When a vendor's preset sets an option: never, for a new registration, or whenever the
    registration gets that preset."""

    NEVER = auto()
    NEW = auto()
    ALWAYS = auto()


class Asked(Enum):
    """When an administrator is asked: on the page that adds an EHR, there below "More", or
    later."""

    FIRST = auto()
    FOLDED = auto()
    LATER = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What Django does not know about an option.

    `flag`: its name on the command line if that differs from the field's. `on_sheet`: the sheet
    shows it even with its usual value. `is_pasted`: one line that somebody else issued, which is
    never cut.
    """

    group: Group
    fills: Fills = Fills.NEVER
    asked: Asked = Asked.LATER
    flag: str = ""
    metavar: str | None = None
    on_sheet: bool = False
    is_pasted: bool = False


F = TypeVar("F", bound="models.Field[Any, Any]")
_declared: dict[int, Declared] = {}


def option(model_field: F, **declared: Any) -> F:
    """Make a field of `RegistrationOptions` an option."""
    _declared[model_field.creation_counter] = Declared(**declared)
    return model_field


class RegistrationOptions(models.Model):
    """The options, in the order in which they are shown."""

    client_id = option(
        models.TextField(
            "client id",
            blank=True,
            validators=[validation.validate_client_id],
            help_text="As the vendor's portal shows it. Until it is entered, nobody can launch.",
        ),
        group=Group.IDENTITY,
        fills=Fills.NEW,
        asked=Asked.FIRST,
        is_pasted=True,
        metavar="ID",
        on_sheet=True,
    )
    auth_method = option(
        models.CharField(
            "authentication",
            max_length=32,
            choices=AuthMethod.choices,
            default=AuthMethod.PRIVATE_KEY_JWT,
        ),
        group=Group.AUTHENTICATION,
        asked=Asked.FIRST,
        on_sheet=True,
    )
    alg = option(
        models.CharField(
            "algorithm",
            max_length=5,
            choices=Algorithm.choices,
            default=Algorithm.RS384,
            help_text="Signs the client assertion; the vendor must expect this one.",
        ),
        group=Group.AUTHENTICATION,
        fills=Fills.NEW,
        asked=Asked.FOLDED,
        on_sheet=True,
    )
    assertion_audience = option(
        models.TextField(
            "audience of the assertion",
            blank=True,
            validators=[validation.validate_url],
            help_text="Audience of the client assertion. Empty: the token endpoint, as SMART says. "
            "athenahealth wants a URL of its own.",
        ),
        group=Group.AUTHENTICATION,
        asked=Asked.FOLDED,
        is_pasted=True,
        flag="--audience",
        metavar="URL",
    )
    scope = option(
        models.TextField(
            "scopes of clinicians",
            blank=True,
            validators=[validation.validate_scope],
            help_text="Asked for when a clinician launches from the EHR. Empty: this registration "
            "is for patients only, as where a vendor gives a client id of its own for them. With "
            "system/ scopes only, it is 2-legged: it obtains tokens without a person and launches "
            "nobody.",
        ),
        group=Group.SCOPES,
        fills=Fills.NEW,
        asked=Asked.FOLDED,
        on_sheet=True,
    )
    standalone_scope = option(
        models.TextField(
            "scopes of patients",
            blank=True,
            validators=[validation.validate_standalone_scope],
            help_text="Asked for when a patient connects. Empty: patients cannot connect.",
        ),
        group=Group.SCOPES,
        fills=Fills.NEW,
        asked=Asked.FOLDED,
        on_sheet=True,
    )
    assertion_typ = option(
        models.CharField(
            "type of the assertion",
            max_length=32,
            blank=True,
            choices=AssertionType.choices,
            help_text="Empty: JWT, as SMART says. Newer OAuth servers want the other.",
        ),
        group=Group.QUIRKS,
    )
    assertion_lifetime_seconds = option(
        models.PositiveSmallIntegerField(
            "lifetime of the assertion",
            default=LIFETIME_SECONDS,
            validators=[
                MinValueValidator(SHORTEST_LIFETIME_SECONDS),
                MaxValueValidator(LONGEST_LIFETIME_SECONDS),
            ],
            help_text=f"Seconds; SMART and Epic allow {LONGEST_LIFETIME_SECONDS} at most. "
            f"Empty: {LIFETIME_SECONDS}.",
        ),
        group=Group.QUIRKS,
        metavar="SECONDS",
    )
    send_jku = option(
        models.BooleanField(
            "send our JWKS URL in the assertion (jku)",
            default=False,
            help_text="SMART allows it. It is always this registration's own URL, the one that the "
            "vendor has.",
        ),
        group=Group.QUIRKS,
    )
    send_client_id = option(
        models.BooleanField(
            "send the client id in the body too",
            default=False,
            help_text="SMART says no; some servers look a client up by it before anything else.",
        ),
        group=Group.QUIRKS,
    )
    send_secret_as_it_is = option(
        models.BooleanField(
            "send secret as it is",
            default=False,
            help_text="Client secrets are form-url-encoded before they are sent, as OAuth says; "
            "some servers want them as they are.",
        ),
        group=Group.QUIRKS,
        fills=Fills.ALWAYS,
    )
    send_scope_on_refresh = option(
        models.BooleanField(
            "send scope on refresh",
            default=False,
            help_text="athenahealth requires it; elsewhere it is optional.",
        ),
        group=Group.QUIRKS,
        fills=Fills.ALWAYS,
    )
    introspection_method = option(
        models.CharField(
            "introspection",
            max_length=4,
            choices=IntrospectionMethod.choices,
            default=IntrospectionMethod.POST,
            help_text="With GET the token is in the address, which servers and proxies on the way "
            "may log: only for an EHR that documents nothing else, as athenahealth does.",
        ),
        group=Group.QUIRKS,
        fills=Fills.ALWAYS,
    )
    aud_without_slash = option(
        models.BooleanField(
            "leave out the slash at the end of aud",
            default=False,
            help_text="A patient's launch names the FHIR base URL as it is published, in most "
            "lists with a slash at its end. Some servers compare it with one that has none. A "
            "launch from the EHR gets back what the EHR sent.",
        ),
        group=Group.QUIRKS,
    )
    refresh_tokens_persist = option(
        models.BooleanField(
            "a refresh token may be used more than once",
            default=False,
            help_text="Tick it only where the vendor says that a refresh does not use its token "
            "up. When the answer to a refresh is lost, the refresh is then sent once more. "
            "Otherwise people open the app again: an EHR that gives a new token each time takes a "
            "second use of the old one for theft, and may end all that the person allowed.",
        ),
        group=Group.QUIRKS,
        fills=Fills.ALWAYS,
    )
    token_requests_per_minute = option(
        models.PositiveSmallIntegerField(
            "limit on token requests a minute",
            null=True,
            blank=True,
            validators=[MinValueValidator(1)],
            help_text="How many the vendor takes from this client id in any minute, from all "
            "processes together. Sign-ins go first; a refresh waits for its turn. Empty: no limit.",
        ),
        group=Group.QUIRKS,
        fills=Fills.ALWAYS,
        metavar="NUMBER",
    )
    pkce_unannounced = option(
        models.CharField(
            "takes PKCE unannounced, because",
            max_length=REASON_LENGTH,
            blank=True,
            help_text="This app always sends PKCE with S256, and stops launches where an EHR does "
            "not list it. If the vendor says that its servers take it although they do not list "
            "it, write here who said so and when. An EHR that lists other methods only is never "
            "asked.",
        ),
        group=Group.QUIRKS,
        asked=Asked.FOLDED,
        metavar="REASON",
    )
    # How long this EHR keeps our JWKS at most, whatever our Cache-Control says, according to its
    # preset; a new key waits for that long. 0: as our header says. Empty: not known.
    jwks_cache_seconds = option(
        models.PositiveIntegerField("keeps our JWKS for (seconds)", null=True, editable=False),
        group=Group.QUIRKS,
        fills=Fills.ALWAYS,
        asked=Asked.NEVER,
    )
    record_number_system = option(
        models.CharField(
            "system of record numbers",
            max_length=255,
            blank=True,
            validators=[validation.validate_identifier_system],
            help_text="Which of a patient's numbers is this hospital's own: the URI that the EHR "
            "gives as its system, e.g. urn:oid:1.2.3.4. Empty: the number that the EHR marks as "
            "the usual one comes first.",
        ),
        group=Group.READING,
        is_pasted=True,
        metavar="URI",
    )
    # Origins of the EHR's own pages that may show the app in a frame (C150). Empty: none.
    frame_ancestors = option(
        LinesModelField(
            "may show this app in a frame",
            default=list,
            blank=True,
            validators=[validation.validate_origins],
            help_text="Origins of the EHR's own pages, one a line, e.g. https://ehr.example. "
            "Empty: nobody.",
        ),
        group=Group.FRAMES,
        flag="--frame-ancestor",
        metavar="ORIGIN",
    )
    # For an EHR whose sign-in refuses to be framed (C153).
    sign_in_in_window = option(
        models.BooleanField(
            "signs in in a window of its own",
            default=False,
            help_text="The EHR shows the app in a frame, and lets nobody sign in inside one, as "
            "Oracle does. The frame then has a button that opens the app in a new window.",
        ),
        group=Group.FRAMES,
        fills=Fills.ALWAYS,
    )

    class Meta:
        abstract = True


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name, its field and its declaration."""

    name: str
    field: "models.Field[Any, Any]"
    declared: Declared

    @property
    def label(self) -> str:
        return capfirst(str(self.field.verbose_name))

    @property
    def usual(self) -> Any:
        """The value that a registration has if nothing else is set."""
        return frozen(self.field.get_default())

    def add_to(self, parser: ArgumentParser) -> None:
        """Add the option to the command line. None: the stored value stays."""
        flag = self.declared.flag or f"--{self.name.replace('_', '-')}"
        text = str(self.field.help_text) or self.label
        help_text = text.partition(". ")[0].rstrip(".").replace("%", "%%")
        parser.add_argument(flag, dest=self.name, help=help_text, **self._of_the_argument())

    def _of_the_argument(self) -> dict[str, Any]:
        if isinstance(self.field, models.BooleanField):
            return {"action": BooleanOptionalAction, "default": None}
        if choices := [value for value, _ in self.field.choices or ()]:
            return {"choices": choices}
        if isinstance(self.field, LinesModelField):
            return {"action": "append", "metavar": self.declared.metavar}
        is_number = isinstance(self.field, models.IntegerField)
        return {"type": int if is_number else str, "metavar": self.declared.metavar}


def frozen(value: Any) -> Any:
    """Return the value in the form for a frozen dataclass."""
    return tuple(value) if isinstance(value, list) else value


OPTIONS = {
    one.name: Option(one.name, one, _declared[one.creation_counter])
    for one in RegistrationOptions._meta.local_fields
}


def names(is_wanted: Callable[[Declared], bool]) -> tuple[str, ...]:
    """Return the names of the options that match, in their order."""
    return tuple(name for name, one in OPTIONS.items() if is_wanted(one.declared))


def asked_for() -> tuple[str, ...]:
    """Return the names of the options that an administrator sets."""
    return names(lambda one: one.asked is not Asked.NEVER)


def of_group(group: Group) -> tuple[str, ...]:
    return names(lambda one: one.group is group and one.asked is not Asked.NEVER)


def widgets() -> dict[str, forms.Widget]:
    """Return the widgets that differ from Django's choice for the type of the option."""
    lines = {name: forms.Textarea(attrs={"rows": 4, "cols": 80}) for name in of_group(Group.SCOPES)}
    return lines | {name: pasted() for name in names(lambda one: one.is_pasted)}


def pasted() -> forms.Widget:
    """Return a one-line text box that cuts nothing."""
    return forms.TextInput(
        attrs={"class": "vTextField", "spellcheck": "false", "autocomplete": "off"}
    )


def values(registration: RegistrationOptions) -> dict[str, Any]:
    """Return the options of a row in the form of `EndpointConfig`."""
    return {name: frozen(getattr(registration, name)) for name in OPTIONS}


if TYPE_CHECKING:
    # For type checkers, so that the type of each option is only declared in the model's field.
    class OptionValues(RegistrationOptions):  # noqa: DJ008 - no model at run time
        pass

else:
    OptionValues = make_dataclass(
        "OptionValues",
        [(name, object, field(default=one.usual)) for name, one in OPTIONS.items()],
        frozen=True,
        slots=True,
        kw_only=True,
    )
