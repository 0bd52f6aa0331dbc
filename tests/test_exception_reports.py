"""What a log may say about an exception: enough to act on, and no value."""

from pathlib import Path

import psycopg
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, OperationalError, ProgrammingError
from psycopg import errors

from smartapp.exception_reports import cause, of_the_database, sentence


def raised(error: BaseException, because: BaseException | None = None) -> BaseException:
    try:
        raise error from because
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        raised(OperationalError("it is away\nDETAIL"), psycopg.OperationalError("it is away")),
        raised(OperationalError("it is away"), errors.QueryCanceled("it is away")),
        raised(ProgrammingError("it is away"), errors.InsufficientPrivilege("it is away")),
        raised(ProgrammingError("it is away"), errors.UndefinedTable("it is away")),
        redis.ConnectionError("it is away"),
        redis.TimeoutError("it is away"),
        ImproperlyConfigured("it is away"),
        OSError(5, "it is away", "/a/name"),
    ],
)
def test_the_words_of_servers_are_kept(error: BaseException) -> None:
    assert sentence(error) == "it is away"
    assert cause(error).startswith(f"{type(error).__name__}: it is away")


@pytest.mark.parametrize(
    "error",
    [
        raised(IntegrityError("secret"), errors.UniqueViolation("secret")),
        raised(OperationalError("secret"), errors.InvalidTextRepresentation("secret")),
        OperationalError("secret"),
        redis.ResponseError("unknown command with args: secret"),
        ValueError("secret"),
        KeyError("secret"),
    ],
)
def test_words_that_may_hold_a_value_are_not(error: BaseException) -> None:
    assert "secret" not in cause(error) + sentence(error)
    assert cause(error).startswith(type(error).__name__)


@pytest.mark.parametrize("code", ["MISCONF", "NOREPLICAS"])
def test_of_redis_the_code_is_kept(code: str) -> None:
    words = cause(redis.ResponseError(f"{code} Redis does not write secret"))
    assert words == f"ResponseError: {code}"


def test_the_way_is_told_innermost_first() -> None:
    def inner() -> None:
        raise KeyError("secret")

    with pytest.raises(KeyError) as caught:
        inner()
    here = Path(__file__).name
    assert cause(caught.value).startswith(f"KeyError (tests/{here}:")
    assert "secret" not in cause(caught.value)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (errors.DuplicateTable("secret"), "Another `migrate` is running"),
        (errors.LockNotAvailable("secret"), "run it again when that has ended"),
        (errors.InsufficientPrivilege("permission denied for table a"), "for table a. See that "),
        (errors.UndefinedColumn("column a does not exist"), "Run `python manage.py migrate`"),
        (psycopg.OperationalError("it is away"), "cannot be used: it is away."),
        (errors.UniqueViolation("secret"), ""),
    ],
)
def test_a_terminal_gets_a_sentence_and_what_to_do(why: BaseException, words: str) -> None:
    told = of_the_database(raised(ProgrammingError(str(why)), why))
    assert words in told
    assert bool(words) is bool(told)
    assert "secret" not in told
