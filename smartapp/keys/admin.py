"""The admin pages of key sets: where each key is in its life, and which steps are allowed now.

Only `key_creation`, `lifecycle` and `emergency` make and change keys. On these pages no field of a
key can be edited or deleted, and no list, page or form contains a private key (T23). Viewing and
rotating are two separate permissions.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from smartapp.as_shown import SHOWN
from smartapp.audit import trail
from smartapp.audit.admin import ReadOnlyAdmin
from smartapp.keys import (
    dry_run,
    emergency,
    evidence,
    key_creation,
    lifecycle,
    panel,
    refusals,
    rotation,
    wording,
)
from smartapp.keys.forms import ImportForm, KeySetForm
from smartapp.keys.models import KeySet, SigningKey
from smartapp.keys.refusals import NothingToDo, NotNamed, StepRefused
from smartapp.keys.rotation import Line

PRESSED_TWICE = "If you pressed the button twice, the first time counted, as you see below."

GET_OR_POST = require_http_methods(["GET", "POST"])


def _refuse_unless(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(f"keys.{permission}"):
        raise PermissionDenied


def _line_or_404(key_set: KeySet, alg: str) -> Line:
    line = next((line for line in rotation.of(key_set) if line.alg == alg), None)
    if line is None:
        raise Http404
    return line


def _back_to(key_set: KeySet) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:keys_keyset_change", args=[key_set.pk]))


@admin.register(KeySet)
class KeySetAdmin(ReadOnlyAdmin):
    when_empty = "There are no keys yet. Adding a registration creates them."
    list_display = ("slug", "created_at", "what_is_next")
    search_fields = ("slug", "signing_keys__kid")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the lines of all rows of the list at once."""
        found: Any = super().get_changelist_instance(request)
        found.result_list = list(found.result_list)
        for reading in rotation.of_each(found.result_list):
            reading.key_set.reading = reading  # type: ignore[attr-defined]  # of this list only
        return found

    @admin.display(description="What comes next")
    def what_is_next(self, key_set: Any) -> str:
        now, lines = timezone.now(), key_set.reading.lines
        return " ".join(f"{line.alg}: {wording.next_step(key_set, line, now)}" for line in lines)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/settings/",
                wrap(GET_OR_POST(self.settings_view)),
                name="keys_keyset_settings",
            ),
            path(
                "<int:pk>/import/",
                wrap(GET_OR_POST(self.import_view)),
                name="keys_keyset_import",
            ),
            path(
                "<int:pk>/<str:alg>/dry-run/",
                wrap(require_POST(self.dry_run_view)),
                name="keys_keyset_dry_run",
            ),
            path(
                "<int:pk>/<str:alg>/ask/",
                wrap(require_POST(self.ask_view)),
                name="keys_keyset_ask",
            ),
            path(
                "<int:pk>/<str:alg>/<str:step>/",
                wrap(GET_OR_POST(self.step_view)),
                name="keys_keyset_step",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, object] | None = None,  # noqa: ARG002 - Django's signature
    ) -> HttpResponse:
        """Show the keys of the key set instead of a form."""
        key_set = self.get_object(request, object_id)
        if key_set is None:
            raise Http404
        if not self.has_view_permission(request, key_set):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"Key set {key_set}",
            **panel.page(key_set, request.user, timezone.now()),
        }
        return TemplateResponse(request, "keys/key_set.html", context)

    def step_view(self, request: HttpRequest, pk: int, alg: str, step: str) -> HttpResponse:
        """Ask for confirmation of a step, and take the step once it is confirmed."""
        is_emergency = step == panel.EMERGENCY
        _refuse_unless(request, "emergency_keyset" if is_emergency else "rotate_keyset")
        key_set = get_object_or_404(KeySet, pk=pk)
        _line_or_404(key_set, alg)
        if not is_emergency and step not in lifecycle.TAKE:
            raise Http404
        if request.method == "POST":
            return self._take(request, key_set, alg, step)
        return self._confirm(request, key_set, alg, step)

    def _confirm(self, request: HttpRequest, key_set: KeySet, alg: str, step: str) -> HttpResponse:
        """Show what the step does, with what was typed if it was refused before."""
        is_emergency = step == panel.EMERGENCY
        line = rotation.read(key_set, alg)
        words = panel.words_of(step)
        may_risk = request.user.has_perm("keys.emergency_keyset")
        naming = may_risk and panel.needs_naming(line, step, timezone.now())
        names = refusals.confirmation(key_set, *([alg] if is_emergency else [])) if naming else ""
        known = evidence.of(key_set, [line], timezone.now()).known if names else []
        return self._ask(
            request,
            key_set,
            title=f"{words.label} ({alg})",
            consequence=panel.consequence(step, line),
            while_signs=line.signer.kid if line.signer else "",
            before_its_time=wording.before_its_time(line) if naming and not is_emergency else "",
            affected=panel.affected_by_emergency(key_set, alg, timezone.now())
            if is_emergency
            else None,
            risky=naming,
            used_by=refusals.at_risk(key_set, alg) if naming else [],
            known=known,
            to_be_typed=names,
            typed=request.POST.get("typed", ""),
            reason=request.POST.get("reason", ""),
        )

    def _ask(self, request: HttpRequest, key_set: KeySet, **context: object) -> HttpResponse:
        shared = self.admin_site.each_context(request)
        return TemplateResponse(request, "keys/ask.html", {**shared, "key_set": key_set, **context})

    def _take(self, request: HttpRequest, key_set: KeySet, alg: str, step: str) -> HttpResponse:
        """Take the step. The names of the EHRs at risk count only if the user may put launches at
        risk."""
        may_risk = request.user.has_perm("keys.emergency_keyset")
        names = ("typed", "reason") if may_risk else ()
        risk = {name: request.POST.get(name, "").strip() for name in names}
        take: Callable[..., SigningKey] = emergency.replace_at_once
        if step != panel.EMERGENCY:
            take = lifecycle.TAKE[rotation.RotationStep(step)]
        if step == panel.EMERGENCY or step in lifecycle.WAITING:
            take = partial(take, **risk)
        if step in {panel.EMERGENCY, rotation.RotationStep.ROLL_BACK}:
            take = partial(take, while_signs=request.POST.get("while_signs", ""))
        try:
            key = take(key_set, alg, now=timezone.now(), actor=request.user.get_username())
        except NotNamed as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return self._confirm(request, key_set, alg, step)
        except NothingToDo as refusal:
            self.message_user(request, f"{refusal} {PRESSED_TWICE}", messages.ERROR)
        except StepRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            next_step = wording.next_step(key_set, rotation.read(key_set, alg), timezone.now())
            told = f"{key} {panel.words_of(step).done}. Next: {next_step}"
            self.message_user(request, told, messages.SUCCESS)
        return _back_to(key_set)

    def dry_run_view(self, request: HttpRequest, pk: int, alg: str) -> HttpResponse:
        """Sign with the key that signs next and verify as an EHR would. Changes nothing."""
        _refuse_unless(request, "rotate_keyset")
        key_set = get_object_or_404(KeySet, pk=pk)
        outcome = dry_run.rehearse(key_set, _line_or_404(key_set, alg))
        level = messages.SUCCESS if outcome.passed else messages.ERROR
        self.message_user(request, f"Dry run: {outcome.sentence}", level)
        return _back_to(key_set)

    def ask_view(self, request: HttpRequest, pk: int, alg: str) -> HttpResponse:
        """Ask the EHRs that issue tokens to the app itself (2-legged) whether they accept the next
        key."""
        _refuse_unless(request, "rotate_keyset")
        key_set = get_object_or_404(KeySet, pk=pk)
        line, actor = _line_or_404(key_set, alg), request.user.get_username()
        for outcome in dry_run.ask_ehrs(line, actor=actor, now=timezone.now()):
            level = messages.SUCCESS if outcome.passed else messages.ERROR
            self.message_user(request, outcome.sentence, level)
        return _back_to(key_set)

    def settings_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Edit what happens automatically: the age limit, and whether an EHR imported the keys."""
        _refuse_unless(request, "rotate_keyset")
        key_set = get_object_or_404(KeySet, pk=pk)
        form = KeySetForm(request.POST or None, instance=key_set)
        with transaction.atomic():
            if request.method == "POST" and form.is_valid():
                wanted = {k: v for k, v in form.cleaned_data.items() if k != SHOWN}
                KeySet.objects.filter(pk=pk).update(**wanted)
                actor = request.user.get_username()
                trail.record(actor, "keys.settings", f"key set {key_set}", **wanted)
                self.message_user(request, wording.habits(key_set), messages.SUCCESS)
                return _back_to(key_set)
        return self._ask_with_form(request, key_set, form, "What happens by itself", "Save")

    @method_decorator(sensitive_post_parameters())
    def import_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Import a private key that was made elsewhere."""
        _refuse_unless(request, "import_keyset")
        key_set = get_object_or_404(KeySet, pk=pk)
        form = ImportForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            now, actor = timezone.now(), request.user.get_username()
            try:
                reason = form.cleaned_data["reason"]
                key = key_creation.import_key(
                    key_set, form.new_key, now=now, actor=actor, reason=reason
                )
            except StepRefused as refusal:
                form.add_error("private_key", str(refusal))
            else:
                life = wording.life(key, now)
                self.message_user(request, f"{key} is imported. {life}", messages.SUCCESS)
                return _back_to(key_set)
        return self._ask_with_form(
            request, key_set, form, "Import a key", "Import", wording.importing(key_set)
        )

    def _ask_with_form(
        self,
        request: HttpRequest,
        key_set: KeySet,
        form: forms.BaseForm,
        title: str,
        button: str,
        consequence: str = "",
    ) -> HttpResponse:
        return self._ask(
            request, key_set, title=title, form=form, button=button, consequence=consequence
        )


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    when_empty = KeySetAdmin.when_empty
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
