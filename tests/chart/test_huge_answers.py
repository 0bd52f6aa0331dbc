"""One EHR that sends megabytes keeps nobody waiting, and its record stays within a page's size.

Time says little on a busy machine, so the tests count: in which thread an answer is read, how much
of it is read at all, and what the loop does meanwhile.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from aiohttp import web

from smartapp.chart import fhir_access, reader
from smartapp.chart.chart import Chart
from smartapp.chart.fhir_access import INLINE_BYTES, MAX_ANSWER_BYTES, MAX_BYTES_OF_A_PAGE
from smartapp.chart.reader import read_chart
from tests.chart.fake_ehr import FakeAccess, FakeEHR, always, serving
from tests.chart.samples import NOW, PATIENT, about_patient, observation

SCOPES = ("launch", "patient/Patient.rs", "patient/Observation.rs", "patient/Condition.rs")
TYPES = ("Observation", "Condition")


def _bundle(entries: str) -> str:
    return f'{{"resourceType":"Bundle","type":"searchset","entry":[{entries}]}}'


def _with(**members: Any) -> str:
    return _bundle(json.dumps({"resource": about_patient("Condition", "c1", **members)}))


def _repeated(one: str, size: int) -> str:
    return _bundle(",".join([one] * (size // (len(one) + 1))))


SHAPES: dict[str, Callable[[int], str]] = {
    "one huge note": lambda size: _with(note=[{"text": "a " * (size // 2 - 200)}]),
    "entries that are nothing": lambda size: _repeated("{}", size),
    "no entries at all": lambda size: f"[{','.join(['0'] * (size // 2 - 10))}]",
    "small observations": lambda size: _repeated(
        json.dumps({"resource": observation("2823-3", 4.1)}), size
    ),
    "deep nesting": lambda size: _with(
        extension=None, note=None, x="DEEP"
    ).replace('"DEEP"', "[" * (size // 2 - 200) + "]" * (size // 2 - 200)),
    "huge strings": lambda size: _with(code={"text": "b" * (size - 500)}),
}  # fmt: skip


class Watch:
    """Where answers were read, and how many, while the loop counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[str] = []
        self.sizes: list[int] = []
        self._watch(monkeypatch, fhir_access, "parse_bundle")
        self._watch(monkeypatch, reader, "read_section")

    def _watch(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        original = getattr(module, name)

        @wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if name == "parse_bundle":
                self.sizes.append(len(args[0]))
            if name != "parse_bundle" or len(args[0]) > INLINE_BYTES:
                self.threads.append(threading.current_thread().name)
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, watched)


def _read(body: str) -> Chart:
    fake = FakeEHR()
    text = body.encode()
    given = always(lambda: web.Response(body=text, content_type="application/fhir+json"))
    fake.answers |= dict.fromkeys(TYPES, given)

    async def reading() -> Chart:
        async with serving(fake):
            return await read_chart(
                FakeAccess(fake), patient=PATIENT, encounter=None, fhirUser=None,
                granted_scopes=SCOPES, extras={}, now=NOW, reference="R",
            )  # fmt: skip

    return asyncio.run(reading())


@pytest.mark.parametrize("shape", SHAPES)
def test_is_read_outside_of_the_loop(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(monkeypatch)
    chart = _read(SHAPES[shape](MAX_ANSWER_BYTES // 8))
    assert chart.who.identity is not None
    assert watch.threads
    assert all(one.startswith("record") for one in watch.threads)


@pytest.mark.parametrize("shape", SHAPES)
def test_more_than_an_answer_may_have_is_not_read(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    chart = _read(SHAPES[shape](8_000_000))
    assert max(watch.sizes, default=0) <= MAX_ANSWER_BYTES
    assert chart.section("problems").state == "failed"
    assert chart.who.identity is not None


def test_what_a_page_reads_is_bounded_over_all_its_searches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor may many answers that are each within bounds fill a process."""
    monkeypatch.setattr(fhir_access, "MAX_BYTES_OF_A_PAGE", 200_000)
    watch = Watch(monkeypatch)
    assert MAX_BYTES_OF_A_PAGE >= MAX_ANSWER_BYTES
    chart = _read(SHAPES["small observations"](80_000))
    assert sum(watch.sizes) <= 200_000
    states = {one.name: one.state for one in chart.sections}
    assert "failed" in states.values()
