"""An EHR's style, as far as it is safe to use (SMART App Launch 2.2, "Styling"; C106).

The document is untrusted. Only known members with strictly formed values are read, and a new
stylesheet is written from them. A colour is used only if all our text on it, or in it, keeps a
contrast of 4.5:1 (WCAG 2.2, 1.4.3). The other parts of the style are used all the same.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from smartapp.protocol.json import JSONInvalid, parse_json_object

MIN_CONTRAST = 4.5
MAX_FONT_FAMILIES = 6
# In pixels at the browser's default of 16. Smaller text is unreadable, larger leaves no space.
FONT_SIZES = (13.0, 24.0)
SPACINGS = (8.0, 32.0)
RADII = (0.0, 24.0)

_GENERIC_FONTS = frozenset({"serif", "sans-serif", "monospace", "system-ui", "cursive", "fantasy"})
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_LENGTH = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)(px|rem|em)")
_FONT = re.compile(r"[A-Za-z][A-Za-z0-9 -]{0,39}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Style:
    """The usable part of a style document. Lengths are in pixels."""

    background: str | None = None
    text: str | None = None
    highlight: str | None = None
    error: str | None = None
    border_radius: float | None = None
    font_size: float | None = None
    spacing: float | None = None
    font_body: tuple[str, ...] = ()
    font_heading: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of our pages that text has, or that are behind text."""

    ground: str
    surface: str
    ink: str
    soft: str
    accent: str
    on_accent: str
    accent_ground: str
    alarm: str
    alarm_ground: str


LIGHT = Palette(
    ground="#f4f5f3", surface="#ffffff", ink="#1a2124", soft="#566167", accent="#0f5e68",
    on_accent="#ffffff", accent_ground="#e4f0f0", alarm="#9d1c1c", alarm_ground="#fcecea",
)  # fmt: skip
DARK = Palette(
    ground="#111516", surface="#191f21", ink="#e6ebeb", soft="#a3afb3", accent="#74cbd3",
    on_accent="#06282c", accent_ground="#15323a", alarm="#ffa198", alarm_ground="#3a1b1a",
)  # fmt: skip


def parse_style(body: bytes) -> Style:
    """Return the usable members of the document; an empty Style if it is not a JSON object. Members
    of another form count as absent."""
    try:
        document = parse_json_object(body)
    except JSONInvalid:
        return Style()

    def member(name: str, read: Callable[[str], T | None]) -> T | None:
        value = document.get(name)
        return read(value.strip()) if isinstance(value, str) else None

    return Style(
        background=member("color_background", _colour),
        text=member("color_text", _colour),
        highlight=member("color_highlight", _colour),
        error=member("color_error", _colour),
        border_radius=member("dim_border_radius", lambda value: _pixels(value, RADII)),
        font_size=member("dim_font_size", lambda value: _pixels(value, FONT_SIZES)),
        spacing=member("dim_spacing_size", lambda value: _pixels(value, SPACINGS)),
        font_body=member("font_family_body", _fonts) or (),
        font_heading=member("font_family_heading", _fonts) or (),
    )


def stylesheet(style: Style) -> str:
    """Return CSS that applies the style to our pages, in the light and dark scheme; "" for none."""
    rules = [
        _rule(":root", _measures(style)),
        _rule("h1, h2, h3", {"font-family": _family(style.font_heading)}),
    ]
    for scheme, own in (("light", LIGHT), ("dark", DARK)):
        colours = _changes(own, with_style(own, style))
        if colours:
            rules.append(f"@media (prefers-color-scheme: {scheme}) {{ {_rule(':root', colours)} }}")
    return "".join(f"{rule}\n" for rule in rules if rule)


def with_style(own: Palette, style: Style) -> Palette:
    """Return our palette with those colours of the style that keep all text readable."""
    palette = _if_readable(own, ground=style.background)
    palette = _if_readable(palette, ink=style.text)
    palette = _if_readable(palette, alarm=style.error)
    if style.highlight:
        on_accent = max("#ffffff", "#000000", key=lambda text: contrast(text, style.highlight))
        palette = _if_readable(palette, accent=style.highlight, on_accent=on_accent)
    return palette


def contrast(one: str, other: str | None) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other or one)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _if_readable(palette: Palette, **colours: str | None) -> Palette:
    """Return the palette with these colours if text stays readable, else the unchanged palette."""
    given = {name: colour for name, colour in colours.items() if colour is not None}
    changed = replace(palette, **given)
    pairs = [
        *((text, ground) for text in (changed.ink, changed.soft, changed.accent, changed.alarm)
          for ground in (changed.ground, changed.surface)),
        (changed.accent, changed.accent_ground),
        (changed.ink, changed.accent_ground),
        (changed.on_accent, changed.accent),
        (changed.alarm, changed.alarm_ground),
        (changed.ink, changed.alarm_ground),
    ]  # fmt: skip
    return changed if all(contrast(*pair) >= MIN_CONTRAST for pair in pairs) else palette


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = (int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4))
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _changes(own: Palette, changed: Palette) -> dict[str, str]:
    return {
        f"--{name.replace('_', '-')}": getattr(changed, name)
        for name in Palette.__dataclass_fields__
        if getattr(changed, name) != getattr(own, name)
    }


def _measures(style: Style) -> dict[str, str]:
    """Return the lengths in units that scale with the reader's own font size, not in pixels."""
    measures = {
        "--radius": style.border_radius is not None and f"{style.border_radius / 16:g}rem",
        "--gap": style.spacing is not None and f"{style.spacing / 16:g}rem",
        "font-size": style.font_size is not None and f"{style.font_size / 16:.4%}",
        "font-family": _family(style.font_body),
    }
    return {name: value for name, value in measures.items() if value}


def _family(names: tuple[str, ...]) -> str:
    quoted = [name if name in _GENERIC_FONTS else f'"{name}"' for name in names]
    return ", ".join([*quoted, "sans-serif"]) if quoted else ""


def _rule(selector: str, declarations: Mapping[str, str]) -> str:
    inside = "; ".join(f"{name}: {value}" for name, value in declarations.items() if value)
    return f"{selector} {{ {inside} }}" if inside else ""


def _colour(value: str) -> str | None:
    return value.lower() if _COLOUR.fullmatch(value) else None


def _pixels(value: str, allowed: tuple[float, float]) -> float | None:
    match = _LENGTH.fullmatch(value)
    if match is None:
        return None
    pixels = float(match[1]) * (1 if match[2] == "px" else 16)
    return pixels if allowed[0] <= pixels <= allowed[1] else None


def _fonts(value: str) -> tuple[str, ...] | None:
    """Return the names in a font-family list; None if any item is not a name."""
    names = [name.strip() for name in value.split(",")[:MAX_FONT_FAMILIES]]
    bare = [
        name[1:-1].strip() if name[:1] in {'"', "'"} and name[:1] == name[-1:] else name
        for name in names
    ]
    return tuple(bare) if all(map(_FONT.fullmatch, bare)) else None
