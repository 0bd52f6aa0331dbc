"""No secret of ours on any page, in any export, log or dump: everything there is, searched (T23).

The pages are found in the URL resolver, so that a new one is searched without anybody thinking of
it. A parameter that the test has no value for fails it: give it one.
"""

import base64
import io
import itertools
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.apps import apps
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY

from smartapp import http, vault
from smartapp.administrators.models import SecondFactor
from smartapp.audit import export
from smartapp.audit.models import AuditEvent
from smartapp.database import in_database
from smartapp.keys import key_creation, lifecycle, material
from smartapp.keys.models import KeySet, SigningKey
from smartapp.launches import events
from smartapp.launches.models import Launch, LaunchEvent
from smartapp.registrations import registering
from smartapp.registrations.models import Endpoint, Registration
from smartapp.registrations.options import AuthMethod
from tests.keys.test_importing import P384, pem
from tests.keys.test_races import machine, postgres_url, wait
from tests.launches.conftest import Browser
from tests.scripted_ehr import CANARY, ScriptedEHR
from tests.secrecy import all_logs, database_dump

__all__ = ["postgres_url"]

Start = Callable[[], str]
# To a page that is searched under its own name; the last one for oneself.
LEADS_ELSEWHERE = {
    "admin:login", "admin:launches_launchevent_change", "admin:auth_user_password_change",
}  # fmt: skip
CLIENT_SECRET = f"{CANARY}-client-secret"
PASSPHRASE = "a passphrase nobody sees"
LEADS_AWAY = {"admin:view_on_site", "admin:logout"}


def forms_of(private: Any) -> list[str]:
    """Return a private key as it could be written down: JWK, PEM, DER in base64 or hex, number."""
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    numbers = private.private_numbers()
    number = getattr(numbers, "d", None) or numbers.private_value
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return [
        base64.urlsafe_b64encode(octets).rstrip(b"=").decode(), base64.b64encode(octets).decode(),
        octets.hex(), octets.hex().upper(), str(number), der.hex(),
        base64.b64encode(der).decode()[:200],
        # The first line of a PEM tells no more than the kind of the key.
        *text.split("\n")[2:-2],
    ]  # fmt: skip


def secrets() -> list[str]:
    """Return everything of ours that nobody may see, as the database has it now."""
    found = [CANARY, PASSPHRASE]
    for key in SigningKey.objects.exclude(sealed_private_key=""):
        found += [key.sealed_private_key, *forms_of(material.open_private_key(key).private_key)]
    for factor in SecondFactor.objects.filter(confirmed=True):
        found += [factor.secret, factor.sealed_key]
    found += Registration.objects.exclude(sealed_client_secret="").values_list(
        "sealed_client_secret", flat=True
    )
    found += Launch.objects.exclude(sealed_tokens="").values_list("sealed_tokens", flat=True)
    return found


def assert_none(where: str, text: str, *, sealed_too: bool = True) -> None:
    """`sealed_too`: also not as ciphertext, which a dump of the database holds of course."""
    for secret in secrets():
        if not sealed_too and secret.startswith("v1."):
            continue
        # Not in the assertion itself: its message would print the secret.
        is_in = secret in text
        assert not is_in, f"a secret of {len(secret)} characters is in {where}"


@pytest.fixture
async def world(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start, registered: Endpoint
) -> AsyncIterator[str]:
    """One of everything: a launch, keys in each state, an imported one, a client secret, a second
    factor, and a page for each of it. Yields the uuid of the launch."""
    uuid = await browser.launch(ehr_launch())
    await browser.get("/launch?iss=https://nobody.example")
    await events.flush()
    await in_database(_fill)
    yield str(uuid)
    await http.close()


def _fill() -> None:
    now = timezone.now()
    key_set = KeySet.objects.get(slug="scripted")
    key_creation.publish_next(key_set, "RS384", now=now, actor="root")
    other = key_creation.create_key_set("other", algs=["ES384"], now=now)
    key_creation.publish_next(other, "ES384", now=now, actor="root")
    lifecycle.abandon(other, "ES384", now=now, actor="root")
    registration = Registration(
        slug="secret", name="Secret", client_id="secret", key_set=other, scope="launch",
        auth_method=AuthMethod.CLIENT_SECRET_BASIC, created_at=now, updated_at=now,
    )  # fmt: skip
    registering.store_registration(registration, CLIENT_SECRET, actor="root")
    Group.objects.create(name="keepers")


def administrator() -> Client:
    user = User.objects.create_superuser("root", password="a password nobody sees")
    factor = SecondFactor.fresh(user)
    factor.save()
    factor.new_recovery_codes()
    client = Client(raise_request_exception=True)
    client.force_login(user)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = factor.persistent_id
    session.save()
    return client


def patterns(found: list[Any], namespace: str = "") -> Iterator[tuple[str, list[str]]]:
    """Return each page by its name, and the names of its parameters."""
    for one in found:
        if isinstance(one, URLResolver):
            yield from patterns(
                one.url_patterns, f"{one.namespace}:" if one.namespace else namespace
            )
        elif one.name:
            yield f"{namespace}{one.name}", list(one.pattern.regex.groupindex)


