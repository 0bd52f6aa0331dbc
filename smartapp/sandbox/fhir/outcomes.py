"""What the FHIR API refuses, each as an OperationOutcome (https://hl7.org/fhir/R4/http.html)."""

from typing import Any

JSON = dict[str, Any]


class Refusal(Exception):
    """A request that gets an OperationOutcome instead of resources."""

    status = 400
    code = "invalid"
    severity = "error"
    challenge: str | None = None
    rule = "S60"

    def __init__(self, diagnostics: str, why: str = "") -> None:
        """`why` is for the request log, where the answer has to say less."""
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        self.why = why or diagnostics

    def body(self) -> JSON:
        return operation_outcome(issue(self.severity, self.code, self.diagnostics))


class BadRequest(Refusal):
    """A parameter that cannot be understood."""


class TokenRefused(Refusal):
    """No usable access token (S61, E14; RFC 6750 §3.1)."""

    rule = "E14"
    status = 401
    code = "login"
    challenge = 'Bearer error="invalid_token"'


class TokenMissing(TokenRefused):
    """No access token at all: a challenge without an error code (RFC 6750 §3.1)."""

    challenge = "Bearer"


class InsufficientScope(Refusal):
    """The token is good, but its scopes do not reach this far (S61; RFC 6750 §3.1)."""

    rule = "S61"
    status = 403
    code = "forbidden"
    challenge = 'Bearer error="insufficient_scope"'


class NotAcceptable(Refusal):
    """An answer in a format that there is none in (https://hl7.org/fhir/R4/http.html#mime-type)."""

    status = 406
    code = "not-supported"


class CombinationRequired(Refusal):
    """A search that would have to walk through everybody's records (S65)."""

    rule = "S65"
    status = 403
    code = "forbidden"
    severity = "fatal"


class PracticeMissing(Refusal):
    """athenahealth's own JSON for a search that names no practice (S65)."""

    rule = "S65"

    def body(self) -> JSON:
        return {"details": self.diagnostics}


class IntentMissing(Refusal):
    """athenahealth's search for medication orders without an intent (S65).

    US Core has the pair `patient+intent`, and athenahealth takes no other.
    """

    code = "required"
    rule = "S65"


class InvalidClient(Refusal):
    """A practice that this client has no contract with: two words, and no JSON (E10)."""

    status = 403
    rule = "E10"


class NotFound(Refusal):
    """The same words for what is not there and for what this token may not know of (S62)."""

    rule = "S62"
    status = 404
    code = "not-found"


class NotSupported(Refusal):
    status = 404
    code = "not-supported"


class MethodNotAllowed(Refusal):
    """Another method than this address knows: the API reads and searches only."""

    status = 405
    code = "not-supported"

    def __init__(self, *allowed: str) -> None:
        super().__init__(f"This API is read-only. Use {' or '.join(allowed)} here.")
        self.allowed = allowed


class Injected(Refusal):
    """A fault that a test asked for (S66)."""

    code = "exception"
    rule = "S66"

    def __init__(self, status: int) -> None:
        super().__init__(f"The sandbox was asked to answer {status} here.")
        self.status = status


def issue(severity: str, code: str, diagnostics: str) -> JSON:
    return {"severity": severity, "code": code, "diagnostics": diagnostics}


def operation_outcome(*issues: JSON) -> JSON:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}
