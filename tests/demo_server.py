"""The demo in its own process, with its own secrets and its own empty database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import copy_migrated, environment, running, static_files_to_itself
from tests.serving import free_port


@dataclass(frozen=True)
class Demo:
    url: str
    env: dict[str, str]
    log: Path

    @property
    def log_text(self) -> str:
        return self.log.read_text()


@contextmanager
def demo_server(folder: Path) -> Iterator[Demo]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(url, f"sqlite:///{folder / 'demo.sqlite3'}")
    copy_migrated(folder / "demo.sqlite3")
    log = folder / "demo.log"
    command = ("manage.py", "demo", "--port", str(port))
    with (
        static_files_to_itself() as done,
        running(env, log, *command, ready=lambda: "Three doors" in log.read_text()),
    ):
        done()
        yield Demo(url, env, log)
