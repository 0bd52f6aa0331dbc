"""Another clock for a process: Python imports this file at its start where this folder is in
PYTHONPATH. Its time differs from the machine's by the seconds in the file CLOCK_DIFFERENCE."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

_difference = Path(os.environ["CLOCK_DIFFERENCE"])
_time, _now = time.time, timezone.now


def _seconds() -> float:
    return float(_difference.read_text())


def _shifted_time() -> float:
    return _time() + _seconds()


def _shifted_now() -> datetime:
    return _now() + timedelta(seconds=_seconds())


time.time, timezone.now = _shifted_time, _shifted_now
