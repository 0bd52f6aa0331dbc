"""The launch's page is sent compressed, and no secret on it can be guessed from its length."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import RequestFactory

from smartapp.launches import form_token
from smartapp.launches.compression import takes_gzip
from smartapp.launches.cookies import SessionKey
from smartapp.middleware import FormRefused
from tests.launches.conftest import Browser
from tests.launches.test_streaming import Gates, opened
from tests.scripted_ehr import ScriptedEHR

Start = Callable[[], str]
KEY = SessionKey("key")


@pytest.fixture
async def uuid(browser: Browser, ehr_launch: Start, ehr: ScriptedEHR) -> UUID:
    Gates(ehr)
    return await browser.launch(ehr_launch())


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("br", False),
        ("", False),
    ],
)
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    request = RequestFactory().get("/", headers={"Accept-Encoding": accepted})
    assert takes_gzip(request) is takes


async def test_a_streamed_page_is_compressed_piece_by_piece(
    browser: Browser, uuid: UUID, ehr: ScriptedEHR
) -> None:
    gates = Gates(ehr, "Condition")
    async with opened(browser, uuid) as page:
        await page.until("Penicillin")
        assert page.response.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in page.response.headers["Vary"]
        gates.open("Condition")
        assert (await page.rest()).endswith("</html>\n")


async def test_who_takes_no_gzip_gets_the_same_page_plain(browser: Browser, uuid: UUID) -> None:
    packed = await browser.get(f"/launches/{uuid}/")
    plain = await browser.get(f"/launches/{uuid}/", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Penicillin" in await packed.text()
    assert "Penicillin" in await plain.text()


class TestFormToken:
    """BREACH: what is secret looks different on every page."""

    def test_each_page_has_another_and_all_are_good(self) -> None:
        tokens = {form_token.form_token(KEY) for _ in range(5)}
        assert len(tokens) == 5
        for token in tokens:
            form_token.require(RequestFactory().post("/", {"form_token": token}), KEY)

    @pytest.mark.parametrize("sent", ["", "zz", "00" * 32, "00" * 64, "00" * 65])
    def test_what_was_not_made_with_the_key_is_refused(self, sent: str) -> None:
        with pytest.raises(FormRefused):
            form_token.require(RequestFactory().post("/", {"form_token": sent}), KEY)

    def test_another_launchs_token_is_refused(self) -> None:
        token = form_token.form_token(SessionKey("another"))
        with pytest.raises(FormRefused):
            form_token.require(RequestFactory().post("/", {"form_token": token}), KEY)
