"""When something began and ended, in each form that FHIR allows (onset[x], abatement[x]).

Words ("in childhood") are as valid as a date. The day on which it was recorded is not used.
"""

from dataclasses import dataclass

from smartapp.record.amounts import duration_text, range_text
from smartapp.record.elements import Resource, is_true
from smartapp.record.moments import Moment, is_open, member_moment
from smartapp.record.texts import prose
from smartapp.record.timing import period_moments, period_words

_NOT_KNOWN = frozenset(("unknown", "unk", "not known"))


def in_place_of_a_date(words: str) -> str:
    """Return words for the place of a date: "unknown" alone does not say what is unknown."""
    return f"date {words.lower()}" if words.casefold() in _NOT_KNOWN else words


@dataclass(frozen=True, slots=True)
class Span:
    """When something began or ended, in words. `moment` is for ordering and for <time>; None if
    there are only words."""

    words: str
    moment: Moment | None = None

    @property
    def words_beside_a_date(self) -> str:
        """The words without the date: "to 25 Oct 2026"; "" if they only say the date."""
        if not self.moment:
            return in_place_of_a_date(self.words)
        day = self.moment.day_text
        return "" if self.words == day else self.words.removeprefix(f"from {day}").lstrip()


def read_span(resource: Resource, name: str) -> Span | None:
    """Return the first form of `name`[x] that exists, for example of onset or abatement, or
    None."""
    moment = member_moment(resource, f"{name}DateTime", f"{name}Date")
    if moment and not is_open(moment):
        return Span(moment.day_text, moment)
    period = resource.get(f"{name}Period")
    if words := period_words(period):
        start, end = period_moments(period)
        moment = start or end
        is_one_day = moment and words == f"on {moment.day_text}"
        return Span(moment.day_text if moment and is_one_day else words, moment)
    return _in_words(resource, name)


def _in_words(resource: Resource, name: str) -> Span | None:
    sent = resource.get(f"{name}Age")
    # Some servers send a sentence instead of FHIR's structure.
    age = duration_text(sent) or prose(sent)
    ages = range_text(resource.get(f"{name}Range"), duration_text)
    words = (
        f"at the age of {age}" if age else "",
        f"at the age of {ages}" if ages else "",
        prose(resource.get(f"{name}String")),
        # DSTU2 and STU3 had a boolean without a date.
        "date not recorded" if is_true(resource.get(f"{name}Boolean")) else "",
    )
    return next((Span(said) for said in words if said), None)
