"""Our client when the sandbox misbehaves, over real HTTP, in a separate process."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.demo_server import Demo, demo_server
from tests.journeys.outside import Browser, command, ehr_launch


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo per test, because keys of a shared demo must not be rotated."""
    with demo_server(tmp_path_factory.mktemp("faulty")) as running:
        yield running


async def rotate(demo: Demo) -> None:
    """Let new keys sign before the sandbox can have fetched them."""
    await command(demo.env, "rotate_keys sandbox --publish")
    await command(demo.env, 'rotate_keys sandbox --sign --at-risk "Sandbox EHR" --reason test')


async def test_an_ehr_that_never_fetches_our_new_key_fails_no_launch(
    demo: Demo, browser: Browser
) -> None:
    """With the sandbox's `jwks-stale`, which keeps its copy for ever (T22)."""
    stale = ehr_launch(fault="jwks-stale")
    before = await browser.allow(stale)
    assert before.status == 200, before.words
    await rotate(demo)
    deadline = time.monotonic() + 30
    # The server learns within ten seconds that another key signs.
    while "refused the new key" not in demo.log_text:
        assert time.monotonic() < deadline, demo.log_text
        page = await browser.allow(stale)
        assert page.status == 200, page.words
        assert page.path.startswith("/launches/")
        await asyncio.sleep(1)
    assert "RS384: an EHR refused the new key" in await command(demo.env, "rotate_keys sandbox")
    assert "eyJ" not in demo.log_text


async def test_jku_and_another_lifetime_are_what_the_sandbox_expects(
    demo: Demo, browser: Browser
) -> None:
    """The sandbox refuses a jku that is not the registered JWKS URL (C63, C66, S54)."""
    change = (
        "from smartapp.registrations.models import Registration; "
        "Registration.objects.update(send_jku=True, assertion_lifetime_seconds=60)"
    )
    await command(demo.env, f'shell -c "{change}"')
    await asyncio.sleep(5)  # a registration is remembered for this long
    page = await browser.allow(ehr_launch())
    assert page.status == 200, page.words
    show = (
        "import time; time.sleep(6); from smartapp.launches.models import LaunchEvent; "
        "[print(one.detail, 'lives', claims['exp'] - claims['iat'], 's') "
        "for one in LaunchEvent.objects.filter(step='token') "
        "for claims in [one.detail['assertion_claims']]]"
    )
    timeline = await command(demo.env, f'shell -c "{show}"')
    assert f"'jku': '{demo.url}/.well-known/jwks/sandbox.json'" in timeline
    assert "lives 60 s" in timeline


EXPIRE = (
    "from django.utils import timezone; from smartapp.launches.models import Launch; "
    "Launch.objects.update(access_token_expires_at=timezone.now(), refresh_not_before=None)"
)


async def expire(demo: Demo) -> None:
    await command(demo.env, f'shell -c "{EXPIRE}"')


async def say_that_tokens_persist(demo: Demo) -> None:
    say = (
        "from smartapp.registrations.models import Registration; "
        "Registration.objects.update(refresh_tokens_persist=True)"
    )
    await command(demo.env, f'shell -c "{say}"')


async def refreshes(browser: Browser) -> list[str]:
    """Return the sandbox's result for each refresh that reached it."""
    log = await browser.get("/sandbox/requests?client_id=smartapp-demo")
    return [summary for summary in log.summaries if "refresh_token" in summary.split()]


async def test_a_cut_refresh_is_not_repeated_where_the_ehr_rotates(
    demo: Demo, browser: Browser
) -> None:
    """After a cut connection, a refresh is not repeated where refresh tokens rotate (C124).

    The sandbox would take a second use for theft and revoke all (S31), so it is asked once, and the
    tokens stay as they are.
    """
    page = await browser.allow(ehr_launch(fault="refresh-rotates,refresh-cut"))
    assert page.status == 200, page.words
    await expire(demo)
    for _ in range(3):
        again = await browser.get(page.url)
        assert (again.status, "answer was lost" in again.words) == (410, True)
        await expire(demo)
    asked = await refreshes(browser)
    assert len(asked) == 1, asked
    assert "uncertain" in demo.log_text
    count = (
        "from smartapp.sandbox.models import Authorization; "
        "print('revoked:', Authorization.objects.exclude(revoked_at=None).count())"
    )
    assert "revoked: 0" in await command(demo.env, f'shell -c "{count}"')


async def test_a_cut_refresh_is_repeated_once_where_tokens_persist(
    demo: Demo, browser: Browser
) -> None:
    """Where refresh tokens persist, the refresh is repeated once (C124).

    However often the connection is cut, the refresh token stays valid and the launch is kept. A
    person's first reload may ask at once; the second has to wait (C125).
    """
    await say_that_tokens_persist(demo)
    page = await browser.allow(ehr_launch(fault="refresh-cut"))
    assert page.status == 200, page.words
    await expire(demo)
    for _ in range(3):
        assert (await browser.get(page.url)).status == 502
    asked = await refreshes(browser)
    assert len(asked) == 4, asked
    assert all("token accepted" in one for one in asked), asked
