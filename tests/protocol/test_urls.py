"""URLs below a base, and URLs of endpoints (C11, C14, C140, T1, T11)."""

import pytest

from smartapp.protocol.urls import (
    host_of,
    is_below,
    is_same,
    parse_endpoint_url,
    resolve,
    without_trailing_slash,
)

BASE = "https://ehr.example/fhir/r4"


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://as.example/token", "https://as.example/token"),
        ("/oauth2/v1/token", "https://ehr.example/oauth2/v1/token"),
        ("auth/token", "https://ehr.example/fhir/r4/auth/token"),
        ("//as.example/token", "https://as.example/token"),
        ("https://as.example/token?tenant=1", "https://as.example/token?tenant=1"),
        ("https://[2001:db8::1]:8443/token", "https://[2001:db8::1]:8443/token"),
    ],
)
def test_endpoints_resolve_against_the_fhir_base(value: str, url: str) -> None:
    """C11; smart-app-launch_2.2.0@379."""
    assert parse_endpoint_url(value, base=BASE) == url
    assert parse_endpoint_url(value, base=f"{BASE}/") == url


@pytest.mark.parametrize(
    "value",
    [
        None,
        17,
        "",
        "token",
        "http://as.example/token",
        "ftp://as.example/token",
        "javascript:alert(1)",
        "https:///token",
        "https://user@as.example/token",
        "https://user:secret@as.example/token",
        "https://as.example\\@evil.example/token",
        "https://as.example/token#fragment",
        "https://as.example/token#",
        "https://as.example:port/token",
        "https://as.example:99999/token",
        "https://as.example/to ken",
        "https://as.example/{tenant}/token",
        "https://as.example/token\n",
        "https://аs.example/token",
        "https://[::1/token",
        "https://as.example/" + "a" * 9000,
    ],
)
def test_what_is_no_https_endpoint_is_refused(value: object) -> None:
    """C11, T1: the look-alike letters of the last but two are Cyrillic."""
    with pytest.raises(ValueError, match=r"."):
        parse_endpoint_url(value)


def test_http_is_for_development_only() -> None:
    url = "http://127.0.0.1:8000/sandbox/oauth2/v1/token"
    assert parse_endpoint_url(url, allow_http=True) == url
    with pytest.raises(ValueError, match="not https"):
        parse_endpoint_url("ftp://127.0.0.1/", allow_http=True)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://EHR.example/fhir", "ehr.example"),
        ("https://ehr.example:443/fhir", "ehr.example"),
        ("https://ehr.example:8443/fhir", "ehr.example:8443"),
        ("http://ehr.example:80", "ehr.example"),
        ("http://ehr.example:443", "ehr.example:443"),
        ("https://ehr.example:0/", "ehr.example:0"),
        ("https://[2001:DB8::1]/fhir", "[2001:db8::1]"),
        ("https://[2001:db8::1]:8443/fhir", "[2001:db8::1]:8443"),
    ],
)
def test_a_host_is_written_one_way(url: str, host: str) -> None:
    """C14: pinned hosts are compared as text."""
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        f"{BASE}/",
        f"{BASE}/Patient/1",
        f"{BASE}?page=2",
        f"{BASE}/Observation?_getpages=x&code=http://loinc.org|8480-6",
        "HTTPS://EHR.example:443/fhir/r4/Patient/1",
        "https://ehr.example/other/../fhir/r4/Patient/1",
        f"{BASE}/./Patient/1",
    ],
)
def test_what_is_below_the_base(url: str) -> None:
    """C140."""
    assert is_below(url, BASE) is True
    assert is_below(url, f"{BASE}/") is True


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example/fhir/r4/Patient/1",
        "https://ehr.example:8443/fhir/r4/Patient/1",
        "https://ehr.example.evil.example/fhir/r4/Patient/1",
        "https://evil.example/fhir/r4/Patient/1",
        "https://ehr.example./fhir/r4/Patient/1",
        "https://ehr.example@evil.example/fhir/r4/Patient/1",
        "https://evil.example\\@ehr.example/fhir/r4/Patient/1",
        "https://ehr.example/fhir/r4evil/Patient/1",
        "https://ehr.example/fhir/r5/Patient/1",
        "https://ehr.example/fhir",
        f"{BASE}/../../admin",
        f"{BASE}/..",
        f"{BASE}/%2e%2e/admin",
        f"{BASE}/..%2fadmin",
        f"{BASE}/..\\admin",
        f"{BASE}/Patient/1\n",
        "//ehr.example/fhir/r4/Patient/1",
        "/fhir/r4/Patient/1",
        "",
        "https://[::1",
    ],
)
def test_what_is_not_below_the_base(url: str) -> None:
    """C140, T11: the token is sent to none of these."""
    assert is_below(url, BASE) is False


def test_a_base_at_the_hosts_root() -> None:
    assert is_below("https://ehr.example/Patient/1", "https://ehr.example") is True
    assert is_below("https://ehr.example", "https://ehr.example/") is True


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://as.example/token?x=1", True),
        ("https://AS.example:443/token/?x=1", True),
        ("https://as.example/a/../token?x=1", True),
        ("https://as.example/token", False),
        ("https://as.example/token?x=2", False),
        ("https://as.example/token/2?x=1", False),
        ("https://as.example:8443/token?x=1", False),
        ("http://as.example/token?x=1", False),
        ("https://[", False),
    ],
)
def test_which_urls_are_one_address(other: str, *, same: bool) -> None:
    assert is_same("https://as.example/token?x=1", other) is same
    assert is_same(other, "https://as.example/token?x=1") is same


def test_a_reference_that_cannot_be_resolved_is_none() -> None:
    assert resolve("https://[", base=BASE) is None
    assert resolve(17, base=BASE) is None
    assert resolve("?page=2", base=BASE) == f"{BASE}/?page=2"


def test_only_one_trailing_slash_is_taken_off() -> None:
    """C8."""
    assert without_trailing_slash(f"{BASE}//") == f"{BASE}/"
