"""Finding a clinic: the start page's search, and the earlier build that listed all."""

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.earlier import EARLIER_COMMIT, checkout
from benchmarks.measuring import cpu_seconds, percentile, print_table, spread
from tests.processes import ROOT, answers, environment, manage, postgres_database, running
from tests.serving import free_port

BRANDS = 30_000
EARLIER_ENDPOINTS = 5_000
ROUNDS = 3
LOOKS_A_QUERY = 2

FIRST = (
    "Saint", "Mercy", "North", "South", "Lake", "Valley", "Cedar", "Oak", "River", "Summit",
    "Grace", "Holy", "Unity", "Prairie", "Harbor", "Mountain", "Central", "West", "East", "Bay",
)  # fmt: skip
SECOND = (
    "Hospital", "Clinic", "Medical", "Health", "Family", "Pediatrics", "Cardiology", "Oncology",
    "Center", "Associates", "Physicians", "Group", "Care", "Women's", "Eye", "Dental",
)  # fmt: skip
CITIES = ("Springfield", "Franklin", "Clinton", "Madison", "Salem", "Bristol", "Dover", "Oxford")
STATES = ("AL", "CA", "FL", "GA", "IL", "MA", "MN", "NY", "OH", "OR", "TX", "WA")
QUERIES = [
    "s", "st", "saint mercy", "mercy saint", "ca", "texas", "springfield", "33", "cardio",
    "hospital", "medical center", "oak clinic dover", "zzz", "pediatrics fl",
]  # fmt: skip

REGISTER_EARLIER = f"""
from django.utils import timezone
from smartapp.keys.models import KeySet
from smartapp.registrations.models import Endpoint, Registration
import json
names = json.load(open("names.json"))
now = timezone.now()
keys = KeySet.objects.create(slug="big", created_at=now)
registration = Registration.objects.create(
    slug="big", name="Vendor", client_id="x", key_set=keys, scope="launch openid",
    standalone_scope="launch/patient openid", created_at=now, updated_at=now)
Endpoint.objects.bulk_create(
    Endpoint(registration=registration, slug=f"e{{n}}", name=name, created_at=now, updated_at=now,
             fhir_base_url=f"https://fhir{{n}}.example/r4", iss=f"https://fhir{{n}}.example/r4")
    for n, name in enumerate(names[:{EARLIER_ENDPOINTS}]))
"""


@dataclass
class Build:
    name: str
    url: str
    pid: int
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)


def run(folder: Path, database: str) -> None:
    """Send the same queries to both builds in turn, and print the times."""
    with ExitStack() as stack:
        builds = [
            stack.enter_context(_this(folder, database)),
            stack.enter_context(_earlier(folder, database)),
        ]
        for _ in range(ROUNDS):
            for build in builds:
                _ask(build)
    print_table(
        f"Search on the start page, {database}",
        ("", "time of an answer, ms: p95", "server CPU of an answer, ms", "largest page, kB"),
        [
            (
                one.name,
                f"{percentile(one.seconds, 95) * 1000:.1f}",
                spread([value * 1000 for value in one.cpu]),
                f"{max(one.bytes) / 1000:.0f}",
            )
            for one in builds
        ],
    )


def _ask(build: Build) -> None:
    before = cpu_seconds(build.pid)
    for query in QUERIES:
        for _ in range(LOOKS_A_QUERY):
            started = time.perf_counter()
            with urllib.request.urlopen(f"{build.url}/?{urlencode({'q': query})}") as answer:  # noqa: S310
                body = answer.read()
            build.seconds.append(time.perf_counter() - started)
            build.bytes.append(len(body))
    looks = len(QUERIES) * LOOKS_A_QUERY
    build.cpu.append((cpu_seconds(build.pid) - before) / looks)


@contextmanager
def _this(folder: Path, database: str) -> Iterator[Build]:
    (folder / "list.json").write_text(json.dumps(_bundle()))
    with _database(folder / "this.sqlite3", database) as database_url:
        env = environment(url := f"http://127.0.0.1:{free_port()}", database_url)
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "collectstatic", "--noinput", "--verbosity", "0")
        started = time.monotonic()
        manage(env, "import_brands", str(folder / "list.json"))
        print(f"Imported {BRANDS:,} brands into {database} in {time.monotonic() - started:.0f} s")
        with _server(env, url, folder / "this.log", ROOT) as pid:
            yield Build(f"this build, {BRANDS:,} brands", url, pid)


@contextmanager
def _earlier(folder: Path, database: str) -> Iterator[Build]:
    with (
        checkout(folder) as root,
        _database(folder / "earlier.sqlite3", database) as database_url,
    ):
        env = environment(url := f"http://127.0.0.1:{free_port()}", database_url)
        (root / "names.json").write_text(json.dumps([_name(n) for n in range(EARLIER_ENDPOINTS)]))
        for arguments in (
            ("migrate", "--verbosity", "0"),
            ("collectstatic", "--noinput", "--verbosity", "0"),
            ("shell", "--no-imports", "-c", REGISTER_EARLIER),
        ):
            command = [sys.executable, "manage.py", *arguments]
            subprocess.run(command, cwd=root, env=env, check=True)  # noqa: S603
        with _server(env, url, folder / "earlier.log", root) as pid:
            yield Build(f"{EARLIER_COMMIT}, {EARLIER_ENDPOINTS:,} endpoints", url, pid)


@contextmanager
def _database(file: Path, database: str) -> Iterator[str]:
    if database == "postgresql":
        with postgres_database() as url:
            yield url
    else:
        yield f"sqlite:///{file}"


@contextmanager
def _server(env: dict[str, str], url: str, log: Path, root: Path) -> Iterator[int]:
    port = url.rpartition(":")[2]
    command = ("-m", "uvicorn", "smartapp.asgi:application", "--port", port, "--no-access-log")
    with running(env, log, *command, ready=lambda: answers(f"{url}/healthz"), cwd=root) as pid:
        yield pid


def _bundle() -> dict[str, object]:
    """Return a list of brands, a third of which have their own address."""
    chance = random.Random(1)  # noqa: S311 - the same list in each run
    entries: list[dict[str, object]] = []
    for number in range(BRANDS):
        owner = number - number % 3
        if number == owner:
            base = f"https://fhir{number % 500}.vendor.example/r4/t{number}"
            endpoint = {"resourceType": "Endpoint", "id": f"e{number}", "address": base}
            entries.append({"resource": endpoint})
        address = {
            "city": chance.choice(CITIES),
            "state": chance.choice(STATES),
            "postalCode": f"{chance.randrange(10_000, 99_999)}",
        }
        brand = {
            "resourceType": "Organization",
            "id": f"o{number}",
            "name": _name(number),
            "endpoint": [{"reference": f"Endpoint/e{owner}"}],
            "address": [address],
        }
        entries.append({"resource": brand})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _name(number: int) -> str:
    chance = random.Random(number)  # noqa: S311
    return " ".join(chance.choice(words) for words in (FIRST, FIRST, SECOND, SECOND))
