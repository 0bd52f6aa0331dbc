"""A client of the FHIR API, with any token that the test chooses."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from smartapp.sandbox.access import Access, Bearer
from smartapp.sandbox.faults import parse
from tests.sandbox.over_http import BrowserOverHTTP

BASE = "/sandbox/fhir/r4"
RENEE, GLUCOSE_DIARY, MOTHER, NEWBORN, JUST_ARRIVED = (
    "a-1.E-1001",
    "a-1.E-1009",
    "a-1.E-1004",
    "a-1.E-1005",
    "a-1.E-1013",
)
CLINICIAN = "Practitioner/a-1.Provider-1"


@dataclass
class EHR:
    """The sandbox as one client sees it, with one token at a time."""

    client: Client
    access: Access | None

    def holds(
        self,
        *scope: str,
        patient: str | None = RENEE,
        user: str | None = CLINICIAN,
        faults: str = "",
        asks_as_athena: bool = False,
    ) -> None:
        expires_at = datetime(2026, 11, 1, tzinfo=UTC)
        self.access = Access(
            "tests", scope, patient, None, user, expires_at, parse(faults), asks_as_athena
        )

    def meets(self, faults: str) -> None:
        """From now on the launch has these faults."""
        self.holds("user/*.rs", faults=faults)

    def get(self, path: str, **headers: str) -> Any:
        headers = {"Authorization": "Bearer good", **headers}
        return self.client.get(f"{BASE}/{path}", headers=headers)

    def search(self, resource_type: str, *parameters: tuple[str, str], **headers: str) -> Any:
        return self.get(f"{resource_type}?{urlencode(parameters)}", **headers)

    def found(self, resource_type: str, *parameters: tuple[str, str]) -> list[dict[str, Any]]:
        response = self.search(resource_type, *parameters)
        assert response.status_code == 200, response.content
        return matches(response)


def matches(response: Any) -> list[dict[str, Any]]:
    entries = parsed(response).get("entry", [])
    return [e["resource"] for e in entries if e["search"]["mode"] == "match"]


def parsed(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/fhir+json; charset=utf-8"
    value: dict[str, Any] = response.json()
    return value


def link(response: Any, relation: str) -> str | None:
    found = {item["relation"]: item["url"] for item in parsed(response)["link"]}
    return found.get(relation)


@pytest.fixture
def client(transactional_db: None, origin: str) -> Client:
    return BrowserOverHTTP(origin)


@pytest.fixture
def ehr(client: Client, monkeypatch: pytest.MonkeyPatch) -> EHR:
    ehr = EHR(client, None)
    ehr.holds("user/*.rs")

    def access(bearer: Bearer) -> Access | None:
        return ehr.access if bearer.token == "good" else None

    monkeypatch.setattr(Bearer, "access", property(access))
    return ehr
