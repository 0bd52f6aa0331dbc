"""The start page, the error page and the page after disconnecting."""

from dataclasses import replace

import pytest

from smartapp.brands.search import Choice, Found, Hit
from smartapp.chart.page import OpenLaunch, SignedOutPage
from smartapp.launches.home import HomePage
from smartapp.protocol.errors import (
    AuthorizationResponseInvalid,
    Busy,
    IDTokenError,
    IntrospectionError,
    JWKSError,
    LaunchContextError,
    SmartError,
    StateExpired,
    TokenRefused,
    TokenResponseInvalid,
    UnknownEndpoint,
    in_patients_words,
)
from tests.chart.samples import NOW
from tests.pages.markup import Markup
from tests.pages.people import rendered

BRIGID = Hit(
    name="St. Brigid's", part_of="", place="", more_places=0, portal="",
    told_apart_by="athenahealth", logo_url="", note="",
    choices=(Choice("ehr.brigid.example", "/connect/brigid/"),),
)  # fmt: skip
NUR = replace(
    BRIGID, name="مستشفى النور", told_apart_by="Epic", choices=(Choice("nur", "/connect/nur/"),)
)
HOME = HomePage(
    found=Found((BRIGID, NUR), has_more=False),
    has_search=False,
    query="",
    open_launches=(),
    is_any_ehr_registered=True,
    sandbox_url="",
    admin_url="/admin/",
)
SIGNED_OUT = SignedOutPage(
    endpoint_name="St. Brigid's",
    kind="standalone",
    revoked=True,
    start_again_url="/connect/brigid/",
    home_url="/",
)


def home(**changes: object) -> Markup:
    return Markup(rendered("home.html", page=replace(HOME, **changes)))  # type: ignore[arg-type]


def error(cause: SmartError, *, is_from_ehr: bool | None = None, **context: object) -> Markup:
    shown = {"words": cause.wording(is_from_ehr=is_from_ehr), "is_from_ehr": is_from_ehr, **context}
    return Markup(rendered("error.html", error=cause, reference="A2B3-C4D5", **shown))


class TestHome:
    def test_health_systems_are_links(self) -> None:
        page = home()
        assert "St. Brigid's" in page.one("a", href="/connect/brigid/").text
        assert page.all("form") == []

    def test_many_can_be_searched_without_javascript(self) -> None:
        page = home(has_search=True, query="bri", found=Found((BRIGID,), has_more=False))
        form = page.one("form")
        assert (form.attributes["method"], form.attributes["action"]) == ("get", "/")
        assert page.one("input", name="q").attributes["value"] == "bri"
        assert page.one("label", for_="q").text
        assert "1 matches “ bri ”" in page.one("p", role="status").text

    def test_more_than_a_page_says_how_to_find_the_others(self) -> None:
        page = home(has_search=True, query="b", found=Found((BRIGID,), has_more=True))
        assert "Type more letters, a city or a ZIP" in page.one("p", role="status").text

    def test_a_search_without_result_helps(self) -> None:
        page = home(has_search=True, query="<b>zz</b>", found=Found((), has_more=False))
        assert "listed under another name" in page.text
        assert page.all("b") == []

    def test_a_brand_with_several_portals_asks_which(self) -> None:
        choices = (Choice("MyNorth", "/connect/north/"), Choice("MySouth", "/connect/south/"))
        page = home(found=Found((replace(BRIGID, choices=choices),), has_more=False))
        assert "Which one do you sign in to?" in page.text
        assert page.one("a", href="/connect/south/").text == "MySouth"

    def test_what_cannot_be_connected_is_said_and_no_link(self) -> None:
        away = replace(BRIGID, choices=(), note="not reachable at the moment")
        page = home(found=Found((away,), has_more=False))
        assert "This one is not reachable at the moment." in page.text
        assert page.all("a", href="/connect/brigid/") == []

    def test_place_parent_and_portal_are_beside_the_name(self) -> None:
        lake = replace(
            BRIGID, place="Lake, MN", more_places=2, part_of="Juniper", portal="MyJuniper"
        )
        text = home(found=Found((lake,), has_more=False)).one("a", href="/connect/brigid/").text
        assert "Lake, MN and 2 more places" in text
        assert "part of Juniper" in text
        assert "patient portal: MyJuniper" in text

    def test_open_launches_name_no_patient(self) -> None:
        launch = OpenLaunch("/launches/1/", "St. Brigid's", "ehr", NOW, "3F2A")
        link = home(open_launches=(launch,)).one("a", href="/launches/1/")
        assert link.text == "St. Brigid's chart 3F2A, opened from the EHR 23 Nov 2026, 19:15 UTC"

    def test_without_any_ehr_the_page_says_what_to_do(self) -> None:
        page = home(found=Found((), has_more=False), is_any_ehr_registered=False)
        assert "No EHR is connected yet" in page.one("h1").text
        assert "register_ehr" in page.text
        assert len(page.all("a", href="/admin/")) == 2

    def test_with_ehrs_for_clinicians_only_patients_are_told(self) -> None:
        page = home(found=Found((), has_more=False))
        assert "No health system offers this to patients yet" in page.text

    def test_the_sandbox_is_offered_only_when_it_is_there(self) -> None:
        assert home().all("a", href="/sandbox/") == []
        assert len(home(sandbox_url="/sandbox/").all("a", href="/sandbox/")) == 1

    def test_patients_do_not_meet_the_administration_before_their_own(self) -> None:
        links = [one.attributes["href"] for one in home().all("a")]
        assert links.index("/connect/brigid/") < links.index("/admin/")


