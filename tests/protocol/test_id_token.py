"""The id_token: every rule of OpenID Connect Core §3.1.3.7 separately (C90 to C98, T8, T9).

Each refusal changes one thing in a valid token and asserts the rule that refused it.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from smartapp.protocol import id_token
from smartapp.protocol.errors import IDTokenError, IDTokenKeyUnknown
from smartapp.protocol.id_token import IDToken
from smartapp.protocol.jwks import JWKS, jwks_document, parse_jwks, public_jwk
from tests import vectors

ISSUER = "https://athena.okta.example/oauth2/aus1"
CLIENT_ID = "0oaat1dzdswEgbcHy297"
NONCE = "n" * 43
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
KEYS: dict[str, RSAKey | ECKey] = {
    "RS256": RSAKey.generate_key(2048),
    "RS384": RSAKey.generate_key(2048),
    "RS512": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "ES384": ECKey.generate_key("P-384"),
    "ES512": ECKey.generate_key("P-521"),
}
STRANGERS: dict[str, RSAKey | ECKey] = {
    "RS256": RSAKey.generate_key(2048),
    "ES384": ECKey.generate_key("P-384"),
}
JWKS_BODY = jwks_document(
    public_jwk(key.as_dict(private=False), kid=f"kid-{alg}", alg=alg) for alg, key in KEYS.items()
)
PUBLISHED = parse_jwks(JWKS_BODY)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "00ubmuczoznaLpaaW297",
    "aud": CLIENT_ID,
    "iat": SECONDS,
    "exp": SECONDS + 3600,
    "nonce": NONCE,
    "fhirUser": "https://api.example/fhir/r4/Patient/a-123.E-4567890",
}
ALG_TWICE = b'{"alg":"RS256","alg":"none"}'
SUB_TWICE = b'{"sub":"a","sub":"b"}'


def sign(payload: bytes, header: dict[str, Any], key: RSAKey | ECKey) -> str:
    """Sign anything with any header, valid or not."""
    alg = header["alg"]
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    return jws.serialize_compact(header, payload, key, registry=registry)


def token(alg: str = "RS256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}
    members = {"alg": alg, "kid": f"kid-{alg}", **(header or {})}
    return sign(json.dumps(claims).encode(), members, KEYS[alg])


def validate(text: str, **changes: Any) -> IDToken:
    arguments: dict[str, Any] = {
        "jwks": PUBLISHED,
        "expected_issuers": ["https://old.example", ISSUER],
        "client_id": CLIENT_ID,
        "nonce": NONCE,
        "access_token": "N09411aa6CiXmdNnkp6l7V6lk5UH",
        "now": NOW,
    }
    return id_token.validate_id_token(id_token.parse_id_token(text), **{**arguments, **changes})


def rule_that_refuses(text: str, **changes: Any) -> str:
    with pytest.raises(IDTokenError) as caught:
        validate(text, **changes)
    return caught.value.rule


def encode(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TestGood:
    @pytest.mark.parametrize("alg", sorted(KEYS))
    def test_every_accepted_algorithm_verifies(self, alg: str) -> None:
        """C90."""
        proof = validate(token(alg))
        assert proof == IDToken(
            iss=ISSUER,
            sub=CLAIMS["sub"],
            aud=(CLIENT_ID,),
            expires_at=NOW + timedelta(hours=1),
            issued_at=NOW,
            fhirUser=CLAIMS["fhirUser"],
            claims=CLAIMS,
        )

    def test_a_list_with_one_audience_is_one_audience(self) -> None:
        assert validate(token(aud=[CLIENT_ID])).aud == (CLIENT_ID,)

    @pytest.mark.parametrize("empty", [{"nbf": None}, {"azp": None}, {"azp": ""}], ids=str)
    def test_a_claim_that_is_empty_is_absent(self, empty: dict[str, Any]) -> None:
        """Some libraries write what they do not have."""
        assert validate(token(**empty)).sub == CLAIMS["sub"]

    def test_several_audiences_pass_with_azp(self) -> None:
        assert validate(token(aud=["other", CLIENT_ID], azp=CLIENT_ID)).aud == ("other", CLIENT_ID)

    def test_fractions_of_a_second_are_numeric_dates(self) -> None:
        """RFC 7519 §2."""
        assert validate(token(iat=SECONDS - 0.5, exp=SECONDS + 0.5)).sub == CLAIMS["sub"]

    @pytest.mark.parametrize(
        "change",
        [
            {"iat": SECONDS - 600, "exp": SECONDS - 59},
            {"iat": SECONDS + 60},
            {"nbf": SECONDS + 60},
            {"iat": SECONDS - 24 * 3600},
        ],
    )
    def test_clocks_may_differ_by_a_minute(self, change: dict[str, Any]) -> None:
        """C90."""
        assert validate(token(**change)).iss == ISSUER

    def test_a_name_of_255_characters_and_an_instant_life_pass(self) -> None:
        """OpenID Connect Core §2: `sub` has at most 255."""
        assert len(validate(token(sub="s" * 255, exp=SECONDS)).sub) == 255

    def test_no_nonce_is_wanted_where_none_was_sent(self) -> None:
        """A refresh sends none (OpenID Connect Core §12.2)."""
        assert validate(token(nonce=...), nonce=None).sub == CLAIMS["sub"]

    @pytest.mark.parametrize("value", [5, None, ["Patient/1"], ...])
    def test_a_fhir_user_that_is_no_string_is_none(self, value: object) -> None:
        """C95: it decides nothing here."""
        assert validate(token(fhirUser=value)).fhirUser is None

    @pytest.mark.parametrize("nothing", [{}, {"kid": ""}])
    def test_without_a_kid_the_only_key_that_fits_is_used(self, nothing: dict[str, str]) -> None:
        """C92."""
        text = sign(json.dumps(CLAIMS).encode(), {"alg": "ES384", **nothing}, KEYS["ES384"])
        assert validate(text).sub == CLAIMS["sub"]

    def test_claims_are_not_in_the_repr(self) -> None:
        assert NONCE not in repr(validate(token()))


class TestHeader:
    def test_none_is_never_an_algorithm(self) -> None:
        """T8; RFC 8725 §3.1."""
        for alg in ("none", "None", "NONE"):
            assert rule_that_refuses(f"{encode({'alg': alg})}.{encode(CLAIMS)}.") == "alg"

    @pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
    def test_a_public_key_is_no_hmac_secret(self, alg: str) -> None:
        """T8: the classic algorithm confusion, with the public key as HMAC secret in two
        encodings."""
        public = KEYS["RS256"]
        for secret in (public.as_pem(private=False), JWKS_BODY):
            head = f"{encode({'alg': alg, 'kid': 'kid-RS256'})}.{encode(CLAIMS)}"
            mac = hmac.digest(secret, head.encode(), f"sha{alg[2:]}")
            assert rule_that_refuses(f"{head}.{encode(mac)}") == "alg"

    @pytest.mark.parametrize("alg", ["PS256", "PS384", "RS1", "EdDSA", "ES256K", "", 256, None, []])
    def test_any_other_algorithm_is_refused(self, alg: object) -> None:
        """C90."""
        assert rule_that_refuses(f"{encode({'alg': alg})}.{encode(CLAIMS)}.{encode(b's')}") == "alg"

    def test_an_algorithm_of_another_key_type_finds_no_key(self) -> None:
        """T8: ES256 in the header with the kid of an RSA key."""
        text = sign(
            json.dumps(CLAIMS).encode(), {"alg": "ES256", "kid": "kid-RS256"}, KEYS["ES256"]
        )
        assert rule_that_refuses(text) == "kid"

    def test_an_algorithm_that_the_key_is_not_published_for_finds_no_key(self) -> None:
        text = sign(
            json.dumps(CLAIMS).encode(), {"alg": "RS384", "kid": "kid-RS256"}, KEYS["RS256"]
        )
        assert rule_that_refuses(text) == "kid"

    def test_keys_that_the_token_brings_along_are_not_read(self) -> None:
        """T8: `jwk`, `jku`, `x5u` and `x5c` of an attacker, with the attacker's signature."""
        attacker = STRANGERS["RS256"]
        header = {
            "alg": "RS256",
            "kid": "kid-RS256",
            "jwk": attacker.as_dict(private=False),
            "jku": "https://evil.example/keys",
            "x5u": "https://evil.example/cert",
            "x5c": ["AAAA"],
        }
        assert rule_that_refuses(sign(json.dumps(CLAIMS).encode(), header, attacker)) == "signature"

    def test_the_same_headers_do_no_harm_in_an_honest_token(self) -> None:
        header = {"jku": "https://ehr.example/keys", "x5t": "AAAA", "typ": "JWT", "vendor": [1]}
        assert validate(token(header=header)).sub == CLAIMS["sub"]

    @pytest.mark.parametrize("crit", [["b64"], ["exp"], [], "b64", None])
    def test_critical_headers_are_refused(self, crit: object) -> None:
        """RFC 7515 §4.1.11: none is understood, so none may be ignored."""
        head = encode({"alg": "RS256", "kid": "kid-RS256", "crit": crit, "b64": False})
        assert rule_that_refuses(f"{head}.{encode(CLAIMS)}.{encode(b's')}") == "crit"

    def test_an_unknown_kid_is_worth_fresh_keys(self) -> None:
        """C92: a separate class, so that the caller fetches the keys once more."""
        with pytest.raises(IDTokenKeyUnknown) as caught:
            validate(token(header={"kid": "rotated"}))
        assert caught.value.rule == "kid"
        with pytest.raises(IDTokenKeyUnknown):
            validate(token(), jwks=JWKS(()))

    @pytest.mark.parametrize("kid", [5, ["kid-RS256"], "k" * 513])
    def test_a_kid_is_a_short_string(self, kid: object) -> None:
        head = encode({"alg": "RS256", "kid": kid})
        assert rule_that_refuses(f"{head}.{encode(CLAIMS)}.{encode(b's')}") == "kid"


