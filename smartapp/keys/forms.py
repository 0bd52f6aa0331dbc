"""Forms of the key set pages. A private key goes in and is never shown again."""

from typing import Any

from django import forms

from smartapp.as_shown import AsShownForm
from smartapp.keys.importing import MAX_CHARACTERS, KeyRefused, read_private_key
from smartapp.keys.material import NewKey
from smartapp.keys.models import Algorithm, KeySet
from smartapp.keys.refusals import MAX_REASON

_UNREMEMBERED = {"autocomplete": "off", "spellcheck": "false"}


class KeySetForm(AsShownForm):
    class Meta:
        model = KeySet
        fields = ("rotate_after_days", "imported_by_vendor")


class SecretTextarea(forms.Textarea):
    """A textarea that never shows again what was typed into it."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:  # noqa: ARG002 - Django's signature
        return super().get_context(name, None, attrs)


class ImportForm(forms.Form):
    alg = forms.ChoiceField(label="Algorithm", choices=Algorithm.choices)
    private_key = forms.CharField(
        label="Private key",
        max_length=MAX_CHARACTERS,
        widget=SecretTextarea(attrs={"rows": 8, **_UNREMEMBERED}),
        help_text="PEM (also encrypted) or one JWK with its private members. It is sealed at once "
        "and never shown again, by this page or any other.",
    )
    passphrase = forms.CharField(
        label="Passphrase",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Only for an encrypted PEM.",
    )
    reason = forms.CharField(
        label="Why",
        max_length=MAX_REASON,
        help_text="In a few words and without patient data. It is kept in the audit trail.",
    )
    new_key: NewKey

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not self.errors:
            try:
                self.new_key = read_private_key(
                    given["private_key"], alg=given["alg"], passphrase=given["passphrase"]
                )
            except KeyRefused as refusal:
                self.add_error("private_key", str(refusal))
        return given
