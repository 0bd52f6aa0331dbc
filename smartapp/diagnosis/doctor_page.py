"""The doctor for administrators: its findings on a page, each as it comes."""

import secrets
from collections.abc import AsyncIterator

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from smartapp.audit import origin
from smartapp.diagnosis import doctor
from smartapp.diagnosis.finding import Finding, is_healthy
from smartapp.registrations import registry
from smartapp.registrations.models import Registration
from smartapp.registrations.registry import EndpointConfig

PAGE = "registrations/doctor.html"
FINDING = "registrations/finding.html"


class DoctorPage(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The view of `RegistrationAdmin` that runs the checks."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.doctor_view)
        name = "registrations_registration_doctor"
        return [path("<int:registration_id>/doctor/", view, name=name), *super().get_urls()]

    def doctor_view(self, request: HttpRequest, registration_id: int) -> HttpResponseBase:
        """Show what a check is; a POST runs it. It asks the EHR and may pin what was never read,
        so it takes the right to change."""
        registration = get_object_or_404(Registration, pk=registration_id)
        if not self.has_change_permission(request, registration):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Check {registration.name}",
            "registration": registration,
        }
        if request.method != "POST":
            return TemplateResponse(request, PAGE, context)
        here = secrets.token_hex()
        page = render_to_string(PAGE, context | {"findings": here}, request)
        head, _, tail = page.partition(here)
        response = StreamingHttpResponse(_stream(request, head, configs(registration), tail))
        response["X-Accel-Buffering"] = "no"  # a proxy must not collect the lines
        return response


async def _stream(
    request: HttpRequest, head: str, endpoints: list[EndpointConfig], tail: str
) -> AsyncIterator[str]:
    yield head
    healthy = True
    for config in endpoints:
        yield render_to_string(FINDING, {"endpoint": config})
        async for finding in _findings(request, config):
            healthy = healthy and is_healthy([finding])
            yield render_to_string(FINDING, {"finding": finding})
    yield render_to_string(FINDING, {"done": True, "healthy": healthy, "none": not endpoints})
    yield tail


async def _findings(request: HttpRequest, config: EndpointConfig) -> AsyncIterator[Finding]:
    """Yield the findings; what is recorded meanwhile came with the request, which the middleware
    has let go before the first line."""
    findings = doctor.examine(config, actor=request.user.get_username())
    while True:
        # Not around the yield: whoever reads the stream is not part of the request.
        with origin.of(request):
            finding = await anext(findings, None)
        if finding is None:
            return
        yield finding


def configs(registration: Registration) -> list[EndpointConfig]:
    """Return the endpoints of a registration, without client secrets."""
    endpoints = registration.endpoints.filter(left_at=None).select_related("registration__key_set")
    return [registry.describe(endpoint) for endpoint in endpoints.prefetch_related("overrides")]
