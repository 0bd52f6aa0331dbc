"""Refusals of the FHIR API, each an OperationOutcome (https://hl7.org/fhir/R4/http.html)."""

from typing import Any

JSON = dict[str, Any]


class Refusal(Exception):
    """A request that is answered with an OperationOutcome instead of resources."""

    status = 400
    code = "invalid"
    severity = "error"
    challenge: str | None = None
    rule = "S60"

    def __init__(self, diagnostics: str, why: str = "") -> None:
        """`why` is for the request log, where the response must say less."""
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        self.why = why or diagnostics

    def body(self) -> JSON:
        return operation_outcome(issue(self.severity, self.code, self.diagnostics))


class BadRequest(Refusal):
    """A parameter is invalid."""


class TokenRefused(Refusal):
    """The access token is not usable (S61, E14; RFC 6750 §3.1)."""

    rule = "E14"
    status = 401
    code = "login"
    challenge = 'Bearer error="invalid_token"'


class TokenMissing(TokenRefused):
    """There is no access token: a challenge without an error code (RFC 6750 §3.1)."""

    challenge = "Bearer"


class InsufficientScope(Refusal):
    """The token is valid, but its scopes do not cover the request (S61; RFC 6750 §3.1)."""

    rule = "S61"
    status = 403
    code = "forbidden"
    challenge = 'Bearer error="insufficient_scope"'


class NotAcceptable(Refusal):
    """The requested format does not exist here (https://hl7.org/fhir/R4/http.html#mime-type)."""

    status = 406
    code = "not-supported"


class CombinationRequired(Refusal):
    """The search would go through the records of all patients (S65)."""

    rule = "S65"
    status = 403
    code = "forbidden"
    severity = "fatal"


class PracticeMissing(Refusal):
    """athenahealth's own JSON for a search without a practice (S65)."""

    rule = "S65"

    def body(self) -> JSON:
        return {"details": self.diagnostics}


class IntentMissing(Refusal):
    """A search for medication orders without an intent, which athenahealth refuses (S65).

    US Core has the pair `patient+intent`, and athenahealth accepts no other.
    """

    code = "required"
    rule = "S65"


class InvalidClient(Refusal):
    """A practice without a contract with this client: two words, not JSON (E10)."""

    status = 403
    rule = "E10"


class NotFound(Refusal):
    """The same response for missing records and for those outside the token's access (S62)."""

    rule = "S62"
    status = 404
    code = "not-found"


class DatabaseAway(Refusal):
    status = 503
    code = "transient"


class NotSupported(Refusal):
    status = 404
    code = "not-supported"


class MethodNotAllowed(Refusal):
    """The method is not supported at this URL: the API only reads and searches."""

    status = 405
    code = "not-supported"

    def __init__(self, *allowed: str) -> None:
        super().__init__(f"This API is read-only. Use {' or '.join(allowed)} here.")
        self.allowed = allowed


class Injected(Refusal):
    """A fault that was chosen (S66)."""

    code = "exception"
    rule = "S66"

    def __init__(self, status: int) -> None:
        super().__init__(f"The sandbox was asked to answer {status} here.")
        self.status = status


def issue(severity: str, code: str, diagnostics: str) -> JSON:
    return {"severity": severity, "code": code, "diagnostics": diagnostics}


def operation_outcome(*issues: JSON) -> JSON:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}
