"""The launch's page: whose record, what is in it, what went wrong, what was given."""

import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from pytest_django import Settings

from smartapp.chart.chart import Chart, State, Visit, Who
from smartapp.chart.drawing import draw_news
from smartapp.protocol.scopes import compare
from smartapp.record.encounters import read_encounter
from smartapp.record.news import SOURCES, Share, share_of_laboratory
from smartapp.record.reading import Given
from tests.chart.fake_ehr import FakeEHR, always
from tests.chart.samples import NOW, about_patient, concept, observation, patient
from tests.pages.markup import Element, Markup
from tests.pages.people import (
    ALMOST_NOTHING,
    ARABIC,
    MANY_OBSERVATIONS,
    PEOPLE,
    SCOPES,
    chart_of,
    launch_html,
    launch_page,
    plain_chart_of,
)
from tests.pages.sections import BY_NAME, words_of

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ page }}'


@pytest.fixture
def chart() -> Chart:
    return plain_chart_of("a-1.E-1003")


def _is_in(element: Element, around: Element) -> bool:
    parent = element.parent
    while parent is not None and parent is not around:
        parent = parent.parent
    return parent is around


class TestNothingRead:
    def test_one_notice_says_that_nothing_came(self, chart: Chart) -> None:
        failed = tuple(
            replace(one, state="failed", items=(), error="Gone.", reference="REF-1")
            for one in chart.sections
        )
        shown = launch_html(replace(chart, who=Who(chart.who.patient, None), sections=failed))
        assert shown.count("The EHR gave no part of this record.") == 1
        assert Markup(shown).one("div", id="unread").text.endswith("Try again")
        assert "REF-1" in shown

    def test_one_failed_section_leaves_the_rest_as_it_is(self, chart: Chart) -> None:
        failed = replace(
            chart.section("labs"), state="failed", items=(), error="Gone.", reference="REF-1"
        )
        others = tuple(one for one in chart.sections if one.name != "labs")
        shown = launch_html(replace(chart, sections=(*others, failed)))
        assert "Gone." in shown
        assert "gave no part of this record" not in shown

    def test_a_missing_visit_is_named(self, chart: Chart) -> None:
        shown = launch_html(replace(chart, visit=Visit(None, "It failed.", "REF-2")))
        assert "<strong>The visit is not shown.</strong> It failed." in shown
        assert 'Reference <span class="code">REF-2</span>' in shown

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("cancelled", "<strong>Cancelled</strong>"),
            ("planned", "<strong>Planned</strong>"),
            ("entered-in-error", "The EHR marks this visit as entered in error."),
        ],
    )
    def test_a_visit_that_does_not_take_place_says_so(
        self, chart: Chart, status: str, said: str
    ) -> None:
        visit = about_patient("Encounter", "e1", status=status, type=[concept("Check-up")])
        shown = launch_html(replace(chart, visit=Visit(read_encounter(visit, {}))))
        assert said in shown.partition("<dt>Encounter</dt>")[2].partition("</dl>")[0]

    def test_a_visit_that_was_not_given_has_no_line_in_the_log_and_no_reference(
        self, chart: Chart
    ) -> None:
        withheld = replace(chart, visit=Visit(None, "This launch was not given it."))
        assert 'Reference <span class="code">' not in launch_html(withheld)


