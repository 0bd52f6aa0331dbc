"""The HTTP client over real local sockets: C15, C60, C69, C140, T11, T12, T25."""

import asyncio
import contextlib
import gzip
import re
import resource
import socket
import ssl
import time
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import uvicorn
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from smartapp import http
from smartapp.addresses import address_is_allowed
from smartapp.circuit import circuit
from smartapp.protocol.errors import (
    AddressRefused,
    EHRCrowded,
    EHRRedirected,
    EHRResponseTooLarge,
    EHRTimeout,
    EHRUnavailable,
    EHRUnreachable,
    OwnLimit,
)
from tests.serving import free_port

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
SECRET = "canary-7f3a"


def plain(body: bytes = b"hello", *, status: str = "200 OK", headers: str = "") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    return answer


def raw(data: bytes) -> Answer:
    """Send these bytes and close the connection."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return answer


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Return a response of one byte every 50 ms: each read succeeds, but the response never ends in
    time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return a server's context with a self-signed certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "server.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


class Server:
    """Answers every request in the same way; counts connections and keeps the requests."""

    def __init__(self) -> None:
        self.answer: Answer = plain()
        self.accepted = 0
        self.requests: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> "Server":
        self._server = await asyncio.start_server(self._accept, host, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/token"
        return self

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                self.requests.append(await self._request(reader))
                await self.answer(writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has disconnected
        finally:
            writer.transport.abort()

    @staticmethod
    async def _request(reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *([0-9]+)", head, re.IGNORECASE)
        return head + await reader.readexactly(int(length[1]) if length else 0)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = await Server().start()
    yield server
    await http.close()
    await server.stop()


@pytest.fixture
async def no_connection() -> AsyncIterator[None]:
    async def refuse(*args: object) -> None:
        raise AssertionError("a connection was tried")

    loop = asyncio.get_running_loop()
    with patch.object(loop, "sock_connect", refuse):
        yield
    await http.close()


class TestAnswers:
    async def test_status_headers_and_body_come_back(self, server: Server) -> None:
        server.answer = plain(b'{"a":1}', status="404 Not Found", headers="Cache-Control: x\r\n")

        response = await http.get(server.url, headers={"Accept": "application/json"})

        assert (response.status, response.body) == (404, b'{"a":1}')
        assert response.headers["cache-control"] == "x"
        assert b"Accept: application/json\r\n" in server.requests[0]

    async def test_a_form_is_sent_once_as_form(self, server: Server) -> None:
        """C60; RFC 6749 appendix B."""
        await http.post_form(server.url, {"code": "a b+&ü", "scope": "launch/patient"})

        head, body = server.requests[0].split(b"\r\n\r\n")
        assert head.startswith(b"POST /token HTTP/1.1")
        assert b"Content-Type: application/x-www-form-urlencoded\r\n" in head + b"\r\n"
        assert body == b"code=a+b%2B%26%C3%BC&scope=launch%2Fpatient"

    async def test_a_url_is_asked_for_as_it_is_written(self, server: Server) -> None:
        """A `next` link belongs to the EHR: quoting it again can break it."""
        path = "/fhir/r4/Observation?ah-practice=Organization/a-1.Practice-2&x=%2F%7e%7E|%3A"
        await http.get(f"http://127.0.0.1:{server.port}{path}")

        assert server.requests[0].startswith(f"GET {path} HTTP/1.1\r\n".encode())

    async def test_cookies_are_neither_kept_nor_sent(self, server: Server) -> None:
        server.answer = plain(headers="Set-Cookie: session=1; Path=/\r\n")
        await http.get(server.url)
        await http.get(server.url)

        assert b"cookie" not in server.requests[1].lower()

    async def test_the_environment_names_no_proxy(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

        assert (await http.get(server.url)).status == 200

    async def test_a_body_is_not_in_the_repr(self, server: Server) -> None:
        server.answer = plain(SECRET.encode(), headers=f"X-Token: {SECRET}\r\n")

        assert SECRET not in repr(await http.get(server.url))


class TestConnections:
    async def test_one_is_kept_and_used_again(self, server: Server) -> None:
        for _ in range(5):
            await http.post_form(server.url, {})

        assert server.accepted == 1

    async def test_one_that_the_ehr_closed_is_replaced(self, server: Server) -> None:
        server.answer = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        for _ in range(3):
            assert (await http.post_form(server.url, {})).body == b"ok"
            await asyncio.sleep(0.01)

        assert server.accepted == 3

    async def test_a_refused_body_is_not_waited_for(self, server: Server) -> None:
        """The rest of a huge response is not read: its connection is not used again."""
        server.answer = plain(b"x" * 2_000_000)
        with pytest.raises(EHRResponseTooLarge):
            await http.get(server.url)
        server.answer = plain()

        assert (await http.get(server.url)).body == b"hello"
        assert server.accepted == 2

    async def test_each_event_loop_has_its_own(self, server: Server) -> None:
        await http.get(server.url)
        sessions = len(http._sessions)
        elsewhere = await asyncio.to_thread(http.run, http.get(server.url))

        assert elsewhere.status == 200
        assert len(http._sessions) == sessions
        assert (await http.get(server.url)).status == 200
        assert server.accepted == 2

    async def test_the_tls_context_is_built_once(self) -> None:
        assert http._tls_context() is http._tls_context()


class TestPlaces:
    """The number of requests that wait for a slow host is limited (C15)."""

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "most_in_flight", lambda _: 3)
        monkeypatch.setattr(http, "WAIT_FOR_SLOT_SECONDS", 0.2)

    async def test_one_too_many_is_told_so_soon_and_is_not_sent(self, server: Server) -> None:
        server.answer = silence
        waiting = [
            asyncio.create_task(http.post_form(server.url, {}, timeout_seconds=2)) for _ in range(3)
        ]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        with pytest.raises(EHRCrowded) as caught:
            await http.post_form(server.url, {}, timeout_seconds=2)
        assert time.monotonic() - started < 1
        assert not caught.value.sent
        assert server.accepted == 3
        for task in waiting:
            task.cancel()

    async def test_a_slot_that_becomes_free_is_taken(self, server: Server) -> None:
        async def slowly(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.05)
            await plain()(writer)

        server.answer = slowly
        answers = await asyncio.gather(*(http.post_form(server.url, {}) for _ in range(9)))
        assert [answer.status for answer in answers] == [200] * 9
        assert server.accepted == 3

    async def test_reads_and_sign_ins_have_slots_of_their_own(self, server: Server) -> None:
        server.answer = silence
        reads = [asyncio.create_task(http.get(server.url)) for _ in range(3)]
        await asyncio.sleep(0.1)
        server.answer = plain()
        assert (await http.post_form(server.url, {})).status == 200
        for task in reads:
            task.cancel()

    async def test_one_that_left_gives_its_place_back(self, server: Server) -> None:
        server.answer = silence
        tasks = [asyncio.create_task(http.get(server.url)) for _ in range(3)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.answer = plain()
        assert (await http.get(server.url)).status == 200


class TestSent:
    """C124: whether a request without a response may have been executed."""

    async def test_nothing_was_sent_where_nobody_listens(self) -> None:
        with pytest.raises(EHRUnreachable) as caught:
            await http.post_form(f"http://127.0.0.1:{free_port()}/token", {})
        assert not caught.value.sent
        await http.close()

    async def test_an_ehr_is_not_blamed_where_this_process_has_no_more_files(
        self, server: Server
    ) -> None:
        """Nor left alone by a circuit for it."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        target = f"POST {server.url.split('/')[2]}"
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # what is open stays so
        try:
            with pytest.raises(OwnLimit, match="this process may open no more files") as caught:
                await http.post_form(server.url, {})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert not caught.value.sent
        assert circuit(target).is_well
        assert (await http.post_form(server.url, {})).status == 200

    async def test_nobody_knows_after_a_time_out(self, server: Server) -> None:
        server.answer = silence
        with pytest.raises(EHRTimeout) as caught:
            await http.post_form(server.url, {}, timeout_seconds=0.2)
        assert caught.value.sent

    @pytest.mark.parametrize(
        "half", [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access_token']
    )
    async def test_nobody_knows_after_a_cut(self, server: Server, half: bytes) -> None:
        server.answer = raw(half)
        with pytest.raises(EHRUnreachable) as caught:
            await http.post_form(server.url, {})
        assert caught.value.sent


class TestBadAnswers:
    @pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
    async def test_a_redirect_is_not_followed(self, server: Server, status: int) -> None:
        location = f"Location: http://127.0.0.1:{server.port}/elsewhere\r\n"
        server.answer = plain(b"", status=f"{status} Elsewhere", headers=location)

        with pytest.raises(EHRRedirected):
            await http.post_form(server.url, {"code": SECRET})
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("location", "words"),
        [
            ("/fhir/?code=SECRET", " answered 302, which leads to another path there"),
            ("https://sso.example/login?x=SECRET",
             " answered 302, which leads to https://sso.example"),
            ("mailto:SECRET", " answered 302"),
            (None, " answered 302"),
        ],
    )  # fmt: skip
    async def test_where_a_redirect_leads_is_said_without_its_path(
        self, server: Server, location: str | None, words: str
    ) -> None:
        headers = f"Location: {location}\r\n" if location else ""
        server.answer = plain(b"", status="302 Elsewhere", headers=headers)
        with pytest.raises(EHRRedirected) as caught:
            await http.get(server.url)
        assert caught.value.detail == f"127.0.0.1:{server.port}{words}"

    async def test_unchanged_is_an_answer_to_who_asked_for_something_newer(
        self, server: Server
    ) -> None:
        server.answer = plain(b"", status="304 Not Modified")
        answer = await http.get(server.url, headers={"If-None-Match": '"one"'})
        assert (answer.status, answer.body) == (304, b"")

    @pytest.mark.parametrize("answer", [silence, drip])
    async def test_a_slow_ehr_is_given_up(self, server: Server, answer: Answer) -> None:
        server.answer = answer
        started = time.monotonic()

        with pytest.raises(EHRTimeout):
            await http.get(server.url, timeout_seconds=0.3)
        assert time.monotonic() - started < 2

    async def test_a_slow_answer_to_a_code_is_not_asked_for_again(self, server: Server) -> None:
        """C69: the code is sent once."""
        server.answer = silence
        with pytest.raises(EHRTimeout):
            await http.post_form(server.url, {"code": "x"}, timeout_seconds=0.2)

        assert len(server.requests) == 1

    async def test_a_cut_connection_does_not_send_a_code_again(self, server: Server) -> None:
        await http.post_form(server.url, {})
        server.answer = raw(b"")

        with pytest.raises(EHRUnreachable):
            await http.post_form(server.url, {"code": "x"})
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
            b"HTTP/1.1 999999 OK\r\n\r\n",
            b"SSH-2.0-OpenSSH_9\r\n",
            b"\x15\x03\x01\x00\x02\x02\x16",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\n" + b"X-Flood: " + b"a" * 100_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X-Flood: a\r\n" * 100_000 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nbad header line\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
            b"HTTP/1.1 " + b"9" * 100_000,
        ],
        ids=range(17),
    )
    async def test_what_is_not_http_is_one_of_our_errors(self, server: Server, data: bytes) -> None:
        server.answer = raw(data)

        with pytest.raises(EHRUnavailable):
            await http.get(server.url, timeout_seconds=2)

    async def test_a_truncated_gzip_body_is_one_of_our_errors(self, server: Server) -> None:
        body = gzip.compress(b"x" * 10_000)[:-12]
        server.answer = plain(body, headers="Content-Encoding: gzip\r\n")

        response = None
        with contextlib.suppress(EHRUnavailable):
            response = await http.get(server.url, timeout_seconds=2)
        assert response is None or len(response.body) <= 10_000

    async def test_nothing_that_listens_is_one_of_our_errors(self, server: Server) -> None:
        await server.stop()

        with pytest.raises(EHRUnreachable) as caught:
            await http.get(server.url)
        host = server.url.removeprefix("http://").partition("/")[0]
        assert caught.value.detail == f"no connection could be made to {host}"

    async def test_a_name_that_does_not_exist_is_one_of_our_errors(self) -> None:
        unknown = socket.gaierror(-2, "unknown")
        with (
            patch.object(socket, "getaddrinfo", side_effect=unknown),
            pytest.raises(EHRUnreachable, match="no network address is known for no-such-ehr"),
        ):
            await http.get("https://no-such-ehr.example/")
        await http.close()

    async def test_tls_with_an_untrusted_certificate_is_refused(self, tmp_path: Path) -> None:
        """C60: the certificate is verified."""
        server = await Server().start(tls=self_signed(tmp_path))

        with pytest.raises(EHRUnreachable, match="the TLS certificate of localhost"):
            await http.get(f"https://localhost:{server.port}/")
        assert server.requests == []
        await http.close()
        await server.stop()


