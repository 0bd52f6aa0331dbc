"""The registration form for other developers' apps; the rules are in `registering`."""

import json
from typing import Any

from django import forms

from smartapp.sandbox import faults, registering
from smartapp.sandbox.models import Client, client_secret_digest, find_client, new_secret
from smartapp.sandbox.registering import RegistrationInvalid
from smartapp.sandbox.worlds import World

SEVERAL = forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})
GENERATED_ID_PREFIX = "0oa"
NOT_KEPT = "new_secret"
"""A field that is not part of the client's record."""
DECISIVE = frozenset({"kind", "world", "auth_method", "profile"})
"""Without these the other fields cannot be checked."""


class ClientForm(forms.Form):
    """Fields for someone who sees this EHR for the first time; help texts say what each is for."""

    name = forms.CharField(max_length=200, help_text="What people read on the consent page.")
    kind = forms.ChoiceField(
        choices=Client.Kind,
        initial=Client.Kind.WEB,
        help_text="2-legged: no person, client_credentials. 3-legged: a person signs in. "
        "Public: it runs where no secret can be kept.",
    )
    world = forms.ChoiceField(
        choices=World,
        help_text="Each has its own addresses and knows its own apps only. Discovery says in "
        "production and preview what athenahealth says, in strict and bcp what is true.",
    )
    auth_method = forms.ChoiceField(
        label="Authentication",
        choices=[(one.value, one.label) for one in Client.REGISTERED_METHODS],
        initial=Client.AuthMethod.PRIVATE_KEY_JWT,
        help_text="A client secret is made here and shown once.",
    )
    new_secret = forms.BooleanField(
        label="Make a new client secret", required=False,
        help_text="The old one ends at once. Nobody can show it again.",
    )  # fmt: skip
    jwks_url = forms.CharField(
        label="JWKS URL", required=False, max_length=500,
        help_text="Where your app publishes its public keys. This server fetches them.",
    )  # fmt: skip
    jwks = forms.CharField(
        label="… or the key set itself",
        required=False,
        max_length=65_536,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text='Public keys only: {"keys": […]}. One to five are recommended.',
    )
    redirect_uris = forms.CharField(
        label="Redirect URIs", required=False, widget=SEVERAL,
        help_text="One per line; compared byte for byte. None for 2-legged services.",
    )  # fmt: skip
    launch_url = forms.CharField(
        label="Launch URL", required=False, max_length=500,
        help_text="What the EHR opens with iss and launch; the launcher lists apps that have one.",
    )  # fmt: skip
    standalone_url = forms.CharField(
        label="Standalone URL", required=False, max_length=500,
        help_text="Where a person starts at your app; a link in the launcher.",
    )  # fmt: skip
    post_logout_redirect_uris = forms.CharField(
        label="Post-logout redirect URIs", required=False, widget=SEVERAL, help_text="One per line."
    )
    scope = forms.CharField(
        label="Scopes", required=False, widget=SEVERAL,
        help_text="All it may ever ask for, divided by spaces. Empty: everything there is.",
    )  # fmt: skip
    profile = forms.ChoiceField(
        label="Rules",
        choices=[(one.value, one.label) for one in Client.REGISTERED_PROFILES],
        initial=Client.Profile.STRICT,
        help_text="How this server treats your app; try all three. In strict and bcp they are the "
        "world's own.",
    )  # fmt: skip
    access_token_seconds = forms.IntegerField(
        label="Life of access tokens in seconds", initial=3600, min_value=1, max_value=86_400,
        error_messages={"min_value": "At least 1 second.", "max_value": "At most 86400 seconds."},
        help_text="Short lives show soon whether refreshing works.",
    )  # fmt: skip
    token_requests_per_minute = forms.IntegerField(
        label="Token requests per minute", initial=0, min_value=0, max_value=1000,
        help_text="More get a 429. athenahealth: 5 in preview, 50 in production. 0: no limit.",
    )  # fmt: skip
    quirks = forms.MultipleChoiceField(
        label="Quirks in every launch",
        required=False,
        choices=[
            (fault.name, f"{fault.name}: {fault.does}")
            for fault in faults.FAULTS.values()
            if fault.habit_of or fault.name in {"refresh-rotates", "token-jwt"}
        ],
        widget=forms.CheckboxSelectMultiple,
    )
    client_id = forms.CharField(
        label="Client id", required=False, max_length=200,
        help_text="Empty: one is made up for you.",
    )  # fmt: skip

    def register(self) -> tuple[Client, str] | None:
        """Return the client and its new secret, if it has one; None if a field was refused.

        All problems are reported together: the record is checked even if some fields were refused.
        """
        if self.errors.keys() & DECISIVE:
            return None
        values = self._usual_values() | self.cleaned_data
        known = find_client(self.initial.get("client_id"))
        client_id = known.client_id if known else values["client_id"] or _made_up_id()
        if known is None and find_client(client_id):
            self._refuse(RegistrationInvalid("client_id", "This client id is taken."))
        client, secret = _client(client_id, values, known, self._imported_jwks(values["jwks"]))
        for problem in registering.problems(client):
            self._refuse(problem)
        return None if self.errors else (registering.register(client), secret)

    def _usual_values(self) -> dict[str, Any]:
        """Return default values for refused fields, so that the others can be checked."""
        usual = {name: field.initial or "" for name, field in self.fields.items()}
        return usual | {"quirks": [], "jwks_url": self.data.get("jwks_url", "")}

    def _imported_jwks(self, text: str) -> dict[str, Any] | None:
        """Return the key set; for a refused one, an empty set."""
        if not text.strip():
            return {"keys": []} if "jwks" in self.errors else None
        try:
            return registering.imported_jwks(text.strip().encode())
        except RegistrationInvalid as exc:
            self._refuse(exc)
            return {"keys": []}

    def _refuse(self, problem: RegistrationInvalid) -> None:
        """Add the error to its field, unless the field already has one."""
        field = problem.field if problem.field in self.fields else None
        if field is None or field not in self.errors:
            self.add_error(field, str(problem))