class TestSignature:
    @pytest.mark.parametrize("alg", sorted(KEYS))
    def test_another_payload_under_the_same_signature_is_refused(self, alg: str) -> None:
        """T9."""
        head, _, signature = token(alg).split(".")
        forged = encode({**CLAIMS, "sub": "somebody else"})
        assert rule_that_refuses(f"{head}.{forged}.{signature}") == "signature"

    @pytest.mark.parametrize("alg", ["RS256", "ES384"])
    def test_a_signature_cut_empty_or_of_another_key_is_refused(self, alg: str) -> None:
        head, payload, signature = token(alg).split(".")
        assert rule_that_refuses(f"{head}.{payload}.") == "signature"
        short = encode(base64.urlsafe_b64decode(f"{signature}==")[:-3])
        assert rule_that_refuses(f"{head}.{payload}.{short}") == "signature"
        assert rule_that_refuses(f"{head}.{payload}.{encode(bytes(96))}") == "signature"
        header = {"alg": alg, "kid": f"kid-{alg}"}
        text = sign(json.dumps(CLAIMS).encode(), header, STRANGERS[alg])
        assert rule_that_refuses(text) == "signature"

    @pytest.mark.parametrize(
        "vector", vectors.load("rfc7515")["signatures"], ids=lambda vector: vector["alg"]
    )
    def test_the_rfcs_signatures_verify(self, vector: dict[str, Any]) -> None:
        """RFC 7515 appendices A.2 and A.3: the signatures verify, and then the claims fail the
        rules of an id_token."""
        keys = parse_jwks(json.dumps({"keys": [vector["jwk"]]}).encode())
        rule = rule_that_refuses(vector["compact"], jwks=keys, expected_issuers=["joe"])
        assert rule == "aud-missing"
        head, payload, signature = vector["compact"].split(".")
        forged = f"{head}.{payload[:-4]}.{signature}"
        assert rule_that_refuses(forged, jwks=keys) in ("format", "signature")