class TestBanner:
    @pytest.mark.parametrize("person", PEOPLE)
    @pytest.mark.parametrize("need_patient_banner", [True, False])
    def test_name_birth_date_sex_and_identifier_are_always_there(
        self, person: str, need_patient_banner: bool
    ) -> None:
        """C104: an EHR's own banner may shrink ours, never hide it."""
        found = plain_chart_of(person)
        assert found.who.identity is not None
        assert found.who.identity.birth_date is not None
        page = Markup(launch_html(found, need_patient_banner=need_patient_banner))
        (banner,) = page.by_class("patient")
        for fact in (
            found.who.identity.name.text,
            found.who.identity.birth_date.date_text,
            found.who.identity.sex,
            found.who.identity.identifier.value,
        ):
            assert fact in banner.text
        assert bool(page.by_class("patient-slim")) is not need_patient_banner

    def test_the_dead_are_named_as_dead(self) -> None:
        (banner,) = Markup(launch_html(plain_chart_of("a-1.E-1014"))).by_class("patient")
        assert "Died 18 Mar 2026" in banner.text

    def test_names_in_two_scripts_stand_together_each_isolated_from_its_neighbours(self) -> None:
        page = Markup(launch_html(plain_chart_of(ARABIC)))
        name = page.one("h1")
        assert [child.tag for child in page.elements if child.parent is name] == ["bdi", "bdi"]

    def test_a_patient_that_could_not_be_read_is_a_loud_warning(self) -> None:
        person = "a-1.E-1003"

        def spoil(ehr: FakeEHR) -> None:
            ehr.answers[f"Patient/{person}"] = always(lambda: web.Response(status=500))

        page = Markup(launch_html(chart_of(person, spoil)))
        assert person in page.by_class("patient")[0].text
        assert "Whose record this is could not be shown" in page.one("div", role="alert").text

    @pytest.mark.parametrize(
        ("person", "state", "words"),
        [
            (
                "a-1.E-1012",
                "known",
                "▲ Peanut (high criticality) , ▲ Penicillin (high criticality) ,",
            ),
            (ALMOST_NOTHING, "not-recorded", "Allergies not recorded"),
        ],
    )
    def test_the_allergies_stand_in_the_banner(self, person: str, state: str, words: str) -> None:
        line = Markup(launch_html(plain_chart_of(person))).one("p", slot="allergy-line")
        assert f"allergy-line-{state}" in line.attributes["class"]
        assert words in line.text

    @pytest.mark.parametrize("state", ["failed", "forbidden", "not-granted"])
    def test_allergies_that_were_not_read_are_not_available(
        self, chart: Chart, state: State
    ) -> None:
        """The NHS patient banner's fourth state; never "none"."""
        unread = replace(chart.section("allergies"), state=state, items=(), error="Gone.")
        others = tuple(one for one in chart.sections if one.name != "allergies")
        line = Markup(launch_html(replace(chart, sections=(unread, *others)))).one(
            "p", slot="allergy-line"
        )
        assert line.text == "Allergies ⚠ not available do not assume that there are none"

    def test_allergies_that_are_being_read_are_no_statement(self, chart: Chart) -> None:
        html = launch_html(replace(chart, sections=()))
        assert "Reading allergies…" in html
        assert 'slot="allergy-line"' not in html

    def test_a_withdrawn_entry_makes_no_list_incomplete(self) -> None:
        def add(ehr: FakeEHR) -> None:
            patient = {"reference": f"Patient/{ALMOST_NOTHING}"}
            ehr.add(
                about_patient(
                    "AllergyIntolerance",
                    "wrong",
                    patient=patient,
                    code=concept("Milk"),
                    verificationStatus=concept("", "entered-in-error"),
                ),
                about_patient(
                    "AllergyIntolerance",
                    "nka",
                    patient=patient,
                    code=concept("", "716186003", "http://snomed.info/sct"),
                ),
            )

        page = Markup(launch_html(chart_of(ALMOST_NOTHING, add)))
        assert page.one("p", slot="allergy-line").text == "No known allergies"

    def test_the_title_names_no_patient_and_tells_tabs_apart(self, chart: Chart) -> None:
        title = Markup(launch_html(chart)).all("title")[0].text
        assert title == "Chart 0000 · St. Brigid's General Hospital · opened 19:12 UTC"

    def test_two_launches_of_one_minute_have_two_titles(self, chart: Chart) -> None:
        uuids = (UUID("3f2a" + "0" * 28), UUID("71c0" + "0" * 28))
        pages = [Markup(launch_html(chart, uuid=uuid)) for uuid in uuids]
        assert len({page.all("title")[0].text for page in pages}) == 2
        assert "chart 3F2A, opened" in pages[0].by_class("opened")[0].text

    def test_the_title_names_the_patient_where_the_operator_allows_it(
        self, chart: Chart, settings: Settings
    ) -> None:
        assert "data-title" not in launch_html(chart)
        settings.NAMES_IN_TITLES = True
        title = Markup(launch_html(chart)).one("span", slot="title")
        assert title.attributes["data-title"].endswith(", born 5 Dec 1948")


