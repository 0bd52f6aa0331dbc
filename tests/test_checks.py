import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from smartapp import checks, vault
from smartapp.database import in_database
from smartapp.keys import key_creation
from smartapp.keys.models import SigningKey
from smartapp.launches.models import Launch, tokens_context
from tests.processes import ROOT, environment, manage
from tests.registrations.factories import make_endpoint

PRODUCTION: dict[str, Any] = {
    "ADMINS": [("", "ops@example.org")],
    "SANDBOX": False,
    "DEBUG": False,
    "ALLOW_LOOPBACK_EHRS": False,
    "PUBLIC_URL_IS_HTTPS": True,
    "ADMIN_SECOND_FACTOR": True,
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}},
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
}


def found(*, databases: list[str] | None = None, deploy: bool = False) -> list[CheckMessage]:
    tags = [Tags.security, Tags.database]
    messages = run_checks(tags=tags, databases=databases, include_deployment_checks=deploy)
    return [message for message in messages if not message.is_silenced()]


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


@pytest.fixture
def sealed_key(settings: Settings) -> SigningKey:
    key_set = key_creation.create_key_set("epic", algs=["ES384"], now=timezone.now())
    return key_set.signing_keys.get()


def test_a_database_of_an_earlier_version_is_migrated(tmp_path: Path) -> None:
    """Columns that the models have and the database does not must not keep `migrate` from adding
    them."""
    env = environment("http://127.0.0.1:8000", f"sqlite:///{tmp_path / 'earlier.sqlite3'}")
    for app in ("registrations", "keys", "launches", "administrators"):
        manage(env, "migrate", app, "0001")
    manage(env, "migrate")
    assert "[ ]" not in manage(env, "showmigrations")


class TestKeyRing:
    @pytest.mark.parametrize(
        ("ring", "sentence"),
        [
            ("", "ENCRYPTION_KEYS holds no key."),
            ("short", "ENCRYPTION_KEYS: entry 1 is not 32 bytes in base64url."),
            ("A" * 43 + ",x", "ENCRYPTION_KEYS: entry 2 is not 32 bytes in base64url."),
        ],
    )
    def test_an_unusable_ring_is_one_sentence(
        self, settings: Settings, ring: str, sentence: str
    ) -> None:
        settings.ENCRYPTION_KEYS = ring
        assert [message.msg for message in found()] == [sentence]

    @pytest.mark.django_db
    def test_a_wrong_ring_stops_migrate(self, settings: Settings, sealed_key: SigningKey) -> None:
        """A lost or wrong ring fails closed, before anything is sealed with it."""
        assert found(databases=["default"]) == []
        settings.ENCRYPTION_KEYS = vault.new_key()
        assert ids(found(databases=["default"])) == ["smartapp.E002"]
        with pytest.raises(SystemCheckError, match="does not open what the database holds"):
            call_command("migrate", verbosity=0, skip_checks=False)

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "command",
        [
            ["rotate_keys", "epic", "--publish"],
            ["rotate_keys", "epic", "--emergency", "--reason", "lost"],
            ["rotate_keys", "--auto"],
            ["register_ehr", "https://ehr.example/fhir", "--name", "EHR"],
            ["after_restore"],
        ],
    )
    def test_a_wrong_ring_stops_what_would_seal_with_it(
        self, settings: Settings, sealed_key: SigningKey, command: list[str]
    ) -> None:
        """Else the newest values were its own: the right ring would start no server any more.
        `maintain` takes the steps of keys by `rotate_keys --auto`."""
        right = settings.ENCRYPTION_KEYS
        settings.ENCRYPTION_KEYS = vault.new_key()
        with pytest.raises(ImproperlyConfigured, match="does not open what the database holds"):
            call_command(*command)
        settings.ENCRYPTION_KEYS = right
        assert found(databases=["default"]) == []
        assert SigningKey.objects.count() == 1

    @pytest.mark.django_db
    def test_an_old_key_further_down_the_ring_is_enough(
        self, settings: Settings, sealed_key: SigningKey
    ) -> None:
        settings.ENCRYPTION_KEYS = f"{vault.new_key()},{settings.ENCRYPTION_KEYS}"
        assert found(databases=["default"]) == []

    @pytest.mark.django_db
    @pytest.mark.parametrize("first", [0, 1])
    def test_a_launch_of_an_earlier_key_stops_nothing(
        self, settings: Settings, sealed_key: SigningKey, first: int
    ) -> None:
        """The ids of launches are random: their order says nothing of which one is newest."""
        now, ids = timezone.now(), [UUID(int=first), UUID(int=1 - first)]
        endpoint = make_endpoint()
        rings = (settings.ENCRYPTION_KEYS, vault.new_key())
        for uuid, ring, age in zip(ids, rings, (2, 1), strict=True):
            settings.ENCRYPTION_KEYS = ring
            Launch.objects.create(
                uuid=uuid,
                endpoint=endpoint,
                state_digest=str(uuid),
                launched_at=now - timedelta(hours=age),
                sealed_tokens=vault.seal(b"{}", tokens_context(uuid)),
            )
        again = vault.seal(b"x", sealed_key.private_key_context)
        SigningKey.objects.update(sealed_private_key=again)
        assert found(databases=["default"]) == []

    @pytest.mark.django_db
    def test_a_private_half_of_another_row_is_no_canary(self, sealed_key: SigningKey) -> None:
        """T21: a sealed value that was moved to another row cannot be unsealed."""
        other = key_creation.create_key_set("other", algs=["ES384"], now=timezone.now())
        other.signing_keys.update(sealed_private_key=sealed_key.sealed_private_key)
        [message] = found(databases=["default"])
        assert "sealed for another place" in message.msg

    @pytest.mark.django_db
    def test_before_the_first_migrate_there_is_nothing_to_open(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings, sealed_key: SigningKey
    ) -> None:
        settings.ENCRYPTION_KEYS = vault.new_key()
        monkeypatch.setattr(connection.introspection, "table_names", list)
        assert found(databases=["default"]) == []

    @pytest.mark.django_db(transaction=True)
    async def test_a_wrong_ring_stops_the_server(self, settings: Settings) -> None:
        now = timezone.now()
        await in_database(key_creation.create_key_set, "epic", algs=["ES384"], now=now)
        await checks.verify_ring()
        settings.ENCRYPTION_KEYS = vault.new_key()
        with pytest.raises(ImproperlyConfigured, match=r"^ENCRYPTION_KEYS does not open"):
            await checks.verify_ring()


