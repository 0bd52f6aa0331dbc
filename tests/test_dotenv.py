"""What is wrong with `.env` is told in a sentence, and nothing that stands in it is."""

from pathlib import Path

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from smartapp import dotenv

SECRET = "CANARY" * 8


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment of the test's own."""
    variables: dict[str, str] = {"IDLE_MINUTES": "5"}
    monkeypatch.setattr(environ.Env, "ENVIRON", variables)
    return variables


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_the_environment_wins(file: Path, found: dict[str, str]) -> None:
    file.write_bytes(b"\xef\xbb\xbf# of a desk\r\n  # and more\r\n\r\nA=1\r\nexport B='2'\r\n"
                     b"IDLE_MINUTES=9\r\n")  # fmt: skip
    dotenv.read(file)
    assert found == {"A": "1", "B": "2", "IDLE_MINUTES": "5"}


def test_without_a_file_the_environment_is_all(file: Path, found: dict[str, str]) -> None:
    dotenv.read(file)
    assert found == {"IDLE_MINUTES": "5"}


@pytest.mark.parametrize("line", [f"SECRET_KEY = {SECRET}", f"SECRET_KEY: {SECRET}", SECRET])
def test_a_line_that_is_none_stops_the_start_and_is_not_quoted(
    file: Path, found: dict[str, str], line: str, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    file.write_text(f"# mine\n\nA=1\n{line}\n")
    with pytest.raises(ImproperlyConfigured, match=r"^Line 4 of .* is not NAME=value") as refused:
        dotenv.read(file)
    assert "CANARY" not in str(refused.value) + "".join(capfd.readouterr()) + caplog.text
    assert "A" not in found


def test_a_file_that_cannot_be_read_is_not_taken_for_none(
    file: Path, found: dict[str, str]
) -> None:
    """As that of the app's own user is for another one, who would read that nothing is set."""
    file.mkdir()
    with pytest.raises(ImproperlyConfigured, match=r"cannot be read \(Is a directory\)"):
        dotenv.read(file)


def test_a_file_in_another_encoding(file: Path, found: dict[str, str]) -> None:
    file.write_bytes("HELP_DESK=Fränk CANARY\n".encode("latin-1"))
    with pytest.raises(ImproperlyConfigured, match=r"is not written in UTF-8\.$"):
        dotenv.read(file)
