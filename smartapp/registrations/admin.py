"""The administrators' door to registrations: add an EHR, see its sheet, judge its discovery."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from smartapp import http
from smartapp.audit import trail
from smartapp.registrations import registering, registry, sheet
from smartapp.registrations.discovery_page import DiscoveryPages
from smartapp.registrations.doctor_page import DoctorPage, configs
from smartapp.registrations.forms import EndpointForm, EndpointFormSet, RegistrationForm
from smartapp.registrations.models import Endpoint, Registration


def actor(request: HttpRequest) -> str:
    return request.user.get_username()


class EndpointInline(admin.StackedInline):
    model = Endpoint
    form = EndpointForm
    formset = EndpointFormSet
    fields = ("fhir_base_url", "name", "enabled", "issuers", "slug", "discovery")
    readonly_fields = ("discovery",)
    extra = 0
    min_num = 1

    @admin.display(description="Discovery")
    def discovery(self, endpoint: Endpoint) -> str:
        if endpoint._state.adding:
            return "Read as soon as it is saved."
        hosts = ", ".join(endpoint.pinned_hosts)
        return format_html(
            '{} <a href="{}">What this EHR publishes</a>',
            f"Pinned to {hosts}." if hosts else "Not read yet, so nobody can launch.",
            reverse("admin:registrations_endpoint_discovery", args=[endpoint.pk]),
        )


@admin.register(Registration)
class RegistrationAdmin(DiscoveryPages, DoctorPage):
    form = RegistrationForm
    inlines = (EndpointInline,)
    list_display = ("name", "client_id", "auth_method", "endpoint_names", "enabled")
    list_filter = ("enabled", "auth_method")
    search_fields = ("name", "client_id", "slug", "endpoints__name", "endpoints__fhir_base_url")

    @admin.display(description="Endpoints")
    def endpoint_names(self, registration: Registration) -> str:
        return ", ".join(endpoint.name for endpoint in registration.endpoints.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Registration]:
        return super().get_queryset(request).prefetch_related("endpoints")

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Registration | None = None,
    ) -> tuple[str, ...]:
        # The slug is in the redirect URI that the vendor compares byte for byte (C3).
        return () if obj is None else ("slug", "registration_sheet")

    def get_fieldsets(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Registration | None = None,
    ) -> Any:
        authentication = ("auth_method", "client_secret", "key_set", "alg", "assertion_audience")
        asked = ("scope", "standalone_scope")
        quirks = (
            "assertion_typ",
            "assertion_lifetime_seconds",
            "send_jku",
            "send_client_id",
            "send_secret_as_it_is",
            "send_scope_on_refresh",
            "introspection_method",
            "refresh_tokens_persist",
            "token_requests_per_minute",
        )
        vendor = [("What to enter at the vendor", {"fields": ("registration_sheet",)})]
        # Folded when an EHR is added: base URL, name and client id are enough.
        classes = () if obj else ("collapse",)
        return [
            *(vendor if obj else ()),
            (None, {"fields": ("name", "client_id", "preset", "enabled")}),
            ("How this app authenticates", {"fields": authentication, "classes": classes}),
            ("What it asks for", {"fields": asked, "classes": classes}),
            ("What this vendor wants otherwise", {"fields": quirks, "classes": ("collapse",)}),
            ("Addresses and frames", {"fields": ("slug", "frame_ancestors"), "classes": classes}),
        ]

    @admin.display(description="Registration sheet")
    def registration_sheet(self, registration: Registration) -> SafeString:
        """Every address as the vendor's portal needs it, to the letter; no secret."""
        sheets = [sheet.sheet(config) for config in configs(registration)]
        return render_to_string("registrations/sheet.html", {"sheets": sheets})

    def save_model(
        self, request: HttpRequest, obj: Registration, form: forms.ModelForm, change: bool
    ) -> None:
        now = timezone.now()
        obj.created_at = obj.created_at if change else now
        obj.updated_at = now
        chosen = form.cleaned_data.get("key_set")
        obj.key_set = registering.key_set_for(
            obj, chosen.slug if chosen else obj.slug, now=now, actor=actor(request)
        )
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
        registering.move(endpoint, endpoint.fhir_base_url)
        if "issuers" in form.changed_data:
            endpoint.issuers = form.cleaned_data["issuers"]
        registering.store_endpoint(endpoint, actor=actor(request))

    def _look(self, request: HttpRequest, registration: Registration) -> None:
        """Read discovery of what is not pinned yet: after the transaction, as it takes time."""
        for config in configs(registration):
            if not config.pinned_hosts:
                for warning in http.run(registering.look(config, actor=actor(request))):
                    self.message_user(request, f"{config.name}: {warning}", messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Registration) -> None:
        trail.record(actor(request), "registration.delete", f"registration {obj.slug}")
        super().delete_model(request, obj)
        transaction.on_commit(registry.forget)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Registration]) -> None:
        for registration in queryset:
            self.delete_model(request, registration)