class TestSize:
    async def test_a_body_at_the_cap_is_read(self, server: Server) -> None:
        server.answer = plain(b"x" * http.MAX_BYTES)

        assert len((await http.get(server.url)).body) == http.MAX_BYTES

    async def test_one_byte_more_is_refused(self, server: Server) -> None:
        server.answer = plain(b"x" * (http.MAX_BYTES + 1))

        with pytest.raises(EHRResponseTooLarge):
            await http.get(server.url)

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_ten_megabytes_are_not_held_in_memory(
        self, server: Server, chunked: bool
    ) -> None:
        """T25."""
        block = b"x" * 100_000

        async def flood(writer: asyncio.StreamWriter) -> None:
            length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 10000000"
            writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode())
            for _ in range(100):
                writer.write(b"186a0\r\n" + block + b"\r\n" if chunked else block)
                await writer.drain()

        server.answer = flood
        await self.assert_little_memory(server)

    async def test_a_gzip_bomb_is_not_unpacked(self, server: Server) -> None:
        """100 MB of zeros in 100 kB: the limit counts unpacked bytes as they come."""
        bomb = gzip.compress(b"\0" * 100_000_000, compresslevel=9)
        server.answer = plain(bomb, headers="Content-Encoding: gzip\r\n")
        await self.assert_little_memory(server)

    @staticmethod
    async def assert_little_memory(server: Server) -> None:
        tracemalloc.start()
        try:
            with pytest.raises(EHRResponseTooLarge):
                await http.get(server.url)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()