class TestError:
    def test_what_happened_what_to_do_and_a_reference(self) -> None:
        cause = UnknownEndpoint("detail for the log")
        page = error(cause)
        assert page.one("h1").text == cause.title
        for words in (cause.happened, cause.next_step, "A2B3-C4D5", cause.code):
            assert words in page.text
        assert "detail for the log" not in page.text

    def test_ways_on(self) -> None:
        page = error(StateExpired(), start_again_url="/connect/x/", new_window_url="/y/")
        assert page.one("a", href="/connect/x/").text == "Start again"
        new_window = page.one("a", href="/y/")
        assert new_window.attributes["target"] == "_blank"
        assert "noopener" in new_window.attributes["rel"]
        assert error(StateExpired()).all("a", target="_blank") == []

    def test_who_came_from_an_ehr_is_sent_back_to_the_chart_and_nowhere_else(self) -> None:
        """C150: the start page shows in no frame, and a clinician has no business there."""
        page = error(StateExpired(), is_from_ehr=True)
        assert "open it again from the patient's chart or the patient portal." in page.text
        assert page.all("a", href="/") == []
        assert error(StateExpired()).one("a", class_="button").text == "Go to the start page"

    def test_names_the_health_system_and_who_can_help(self) -> None:
        page = error(
            StateExpired(), endpoint_name="St. Brigid's", help_desk="IT 4711, help@brigid.example"
        )
        assert "St. Brigid's" in page.one("main").text
        assert page.one("a", href="mailto:help@brigid.example").text == "help@brigid.example"

    @pytest.mark.parametrize("can_repeat", [True, False])
    def test_a_wait_that_is_known_is_counted(self, can_repeat: bool) -> None:
        page = error(Busy(), can_repeat=can_repeat)
        assert page.one("span", **{"data-seconds": "2"}).text == "2 seconds"
        assert ("This page tries again by itself in" in page.text) is can_repeat
        assert bool(page.all("a", href="")) is can_repeat

    def test_has_no_engineers_words(self) -> None:
        classes: list[type[SmartError]] = [SmartError]
        for one in classes:
            classes += one.__subclasses__()
        jargon = ("FHIR", "JWKS", "token", "PKCE", "signing key", "redirect", "scope", "endpoint")
        found = [
            (one.code, word)
            for one in classes
            if not issubclass(one, IntrospectionError)  # an administrator's page
            for words in (one.title, one.happened, one.next_step, one.next_step_in_ehr())
            for word in jargon
            if word in words
        ]
        assert found == []
        for one in classes:
            for words in map(in_patients_words, (one.title, one.happened, one.next_step)):
                assert "EHR" not in words, one.code
                assert words[0].isupper(), one.code

    def test_patients_at_home_are_not_sent_to_an_administrator(self) -> None:
        """They have a health system. Two of the pages are only shown in an EHR's frame."""
        classes: list[type[SmartError]] = [SmartError]
        for one in classes:
            classes += one.__subclasses__()
        in_frames = ("frame-not-allowed", "cookies-blocked")
        found = [
            one.code
            for one in classes
            if not issubclass(one, IntrospectionError) and one.code not in in_frames
            if "your administrator" in one.next_step.partition("If you came from an EHR")[0]
        ]
        assert found == []

    @pytest.mark.parametrize(
        "kind",
        [AuthorizationResponseInvalid, IDTokenError, JWKSError, LaunchContextError, TokenRefused,
         TokenResponseInvalid],
    )  # fmt: skip
    def test_nobody_starts_again_and_again(self, kind: type[SmartError]) -> None:
        """What an EHR does wrong it mostly does wrong the next time, too."""
        assert "If it happens twice, ask your health system" in kind.next_step
        wanted = "If it happens twice, tell your administrator or the portal's support, and give"
        assert wanted in kind.next_step_in_ehr()

    def test_the_ehrs_words_are_marked_as_its_own_and_capped(self) -> None:
        page = error(StateExpired(), ehr_message="<script>" + "x" * 5_000)
        quote = page.one("figure")
        assert quote.text.startswith("The EHR said <script>xxx")
        assert len(quote.text) < 600
        assert [script.text for script in page.all("script")] == [""]


class TestSignedOut:
    @pytest.mark.parametrize(
        ("revoked", "words"),
        [
            (True, "confirmed that the access has ended"),
            (False, "could not be told just now"),
            (None, "no way for an app to end its access"),
        ],
    )
    def test_the_page_says_what_the_ehr_knows(self, revoked: bool | None, words: str) -> None:
        page = Markup(rendered("signed_out.html", page=replace(SIGNED_OUT, revoked=revoked)))
        assert words in page.text

    def test_sign_out_at_the_ehr_is_offered_where_there_is_one(self) -> None:
        """C134."""
        url = "https://ehr.example/out?client_id=a&x=1"
        offered = Markup(rendered("signed_out.html", page=replace(SIGNED_OUT, sign_out_url=url)))
        assert "Also sign out at" in offered.one("a", href=url).text
        none = Markup(rendered("signed_out.html", page=SIGNED_OUT))
        assert "sign out at your health system and close this window" in none.text

    def test_only_patients_can_connect_again_from_here(self) -> None:
        patients = Markup(rendered("signed_out.html", page=SIGNED_OUT))
        clinicians = Markup(rendered("signed_out.html", page=replace(SIGNED_OUT, kind="ehr")))
        assert patients.one("a", href="/connect/brigid/").text == "Connect again"
        assert clinicians.all("a", class_="button") == clinicians.all("a", href="/") == []
        assert "use its entry in your EHR" in clinicians.text
