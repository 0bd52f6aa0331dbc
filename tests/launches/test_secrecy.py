"""That nothing secret stays behind is checked after every test of this folder; here, that the
check would find it (T10, T21)."""

from collections.abc import Callable

import pytest

from smartapp.database import in_database
from smartapp.launches.models import Launch
from smartapp.launches.store import StoredLaunch
from smartapp.launches.tokens import unseal
from smartapp.vault import VaultError
from tests.launches.conftest import Browser
from tests.scripted_ehr import CANARY, ScriptedEHR
from tests.secrecy import all_logs, assert_kept_secret

Start = Callable[[], str]


async def test_search_finds_a_token_in_the_database(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    uuid = await browser.launch(ehr_launch())
    launches = Launch.objects.filter(uuid=uuid)
    await in_database(launches.update, end_reason=f"{CANARY}-x")
    with all_logs() as keeper, pytest.raises(AssertionError, match="database"):
        await in_database(assert_kept_secret, ehr, keeper)
    await in_database(launches.update, end_reason="")


async def test_search_finds_a_verifier_in_the_logs(
    browser: Browser, ehr: ScriptedEHR, ehr_launch: Start
) -> None:
    await browser.launch(ehr_launch())
    with all_logs() as keeper:
        keeper.lines.append(ehr.token_requests[0]["code_verifier"])
        with pytest.raises(AssertionError, match="logs"):
            await in_database(assert_kept_secret, ehr, keeper)


async def test_sealed_tokens_moved_to_another_launch_do_not_open(
    browser: Browser, ehr_launch: Start
) -> None:
    """C85, T21."""
    one, two = await browser.launch(ehr_launch()), await browser.launch(ehr_launch())
    sealed = await in_database(Launch.objects.values_list("sealed_tokens", flat=True).get, uuid=one)
    assert unseal(sealed, one).access_token.startswith(CANARY)
    with pytest.raises(VaultError):
        unseal(sealed, two)


def test_no_token_is_in_a_repr() -> None:
    """A value that ends up in an exception report or a log line shows nothing."""
    hidden = {name for name, field in StoredLaunch.__dataclass_fields__.items() if not field.repr}
    assert "session_digest" in hidden
