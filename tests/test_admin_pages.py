"""The admin site on a phone: one stylesheet makes every list fit, and labels each cell."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from smartapp.audit.models import AuditEvent
from smartapp.launches.models import Revocation
from tests.registrations.factories import make_registration

STYLESHEET = settings.BASE_DIR / "static" / "app" / "admin.css"
LISTS = [
    (model, of_model)
    for model, of_model in admin.site._registry.items()
    if type(of_model).__module__.startswith("smartapp.")
]
OTHERS = (User, Group, AuditEvent, Revocation)  # never empty, or said in another way


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


@pytest.fixture
def admin_client(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ann", password="x"))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "of_model"), [one for one in LISTS if one[0] not in OTHERS])
def test_an_empty_list_says_how_it_fills(model: Any, of_model: Any, admin_client: Client) -> None:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    assert of_model.when_empty in admin_client.get(address).content.decode()
    # A search that finds nothing does not mean that there is nothing, nor does a year without any.
    narrowed = [{"q": "zzz"}]
    if of_model.date_hierarchy:
        narrowed.append({f"{of_model.date_hierarchy}__year": "2020"})
    for query in narrowed:
        assert of_model.when_empty not in admin_client.get(address, query).content.decode()


@pytest.mark.django_db
def test_lists_say_that_their_times_are_in_utc(admin_client: Client) -> None:
    """An administrator compares them with a log, or with the clock on the wall."""
    at = AuditEvent.objects.latest("id").at
    page = admin_client.get(reverse("admin:audit_auditevent_changelist")).content.decode()

    assert f"{at:%Y-%m-%d %H:%M} UTC" in page


@pytest.mark.django_db
def test_the_home_page_begins_with_the_first_ehr(admin_client: Client) -> None:
    first = "No EHR is registered yet"
    assert first in admin_client.get("/admin/").content.decode()

    make_registration()
    assert first not in admin_client.get("/admin/").content.decode()