class TestNews:
    def test_the_first_block_says_what_it_was_made_of(self, chart: Chart) -> None:
        news = Markup(launch_html(chart)).one("section", id="news").text
        assert "Since the last visit, 5 Oct 2026" in news
        assert "Made from laboratory results, vital signs, medications, visits." in news
        assert "Creatinine 2.04 mg/dL ▲ High" in news
        assert "eGFR 25 mL/min/1.73 m² ▼ Low" in news

    def test_what_could_not_be_read_is_named(self) -> None:
        def spoil(ehr: FakeEHR) -> None:
            for name in ("MedicationRequest", "Observation"):
                ehr.answers[name] = always(lambda: web.Response(status=500))

        news = Markup(launch_html(chart_of("a-1.E-1003", spoil))).one("section", id="news").text
        assert "Not read: laboratory results, vital signs, medications." in news
        assert "Made from visits only." in news
        assert "Abnormal now Not read." in " ".join(news.split())
        assert "Nothing abnormal" not in news
        assert "lies outside its range" not in news
        assert "No start, stop or new dose" not in news

    def test_of_a_record_of_which_nothing_was_read_nothing_is_said(self) -> None:
        def spoil(ehr: FakeEHR) -> None:
            for name in ("MedicationRequest", "MedicationStatement", "Observation", "Encounter"):
                ehr.answers[name] = always(lambda: web.Response(status=500))

        news = Markup(launch_html(chart_of("a-1.E-1003", spoil))).one("section", id="news").text
        assert "Not read: laboratory results, vital signs, medications, visits." in news
        assert "Made from" not in news

    def test_of_an_empty_record_nothing_is_called_normal(self) -> None:
        shares = dict.fromkeys(SOURCES, Share())
        page = launch_page("a-1.E-1003")

        def said() -> str:
            return " ".join(draw_news(shares, page, encounter=None, now=NOW).split())

        assert "No values with a date in the last year are recorded." in said()
        assert "lies outside its range" not in said()
        shares["vitals"] = Share(is_read=False, is_whole=False)
        shares["medications"] = Share(is_whole=False)
        assert "No values with a date in the last year are in what was read." in said()
        assert "Nothing abnormal" not in said()
        assert "No start, stop or new dose with a date since then in what was read." in said()

    def test_what_was_read_is_told_apart_from_what_was_not(self) -> None:
        without = chart_of("a-1.E-1003", granted_scopes=(
            "patient/Patient.rs",
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
        ))  # fmt: skip
        news = Markup(launch_html(without)).one("section", id="news").text
        assert "Made from vital signs only." in news
        assert "Nothing abnormal in what was read." in news


class TestSections:
    def test_the_order_is_the_clinicians(self, chart: Chart) -> None:
        page = Markup(launch_html(chart))
        ids = [section.attributes.get("id") for section in page.all("section")]
        assert [one for one in ids if one and one != "news"] == [
            "allergies",
            "problems",
            "medications",
            "vitals",
            "labs",
            "immunizations",
            "encounters",
            "social",
            "findings",
            "personal",
            "connection",
        ]  # fmt: skip

    @pytest.mark.parametrize("person", PEOPLE)
    def test_every_link_of_the_contents_leads_somewhere(self, person: str) -> None:
        page = Markup(launch_html(plain_chart_of(person)))
        ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        targets = [
            one.attributes["href"][1:]
            for one in page.all("a")
            if one.attributes["href"].startswith("#")
        ]
        assert len(ids) == len(set(ids))
        assert set(targets) <= set(ids)
        assert len(targets) == 14

    def test_an_empty_allergy_list_is_never_no_known_allergies(self) -> None:
        text = Markup(launch_html(plain_chart_of(ALMOST_NOTHING))).text
        assert "No allergies recorded. That is not the same as “no known allergies”" in text

    def test_a_recorded_statement_is_shown_as_the_record_has_it(self) -> None:
        def add(ehr: FakeEHR) -> None:
            ehr.add(
                about_patient(
                    "AllergyIntolerance",
                    "nka",
                    patient={"reference": f"Patient/{ALMOST_NOTHING}"},
                    code=concept("NKA", "716186003"),
                )
            )

        page = Markup(launch_html(chart_of(ALMOST_NOTHING, add)))
        assert page.by_class("allergy-statement")[0].text == "No known allergies"
        # A number in the contents would say the same of "No information about allergies".
        assert page.one("span", slot="mark-allergies").attributes["data-mark"] == "see there"
        known = Markup(launch_html(plain_chart_of("a-1.E-1003")))
        assert known.one("span", slot="mark-allergies").attributes["data-mark"].isdecimal()

    def test_a_failed_section_says_so_with_a_reference_and_the_rest_stands(self) -> None:
        def spoil(ehr: FakeEHR) -> None:
            ehr.answers["Condition"] = always(lambda: web.Response(status=403))

        found = chart_of("a-1.E-1003", spoil)
        page = Markup(launch_html(found))
        problems = page.one("section", id="problems").text
        assert "does not let this app read" in problems
        assert found.section("problems").reference in problems
        assert "Losartan" in page.one("section", id="medications").text.title()
        assert page.one("span", slot="mark-problems").attributes["data-mark"] == "⊘ not allowed"

    def test_a_section_without_permission_says_so(self) -> None:
        found = chart_of("a-1.E-1003", granted_scopes=("patient/Patient.rs",))
        page = Markup(launch_html(found))
        assert "was not given permission" in page.one("section", id="labs").text

    def test_very_many_observations_make_no_endless_page(self) -> None:
        html = launch_html(plain_chart_of(MANY_OBSERVATIONS))
        assert len(html) < 400_000
        assert html.count("<circle") < 1_500