REFUSED_EVERYWHERE = [
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://172.16.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://0.0.0.0/",
    "http://100.64.0.1/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00::1]/",
    "http://[::]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:a00:1::]/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://127.1/",
    "http://127.0.0.1.evil@10.0.0.1/",
    "http://user:password@127.0.0.1/",
    "http://user@127.0.0.1/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://127.0.0.1\\@evil.example/",
    "http://ehr.example/",
    "http:///path",
    "http://[::1/",
    "http://127.0.0.1:port/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1/a b",
    "http://127.0.0.1/\r\nX-Injected: 1",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "//127.0.0.1/",
    "/token",
    "",
]
LOOPBACK = [
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.8.8.8/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://localhost/",
]


class TestAddresses:
    """T12, C15: no access to a private network, in any notation of the address."""

    @pytest.mark.parametrize("development", [True, False])
    @pytest.mark.parametrize("url", REFUSED_EVERYWHERE)
    async def test_these_are_refused_without_a_connection(
        self, url: str, development: bool, settings: Settings, no_connection: None
    ) -> None:
        settings.ALLOW_LOOPBACK_EHRS = development

        with pytest.raises(AddressRefused):
            await http.get(url)

    @pytest.mark.parametrize(
        "url", [url.replace("http:", "https:") for url in REFUSED_EVERYWHERE[:28]]
    )
    async def test_neither_does_https_open_them(self, url: str, no_connection: None) -> None:
        with pytest.raises(AddressRefused):
            await http.get(url)

    @pytest.mark.parametrize("url", LOOPBACK)
    async def test_loopback_is_for_development_only(
        self, url: str, settings: Settings, no_connection: None
    ) -> None:
        settings.ALLOW_LOOPBACK_EHRS = False

        with pytest.raises(AddressRefused):
            await http.get(url)

    @pytest.mark.parametrize(
        "address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
    )
    def test_public_addresses_are_allowed(self, address: str) -> None:
        assert address_is_allowed(address)

    async def test_ipv6_loopback_works_in_development(self) -> None:
        server = await Server().start("::1")

        assert (await http.get(f"http://[::1]:{server.port}/")).status == 200
        await http.close()
        await server.stop()


