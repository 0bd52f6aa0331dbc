"""The pages as values: `launches` fills them and templates draw them, without knowing each
other."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from smartapp.chart.chart import FHIRUserView
from smartapp.chart.permissions import asked_sections, not_asked
from smartapp.chart.sections import Section
from smartapp.protocol.fhir import fhir_user_type
from smartapp.protocol.launch_context import FHIRContextEntry, LaunchContext
from smartapp.protocol.scopes import ScopeComparison, describe

LaunchKind = Literal["ehr", "standalone"]
MAX_SHOWN_CHARACTERS = 2_000


def launch_code(uuid: UUID) -> str:
    """Return a short code that distinguishes open launches without naming anybody."""
    return uuid.hex[:4].upper()


@dataclass(frozen=True, slots=True)
class ContextRow:
    """One member of the launch context. `member` is its name in the token response."""

    label: str
    member: str
    value: str
    explanation: str


@dataclass(frozen=True, slots=True)
class ScopeRow:
    scope: str
    words: str
    granted: bool
    requested: bool


@dataclass(frozen=True, slots=True)
class LaunchPage:
    """The variable `page` of launch.html: what is known before the record is read.

    `is_patients`: a patient, or somebody who acts for one, reads the page, and it uses their words.
    `patient` is "" if none was chosen (C110). `not_asked` names the parts of a record that the
    scopes do not let this page read.
    """

    uuid: UUID
    kind: LaunchKind
    is_patients: bool
    endpoint_name: str
    registration_name: str
    launched_at: datetime
    session_expires_at: datetime
    access_token_expires_at: datetime | None
    refreshable: bool
    end_url: str
    home_url: str
    start_again_url: str
    style_url: str
    need_patient_banner: bool
    fhirUser: str
    context_rows: tuple[ContextRow, ...]
    context_notes: tuple[str, ...]
    scopes: tuple[ScopeRow, ...]
    patient: str
    sections: tuple[Section, ...]
    not_asked: tuple[str, ...]
    # Where the page reloads itself to read what the EHR did not give; "" if it has done so often
    # enough.
    again_url: str

    @property
    def code(self) -> str:
        return launch_code(self.uuid)

    @property
    def the_ehr(self) -> str:
        """What the reader calls it."""
        return "your health system" if self.is_patients else "the EHR"

    @property
    def user_by_reference(self) -> FHIRUserView | None:
        """The user, if nothing more than the reference is known."""
        return FHIRUserView(self.fhirUser, "", "", "unknown") if self.fhirUser else None

    @property
    def missing_scopes(self) -> tuple[ScopeRow, ...]:
        return tuple(row for row in self.scopes if not row.granted)

    @property
    def requested_scopes(self) -> tuple[ScopeRow, ...]:
        return tuple(row for row in self.scopes if row.requested)


@dataclass(frozen=True, slots=True)
class OpenLaunch:
    """A launch that is open in this browser. It names no patient, because others can see this
    page."""

    url: str
    endpoint_name: str
    kind: LaunchKind
    launched_at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class SignedOutPage:
    """The variable `page` of signed_out.html.

    `revoked` is the EHR's answer: True, False if it could not be asked yet, None if it offers no
    revocation (C133). `sign_out_url` is where a patient signs out at the EHR too (C134).
    """

    endpoint_name: str
    kind: LaunchKind
    revoked: bool | None
    start_again_url: str
    home_url: str
    sign_out_url: str = ""

    @property
    def the_ehr(self) -> str:
        """What the reader calls it."""
        return "the EHR" if self.kind == "ehr" else "your health system"


def build_launch_page(
    *,
    uuid: UUID,
    kind: LaunchKind,
    is_patients: bool,
    endpoint_name: str,
    registration_name: str,
    launched_at: datetime,
    session_expires_at: datetime,
    access_token_expires_at: datetime | None,
    refreshable: bool,
    end_url: str,
    home_url: str,
    start_again_url: str,
    style_url: str,
    context: LaunchContext,
    fhirUser: str | None,
    scope: ScopeComparison,
    again_url: str = "",
) -> LaunchPage:
    """Return the launch's page from plain values."""
    return LaunchPage(
        uuid=uuid,
        kind=kind,
        is_patients=is_patients,
        endpoint_name=endpoint_name,
        registration_name=registration_name,
        launched_at=launched_at,
        session_expires_at=session_expires_at,
        access_token_expires_at=access_token_expires_at,
        refreshable=refreshable,
        end_url=end_url,
        home_url=home_url,
        start_again_url=start_again_url,
        style_url=style_url,
        need_patient_banner=context.need_patient_banner,
        fhirUser=fhirUser or "",
        context_rows=context_rows(context, fhirUser),
        context_notes=context.notes,
        scopes=scope_rows(scope, whose=_whose(kind, fhirUser, context.patient)),
        patient=context.patient or "",
        sections=asked_sections(scope.granted),
        not_asked=not_asked(scope.granted, is_patients=is_patients),
        again_url=again_url,
    )


