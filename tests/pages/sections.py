"""What a section shows of a few resources, as its reader and its template make it."""

import re
from typing import Any

from smartapp.chart.drawing import draw
from smartapp.chart.reader import Outcome, read_section
from smartapp.chart.sections import SECTIONS
from smartapp.record.reading import Given
from tests.chart.samples import NOW, PATIENT, Resource, patient
from tests.pages.markup import Markup
from tests.pages.people import launch_page

BY_NAME = {section.name: section for section in SECTIONS}
DRAWING = re.compile("<svg.*?</svg>", re.DOTALL)


def words_of(
    name: str, *resources: Resource, is_cut: bool = False, is_patients: bool = False, **who: Any
) -> str:
    """Return the text of a section without its drawings; `is_cut`: the EHR has more than these;
    `is_patients`: a patient reads it. `who` changes the patient."""
    section = BY_NAME[name]
    sent = ({"id": f"r{number}", **one} for number, one in enumerate(resources))
    mine = tuple(one for one in sent if section.belongs(one))
    outcome = Outcome("partial" if is_cut else "ok", mine)
    part = read_section(section, outcome, Given(mine, NOW, patient(**who)))
    markup = Markup(DRAWING.sub("", draw(part, launch_page(PATIENT, is_patients=is_patients))))
    return " ".join(one.text for one in markup.elements if one.parent is None)


def assert_says(shown: str, expected: str) -> None:
    """Fail unless all of the words are there, which stand between bars; "NOT …" must not be."""
    parts = expected.split(" | ")
    wrong = [one for one in parts if (one.removeprefix("NOT ") in shown) is one.startswith("NOT ")]
    assert wrong == [], shown
