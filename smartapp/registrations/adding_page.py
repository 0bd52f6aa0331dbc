"""The page on which an administrator adds an EHR by pasting its FHIR base URL.

One page with two steps. *Look* reads what the EHR publishes and compares it with what this app
needs; nothing is stored. *Add* stores it, and the registration's page then shows what to enter in
the vendor's portal. The client id may be entered last, because vendors issue it for the addresses
on that page.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from smartapp import http
from smartapp.diagnosis import doctor, ehr_side
from smartapp.diagnosis.finding import Finding
from smartapp.keys.models import Algorithm, KeySet
from smartapp.registrations import options, presets, registering, registry, smart_launcher
from smartapp.registrations.forms import SLUG_ERRORS, RegistrationForm
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import Asked, AuthMethod
from smartapp.registrations.registering import Wanted
from smartapp.registrations.validation import is_backend, validate_base_url, without_document

FIRST = options.names(lambda one: one.asked is Asked.FIRST)
ASKED = (*FIRST, *options.names(lambda one: one.asked is Asked.FOLDED))
SALT = "what was found at an EHR"
FOUND_AGE = timedelta(hours=1)
FOLDED = ("key_set", *options.names(lambda one: one.asked is Asked.FOLDED), "slug")


class LaunchedBy(TextChoices):
    BOTH = "both", "Clinicians and patients"
    CLINICIANS = "clinicians", "Clinicians only"
    PATIENTS = "patients", "Patients only"


def _given(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were entered. Empty ones are left to the preset, but clinicians or
    patients who do not use the app there get no scopes."""
    given = {name: typed[name] for name in ASKED if typed.get(name)}
    launched_by = typed.get("launched_by")
    if launched_by == LaunchedBy.CLINICIANS:
        given["standalone_scope"] = ""
    if launched_by == LaunchedBy.PATIENTS and not is_backend(given.get("scope", "")):
        given["scope"] = ""
    return given


class AddForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    fhir_base_url = forms.CharField(
        label="FHIR base URL",
        widget=forms.URLInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="As the vendor gives it, e.g. https://fhir.hospital.example/fhir/r4.",
    )
    preset = RegistrationForm.base_fields["preset"]
    launched_by = forms.ChoiceField(
        label="Who uses it",
        choices=LaunchedBy.choices,
        required=False,
        help_text="Where a vendor gives one client id for clinicians and another for patients, add "
        "the EHR twice. Only one of the two can be opened from inside the EHR.",
    )
    client_secret = RegistrationForm.base_fields["client_secret"]
    key_set = RegistrationForm.base_fields["key_set"]

    class Meta:
        model = Registration
        fields = (
            "fhir_base_url",
            "name",
            "preset",
            "launched_by",
            *FIRST,
            "client_secret",
            *FOLDED,
        )
        widgets = options.widgets()
        help_texts = {
            "name": "What people call it, e.g. the hospital.",
            "client_id": "As the vendor's portal shows it. If the vendor first wants to know this "
            "app's addresses, leave it empty: the next page shows them.",
            "scope": "Empty: what this app usually needs there.",
            "standalone_scope": "Empty: what this app usually needs there.",
            "slug": "Empty: from the name. It becomes part of the redirect URI and stays.",
        }
        error_messages = {"slug": SLUG_ERRORS}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in FOLDED:
            self.fields[name].required = False
        self.fields["alg"] = forms.ChoiceField(
            label=self.fields["alg"].label,
            choices=[("", "as the vendor wants it"), *Algorithm.choices],
            required=False,
            help_text=self.fields["alg"].help_text,
        )
        self.fields["preset"].help_text = "Sets what is known of this vendor."
        self.fields[
            "client_secret"
        ].help_text = (
            "Only for authentication by client secret. Stored sealed and never shown again."
        )

    @property
    def main(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in (*self.folds, "fhir_base_url")]

    @property
    def folded(self) -> list[forms.BoundField]:
        return [self[name] for name in self.folds]

    @property
    def folds(self) -> list[str]:
        """Return the fields that are empty for most EHRs. A field that a launch needs is not
        folded."""
        return [name for name in FOLDED if name != self.open_field]

    open_field = ""

    @property
    def has_folded_errors(self) -> bool:
        return any(field.errors for field in self.folded)

    def clean_fhir_base_url(self) -> str:
        url = base_url(self.cleaned_data["fhir_base_url"])
        validate_base_url(url)
        return url

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"] or registering.slug_of(self.cleaned_data.get("name", ""))
        if not slug:
            raise ValidationError("This name gives no slug; enter one.")
        endpoints, registrations = Endpoint.objects, Registration.objects
        if registrations.filter(slug=slug).exists() or endpoints.filter(slug=slug).exists():
            raise ValidationError(f"{slug} is taken; choose another name or slug.")
        return slug

    def wanted(self) -> Wanted:
        """Return what was entered; empty fields are left to the preset."""
        data = self.cleaned_data
        return Wanted(
            fhir_base_url=data["fhir_base_url"],
            name=data["name"],
            slug=data["slug"],
            preset=data["preset"],
            client_secret=data["client_secret"] or None,
            key_set=data["key_set"].slug if data["key_set"] else None,
            options=_given(data),
        )


