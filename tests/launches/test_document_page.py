"""A document of the record by itself (C101, C143, C150): whose it is, and what its file may do."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from django.test import override_settings

from smartapp import vault
from smartapp.chart.attachments import CONTEXT
from smartapp.launches.models import EndReason
from tests.launches.conftest import Browser, new_browser, row
from tests.scripted_ehr import ScriptedEHR, fhir_json

Start = Callable[[], str]
PDF = b"%PDF-1.7\n..."
HTML = b"<h2>Progress</h2><script>alert(1)</script>"


def note(content_type: str, data: bytes, patient: str = "p-1") -> dict[str, Any]:
    attachment = {"contentType": content_type, "data": b64encode(data).decode(), "title": "Letter"}
    return {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": attachment}],
    }


def keeping(ehr: ScriptedEHR, document: dict[str, Any]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        is_document = path == "DocumentReference/d1"
        return fhir_json(document if is_document else ehr.resource(path))

    ehr.fhir_answer = answer


def address(uuid: UUID) -> str:
    sealed = vault.seal(b"DocumentReference/d1 content 0", CONTEXT)
    return f"/launches/{uuid}/documents/{sealed}/"


@pytest.fixture
async def launched(browser: Browser, ehr_launch: Start) -> UUID:
    return await browser.launch(ehr_launch())


async def test_formatted_text_stands_below_whose_it_is(
    browser: Browser, ehr: ScriptedEHR, launched: UUID
) -> None:
    keeping(ehr, note("text/html", HTML))
    response = await browser.get(address(launched))
    page = await response.text()
    assert response.status == 200
    assert "<h2>Progress</h2>" in page
    assert "alert(1)" not in page
    assert page.index("Family-p-1") < page.index("Progress")
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")


async def test_a_pdf_has_a_page_and_a_file_with_a_policy_of_its_own(
    browser: Browser, ehr: ScriptedEHR, launched: UUID
) -> None:
    keeping(ehr, note("application/pdf", PDF))
    page = await (await browser.get(address(launched))).text()
    assert f'src="{address(launched)[:50]}' in page
    in_our_page = {"Sec-Fetch-Dest": "iframe"}
    file = await browser.get(f"{address(launched)}file", headers=in_our_page)
    assert (file.status, await file.read()) == (200, PDF)
    assert file.headers["Content-Type"] == "application/pdf"
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    policy = file.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy


async def test_text_has_no_file(browser: Browser, ehr: ScriptedEHR, launched: UUID) -> None:
    keeping(ehr, note("text/html", HTML))
    assert (await browser.get(f"{address(launched)}file")).status == 404


async def test_another_browser_finds_nothing(app: str, ehr: ScriptedEHR, launched: UUID) -> None:
    keeping(ehr, note("text/html", HTML))
    async with new_browser(app) as other:
        assert (await other.get(address(launched))).status == 404


async def test_an_address_that_was_made_up_leads_nowhere(
    browser: Browser, ehr: ScriptedEHR, launched: UUID
) -> None:
    keeping(ehr, note("text/html", HTML))
    made_up = f"/launches/{launched}/documents/DocumentReference-d1/"
    assert (await browser.get(made_up)).status == 404


async def test_an_address_of_a_process_with_another_key_is_not_called_made_up(
    browser: Browser, launched: UUID
) -> None:
    with override_settings(ENCRYPTION_KEYS=vault.new_key()):
        sealed_there = address(launched)
    answer = await browser.get(sealed_there)
    assert (answer.status, "tokens-unopened" in await answer.text()) == (503, True)


async def test_a_document_of_somebody_else_ends_the_launch(
    browser: Browser, ehr: ScriptedEHR, launched: UUID
) -> None:
    keeping(ehr, note("text/html", HTML, patient="p-2"))
    response = await browser.get(address(launched))
    assert "Progress" not in await response.text()
    assert response.status >= 400
    assert (await row(launched)).end_reason == EndReason.PATIENT_CHANGED
