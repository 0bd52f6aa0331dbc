"""Implants and other devices that the patient has or uses (Device, DeviceUseStatement)."""

from collections.abc import Iterable

from smartapp.record.absence import absent_code
from smartapp.record.amounts import amount_text
from smartapp.record.codes import concept_text, concept_texts, status_code
from smartapp.record.elements import Resource, mappings
from smartapp.record.facts import Fact, in_order, labelled, said, unless_recorded
from smartapp.record.marks import read_marks
from smartapp.record.modifiers import not_understood, reason_to_leave_out, status_text
from smartapp.record.moments import member_moment
from smartapp.record.narratives import with_own_text
from smartapp.record.opposites import contradiction_in
from smartapp.record.reading import Given, Read, read_each
from smartapp.record.references import (
    Related,
    displays,
    name_of,
    place,
    reasons,
    resolve,
    target,
    to_follow,
)
from smartapp.record.sites import site_texts
from smartapp.record.statements import read_statement, says_none
from smartapp.record.texts import text
from smartapp.record.timing import period_moments, timing_words

NOT_NAMED = "Device that the EHR does not name"
NOT_READ = "Device that could not be read"
NO_LONGER = "no longer in use"
USED_NO_LONGER = "A report says that it is no longer used."
# The statuses of DeviceUseStatement for a use that has ended.
ENDED = frozenset({"completed", "stopped"})


def read_devices(given: Given) -> Read[Fact]:
    """Return the devices in use, newest first, then those no longer in use."""
    ended = frozenset(_used_no_longer(given.resources))
    return in_order(read_each(given.resources, lambda one: _fact(one, given.related, ended)))


def _used_no_longer(resources: Iterable[Resource]) -> Iterable[str]:
    """Yield "Device/d1" for each device of which a report says that its use has ended."""
    for one in resources:
        if one.get("resourceType") == "DeviceUseStatement" and status_code(one) in ENDED:
            yield place(one.get("device"))


def devices_to_follow(resources: Iterable[Resource]) -> tuple[str, ...]:
    return to_follow(one.get("device") for one in resources if one.get("device"))


def _fact(resource: Resource, related: Related, ended: frozenset[str]) -> Fact:
    if resource.get("resourceType") == "DeviceUseStatement":
        return _use(resource, related)
    return _device(resource, ended)


def _device(resource: Resource, ended: frozenset[str]) -> Fact:
    made = member_moment(resource, "manufactureDate")
    statement = read_statement(resource.get("type"))
    if statement and statement.meaning == "unknown" and device_name(resource) != NOT_NAMED:
        # Only its type is not known.
        statement = None
    is_over = status_code(resource) == "inactive"
    marks = read_marks(resource, when=made, status=unless_recorded(resource, status_text(resource)))
    name = statement.words if statement else device_name(resource)
    return Fact(
        marks=with_own_text(marks, resource, is_all_there_is=name == NOT_NAMED),
        name=name,
        is_statement=statement is not None,
        says_none=says_none(statement),
        fold=NO_LONGER if is_over else "",
        lines=said(
            contradiction_in(resource.get("type")),
            USED_NO_LONGER if marks.source in ended and not is_over else "",
            labelled("why", concept_texts(resource.get("statusReason"))),
            labelled("UDI", _udi(resource)),
            labelled("safety", concept_texts(resource.get("safety"))),
            *_properties(resource),
        ),
        details=said(*_numbers(resource)),
    )


def device_name(resource: Resource) -> str:
    """Return the type, and the name on the label or from the manufacturer."""
    # R5 has a name to show, and calls the others names; STU3 has one UDI.
    names = [text(resource.get("displayName"))]
    names += [text(one.get("name")) for one in mappings(resource.get("deviceName"))]
    names += [text(one.get("value")) for one in mappings(resource.get("name"))]
    names += [text(one.get("name")) for one in _carriers(resource)]
    kind = resource.get("type")
    type_name = "" if absent_code(kind) else concept_text(kind)
    found = said(type_name, *names, text(resource.get("modelNumber")))
    return ", ".join(found[:2]) or NOT_NAMED