def _whose(kind: LaunchKind, fhirUser: str | None, patient: str | None) -> str:
    """Return how the page refers to the record: "your" only if it is the reader's own."""
    if not fhirUser:
        return "your" if kind == "standalone" else "the patient's"
    is_own = fhir_user_type(fhirUser) == "Patient" and fhirUser.rpartition("/")[2] == patient
    return "your" if is_own else "the patient's"


def scope_rows(scope: ScopeComparison, *, whose: str) -> tuple[ScopeRow, ...]:
    """Return the requested scopes, each with whether it was granted, then those granted unasked."""
    asked = [
        ScopeRow(
            item, describe(item, whose=whose), granted=item not in scope.missing, requested=True
        )
        for item in scope.requested
    ]
    unasked = [
        ScopeRow(item, describe(item, whose=whose), granted=True, requested=False)
        for item in scope.unasked
    ]
    return (*asked, *unasked)


def context_rows(context: LaunchContext, fhirUser: str | None) -> tuple[ContextRow, ...]:
    """Return the launch context in words: the members that SMART defines, then the vendor's own."""
    defined = [
        ContextRow("Patient", "patient", context.patient or "", "The patient of this launch."),
        ContextRow("Encounter", "encounter", context.encounter or "", "The visit it is about."),
        ContextRow("User", "fhirUser", fhirUser or "", "Who signed in at the EHR."),
        ContextRow(
            "Patient banner",
            "need_patient_banner",
            "required" if context.need_patient_banner else "the EHR shows its own",
            "Whether the app must show whose record this is. It always does.",
        ),
        ContextRow("Intent", "intent", context.intent or "", "What the launch is meant for."),
        ContextRow("Tenant", "tenant", context.tenant or "", "The organisation within the EHR."),
        ContextRow(
            "Style",
            "smart_style_url",
            context.smart_style_url or "",
            "Where the EHR describes its colours.",
        ),
    ]
    rows = [row for row in defined if row.value]
    rows += [_fhir_context_row(entry) for entry in context.fhirContext]
    rows += [_extra_row(member, value) for member, value in context.extras.items()]
    return tuple(rows)


def _fhir_context_row(entry: FHIRContextEntry) -> ContextRow:
    shown = entry.reference or entry.canonical or _plain(entry.identifier)
    return ContextRow(entry.type or "Also open", "fhirContext", shown, f"Role: {entry.role}.")


def _extra_row(member: str, value: Any) -> ContextRow:
    return ContextRow("From the EHR", member, _plain(value), "This EHR's own addition.")


def _plain(value: Any) -> str:
    """Return a vendor's value as text; structures as JSON."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(written) > MAX_SHOWN_CHARACTERS:
        return f"{written[:MAX_SHOWN_CHARACTERS]}…"
    return written
