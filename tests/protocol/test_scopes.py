"""SMART scopes of both versions (C36 to C40, C82, C83, C121, C145, C146, T27; RFC 6749 §3.3)."""

import pytest

from smartapp.protocol import scopes
from smartapp.protocol.errors import ScopeError
from smartapp.protocol.scopes import OtherScope, ResourceScope

LAB = "patient/Observation.rs?category=laboratory"


def missing(requested: str, granted: str) -> tuple[str, ...]:
    return scopes.compare(requested.split(), granted.split()).missing


class TestParsing:
    def test_items_keep_their_order_and_come_once(self) -> None:
        text = " openid  launch patient/\tpatient/ openid\n"
        assert scopes.parse_scopes(text) == ("openid", "launch", "patient/")
        assert scopes.parse_scopes("") == ()

    @pytest.mark.parametrize(
        ("item", "level", "resource", "permissions"),
        [
            ("patient/Observation.rs", "patient", "Observation", "rs"),
            ("user/Condition.cruds", "user", "Condition", "cruds"),
            ("system/*.cud", "system", "*", "cud"),
            ("patient/Patient.r", "patient", "Patient", "r"),
            ("patient/Observation.read", "patient", "Observation", "rs"),
            ("patient/Observation.write", "patient", "Observation", "cud"),
            ("user/*.*", "user", "*", "cruds"),
        ],
    )
    def test_both_versions_mean_the_same_letters(
        self, item: str, level: str, resource: str, permissions: str
    ) -> None:
        """C37, C38; smart-app-launch_2.2.0@120 to @146."""
        parsed = scopes.parse_scope(item)
        assert parsed == ResourceScope(item, level, resource, permissions, frozenset())

    def test_filters_narrow_a_scope(self) -> None:
        """C37."""
        parsed = scopes.parse_scope("patient/Observation.rs?category=http://x|lab&status=final")
        assert isinstance(parsed, ResourceScope)
        assert parsed.filters == {("category", "http://x|lab"), ("status", "final")}

    @pytest.mark.parametrize(
        "item",
        [
            "patient/",
            "patient/Observation",
            "patient/Observation.",
            "patient/Observation.dr",
            "patient/Observation.sr",
            "patient/Observation.rr",
            "patient/Observation.x",
            "patient/Observation.READ",
            "patient/observation.rs",
            "patient/*.",
            "patient/**.rs",
            "patient/.rs",
            "practitioner/Observation.rs",
            "Patient/Observation.rs",
            "patient/Observation.read?category=x",
            "patient/Observation.rs?",
            "patient/Observation.rs?category",
            "patient/Observation.rs?category=",
            "patient/Observation.rs?=x",
            "patient/Observation.rs?a=b&&c=d",
            "patient/Observation.rs#x",
            "openid",
            "athena/service/Athenanet.MDP.*",
            "",
        ],
    )
    def test_what_does_not_parse_gives_no_permission(self, item: str) -> None:
        """C82: the sample's bare `patient/` among them."""
        assert scopes.parse_scope(item) == OtherScope(item)
        assert not scopes.allows(
            [item],
            level_types=("patient", "user", "system"),
            resource="Observation",
            permission="r",
        )


class TestRequesting:
    @pytest.mark.parametrize(
        "text",
        [
            "launch openid fhirUser patient/Patient.rs",
            "launch/patient launch/encounter offline_access patient/*.read",
            "launch/imagingstudy?role=current user/ImagingStudy.r",
            "openid online_access user/*.cruds",
            f"openid {LAB}",
            "athena/service/Athenanet.MDP.*",
            "patient/Observation.rs?category=a,b vendor/c,d",
        ],
    )
    def test_a_good_scope_is_sent_as_it_is(self, text: str) -> None:
        """C36, C37; smart-app-launch_2.2.0@151 to @158."""
        assert scopes.validate_requested(text) == text

    def test_spaces_and_repetitions_are_tidied(self) -> None:
        assert scopes.validate_requested(" openid\n launch  openid ") == "openid launch"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "  ",
            'openid "quoted"',
            "openid back\\slash",
            "openid ümlaut",
            "openid \x00",
            "patient/Observation.dr",
            "patient/Observation.sr",
            "patient/Observation.",
            "patient/",
            "user/observation.rs",
            "system/*",
            "launch/",
            "launch/Patient",
            "launch/patient?role=a&role=b",
            "launch/patient?x=y",
            "launch/patient?role=",
            "openid offline_access online_access",
            "launch,openid,patient/*.read",
            "openid, patient/Observation.rs?category=a",
            "patient/Observation.Read",
        ],
    )
    def test_a_scope_that_must_not_be_sent_is_refused(self, text: str) -> None:
        """C36, C37, C40."""
        with pytest.raises(ScopeError):
            scopes.validate_requested(text)

    @pytest.mark.parametrize(
        ("item", "shown"),
        [
            ("pati\u00ebnt/*.rs", "pati\u00ebnt/*.rs"),
            ("open\x1bid", "openid"),
            ('"' * 500, '"' * 79 + "\u2026"),
        ],
    )
    def test_a_scope_with_wrong_characters_is_named_as_far_as_it_is_safe(
        self, item: str, shown: str
    ) -> None:
        with pytest.raises(ScopeError) as caught:
            scopes.validate_requested(f"launch {item}")
        assert caught.value.detail == f"`{shown}` has characters that no scope may have"