class TestRelease:
    """What the Procfile runs before each deployment (T32)."""

    LINE = next(
        line.removeprefix("release: ")
        for line in (ROOT / "Procfile").read_text().splitlines()
        if line.startswith("release: ")
    )

    @staticmethod
    def production(database: Path, **more: str) -> dict[str, str]:
        settings = {"SANDBOX": "off", "ALLOW_LOOPBACK_EHRS": "off", **more}
        env = environment("https://app.example", f"sqlite:///{database}", **settings)
        return env | {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}"}

    def test_stops_before_migrate_when_the_sandbox_was_left_on(self, tmp_path: Path) -> None:
        env = self.production(tmp_path / "empty.sqlite3", SANDBOX="on")
        done = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", self.LINE], cwd=ROOT, env=env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "SANDBOX is on" in done.stderr
        assert "Applying" not in done.stdout

    def test_goes_on_where_only_warnings_are_left(self, tmp_path: Path) -> None:
        env = self.production(tmp_path / "empty.sqlite3")
        manage(env, *self.LINE.partition(" && ")[0].split()[2:])


class TestDeploy:
    @pytest.fixture(autouse=True)
    def production(self, settings: Settings) -> None:
        for name, value in PRODUCTION.items():
            setattr(settings, name, value)

    def test_production_is_clean(self) -> None:
        assert found(deploy=True) == []

    @pytest.mark.parametrize(
        ("name", "value", "number"),
        [
            ("SANDBOX", True, "smartapp.E010"),
            ("ALLOW_LOOPBACK_EHRS", True, "smartapp.E012"),
            ("PUBLIC_URL_IS_HTTPS", False, "smartapp.E013"),
            ("ADMIN_SECOND_FACTOR", False, "smartapp.E016"),
        ],
    )
    def test_one_desk_setting_is_an_error(
        self, settings: Settings, name: str, value: bool, number: str
    ) -> None:
        """T32: the sandbox left on in production."""
        setattr(settings, name, value)
        assert ids(found(deploy=True)) == [number]
        assert ids(found()) == []

    def test_debug_is_an_error(self, settings: Settings) -> None:
        settings.DEBUG = True
        assert "smartapp.E011" in ids(found(deploy=True))

    def test_cache_in_memory_is_a_warning(self, settings: Settings) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        assert ids(found(deploy=True)) == ["smartapp.W014"]

    @pytest.mark.parametrize("name", ["Security", "CsrfView", "XFrameOptions"])
    def test_protection_that_is_taken_out_is_missed(self, settings: Settings, name: str) -> None:
        """Django's checks for these are silenced, because ours are subclasses."""
        ours = f"smartapp.middleware.{name}Middleware"
        assert ours in settings.MIDDLEWARE
        settings.MIDDLEWARE = [entry for entry in settings.MIDDLEWARE if entry != ours]
        [message] = found(deploy=True)
        assert message.id == "smartapp.E015"
        assert f"{name}Middleware" in message.msg


@pytest.mark.parametrize(
    ("allowed", "warned"),
    [
        (["app.example.org"], False),
        ([".example.org"], False),
        (["*"], False),
        (["other.example.org"], True),
        (["app.example.org app"], True),
    ],
)
def test_hosts_without_our_own_are_a_warning(
    settings: Settings, allowed: list[str], warned: bool
) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://App.example.org:8443", allowed
    assert bool(checks.own_host_is_allowed()) is warned


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True), (0o640, True)])
def test_a_dotenv_that_others_can_read_is_a_warning(
    settings: Settings, tmp_path: Path, mode: int, warned: bool
) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env").touch(mode=mode)
    (tmp_path / ".env").chmod(mode)
    assert bool(checks.dotenv_is_for_its_owner()) is warned
