"""A list of texts in a row of the database, and in a form one on each line."""

from typing import Any

from django import forms
from django.db import models
from django.utils.text import capfirst


class LinesField(forms.CharField):
    """A list of texts, one on each line."""

    widget = forms.Textarea(attrs={"rows": 3, "cols": 80})

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        lines = (super().to_python(value) or "").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != (initial or [])

    def run_validators(self, value: Any) -> None:
        """Do nothing: the model's field validates the list as a whole."""


class LinesModelField(models.JSONField):
    """A list of texts; in the database an ordinary JSONField."""

    def formfield(self, *_: Any, **kwargs: Any) -> Any:
        label = capfirst(kwargs.get("label", self.verbose_name))
        return LinesField(label=label, help_text=self.help_text, required=not self.blank)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs
