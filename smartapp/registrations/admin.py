"""The admin pages of registrations: add an EHR, see its sheet, check its discovery."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from smartapp import http
from smartapp.as_shown import AsShownAdmin
from smartapp.audit import trail
from smartapp.diagnosis import doctor
from smartapp.diagnosis.doctor_page import DoctorPage, configs
from smartapp.registrations import registering, registry, sheet, signing
from smartapp.registrations.adding_page import AddingPage
from smartapp.registrations.discovery_page import DiscoveryPages, State, state, with_last_document
from smartapp.registrations.forms import EndpointForm, EndpointFormSet, RegistrationForm
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import Group, of_group

STILL_NEEDED = (
    "Launches that are stored here, open or ended: {launches}. Revocations of which the EHR is "
    "still to be told: {waiting}. Untick Enabled instead: then nobody can use this EHR any more. "
    "Open launches can be ended under Launches. Each is deleted by itself when its longest time is "
    "over, which is 12 hours, or 90 days where a patient has allowed lasting access; after that "
    "the registration can be deleted, too."
)


def actor(request: HttpRequest) -> str:
    return request.user.get_username()


class EndpointInline(admin.StackedInline):
    model = Endpoint
    form = EndpointForm
    formset = EndpointFormSet
    fields = (
        "fhir_base_url", "name", "enabled", "issuers", "pkce_unannounced", "slug", "discovery",
    )  # fmt: skip
    readonly_fields = ("discovery",)
    extra = 0
    min_num = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        return with_last_document(super().get_queryset(request))

    @admin.display(description="Discovery")
    def discovery(self, endpoint: Endpoint) -> str:
        if endpoint._state.adding:
            return "Read as soon as it is saved."
        return format_html(
            '{}. <a href="{}">What this EHR publishes</a>',
            state(endpoint),
            reverse("admin:registrations_endpoint_discovery", args=[endpoint.pk]),
        )


@admin.register(Registration)
class RegistrationAdmin(AsShownAdmin, AddingPage, DiscoveryPages, DoctorPage):
    form = RegistrationForm
    when_empty = (
        "No EHR is registered yet. Press Add registration, and paste the FHIR base URL that the "
        "vendor gave you."
    )

    class Media:
        css = {"all": ("registrations/admin.css",)}
        js = ("registrations/copy.js",)

    inlines = (EndpointInline,)
    # The slug is in the redirect URI, which the vendor compares byte for byte (C3).
    readonly_fields = ("slug", "registration_sheet")
    fieldsets = (
        ("What to enter at the vendor", {"fields": ("registration_sheet",)}),
        (None, {"fields": ("name", *of_group(Group.IDENTITY), "preset", "enabled")}),
        (
            Group.AUTHENTICATION.value,
            {"fields": ("client_secret", "key_set", *of_group(Group.AUTHENTICATION))},
        ),
        (Group.SCOPES.value, {"fields": of_group(Group.SCOPES)}),
        (Group.QUIRKS.value, {"fields": of_group(Group.QUIRKS), "classes": ("collapse",)}),
        (Group.READING.value, {"fields": of_group(Group.READING)}),
        (Group.FRAMES.value, {"fields": ("slug", *of_group(Group.FRAMES))}),
    )
    list_display = ("name", "client_id", "auth_method", "endpoint_names", "state")
    list_filter = ("enabled", "auth_method")
    search_fields = ("name", "client_id", "slug", "endpoints__name", "endpoints__fhir_base_url")

    @admin.display(description="Endpoints")
    def endpoint_names(self, registration: Registration) -> str:
        return ", ".join(endpoint.name for endpoint in registration.endpoints.all())

    @admin.display(description="State")
    def state(self, registration: Registration) -> str:
        """Return the states of its endpoints, each once, the most urgent first."""
        states = {state(endpoint) for endpoint in registration.endpoints.all()}
        return "; ".join(one for one in State if one in states) or "Has no endpoint yet"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Registration]:
        endpoints = with_last_document(Endpoint.objects.all())
        return super().get_queryset(request).prefetch_related(Prefetch("endpoints", endpoints))

    @admin.display(description="Registration sheet")
    def registration_sheet(self, registration: Registration) -> SafeString:
        """Show every address exactly as the vendor's portal needs it, and no secret. The vendor is
        told about the registration once, even if it has several endpoints."""
        endpoints = registration.endpoints.select_related("registration__key_set")
        first = endpoints.first()
        context = {
            "sheet": sheet.sheet(registry.describe(first)) if first else None,
            "is_backend": registration.is_backend,
            "endpoint_count": endpoints.count(),
        }
        return render_to_string("registrations/sheet.html", context)

    def get_form(
        self,
        request: HttpRequest,
        obj: Registration | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[RegistrationForm]:
        form = cast(type[RegistrationForm], super().get_form(request, obj, change, **kwargs))
        form.actor = actor(request)  # Django creates the class again for each request
        return form

    def save_model(
        self, request: HttpRequest, obj: Registration, form: forms.ModelForm, change: bool
    ) -> None:
        now = timezone.now()
        obj.created_at = obj.created_at if change else now
        obj.updated_at = now
        chosen = form.cleaned_data.get("key_set")
        obj.key_set = signing.key_set_for(
            obj, chosen.slug if chosen else obj.slug, now=now, actor=actor(request)
        )
        registering.follow_preset(obj)
        registering.store_registration(
            obj, form.cleaned_data.get("client_secret"), actor=actor(request)
        )

    def save_formset(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formset: Any,
        change: bool,  # noqa: ARG002 - Django's signature
    ) -> None:
        formset.save(commit=False)
        for endpoint in formset.deleted_objects:
            trail.record(actor(request), "endpoint.delete", f"endpoint {endpoint.slug}")
            endpoint.delete()
        for endpoint_form in formset.forms:
            if endpoint_form.has_changed() and endpoint_form not in formset.deleted_forms:
                self._save_endpoint(request, endpoint_form)
        transaction.on_commit(lambda: self._look(request, form.instance))

    def _save_endpoint(self, request: HttpRequest, form: EndpointForm) -> None:
        endpoint = form.instance
        now = timezone.now()
        endpoint.created_at = now if endpoint._state.adding else endpoint.created_at
        endpoint.updated_at = now
        registering.set_base(endpoint, endpoint.fhir_base_url)
        registering.move(endpoint, actor=actor(request))
        if "issuers" in form.changed_data:
            endpoint.issuers = form.cleaned_data["issuers"]
        registering.store_endpoint(endpoint, actor=actor(request))

    def _look(self, request: HttpRequest, registration: Registration) -> None:
        """Read the discovery of endpoints that have nothing pinned, after the transaction because
        it takes time."""
        for warning in registering.left_open(registration):
            self.message_user(request, warning, messages.WARNING)
        for config in configs(registration):
            if not config.pinned_hosts:
                for warning in http.run(doctor.warnings(config, actor=actor(request))):
                    self.message_user(request, f"{config.name}: {warning}", messages.WARNING)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Say why a registration cannot be deleted yet, and what to do. Django says instead that
        even a superuser may not delete launches, or lists each of them."""
        delete, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if not protected:
            return delete, counts, lacking, protected
        endpoints = Endpoint.objects.filter(registration__in=objs)
        # In one query, each launch would be joined with each revocation.
        launches = endpoints.aggregate(count=Count("launches"))["count"]
        untold = Q(revocations__given_up_at=None)
        waiting = endpoints.aggregate(count=Count("revocations", filter=untold))["count"]
        said = STILL_NEEDED.format(launches=launches, waiting=waiting)
        return delete, counts, set(), [said]

    def delete_model(self, request: HttpRequest, obj: Registration) -> None:
        trail.record(actor(request), "registration.delete", f"registration {obj.slug}")
        super().delete_model(request, obj)
        transaction.on_commit(registry.forget)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Registration]) -> None:
        for registration in queryset:
            self.delete_model(request, registration)