class TestFormat:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "token",
            "a.b",
            "a.b.c.d",
            "a.b.c.d.e",
            "..",
            "=.=.=",
            "ü.ü.ü",
            f"{encode([])}.{encode(CLAIMS)}.AAAA",
            f"{encode({'alg': 'RS256'})}.{encode([])}.AAAA",
            f"{encode({'alg': 'RS256'})}.{encode(b'not json')}.AAAA",
            f"{encode(ALG_TWICE)}.{encode(CLAIMS)}.AAAA",
            f"{encode({'alg': 'RS256'})}.{encode(SUB_TWICE)}.AAAA",
            f"{encode({'alg': 'RS256'})}=.{encode(CLAIMS)}.AAAA",
            f"{encode({'alg': 'RS256'})}.{encode(CLAIMS)}.A",
            f"{encode({'alg': 'RS256'})}.{encode(CLAIMS)}.AA\n",
            "x" * 16_385,
        ],
    )
    def test_what_is_no_signed_jwt_is_refused(self, text: str) -> None:
        """T25: strict base64url and strict JSON, including repeated members."""
        assert rule_that_refuses(text) == "format"

    def test_nothing_of_the_token_is_in_the_error(self) -> None:
        """C70."""
        with pytest.raises(IDTokenError) as caught:
            validate(token(sub="canary" * 50))
        assert "canary" not in caught.value.detail


