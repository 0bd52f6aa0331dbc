"""The `.env` that the demo writes: only what is missing."""

import stat
from pathlib import Path

import pytest

from smartapp.first_run import complete_dotenv, completed, port_of


def members(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_everything_that_is_missing_is_written() -> None:
    written = members(completed("", {}, 8123))
    assert set(written) == {
        "SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_URL", "SANDBOX", "ALLOW_LOOPBACK_EHRS",
    }  # fmt: skip
    assert written["PUBLIC_URL"] == "http://127.0.0.1:8123"
    assert written["SANDBOX"] == "on"


def test_secrets_are_fresh_each_time() -> None:
    first, second = members(completed("", {}, 8000)), members(completed("", {}, 8000))
    assert first["SECRET_KEY"] != second["SECRET_KEY"]
    assert first["ENCRYPTION_KEYS"] != second["ENCRYPTION_KEYS"]


def test_what_is_there_stays() -> None:
    before = completed("", {}, 8000) + "DATABASE_URL=sqlite:///elsewhere\n"
    assert completed(before, {}, 8000) == before


def test_what_the_environment_says_is_not_written() -> None:
    assert "SECRET_KEY" not in members(completed("", {"SECRET_KEY": "x"}, 8000))


@pytest.mark.parametrize(
    ("public_url", "after"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000"),
        ("https://app.example.org", "https://app.example.org"),
    ],
)
def test_only_a_loopback_public_url_follows_the_port(public_url: str, after: str) -> None:
    text = completed(f"PUBLIC_URL={public_url}\n", {}, 9000)
    assert members(text)["PUBLIC_URL"] == after


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("SECRET_KEY=x\nPUBLIC_URL=https://app.example.org\n", {}),
        ("export PUBLIC_URL='https://app.example.org'\n", {}),
        ("SECRET_KEY=x\n", {"PUBLIC_URL": "https://app.example.org"}),
        ("", {"PUBLIC_URL": "https://app.example.org"}),
    ],
)
def test_deployment_never_gets_the_sandbox(text: str, environment: dict[str, str]) -> None:
    """T32: also if `demo` is started in the wrong folder."""
    assert completed(text, environment, 8000) == text


def test_nothing_is_written_where_there_is_nothing_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://app.example.org")
    complete_dotenv(tmp_path / ".env", 8000)
    assert not (tmp_path / ".env").exists()


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("DEBUG=off\n")
    path.chmod(0o644)
    complete_dotenv(path, 8000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert members(path.read_text())["DEBUG"] == "off"


@pytest.mark.parametrize(
    ("arguments", "port"),
    [
        ([], 8000),
        (["--port", "9"], 9),
        (["--port=9"], 9),
        (["--port"], 8000),
        (["--port", "x"], 8000),
        (["--port", "65536"], 8000),
    ],
)
def test_port_is_read_as_the_command_reads_it(arguments: list[str], port: int) -> None:
    assert port_of(arguments) == port
