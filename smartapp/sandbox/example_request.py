"""An example token request for an app's page, to be pasted into a terminal."""

from typing import Any

from authlib.oauth2.rfc7523.client import ASSERTION_TYPE

from smartapp.sandbox import client_assertion
from smartapp.sandbox.models import Client

CONTINUED = " \\\n  "


def token_request(client: Client, sheet: dict[str, Any]) -> str:
    """Return a command line for this app, with placeholders for values that the sandbox does not
    have."""
    words = ["curl", *_proof(client), *_grant(client), f"'{sheet['token_endpoint']}'"]
    command = CONTINUED.join(words)
    if client.auth_method != Client.AuthMethod.PRIVATE_KEY_JWT:
        return command
    return f"{_assertion(client, sheet)}\n\n{command}"


def _proof(client: Client) -> list[str]:
    if client.auth_method == Client.AuthMethod.CLIENT_SECRET_BASIC:
        return [f"-u '{client.client_id}:CLIENT_SECRET'"]
    if client.auth_method in (Client.AuthMethod.NONE, Client.AuthMethod.ANY):
        return [f"-d 'client_id={client.client_id}'"]
    return [f"-d client_assertion_type={ASSERTION_TYPE}", '-d "client_assertion=$ASSERTION"']


def _grant(client: Client) -> list[str]:
    if client.kind == Client.Kind.SERVICE:
        scope = next(iter(client.scope.split()), "system/Patient.rs")
        return ["-d grant_type=client_credentials", f"-d 'scope={scope}'"]
    return [
        "-d grant_type=authorization_code",
        "-d 'code=CODE_OF_THE_CALLBACK'",
        f"--data-urlencode 'redirect_uri={client.redirect_uris[0]}'",
        "-d 'code_verifier=VERIFIER_BEHIND_THE_CHALLENGE'",
    ]


def _assertion(client: Client, sheet: dict[str, Any]) -> str:
    seconds = client_assertion.ALLOWED_LIFETIME_SECONDS[Client.Profile(client.profile)]
    return (
        "# ASSERTION is a JWT that your app signs, new for each request:\n"
        '# {"alg": "ES384", "kid": "ID_OF_YOUR_KEY", "typ": "JWT"}\n'
        f'# {{"iss": "{client.client_id}", "sub": "{client.client_id}",\n'
        f'#  "aud": "{sheet["assertion_audience"]}",\n'
        f'#  "exp": NOW_PLUS_{min(seconds, 240)}_SECONDS, "jti": "A_NEW_RANDOM_TEXT"}}'
    )