class TestClaims:
    @pytest.mark.parametrize(
        ("rule", "change"),
        [
            ("iss", {"iss": "https://evil.example"}),
            ("iss", {"iss": f"{ISSUER}/"}),
            ("iss", {"iss": ISSUER.upper()}),
            ("iss", {"iss": [ISSUER]}),
            ("iss", {"iss": None}),
            ("iss", {"iss": ...}),
            ("aud", {"aud": "another client"}),
            ("aud", {"aud": ["another client"]}),
            ("aud-missing", {"aud": []}),
            ("aud-missing", {"aud": None}),
            ("aud-missing", {"aud": ...}),
            ("aud", {"aud": [CLIENT_ID, 5]}),
            ("aud", {"aud": {"client": CLIENT_ID}}),
            ("aud", {"aud": CLIENT_ID + "x"}),
            ("azp-missing", {"aud": [CLIENT_ID, "another client"]}),
            ("azp", {"aud": [CLIENT_ID, "another client"], "azp": "another client"}),
            ("azp", {"azp": "another client"}),
            ("azp", {"azp": 5}),
            ("exp", {"exp": SECONDS - 60}),
            ("times", {"exp": str(SECONDS + 60)}),
            ("times", {"exp": True}),
            ("times", {"exp": None}),
            ("times", {"exp": ...}),
            ("times", {"exp": -1}),
            ("times", {"exp": 10**18}),
            ("times", {"exp": (SECONDS + 60) * 1000}),
            ("iat", {"iat": SECONDS + 61}),
            ("iat", {"iat": SECONDS - 24 * 3600 - 1}),
            ("iat", {"iat": SECONDS + 50, "exp": SECONDS + 40}),
            ("times", {"iat": "now"}),
            ("times", {"iat": ...}),
            ("nbf", {"nbf": SECONDS + 61}),
            ("times", {"nbf": "tomorrow"}),
            ("nonce", {"nonce": "m" * 43}),
            ("nonce", {"nonce": ""}),
            ("nonce", {"nonce": 5}),
            ("nonce", {"nonce": ...}),
            ("nonce", {"nonce": "ñ" * 43}),
            ("sub", {"sub": ""}),
            ("sub", {"sub": 5}),
            ("sub", {"sub": "s" * 256}),
            ("sub", {"sub": ...}),
        ],
    )
    def test_one_wrong_claim_refuses_the_token(self, rule: str, change: dict[str, Any]) -> None:
        """C90, C93, T9; smart-app-launch_2.2.0@201, @218."""
        assert rule_that_refuses(token(**change)) == rule

    def test_a_single_string_of_issuers_is_not_searched_for_parts(self) -> None:
        """A mistake of the caller must not let "https" pass."""
        text = token(iss="https")
        assert rule_that_refuses(text, expected_issuers=ISSUER) == "iss"


