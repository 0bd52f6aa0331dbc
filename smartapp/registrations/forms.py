"""The admin's forms. An EHR needs its FHIR base URL, a name and a client id; the rest is derived.

The rules are those of the models (`validation`), so that the command line has the same ones.
"""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms.models import model_to_dict
from django.utils import timezone

from smartapp.as_shown import AsShownForm
from smartapp.keys.models import KeySet
from smartapp.protocol.client_assertion import LIFETIME_SECONDS
from smartapp.registrations import registering, registry, signing
from smartapp.registrations.lists_of_texts import LinesField
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import asked_for, pasted, widgets
from smartapp.registrations.presets import PRESETS
from smartapp.registrations.registering import SCOPES
from smartapp.registrations.validation import validate_base_url, validate_own_address

SLUG_ERRORS = {"invalid": "Use letters, digits and hyphens only."}


class RegistrationForm(AsShownForm):
    actor = "system"  # who fills in the form, for the audit trail

    preset = forms.ChoiceField(
        label="Vendor",
        choices=[(preset.slug, preset.title) for preset in PRESETS.values()],
        required=False,
        help_text="Whose notes are shown above. What it sets for a new registration stays.",
    )
    client_secret = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Only for authentication by client secret. Stored sealed and never shown again. "
        "Empty: the stored one stays.",
    )
    key_set = forms.ModelChoiceField(
        KeySet.objects.all(),
        required=False,
        empty_label="a set of its own",
        help_text="Its JWKS URL is what the vendor fetches: before you choose another set, enter "
        "its URL in the vendor's portal, or every sign-in fails. Never share one between "
        "production and non-production.",
    )

    class Meta:
        model = Registration
        fields = ("name", "preset", "enabled", "client_secret", "key_set", "slug", *asked_for())
        widgets = widgets()
        error_messages = {"slug": SLUG_ERRORS}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "enabled" not in self.fields:
            return  # for those who may only look Django takes out the model's fields
        self.fields["assertion_lifetime_seconds"].required = False
        if not self.instance.client_id:
            # A checkbox that can be changed would have no effect: entering the client id enables
            # it.
            self.fields["enabled"].disabled = True
            self.fields[
                "enabled"
            ].help_text = "Switched on by itself once the client id is entered."

    def values_of(self, row: Model) -> list[dict[str, Any]]:
        endpoints = Endpoint.objects.filter(registration_id=row.pk).order_by("pk")
        shown = [model_to_dict(one, fields=EndpointForm.base_fields) for one in endpoints]
        return [*super().values_of(row), *shown]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        validate_own_address()
        for name in SCOPES:
            data[name] = " ".join(data.get(name, "").split())
        lifetime = data.get("assertion_lifetime_seconds") or LIFETIME_SECONDS
        data["assertion_lifetime_seconds"] = lifetime
        wanted = self._wanted(data)
        registering.check(wanted, data.get("client_secret"))
        self._check_alg(wanted, data.get("key_set"))
        waited = not self.instance.client_id
        data["enabled"] = registering.is_enabled(wanted, waited=waited)
        return data

    def _wanted(self, data: dict[str, Any]) -> Registration:
        """Return the registration as it would be stored, as far as its options are concerned."""
        wanted = Registration(
            pk=self.instance.pk,
            slug=self.instance.slug,
            enabled=data["enabled"],
            sealed_client_secret=self.instance.sealed_client_secret,
        )
        for name in asked_for():
            setattr(wanted, name, data.get(name, getattr(self.instance, name)))
        return wanted

    def _check_alg(self, wanted: Registration, chosen: KeySet | None) -> None:
        slug = chosen.slug if chosen else self.instance.slug
        signing.refuse_alg_too_early(wanted, slug, now=timezone.now(), actor=self.actor)


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    name = forms.CharField(
        max_length=200, required=False, help_text="What people call it. Empty: as the registration."
    )
    slug = forms.SlugField(
        max_length=63,
        required=False,
        help_text="Part of the address on which patients connect. Empty: from the name.",
        error_messages=SLUG_ERRORS,
    )
    issuers = LinesField(
        label="Expected issuers",
        required=False,
        help_text="Of the id_token, one a line. Empty: the one that discovery names now.",
    )

    registration: Registration

    class Meta:
        model = Endpoint
        widgets = {"fhir_base_url": pasted()}
        fields = ("fhir_base_url", "name", "enabled", "issuers", "pkce_unannounced", "slug")

    def clean_fhir_base_url(self) -> str:
        """Validate it before `clean` compares it with others; the model validates only later."""
        url: str = self.cleaned_data["fhir_base_url"]
        validate_base_url(url)
        return url

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        registering.set_who_launches(self.instance, self.registration)
        if "fhir_base_url" in data:
            iss = registry.normalised_iss(data["fhir_base_url"])
            wanted = Endpoint(pk=self.instance.pk, iss=iss, enabled=data.get("enabled", False))
            registering.set_who_launches(wanted, self.registration)
            registering.refuse_second(wanted)
            self._refuse_mixup(data, iss)
        registering.check_pkce(self.registration, data.get("pkce_unannounced", ""))
        return data

    def _refuse_mixup(self, data: dict[str, Any], iss: str) -> None:
        """Check the issuers only if the base stays the same: a new base loses its pinned hosts on
        saving."""
        if not self.instance.pk or iss != self.instance.iss:
            return
        stored = Endpoint.objects.select_related("registration__key_set").get(pk=self.instance.pk)
        stored.enabled = bool(data.get("enabled"))
        registering.refuse_mixup(stored, data.get("issuers") or stored.issuers)


class EndpointFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # not generic at run time
    def _construct_form(self, i: int, **kwargs: Any) -> EndpointForm:
        form = cast(EndpointForm, super()._construct_form(i, **kwargs))  # type: ignore[misc]
        form.registration = self.instance
        return form

    def clean(self) -> None:
        """Take missing values from the registration, then refuse duplicates."""
        super().clean()
        used: set[str] = set()
        for form in self.forms:
            if not form.has_changed() and form.instance._state.adding:
                continue
            data = getattr(form, "cleaned_data", {})
            if data.get("DELETE"):
                continue
            self._name(form)
            taken = {form.instance.slug}
            if "fhir_base_url" in data:
                taken.add(registry.normalised_iss(data["fhir_base_url"]))
            if taken & used:
                raise ValidationError("Two endpoints have the same FHIR base URL or slug.")
            used |= taken

    def _name(self, form: EndpointForm) -> None:
        endpoint = form.instance
        endpoint.name = endpoint.name or self.instance.name
        endpoint.slug = endpoint.slug or registering.slug_of(endpoint.name)
        others = Endpoint.objects.filter(slug=endpoint.slug).exclude(pk=endpoint.pk)
        if not endpoint.slug or others.exists():
            raise ValidationError("The name of an endpoint gives no slug of its own; enter one.")
