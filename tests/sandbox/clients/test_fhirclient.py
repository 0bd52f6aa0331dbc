"""PyPI `fhirclient`, the Python client of SMART's own authors, unchanged: launch, read, refresh.

Its Basic header is not url-encoded as RFC 6749 §2.3.1 requires, so its secrets have only plain
letters.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation

from tests.sandbox.clients.conftest import PLAIN_SECRET, Sandbox
from tests.sandbox.conftest import KeyServer, serve

SCOPE = "offline_access patient/Patient.rs patient/Observation.rs"


@pytest.fixture
def origin() -> Iterator[str]:
    """Where the app's redirect URI leads; any page will do: fhirclient reads the address."""
    server = KeyServer([])
    http = serve(server)
    yield server.url.removesuffix("/jwks.json")
    http.shutdown()
    http.server_close()


def connected(
    sandbox: Sandbox, origin: str, client_id: str, *options: str, **settings: Any
) -> FHIRClient:
    """Register the app and connect it as a patient, or as a clinician after an EHR launch."""
    redirect_uri = f"{origin}/callback"
    record = sandbox.register(client_id, f"--redirect-uri={redirect_uri}", *options)
    secret = PLAIN_SECRET if record["auth_method"] == "client_secret_basic" else None
    app = FHIRClient(
        {
            "app_id": client_id,
            "app_secret": secret,
            "api_base": record["fhir_base_url"],
            "redirect_uri": redirect_uri,
            **settings,
        }
    )
    username = "clinician" if "launch_token" in settings else "patient"
    app.handle_callback(sandbox.allow(app.authorize_url, username=username).url)
    return app


def test_launch_with_its_own_scopes(sandbox: Sandbox, origin: str) -> None:
    """With openid and no nonce; `user/*.*` is narrowed to reading (S12)."""
    app = connected(sandbox, origin, "python-own-scopes", "--kind=public")
    assert app.patient.id == app.patient_id


def test_launch_from_the_ehr_with_its_own_scopes(sandbox: Sandbox, origin: str) -> None:
    """S14."""
    launch_url = f"--launch-url={origin}/launch"
    sandbox.register("python-ehr", "--kind=public", f"--redirect-uri={origin}/callback", launch_url)
    launch = sandbox.started("python-ehr")["launch"]
    app = connected(sandbox, origin, "python-ehr", "--kind=public", launch_url, launch_token=launch)
    assert app.patient.id == app.patient_id


@pytest.mark.parametrize(
    ("client_id", "options"),
    [
        ("python-public", ("--kind=public",)),
        ("python-confidential", ("--kind=web", "--client-secret-env=STRANGERS_PLAIN_SECRET")),
    ],
)
def test_launch_read_refresh(
    sandbox: Sandbox, origin: str, client_id: str, options: tuple[str, ...]
) -> None:
    """It finds the endpoints in the CapabilityStatement (S60) and refreshes without scope."""
    app = connected(sandbox, origin, client_id, *options, scope=SCOPE)
    assert app.patient.id == app.patient_id
    first = app.server.auth.access_token
    assert app.reauthorize()
    assert app.server.auth.access_token != first
    search = Observation.where({"patient": app.patient_id, "_count": "5"})
    found = list(islice(search.perform_resources_iter(app.server), 12))
    assert len(found) == 12  # three pages
    assert {one.subject.reference for one in found} == {f"Patient/{app.patient_id}"}


def test_athenas_rules_refuse_a_refresh_without_scope(sandbox: Sandbox, origin: str) -> None:
    """fhirclient never names a scope in a refresh (S30).

    athenahealth: "Your app will also need to specify in the scope parameter".
    """
    options = ("--kind=web", "--client-secret-env=STRANGERS_PLAIN_SECRET", "--profile=athena")
    app = connected(sandbox, origin, "python-athena", *options, scope=SCOPE)
    with pytest.raises(Exception, match="400"):
        app.reauthorize()