class TestGraphics:
    @pytest.mark.parametrize("person", PEOPLE)
    def test_every_picture_is_told_in_words(self, person: str) -> None:
        for picture in Markup(launch_html(plain_chart_of(person))).all("svg"):
            is_decoration = picture.attributes.get("aria-hidden") == "true"
            assert is_decoration or len(picture.attributes["aria-label"]) > 20

    def test_the_values_of_a_chart_are_a_table_too(self, chart: Chart) -> None:
        page = Markup(launch_html(chart))
        opened = [*page.by_class("opened-vital"), *page.by_class("opened-test")]
        for one in opened:
            inside = [other for other in page.elements if _is_in(other, one)]
            tables = [other for other in inside if other.attributes.get("class") == "values"]
            assert len(tables) == 1
        assert len(page.by_class("opened-vital")) == len(chart.section("vitals").items)
        assert "5 Oct 2026" in page.by_class("values")[0].text

    def test_every_test_with_two_numbers_opens_as_a_chart(self, chart: Chart) -> None:
        page = Markup(launch_html(chart))
        tests = [one for panel in chart.section("labs").items for one in panel.tests]
        drawn = [
            one
            for one in page.by_class("chart")
            if one.parent and one.parent.attributes.get("class") == "opened-test"
        ]
        assert len(drawn) == sum(one.chart is not None for one in tests) > 10

    def test_a_child_has_its_percentile_in_words_and_behind_its_curve(self) -> None:
        page = Markup(launch_html(plain_chart_of("a-1.E-1006")))
        words = [one.text for one in page.by_class("percentile-words")]
        assert any(re.fullmatch(r"\d+(st|nd|rd|th) percentile \(CDC 2000\)", one) for one in words)
        assert page.by_class("percentile")
        assert Markup(launch_html(plain_chart_of("a-1.E-1003"))).by_class("percentile") == []

    def test_a_flag_is_a_word_and_a_shape(self, chart: Chart) -> None:
        flags = [flag.text for flag in Markup(launch_html(chart)).by_class("flag-high")]
        assert "▲ High" in flags


class TestSafety:
    def test_what_the_ehr_writes_stays_text(self) -> None:
        def poison(ehr: FakeEHR) -> None:
            subject = {"reference": f"Patient/{ALMOST_NOTHING}"}
            words = concept(HOSTILE)
            ehr.resources = [
                {
                    "resourceType": "Patient",
                    "id": ALMOST_NOTHING,
                    "name": [{"text": HOSTILE}, {"text": f"2 {HOSTILE}"}],
                    "identifier": [{"type": {"text": HOSTILE}, "value": HOSTILE}],
                },
                about_patient(
                    "Condition", "c", subject=subject, code=words, note=[{"text": HOSTILE * 9}]
                ),
                about_patient("AllergyIntolerance", "a", patient=subject, code=words),
                about_patient(
                    "MedicationRequest", "m", subject=subject, medicationCodeableConcept=words
                ),
                about_patient("Immunization", "i", patient=subject, vaccineCode=words),
                about_patient("Encounter", "e", subject=subject, type=[words]),
                *(
                    about_patient(
                        "Observation",
                        f"o{name}",
                        subject=subject,
                        category=[concept("", name)],
                        code=words,
                        effectiveDateTime="2026-01-01",
                        valueQuantity={"value": 1, "unit": HOSTILE},
                    )
                    for name in ("vital-signs", "laboratory")
                ),
            ]  # fmt: skip

        context = {"tenant": "<script>", "extra": HOSTILE, "ah_department": [HOSTILE]}
        html = launch_html(chart_of(ALMOST_NOTHING, poison), context=context, endpoint_name=HOSTILE)
        page = Markup(html)
        sources = [script.attributes["src"] for script in page.all("script")]
        assert sources == ["/static/app/app.js", "/static/app/guard.js"]
        assert page.all("img") == []
        assert html.count("&lt;script&gt;") > 10

    @pytest.mark.parametrize("person", PEOPLE)
    def test_nothing_inline_that_the_policy_would_refuse(self, person: str) -> None:
        """CSP: default-src 'none'; style-src 'self'; script-src 'self'."""
        page = Markup(launch_html(plain_chart_of(person)))
        assert page.all("style") == []
        assert {script.text for script in page.all("script")} == {""}
        names = {name for element in page.elements for name in element.attributes}
        assert [name for name in names if name == "style" or re.match("on[a-z]+$", name)] == []

    def test_nothing_leads_out_of_a_frame(self, chart: Chart) -> None:
        """C152: athena's frame allows no top navigation."""
        html = launch_html(chart)
        assert "_top" not in html
        assert Markup(html).all("a", href="/") == []
        assert len(Markup(launch_html(chart, kind="standalone")).all("a", href="/")) == 1


