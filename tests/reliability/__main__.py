"""`python -m tests.reliability [NAME…]`: each fault under load, and its figures as a table."""

import asyncio
import sys

from tests.reliability.faults import FAULTS
from tests.reliability.house import house
from tests.reliability.table import HEADER, line
from tests.reliability.trial import trial


def main(names: list[str]) -> None:
    chosen = [one for one in FAULTS if not names or any(name in one.name for name in names)]
    with house() as standing:
        sys.stdout.write(HEADER)
        for fault in chosen:
            if fault.needs_a_disk and not standing.disk.is_small:
                sys.stderr.write(f"{fault.name}: left out, no file system can be mounted here\n")
                continue
            found = asyncio.run(trial(standing, fault))
            sys.stdout.write(line(found))
            sys.stdout.flush()
            for figures in (found.sick, found.well, found.after):
                sys.stderr.write(f"{fault.name}: {figures}\n")


main(sys.argv[1:])
