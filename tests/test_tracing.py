"""Spans for OpenTelemetry: what was done, inside what, and nothing that is secret."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from smartapp import tracing
from smartapp.protocol.errors import EHRTimeout
from tests.launches.conftest import Browser, app, browser, ehr_launch, expire, registered
from tests.processes import ROOT, environment
from tests.scripted_ehr import CANARY, ScriptedEHR

__all__ = ["app", "browser", "ehr_launch", "registered"]
Start = Callable[[], str]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("smartapp"))
    yield exporter
    provider.shutdown()


def ancestors(one: ReadableSpan, finished: tuple[ReadableSpan, ...]) -> list[str]:
    """Return the names of the spans around this one, the nearest first."""
    by_id = {other.context.span_id: other for other in finished if other.context}
    names: list[str] = []
    while one.parent and (parent := by_id.get(one.parent.span_id)):
        names.append(parent.name)
        one = parent
    return names


async def ended(spans: InMemorySpanExporter, *, pages: int) -> tuple[ReadableSpan, ...]:
    """Return the spans once those of so many pages have ended: a browser has all of a page a
    moment before that."""
    async with asyncio.timeout(20):
        while sum(one.name == "launches" for one in spans.get_finished_spans()) < pages:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return spans.get_finished_spans()


async def test_a_launch_has_its_token_request_reads_and_database_work(
    spans: InMemorySpanExporter, browser: Browser, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    await browser.get(f"/launches/{uuid}/")
    await expire(uuid)
    await browser.get(f"/launches/{uuid}/")
    finished = await ended(spans, pages=2)
    around = {(one.name, *ancestors(one, finished)[-1:]) for one in finished}
    assert {
        ("launch",),
        ("callback",),
        ("token request", "callback"),
        ("EHR request", "callback"),
        ("database", "callback"),
        ("EHR request", "launches"),
        ("token request", "launches"),
    } <= around
    [code, refresh] = [one for one in finished if one.name == "token request"]
    assert code.attributes == {"smartapp.purpose": "code", "smartapp.endpoint": "scripted"}
    assert refresh.attributes
    assert refresh.attributes["smartapp.purpose"] == "refresh"
    statuses = {
        one.attributes["http.response.status_code"]
        for one in finished
        if one.name == "callback" and one.attributes
    }
    assert statuses == {303}


async def test_spans_hold_nothing_secret(
    spans: InMemorySpanExporter, browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    await browser.get(f"/launches/{uuid}/")
    await browser.get("/callback/scripted/?error=access_denied&error_description=CANARY&state=x")
    told = "".join(one.to_json() for one in await ended(spans, pages=1))
    assert "callback" in told
    for secret in (CANARY, str(uuid), "p-1", "Family", "access_denied", "?"):
        assert secret not in told


def test_an_error_is_named_by_its_class_alone(spans: InMemorySpanExporter) -> None:
    with pytest.raises(EHRTimeout), tracing.span("x"):
        raise EHRTimeout("a value")
    [one] = spans.get_finished_spans()
    assert one.attributes == {"error.type": "EHRTimeout"}
    assert not one.events
    assert "a value" not in one.to_json()


@pytest.mark.parametrize("is_installed", [False, True])
def test_without_the_sdk_nothing_of_it_is_imported(is_installed: bool) -> None:
    hidden = "" if is_installed else "sys.modules['opentelemetry'] = None\n"
    program = (
        f"import sys\n{hidden}import smartapp.asgi\nfrom smartapp import tracing\n"
        "with tracing.span('x'): pass\n"
        "print(any(name.startswith('opentelemetry.') for name in sys.modules))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
        env=environment("http://127.0.0.1:8000", "sqlite:///:memory:"),
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, str(is_installed)), done.stderr
