"""The administrators' pages that end launches, and the list of pending revocations."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from smartapp import http, vault
from smartapp.audit import trail
from smartapp.audit.admin import ReadOnlyAdmin
from smartapp.launches import ending, pending_revocations
from smartapp.launches.ending import Person, Selection
from smartapp.launches.models import Launch, Revocation
from smartapp.registrations.models import Endpoint, Registration
from smartapp.vault import Form, VaultError

END = "launches.end_launch"
SECONDS_PER_REQUEST = 20


def _refuse_unless_permitted(request: HttpRequest) -> None:
    if not request.user.has_perm(END):
        raise PermissionDenied


class EndingAdmin(ReadOnlyAdmin):
    """The page that ends launches, below the list of launches."""

    def get_urls(self) -> list[URLPattern]:
        view = never_cache(require_http_methods(["GET", "POST"])(self.end_view))
        view = self.admin_site.admin_view(view)
        return [path("end/", view, name="launches_end"), *super().get_urls()]

    def end_view(self, request: HttpRequest) -> HttpResponse:
        """Choose launches, show how many they are, and end them once that is confirmed."""
        _refuse_unless_permitted(request)
        asked = request.POST if request.method == "POST" else request.GET
        selection = _selection(request, asked)
        if selection is None:
            return self._page(request, "choose", title="End launches", **_choices())
        done = 0
        if "confirm" in request.POST:
            ended = ending.end(selection, actor=request.user.get_username())
            if ended.is_complete:
                self.message_user(request, _ended_words(ended.count), messages.SUCCESS)
                if unopened := ending.unopened(selection):
                    self.message_user(request, _unopened_words(unopened), messages.WARNING)
                return HttpResponseRedirect(_afterwards(request))
            done = ended.count
        counted = ending.count(selection)
        return self._page(
            request,
            "confirm",
            title="End launches: confirm",
            selection=selection,
            rows=[(name, kind, number) for (name, kind), number in sorted(counted.items())],
            total=counted.total(),
            unopened=_unopened_words(ending.unopened(selection)),
            done=done,
            again=_again(asked, selection),
        )

    def _page(self, request: HttpRequest, name: str, **context: Any) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"launches/end_{name}.html", {**shared, **context})


def _ended_words(count: int) -> str:
    if count == 0:
        return "There was no open launch to end."
    return (
        f"Ended here: {count}. Nobody sees anything of them any more, and their tokens are "
        "deleted. Their EHRs are told by the periodic work, or now with the button in the list "
        "of revocations to do."
    )


def _unopened_words(count: int) -> str:
    if count == 0:
        return ""
    return (
        f"Not looked into: {count}, whose key is not in this server's ENCRYPTION_KEYS. They may be "
        "of this person too. Put the key back and repeat this, or end everything of the EHR."
    )


def _afterwards(request: HttpRequest) -> str:
    name = "revocation" if request.user.has_perm("launches.view_revocation") else "launch"
    return reverse(f"admin:launches_{name}_changelist")


# --- which launches -----------------------------------------------------------------------------

# A person is passed from page to page in sealed form: no address and no page may say who it is.
PERSON_CONTEXT = "launches.ending:person"
PERSON = Form(Person)


def _selection(request: HttpRequest, asked: QueryDict) -> Selection | None:
    """Return the launches that are meant; None before anything was chosen."""
    if pk := asked.get("registration"):
        return ending.at_registration(_object(Registration, pk))
    if pk := asked.get("endpoint"):
        return ending.at_endpoint(_object(Endpoint, pk))
    if pk := asked.get("launch"):
        return ending.one(_object(Launch, pk))
    person = _person(request, asked)
    return ending.of_person(person) if person else None


def _again(asked: QueryDict, selection: Selection) -> tuple[str, str]:
    """Return the form field that selects the same launches again."""
    if selection.person:
        return "person", PERSON.seal(selection.person, PERSON_CONTEXT)
    name = next(name for name in ("registration", "endpoint", "launch") if asked.get(name))
    return name, str(asked[name])


def _person(request: HttpRequest, asked: QueryDict) -> Person | None:
    if sealed := asked.get("person"):
        try:
            return PERSON.unseal(sealed, PERSON_CONTEXT)
        except VaultError:
            raise Http404 from None
    if pk := asked.get("person_of"):
        person = ending.person_of(_object(Launch, pk))
        if person is None:
            raise Http404
        return person
    # Only from the posted form: a subject must never be in an address (C133).
    iss, sub = request.POST.get("iss", "").strip(), request.POST.get("sub", "").strip()
    return Person(iss, sub) if iss and sub else None


def _object(model: type[Any], text: str) -> Any:
    try:
        pk = UUID(text) if model is Launch else int(text)
    except ValueError:
        raise Http404 from None
    return get_object_or_404(model, pk=pk)


def _choices() -> dict[str, Any]:
    is_open = Q(launches__ended_at=None)
    endpoints = Endpoint.objects.select_related("registration").order_by("registration", "name")
    rows = list(endpoints.annotate(open_launches=Count("launches", filter=is_open)))
    return {
        "endpoints": rows,
        "registrations": Registration.objects.all(),
        "issuers": sorted({issuer for row in rows for issuer in row.issuers}),
    }


# --- pending revocations ------------------------------------------------------------------------


@admin.register(Revocation)
class RevocationAdmin(ReadOnlyAdmin):
    list_display = (
        "launch", "endpoint", "asked_at", "state", "attempts", "failure", "not_before",
    )  # fmt: skip
    list_display_links = None
    list_filter = ("endpoint", "failure")
    list_select_related = ("endpoint",)
    change_list_template = "launches/revocations.html"

    @admin.display(description="State")
    def state(self, row: Revocation) -> str:
        if row.given_up_at:
            return "given up: the EHR was never told"
        if not row.sealed_tokens.startswith(tuple(vault.ring().prefixes)):
            return "waits for a process with its key, which ENCRYPTION_KEYS lacks here"
        return "will be tried again" if row.failure else "waits"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.work_off_view))
        return [path("tell/", view, name="launches_tell"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {
            **(extra_context or {}),
            "title": "Revocations to do",
            "waiting": pending_revocations.waiting(),
            "may_end": request.user.has_perm(END),
        }
        return super().changelist_view(request, more)

    def work_off_view(self, request: HttpRequest) -> HttpResponse:
        """Send the pending revocations now, as many as one request has time for."""
        _refuse_unless_permitted(request)
        pending_revocations.make_due(timezone.now())
        told = http.run(pending_revocations.work_off(within_seconds=SECONDS_PER_REQUEST))
        left = pending_revocations.waiting()
        trail.record(
            request.user.get_username(), "launch.revoke", "revocations to do", told=told, left=left
        )
        level = messages.SUCCESS if left == 0 else messages.WARNING
        self.message_user(request, f"EHRs were told of {told}; {left} wait.", level)
        return HttpResponseRedirect(reverse("admin:launches_revocation_changelist"))