class ScriptedResolver(AbstractResolver):
    """Answers from a list of lists, in order; the last one repeats."""

    answers: list[list[str]]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def resolver(server: Server) -> AsyncIterator[type[ScriptedResolver]]:
    with patch.object(http, "ThreadedResolver", ScriptedResolver):
        yield ScriptedResolver
        await http.close()


class TestNames:
    async def test_the_address_that_was_checked_is_the_one_that_is_used(
        self, server: Server, resolver: type[ScriptedResolver]
    ) -> None:
        """T12: a name that resolves to a public address when checked, and to a private one when
        used."""
        resolver.answers = [["127.0.0.1"], ["10.0.0.1"]]

        assert (await http.get(f"http://ehr.localhost:{server.port}/")).status == 200
        assert resolver.answers == [["10.0.0.1"]]

    async def test_a_name_that_flips_is_refused_from_then_on(
        self, server: Server, resolver: type[ScriptedResolver]
    ) -> None:
        server.answer = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        resolver.answers = [["127.0.0.1"], ["10.0.0.1"]]
        url = f"http://ehr.localhost:{server.port}/"
        await http.get(url)
        await http.close()

        with pytest.raises(AddressRefused):
            await http.get(url)
        assert server.accepted == 1

    @pytest.mark.parametrize("private", ["10.0.0.1", "169.254.169.254", "224.0.0.1", "::"])
    async def test_one_private_address_among_others_refuses_the_name(
        self, private: str, server: Server, resolver: type[ScriptedResolver]
    ) -> None:
        resolver.answers = [["127.0.0.1", private]]

        with pytest.raises(AddressRefused):
            await http.get(f"http://ehr.localhost:{server.port}/")
        assert server.accepted == 0

    async def test_a_public_looking_name_of_this_machine_is_refused(
        self, server: Server, resolver: type[ScriptedResolver], settings: Settings
    ) -> None:
        settings.ALLOW_LOOPBACK_EHRS = False
        resolver.answers = [["127.0.0.1"]]

        with pytest.raises(AddressRefused):
            await http.get(f"https://ehr.example:{server.port}/")
        assert server.accepted == 0


