"""The files of `people/`: `python -m tools.sandbox_people` writes them, and a test compares
them."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tools.sandbox_people.cast import CAST
from tools.sandbox_people.chart import chart_of
from tools.sandbox_people.people import Person
from tools.sandbox_people.practice import practice_resources
from tools.sandbox_people.resources import related_person_id

Resource = dict[str, Any]


def library() -> dict[str, bytes]:
    """Return the uncompressed content by file name."""
    files = {"practice.ndjson.gz": ndjson(practice_resources())}
    for person in CAST:
        files[f"{person.id}.ndjson.gz"] = ndjson(_linked(person, chart_of(person)))
    notes = {person.id: person.note for person in CAST}
    files["index.json"] = json.dumps(notes, indent=2, ensure_ascii=False).encode() + b"\n"
    return files


def write_library(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write the files whose content has changed; return their names.

    The uncompressed content is compared, because compressors differ between machines.
    """
    changed = [name for name, text in files.items() if text_of(folder / name) != text]
    for name in changed:
        packed = gzip.compress(files[name], 9, mtime=0) if name.endswith(".gz") else files[name]
        (folder / name).write_bytes(packed)
    for stale in {path.name for path in folder.iterdir()} - files.keys():
        (folder / stale).unlink()
        changed.append(stale)
    return changed


def text_of(path: Path) -> bytes | None:
    if not path.exists():
        return None
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def ndjson(resources: Iterable[Resource]) -> bytes:
    lines = (json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in resources)
    return "".join(f"{line}\n" for line in lines).encode()


def _linked(person: Person, chart: list[Resource]) -> list[Resource]:
    """Return the chart, with the Patient linked to the RelatedPersons that are the same person."""
    links = [
        {
            "other": {"reference": f"RelatedPerson/{related_person_id(ward, index)}"},
            "type": "seealso",
        }
        for ward in CAST
        for index, guardian in enumerate(ward.guardians, start=1)
        if guardian.patient == person.id
    ]
    if links:
        chart[0]["link"] = links
    return chart
