"""The page in pieces, each of which can be sent as soon as it is ready.

launch.html has a place ("slot") for every piece, in the order of the page, so the pieces may be
sent in any order. Until a piece is there, its place says that it is being read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from smartapp.chart.chart import FHIRUserView, Part, ReadSection, Visit, Who
from smartapp.chart.page import LaunchPage
from smartapp.protocol.errors import SmartError, in_patients_words
from smartapp.record.allergy_line import read_allergy_line
from smartapp.record.news import Share, overview

# Marks the place of the pieces in launch.html. It contains a NUL, so no template and no record can
# contain it.
_PIECES = "\0pieces\0"
# How a patient reads the app's own sentences about the record. In what the EHR itself wrote, the
# space in "the EHR" does not break (`record/texts.py`), so its words stay.
_TO_A_PATIENT = {
    **{f"{word} the EHR": f"{word} your health system's record" for word in ("in", "of", "see")},
    "the EHR": "your health system",
    "The EHR": "Your health system",
}


@dataclass(frozen=True, slots=True)
class Shell:
    """The page before and after the pieces."""

    before: str
    after: str


def draw_shell(page: LaunchPage, **shown: Any) -> Shell:
    before, _, after = render_to_string(
        "launch.html", {"page": page, "pieces": _PIECES, **shown}
    ).partition(_PIECES)
    return Shell(before, after)


def draw(part: Part, page: LaunchPage) -> str:
    """Return the HTML of a part that was read, in the words of its reader."""
    if page.is_patients:
        return _to_a_patient(_drawn(_in_patients_words(part), page))
    return _drawn(part, page)


def _drawn(part: Part, page: LaunchPage) -> str:
    match part:
        case Who():
            return render_to_string(
                "sections/who.html",
                {"who": part, "page": page, "has_titles": settings.NAMES_IN_TITLES},
            )
        case Visit():
            shown = {"visit": part, "page": page}
            return render_to_string("sections/encounter_of_launch.html", shown)
        case FHIRUserView():
            return render_to_string("sections/user.html", {"user": part, "page": page})
        case ReadSection():
            context: dict[str, Any] = {"section": part, "page": page}
            if part.name == "allergies":
                context["line"] = read_allergy_line(part.items, is_whole=part.is_whole)
            return render_to_string(part.section.template, context)


def _in_patients_words(part: Part) -> Part:
    match part:
        case ReadSection():
            notes = tuple(map(in_patients_words, part.notes))
            return replace(part, error=in_patients_words(part.error), notes=notes)
        case Who() | Visit():
            return replace(part, problem=in_patients_words(part.problem))
    return part


def _to_a_patient(html: str) -> str:
    for to_anybody, to_a_patient in _TO_A_PATIENT.items():
        html = html.replace(to_anybody, to_a_patient)
    return html


def draw_news(
    shares: Mapping[str, Share], page: LaunchPage, *, encounter: str | None, now: datetime
) -> str:
    """Return the first block, made from the shares of all its lists."""
    found = overview(shares, encounter=encounter, now=now)
    html = render_to_string("sections/news.html", {"news": found})
    return _to_a_patient(html) if page.is_patients else html


def draw_end(
    page: LaunchPage,
    *,
    user: FHIRUserView | None,
    is_unreadable: bool,
    read_at: datetime,
    form_token: str,
) -> str:
    """Return the end of the page: the state of the launch, and whether nothing could be read."""
    shown = {
        "page": page,
        "user": user or page.user_by_reference,
        "is_unreadable": is_unreadable,
        "read_at": read_at,
        "form_token": form_token,
    }
    return render_to_string("sections/end.html", shown)


def draw_alarm(
    error: SmartError, *, endpoint_name: str, reference: str, start_again_url: str
) -> str:
    """Return the alarm that replaces everything shown before, because it must not be used. Without
    `start_again_url` the person starts again in the EHR."""
    is_from_ehr = not start_again_url
    shown = {
        "error": error,
        "words": error.wording(is_from_ehr=is_from_ehr),
        "endpoint_name": endpoint_name,
        "reference": reference,
        "start_again_url": start_again_url,
        "is_from_ehr": is_from_ehr,
        **error.context,
    }
    return render_to_string("sections/alarm.html", shown)
