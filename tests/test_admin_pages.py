"""The admin site on a phone: one stylesheet makes every list fit, and labels each cell."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import label_for_field

STYLESHEET = settings.BASE_DIR / "static" / "app" / "admin.css"
LISTS = [
    (model, of_model)
    for model, of_model in admin.site._registry.items()
    if type(of_model).__module__.startswith("smartapp.")
]


def test_there_are_lists() -> None:
    assert len(LISTS) >= 6


@pytest.mark.parametrize(("model", "of_model"), LISTS, ids=[model.__name__ for model, _ in LISTS])
def test_every_cell_says_on_a_phone_which_column_it_is_of(model: type, of_model: Any) -> None:
    """The column headings are not shown there."""
    said = dict(
        re.findall(r'\.field-(\w+)::before \{\s*content: "([^"]+): "', STYLESHEET.read_text())
    )
    for column in of_model.list_display:
        label = str(label_for_field(column, model, of_model))
        assert said[str(column)] == label[0].upper() + label[1:]
