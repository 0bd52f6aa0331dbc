"""What stands in a launch's page: at once what is known, then each piece when it is read."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.http import HttpRequest

from smartapp.chart.chart import Chart, Part, chart_of, place
from smartapp.chart.drawing import Shell, draw, draw_alarm, draw_end, draw_shell
from smartapp.chart.page import LaunchPage, build_launch_page
from smartapp.launches import patient_chart, refresh, steps
from smartapp.launches.cookies import SessionKey, is_framed
from smartapp.launches.form_token import form_token
from smartapp.launches.guard import guard
from smartapp.launches.models import LaunchKind
from smartapp.launches.record_access import LaunchAccess
from smartapp.launches.store import StoredLaunch
from smartapp.middleware import known_error, new_reference, report
from smartapp.protocol.errors import SmartError

logger = logging.getLogger(__name__)


def start_again_url(launch: StoredLaunch) -> str:
    """Only a standalone launch can be started here; an EHR launch starts in the EHR."""
    return f"/connect/{launch.endpoint_slug}/" if launch.kind == LaunchKind.STANDALONE else ""


class PageBody:
    """One load of a launch's page. `reference` is its one number, on the page and in the log."""

    def __init__(self, request: HttpRequest, launch: StoredLaunch, key: SessionKey) -> None:
        self._request = request
        self._launch = launch
        self._access = LaunchAccess(launch)
        self._form_token = form_token(key)
        self._reference = new_reference()
        self._read: list[Part] = []

    async def whole(self) -> str:
        """Return the whole page, its pieces in order. Raises what stands in the way of it."""
        shell = self._shell()
        drawn = [(place(part), piece) async for part, piece in self._pieces()]
        pieces = [piece for _, piece in sorted(drawn)]
        return "".join((shell.before, *pieces, self._end(), shell.after))

    async def streamed(self) -> AsyncGenerator[str, None]:
        """Yield the page as it is read. What stands in the way of it takes the place of all that
        was sent before: the status has been sent by then."""
        shell = self._shell()
        yield shell.before
        try:
            async with aclosing(self._pieces()) as pieces:
                async for _, piece in pieces:
                    yield piece
            yield self._end()
        except Exception as error:
            known = known_error(error)
            report(self._request, known, self._reference)
            yield self._alarm(known)
        yield shell.after

    async def _pieces(self) -> AsyncGenerator[tuple[Part, str], None]:
        self._access.launch = await refresh.with_access(self._launch, by_person=True)
        if self._access.tokens.context.patient is None:
            return
        page = self._page()
        async with aclosing(patient_chart.parts(self._access, self._reference)) as parts:
            async for part in parts:
                self._read.append(part)
                # A long record takes a tenth of a second: meanwhile our keys must be served.
                yield part, await asyncio.to_thread(draw, part, page)

    def _shell(self) -> Shell:
        shown = {"form_token": self._form_token, "guard": guard(self._launch)}
        return draw_shell(self._page(), **shown)

    def _end(self) -> str:
        chart: Chart | None = None
        if self._read:
            chart = chart_of(self._read)
            steps.charted(chart)
        return draw_end(chart, self._page(), form_token=self._form_token)

    def _alarm(self, error: SmartError) -> str:
        is_from_ehr = self._launch.kind == LaunchKind.EHR or is_framed(self._request)
        return draw_alarm(error, reference=self._reference, is_from_ehr=is_from_ehr)

    def _page(self) -> LaunchPage:
        launch, tokens = self._access.launch, self._access.tokens
        style_url = f"/launches/{launch.uuid}/style.css" if tokens.context.smart_style_url else ""
        return build_launch_page(
            uuid=launch.uuid,
            kind=launch.kind.on_page,
            endpoint_name=launch.endpoint_name,
            registration_name=launch.registration_name,
            launched_at=launch.launched_at,
            session_expires_at=launch.lasts_until or launch.session_expires_at,
            access_token_expires_at=launch.access_token_expires_at,
            refreshable=tokens.refresh_token is not None,
            end_url=f"/launches/{launch.uuid}/end/",
            home_url="/",
            start_again_url=start_again_url(launch),
            style_url=style_url,
            context=tokens.context,
            fhirUser=tokens.fhirUser,
            scope=tokens.scope,
        )
