"""Documents that are opened by themselves: whose they are, what they are, and what they may do."""

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from smartapp import vault
from smartapp.chart.attachments import (
    CONTEXT,
    AddressUnknown,
    Opened,
    draw_documents,
    open_document,
    sanitised,
)
from smartapp.chart.fhir_access import ReadRefused, Record
from smartapp.protocol.errors import FHIRResponseInvalid, WrongPatient
from smartapp.record.documents import read_documents
from smartapp.record.elements import Resource
from smartapp.record.markup import RTF_NOT_SHOWN
from smartapp.record.reading import Given
from tests.chart.fake_ehr import FakeAccess, FakeEHR, always, fhir, serving
from tests.chart.samples import NOW, PATIENT, about_patient, concept

PDF = b"%PDF-1.7\n..."
PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.fixture
async def ehr() -> AsyncIterator[FakeEHR]:
    async with serving(FakeEHR()) as fake:
        yield fake


def note(**attachment: Any) -> Resource:
    return about_patient(
        "DocumentReference",
        "d1",
        status="current",
        type=concept("Progress note"),
        content=[{"attachment": attachment}],
    )


def address(resource: Resource) -> str:
    """Return what the page's link to the only content of a document has sealed."""
    (shown,) = draw_documents(read_documents(Given((resource,), NOW)).entries)
    (link,) = shown.links
    return link.address.removeprefix("documents/").removesuffix("/")


async def opened(ehr: FakeEHR, resource: Resource) -> Opened:
    sealed = address(resource)
    ehr.add(resource)
    record = Record(FakeAccess(ehr), patient=PATIENT, extras={})
    return await open_document(record, sealed)


def inline(data: bytes) -> str:
    return b64encode(data).decode()


class TestWhatIsOpened:
    async def test_formatted_text_is_sanitised(self, ehr: FakeEHR) -> None:
        html = b"<h1>Note</h1><script>alert(1)</script>"
        found = await opened(ehr, note(contentType="text/html", data=inline(html), title="T"))
        assert (found.title, found.form, found.markup) == ("T", "markup", "<h1>Note</h1>")

    async def test_rtf_that_is_called_html_is_not_shown_with_its_codes(self, ehr: FakeEHR) -> None:
        data = inline(rb"{\rtf1\ansi No bleed\par}")
        found = await opened(ehr, note(contentType="text/html", data=data))
        assert (found.form, found.text, found.markup) == ("text", RTF_NOT_SHOWN, "")

    @pytest.mark.parametrize("is_absolute", [True, False])
    async def test_content_that_stands_elsewhere_is_read(
        self, ehr: FakeEHR, is_absolute: bool
    ) -> None:
        ehr.answers["Binary/b1"] = always(
            lambda: web.Response(body=PDF, content_type="application/pdf")
        )
        url = f"{ehr.base}/Binary/b1" if is_absolute else "Binary/b1"
        found = await opened(ehr, note(contentType="application/pdf", url=url))
        assert (found.content, found.content_type) == (PDF, "application/pdf")
        asked = ehr.requests[-1]
        assert asked.headers["Accept"] == "application/pdf, application/fhir+json;q=0.5"
        assert asked.headers["Authorization"] == "Bearer first"

    async def test_a_binary_resource_is_its_data(self, ehr: FakeEHR) -> None:
        binary = {"resourceType": "Binary", "contentType": "image/png", "data": inline(PNG)}
        ehr.answers["Binary/b1"] = always(lambda: fhir(binary))
        found = await opened(ehr, note(contentType="image/png", url="Binary/b1"))
        assert (found.content, found.content_type) == (PNG, "image/png")

    async def test_plain_text_that_stands_elsewhere_keeps_its_lines(self, ehr: FakeEHR) -> None:
        ehr.answers["Binary/b1"] = always(
            lambda: web.Response(body=b"{not json}\r\nline 2", content_type="text/plain")
        )
        found = await opened(ehr, note(contentType="text/plain", url="Binary/b1"))
        assert found.text == "{not json}\nline 2"


