import json
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from smartapp.database import in_database
from smartapp.keys import key_creation, memory
from smartapp.keys.fetches import Visitor
from smartapp.keys.public import jwks_response

pytestmark = pytest.mark.django_db(transaction=True)

VISITOR = Visitor("192.0.2.7", "EHR/1")
EPIC = "/.well-known/jwks/epic.json"
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
PUBLISHED_MEMBERS = {
    "RSA": {"kty", "kid", "use", "alg", "n", "e"},
    "EC": {"kty", "kid", "use", "alg", "crv", "x", "y"},
}


@pytest.fixture
async def epic() -> None:
    now = timezone.now()
    await in_database(key_creation.create_key_set, "epic", now=now)
    await memory.refresh()


def headers_of(response: tuple[int, list[tuple[bytes, bytes]], bytes]) -> dict[str, str]:
    headers = {name.decode(): value.decode() for name, value in response[1]}
    assert len(headers) == len(response[1]), "a header is there twice"
    return headers


@pytest.mark.usefixtures("epic")
class TestDocument:
    async def test_no_private_member_on_any_key(self) -> None:
        """T23: every key is walked; it has only members of the allow-list."""
        _, _, body = await jwks_response("GET", EPIC, None, VISITOR)
        keys = json.loads(body)["keys"]
        assert sorted(key["alg"] for key in keys) == ["ES384", "RS384"]
        for key in keys:
            assert set(key) == PUBLISHED_MEMBERS[key["kty"]]
            assert not set(key) & PRIVATE_MEMBERS
            assert key["use"] == "sig"
            assert "=" not in key["kid"]

    async def test_headers_let_every_cache_keep_it_for_five_minutes(self) -> None:
        """T24; smart-app-launch_2.2.0@302, @303: no cookie, no Vary."""
        response = await jwks_response("GET", EPIC, None, VISITOR)
        published = memory.published("epic")
        assert published is not None
        assert response[0] == 200
        assert response[2] == published.body
        assert headers_of(response) == {
            "content-type": "application/json",
            "content-length": str(len(published.body)),
            "cache-control": "public, max-age=300",
            "etag": published.etag,
            "access-control-allow-origin": "*",
            "x-content-type-options": "nosniff",
        }

    async def test_head_is_a_get_without_its_body(self) -> None:
        get = await jwks_response("GET", EPIC, None, VISITOR)
        assert await jwks_response("HEAD", EPIC, None, VISITOR) == (200, get[1], b"")

    @pytest.mark.parametrize(
        "tags", ["{etag}", "W/{etag}", '"other", {etag}', '"other",W/{etag} , "third"', "*"]
    )
    async def test_a_known_etag_is_answered_304(self, tags: str) -> None:
        """RFC 9110 §13.1.2 and §15.4.5."""
        published = memory.published("epic")
        assert published is not None
        response = await jwks_response("GET", EPIC, tags.format(etag=published.etag), VISITOR)
        assert (response[0], response[2]) == (304, b"")
        headers = headers_of(response)
        assert headers["etag"] == published.etag
        assert headers["cache-control"] == "public, max-age=300"
        assert "content-length" not in headers

    @pytest.mark.parametrize("tags", ["", '"other"', "etag", "*, x", '"'])
    async def test_another_etag_gets_the_document(self, tags: str) -> None:
        assert (await jwks_response("GET", EPIC, tags, VISITOR))[0] == 200

    async def test_the_etag_changes_with_the_keys_only(self) -> None:
        before = memory.published("epic")
        await memory.refresh()
        again = memory.published("epic")
        key_set = await in_database(key_creation.create_key_set, "epic", now=timezone.now())
        await in_database(
            key_creation.publish_next, key_set, "ES384", now=timezone.now(), actor="test"
        )
        await memory.refresh()
        after = memory.published("epic")
        assert before and again and after
        assert before.etag == again.etag != after.etag

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
    async def test_other_methods_are_refused(self, method: str) -> None:
        response = await jwks_response(method, EPIC, None, VISITOR)
        assert response[0] == 405
        assert headers_of(response)["allow"] == "GET, HEAD"

    async def test_the_default_address_is_the_default_key_set(self) -> None:
        default = await jwks_response("GET", "/.well-known/jwks.json", None, VISITOR)
        assert default == await jwks_response("GET", EPIC, None, VISITOR)


class TestMiss:
    @pytest.mark.parametrize(
        "path",
        [
            "/.well-known/jwks/nobody.json",
            "/.well-known/jwks.json",
            "/.well-known/jwks/",
            "/.well-known/jwks/epic",
            "/.well-known/jwks/epic.json/",
            "/.well-known/jwks/epic.json\n",
            "/.well-known/jwks/../epic.json",
            "/.well-known/jwks/épic.json",
            f"/.well-known/jwks/{'x' * 64}.json",
        ],
    )
    async def test_an_unknown_address_is_a_short_lived_404(self, path: str) -> None:
        response = await jwks_response("GET", path, None, VISITOR)
        headers = headers_of(response)
        assert (response[0], json.loads(response[2])) == (404, {"error": "unknown_key_set"})
        assert headers["cache-control"] == "public, max-age=10"
        assert headers["content-type"] == "application/json"

    async def test_a_key_set_made_a_moment_ago_is_found(self) -> None:
        """The EHR may ask this process before it knows the key set."""
        await memory.refresh()
        await in_database(key_creation.create_key_set, "epic", now=timezone.now())
        assert (await jwks_response("GET", EPIC, None, VISITOR))[0] == 200

    async def test_without_a_database_nobody_is_told_that_it_does_not_exist(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Caches would keep a 404 for longer than the outage."""

        async def away(*args: Any) -> None:
            raise OperationalError("no answer")

        monkeypatch.setattr(memory, "in_database", away)
        response = await jwks_response("GET", EPIC, None, VISITOR)
        assert response[0] == 503
        assert headers_of(response)["cache-control"] == "no-store"
        assert headers_of(response)["retry-after"] == "5"
