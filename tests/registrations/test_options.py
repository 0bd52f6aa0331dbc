"""Each option is declared once; admin, command, sheet, launch and audit trail follow."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command, load_command_class

from smartapp.audit.models import AuditEvent
from smartapp.registrations import registry
from smartapp.registrations.admin import RegistrationAdmin
from smartapp.registrations.forms import RegistrationForm
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import OPTIONS, Asked, Option, asked_for, frozen
from smartapp.registrations.validation import validate_identifier_system
from tests.registrations.factories import make_endpoint

EACH = pytest.mark.parametrize("name", asked_for())
# Of each kind of value, one that is not the usual one.
OTHER: dict[str, Any] = {
    "auth_method": "none",
    "alg": "ES384",
    "scope": "launch openid patient/Patient.r",
    "standalone_scope": "launch/patient openid",
    "assertion_typ": "client-authentication+jwt",
    "assertion_lifetime_seconds": 200,
    "introspection_method": "GET",
    "token_requests_per_minute": 7,
    "frame_ancestors": ["https://ehr.example"],
    "assertion_audience": "https://ehr.example/token",
}


def other(one: Option) -> Any:
    value = OTHER.get(one.name, "urn:other" if one.usual == "" else not one.usual)
    assert frozen(value) != one.usual
    return value


def run(*arguments: str) -> str:
    output = StringIO()
    base = "http://127.0.0.1:1/fhir/r4"
    call_command("register_ehr", base, "--name", "General", *arguments, stdout=output)
    return output.getvalue()


def flags(one: Option) -> list[str]:
    """What is typed to give the option its other value."""
    flag = one.declared.flag or f"--{one.name.replace('_', '-')}"
    value = other(one)
    if value is True:
        return [flag]
    return [flag, value[0] if isinstance(value, list) else str(value)]


@EACH
def test_it_stands_in_the_admin_with_a_label(name: str) -> None:
    shown = [field for _, part in RegistrationAdmin.fieldsets for field in part["fields"]]
    assert shown.count(name) == 1
    assert RegistrationForm.base_fields[name].label == OPTIONS[name].label


@EACH
def test_the_command_line_has_it_with_words(name: str) -> None:
    parser = load_command_class("smartapp.registrations", "register_ehr").create_parser("", "")
    (action,) = [one for one in parser._actions if one.dest == name]
    assert action.default is None, "what is not given stays"
    assert action.help


@pytest.mark.django_db(transaction=True)
@EACH
def test_what_is_given_reaches_launches_sheet_and_audit_trail(name: str) -> None:
    one = OPTIONS[name]
    client_id = [] if name == "client_id" else ["--client-id", "abc"]
    sheet = json.loads(run(*client_id, *flags(one), "--json"))
    assert frozen(sheet[name]) == frozen(other(one))

    config = registry.describe(Endpoint.objects.get())
    assert getattr(config, name) == frozen(other(one))
    event = AuditEvent.objects.get(action="registration.create")
    assert event.detail[name] == other(one)


@pytest.mark.django_db(transaction=True)
@EACH
def test_the_sheet_of_a_person_says_what_is_not_as_usual(name: str) -> None:
    assert f"{OPTIONS[name].label}:" in run(*flags(OPTIONS[name]))


@pytest.mark.django_db(transaction=True)
def test_a_change_is_recorded_with_what_it_was() -> None:
    run("--client-id", "abc", "--send-jku")
    run("--no-send-jku", "--frame-ancestor", "https://ehr.example")

    event = AuditEvent.objects.get(action="registration.change")
    assert event.detail["before"] == {"send_jku": True, "frame_ancestors": []}


@pytest.mark.django_db
def test_what_only_a_preset_knows_nobody_is_asked_for() -> None:
    hidden = [name for name, one in OPTIONS.items() if one.declared.asked is Asked.NEVER]
    assert hidden == ["jwks_cache_seconds"]
    assert not set(hidden) & RegistrationForm.base_fields.keys()


@pytest.mark.django_db
def test_an_endpoints_description_has_every_option_of_the_row() -> None:
    endpoint = make_endpoint()
    config = registry.describe(endpoint)
    for name in OPTIONS:
        assert getattr(config, name) == frozen(getattr(endpoint.registration, name))
    assert {field.name for field in Registration._meta.get_fields()} >= OPTIONS.keys()


@pytest.mark.parametrize("system", ["MRN", "1.2.3.4", "urn:oid:1 2", ":x"])
def test_a_system_of_record_numbers_is_a_uri(system: str) -> None:
    with pytest.raises(ValidationError):
        validate_identifier_system(system)
    validate_identifier_system("urn:oid:1.2.3.4")
    validate_identifier_system("http://hospital.example/mrn")
