"""An EHR that rotates its refresh tokens, knows which patient each token is for, and counts."""

import asyncio
import zlib
from functools import cache
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.scripted_ehr import ScriptedEHR


class Hospital(ScriptedEHR):
    """Each launch has a patient of its own: the value of its `launch`."""

    def __init__(self) -> None:
        super().__init__()
        self.expires_in = 1  # so that each reload of a page needs a refresh
        self.scope = "openid fhirUser offline_access patient/*.rs"
        self.seconds_before_it_fetches_keys = 0.0
        self.refreshes = 0
        self.used_twice = 0
        self.codes_used_twice = 0
        self.read_for_another = 0
        self.discoveries = 0
        self._patients: dict[str, str] = {}
        self._used: set[str] = set()

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        self.discoveries += 1
        return await super()._discovery(request)

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = request.query
        code = self.issue_code(
            nonce=asked["nonce"], code_challenge=asked["code_challenge"], scope=asked["scope"]
        )
        self._patients[code] = asked["launch"]
        back = urlencode({"code": code, "state": asked["state"]})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _check_assertion(self, assertion: str) -> None:
        await asyncio.sleep(self.seconds_before_it_fetches_keys)
        await super()._check_assertion(assertion)

    def _exchanged(self, fields: dict[str, str]) -> web.Response:
        code = fields["code"]
        self.codes_used_twice += code in self._used
        self._used.add(code)
        self.patient = self._patients.get(code, "")
        return super()._exchanged(fields)

    def _refreshed(self, fields: dict[str, str]) -> web.Response:
        token = fields["refresh_token"]
        self.refreshes += 1
        if token in self._used or token not in self._patients:
            self.used_twice += token in self._used
            return web.json_response({"error": "invalid_grant"}, status=400)
        self._used.add(token)
        self.patient = self._patients[token]
        return super()._refreshed(fields)

    def token_response(self, scope: str) -> dict[str, Any]:
        answer = super().token_response(scope)
        self._patients[answer["access_token"]] = self.patient
        self._patients[answer["refresh_token"]] = self.patient
        return answer

    async def _fhir(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        resource_type, _, id_ = request.match_info["path"].partition("/")
        if resource_type == "Patient" and self._patients.get(token, id_) != id_:
            self.read_for_another += 1
        return await super()._fhir(request)


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.json_response({})


async def resets(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def trickles(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    for _ in range(300):
        await answer.write(b" ")
        await asyncio.sleep(0.1)
    return answer


async def sends_a_bomb(_: web.Request) -> web.Response:
    """A quarter of a gigabyte in a quarter of a megabyte."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return web.Response(body=_bomb(), headers=headers)


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16)
    blanks = b" " * 1_000_000
    return b"".join(packer.compress(blanks) for _ in range(256)) + packer.flush()


async def sends_50_megabytes(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    for _ in range(50):
        await answer.write(b" " * 1_000_000)
    return answer
