"""Measures a launch and the page of the longest record, in this build and an earlier one."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from aiohttp import web

from benchmarks.browsing import browser, follow
from benchmarks.earlier import EARLIER_COMMIT, checkout
from benchmarks.ehr import SCOPE, BenchmarkEHR
from benchmarks.measuring import cpu_seconds, print_table, ratio, spread
from smartapp.sandbox.fhir.store import Record, store
from tests.processes import ROOT, answers, environment, running
from tests.scripted_ehr import CLIENT_ID, fhir_json
from tests.serving import free_port

# The scopes that both builds request.
READS = f"{SCOPE} patient/Immunization.rs patient/Encounter.rs"
ROUNDS = 7
PAGES_A_ROUND = 4


class RecordEHR(BenchmarkEHR):
    """An EHR that serves the longest record of the sandbox."""

    def __init__(self) -> None:
        super().__init__()
        self.patient = _longest()
        self.fhir_answer = self._answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        resource_type, _, id = request.match_info["path"].partition("/")
        if any(":" in name for name in request.query):
            return web.Response(status=400)  # no modifiers (FHIR R4, Search)
        if id:
            found = store().find(resource_type, id)
            return fhir_json(found.resource) if found else web.Response(status=404)
        wanted = request.query.get("category", "").split(",")
        entries = [
            {"resource": record.resource}
            for record in store().of_patient(resource_type, self.patient)
            if wanted == [""] or _is_of(record, wanted)
        ]
        return fhir_json({"resourceType": "Bundle", "type": "searchset", "entry": entries})


def _is_of(record: Record, wanted: list[str]) -> bool:
    return not record.tokens.get("category", frozenset()).isdisjoint(wanted)


def _longest() -> str:
    patients = [record.id for record in store().by_type["Patient"]]
    return max(patients, key=lambda patient: len(store().of_patient("Observation", patient)))


@dataclass
class Build:
    name: str
    url: str
    pid: int
    ehr: RecordEHR
    cpu_ms: list[float] = field(default_factory=list)
    kilobytes: float = 0.0


def run(folder: Path, _: str) -> None:
    with ExitStack() as stack:
        earlier = stack.enter_context(checkout(folder))
        builds = [
            stack.enter_context(_build("this build", ROOT, folder)),
            stack.enter_context(_build(EARLIER_COMMIT, earlier, folder)),
        ]
        asyncio.run(_rounds(builds))
    to = builds[1].cpu_ms
    print_table(
        f"The page of {len(store().of_patient('Observation', builds[0].ehr.patient)):,} "
        f"observations, {ROUNDS} rounds of {PAGES_A_ROUND} launches, SQLite",
        ("", "server CPU of a launch and its page, ms", f"to {EARLIER_COMMIT}", "kB"),
        [
            (one.name, spread(one.cpu_ms), ratio(one.cpu_ms, to), f"{one.kilobytes:.0f}")
            for one in builds
        ],
    )


async def _rounds(builds: list[Build]) -> None:
    for number in range(ROUNDS + 1):
        for build in builds:
            before = cpu_seconds(build.pid)
            for _ in range(PAGES_A_ROUND):
                build.kilobytes = await _launched(build) / 1000
            if number:  # the first fills caches
                spent = cpu_seconds(build.pid) - before
                build.cpu_ms.append(spent / PAGES_A_ROUND * 1000)


async def _launched(build: Build) -> int:
    """Launch and look, and return how long the page is. Each page is of a launch of its own: a
    build may keep what it has just read for the next load."""
    async with browser() as http:
        page = await follow(http, build.ehr.launch_url(build.url), hops=3)
        async with http.get(page) as response:
            body = await response.read()
            assert response.status == 200
    return len(body)


@contextmanager
def _build(name: str, root: Path, folder: Path) -> Iterator[Build]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with RecordEHR() as ehr:
        env = environment(url, f"sqlite:///{folder / name}.sqlite3", SANDBOX="off")
        for arguments in (
            ("migrate", "--verbosity", "0"),
            ("collectstatic", "--noinput", "--verbosity", "0"),
            ("register_ehr", ehr.fhir_base_url, "--name", "EHR", "--slug", "ehr-0",
             "--client-id", CLIENT_ID, "--scope", READS),
        ):  # fmt: skip
            command = [sys.executable, "manage.py", *arguments]
            subprocess.run(command, cwd=root, env=env, check=True, capture_output=True)  # noqa: S603
        ehr.client_jwks_url = f"{url}/.well-known/jwks/ehr-0.json"
        serve = ("-m", "uvicorn", "smartapp.asgi:application", "--port", str(port),
                 "--no-access-log")  # fmt: skip
        log = folder / f"{name}.log"
        with running(env, log, *serve, ready=partial(answers, f"{url}/healthz"), cwd=root) as pid:
            yield Build(name, url, pid, ehr)
