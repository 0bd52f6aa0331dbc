"""Reports and notes: DiagnosticReport and DocumentReference, with their texts.

Plain text and conclusions are part of the entry. Formatted text (XHTML), a PDF or a picture stays
an attachment that the page offers to open.
"""

import base64
import binascii
import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from smartapp.record.absence import absent_code, extension_code, reason_words
from smartapp.record.codes import (
    LOINC,
    codes,
    codings,
    concept_text,
    concept_texts,
    concept_words,
    status_code,
    words_or_known,
)
from smartapp.record.elements import Resource, extensions, mapping, mappings
from smartapp.record.facts import labelled, said, unless_recorded
from smartapp.record.marks import Marks, doubted, read_marks
from smartapp.record.modifiers import ENTERED_IN_ERROR, reason_to_leave_out, status_text
from smartapp.record.moments import Moment, last_day, member_moment, newest_first
from smartapp.record.narratives import OWN_TEXT, narrative_text
from smartapp.record.observations import (
    FINAL,
    SPECIMEN_ELSEWHERE,
    STATUS_RANKS,
    UNRANKED,
    Reading,
    read_observation,
    specimen_text,
)
from smartapp.record.opposites import contradiction_in
from smartapp.record.panel_members import spread
from smartapp.record.people import Person, read_person
from smartapp.record.reading import Given, LeftOut, Read, read_each
from smartapp.record.references import (
    display,
    displays,
    place,
    resolve,
    superseded,
    target,
)
from smartapp.record.sites import site_texts
from smartapp.record.texts import prose, text
from smartapp.record.timing import period_moments, period_words

