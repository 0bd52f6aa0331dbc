"""Searches everything that a launch leaves behind for secrets (C70, C85, T10, T21)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from smartapp.keys.material import open_private_key
from smartapp.keys.models import SigningKey
from tests.emptying import tables_with_rows
from tests.scripted_ehr import CANARY, ScriptedEHR

LEAST_CHARACTERS = 12
SECRET_FIELDS = ("code", "code_verifier", "client_assertion", "refresh_token", "token")


class Keeper(logging.Handler):
    """Keeps every log line of every level, formatted with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def all_logs() -> Iterator[Keeper]:
    keeper, root = Keeper(), logging.getLogger()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.INFO)
    try:
        yield keeper
    finally:
        root.removeHandler(keeper)
        root.setLevel(level)


def database_dump() -> str:
    """Return every value of every table as text."""
    lines = []
    with connection.cursor() as cursor:
        for table in tables_with_rows(cursor):
            if table.startswith("sandbox_"):
                continue  # the EHR's side, which may know what it issued
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            lines += [f"{table} {row!r}" for row in cursor.fetchall()]
    return "\n".join(lines)


def private_numbers() -> list[str]:
    """Return the private exponents of all signing keys, as they would be in a leaked JWK."""
    return [_private_number(key) for key in SigningKey.objects.exclude(sealed_private_key="")]


def _private_number(key: SigningKey) -> str:
    if key.sealed_private_key not in _private_numbers:  # most tests have the same keys
        opened = open_private_key(key).as_dict(private=True)["d"]
        _private_numbers[key.sealed_private_key] = str(opened)
    return _private_numbers[key.sealed_private_key]


_private_numbers: dict[str, str] = {}


def secrets_of(ehr: ScriptedEHR) -> list[str]:
    """Return what nobody may keep as it is. An invented code of a few characters is in any text."""
    sent = [request.get(field, "") for request in ehr.token_requests for field in SECRET_FIELDS]
    long = (value for value in sent if len(value) >= LEAST_CHARACTERS)
    return [CANARY, *long, *ehr.id_tokens, *private_numbers()]


def assert_kept_secret(ehr: ScriptedEHR, keeper: Keeper) -> None:
    dump, logs = database_dump(), "\n".join(keeper.lines)
    for secret in secrets_of(ehr):
        # Not in the assertion itself, whose message would print the secret.
        leaked = [name for name, text in (("database", dump), ("logs", logs)) if secret in text]
        assert leaked == [], f"a secret of {len(secret)} characters is in the {leaked}"
