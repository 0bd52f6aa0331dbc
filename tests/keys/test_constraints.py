"""What the database itself refuses: plain SQL, without code of the app.

On SQLite and on PostgreSQL, through their own drivers.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

import pytest

from tests.keys.test_races import postgres_url, sqlite_url

__all__ = ["postgres_url", "sqlite_url"]

Execute = Callable[[str], object]

T = [f"'2026-03-0{day} 12:00:00+00:00'" for day in range(1, 8)]
KEY = (
    "INSERT INTO keys_signingkey (key_set_id, kid, alg, public_jwk, sealed_private_key, place, "
    "published_at, signs_from, signs_until, withdrawn_at, confirmed_at, compromised, "
    "earlier_terms, accepted_by) VALUES "
    "(1, '{kid}', '{alg}', '{{}}', '{sealed}', {slot}, {published}, {signs}, {until}, {gone}, "
    "NULL, {compromised}, '[]', '{{}}')"
)
PUBLISHED = {
    "alg": "ES384", "sealed": "v1.x.y", "published": T[1], "signs": "NULL", "until": "NULL",
    "gone": "NULL", "compromised": "FALSE",
}  # fmt: skip
SIGNS = PUBLISHED | {"signs": T[2]}
WITHDRAWN = SIGNS | {"sealed": "", "slot": "NULL", "until": T[3], "gone": T[4]}


def key(kid: str, slot: object, columns: dict[str, str]) -> str:
    return KEY.format(**{"kid": kid, "slot": slot} | columns)


REFUSED = {
    "a second signer": key("k9", 2, SIGNS),
    "a sixth key": key("k9", 6, PUBLISHED),
    "no slot": key("k9", "NULL", PUBLISHED),
    "slot zero": key("k9", 0, PUBLISHED),
    "a slot that is taken": key("k9", 1, PUBLISHED),
    "the kid of a key that is published": key("k1", 2, PUBLISHED),
    "the kid of a key that was withdrawn": key("k0", 2, PUBLISHED),
    "a signer that is withdrawn": key("k9", "NULL", WITHDRAWN | {"until": "NULL"}),
    "a withdrawn key with its private half": key("k9", "NULL", WITHDRAWN | {"sealed": "v1.x.y"}),
    "a published key without it": key("k9", 2, PUBLISHED | {"sealed": ""}),
    "a signature before the publication": key("k9", 2, WITHDRAWN | {"signs": T[0]}),
    "an end before the beginning": key("k9", "NULL", WITHDRAWN | {"until": T[1], "signs": T[2]}),
    "a withdrawal before the end": key("k9", "NULL", WITHDRAWN | {"gone": T[2]}),
    "a compromised key that is published": key("k9", 2, PUBLISHED | {"compromised": "TRUE"}),
    "a signer that comes back": "UPDATE keys_signingkey SET signs_until = NULL, withdrawn_at = "
    "NULL, place = 2, sealed_private_key = 'v1.x.y' WHERE kid = 'k0'",
    "an age limit without time": "UPDATE keys_keyset SET rotate_after_days = 1",
}


GOOD = (
    "INSERT INTO keys_keyset (id, slug, created_at, rotate_after_days, imported_by_vendor) VALUES "
    "(1, 'set', '2026-03-01 12:00:00+00:00', 90, FALSE)",
    key("k0", "NULL", WITHDRAWN),
    key("k1", 1, SIGNS),
    # The refusals below have one cause each: this row, of the same kind, is accepted.
    key("k2", 5, PUBLISHED),
)


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Execute]:
    path = sqlite_url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection.execute


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Execute]:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection.execute


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def test_is_refused_by_the_database_itself(database: str, request: pytest.FixtureRequest) -> None:
    execute: Execute = request.getfixturevalue(database)
    for statement in GOOD:
        execute(statement)
    for what, statement in REFUSED.items():
        try:
            execute(statement)
        except Exception as error:
            assert "IntegrityError" in {kind.__name__ for kind in type(error).__mro__}, what
        else:
            pytest.fail(f"{database} took {what}")
