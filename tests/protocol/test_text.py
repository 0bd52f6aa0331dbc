"""Untrusted text on our pages and in our logs (C52, C70, C142, T10)."""

import pytest

from smartapp.protocol.text import plain_text, vendor_words


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  two\r\n\tlines ", "two lines"),
        ("\x1b[31mred\x00", "[31mred"),
        ("right\u202eleft", "rightleft"),
        (
            "The audience must be https://api.preview.platform.athenahealth.com/oauth2/v1/token",
            None,
        ),
        ("client-authentication-not-supported", None),
        ("code N09411aa6CiXmdNnkp6l7V6lk5UH is used", "code […] is used"),
        ("bad eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ.abc here", "bad […] here"),
        ("Zoë 李", None),
    ],
)
def test_words_stay_and_tokens_go(text: str, line: str | None) -> None:
    assert plain_text(text, 200) == (text if line is None else line)


def test_long_text_is_cut_and_says_so() -> None:
    assert plain_text("word " * 1000, 12) == "word word w…"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Jane Roe is not a user", "[…] is not a user"),
        ("ROE, JANE is not a user", "[…] is not a user"),
        ("Jane McDonald-ROE, opened", "[…], opened"),
        ("Jane Roe2 is not a user", "[…] is not a user"),
        ("Özlem Ünal is not a user", "[…] is not a user"),
        ("No resource type of FHIR R4.", None),
        ("The Signing Algorithm RS384 is not taken", None),
        ("Your IP address is not permitted", None),
        ("Check the JWK Set URL.", None),
        ("Client Certificate Required: TLS", None),
        ("Spike Arrest Violation: Too Many Requests", None),
        # As oidc-provider 9.13.3 and Authlib 1.9.10 have it.
        ("Pushed Authorization Request must be used", None),
        ("could not validate Request Object", None),
        ("Issuer and Subject MUST match.", None),
        ("Access Denied For User More", "[…]"),
        ("Grant Long: User Account Locked", "[…]: User Account Locked"),
    ],
)
def test_names_go_and_the_words_of_the_standards_stay(text: str, line: str | None) -> None:
    """T10."""
    assert vendor_words(text) == (text if line is None else line)


@pytest.mark.parametrize(
    "what", ["oauth2:token:invalid-tenant", "smart-v1:grant:launch:code-required",
             "client-assertion:jwt-bearer:unknown-key", "oauth2:token:code:expired"]
)  # fmt: skip
def test_what_an_urn_says_is_wrong_stays(what: str) -> None:
    """Oracle Health says it nowhere else."""
    address = f"https://e.example/errors/urn:e:error:{what}/instances/14c9355?launch=ab12cd"
    assert plain_text(address, 200) == address.replace("ab12cd", "[…]")


def test_a_short_secret_is_hidden_by_its_name_and_the_number_of_an_error_stays() -> None:
    """C70."""
    said = "Invalid authorization code: n3TrFS; refresh token 'x': a8Kq; error code: E0011"
    hidden = "Invalid authorization code: […]; refresh token 'x': a8Kq; error code: E0011"
    assert plain_text(said, 200) == hidden
    assert plain_text("Unknown launch=12ab, state: ok", 200) == "Unknown launch=[…], state: ok"
    assert plain_text("token:abcd/12d, token: wrong/12d", 200) == "token:[…], token: […]"
    said = "client_secret: ab12cd, id_token=12ab and status: 401x"
    assert plain_text(said, 200) == "client_secret: […], id_token=[…] and status: 401x"
