"""One row of the table of causes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from smartapp.diagnosis.case import Case
from smartapp.diagnosis.finding import SAID, Certainty, Finding

When = Callable[[Case], bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """When a cause applies, how sure it is, and what is said of it. In its texts `{c.name}` is an
    attribute of the case.

    `check` names what can be looked at again, with a button or by the doctor. `before` says when
    the doctor finds it before a launch; None for what only a launch shows. `said`: when the EHR's
    own words say it, where it is only likely otherwise.
    """

    rule: str
    certainty: Certainty
    title: str
    when: When
    fix: str
    check: str = ""
    seen: str = "{c.seen}"
    before: When | None = None
    said: When | None = None

    def about(self, case: Case) -> Finding:
        texts = (self.title, self.seen, self.fix)
        title, seen, fix = (text.format(c=case).strip() for text in texts)
        certainty = SAID if self.said and self.said(case) else self.certainty
        return Finding(self.check, certainty, seen, fix, title, self.rule)


def always(_: Case) -> bool:
    return True


def under(guard: When, *entries: Entry) -> tuple[Entry, ...]:
    """Return the entries, which apply only where `guard` does, too."""
    return tuple(replace(entry, when=every(guard, entry.when)) for entry in entries)


def with_rest(entries: tuple[Entry, ...], rest: Entry) -> tuple[Entry, ...]:
    """Return the entries and `rest`, which applies only where none of them does."""

    def is_left(case: Case) -> bool:
        return rest.when(case) and not any(entry.when(case) for entry in entries)

    return (*entries, replace(rest, when=is_left))


def coded(*codes: str) -> When:
    """Apply to a failure that has one of these codes."""
    return lambda case: case.code in codes


def every(*tests: When) -> When:
    """Apply where all of these do."""
    return lambda case: all(test(case) for test in tests)


def answered(*errors: str) -> When:
    """Apply where the EHR answered with one of these errors of OAuth."""
    return lambda case: case.ehr_error in errors


def broken(*rules: str) -> When:
    """Apply where one of these rules was broken, by the error's own account."""
    return lambda case: case.broken_rule in rules


def naming(*subjects: str, but_not: Iterable[str] = ()) -> When:
    """Apply where the EHR's words name all of these and none of those."""
    return lambda case: case.named.issuperset(subjects) and case.named.isdisjoint(but_not)
