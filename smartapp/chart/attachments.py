"""Documents of a record that have a page of their own: their addresses and their content.

An address contains no id that others could read or make up, and its document is read again each
time: it is only shown if its resource says that it is about this patient (C143). A PDF or picture
must really be one, whatever the EHR says. Formatted text loses everything that could load, run or
link elsewhere.
"""

from dataclasses import dataclass, replace
from typing import Literal

import nh3

from smartapp import vault
from smartapp.chart.fhir_access import Record
from smartapp.protocol.errors import FHIRResponseInvalid, WrongPatient
from smartapp.protocol.fhir import patient_of
from smartapp.record.documents import Attachment, Document, Form, read_attachments
from smartapp.record.markup import is_rtf, with_struck_out
from smartapp.record.texts import prose

CONTEXT = "document of a record"
TAGS = {
    "a", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "div", "dl",
    "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "q", "small",
    "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u",
    "ul",
}  # fmt: skip
ATTRIBUTES = {"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}}
CONTENT_TYPES = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
# Some programs write a line or a byte order mark before "%PDF-", and PDF readers allow it.
PDF_STARTS_WITHIN = 1024


class AddressUnknown(Exception):
    """An address that this app did not make."""


@dataclass(frozen=True, slots=True)
class Link:
    words: str
    address: str


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document with the addresses of its attachments, relative to the page's own, and the names
    of those that cannot be opened."""

    document: Document
    links: tuple[Link, ...]
    unopened: tuple[str, ...]

    @property
    def fold(self) -> str:
        return self.document.fold


@dataclass(frozen=True, slots=True)
class Opened:
    """What is shown of a document: `text` or `markup` inside the page, or `content` as a file."""

    title: str
    form: Form
    text: str = ""
    markup: str = ""
    content: bytes = b""
    content_type: str = ""


def draw_documents(documents: tuple[Document, ...]) -> tuple[ShownDocument, ...]:
    """Return the documents with the addresses of their attachments."""
    return tuple(map(_shown, documents))


def _shown(document: Document) -> ShownDocument:
    opened = document.opened if document.marks.is_understood else ()
    return ShownDocument(
        document,
        tuple(Link(one.words, _address(document, one)) for one in opened if one.is_open),
        tuple(one.words for one in opened if not one.is_open),
    )


def _address(document: Document, attachment: Attachment) -> str:
    place = f"{document.marks.source} {attachment.place}"
    return f"documents/{vault.seal(place.encode(), CONTEXT)}/"


async def open_document(record: Record, sealed: str) -> Opened:
    """Return the document at an address.

    Raises AddressUnknown, WrongPatient for a document of another patient, FHIRResponseInvalid for
    one that is not what it claims to be, and the errors of reading.
    """
    resource_type, resource_id, place = _place(sealed)
    resource = await record.read(resource_type, resource_id)
    if patient_of(resource, fhir_base_url=record.fhir_base_url) != record.patient:
        detail = f"a {resource_type} that is not about the launch's patient"
        raise WrongPatient(detail, resource_type=resource_type)
    found = [one for one in read_attachments(resource) if one.place == place and one.is_open]
    if not found:
        raise FHIRResponseInvalid("the document is not there any more")
    attachment = found[0]
    if not attachment.data:
        data = await record.content(attachment.url, attachment.content_type)
        attachment = replace(attachment, data=data)
    return _opened(attachment)


def _place(sealed: str) -> tuple[str, str, str]:
    try:
        source, _, place = vault.unseal(sealed, CONTEXT).decode().partition(" ")
    except vault.KeyMissing:  # the page with this address came from a process that has it
        raise
    except vault.VaultError as error:
        raise AddressUnknown from error
    resource_type, _, resource_id = source.partition("/")
    return resource_type, resource_id, place


def _opened(attachment: Attachment) -> Opened:
    if attachment.form in ("pdf", "image"):
        content_type = _content_type(attachment.data, attachment.form)
        return Opened(
            attachment.title, attachment.form, content=attachment.data, content_type=content_type
        )
    written = attachment.text
    if attachment.form == "markup" and not is_rtf(written):
        return Opened(attachment.title, "markup", markup=sanitised(written))
    return Opened(attachment.title, "text", text=prose(written))


def _content_type(data: bytes, form: Literal["pdf", "image"]) -> str:
    """Return the type of the bytes themselves, whatever the EHR says."""
    for start, content_type in CONTENT_TYPES.items():
        is_pdf = content_type == "application/pdf"
        if (
            is_pdf == (form == "pdf")
            and start in data[: PDF_STARTS_WITHIN if is_pdf else len(start)]
        ):
            return content_type
    raise FHIRResponseInvalid(f"the EHR's {form} is none")


def sanitised(markup: str) -> str:
    """Return formatted text without anything that could load, run, or link elsewhere; it has no
    styles, so what is struck out says so."""
    return nh3.clean(
        with_struck_out(markup),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=set(),
        link_rel=None,
        clean_content_tags={"script", "style", "title", "head"},
    )