def initial_values(client: Client) -> dict[str, Any]:
    """Return the form's initial values for a client."""
    values = {name: getattr(client, name) for name in ClientForm.base_fields if name != NOT_KEPT}
    if client.is_tried:
        del values["auth_method"], values["profile"]
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        values[name] = "\n".join(values[name])
    imported = client.jwks if client.jwks and not client.jwks_url else None
    values["jwks"] = json.dumps(imported, indent=1) if imported else ""
    values["quirks"] = [name for name in client.quirks.split(",") if name]
    return values


def _made_up_id() -> str:
    return GENERATED_ID_PREFIX + "".join(c for c in new_secret() if c.isalnum())[:17]


def _client(
    client_id: str, values: dict[str, Any], known: Client | None, jwks: dict[str, Any] | None
) -> tuple[Client, str]:
    """Return the client as filled in, and its new secret if there is one. An existing secret is
    kept."""
    secret, secret_digest = "", ""
    if values["auth_method"] == Client.AuthMethod.CLIENT_SECRET_BASIC:
        secret_digest = known.secret_digest if known and not values["new_secret"] else ""
        if not secret_digest:
            secret = new_secret()
            secret_digest = client_secret_digest(client_id, secret)
    several = {
        name: values[name].split() for name in ("redirect_uris", "post_logout_redirect_uris")
    }
    same = ("name", "kind", "world", "auth_method", "profile", "jwks_url", "launch_url",
            "standalone_url", "access_token_seconds", "token_requests_per_minute")  # fmt: skip
    client = Client(
        client_id=client_id,
        secret_digest=secret_digest,
        jwks=jwks,
        scope=" ".join(values["scope"].split()),
        quirks=",".join(values["quirks"]),
        **several,
        **{name: values[name] for name in same},
    )
    return client, secret
