"""The input and output of every reader."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from smartapp.record import modifiers
from smartapp.record.elements import Resource
from smartapp.record.references import with_names
from smartapp.record.texts import text

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Given:
    """The input of a reader.

    `resources` are all about the launch's patient, in the order in which the EHR sent them.
    `related` are the resources that they refer to, by the reference as it was sent
    ("Medication/m1"), if the EHR gave them. `patient` is the Patient resource, {} if it could not
    be read.
    """

    resources: tuple[Resource, ...]
    now: datetime
    patient: Resource = field(default_factory=dict)
    related: Mapping[str, Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number the resources without an id, so that two are never taken for one, and name what
        each contains where it refers to it."""
        found = self.resources
        if not all(text(one.get("id")) for one in found):
            found = tuple(
                one if text(one.get("id")) else {**one, "id": f"#{number}"}
                for number, one in enumerate(found)
            )
        if any("contained" in one for one in (*found, self.patient)):
            found = tuple(with_names(one, self.now) for one in found)
            object.__setattr__(self, "patient", with_names(self.patient, self.now))
        object.__setattr__(self, "resources", found)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A resource that is not shown. `reason` follows "1 result could not be shown: " on the page.
    Every omission needs a reason; without one the resource would be lost."""

    reason: str


@dataclass(frozen=True, slots=True)
class Read(Generic[T_co]):
    """The output of a reader: each resource is in an entry or left out."""

    entries: tuple[T_co, ...]
    left_out: tuple[LeftOut, ...] = ()


def read_each(resources: Iterable[Resource], read: Callable[[Resource], T | LeftOut]) -> Read[T]:
    """Read each resource by itself. A resource that its modifiers forbid to show is left out
    without calling `read`. Nothing can be lost, because each call returns an entry or a reason."""
    entries: list[T] = []
    left_out: list[LeftOut] = []
    for resource in map(modifiers.in_r4, resources):
        forbidden = modifiers.reason_to_leave_out(resource)
        found = LeftOut(forbidden) if forbidden else read(resource)
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            entries.append(found)
    return Read(tuple(entries), tuple(left_out))
