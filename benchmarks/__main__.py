"""List the benchmarks, or run the named ones."""

import argparse
import inspect
import logging
import platform
import tempfile
from collections.abc import Callable
from os import cpu_count
from pathlib import Path

from benchmarks import brands, due_token, launches, page, pages, slow_ehr, steps
from benchmarks.apps import DATABASES

Benchmark = Callable[[Path, str], None]
BENCHMARKS: dict[str, Benchmark] = {
    "launches": launches.run,
    "pages": pages.run,
    "slow_ehr": slow_ehr.run,
    "due_token": due_token.run,
    "steps": steps.run,
    "brands": brands.run,
    "page": page.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: list them")
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0])
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if not given.names:
        for name, run in BENCHMARKS.items():
            print(f"{name:10} {inspect.getdoc(inspect.getmodule(run))}")
        return
    # The EHR logs an error when its request for our keys is not answered; here that is a result.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    print(f"Python {platform.python_version()}, {cpu_count()} cores")
    for name in given.names:
        with tempfile.TemporaryDirectory() as folder:
            BENCHMARKS[name](Path(folder), given.database)


if __name__ == "__main__":
    main()
