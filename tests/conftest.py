"""Shared fixtures: services that must or may be available, the app over HTTP, an EHR."""

import gc
import logging
import os
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from itertools import groupby
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from smartapp import circuit
from smartapp.audit import append_only
from smartapp.database import close_thread_connections
from smartapp.launches import events
from tests import connecting, emptying, key_pool
from tests.processes import MIGRATED, copy_migrated, drop_migrated
from tests.scripted_ehr import ScriptedEHR

connecting.install()
emptying.install()
key_pool.install()
# A server that outlives a test still logs into that test's closed capture.
logging.raiseExceptions = False
gc.disable()  # until everything is collected: almost all that pytest makes meanwhile stays

# How many random inputs a test tries that does not say so itself: a few whenever the suite runs,
# and many in the endurance, which runs these tests too.
for run, examples in (("suite", 20), ("endurance", 150)):
    hypothesis_settings.register_profile(
        run,
        max_examples=examples,
        # On a busy machine inputs are made slowly and examples run long: no fault of this code.
        # Examples may share a test's fixtures. A test that named one itself would lose the other.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        deadline=None,
    )


def _first_of(*programs: str) -> str | None:
    return next(filter(None, map(shutil.which, programs)), None)


CHROMIUM_WITH_WINDOWS = _first_of("chromium", "chromium-browser", "google-chrome")
# The same browser without windows, tool bars and settings, which nobody sees here.
CHROMIUM = _first_of("chromium-headless-shell") or CHROMIUM_WITH_WINDOWS
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic",
    # Chromium obeys only the last of these switches. The first two would make each new window load
    # two more pages, for suggestions; that takes longer than our page. The rest are those of
    # Playwright's own that matter here.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,PaintHolding,HttpsUpgrades,"
    "HttpsFirstBalancedModeAutoEnable,ThirdPartyStoragePartitioning,OptimizationHints,"
    "AvoidCorsURLLoaderRestartOnRedirect,NetworkTimeServiceQuerying,PreconnectToSearch",
]  # fmt: skip
SERVERS = frozenset({"demo", "sandbox"})
SERVICES: dict[str, tuple[Callable[[], bool], str]] = {
    "browser": (lambda: CHROMIUM_WITH_WINDOWS is not None, "no Chromium on the PATH"),
    "postgres": (lambda: _answers(5432), "no PostgreSQL on 127.0.0.1:5432"),
    "redis": (lambda: _answers(6379), "no Redis on 127.0.0.1:6379"),
}


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_endurance(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "endurance")


def pytest_configure(config: pytest.Config) -> None:
    """Create the folder of the test database, unless only the settings are read. Workers begin with
    a copy of the database that the run's first process has or will have there."""
    hypothesis_settings.load_profile("endurance" if _is_endurance(config) else "suite")
    settings.TEST_FOLDER.mkdir(exist_ok=True)
    os.environ.setdefault(MIGRATED, str(settings.TEST_FOLDER / "migrated.sqlite3"))


def pytest_unconfigure() -> None:
    if Path(os.environ[MIGRATED]).parent == settings.TEST_FOLDER:
        drop_migrated()
    shutil.rmtree(settings.TEST_FOLDER, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of worker processes: two more than cores, because tests often wait for
    a socket or process. None if only files are named, because one process starts faster."""
    if all(Path(argument.partition("::")[0]).is_file() for argument in config.args):
        return 0
    return (os.cpu_count() or 1) + 2


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare the endurance the files that have nothing for it."""
    if collection_path.suffix == ".py" and _is_endurance(config):
        text = collection_path.read_text("utf-8")
        return None if "endurance" in text or "hypothesis" in text else True
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let the endurance run the tests with random inputs, too."""
    test = getattr(item, "obj", None)
    if _is_endurance(item.config) and getattr(test, "is_hypothesis_test", False):
        item.add_marker("endurance")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker begin with a share of the slow tests, and all end with quick ones.

    Workers begin with equal parts of the list and steal from each other's end. So what is slow
    stands at the front of each part: nobody waits at the end for one that does it all. Tests that
    share a server process stay together, by folder and file, so few of them are started.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with_server: list[pytest.Item] = []
    with_service: list[pytest.Item] = []
    quick: list[pytest.Item] = []
    for item in items:
        if not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            with_server.append(item)
        elif any(item.get_closest_marker(marker) for marker in SERVICES):
            with_service.append(item)
        else:
            quick.append(item)
    with_server.sort(key=lambda item: item.path.parent)
    shares = zip(_shares(with_server, workers), _shares(with_service, workers), strict=True)
    left = len(items)
    ordered: list[pytest.Item] = []
    for number, (first, second) in enumerate(shares):
        slow = [*first, *second]
        count = left // (workers - number)  # as xdist cuts the list
        missing = max(0, count - len(slow))
        ordered += [*slow, *quick[:missing]]
        del quick[:missing]
        left -= count
    items[:] = [*ordered, *quick]


def _shares(items: list[pytest.Item], workers: int) -> list[list[pytest.Item]]:
    """Return a share of these tests for each worker, about equal, with no file in two of them."""
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    done = 0
    for _, group in groupby(items, key=lambda item: item.path):
        together = list(group)
        middle = done + len(together) / 2
        shares[int(middle * workers / len(items))] += together
        done += len(together)
    return shares


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # tests make much and keep little; looking often costs 5 %
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests whose service is missing, with the reason; in CI this is a failure. Forget what
    the process remembers of earlier tests: launches, and EHRs that did not answer, whose ports
    others get."""
    for marker, (is_here, reason) in SERVICES.items():
        if item.get_closest_marker(marker) and not is_here():
            if os.environ.get("REQUIRE_SERVICES") == "on":
                pytest.fail(f"{reason}, and REQUIRE_SERVICES is on", pytrace=False)
            pytest.skip(reason)
    key_pool.start_test()
    events.forget()
    circuit._circuits.clear()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object],
) -> Generator[None, object, object]:
    """Fixtures that outlive a test get their own keys."""
    if fixturedef.scope == "function":
        return (yield)
    with key_pool.set_aside():
        return (yield)


@pytest.fixture
def ehr() -> Iterator[ScriptedEHR]:
    with ScriptedEHR() as scripted:
        yield scripted


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """Begin with a copy of the run's migrated database."""
    if connection.vendor != "sqlite":
        return False
    copy_migrated(Path(settings.DATABASES["default"]["TEST"]["NAME"]))
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Remove the audit trail's triggers, because the runner empties the tables after tests; and
    close the app's database threads at the end, because PostgreSQL drops no database with open
    connections."""
    with django_db_blocker.unblock():
        append_only.lift(connection)
    yield
    close_thread_connections()