def _carriers(resource: Resource) -> list[Resource]:
    return [*mappings(resource.get("udiCarrier")), *mappings(resource.get("udi"))]


def _udi(resource: Resource) -> Iterable[str]:
    for carrier in _carriers(resource):
        yield text(carrier.get("carrierHRF")) or text(carrier.get("deviceIdentifier"))
    # DSTU2.
    yield text(resource.get("udi"))


def _properties(resource: Resource) -> Iterable[str]:
    """Return the properties, for example whether it is safe in a magnetic field."""
    for one in mappings(resource.get("property")):
        values = [
            *concept_texts(one.get("valueCode")),
            *concept_texts(one.get("valueCodeableConcept")),
            *map(amount_text, mappings(one.get("valueQuantity"))),
            text(one.get("valueString")),
        ]
        if label := concept_text(one.get("type")):
            yield labelled(label, values)


def _numbers(resource: Resource) -> Iterable[str]:
    yield text(resource.get("manufacturer"))
    for label, name in (("model", "modelNumber"), ("lot", "lotNumber"), ("serial", "serialNumber"),
                        ("identifier", "distinctIdentifier"), ("part", "partNumber"),
                        ("model", "model")):  # fmt: skip
        yield labelled(label, [text(resource.get(name))]).replace(": ", " ")
    for label, name in (("made", "manufactureDate"), ("expires", "expirationDate"),
                        ("expires", "expiry")):  # fmt: skip
        if moment := member_moment(resource, name):
            yield f"{label} {moment.day_text}"


def _use(resource: Resource, related: Related) -> Fact:
    reference = resource.get("device")
    device = resolve(reference, resource, related)
    start, end = period_moments(resource.get("timingPeriod"))
    began = (
        member_moment(resource, "timingDateTime") or start or member_moment(resource, "recordedOn")
    )
    status = status_code(resource)
    statement = read_statement(device.get("type"))
    marks = read_marks(
        resource, when=began, status=unless_recorded(resource, status_text(resource))
    ).between(start, end)
    marks = marks._replace(not_understood=marks.not_understood or not_understood(device))
    unnamed = NOT_READ if target(reference) else NOT_NAMED
    name = name_of_device(reference, resource, related) or unnamed
    name = statement.words if statement else name
    return Fact(
        marks=with_own_text(marks, resource, is_all_there_is=name in (NOT_NAMED, NOT_READ)),
        name=name,
        is_statement=statement is not None,
        says_none=says_none(statement),
        fold=NO_LONGER if status in ENDED else "",
        began=began,
        ended=end,
        when_words=timing_words(resource.get("timingTiming")).join(),
        lines=said(
            _own_status(device),
            labelled("why", concept_texts(resource.get("statusReason"))),
            labelled("because of", reasons(resource, related)),
            # R5.
            labelled("use", concept_texts(resource.get("usageStatus"))),
            labelled("adherence", _adherence(resource)),
        ),
        details=said(
            ", ".join(site_texts(resource.get("bodySite"))),
            " by ".join(said("use as reported", *displays(resource.get("source")))),
            _recorded(resource),
        ),
    )


def _adherence(resource: Resource) -> Iterable[str]:
    for one in mappings(resource.get("adherence")):
        yield concept_text(one.get("code"))
        yield from concept_texts(one.get("reason"))


def _own_status(device: Resource) -> str:
    """Return what the EHR says of the device itself: that it is not in use, or an error."""
    status = reason_to_leave_out(device) or status_text(device).lower()
    return f"The EHR marks the device's own entry as {status}." if status else ""


def _recorded(resource: Resource) -> str:
    recorded = member_moment(resource, "recordedOn")
    return f"recorded {recorded.day_text}" if recorded else ""


def name_of_device(reference: object, holder: Resource, related: Related) -> str:
    """Return the name of a device that a reference leads to; "" if it was not read and has none."""
    device = resolve(reference, holder, related)
    return name_of(reference, holder, related) or (device_name(device) if device else "")
