#!/usr/bin/env bash
# Authlib 1.9.10 (PyPI), the server's side: a client that sends a wrong secret as client_secret_basic,
# which it is registered with, is told that it "cannot authenticate with methods", and the list that
# follows has client_secret_basic. It is the list of what the endpoint takes, whichever failed. Who reads
# the sentence looks for another way to authenticate, and a program that reads it, too.
# Seen: right secret: 200; wrong secret: 401 The client cannot authenticate with methods:
# ['client_secret_basic', 'client_secret_post'].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet authlib==1.9.10 flask==3.1.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from flask import Flask


class Client(ClientMixin):
    client_id, secret = "my-app", "right"

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return scope

    def check_client_secret(self, client_secret):
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


app = Flask(__name__)
server = AuthorizationServer(app, lambda _: Client(), lambda *_: None)
server.register_grant(ClientCredentials)


@app.post("/token")
def token():
    return server.create_token_response()


def asked_with(secret):
    form = {"grant_type": "client_credentials", "scope": "read"}
    return app.test_client().post("/token", data=form, auth=("my-app", secret))


right, wrong = asked_with("right"), asked_with("wrong")
said = wrong.json["error_description"]
print("right secret:", right.status_code)
print("wrong secret:", wrong.status_code, said)
assert right.status_code == 200
assert wrong.status_code == 401
assert "cannot authenticate with methods" in said
assert "client_secret_basic" in said
PYTHON