class TestComparing:
    @pytest.mark.parametrize(
        ("requested", "granted"),
        [
            ("openid launch", "launch openid extra"),
            ("patient/Observation.rs", "patient/Observation.read"),
            ("patient/Observation.read", "patient/Observation.rs"),
            ("patient/Observation.rs", "patient/Observation.cruds"),
            ("patient/Observation.rs", "patient/Observation.r patient/Observation.s"),
            ("patient/Observation.rs", "patient/*.read"),
            ("patient/Observation.rs", "patient/Observation.Read"),
            ("patient/Observation.rs", "patient/*.s patient/Observation.r"),
            ("patient/*.rs", "patient/*.*"),
            ("patient/Observation.*", "patient/Observation.read patient/Observation.write"),
            (LAB, "patient/Observation.rs"),
            (LAB, LAB),
            (f"{LAB}&status=final", LAB),
            (f"{LAB}&status=final", "patient/Observation.rs?status=final&category=laboratory"),
        ],
    )
    def test_what_is_covered_is_granted(self, requested: str, granted: str) -> None:
        """C38, C82; smart-app-launch_2.2.0@147."""
        assert missing(requested, granted) == ()

    @pytest.mark.parametrize(
        ("requested", "granted"),
        [
            ("openid", ""),
            ("openid", "OpenID"),
            ("patient/Observation.rs", "patient/Observation.r"),
            ("patient/Observation.rs", "patient/Condition.rs"),
            ("patient/Observation.rs", "user/Observation.rs"),
            ("patient/Observation.rs", "patient/"),
            ("patient/Observation.rs", LAB),
            ("patient/Observation.rs?category=vital-signs", LAB),
            (LAB, f"{LAB}&status=final"),
            ("patient/*.rs", "patient/Observation.rs"),
            ("patient/Observation.write", "patient/Observation.cu"),
            ("patient/", "patient/Observation.rs"),
        ],
    )
    def test_what_is_not_wholly_covered_is_missing(self, requested: str, granted: str) -> None:
        """C82."""
        assert missing(requested, granted) == (requested,)

    def test_more_than_was_asked_for_is_flagged(self) -> None:
        """T27."""
        comparison = scopes.compare(
            ["openid", "patient/Observation.rs"],
            ["openid", "patient/Observation.read", "patient/Condition.rs"],
        )
        assert comparison == scopes.ScopeComparison(
            requested=("openid", "patient/Observation.rs"),
            granted=("openid", "patient/Observation.read", "patient/Condition.rs"),
            missing=(),
            unasked=("patient/Condition.rs",),
        )

    def test_thousands_of_scopes_are_compared_at_once(self) -> None:
        """T25: as many as fit into the longest accepted scope."""
        many = [f"patient/R{'x' * (number % 7)}.rs?a={number}" for number in range(1000)]
        assert scopes.compare(many, reversed(many)).missing == ()


class TestAllowing:
    """C83: what the page offers."""

    @pytest.mark.parametrize(
        ("granted", "allowed"),
        [
            ("patient/Observation.rs", True),
            ("user/Observation.read", True),
            ("patient/*.s", True),
            (LAB, True),
            ("system/Observation.rs", False),
            ("patient/Observation.r", False),
            ("patient/Condition.rs", False),
            ("patient/", False),
            ("", False),
        ],
    )
    def test_a_search_needs_a_scope_that_gives_it(self, granted: str, allowed: bool) -> None:
        found = scopes.allows(
            granted.split(),
            level_types=("patient", "user"),
            resource="Observation",
            permission="s",
        )
        assert found is allowed


