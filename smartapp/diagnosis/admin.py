"""Launches for administrators: which, where, how they ended, and why. No token, no PHI."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from smartapp import http
from smartapp.audit.admin import ReadOnlyAdmin
from smartapp.diagnosis import doctor, facts, outcome, report
from smartapp.diagnosis.attempts import timeline_of
from smartapp.diagnosis.finding import Finding
from smartapp.launches import events, introspection
from smartapp.launches.end_launches_admin import END, EndingAdmin
from smartapp.launches.models import Launch, LaunchEvent, Step
from smartapp.registrations import registry

# The launch's row has the time at which its cookie was sealed.
BEGAN_WITHIN = timedelta(minutes=1)


@admin.register(Launch)
class LaunchAdmin(EndingAdmin):
    when_empty = (
        "Nobody has a launch now. One is listed when it comes back from its EHR, and until its "
        "session here is over; what happened is kept longer, under launch attempts."
    )
    list_display = ("uuid", "endpoint", "kind", "launched_at", "ended_at", "end_reason")
    list_filter = ("kind", "end_reason", "endpoint")
    date_hierarchy = "launched_at"
    list_select_related = ("endpoint",)
    # `session` and `state_digest` are nobody's business, and `sealed_tokens` is not for eyes.
    fieldsets = (
        (None, {"fields": (
            "uuid", "endpoint", "kind", "launched_at", "access_token_expires_at", "ended_at",
            "end_reason",
        )}),
        ("Renewal of its tokens", {
            "fields": ("token_version", "refresh_not_before", "refresh_uncertain_at"),
            "classes": ("collapse",),
        }),
    )  # fmt: skip
    search_fields = ("uuid",)
    search_help_text = (
        "The uuid of a launch, or a reference number. A launch that failed on its way is not "
        "here: look for its reference number in the launch attempts."
    )
    change_form_template = "launches/launch.html"
    change_list_template = "launches/launches.html"

    class Media:
        css = {"all": ("launches/admin.css",)}
        js = ("launches/copy.js",)

    def get_urls(self) -> list[URLPattern]:
        tokens = self.admin_site.admin_view(require_POST(self.tokens_view))
        return [path("<uuid:uuid>/tokens/", tokens, name="launches_tokens"), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a launch by its uuid or, for who may see attempts, by a reference number."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = set(_uuid(term))
        if request.user.has_perm("launches.view_launchevent"):
            found |= set(_launches_of_reference(reference_of(term)))
        return queryset.filter(pk__in=found), False

    def tokens_view(self, request: HttpRequest, uuid: UUID) -> HttpResponse:
        """Ask the EHR about the launch's tokens, and show what it says beside what is held."""
        if not request.user.has_perm("launches.introspect_launch"):
            raise PermissionDenied
        launch = get_object_or_404(Launch.objects.select_related("endpoint"), pk=uuid)
        enquiry = introspection.enquire(uuid, actor=request.user.get_username())
        context = {
            **self.admin_site.each_context(request),
            "title": "What the EHR says of this launch's tokens",
            "launch": launch,
            "enquiry": enquiry,
        }
        response = TemplateResponse(request, "launches/tokens.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:  # fmt: skip
        """Show the launch with its timeline, to those who may see attempts."""
        events.flush_now()
        launch = self.get_object(request, object_id)
        page = None
        if launch and request.user.has_perm("launches.view_launchevent"):
            found = timeline_of(events.key_of(launch.state_digest))
            page = report.AttemptPage(found) if found else None
        extra_context = {
            **(extra_context or {}),
            "page": page,
            "may_introspect": request.user.has_perm("launches.introspect_launch"),
            "may_end": request.user.has_perm(END),
        }
        return super().change_view(request, object_id, form_url, extra_context)


@admin.register(LaunchEvent)
class AttemptAdmin(ReadOnlyAdmin):
    """One row for each attempt: its first event, with how it went on."""

    when_empty = "Nobody has begun a launch yet, or not within 30 days."

    list_display = ("started", "reference_number", "outcome", "endpoint")
    list_display_links = None
    list_filter = ("endpoint",)
    list_select_related = ("endpoint",)
    ordering = ("-id",)
    show_full_result_count = False
    search_fields = ("reference",)
    search_help_text = "A reference number, an attempt, or the uuid of a launch."
    change_list_template = "launches/attempts.html"

    class Media:
        css = {"all": ("launches/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[LaunchEvent]:
        same = LaunchEvent.objects.filter(attempt=OuterRef("attempt"))
        rows: QuerySet[LaunchEvent] = super().get_queryset(request)
        return rows.filter(~Exists(same.filter(id__lt=OuterRef("id"))))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read the timelines of a page's attempts in one query: how each went is told by all."""
        changes = super().get_changelist_instance(request)
        rows: list[Any] = list(changes.result_list)
        timelines: dict[str, list[LaunchEvent]] = {row.attempt: [] for row in rows}
        for event in LaunchEvent.objects.filter(attempt__in=timelines).order_by("id"):
            timelines[event.attempt].append(event)
        for row in rows:
            row.timeline = timelines[row.attempt]
        changes.result_list = rows
        return changes

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str  # noqa: ARG002
    ) -> tuple[QuerySet[Any], bool]:  # fmt: skip
        """Find an attempt by any of its events, whichever of them is shown."""
        term = search_term.strip()
        if not term:
            return queryset, False
        attempts = {*_attempts_of_launch(term), *_attempts_of_reference(reference_of(term)), term}
        return queryset.filter(attempt__in=attempts), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        events.flush_now()
        looked_for = reference_of(request.GET.get(SEARCH_VAR, ""))
        return super().changelist_view(
            request, {**(extra_context or {}), "looked_for_reference": looked_for}
        )

    @admin.display(description="Started (UTC)", ordering="id")
    def started(self, event: LaunchEvent) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:launches_attempt", args=[event.attempt]),
            f"{event.at:%Y-%m-%d %H:%M:%S}",
        )

    @admin.display(description="Outcome")
    def outcome(self, event: Any) -> str:
        if event.step == Step.FLOOD:
            return f"{event.detail['not_stored']} events were counted, not stored"
        return outcome.of(event.timeline)

    @admin.display(description="Reference")
    def reference_number(self, event: Any) -> SafeString:
        references = (one.reference for one in event.timeline if one.reference)
        return format_html('<span class="launch-reference">{}</span>', next(references, ""))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.attempt_view)
        return [path("attempt/<str:attempt>/", view, name="launches_attempt"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:  # fmt: skip
        """An event has no page of its own: it is read in its attempt."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not object_id.isdecimal():
            raise Http404
        event = get_object_or_404(LaunchEvent, pk=object_id)
        return HttpResponseRedirect(reverse("admin:launches_attempt", args=[event.attempt]))

    def attempt_view(self, request: HttpRequest, attempt: str) -> HttpResponse:
        """Show an attempt and why it failed; a POST looks again at one thing, or at all, which
        takes the right that the doctor's page takes."""
        may_check = request.user.has_perm("registrations.change_registration")
        if not self.has_view_permission(request) or (request.method == "POST" and not may_check):
            raise PermissionDenied
        events.flush_now()
        timeline = timeline_of(attempt)
        if not timeline:
            raise Http404
        found = look_again(timeline, request.POST["check"]) if "check" in request.POST else ()
        page = report.AttemptPage(timeline, found)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Launch attempt",
            "page": page,
            # At an EHR that nobody registered there is nothing to check.
            "may_check": may_check and facts.endpoint_of(timeline) is not None,
            "may_add": request.user.has_perm("registrations.add_registration"),
            "launch": _launch_of(timeline),
        }
        return TemplateResponse(request, "launches/attempt.html", context)


def look_again(timeline: list[LaunchEvent], check: str) -> tuple[Finding, ...]:
    """Return what one of the doctor's checks finds now, or with "" all of them: a few requests to
    the EHR, and to our own public address as it would ask."""
    endpoint = facts.endpoint_of(timeline)
    if endpoint is None:
        return ()
    return http.run(doctor.look_again(registry.describe(endpoint), check))


def reference_of(text: str) -> str:
    """Return the reference number that somebody typed, as the pages write it; "" if it is none.
    People leave the hyphen out, read it as a blank, and write small letters."""
    characters = re.sub(r"[^A-Z0-9]", "", text.upper())
    return f"{characters[:4]}-{characters[4:]}" if len(characters) == 8 else ""


def _uuid(term: str) -> list[UUID]:
    try:
        return [UUID(term)]
    except ValueError:
        return []


def _attempts_of_launch(term: str) -> list[str]:
    digests = Launch.objects.filter(pk__in=_uuid(term)).values_list("state_digest", flat=True)
    return [events.key_of(digest) for digest in digests]


def _attempts_of_reference(reference: str) -> list[str]:
    if not reference:
        return []
    named = LaunchEvent.objects.filter(reference=reference)
    return list(named.values_list("attempt", flat=True))


def _launches_of_reference(reference: str) -> Iterator[UUID]:
    for attempt in _attempts_of_reference(reference):
        timeline = timeline_of(attempt)
        if timeline and (launch := _launch_of(timeline)):
            yield launch


def _launch_of(timeline: list[LaunchEvent]) -> UUID | None:
    """Return the launch that an attempt became, out of those that began when it did: an attempt
    does not lead back to a state."""
    first = timeline[0]
    began = (first.at - BEGAN_WITHIN, first.at + BEGAN_WITHIN)
    near = Launch.objects.filter(endpoint=first.endpoint_id, launched_at__range=began)
    rows = near.values_list("uuid", "state_digest")
    return {events.key_of(digest): uuid for uuid, digest in rows}.get(first.attempt)
