"""Reads `.env`, before Django has its settings.

What is wrong with it stops the start. django-environ would go on without what it cannot read, and
write such a line out: into the log of a server, with the secret in it.
"""

import io
import re
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

VARIABLE = re.compile(r"(?:export )?[A-Za-z_0-9]+=.*")


def read(path: Path) -> None:
    """Set the variables of the file that the environment does not have. Raises ImproperlyConfigured
    with a sentence, in which nothing of the file is."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be read ({error.strerror}). It belongs to the user who runs the app: "
            "run this as that user."
        ) from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{path} is not written in UTF-8.") from error
    environ.Env.read_env(io.StringIO("\n".join(_variables(path, text))), overwrite=False)


def _variables(path: Path, text: str) -> list[str]:
    lines = {
        number: line
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    }
    for number, line in lines.items():
        if not VARIABLE.fullmatch(line):
            raise ImproperlyConfigured(
                f"Line {number} of {path} is not NAME=value, without blanks around the sign."
            )
    return list(lines.values())