class TestWhatIsNot:
    async def test_a_document_of_somebody_else(self, ehr: FakeEHR) -> None:
        resource = note(contentType="text/html", data=inline(b"x"))
        resource["subject"] = {"reference": "Patient/other"}
        with pytest.raises(WrongPatient):
            await opened(ehr, resource)

    @pytest.mark.parametrize(
        ("content_type", "data"),
        [("application/pdf", b"<script>"), ("image/png", PDF), ("application/pdf", PNG)],
    )
    async def test_what_is_not_what_it_says(
        self, ehr: FakeEHR, content_type: str, data: bytes
    ) -> None:
        with pytest.raises(FHIRResponseInvalid):
            await opened(ehr, note(contentType=content_type, data=inline(data)))

    async def test_no_token_leaves_the_fhir_base(self, ehr: FakeEHR) -> None:
        resource = note(contentType="application/pdf", url="https://elsewhere.example/Binary/1")
        with pytest.raises(FHIRResponseInvalid, match="outside the FHIR base"):
            await opened(ehr, resource)

    async def test_one_that_is_not_there_any_more(self, ehr: FakeEHR) -> None:
        sealed = address(note(contentType="application/pdf", url="Binary/1"))
        ehr.add(note(contentType="text/rtf", url="Binary/1"))
        record = Record(FakeAccess(ehr), patient=PATIENT, extras={})
        with pytest.raises(FHIRResponseInvalid):
            await open_document(record, sealed)

    async def test_one_that_the_ehr_refuses(self, ehr: FakeEHR) -> None:
        with pytest.raises(ReadRefused):
            await opened(ehr, note(contentType="application/pdf", url="Binary/none"))

    async def test_an_address_of_somebody_elses_making(self, ehr: FakeEHR) -> None:
        record = Record(FakeAccess(ehr), patient=PATIENT, extras={})
        other = vault.seal(b"DocumentReference/d1 content 0", "another place")
        for made_up in ("DocumentReference", "v1.x.y", other):
            with pytest.raises(AddressUnknown):
                await open_document(record, made_up)

    async def test_a_binary_whose_data_is_broken(self, ehr: FakeEHR) -> None:
        ehr.answers["Binary/b1"] = always(lambda: fhir({"resourceType": "Binary", "data": "!"}))
        with pytest.raises(FHIRResponseInvalid, match="base64"):
            await opened(ehr, note(contentType="application/pdf", url="Binary/b1"))


def test_an_address_shows_no_id() -> None:
    letter = {**note(contentType="application/pdf", url="Binary/1"), "id": "discharge-letter"}
    sealed = address(letter)
    assert "discharge-letter" not in sealed
    assert vault.unseal(sealed, CONTEXT) == b"DocumentReference/discharge-letter content 0"


def test_what_cannot_be_opened_is_named_and_what_is_not_understood_is_not() -> None:
    resource = note(contentType="text/rtf", url="Binary/1", title="Letter")
    (shown,) = draw_documents(read_documents(Given((resource,), NOW)).entries)
    assert (shown.links, shown.unopened) == ((), ("Letter (RTF document)",))
    marked = {**resource, "modifierExtension": [{"url": "http://example.org/x"}]}
    (shown,) = draw_documents(read_documents(Given((marked,), NOW)).entries)
    assert (shown.links, shown.unopened) == ((), ())


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='https://evil.example/'>x</a>",
        "<iframe src='https://evil.example/'></iframe>",
        "<object data='x'></object>",
        "<form action='https://evil.example/'><input name=x></form>",
        "<style>@import 'https://evil.example/x.css'</style>",
        "<p style='background:url(https://evil.example/x)'>x</p>",
        "<link rel=stylesheet href='https://evil.example/x.css'>",
        "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
        "<svg><script>alert(1)</script></svg>",
        "<base href='https://evil.example/'>",
        "<p id='content' class='notice-alarm'>x</p>",
    ],
)
def test_formatted_text_can_do_nothing(hostile: str) -> None:
    clean = sanitised(f"<p>Before</p>{hostile}<p>After</p>")
    assert clean.startswith("<p>Before</p>")
    assert clean.endswith("<p>After</p>")
    for danger in ("script", "evil", "onerror", "href", "src", "style", "class", "id=", "<form"):
        assert danger not in clean


def test_tables_and_lists_stay() -> None:
    markup = '<table><tbody><tr><td colspan="2">A</td></tr></tbody></table><ul><li>B</li></ul>'
    assert sanitised(markup) == markup