class TestAccessTokenHash:
    """OpenID Connect Core §3.1.3.6."""

    def test_it_is_the_left_half_of_the_hash(self) -> None:
        """The access token and at_hash of athenahealth's sample do not belong together. So Core's
        construction is written out here with the standard library."""
        for alg in ("RS256", "ES384", "RS512"):
            digest = hashlib.new(f"sha{alg[2:]}", b"access").digest()
            text = token(alg, at_hash=encode(digest[: len(digest) // 2]))
            assert validate(text, access_token="access").sub == CLAIMS["sub"]
            assert rule_that_refuses(text, access_token="swapped") == "at_hash"

    @pytest.mark.parametrize("at_hash", ["", "AAAA", 5, None, "ñ"])
    def test_when_it_is_there_it_has_to_be_right(self, at_hash: object) -> None:
        """C90, T28: a swapped access token is refused."""
        assert rule_that_refuses(token(at_hash=at_hash)) == "at_hash"

    def test_it_may_be_missing_and_is_not_asked_without_an_access_token(self) -> None:
        assert validate(token(at_hash=...)).sub == CLAIMS["sub"]
        assert validate(token(at_hash="x"), access_token=None).sub == CLAIMS["sub"]


class TestAthenahealthsSample:
    """The id_token of athenahealth's documentation; its issuer's keys no longer exist."""

    TOKEN: str = vectors.load("athena-token-response")["id_token"]

    def test_its_issuer_is_read_before_any_key_is_fetched(self) -> None:
        """C91."""
        issuer = "https://athena.okta.com/oauth2/aus2hff5eqFb7Wqfh297"
        assert id_token.unverified_issuer(id_token.parse_id_token(self.TOKEN)) == issuer

    def test_its_key_is_unknown_here(self) -> None:
        """C92: its header has no `typ`, which is allowed."""
        with pytest.raises(IDTokenKeyUnknown):
            validate(self.TOKEN)


@pytest.mark.parametrize("iss", ["", 5, None, ...])
def test_a_token_without_issuer_asks_nobody_anything(iss: object) -> None:
    """C91, T12: no request is sent."""
    parsed = id_token.parse_id_token(token(iss=iss))
    with pytest.raises(IDTokenError) as caught:
        id_token.unverified_issuer(parsed)
    assert caught.value.rule == "iss"


class TestRefreshed:
    """OpenID Connect Core §12.2; C98."""

    def test_the_same_person_passes(self) -> None:
        proof = validate(token())
        id_token.validate_refreshed_id_token(proof, iss=ISSUER, sub=CLAIMS["sub"])

    @pytest.mark.parametrize(
        ("rule", "change"), [("iss", {"iss": "https://old.example"}), ("sub", {"sub": "other"})]
    )
    def test_another_person_or_issuer_is_refused(self, rule: str, change: dict[str, Any]) -> None:
        proof = validate(token(**change))
        with pytest.raises(IDTokenError) as caught:
            id_token.validate_refreshed_id_token(proof, iss=ISSUER, sub=CLAIMS["sub"])
        assert caught.value.rule == rule