class TestConnection:
    def test_scopes_are_told_in_words_and_missing_ones_stand_out(self, chart: Chart) -> None:
        scope = compare((*SCOPES, "patient/Procedure.rs"), SCOPES)
        page = Markup(launch_html(chart, scope=scope))
        section = page.one("section", id="connection")
        assert f"1 of {len(SCOPES) + 1} permissions" in section.text
        (missing,) = page.by_class("scope-missing")
        assert "Not given:" in missing.text
        assert "patient/Procedure.rs" in missing.text

    def test_what_came_unasked_says_so(self, chart: Chart) -> None:
        scope = compare(SCOPES, (*SCOPES, "patient/Goal.rs"))
        assert "(given unasked)" in Markup(launch_html(chart, scope=scope)).text

    def test_vendor_members_are_shown_as_they_came(self, chart: Chart) -> None:
        """C109: the launch-location data have no documented names."""
        context = {
            "ah_practice": "a-1.Practice-1",
            "location": {"room": 3},
            "fhirContext": [{"reference": "ImagingStudy/7", "type": "ImagingStudy"}],
        }
        page = Markup(launch_html(chart, context=context))
        (table,) = page.by_class("context-table")
        for words in ("ah_practice", "a-1.Practice-1", '{"room": 3}', "ImagingStudy/7"):
            assert words in table.text

    def test_disconnecting_is_a_form_with_the_launchs_token(self, chart: Chart) -> None:
        page = Markup(launch_html(chart))
        form = page.one("form")
        assert (form.attributes["method"], form.attributes["action"]) == (
            "post",
            "/launches/1/end/",
        )
        assert page.one("input", name="form_token").attributes["value"] == "f0"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "renewed by itself until then"),
            ({"refreshable": False}, "23 Nov 2026, 20:12 UTC"),
            ({"refreshable": False, "access_token_expires_at": None}, "when the EHR says so"),
        ],
    )
    def test_when_access_ends(self, chart: Chart, changes: dict[str, object], words: str) -> None:
        assert words in Markup(launch_html(chart, **changes)).text

    def test_who_opened_it(self, chart: Chart) -> None:
        page = Markup(launch_html(chart))
        user = page.one("dl", slot="user").text
        assert "Opened by Dr." in user
        assert "Clinician" in user


class TestNoPatient:
    @pytest.mark.parametrize(
        ("kind", "words"),
        [("ehr", "Open a patient's chart in your EHR first"), ("standalone", "choose a patient")],
    )
    def test_the_page_says_what_to_do(self, kind: str, words: str) -> None:
        """C110: no patient was chosen, and none is made up."""
        page = Markup(launch_html(None, kind=kind, start_again_url="/connect/x/"))
        assert "No patient was chosen" in page.one("h1").text
        assert words in page.text
        assert page.by_class("patient") == []
        assert "Record read" not in page.text
        assert [link.text for link in page.all("a", href="/connect/x/")] == ["Start again"]


