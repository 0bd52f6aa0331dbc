"""Refusals of the authorization server."""

from typing import Any

from authlib.oauth2 import OAuth2Error

MAX_DESCRIPTION_CHARACTERS = 400


def printable(text: str) -> str:
    """Return text as RFC 6749 §5.2 allows it in an error_description."""
    allowed = ("?" if c in '"\\' or not " " <= c <= "~" else c for c in text)
    return "".join(allowed)[:MAX_DESCRIPTION_CHARACTERS]


class Refusal(OAuth2Error):
    """An OAuth error with the rule that it enforces; the request log shows the rule.

    `redirect_uri` is set only if it is known to be the client's own (S10). `why` is for the request
    log only, where the response must say less: it would help guessers as well as developers.
    """

    def __init__(
        self, rule: str, error: str, description: str, *, status: int = 400, why: str = ""
    ) -> None:
        super().__init__(error=error, description=printable(description), status_code=status)
        self.rule = rule
        self.why = why

    def get_headers(self) -> list[tuple[str, str]]:
        headers = list(super().get_headers())
        if self.status_code == 401:
            headers.append(("WWW-Authenticate", 'Basic realm="sandbox"'))
        return headers


class WrongMethod(Refusal):
    """A method that the endpoint does not support (S20)."""

    def __init__(self, rule: str, *allowed: str) -> None:
        super().__init__(rule, "invalid_request", f"Use {' or '.join(allowed)}.", status=405)
        self.allowed = allowed

    def get_headers(self) -> list[tuple[str, str]]:
        return [*super().get_headers(), ("Allow", ", ".join(self.allowed))]


class NoSuchAddress(Refusal):
    """A path that this EHR does not have (E12)."""

    def __init__(self, token_endpoint: str) -> None:
        words = (
            "There is no such address. Addresses are compared letter by letter, with a slash at "
            f"the end or without; the token endpoint is {token_endpoint}"
        )
        super().__init__("E12", "not_found", words, status=404)


class BearerWanted(Refusal):
    """Credentials were sent where a fault requires an access token (S66)."""

    def __init__(self) -> None:
        words = "Send an access token as a bearer token, and no credentials."
        super().__init__("S66", "invalid_token", words, status=401)

    def get_headers(self) -> list[tuple[str, str]]:
        return [*OAuth2Error.get_headers(self), ("WWW-Authenticate", "Bearer")]


class GatewayRefusal(Refusal):
    """A scope outside the contract, refused by the gateway before the authorization server (E9)."""

    def __init__(self) -> None:
        super().__init__("E9", "access_denied", "", status=401)

    def get_body(self) -> list[tuple[Any, str | None]]:
        message = "Access denied by the policy of this app's contract."
        return [("detailedmessage", message), ("error", "access_denied")]


def invalid_client(rule: str, description: str, why: str = "") -> Refusal:
    return Refusal(rule, "invalid_client", description, status=401, why=why)


def invalid_request(rule: str, description: str) -> Refusal:
    return Refusal(rule, "invalid_request", description)


def invalid_grant(rule: str, description: str, why: str = "") -> Refusal:
    return Refusal(rule, "invalid_grant", description, why=why)


def invalid_scope(rule: str, description: str) -> Refusal:
    return Refusal(rule, "invalid_scope", description)


def login_required() -> Refusal:
    return Refusal("S15", "login_required", "Nobody is signed in, and no page may be shown.")
