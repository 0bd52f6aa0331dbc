"""A form that nobody can read is the sender's mistake, on every page: 400 with a page, no 500."""

import pytest
from django.test import Client

FORM = "application/x-www-form-urlencoded"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/no/such/page", "/sandbox/keys/rotate"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{FORM}; charset=utf-16", b"a=b"),
        (FORM, b"a=" + b"x" * 3_000_000),
        (FORM, b"&".join(b"a%d=1" % number for number in range(1_100))),
    ],
)
def test_form_that_cannot_be_read(path: str, content_type: str, body: bytes) -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    answer = client.post(path, body, content_type)
    assert answer.status_code == (404 if path == "/no/such/page" else 400)
    assert b"Reference" in answer.content


def test_host_that_is_not_ours() -> None:
    answer = Client(raise_request_exception=False).get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert b"request-unreadable" in answer.content
    assert b"evil.example" not in answer.content