# text: shown as it is · markup: shown after sanitising · pdf, image: opened · other: named
Form = Literal["text", "markup", "pdf", "image", "other"]
FORMS: dict[str, Form] = {
    "text/plain": "text",
    "text/markdown": "text",
    "text/html": "markup",
    "application/xhtml+xml": "markup",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "image/jpeg": "image",
    # Not registered, but common.
    "image/jpg": "image",
    "image/pjpeg": "image",
    "image/png": "image",
    "image/gif": "image",
}
OPENED: frozenset[Form] = frozenset({"text", "markup", "pdf", "image"})
FORM_WORDS: dict[Form, str] = {
    "text": "text",
    "markup": "formatted text",
    "pdf": "PDF",
    "image": "picture",
    "other": "document",
}
# What EHRs send that this app cannot show, and the beginning of whole families.
TYPE_WORDS = {
    "application/rtf": "RTF document",
    "application/x-rtf": "RTF document",
    "text/rtf": "RTF document",
    "text/richtext": "RTF document",
    "application/msword": "Word document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml": "Word document",
    "application/vnd.oasis.opendocument.text": "OpenDocument text",
    "application/vnd.ms-excel": "Excel table",
    "application/vnd.openxmlformats-officedocument.spreadsheetml": "Excel table",
    "application/hl7-v3+xml": "structured document (CDA)",
    "application/hl7-sdwg-template+xml": "structured document (CDA)",
    "application/hl7-cda+xml": "structured document (CDA)",
    "application/cda+xml": "structured document (CDA)",
    "text/x-hl7-text+xml": "structured document (CDA)",
    "text/xml": "XML document, often a structured one (CDA)",
    "application/xml": "XML document, often a structured one (CDA)",
    "application/fhir+": "FHIR document",
    "application/dicom": "DICOM image",
    "image/tif": "scanned document (TIFF)",
    "application/zip": "ZIP archive",
    "message/rfc822": "e-mail message",
    "audio/": "sound recording",
    "video/": "video",
}
# LOINC's codes of the kinds of notes and reports that US Core and the international patient summary
# name, and of common others, for servers that send only the code.
KINDS = {
    "11488-4": "Consultation note",
    "18842-5": "Discharge summary",
    "11490-0": "Discharge summary",
    "34105-7": "Discharge summary",
    "34117-2": "History and physical note",
    "47039-3": "History and physical note of the admission",
    "28570-0": "Procedure note",
    "11504-8": "Operative note",
    "11506-3": "Progress note",
    "34111-5": "Emergency department note",
    "28568-4": "Emergency department note",
    "34746-8": "Nurse note",
    "34748-4": "Telephone note",
    "57133-1": "Referral note",
    "18761-7": "Transfer summary",
    "34133-9": "Summary of an episode",
    "60591-5": "Patient summary",
    "8653-8": "Discharge instructions",
    "69730-0": "Instructions",
    "18748-4": "Imaging report",
    "11502-2": "Laboratory report",
    "11526-1": "Pathology report",
    "11503-0": "Medical records",
    "42348-3": "Advance directives",
    "59284-0": "Consent",
}
EMPTY = "The EHR sent neither a result nor a text of it."
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)
_EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-"
_RELATIONS = {"addendumOf": "addendum to", "extends": "extends", "replaces": "replaces"}
# A report whose results are among the laboratory results says nothing more.
RESULTS_ONLY = "with nothing beside their results"
SUPERSEDED = "replaced by a newer version"
NO_TEXT = "The EHR keeps its text in a form that this app cannot show."
NOTHING_YET = frozenset({"entered-in-error", "cancelled", "registered"})
NOT_SENT = "The EHR sent no text of it."
# HL7 v2 table 0074 and LOINC's parts, for categories of reports that are only a code.
_CATEGORIES = {
    "LAB": "Laboratory",
    "RAD": "Radiology",
    "LP29684-5": "Radiology",
    "LP29708-2": "Cardiology",
    "LP7839-6": "Pathology",
    "8716-3": "Vital signs",
    "SP": "Surgical pathology",
    "CP": "Cytopathology",
    "MB": "Microbiology",
    "HM": "Hematology",
    "CH": "Chemistry",
    "BLB": "Blood bank",
    "GE": "Genetics",
    "CT": "CT",
    "NMR": "MRI",
    "RUS": "Ultrasound",
    "CUS": "Cardiac ultrasound",
    "EC": "Electrocardiography",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """One content of a document. `place` is its position in the resource: "presentedForm 0".

    `is_open` means that the page can offer to open it.
    """

    place: str
    form: Form
    title: str
    content_type: str = ""
    url: str = ""
    data: bytes = b""
    charset: str = ""

    @property
    def is_open(self) -> bool:
        return self.form in OPENED and bool(self.url or self.data)

    @property
    def text(self) -> str:
        """The data as text, decoded as its first bytes say (UTF-16), else with the charset of the
        content type, else as UTF-8, else as cp1252, which old Windows programs write."""
        if self.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return self.data.decode("utf-16", errors="replace")
        for charset in filter(None, (self.charset, "utf-8", "cp1252")):
            try:
                return self.data.decode(charset)
            except (UnicodeDecodeError, LookupError):
                continue
        return self.data.decode("utf-8", errors="replace")

    @property
    def words(self) -> str:
        kind = self._type_words if self.form == "other" else FORM_WORDS[self.form]
        return f"{self.title} ({kind})" if self.title else kind

    @property
    def _type_words(self) -> str:
        known = (words for kind, words in TYPE_WORDS.items() if self.content_type.startswith(kind))
        unknown = f"{FORM_WORDS[self.form]} of the type {self.content_type}"
        return next(known, unknown if self.content_type else FORM_WORDS[self.form])


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report or a note. `texts` are shown completely, folded if they are long."""

    marks: Marks
    name: str
    fold: str = ""
    when: Moment | None = None
    texts: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    lines: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def is_counted(self) -> bool:
        return not self.fold

    @property
    def opened(self) -> tuple[Attachment, ...]:
        """The attachments that the page offers to open: all except texts that it shows."""
        return tuple(one for one in self.attachments if not (one.form == "text" and one.data))


def read_documents(given: Given) -> Read[Document]:
    """Return reports and notes, newest first, then those that say nothing more or were replaced.
    Of one moment the final and the latest ones come first, in whichever order they were sent."""
    person = read_person(given.patient)
    replaced = superseded(_replacements(given.resources))
    sent = sorted(given.resources, key=_distrust)
    read = read_each(sent, lambda one: _document(one, given, person, replaced))
    entries = sorted(read.entries, key=_place)
    return Read(tuple(entries), read.left_out)


def _place(one: Document) -> tuple[bool, str, bool, float]:
    return bool(one.fold), one.fold, bool(one.marks.doubt), newest_first(one.when)


def _distrust(resource: Resource) -> tuple[int, float]:
    """Return a sort key: corrected and final ones first, then the latest issue."""
    said = status_code(resource, "docStatus")
    if resource.get("resourceType") == "DiagnosticReport":
        said = status_code(resource)
    rank = STATUS_RANKS.get(said, UNRANKED if said else FINAL)
    return max(rank, FINAL), newest_first(member_moment(resource, "issued", "date", "indexed"))


def _replacements(resources: Iterable[Resource]) -> Iterator[tuple[str, str]]:
    """Yield a note or report and one that it replaces: "DocumentReference/n2",
    "DocumentReference/n1". What was withdrawn or is not there yet replaces nothing."""
    for one in resources:
        if NOTHING_YET.isdisjoint((status_code(one), status_code(one, "docStatus"))):
            newer = f"{text(one.get('resourceType'))}/{text(one.get('id'))}"
            for relation in mappings(one.get("relatesTo")):
                if status_code(relation, "code") == "replaces":
                    yield newer, place(relation.get("target"))
            for extension in extensions(one, f"{_EXTENSIONS}replaces"):
                yield newer, place(extension.get("valueReference"))


def _document(
    resource: Resource, given: Given, person: Person, replaced: frozenset[str]
) -> Document | LeftOut:
    if resource.get("resourceType") == "DiagnosticReport":
        found = _report(resource, given, person)
    elif status_code(resource, "docStatus") == "entered-in-error":
        return LeftOut(ENTERED_IN_ERROR)
    else:
        found = _note(resource)
    if found.marks.source in replaced:
        found = replace(found, fold=SUPERSEDED)
    return replace(found, marks=doubted(found.marks, given.now))


def read_attachments(resource: Resource) -> tuple[Attachment, ...]:
    """Return every content of a report or a note, in its order."""
    forms = [
        *(("presentedForm", one) for one in mappings(resource.get("presentedForm"))),
        *(("content", mapping(one.get("attachment"))) for one in mappings(resource.get("content"))),
    ]
    return tuple(_attachment(f"{name} {at}", one) for at, (name, one) in enumerate(forms))


def _attachment(place: str, attachment: dict[str, Any]) -> Attachment:
    content_type, _, parameters = text(attachment.get("contentType")).partition(";")
    content_type = content_type.strip().lower()
    charset = _CHARSET.search(parameters)
    form = FORMS.get(content_type, "other") if content_type else _form_of(attachment.get("data"))
    return Attachment(
        place=place,
        form=form,
        title=text(attachment.get("title")),
        content_type=content_type,
        url=text(attachment.get("url")),
        data=_decoded(attachment.get("data"), form),
        charset=charset[1] if charset else "",
    )


def _form_of(data: object) -> Form:
    """Return the form of data whose type was not sent: text, if it can be nothing else."""
    try:
        words = _decoded(data, "other").decode()
    except UnicodeDecodeError:
        return "other"
    is_text = not words.startswith("%PDF") and all(
        one.isprintable() or one in "\r\n\t" for one in words
    )
    return "text" if words and is_text else "other"


def _decoded(data: object, form: Form) -> bytes:
    """Return the bytes of base64 data; b"" if there is none or it is broken. Some servers send a
    text as it is, and not in base64."""
    if not isinstance(data, str):
        return b""
    may_be_text = form == "text" and " " in data.strip()
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True)
        if may_be_text:
            decoded.decode()  # "Pain four" is base64, too, of what nobody wrote
    except (binascii.Error, ValueError):
        return data.encode(errors="replace") if may_be_text else b""
    return decoded


def _texts(attachments: Iterable[Attachment]) -> list[str]:
    return [prose(one.text) for one in attachments if one.form == "text"]


def _report(resource: Resource, given: Given, person: Person) -> Document:
    start, end = period_moments(resource.get("effectivePeriod"))
    when = (
        member_moment(resource, "effectiveDateTime")
        or start
        or end
        or member_moment(resource, "issued")
    )
    attachments = read_attachments(resource)
    # STU3 has another name for them.
    conclusions = concept_texts(resource.get("conclusionCode") or resource.get("codedDiagnosis"))
    texts = said(prose(resource.get("conclusion")), *_texts(attachments))
    results = mappings(resource.get("result"))
    inner = [*_inner_results(resource, given, person)]
    has_own = bool(texts or conclusions or attachments or inner or _images(resource))
    written = narrative_text(resource, is_all_there_is=not has_own)
    # A text that a program generated from the results is shown with them; a text that a person
    # added is shown by itself.
    is_of_results = results and mapping(resource.get("text")).get("status") == "generated"
    says_more = has_own or (written and not is_of_results)
    texts = said(*texts, f"{OWN_TEXT}{written}" if written else "")
    marks = read_marks(
        resource,
        when=when,
        origin=", ".join(displays(resource.get("resultsInterpreter"))),
        status=unless_recorded(resource, status_text(resource)),
    )
    return Document(
        marks=marks,
        name=_kind(resource.get("code"), "Report") or "Report",
        fold=RESULTS_ONLY if results and not says_more else "",
        when=when,
        texts=texts,
        attachments=attachments,
        lines=said(
            contradiction_in(resource.get("code")),
            labelled("conclusion", [*conclusions, _absent_conclusion(resource)]),
            *inner,
            "" if has_own or written or results or marks.notes else EMPTY,
            *_results(results),
            _images(resource),
            *_relations_of_report(resource),
        ),
        details=said(
            *(
                words
                for one in mappings(resource.get("category"))
                if (words := words_or_known(one, _CATEGORIES)) != "Unknown"
            ),
            # STU3 has the performer one level deeper.
            *displays([one.get("actor") or one for one in mappings(resource.get("performer"))]),
            _specimen(resource, given),
            *_period(resource),
            *_issued(resource, when),
        ),
    )


def _absent_conclusion(resource: Resource) -> str:
    code = extension_code(resource.get("_conclusion"))
    return reason_words(code) if code else ""


def _inner_results(resource: Resource, given: Given, person: Person) -> Iterator[str]:
    """Yield the results that a report contains itself and that appear nowhere else."""
    for reference in mappings(resource.get("result")):
        if not target(reference).startswith("#"):
            continue
        inner = resolve(reference, resource, given.related)
        if reason_to_leave_out(inner):
            continue
        around = {"subject": resource.get("subject"), "contained": resource.get("contained")}
        reading = read_observation({**around, **inner}, person, {})
        if not isinstance(reading, LeftOut):
            yield from map(_result_words, spread(reading))


def _result_words(reading: Reading) -> str:
    value = f"{reading.result} {reading.value.unit.text}".rstrip()
    of = f"{reading.name} (of: {reading.marks.whose})" if reading.marks.whose else reading.name
    span = labelled("range", [reading.range_text])
    # The names of LOINC's parts may end with one: "SODIUM:SCNC:PT:SER/PLAS:QN:".
    words = said(value, reading.shown_flag.text, span, *reading.beside)
    return f"{of.rstrip(':')}: {', '.join(words)}"


def _specimen(report: Resource, given: Given) -> str:
    words = specimen_text(report, given.related)
    return words if words == SPECIMEN_ELSEWHERE else labelled("specimen", [words])


def _results(results: list[dict[str, Any]]) -> Iterable[str]:
    """Return the names of the results; their values have their own section."""
    if results:
        names = ", ".join(said(*displays(results)))
        yield labelled("results", [names]) or f"results: {len(results)}"


def _images(report: Resource) -> str:
    """Return the names of the images; the images themselves are in the EHR."""
    studies = mappings(report.get("imagingStudy"))
    # STU3 calls the pictures "image".
    media = mappings(report.get("media") or report.get("image"))
    if not (studies or media):
        return ""
    words = [text(one.get("comment")) or display(one.get("link")) for one in media]
    named = labelled("images, in the EHR", [*displays(studies), *words])
    return named or "There are images in the EHR."


def _relations_of_report(report: Resource) -> Iterator[str]:
    """Yield the reports that this one replaces or adds to (R4's extensions of DiagnosticReport)."""
    for name, words in _RELATIONS.items():
        for one in extensions(report, f"{_EXTENSIONS}{name}"):
            yield f"{words}: {display(one.get('valueReference')) or 'another report'}"


def _period(resource: Resource) -> Iterable[str]:
    """Yield the days of an examination that took more than one, such as of a Holter ECG."""
    start, end = period_moments(resource.get("effectivePeriod"))
    if start and end and start.day_text != end.day_text:
        yield f"time of service: {period_words(resource.get('effectivePeriod'))}"


def _issued(resource: Resource, when: Moment | None) -> Iterable[str]:
    issued = member_moment(resource, "issued")
    if issued and issued != when:
        yield f"issued {issued.day_text}"


def _note(resource: Resource) -> Document:
    context = mapping(resource.get("context"))
    period = context.get("period") or resource.get("period")
    start, end = period_moments(period)
    # STU3 and DSTU2 call the date "indexed".
    when = member_moment(resource, "date", "created", "indexed") or start or end
    attachments = read_attachments(resource)
    written = narrative_text(resource, is_all_there_is=not attachments)
    texts = [*_texts(attachments), f"{OWN_TEXT}{written}" if written else ""]
    kind = _kind(resource.get("type"), "Document")
    is_replaced = status_code(resource) == "superseded"
    return Document(
        marks=read_marks(
            resource,
            when=when,
            origin=", ".join(displays(resource.get("author"))),
            status=", ".join(said(_note_status(resource), _doc_status(resource))),
        ),
        name=kind or text(resource.get("description")) or "Document",
        fold=SUPERSEDED if is_replaced else "",
        when=when,
        texts=said(*texts),
        attachments=attachments,
        lines=said(
            prose(resource.get("description")) if kind else "",
            labelled("about", concept_texts(context.get("event") or resource.get("event"))),
            labelled("time of service", [period_words(period) or ""])
            if _is_later(when, end)
            else "",
            "" if written or any(one.is_open for one in attachments) else _no_text(resource),
            *map(_relation, mappings(resource.get("relatesTo"))),
        ),
        details=said(
            *_categories(resource, kind),
            # R5 says what was pictured.
            *concept_texts(resource.get("modality")),
            *site_texts(resource.get("bodySite")),
            concept_text(context.get("practiceSetting")),
            concept_text(context.get("facilityType")),
            *displays(resource.get("custodian")),
            labelled(
                "signed by",
                [
                    *displays(resource.get("authenticator")),
                    *displays([one.get("party") for one in mappings(resource.get("attester"))]),
                ],
            ),
        ),
    )


def _is_later(when: Moment | None, end: Moment | None) -> bool:
    """Return whether a note was written on a later day than what it is about, by more than time
    zones can explain: a discharge summary of last month's stay."""
    if when is None or end is None or not (when.is_readable and end.is_readable):
        return False
    return when.at.date() - last_day(end) > timedelta(days=1)


def _kind(concept: object, entry: str) -> str:
    """Return the kind of a document in words: the EHR's, else those of its LOINC code, else that it
    is an entry with this code."""
    if absent_code(concept):
        return ""
    if words := concept_words(concept):
        return words
    known = (KINDS.get(code, "") for system, code in codings(concept) if system == LOINC)
    code = next(filter(None, known), "") or concept_text(concept)
    return f"{entry} ({code})" if code and code not in KINDS.values() else code


def _no_text(note: Resource) -> str:
    """Return why a note has no text that this app shows: its form, or that the EHR sent none."""
    contents = [mapping(one.get("attachment")) for one in mappings(note.get("content"))]
    if any(text(one.get("url")) or text(one.get("data")) for one in contents):
        return NO_TEXT
    codes_of_absence = (
        extension_code(one.get(f"_{n}")) for one in contents for n in ("data", "url")
    )
    reason = next(filter(None, codes_of_absence), "")
    return f"{NOT_SENT[:-1]}: {reason_words(reason)}" if reason else NOT_SENT


def _relation(relation: dict[str, Any]) -> str:
    """Return "appends: Progress note of 1 June" for a note that relates to another."""
    code = concept_text(relation.get("code"))
    return labelled(code, [display(relation.get("target")) or "another document"]) if code else ""


def _categories(resource: Resource, kind: str) -> list[str]:
    """Return the categories that say more than that it is a clinical note, or of no known one."""
    return [
        words
        for category in mappings(resource.get("category"))
        if (words := concept_text(category)) and words not in {kind, "Unknown"}
        if "clinical-note" not in codes(category)
    ]


def _note_status(resource: Resource) -> str:
    return unless_recorded(resource, status_text(resource))


def _doc_status(resource: Resource) -> str:
    """Return the status of the document itself: a preliminary note is not signed."""
    status = text(resource.get("docStatus"))
    return {"final": "", "": ""}.get(status, status.replace("-", " ").capitalize())
