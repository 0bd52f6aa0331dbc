"""A list on disk, a registration for patients, and the command."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from smartapp.registrations import discovery, registry
from smartapp.registrations.models import Registration
from tests.registrations.factories import make_registration

Import = Callable[..., str]


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    registry.forget()
    discovery.forget()


@pytest.fixture
def registration(transactional_db: None) -> Registration:
    return make_registration("vendor", name="The vendor")


@pytest.fixture
def import_list(tmp_path: Path) -> Import:
    """Import a document under one name, and return what the command printed."""

    def run(document: object, *options: str, name: str = "list.json") -> str:
        (tmp_path / name).write_text(json.dumps(document))
        output = StringIO()
        call_command("import_brands", str(tmp_path / name), *options, stdout=output)
        return output.getvalue()

    return run
