"""The content of a launch's page: first what is known, then each piece as it is read."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.http import HttpRequest
from django.utils import timezone

from smartapp.chart.chart import (
    NAMES,
    FHIRUserView,
    Part,
    ReadSection,
    Who,
    chart_of,
    is_settled,
    name_of,
)
from smartapp.chart.computing import computed
from smartapp.chart.drawing import (
    Shell,
    draw,
    draw_alarm,
    draw_end,
    draw_news,
    draw_shell,
)
from smartapp.chart.page import LaunchPage, build_launch_page
from smartapp.frames import is_framed
from smartapp.launches import patient_chart, refresh, steps
from smartapp.launches.cookies import SessionKey
from smartapp.launches.current_launch import LaunchAccess
from smartapp.launches.form_token import form_token
from smartapp.launches.guard import guard
from smartapp.launches.read_again import Kept, Shelf
from smartapp.launches.session_length import is_patients
from smartapp.launches.store import StoredLaunch
from smartapp.middleware import AGAIN, known_error, new_reference, report
from smartapp.protocol.errors import SmartError
from smartapp.record.news import SOURCES, Share

# How often a page reloads itself to read what the EHR did not give; the number is in its address.
TIMES_BY_ITSELF = ("1", "2", "3")

logger = logging.getLogger(__name__)


class PageBody:
    """One load of a launch's page. `reference` is its reference number, on the page and in the
    log."""

    def __init__(self, request: HttpRequest, launch: StoredLaunch, key: SessionKey) -> None:
        self._request = request
        self._launch = launch
        self._access = LaunchAccess(launch)
        self._form_token = form_token(key)
        self._reference = new_reference()
        self._shelf = Shelf(launch.uuid, key)
        self._kept = Kept(timezone.now())
        self._read: list[Part] = []

    async def whole(self) -> str:
        """Return the whole page, its pieces in order. Raises the error that makes it unusable."""
        shell = self._shell()
        try:
            pieces = {name: piece async for name, piece in self._pieces()}
        except SmartError:
            await self._shelf.clear()
            raise
        in_order = [pieces[name] for name in NAMES if name in pieces]
        return "".join((shell.before, *in_order, self._end(), shell.after))

    async def streamed(self) -> AsyncGenerator[str, None]:
        """Yield the page as it is read. An error that makes it unusable replaces everything sent
        before on the screen, because the status has already been sent."""
        shell = self._shell()
        yield shell.before
        try:
            async with aclosing(self._pieces()) as pieces:
                async for _, piece in pieces:
                    yield piece
            yield self._end()
        except Exception as error:
            await self._shelf.clear()
            known = known_error(error)
            report(self._request, known, self._reference)
            yield self._alarm(known)
        yield shell.after

    async def _pieces(self) -> AsyncGenerator[tuple[str, str], None]:
        """Yield each piece with the name of its part, from the cache or newly read."""
        # Do this first, even if nothing has to be read: a launch without access must show nothing.
        self._access.launch = await refresh.with_access(self._launch, by_person=True)
        self._kept = await self._shelf.find(self._access.tokens, timezone.now())
        if self._kept.is_whole:
            for name, piece in self._kept.pieces.items():
                yield name, piece
        elif self._access.tokens.context.patient is not None:
            async with aclosing(self._read_pieces()) as pieces:
                async for name, piece in pieces:
                    yield name, piece

    async def _read_pieces(self) -> AsyncGenerator[tuple[str, str], None]:
        """Yield who the patient is, always newly read, then the pieces from the cache and the
        rest."""
        page, kept, pieces = self._page(), self._kept, dict[str, str]()
        reading = patient_chart.parts(self._access, self._reference, known=kept.pieces)
        async with aclosing(reading) as parts:
            async for part in parts:
                self._read.append(part)
                pieces[name_of(part)] = await computed(draw, part, page)
                yield name_of(part), pieces[name_of(part)]
                if isinstance(part, Who):
                    for name, piece in kept.pieces.items():
                        if name != "who":
                            yield name, piece
                if "news" not in pieces.keys() | kept.pieces.keys() and self._can_tell_news():
                    pieces["news"] = await computed(self._news, page)
                    yield "news", pieces["news"]
        if not chart_of(self._read).is_unreadable:
            await self._keep(pieces)

    def _can_tell_news(self) -> bool:
        """Whether everything that the first block needs was read, or failed to be read."""
        return self._shares.keys() >= SOURCES.keys()

    def _news(self, page: LaunchPage) -> str:
        encounter = self._access.tokens.context.encounter
        return draw_news(self._shares, page, encounter=encounter, now=self._kept.read_at)

    @property
    def _shares(self) -> dict[str, Share]:
        read = (one for one in self._read if isinstance(one, ReadSection))
        return self._kept.shares | {one.name: one.share for one in read if one.share}

    async def _keep(self, pieces: dict[str, str]) -> None:
        """Put those pieces into the cache that another read in a moment would not change."""
        settled = {name_of(part) for part in self._read if is_settled(part)}
        shares = {
            name: share
            for name, share in self._shares.items()
            if name in settled or name in self._kept.shares
        }
        if shares.keys() == SOURCES.keys() and "news" in pieces:
            settled.add("news")
        kept = Kept(
            read_at=self._kept.read_at,
            pieces={**self._kept.pieces, **{name: pieces[name] for name in settled}},
            shares=shares,
            user=self._user,
            is_whole=settled == pieces.keys(),
        )
        await self._shelf.keep(kept, self._access.tokens)

    @property
    def _user(self) -> FHIRUserView | None:
        read = (one for one in self._read if isinstance(one, FHIRUserView))
        return next(read, self._kept.user)

    def _shell(self) -> Shell:
        shown = {"form_token": self._form_token, "guard": guard(self._launch)}
        return draw_shell(self._page(), **shown)

    def _end(self) -> str:
        chart = chart_of(self._read) if self._read else None
        if chart:
            steps.charted(chart)
        elif self._access.tokens.context.patient is None:
            steps.shown_without_patient()
        return draw_end(
            self._page(),
            user=self._user,
            is_unreadable=chart is not None and chart.is_unreadable and not self._kept.pieces,
            read_at=self._kept.read_at,
            form_token=self._form_token,
        )

    def _alarm(self, error: SmartError) -> str:
        # In a frame there is only the EHR to start again from.
        again = "" if is_framed(self._request) else self._launch.start_again_url
        return draw_alarm(
            error,
            endpoint_name=self._launch.endpoint_name,
            reference=self._reference,
            start_again_url=again,
        )

    def _page(self) -> LaunchPage:
        launch, tokens = self._access.launch, self._access.tokens
        style_url = f"/launches/{launch.uuid}/style.css" if tokens.context.smart_style_url else ""
        return build_launch_page(
            uuid=launch.uuid,
            kind=launch.kind.on_page,
            is_patients=is_patients(launch.kind, tokens),
            endpoint_name=launch.endpoint_name,
            registration_name=launch.registration_name,
            launched_at=launch.launched_at,
            session_expires_at=launch.lasts_until or launch.session_expires_at,
            access_token_expires_at=launch.access_token_expires_at,
            refreshable=tokens.refresh_token is not None,
            end_url=f"/launches/{launch.uuid}/end/",
            home_url="/",
            start_again_url=launch.start_again_url,
            style_url=style_url,
            context=tokens.context,
            fhirUser=tokens.fhirUser,
            scope=tokens.scope,
            again_url=self._again_url(),
        )

    def _again_url(self) -> str:
        times = self._request.GET.get(AGAIN, "0")
        done = int(times) if times in TIMES_BY_ITSELF else 0
        return f"?{AGAIN}={done + 1}" if done < len(TIMES_BY_ITSELF) else ""
