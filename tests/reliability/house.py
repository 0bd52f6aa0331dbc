"""Two machines' worth of processes behind one nginx without stickiness, on one PostgreSQL and one
Redis, started by the lines of the Procfile."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.postgres_proxy import PostgresProxy, postgres_proxy
from tests.processes import ROOT, answers, as_the_procfile, environment, manage, prepare, procfile
from tests.reliability.hospital import Hospital
from tests.reliability.services import (
    PATIENCE_SECONDS,
    Disk,
    PostgreSQL,
    Redis,
    folder_for_all,
    nginx,
)
from tests.scripted_ehr import CLIENT_ID
from tests.serving import free_port

SERVERS_OF_A_MACHINE = 2
SCOPE = "launch openid fhirUser offline_access patient/*.rs"


@dataclass
class Process:
    """A line of the Procfile, in a process group of its own, as systemd has it."""

    line: str
    env: dict[str, str]
    log: Path
    ready_url: str = ""

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603
                procfile(self.line), cwd=ROOT, env=self.env, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Wait until it answers; where it ended, as where the database is away, start it again,
        as its supervisor does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.ready_url and not answers(self.ready_url):
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            if self._process.poll() is not None:
                self.start()
            time.sleep(0.1)

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)

    def terminate(self) -> float:
        """Return how many seconds SIGTERM took."""
        began = time.monotonic()
        self._process.terminate()
        self._process.wait(40)
        return time.monotonic() - began

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.kill()


class Clock:
    """How the clock of the second machine differs from this one's."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.differ(0)
        self.env = {
            "PYTHONPATH": str(Path(__file__).parent / "clock"),
            "CLOCK_DIFFERENCE": str(self._file),
        }

    def differ(self, seconds: int) -> None:
        written = self._file.with_suffix(".new")
        written.write_text(str(seconds))
        written.replace(self._file)


@dataclass
class House:
    url: str
    env: dict[str, str]
    postgres: PostgreSQL
    disk: Disk
    clock: Clock
    proxy: PostgresProxy
    redis: Redis
    well: Hospital
    sick: Hospital
    webs: list[Process]  # of the first machine, then of the second
    clocks: list[Process]
    nginx_log: Path
    log: Path
    instances: list[str] = field(default_factory=list)


@contextlib.contextmanager
def house() -> Iterator[House]:
    ports = tuple(free_port() for _ in range(2 * SERVERS_OF_A_MACHINE))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(folder_for_all())
        (folder / "postgres").mkdir()
        disk = Disk(folder / "postgres", megabytes=256)
        stack.callback(disk.remove)
        postgres = PostgreSQL(folder / "postgres")
        stack.callback(postgres.stop)
        redis = Redis()
        stack.callback(lambda: redis.kill())
        proxy, through = stack.enter_context(postgres_proxy(postgres.url))
        hospitals = stack.enter_context(Hospital()), stack.enter_context(Hospital())
        env = environment(url, through, CACHE_URL=redis.url, SANDBOX="off")
        prepare(env)
        for hospital, name in zip(hospitals, ("well", "sick"), strict=True):
            hospital.client_jwks_url = f"{url}/.well-known/jwks/{name}.json"
            manage(
                env, "register_ehr", hospital.fhir_base_url, "--name", name, "--slug", name,
                "--client-id", CLIENT_ID, "--scope", SCOPE,
            )  # fmt: skip
        log = folder / "app.log"
        clock = Clock(folder)
        machines = env, env | clock.env
        webs = [
            Process("web", as_the_procfile(machines[n // SERVERS_OF_A_MACHINE], at), log,
                    f"http://127.0.0.1:{at}/readyz")
            for n, at in enumerate(ports)
        ]  # fmt: skip
        clocks = [Process("clock", as_the_procfile(one, 0), log) for one in machines]
        for process in (*webs, *clocks):
            process.start()
            stack.callback(process.end)
        for process in webs:
            process.wait()
        nginx_log = stack.enter_context(nginx(folder, port, ports))
        well, sick = hospitals
        instances = [f"http://127.0.0.1:{one}" for one in ports]
        yield House(
            url,
            env,
            postgres,
            disk,
            clock,
            proxy,
            redis,
            well,
            sick,
            webs,
            clocks,
            nginx_log,
            log,
            instances,
        )
