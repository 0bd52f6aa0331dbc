"""Keys: ours as published, an issuer's for verifying (C92, T8, T23; RFC 7517, 7638)."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int, int_to_base64

from smartapp.protocol import jwks
from smartapp.protocol.errors import IDTokenKeyUnknown, JWKSError
from tests import vectors

GUIDE = vectors.load("smart-app-launch")
RS384, ES384 = GUIDE["public"]["keys"]
RFC7517 = vectors.load("rfc7517")["jwks"]
COOKBOOK = vectors.load("rfc7520")
OTHER = RSAKey.generate_key(2048, parameters={"alg": "RS384"}).as_dict(private=False)
ONE_BIT_SHORT = int_to_base64(base64_to_int(RS384["n"]) >> 1)
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def parse(*keys: object) -> jwks.JWKS:
    return jwks.parse_jwks(json.dumps({"keys": keys}).encode())


class TestThumbprint:
    def test_it_is_rfc_7638s(self) -> None:
        """RFC 7638 §3.1: optional members do not count."""
        vector = vectors.load("rfc7638")
        assert jwks.thumbprint(vector["jwk"]) == vector["thumbprint"]
        bare = {name: vector["jwk"][name] for name in ("kty", "n", "e")}
        assert jwks.thumbprint(bare) == vector["thumbprint"]

    def test_it_is_the_same_for_both_halves_of_a_key(self) -> None:
        for private, public in zip(GUIDE["private"]["keys"], GUIDE["public"]["keys"], strict=True):
            assert jwks.thumbprint(private) == jwks.thumbprint(public)

    @pytest.mark.parametrize(
        "key",
        [
            {},
            {"kty": "oct", "k": "AAAA"},
            {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
            {"kty": ["RSA"]},
            {"kty": "RSA", "n": "AAAA"},
            {"kty": "RSA", "n": "AAAA", "e": 65537},
            {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": ""},
        ],
    )
    def test_what_is_no_rsa_or_ec_key_has_none(self, key: dict[str, Any]) -> None:
        with pytest.raises(JWKSError):
            jwks.thumbprint(key)


class TestPublishing:
    @pytest.mark.parametrize("private", GUIDE["private"]["keys"], ids=lambda key: key["alg"])
    def test_only_public_members_leave(self, private: dict[str, Any]) -> None:
        """C64, T23; smart-app-launch_2.2.0@313: an allow-list of members."""
        published = jwks.public_jwk(
            {**private, "oth": [], "x5c": [], "secret": "canary"}, kid="k", alg=private["alg"]
        )
        numbers = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}[private["kty"]]
        assert set(published) == {"kty", "kid", "use", "alg"} | numbers
        assert published["use"] == "sig"
        assert not PRIVATE_MEMBERS & set(published)

    def test_the_document_repeats_the_allow_list(self) -> None:
        """T23: the serialiser leaves out private members even if it gets a private key."""
        document = jwks.jwks_document(GUIDE["private"]["keys"])
        for key in json.loads(document)["keys"]:
            assert not PRIVATE_MEMBERS & set(key)
        assert GUIDE["private"]["keys"][0]["d"].encode() not in document

    def test_the_same_keys_are_the_same_bytes_in_any_order(self) -> None:
        """Their digest is the ETag."""
        assert jwks.jwks_document([RS384, ES384]) == jwks.jwks_document([ES384, RS384])
        assert jwks.jwks_document([]) == b'{"keys":[]}'

    def test_a_kid_is_unique_over_all_key_types(self) -> None:
        """smart-app-launch_2.2.0@315."""
        with pytest.raises(JWKSError, match="twice"):
            jwks.jwks_document([RS384, {**ES384, "kid": RS384["kid"]}])

    def test_what_we_publish_we_can_read(self) -> None:
        published = jwks.parse_jwks(jwks.jwks_document([RS384, ES384]))
        for key in (RS384, ES384):
            assert published.find(key["kid"], key["alg"]).alg == key["alg"]


class TestParsing:
    def test_the_rfcs_example_set_is_read(self) -> None:
        """RFC 7517 appendix A.1: its EC key is for encryption and therefore skipped."""
        keys = parse(*RFC7517["keys"]).keys
        assert [key.kid for key in keys] == ["2011-04-29"]

    def test_the_guides_public_keys_are_read(self) -> None:
        assert [key.alg for key in parse(RS384, ES384).keys] == ["RS384", "ES384"]

    @pytest.mark.parametrize(
        "change",
        [
            {"use": "enc"},
            {"key_ops": ["sign"]},
            {"key_ops": "verify"},
            {"alg": "RSA-OAEP"},
            {"alg": "HS256"},
            {"alg": 5},
            {"kid": 5},
            {"kid": "k" * 513},
            {"kty": "oct"},
            {"kty": None},
            {"n": None},
            {"n": 65537},
            {"n": ""},
            {"n": "!!!!"},
            {"n": RS384["n"][:300]},
            {"n": ONE_BIT_SHORT},
            {"n": "A" * 100 + RS384["n"][:250]},
            {"n": "_" + "A" * 2000},
            {"n": RS384["n"][:-1] + "B"},
            {"e": "AA"},
            {"e": "AQAA"},
        ],
        ids=str,
    )
    def test_a_key_that_cannot_be_used_is_skipped_and_the_others_stay(
        self, change: dict[str, Any]
    ) -> None:
        """RFC 7517 §5; keys below 2048 bits too (RFC 7518 §3.3)."""
        good = {**ES384}
        assert [key.alg for key in parse({**RS384, **change}, good).keys] == ["ES384"]

    @pytest.mark.parametrize(
        "change",
        [
            {"crv": "secp256k1"},
            {"crv": "P-256"},
            {"crv": 384},
            {"x": RS384["n"][:64]},
            {"y": None},
            {"x": "A"},
        ],
        ids=str,
    )
    def test_a_point_that_is_not_on_an_accepted_curve_is_skipped(
        self, change: dict[str, Any]
    ) -> None:
        assert parse({**ES384, **change}).keys == ()

    @pytest.mark.parametrize(
        "change",
        [
            {"use": ""},
            {"key_ops": []},
            {"key_ops": [], "x5c": [], "oth": []},
            {"n": f"{RS384['n']}=="},
            {"n": RS384["n"].replace("-", "+").replace("_", "/")},
            {"n": f"{RS384['n'][:64]}\r\n{RS384['n'][64:]}"},
            {"e": "AQAB\n"},
        ],
    )
    def test_what_other_libraries_write_is_the_same_key(self, change: dict[str, Any]) -> None:
        (key,) = parse({**RS384, **change}).keys
        assert key.key.thumbprint() == jwks.thumbprint(RS384)

    def test_null_says_nothing_about_the_use(self) -> None:
        assert len(parse({**RS384, "use": None, "key_ops": None}).keys) == 1

    def test_what_is_no_object_in_the_list_is_skipped(self) -> None:
        assert parse(None, 5, "key", [RS384]).keys == ()

    def test_a_private_member_is_not_read(self) -> None:
        """T8: only the public numbers are used."""
        found = parse(GUIDE["private"]["keys"][0] | {"key_ops": ["verify"]}).keys
        assert found[0].key.is_private is False

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"keys": {}}',
            b'{"keys": null}',
            b"<html>",
            b'{"keys": [], "keys": []}',
            json.dumps({"keys": [{}] * 101}).encode(),
        ],
    )
    def test_what_is_no_key_set_is_refused(self, body: bytes) -> None:
        with pytest.raises(JWKSError):
            jwks.parse_jwks(body)


class TestFinding:
    def test_kids_may_have_base64_padding(self) -> None:
        """C92: Epic's do."""
        assert parse({**RS384, "kid": "a+/b=="}).find("a+/b==", "RS384").kid == "a+/b=="

    def test_the_order_does_not_matter_and_the_type_decides_between_equal_kids(self) -> None:
        """C92; the cookbook gives its RSA and its EC key the same kid (RFC 7520 §3)."""
        for keys in (COOKBOOK["jwks"]["keys"], COOKBOOK["jwks"]["keys"][::-1]):
            found = parse(*keys)
            assert isinstance(found.find("bilbo.baggins@hobbiton.example", "RS256").key, RSAKey)
            assert isinstance(found.find("bilbo.baggins@hobbiton.example", "ES512").key, ECKey)

    def test_without_a_kid_the_only_key_that_fits_is_taken(self) -> None:
        assert parse(RS384, ES384).find(None, "ES384").kid == ES384["kid"]

    @pytest.mark.parametrize(
        ("kid", "alg"),
        [
            ("unknown", "RS384"),
            (RS384["kid"], "RS256"),
            (RS384["kid"], "ES384"),
            (ES384["kid"], "RS384"),
            (ES384["kid"], "ES256"),
        ],
    )
    def test_a_key_is_only_found_for_its_own_algorithm(self, kid: str, alg: str) -> None:
        """T8: a header cannot choose another algorithm than the key is published for."""
        with pytest.raises(IDTokenKeyUnknown) as caught:
            parse(RS384, ES384).find(kid, alg)
        assert caught.value.rule == "kid"

    def test_nothing_is_tried_out_where_several_keys_fit(self) -> None:
        """OpenID Connect Core §10.1: the header must name a key then."""
        second = {**OTHER, "kid": "second"}
        with pytest.raises(IDTokenKeyUnknown):
            parse(RS384, second).find(None, "RS384")
        with pytest.raises(IDTokenKeyUnknown):
            parse(RS384, {**OTHER, "kid": RS384["kid"]}).find(RS384["kid"], "RS384")

    def test_a_key_that_is_published_twice_is_one_key(self) -> None:
        without_alg = {name: value for name, value in RS384.items() if name != "alg"}
        for again in (RS384, without_alg, {**RS384, "kid": None}, {**RS384, "kid": "again"}):
            assert parse(RS384, again).find(RS384["kid"], "RS384").kid == RS384["kid"]
        assert parse(RS384, {**RS384, "kid": "again"}).find(None, "RS384").kid == RS384["kid"]

    @pytest.mark.parametrize(
        ("keys", "kid", "rule", "came"),
        [
            ((RS384, {**OTHER, "kid": "second"}), None, "several",
             f"kid none and alg RS384; usable keys: {RS384['kid']} for RS384, second for RS384"),
            (({**RS384, "use": "enc"}, {**OTHER, "kid": None, "alg": None}, 5), "x", "kid",
             "kid x and alg ES384; usable keys: one without kid; others: 2"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_named(
        self, keys: tuple[object, ...], kid: str | None, rule: str, came: str
    ) -> None:
        with pytest.raises(IDTokenKeyUnknown) as caught:
            parse(*keys).find(kid, "RS384" if rule == "several" else "ES384")
        assert (caught.value.rule, caught.value.came) == (rule, came)

    @pytest.mark.parametrize("nothing", [{"kid": None}, {"kid": "", "alg": "", "use": ""}])
    def test_a_key_without_a_kid_is_taken_for_any(self, nothing: dict[str, Any]) -> None:
        """Some EHRs have a kid in their tokens but none in their only key. Some libraries write
        "" for what they do not have."""
        nameless = {**RS384, **nothing}
        found = parse(nameless, ES384).find("named", "RS384")
        assert (found.kid, found.is_odd) == (None, False)
        with pytest.raises(IDTokenKeyUnknown):
            parse(nameless, {**OTHER, "kid": None}).find("named", "RS384")

    def test_a_key_with_the_kid_goes_before_one_without(self) -> None:
        keys = parse({**OTHER, "kid": None}, RS384)
        assert keys.find(RS384["kid"], "RS384").kid == RS384["kid"]
        with pytest.raises(IDTokenKeyUnknown):
            keys.find(None, "RS384")

    @pytest.mark.parametrize("alg", ["RSA", "rs384", "RSASHA384", "SHA384withRSA", ""])
    def test_an_alg_that_is_none_says_nothing(self, alg: str) -> None:
        odd = {**RS384, "alg": alg}
        assert parse(odd, ES384).find(RS384["kid"], "RS384").kid == RS384["kid"]
        assert parse(odd, ES384).find(None, "RS256").kid == RS384["kid"]

    def test_a_key_with_its_right_alg_goes_before_one_with_an_odd_one(self) -> None:
        odd = {**RS384, "kid": "odd", "alg": "RSA"}
        assert parse(odd, RS384).find(None, "RS384").kid == RS384["kid"]

    def test_an_rsa_key_without_alg_serves_every_rsa_algorithm(self) -> None:
        key = parse({**RS384, "alg": None}).keys[0]
        assert [alg for alg in sorted(jwks.SIGNATURE_ALGORITHMS) if key.fits(alg)] == [
            "RS256",
            "RS384",
            "RS512",
        ]


class TestVerifying:
    @pytest.mark.parametrize("vector", COOKBOOK["signatures"], ids=lambda vector: vector["alg"])
    def test_the_cookbooks_signatures_verify(self, vector: dict[str, str]) -> None:
        """RFC 7520 §4.1 and §4.3."""
        signing_input, _, signature = vector["compact"].rpartition(".")
        key = parse(*COOKBOOK["jwks"]["keys"]).find(vector["kid"], vector["alg"])
        raw = urlsafe_b64decode(signature + "==")
        assert key.verifies(raw, signing_input.encode(), vector["alg"]) is True
        assert key.verifies(raw, signing_input.encode() + b"x", vector["alg"]) is False
        assert key.verifies(raw[:-1], signing_input.encode(), vector["alg"]) is False
        assert key.verifies(b"", signing_input.encode(), vector["alg"]) is False

    @pytest.mark.parametrize("vector", COOKBOOK["refused"], ids=lambda vector: vector["alg"])
    def test_algorithms_beyond_the_list_never_verify(self, vector: dict[str, str]) -> None:
        """T8: even a correct PS384 signature of the right key."""
        signing_input, _, signature = vector["compact"].rpartition(".")
        for key in parse(*COOKBOOK["jwks"]["keys"]).keys:
            raw = urlsafe_b64decode(signature + "==")
            assert key.verifies(raw, signing_input.encode(), vector["alg"]) is False


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 3600),
        ("", 3600),
        ("public", 3600),
        ("public, max-age=300", 300),
        ("MAX-AGE=300", 300),
        ('max-age="300"', 300),
        ("max-age = 300", 300),
        ("max-age=999999999", 86_400),
        ("max-age=600, max-age=300", 300),
        ("max-age=0", 0),
        ("s-maxage=5", 3600),
        ("max-age=-5", 3600),
        ("max-age=soon", 3600),
        ("no-cache", 0),
        ("max-age=300, no-store", 0),
        ("private, No-Cache", 0),
    ],
)
def test_cache_control_says_how_long_keys_may_be_kept(header: str | None, seconds: int) -> None:
    """C92: Okta sends no-cache before a rotation."""
    assert jwks.max_age(header, default=3600, ceiling=86_400) == seconds


def test_the_default_stays_below_the_ceiling() -> None:
    assert jwks.max_age(None, default=3600, ceiling=60) == 60