class TestRefreshing:
    """C121, T27; smart-app-launch_2.2.0@107."""

    @pytest.mark.parametrize("text", ["openid", "patient/Observation.rs openid", LAB])
    def test_a_part_of_what_was_granted_may_be_sent(self, text: str) -> None:
        granted = ("openid", "patient/Observation.rs")
        assert scopes.validate_refresh(text, granted=granted) == text

    @pytest.mark.parametrize("text", ["", "launch", "openid patient/Observation.cruds"])
    def test_nothing_and_anything_new_are_refused_here(self, text: str) -> None:
        with pytest.raises(ScopeError):
            scopes.validate_refresh(text, granted=("openid", "patient/Observation.rs"))


class TestBackend:
    @pytest.mark.parametrize(
        "text", ["system/*.rs system/Patient.read", "athena/service/Athenanet.MDP.*"]
    )
    def test_system_and_vendor_scopes_pass(self, text: str) -> None:
        """C145."""
        assert scopes.validate_backend(text) == text

    @pytest.mark.parametrize(
        "item",
        [
            "launch",
            "launch/patient",
            "openid",
            "fhirUser",
            "offline_access",
            "online_access",
            "patient/Patient.rs",
            "user/Patient.rs",
        ],
    )
    def test_scopes_about_a_person_are_refused(self, item: str) -> None:
        """C146."""
        with pytest.raises(ScopeError):
            scopes.validate_backend(f"system/*.rs {item}")

    def test_nothing_is_refused(self) -> None:
        """C145: the scope is required."""
        with pytest.raises(ScopeError):
            scopes.validate_backend("")


class TestDescribing:
    """Plain words for patients (C82, C83)."""

    @pytest.mark.parametrize(
        ("scope", "words"),
        [
            ("openid", "Know that it is you who signed in"),
            ("patient/Patient.read", "See your name, date of birth, contact details and other"),
            ("patient/AllergyIntolerance.rs", "See your allergies and intolerances"),
            ("patient/Observation.rs", "See your test results, vital signs and other"),
            (LAB, "See your laboratory results"),
            (
                "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/"
                "observation-category|vital-signs",
                "See your vital signs, such as blood pressure and weight",
            ),
            (
                "user/Observation.s?category=http://x|laboratory,vital-signs",
                "See laboratory results and vital signs, such as blood pressure and weight, for",
            ),
            ("patient/Observation.rs?code=x", "measurements (only some of it)"),
            (f"{LAB}&status=final", "measurements (only some of it)"),
            (f"{LAB}&category=vital-signs", "measurements (only some of it)"),
            (f"{LAB},unknown", "measurements (only some of it)"),
            ("patient/Condition.cud", "Add, change and delete your health conditions"),
            ("patient/Goal.c", "Add your health goals"),
            ("patient/Goal.cruds", "See, add, change and delete your health goals"),
            ("user/Condition.rs", "See health conditions and diagnoses, for patients in your care"),
            ("patient/*.read", "See your health record"),
            ("user/*.*", "See, add, change and delete health records, for patients in your care"),
            ("system/*.rs", "See health records, for all patients"),
            ("patient/*.rs?_tag=x", "See your health record (only some of it)"),
            ("user/Practitioner.read", "See information about doctors and other clinicians"),
            ("patient/Organization.rs?x=y", "organizations (only some of it)"),
            ("patient/NewThing.rs", "See your “new thing” records"),
            ("launch", "Know which patient is open in your health record system"),
            ("launch/patient", "Know whose record you choose"),
            ("launch/encounter?role=x", "Know which visit is open"),
            ("launch/something", "Know what is open in your health record system"),
            ("offline_access", "until you disconnect it"),
            ("online_access", "as long as you are signed in"),
            ("fhirUser", "Know who you are in the health record"),
            ("profile", "Know your name and basic account details"),
            ("patient/", "A permission over health records that the EHR did not describe"),
            ("user/Observation.dr", "A permission over health records that the EHR did not"),
            ("athena/service/x", "that this EHR defines itself, called “athena/service/x”"),
            ("<script>\x00\n", "called “<script>”"),
            ("", "called “”"),
        ],
    )
    def test_each_scope_is_a_sentence(self, scope: str, words: str) -> None:
        assert words in scopes.describe(scope)

    def test_words_for_a_clinician_are_about_the_patient(self) -> None:
        words = scopes.describe("patient/Condition.rs", whose="the patient's")
        assert words == scopes.describe("patient/Condition.rs").replace("your", "the patient's")
        assert "the patient's" in words

    @pytest.mark.parametrize("item", ["patient/X.rs", "user/Patient.c", "openid", "patient/", "z"])
    def test_the_raw_text_alone_is_never_the_answer(self, item: str) -> None:
        words = scopes.describe(item)
        assert words != item
        assert " " in words
        assert words[0].isupper()
        assert not words.endswith(".")
