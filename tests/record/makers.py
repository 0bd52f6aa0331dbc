"""Records that others made, for what holds for every resource: HL7's own examples of R4 (npm), and
what two generators make, clinosim (a hospital and its patients' physiology) and carebundle (in part
damaged on purpose)."""

import json
import subprocess
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from smartapp.record.elements import Resource, mapping
from smartapp.record.texts import text
from tests.record.published import hl7_examples


def hl7(_: Path) -> Iterator[Resource]:
    return _resources(map(_parsed, hl7_examples()))


def carebundle(_: Path) -> Iterator[Resource]:
    # Here, because to import it takes each process of the tests a second.
    from carebundle import PROFILES, Imperfection, generate_history, inject_defects

    damage = Imperfection(
        missing_field=0.1,
        out_of_order_timestamp=0.1,
        unparseable_value=0.1,
        unknown_code_system=0.1,
    )
    for seed, profile in enumerate([*PROFILES] * 20):
        history = generate_history(profile=profile, seed=seed, visits=12)
        bundle = history.model_dump(mode="json", by_alias=True, exclude_none=True)
        if seed % 2:
            bundle = inject_defects(bundle, damage, seed=seed)[0]
        yield from _resources([_parsed(json.dumps(bundle))])


def clinosim(folder: Path) -> Iterator[Resource]:
    program = f"{sysconfig.get_path('scripts')}/clinosim"
    half_a_year = ["--start", "2026-05-01", "--end", "2026-11-01"]
    command = [program, "simulate", "-p", "40", "-s", "3", *half_a_year, "--format", "fhir-r4"]
    subprocess.run([*command, "-o", str(folder)], check=True, capture_output=True)  # noqa: S603
    for file in sorted((folder / "fhir_r4").glob("*.ndjson")):
        yield from _resources(map(_parsed, file.read_text("utf-8").splitlines()))


MAKERS = {"HL7": hl7, "carebundle": carebundle, "clinosim": clinosim}


def of_patients(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """Return the resources by the patient that they name; each with an id of its own, as an EHR
    gives one."""
    found: dict[str, list[Resource]] = defaultdict(list)
    given: Counter[tuple[str, str]] = Counter()
    for resource in resources:
        kind, known = resource["resourceType"], text(resource.get("id"))
        given[kind, known] += 1
        if not known or given[kind, known] > 1:
            resource = {**resource, "id": f"{known}again{given[kind, known]}"}
        found[_patient(resource)].append(resource)
    return found


def _patient(resource: Resource) -> str:
    if resource["resourceType"] == "Patient":
        return text(resource.get("id"))
    whose = (mapping(resource.get(name)) for name in ("subject", "patient", "beneficiary"))
    written = next((text(one.get("reference")) for one in whose if one), "")
    return written.rpartition("/")[2].removeprefix("urn:uuid:")


def _parsed(written: str) -> Any:
    return json.loads(written, parse_float=Decimal)


def _resources(files: Iterable[Any]) -> Iterator[Resource]:
    for file in files:
        if file.get("resourceType") != "Bundle":
            yield file
            continue
        inner = [mapping(entry.get("resource")) for entry in file.get("entry", [])]
        yield from _resources(one for one in inner if one.get("resourceType"))
