"""Export of the audit trail: CSV for spreadsheets, FHIR R4 AuditEvent for repositories.

Source: https://hl7.org/fhir/R4/auditevent.html
"""

import csv
import io
import ipaddress
import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any

from django.conf import settings

from smartapp.audit.models import AuditEvent

COLUMNS = ("id", "at", "actor", "origin", "action", "target", "detail", "previous_digest", "digest")
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
SIGN_IN = {"system": DICOM, "code": "110114", "display": "User Authentication"}
SECURITY = {"system": DICOM, "code": "110113", "display": "Security Alert"}
SUBTYPES = {
    "sign-in": ("110122", "Login"),
    "sign-out": ("110123", "Logout"),
    "administrator": ("110137", "User Security Attributes Changed"),
    "group": ("110136", "Security Roles Changed"),
}
CONFIGURATION = ("110129", "Security Configuration")
# https://hl7.org/fhir/R4/valueset-audit-event-action.html; all others are updates.
ACTIONS = {"create": "C", "add": "C", "delete": "D", "sign-in": "E", "sign-out": "E"}


def _cell(value: object) -> str:
    """Return a cell that no spreadsheet interprets as a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(STARTS_A_FORMULA) else text


def _moment(event: AuditEvent) -> str:
    return event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def csv_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for event in events:
        row = {name: getattr(event, name) for name in COLUMNS}
        row |= {"at": event.at.isoformat(), "detail": json.dumps(event.detail, sort_keys=True)}
        writer.writerow([_cell(row[name]) for name in COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _network(event: AuditEvent) -> dict[str, Any]:
    try:
        ipaddress.ip_address(event.origin)
    except ValueError:
        return {}
    return {"network": {"address": event.origin, "type": "2"}}


def audit_event(event: AuditEvent) -> dict[str, Any]:
    """Return an event as a FHIR R4 AuditEvent."""
    kind, _, verb = event.action.partition(".")
    code, display = SUBTYPES.get(kind, CONFIGURATION)
    detail = {"digest": event.digest} | event.detail
    return {
        "resourceType": "AuditEvent",
        "type": SIGN_IN if kind in {"sign-in", "sign-out"} else SECURITY,
        "subtype": [
            {"system": DICOM, "code": code, "display": display},
            {"system": f"{settings.PUBLIC_URL}/audit-actions", "code": event.action},
        ],
        "action": ACTIONS.get(verb or kind, "U"),
        "recorded": _moment(event),
        "outcome": "4" if verb in {"failed", "locked"} else "0",
        "agent": [{"name": event.actor, "requestor": True, **_network(event)}],
        "source": {"site": event.origin, "observer": {"display": settings.PUBLIC_URL}},
        "entity": [
            {
                "what": {"display": event.target},
                "detail": [
                    {"type": name, "valueString": value if isinstance(value, str) and value
                     else json.dumps(value)}
                    for name, value in detail.items()
                ],
            }
        ],
    }  # fmt: skip


def fhir_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield a FHIR R4 Bundle line by line, so that it need not fit into memory."""
    before = '{"resourceType": "Bundle", "type": "collection", "entry": [\n'
    for event in events:
        url = uuid.uuid5(uuid.NAMESPACE_URL, f"{settings.PUBLIC_URL}#{event.digest}").urn
        yield before + json.dumps({"fullUrl": url, "resource": audit_event(event)})
        before = ",\n"
    # FHIR does not allow empty arrays.
    yield "\n]}\n" if before == ",\n" else '{"resourceType": "Bundle", "type": "collection"}\n'
