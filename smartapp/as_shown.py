"""Forms that do not overwrite what somebody else has saved since the page was opened.

A form sends all its fields, also those that nobody touched. So the second of two administrators who
have the same page open would undo what the first one saved: switch an EHR on again, give rights
back, forget that an EHR holds a copy of the keys.
"""

import hashlib
import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms.models import model_to_dict
from django.http import HttpRequest

SHOWN = "as_shown"
CHANGED_MEANWHILE = (
    "Nothing was saved: somebody else has changed this since you opened the page. Open it anew to "
    "see what it is now, and make your change there."
)


class AsShownForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A form that remembers in a hidden field what it showed."""

    as_shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial[SHOWN] = self._digest(self.instance)

    def clean_as_shown(self) -> str:
        """Refuse what was changed meanwhile. The row is locked until the caller's transaction ends:
        of two people who save at the same moment, the second one waits and is refused."""
        shown: str = self.cleaned_data[SHOWN]
        if shown and self.instance.pk:
            rows = type(self.instance)._default_manager.select_for_update()
            now = rows.filter(pk=self.instance.pk).first()
            if now is None or shown != self._digest(now):
                self.add_error(None, ValidationError(CHANGED_MEANWHILE, code="changed-meanwhile"))
        return shown

    def values_of(self, row: Model) -> list[dict[str, Any]]:
        """Return what the page shows of the row, as far as it can be changed there."""
        names = [name for name, field in self.fields.items() if not field.disabled]
        fields = model_to_dict(row, fields=names)
        return [{name: _in_order(value) for name, value in fields.items()}]

    def _digest(self, row: Model) -> str:
        values = json.dumps(self.values_of(row), default=_plain, sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()[:16]


def _in_order(value: object) -> object:
    """Return the keys of a many-to-many field's rows, which a database may give in any order."""
    if isinstance(value, list) and all(isinstance(one, Model) for one in value):
        return sorted(one.pk for one in value)
    return value


def _plain(value: object) -> str:
    return str(value.pk if isinstance(value, Model) else value)


class AsShownAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """An admin page with such a form."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self.has_change_permission(request, obj):
            return fieldsets
        *before, (name, options) = fieldsets
        return [*before, (name, {**options, "fields": (*options["fields"], SHOWN)})]
