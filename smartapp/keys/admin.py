"""Key sets as administrators see them: where each key is in its life, and what may be done now.

Keys are made and moved by `lifecycle` only; here nothing can be typed in or deleted, and the
private half is in no list, page or form (spec §3.12; T23). To look and to rotate are two rights.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from smartapp.audit.admin import ReadOnlyAdmin
from smartapp.keys import fetches, lifecycle, rehearsal, wording
from smartapp.keys.lifecycle import Line, Step, StepRefused
from smartapp.keys.models import KeySet, SigningKey

MAX_FETCH_ROWS = 20


@dataclass(frozen=True, slots=True)
class KeyRow:
    kid: str
    state: str
    life: str
    moments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineSection:
    alg: str
    next_step: str
    allowed: tuple[tuple[str, str], ...]
    keys: tuple[KeyRow, ...]


def _row(key: SigningKey, now: datetime) -> KeyRow:
    moments = (key.published_at, key.signs_from, key.signs_until, key.withdrawn_at)
    return KeyRow(
        key.kid, key.state(now), wording.life(key, now), tuple(map(wording.moment, moments))
    )


def _section(key_set: KeySet, line: Line, keys: list[SigningKey], now: datetime) -> LineSection:
    return LineSection(
        alg=line.alg,
        next_step=wording.next_step(key_set, line, now),
        allowed=tuple((step, wording.STEPS[step].label) for step in line.allowed_steps(now)),
        keys=tuple(_row(key, now) for key in keys if key.alg == line.alg),
    )


@dataclass(frozen=True, slots=True)
class FetchRow:
    who: str
    what: str
    first: str
    count: int


def _fetch_rows(key_set: KeySet, found: list[Line], now: datetime) -> list[FetchRow]:
    return [
        FetchRow(
            wording.fetcher(fetch),
            wording.seen(fetch, found, now),
            wording.moment(fetch.first_at),
            fetch.count,
        )
        for fetch in fetches.latest(key_set)[:MAX_FETCH_ROWS]
    ]


@admin.register(KeySet)
class KeySetAdmin(ReadOnlyAdmin):
    list_display = ("slug", "created_at", "what_is_next")
    search_fields = ("slug", "signing_keys__kid")

    @admin.display(description="What comes next")
    def what_is_next(self, key_set: KeySet) -> str:
        now = timezone.now()
        return " ".join(
            f"{line.alg}: {wording.next_step(key_set, line, now)}"
            for line in lifecycle.lines(key_set)
        )

    def get_urls(self) -> list[URLPattern]:
        step = path(
            "<int:pk>/<str:alg>/<str:step>/",
            self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.step_view)),
            name="keys_keyset_step",
        )
        dry_run = path(
            "<int:pk>/<str:alg>/dry-run/",
            self.admin_site.admin_view(require_POST(self.dry_run_view)),
            name="keys_keyset_dry_run",
        )
        return [dry_run, step, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, object] | None = None,  # noqa: ARG002 - Django's signature
    ) -> HttpResponse:
        """Show the lines of a key set instead of a form."""
        key_set = self.get_object(request, object_id)
        if key_set is None:
            raise Http404
        if not self.has_view_permission(request, key_set):
            raise PermissionDenied
        now = timezone.now()
        found = lifecycle.lines(key_set)
        keys = list(key_set.signing_keys.order_by("-published_at").defer("sealed_private_key"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Key set {key_set}",
            "key_set": key_set,
            "jwks_url": rehearsal.public_url(key_set),
            "sections": [_section(key_set, line, keys, now) for line in found],
            "fetches": _fetch_rows(key_set, found, now),
            "may_rotate": request.user.has_perm("keys.rotate_keyset"),
            "now": wording.moment(now),
        }
        return TemplateResponse(request, "keys/key_set.html", context)

    def step_view(self, request: HttpRequest, pk: int, alg: str, step: str) -> HttpResponse:
        """Ask before a step is taken, and take it when that was confirmed."""
        if not request.user.has_perm("keys.rotate_keyset"):
            raise PermissionDenied
        key_set = get_object_or_404(KeySet, pk=pk)
        if step not in lifecycle.TAKE or not key_set.signing_keys.filter(alg=alg).exists():
            raise Http404
        if request.method == "POST":
            return self._take(request, key_set, alg, Step(step))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{wording.STEPS[Step(step)].label} ({alg})",
            "key_set": key_set,
            "consequence": wording.STEPS[Step(step)].consequence,
        }
        return TemplateResponse(request, "keys/confirm_step.html", context)

    def dry_run_view(self, request: HttpRequest, pk: int, alg: str) -> HttpResponse:
        """Sign with the key that signs next and verify it as an EHR would; changes nothing."""
        if not request.user.has_perm("keys.rotate_keyset"):
            raise PermissionDenied
        key_set = get_object_or_404(KeySet, pk=pk)
        line = next((line for line in lifecycle.lines(key_set) if line.alg == alg), None)
        if line is None:
            raise Http404
        outcome = rehearsal.rehearse(key_set, line)
        level = messages.SUCCESS if outcome.passed else messages.ERROR
        self.message_user(request, f"Dry run: {outcome.sentence}", level)
        return HttpResponseRedirect(reverse("admin:keys_keyset_change", args=[key_set.pk]))

    def _take(self, request: HttpRequest, key_set: KeySet, alg: str, step: Step) -> HttpResponse:
        actor = request.user.get_username()
        try:
            key = lifecycle.TAKE[step](key_set, alg, now=timezone.now(), actor=actor)
        except StepRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            done = wording.STEPS[step].done
            self.message_user(request, f"{key} {done}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:keys_keyset_change", args=[key_set.pk]))


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    list_display = ("kid", "key_set", "alg", "life")
    list_filter = ("key_set", "alg")
    search_fields = ("kid",)
    fields = (
        "key_set",
        "kid",
        "alg",
        "life",
        "published_at",
        "signs_from",
        "signs_until",
        "withdrawn_at",
        "public_jwk",
    )

    @admin.display(description="Life")
    def life(self, key: SigningKey) -> str:
        return wording.life(key, timezone.now())

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        return super().get_queryset(request).select_related("key_set").defer("sealed_private_key")
