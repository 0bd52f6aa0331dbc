"""Published test vectors; README.md names the source of each."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def load(name: str) -> Any:
    """Return the vector file `name`.json, parsed."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def body(name: str) -> bytes:
    """Return the vector file `name`.json as it would arrive over HTTP."""
    return (FOLDER / f"{name}.json").read_bytes()
