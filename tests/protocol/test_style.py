"""The EHR's style: text stays readable, and nothing else gets in (C106, T15)."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartapp.protocol.style import (
    DARK,
    LIGHT,
    MIN_CONTRAST,
    Palette,
    Style,
    contrast,
    parse_style,
    stylesheet,
    with_style,
)
from tests.processes import ROOT

# The format of the example in SMART App Launch 2.2.
GOOD = {
    "color_background": "#edeae3",
    "color_error": "#9e2d2d",
    "color_highlight": "#1f5f8b",
    "color_modal_backdrop": "",
    "color_success": "#498e49",
    "color_text": "#303030",
    "dim_border_radius": "6px",
    "dim_font_size": "14px",
    "dim_spacing_size": "20px",
    "font_family_body": "Georgia, Times, 'Times New Roman', serif",
    "font_family_heading": '"HelveticaNeue-Light", Helvetica, Arial, sans-serif',
}
# A declaration of ours or a list of font names: nothing with a URL, and nothing that ends a rule.
SAFE_VALUE = r'(?:#[0-9a-f]{3,6}|[0-9.]+(?:rem|%)|(?:"[A-Za-z0-9 -]+"|[a-z-]+)(?:, (?:"[A-Za-z0-9 -]+"|[a-z-]+))*)'  # noqa: E501
SAFE_RULE = rf"(?::root|h1, h2, h3) \{{ [a-z-]+: {SAFE_VALUE}(?:; [a-z-]+: {SAFE_VALUE})* \}}"
SAFE = re.compile(
    rf"(?:(?:{SAFE_RULE}|@media \(prefers-color-scheme: (?:light|dark)\) \{{ {SAFE_RULE} \}})\n)*"
)
TEXT_ON_GROUND = [
    ("ink", "ground"), ("ink", "surface"), ("soft", "ground"), ("soft", "surface"),
    ("accent", "ground"), ("accent", "surface"), ("accent", "accent_ground"),
    ("on_accent", "accent"), ("alarm", "surface"), ("alarm", "alarm_ground"),
]  # fmt: skip

colours = st.from_regex(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", fullmatch=True)


def parsed(**members: Any) -> Style:
    return parse_style(json.dumps(members).encode())


class TestParse:
    def test_members_of_the_expected_form_are_read(self) -> None:
        """C106."""
        assert parse_style(json.dumps(GOOD).encode()) == Style(
            background="#edeae3",
            text="#303030",
            highlight="#1f5f8b",
            error="#9e2d2d",
            border_radius=6,
            font_size=14,
            spacing=20,
            font_body=("Georgia", "Times", "Times New Roman", "serif"),
            font_heading=("HelveticaNeue-Light", "Helvetica", "Arial", "sans-serif"),
        )

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("color_background", "url(https://evil.example/)"),
            ("color_background", "#edeae3; background: url(//evil.example)"),
            ("color_background", "red"),
            ("color_background", "rgb(1,2,3)"),
            ("color_background", "#edeae3ff"),
            ("color_background", 123),
            ("color_highlight", "expression(alert(1))"),
            ("color_text", "#30303\u0663"),
            ("dim_border_radius", "calc(1px)"),
            ("dim_border_radius", "-6px"),
            ("dim_border_radius", "900px"),
            ("dim_font_size", "2px"),
            ("dim_font_size", "200px"),
            ("dim_font_size", "14"),
            ("dim_spacing_size", "50%"),
            ("font_family_body", "Georgia; } body { display: none"),
            ("font_family_body", "'Georgia\\27'"),
            ("font_family_body", "url(x)"),
            ("font_family_body", "a" * 50),
            ("font_family_body", ""),
            ("font_family_body", ["Georgia"]),
            ("color_unheard_of", "#ffffff"),
        ],
    )
    def test_any_other_form_is_as_good_as_none(self, member: str, value: object) -> None:
        """C106, T15: with one member of a valid document changed, only that member is left out."""
        good = {**GOOD, member: "#111111"} if member in GOOD else GOOD
        without = {name: told for name, told in good.items() if name != member}
        assert parsed(**{**good, member: value}) == parsed(**without)

    @pytest.mark.parametrize(
        "body",
        [b"", b"<html>", b"[]", b"null", b'{"color_text": "#000", "color_text": "#fff"}', b"\xff"],
    )
    def test_what_is_no_document_is_no_style(self, body: bytes) -> None:
        """T25."""
        assert parse_style(body) == Style()
        assert stylesheet(parse_style(body)) == ""


class TestStylesheet:
    def test_looks_of_the_ehr_lie_over_our_own(self) -> None:
        """C106."""
        css = stylesheet(parse_style(json.dumps(GOOD).encode()))
        assert "--ground: #edeae3" in css
        assert "--accent: #1f5f8b" in css
        assert "--radius: 0.375rem" in css
        assert "font-size: 87.5000%" in css
        assert 'font-family: "Georgia", "Times", "Times New Roman", serif, sans-serif' in css
        assert SAFE.fullmatch(css)

    def test_light_looks_leave_the_dark_scheme_alone(self) -> None:
        """A light ground under the light text of our dark scheme would be unreadable."""
        css = stylesheet(parsed(color_background="#edeae3", color_text="#303030"))
        assert "scheme: light" in css
        assert "scheme: dark" not in css

    def test_colour_that_cannot_be_read_is_not_taken(self) -> None:
        """C106: less than 4.5:1."""
        assert with_style(LIGHT, Style(text="#999999")) == LIGHT
        assert with_style(LIGHT, Style(background="#555555")) == LIGHT
        assert with_style(LIGHT, Style(highlight="#ffe08a")) == LIGHT
        assert with_style(LIGHT, Style(error="#ff8a80")) == LIGHT

    @given(
        st.dictionaries(
            st.sampled_from([*GOOD, "other"]),
            st.one_of(st.sampled_from(list(GOOD.values())), st.text(), st.integers(), colours),
        )
    )
    def test_nothing_but_our_own_forms_comes_out(self, document: dict[str, Any]) -> None:
        """T15: whatever the document says."""
        assert SAFE.fullmatch(stylesheet(parsed(**document)))

    @given(colours, colours, colours, colours)
    def test_every_text_stays_readable(self, one: str, two: str, three: str, four: str) -> None:
        """C106; WCAG 2.2, 1.4.3: with any colours."""
        style = Style(background=one, text=two, highlight=three, error=four)
        for own in (LIGHT, DARK):
            palette = with_style(own, style)
            for text, ground in TEXT_ON_GROUND:
                assert contrast(getattr(palette, text), getattr(palette, ground)) >= MIN_CONTRAST


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21),
        ("#fff", "#ffffff", 1),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
    ],
)
def test_contrast_is_wcags(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize(("own", "scheme"), [(LIGHT, 0), (DARK, 1)])
def test_palette_is_that_of_the_stylesheet(own: Palette, scheme: int) -> None:
    """The colours of our pages are in app.css; the contrast must be computed with the same ones."""
    css = (ROOT / "static" / "app" / "app.css").read_text()
    block = re.findall(r":root \{([^}]*)\}", css)[scheme]
    told = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for name in Palette.__dataclass_fields__:
        assert told[name.replace("_", "-")] == getattr(own, name), name