def base_url(pasted: str) -> str:
    """Return the FHIR base URL in the pasted text."""
    return without_document(pasted.strip())


class AddingPage(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The part of `RegistrationAdmin` that adds an EHR."""

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._filled_in(request)
        if "add" in request.POST:
            return self._add(request, AddForm(request.POST))
        return self._look_before(request)

    def _filled_in(self, request: HttpRequest) -> HttpResponse:
        """Show the page with the address from a link, for example from a launch by an unknown EHR.
        Opening a link makes no request, because whoever sent the launch or the link chose the
        address."""
        url = request.GET.get("fhir_base_url", "")
        form = AddForm(initial={"fhir_base_url": url})
        return self._adding(request, form, is_from_link=bool(url))

    def _look_before(self, request: HttpRequest) -> HttpResponse:
        """Read what the EHR publishes. Nothing is stored, and everything typed is kept except a
        secret."""
        typed = {name: str(value) for name, value in request.POST.items() if value}
        url = typed["fhir_base_url"] = base_url(typed.get("fhir_base_url", ""))
        typed.setdefault("preset", presets.guess(url).slug)
        form = AddForm(initial=typed)
        try:
            if not url:
                raise ValidationError("Paste the FHIR base URL of the EHR.")
            validate_base_url(url)
        except ValidationError as error:
            looked = "name" in request.POST  # what was typed further down stays
            return self._adding(request, form, refused=error.messages[0], looked=looked)
        if "launched_by" not in typed:
            form.initial["launched_by"] = LaunchedBy.PATIENTS if _second(url) else LaunchedBy.BOTH
        findings = http.run(_look(_as_if(url, form.initial)))
        return self._adding(request, form, **_shown(url, findings), answering=_answering(url))

    def _add(self, request: HttpRequest, form: AddForm) -> HttpResponse:
        actor = request.user.get_username()
        try:
            if form.is_valid():
                endpoint = registering.register(form.wanted(), now=timezone.now(), actor=actor)
                secret = form.cleaned_data["client_secret"] or None
                for warning in registering.about_secret(endpoint.registration, secret):
                    self.message_user(request, warning, messages.WARNING)
                return self._added(request, endpoint)
        except ValidationError as error:
            _tell(form, error)
        return self._adding(
            request,
            form,
            looked=True,
            is_secret_lost=_is_secret_lost(form),
            **_shown_before(request),
        )

    def _added(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        config = registry.describe(endpoint)
        for warning in http.run(doctor.warnings(config, actor=request.user.get_username())):
            self.message_user(request, warning, messages.WARNING)
        said = f"{endpoint.name} is added. Enter what follows in the vendor's portal."
        if not config.client_id:
            said += " Then enter the client id that the vendor gives you here: launches begin then."
        self.message_user(request, said, messages.SUCCESS)
        change = "admin:registrations_registration_change"
        return HttpResponseRedirect(reverse(change, args=[endpoint.registration_id]))

    def _adding(self, request: HttpRequest, form: AddForm, **context: Any) -> HttpResponse:
        _suggest(form, context.get("findings", []))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Add an EHR",
            "form": form,
            "looked": "findings" in context,
            **context,
        }
        return TemplateResponse(request, "registrations/add.html", context)


def _suggest(form: AddForm, findings: list[Finding]) -> None:
    """Ask for the reason to use PKCE unannounced if its absence stops launches, and suggest what is
    known about the vendor. A person decides, by pressing Add."""
    if any(one.check == ehr_side.PKCE_UNANNOUNCED for one in findings):
        form.open_field = "pkce_unannounced"
        preset = presets.of(form["preset"].value())
        form.initial.setdefault(form.open_field, preset.known_of_pkce)


def _shown(url: str, findings: list[Finding]) -> dict[str, Any]:
    """Return what the page shows about an EHR, and a signed copy that the page sends back, so that
    the EHR is not asked again only because a name was missing."""
    found = signing.dumps([url, [one.as_json() for one in findings]], salt=SALT, compress=True)
    return {"findings": findings, "guessed": presets.guess(url), "found": found}


def _shown_before(request: HttpRequest) -> dict[str, Any]:
    """Return the earlier result for this base URL that the page sent back."""
    try:
        url, findings = signing.loads(request.POST.get("found", ""), salt=SALT, max_age=FOUND_AGE)
    except signing.BadSignature:
        return {}
    if url != base_url(request.POST.get("fhir_base_url", "")):
        return {}
    return _shown(url, [Finding.from_json(one) for one in findings])


def _second(url: str) -> Endpoint | None:
    """Return the endpoint that already receives the EHR launches of this base URL (C7)."""
    return Endpoint.objects.filter(
        iss=registry.normalised_iss(url), enabled=True, opens_from_ehr=True
    ).first()


def _answering(url: str) -> Endpoint | None:
    """Return the public launcher's endpoint through which patients connect with these settings."""
    plain = registry.normalised_iss(smart_launcher.plain_base(url))
    endpoints = Endpoint.objects.filter(iss=plain, enabled=True, registration__enabled=True)
    found = endpoints.exclude(registration__standalone_scope="")
    found = found.select_related("registration__key_set")
    return next((one for one in found if registry.describe(one).answers_for(url)), None)


def _tell(form: AddForm, error: ValidationError) -> None:
    """Show each message at its field."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


def _is_secret_lost(form: AddForm) -> bool:
    """Return whether the secret must be typed again: no page ever sends one back (C70)."""
    by_secret = form.data.get("auth_method") == AuthMethod.CLIENT_SECRET_BASIC
    return by_secret and bool(form.data.get("client_secret"))


def _as_if(fhir_base_url: str, typed: Mapping[str, str]) -> registry.EndpointConfig:
    """Return the endpoint that would be stored, as far as reading its EHR needs it."""
    now = timezone.now()
    preset = presets.of(typed["preset"])
    registration = Registration(
        preset=preset.slug,
        key_set=KeySet(slug=""),
        updated_at=now,
        **presets.defaults(preset),
    )
    for name, value in _given(typed).items():
        setattr(registration, name, value)
    endpoint = Endpoint(pk=0, registration=registration, fhir_base_url=fhir_base_url)
    endpoint.updated_at = now
    return registry.describe(endpoint)


async def _look(config: registry.EndpointConfig) -> list[Finding]:
    return [finding async for finding in doctor.look_at_ehr(config)]