class TestMessages:
    """C70: of a URL only its host; nothing of a form or a body."""

    @pytest.mark.parametrize(
        "answer",
        [
            silence,
            raw(b""),
            raw(b"HTTP/1.1 302 Found\r\nLocation: /?code=" + SECRET.encode() + b"\r\n\r\n"),
            plain(SECRET.encode() * 100_000),
            raw(b"HTTP/1.1 200 OK\r\n" + SECRET.encode() + b"\r\n\r\n"),
        ],
    )
    async def test_no_error_tells_what_was_sent_or_answered(
        self, server: Server, answer: Answer
    ) -> None:
        server.answer = answer

        with pytest.raises(EHRUnavailable) as caught:
            await http.post_form(
                f"{server.url}?token={SECRET}",
                {"code": SECRET},
                headers={"Authorization": f"Bearer {SECRET}"},
                timeout_seconds=0.3,
            )
        assert SECRET not in "".join(self.told(caught.value))

    async def test_neither_does_one_about_the_url(self) -> None:
        for url in (f"http://u:{SECRET}@127.0.0.1/", f"http://[{SECRET}/", f"{SECRET}:\x00"):
            with pytest.raises(AddressRefused) as caught:
                await http.get(url)
            assert SECRET not in "".join(self.told(caught.value))

    @staticmethod
    def told(error: BaseException) -> list[str]:
        return [repr(error), str(vars(error)), *traceback.format_exception(error)]


async def test_a_kept_session_is_closed_with_its_loop(server: Server) -> None:
    await http.get(server.url)
    await http.close()
    await http.close()

    assert (await http.get(server.url)).status == 200


async def test_what_sync_code_left_under_way_opens_no_session_that_nobody_closes(
    server: Server,
) -> None:
    """A refresh that begins while the session is being closed, in the loop of a command."""

    async def work() -> None:
        await http.get(server.url)
        later.append(asyncio.create_task(http.get(server.url)))

    later: list[asyncio.Task[http.Response]] = []
    before = dict(http._sessions)
    await asyncio.to_thread(http.run, work())

    assert later[0].cancelled()
    assert http._sessions == before


@pytest.mark.parametrize(
    "address",
    ["fec0::1", "3fff::1", "3fff:fff::1", "2001:db8::1", "5f00::1", "64:ff9b:1::1", "100::1",
     "fd00::1", "fe80::1", "100.64.0.1", "192.0.0.8", "198.18.0.1"],
)  # fmt: skip
def test_networks_that_are_not_public_are_named(address: str) -> None:
    """Versions of Python differ in site-local and newer documentation networks."""
    assert not address_is_allowed(address)


def test_idle_connections_end_before_servers_close_them() -> None:
    """A token request that meets a connection which the server is closing cannot be repeated."""
    default = uvicorn.Config("smartapp.asgi:application").timeout_keep_alive
    assert default > http.KEEPALIVE_SECONDS > 0
