"""npm `fhirclient`, the browser client of SMART's own authors, unchanged: launch, read, refresh.

It cannot send a nonce, and its refresh names no client_id.
"""

import json
from typing import Any

import pytest

from tests.sandbox.clients.conftest import PLAIN_SECRET, Sandbox, node_app, registered

PUBLIC = ("--kind=public",)
BASIC = ("--kind=web", "--client-secret-env=STRANGERS_PLAIN_SECRET")
KEYS = ("--kind=web",)
DOCUMENTED = "openid fhirUser offline_access patient/*.read"
"""The scopes of its own examples; it adds `launch` by itself."""


def launched(
    sandbox: Sandbox, node: str, options: tuple[str, ...], start: str, username: str, **more: Any
) -> dict[str, Any]:
    client_id = f"fhirclient-js-{abs(hash((options, start, str(more))))}"
    settings = registered(sandbox, client_id, *options, secret=PLAIN_SECRET, **more)
    with node_app(node, settings, "smart.mjs") as origin:
        address = start.format(origin=origin, client_id=client_id)
        told: dict[str, Any] = json.loads(sandbox.allow(address, username=username).text)
    return told


EHR = "/sandbox/launch?client_id={client_id}"
STANDALONE = "{origin}/start"


@pytest.mark.parametrize("options", [PUBLIC, (*PUBLIC, "--world=strict"), BASIC])
@pytest.mark.parametrize(
    ("start", "username"), [(EHR, "clinician"), (STANDALONE, "patient"), (STANDALONE, "clinician")]
)
def test_launch_read_refresh(
    sandbox: Sandbox, node: str, options: tuple[str, ...], start: str, username: str
) -> None:
    """No nonce, no `launch/patient`, and a refresh without client_id (S12, S15, S31)."""
    told = launched(sandbox, node, options, start, username, app_scope=DOCUMENTED)
    assert told["read"] == told["patient"]
    assert told["conditions"] > 0
    assert told["user"].startswith("Patient/" if username == "patient" else "Practitioner/")
    assert told["refreshed"] is True
    assert told["scope"] == (f"{DOCUMENTED} launch" if start is EHR else DOCUMENTED)


def test_launch_without_any_scope_of_its_own(sandbox: Sandbox, node: str) -> None:
    """The library then asks for " launch", with the space."""
    told = launched(sandbox, node, PUBLIC, EHR, "clinician")
    assert (told["scope"], told["banner"]) == ("launch", True)
    assert told["patient"]
    assert told["encounter"]


def test_signed_assertion_at_the_code_and_none_at_the_refresh(sandbox: Sandbox, node: str) -> None:
    """The library authenticates at the code only, so its refresh is refused (S24)."""
    told = launched(sandbox, node, KEYS, EHR, "clinician", app_scope=DOCUMENTED)
    assert told["read"] == told["patient"]
    assert "401" in told["refreshed"] or "invalid_client" in told["refreshed"]
