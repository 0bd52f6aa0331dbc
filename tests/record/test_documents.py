"""Reports and notes as Epic, Cerner and US Core's examples have them."""

from base64 import b64encode
from typing import Any

import pytest

from smartapp.record.documents import (
    NO_TEXT,
    NOT_SENT,
    RESULTS_ONLY,
    SUPERSEDED,
    Document,
    read_attachments,
    read_documents,
)
from smartapp.record.elements import Resource
from smartapp.record.narratives import narrative_text
from tests.chart.samples import LOINC, about_patient, concept
from tests.record.samples import given


def encoded(words: str) -> str:
    return b64encode(words.encode()).decode()


def one(resource: Resource) -> Document:
    (only,) = read_documents(given(resource)).entries
    return only


def report(**members: Any) -> Document:
    base = {"status": "final", "code": concept("CT of the chest")}
    return one(about_patient("DiagnosticReport", "r", **{**base, **members}))


def note(*attachments: dict[str, Any], **members: Any) -> Document:
    base: dict[str, Any] = {
        "status": "current",
        "type": concept("Discharge summary"),
        "content": [{"attachment": attachment} for attachment in attachments],
    }
    return one(about_patient("DocumentReference", "d", **{**base, **members}))


class TestReports:
    @pytest.mark.parametrize(
        ("period", "said"),
        [
            (
                {"start": "2026-05-01", "end": "2026-05-03"},
                ("time of service: from 1 May 2026 to 3 May 2026",),
            ),
            ({"start": "2026-05-01T08:00:00Z", "end": "2026-05-01T09:00:00Z"}, ()),
            ({"start": "2026-05-01"}, ()),
            ({"end": "2026-05-01"}, ()),
        ],
    )
    def test_of_several_days_say_until_when(self, period: Any, said: tuple[str, ...]) -> None:
        assert report(effectivePeriod=period, conclusion="Sinus rhythm").details == said

    def test_conclusion_codes_text_and_results(self) -> None:
        found = report(
            effectiveDateTime="2026-05-01",
            issued="2026-05-02T08:00:00Z",
            category=[concept("Radiology")],
            conclusion="No embolism.\nNodule of 4 mm.",
            conclusionCode=[concept("Nodule of lung")],
            result=[{"display": "Hb"}, {"display": "WBC"}],
            presentedForm=[
                {"contentType": "text/plain; charset=utf-8", "data": encoded("FULL\nTEXT")}
            ],
            performer=[{"display": "Radiology Dept"}],
            resultsInterpreter=[{"display": "Dr. Okafor"}],
        )
        assert found.texts == ("No embolism.\nNodule of 4 mm.", "FULL\nTEXT")
        assert found.lines == ("conclusion: Nodule of lung", "results: Hb, WBC")
        assert found.details == ("Radiology", "Radiology Dept", "issued 2 May 2026 (UTC)")
        assert found.marks.origin == "Dr. Okafor"
        assert found.opened == ()

    def test_a_panel_inside_a_report_has_its_results(self) -> None:
        inner = {"resourceType": "Observation", "status": "final"}
        panel = {**inner, "id": "p", "code": concept("CBC"), "hasMember": [{"reference": "#a"}]}
        member = {**inner, "id": "a", "code": concept("Hb"), "valueInteger": 8}
        found = report(result=[{"reference": "#p"}], contained=[panel, member])
        assert "Hb: 8" in found.lines

    def test_the_specimen_the_pictures_and_the_report_that_it_adds_to(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-addendumOf"
        found = report(
            specimen=[{"display": "Skin, left forearm"}],
            media=[{"comment": "Slide 1", "link": {"display": "Slide"}}],
            extension=[{"url": url, "valueReference": {"display": "Report of 1 June"}}],
        )
        assert found.details == ("specimen: Skin, left forearm",)
        assert found.lines == ("images, in the EHR: Slide 1", "addendum to: Report of 1 June")

    def test_one_with_nothing_but_results_is_folded(self) -> None:
        assert report(result=[{"reference": "Observation/1"}]).fold == RESULTS_ONLY
        assert report(result=[{"reference": "Observation/1"}], conclusion="x").fold == ""

    def test_one_that_is_only_its_narrative_is_its_narrative(self) -> None:
        narrative = {"status": "generated", "div": "<div><p>Normal study</p></div>"}
        assert report(text=narrative).texts == ("The EHR's own text: Normal study",)
        assert report(text=narrative, conclusion="x").texts == ("x",)

    def test_a_status_that_is_not_final_is_said(self) -> None:
        assert report(status="preliminary").marks.status == "Preliminary"
        assert report(status=None).marks.status == "Status not recorded"


class TestNotes:
    def test_plain_text_is_shown_whole(self) -> None:
        words = "HISTORY\n\n" + "long " * 2_000 + "\nIMPRESSION: melanoma"
        found = note({"contentType": "text/plain", "data": encoded(words)}, date="2026-05-01")
        assert found.texts[0].endswith("IMPRESSION: melanoma")
        assert found.opened == ()

    @pytest.mark.parametrize(
        ("content_type", "words"),
        [
            ("application/pdf", "PDF"),
            ("text/html", "formatted text"),
            ("application/xhtml+xml", "formatted text"),
            ("text/plain", "text"),
            ("image/png", "picture"),
        ],
    )
    def test_what_stands_elsewhere_is_offered(self, content_type: str, words: str) -> None:
        (attachment,) = note({"contentType": content_type, "url": "Binary/1"}).opened
        assert (attachment.is_open, attachment.words) == (True, words)

    def test_what_cannot_be_shown_is_said(self) -> None:
        found = note({"contentType": "text/rtf", "url": "Binary/1"})
        assert found.lines == (NO_TEXT,)
        assert not found.opened[0].is_open
        assert note().lines == (NOT_SENT,)

    def test_who_wrote_it_and_how_far_it_is(self) -> None:
        found = note(
            {"contentType": "application/pdf", "url": "Binary/1", "title": "Page 1"},
            docStatus="preliminary",
            author=[{"display": "Dr. Okafor"}],
            category=[concept("Clinical Note", "clinical-note"), concept("Cardiology")],
            context={"period": {"start": "2026-04-01"}},
            authenticator={"display": "Dr. Li"},
        )
        assert found.marks.status == "Preliminary"
        assert found.marks.origin == "Dr. Okafor"
        assert found.details == ("Cardiology", "signed by: Dr. Li")
        assert found.opened[0].words == "Page 1 (PDF)"
        assert found.when is not None

    def test_one_that_was_replaced_is_folded_and_says_so(self) -> None:
        found = note(status="superseded")
        assert (found.fold, found.marks.status) == (SUPERSEDED, "Replaced by a newer version")

    @pytest.mark.parametrize(
        ("replaced", "open_ones"),
        [
            ({"a": "b"}, {"a"}),
            ({"a": "b", "b": "c"}, {"a"}),
            ({"a": "b", "b": "a"}, {"a", "b"}),
            ({"a": "a"}, {"a"}),
            ({"a": "b", "b": "c", "c": "b"}, {"a", "c"}),
        ],
    )
    def test_of_those_that_replace_each_other_none_is_folded(
        self, replaced: dict[str, str], open_ones: set[str]
    ) -> None:
        notes = [
            about_patient(
                "DocumentReference",
                name,
                status="current",
                relatesTo=[
                    {"code": "replaces", "target": {"reference": f"DocumentReference/{older}"}}
                    for newer, older in replaced.items()
                    if newer == name
                ],
            )
            for name in sorted({*replaced, *replaced.values()})
        ]
        found = read_documents(given(*notes)).entries
        stand = {f"DocumentReference/{name}" for name in open_ones}
        assert {one.marks.source for one in found if not one.fold} == stand

    def test_a_kind_without_words_is_that_of_its_code(self) -> None:
        progress = {"coding": [{"system": LOINC, "code": "11506-3"}]}
        assert note(type=progress).name == "Progress note"
        assert report(code=progress).name == "Progress note"
        unknown = {"coding": [{"system": LOINC, "code": "99999-9"}]}
        assert note(type=unknown).name == "Document (LOINC 99999-9)"
        assert report(code=unknown).name == "Report (LOINC 99999-9)"


class TestAttachments:
    def test_keep_their_places(self) -> None:
        content = [{"attachment": {"contentType": "text/plain"}}, {}, {"attachment": {}}]
        found = read_attachments({"content": content})
        assert [attachment.place for attachment in found] == ["content 0", "content 1", "content 2"]

    @pytest.mark.parametrize("sent", ["FINDINGS: mass in the left lung.", "Pain four"])
    def test_a_text_that_is_not_in_base64_is_shown_as_it_is(self, sent: str) -> None:
        plain = {"contentType": "text/plain", "data": sent}
        assert report(presentedForm=[plain]).texts == (sent,)
        assert report(presentedForm=[{**plain, "data": f"{encoded('as usual')}\n"}]).texts == (
            "as usual",
        )
        assert read_attachments({"presentedForm": [{**plain, "data": "a-_b"}]})[0].data == b""

    @pytest.mark.parametrize("data", ["not base64!", 7, None, "abc"])
    def test_broken_data_is_none(self, data: object) -> None:
        assert read_attachments({"presentedForm": [{"data": data}]})[0].data == b""


@pytest.mark.parametrize(
    ("markup", "lines"),
    [
        ("<div><p>One</p><p>Two<br/>Three</p></div>", "One\nTwo\nThree"),
        ("<table><tr><td>A</td><td>B</td></tr></table>", "A       B"),
        ("<div>5 &lt; 7 &amp; &#233;</div>", "5 < 7 & é"),
        ("<div><style>p{}</style><!-- x -->Text<script>alert(1)</script></div>", "Text"),
        ("<div>No <s>penicillin</s> allergy</div>", "No [struck out: penicillin] allergy"),
        (
            "<div><b style='text-decoration:line-through'>Asthma</b> COPD</div>",
            "[struck out: Asthma] COPD",
        ),
        (
            "<div><s class='x'>5 <b>mg</b> <s>daily</s> at night</s> 10 mg</div>",
            "[struck out: 5 mg daily at night] 10 mg",
        ),
        (
            "<table><tr style='text-decoration: line-through'><td>Warfarin</td><td>5 mg</td></tr>"
            "<tr><td>Aspirin</td></tr></table>",
            "[struck out: Warfarin]  [struck out: 5 mg]\nAspirin",
        ),
        ("<div>5 x 10<sup>9</sup>/L of H<sub>2</sub>O<sup>®</sup></div>", "5 x 10^9/L of H2O®"),
        (7, ""),
    ],
)
def test_a_narrative_is_plain_lines(markup: object, lines: str) -> None:
    assert narrative_text({"text": {"div": markup}}, is_all_there_is=True) == lines