class TestWhoReads:
    """A patient's page is in a patient's words."""

    @staticmethod
    def page(chart: Chart, **changes: Any) -> Markup:
        return Markup(launch_html(chart, is_patients=True, kind="standalone", **changes))

    def test_nothing_of_the_clinicians_page(self) -> None:
        little = ("launch", "patient/Patient.rs")
        chart = chart_of("a-1.E-1003", fhirUser="Patient/a-1.E-1003", granted_scopes=little)
        text = self.page(chart, scope=compare(SCOPES, little)).text
        for jargon in ("MRN", "patient/", "Opened by", "Launch context", "Problems", "Encounters"):
            assert jargon not in text, jargon
        assert "Do not assume" not in text

    def test_what_could_not_be_read_is_said_in_their_words(self) -> None:
        chart = plain_chart_of("a-1.E-1003")
        failed = replace(chart.sections[0], state="failed", error="The EHR said: “Ask the EHR.”")
        page = self.page(replace(chart, sections=(failed, *chart.sections[1:])))
        assert "Your health system said: “Ask the EHR.”" in page.text

    @pytest.mark.parametrize(
        ("section", "resource", "to_a_clinician", "to_a_patient"),
        [
            (
                "medications",
                {"resourceType": "MedicationRequest", "status": "active", "intent": "order"},
                "Medication that the EHR does not name",
                "Medication that your health system does not name",
            ),
            (
                "allergies",
                {
                    "resourceType": "AllergyIntolerance",
                    "code": {"text": "Latex"},
                    "modifierExtension": [{"url": "https://a.example/x", "valueBoolean": True}],
                },
                "The EHR marks this entry in a way this app does not understand; see the EHR.",
                "Your health system marks this entry in a way this app does not understand; "
                "see your health system's record.",
            ),
            (
                "medications",
                {
                    "resourceType": "MedicationRequest",
                    "status": "active",
                    "intent": "order",
                    "medicationCodeableConcept": {"text": "Warfarin"},
                    "dosageInstruction": [{"timing": {"repeat": {"offset": 5, "count": "x"}}}],
                },
                "There is more on this dose in the EHR.",
                "There is more on this dose in your health system's record.",
            ),
        ],
    )
    def test_sentences_about_the_record(
        self, section: str, resource: dict[str, Any], to_a_clinician: str, to_a_patient: str
    ) -> None:
        shown = words_of(section, resource)
        assert to_a_clinician in shown
        assert "your health system" not in shown.lower()
        shown = words_of(section, resource, is_patients=True)
        assert to_a_patient in shown
        assert "EHR" not in shown

    def test_what_was_written_there_stays(self) -> None:
        problem = {
            "resourceType": "Condition",
            "code": {"text": "The EHR's cough"},
            "note": [{"text": "See the EHR.\nThe EHR has it."}],
        }
        for is_patients in (True, False):
            shown = " ".join(words_of("problems", problem, is_patients=is_patients).split())
            assert "The EHR's cough" in shown
            assert "See the EHR. The EHR has it." in shown

    def test_the_first_block_is_theirs_too(self) -> None:
        high = observation(
            "2823-3",
            6.1,
            "mmol/L",
            interpretation=[{"coding": [{"code": "N"}]}],
            referenceRange=[{"high": {"value": 5.1, "unit": "mmol/L"}}],
        )
        chart = plain_chart_of("a-1.E-1003")
        read = BY_NAME["labs"].read(Given((high,), NOW, patient()))
        shares = chart.shares | {"labs": share_of_laboratory(read.entries)}
        for is_patients, said in ((True, "your health system says"), (False, "the EHR says")):
            page = launch_page("a-1.E-1003", is_patients=is_patients)
            assert said in draw_news(shares, page, encounter=None, now=NOW)

    def test_sections_have_a_patients_names(self) -> None:
        page = self.page(plain_chart_of("a-1.E-1003"))
        assert page.one("h2", id="problems-title").text == "Health conditions"
        assert page.one("h2", id="encounters-title").text == "Visits"
        assert "Health conditions" in page.one("nav", part="contents").text

    def test_conditions_medicines_and_tests_lead_to_medlineplus(self) -> None:
        page = self.page(plain_chart_of("a-1.E-1003"))
        links = [one for one in page.all("a", target="_blank") if "MedlinePlus" in one.text]
        assert links
        assert all(one.attributes["rel"] == "noopener noreferrer" for one in links)
        assert all("a-1" not in one.attributes["href"] for one in links)
        assert "MedlinePlus" not in Markup(launch_html(plain_chart_of("a-1.E-1003"))).text