def values_of(parameter: str, name: str, uuid: str) -> list[str]:
    """Return what a parameter can be. KeyError for one that nobody has thought of yet."""
    if parameter == "object_id":
        label = name.removeprefix("admin:").rsplit("_", 1)[0]
        models = {f"{m._meta.app_label}_{m._meta.model_name}": m for m in apps.get_models()}
        rows = models[label]._default_manager.values_list("pk", flat=True)
        return [str(pk) for pk in rows[:20]]
    known: dict[str, Callable[[], list[Any]]] = {
        "pk": lambda: list(KeySet.objects.values_list("pk", flat=True)),
        "alg": lambda: ["RS384", "ES384"],
        "step": lambda: [*lifecycle.TAKE, "emergency"],
        "suffix": lambda: ["csv", "json"],
        "uuid": lambda: [uuid],
        "attempt": lambda: list(LaunchEvent.objects.values_list("attempt", flat=True).distinct()),
        "endpoint_id": lambda: list(Endpoint.objects.values_list("pk", flat=True)),
        "registration_id": lambda: list(Registration.objects.values_list("pk", flat=True)),
        "id": lambda: list(User.objects.values_list("pk", flat=True)),
        "app_label": lambda: sorted({model._meta.app_label for model in site._registry}),
        "uidb64": lambda: ["MQ"],
        "token": lambda: ["set-password"],
    }
    return [str(value) for value in known[parameter]()]


def urls(uuid: str) -> Iterator[tuple[str, str]]:
    """Return every address below /admin/, and the name of its page."""
    below = [one for one in get_resolver().url_patterns if str(one.pattern) == "admin/"]
    for name, parameters in patterns(below):
        if name in LEADS_AWAY:
            continue
        for chosen in itertools.product(*(values_of(one, name, uuid) for one in parameters)):
            yield reverse(name, kwargs=dict(zip(parameters, chosen, strict=True))), name


def look_at_every_page(uuid: str) -> None:
    client = administrator()
    seen: dict[str, set[int]] = {}
    for url, name in urls(uuid):
        response = client.get(url)
        text = b"".join(response).decode("utf-8", "replace")
        seen.setdefault(name, set()).add(response.status_code)
        assert_none(url, text)
    # A page that was never shown was not searched; those for nobody, or for a POST, have none.
    shown = {name for name, statuses in seen.items() if 200 in statuses}
    for_nobody = {name for name, statuses in seen.items() if statuses <= {403, 405}}
    assert seen.keys() - shown - for_nobody == LEADS_ELSEWHERE
    assert len(shown) > 30


async def test_every_page_of_the_administration(world: str) -> None:
    """As the one who may see everything."""
    with all_logs() as keeper:
        await in_database(look_at_every_page, world)
    await in_database(assert_none, "the logs", "\n".join(keeper.lines))


async def test_what_the_panel_answers_to_a_press_of_each_button(world: str) -> None:
    answered: set[bool] = set()

    def press() -> None:
        client = administrator()
        for url, name in urls(world):
            if name.startswith("admin:keys_keyset_"):
                key = {"alg": "ES384", "private_key": pem(P384, PASSPHRASE), "reason": "a test"}
                for passphrase in ("wrong", PASSPHRASE):
                    sent = {**key, "passphrase": passphrase, "typed": "x"}
                    html = client.post(url, sent, follow=True).content.decode()
                    answered.add("Key set" in html)
                    assert_none(url, html)
                    for line in key["private_key"].split("\n")[1:-2]:
                        assert (line in html) is False

    with all_logs() as keeper:
        await in_database(press)
    assert answered >= {True}
    await in_database(assert_none, "the logs", "\n".join(keeper.lines))


async def test_every_export(world: str) -> None:
    def exported() -> str:
        out = io.StringIO()
        for command in (
            ["export_jwks", "scripted"], ["rotate_keys"], ["doctor", "--json"],
            ["audit", "--csv", "-"], ["audit", "--fhir", "-"],
        ):  # fmt: skip
            try:
                call_command(*command, stdout=out, stderr=out)
            except Exception as error:
                out.write(str(error))
        trail = AuditEvent.objects.order_by("id")
        return out.getvalue() + "".join([*export.csv_lines(trail), *export.fhir_lines(trail)])

    await in_database(lambda: assert_none("an export", exported()))


async def test_a_dump_of_the_database(world: str) -> None:
    """Every table, also those of other apps; sealed values are in it, and nothing opens them but
    the ring, which is not."""

    def search() -> None:
        dump = database_dump() + "\n".join(connection.connection.iterdump())
        assert_none("the dump", dump, sealed_too=False)
        assert vault.ring().prefix in dump
        assert (settings.ENCRYPTION_KEYS in dump) is False

    await in_database(search)


@pytest.mark.postgres
def test_a_dump_of_postgresql(postgres_url: str) -> None:
    """By pg_dump, as an operator's backup has it."""
    program = shutil.which("pg_dump")
    if program is None:
        pytest.skip("pg_dump is not installed")
    psycopg = pytest.importorskip("psycopg")
    wait(machine(postgres_url, "prepare"))
    dump = subprocess.run(  # noqa: S603
        [program, "--inserts", postgres_url], capture_output=True, text=True, check=True
    ).stdout
    with psycopg.connect(postgres_url) as database:
        rows = database.execute("SELECT kid, alg, sealed_private_key FROM keys_signingkey")
        keys = [SigningKey(kid=kid, alg=alg, sealed_private_key=s) for kid, alg, s in rows]
    assert len(keys) == 10
    for key in keys:
        assert key.sealed_private_key in dump
        for secret in forms_of(material.open_private_key(key).private_key):
            assert (secret in dump) is False
    assert "PRIVATE KEY" not in dump


def test_the_search_finds_what_there_is_to_find() -> None:
    """A search that finds nothing must be one that can find something."""
    forms = forms_of(P384)
    text = f'{{"d": "{forms[0]}"}}' + pem(P384)
    assert sum(form in text for form in forms) >= 3
