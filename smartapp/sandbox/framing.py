"""Which origins may frame which pages of the sandbox, and where their forms may lead."""

from collections.abc import Iterable

from csp.constants import SELF
from django.http import HttpResponse

from smartapp.sandbox import addresses

THIS_MACHINE = [
    f"{scheme}://{name}:*" for scheme in ("http", "https") for name in addresses.LOOPBACK_NAMES
]


def open_for_launch(response: HttpResponse, *leads_to: str, framed: bool = True) -> None:
    """Allow the launcher to frame the page, and its forms to redirect to the app.

    An EHR launch in a frame passes through sign-in and consent. Browsers apply form-action to every
    redirect after a form, so the app's own origin must be listed.
    """
    directives = {"form-action": [*_own(), *_origins(leads_to)]}
    if framed:
        directives["frame-ancestors"] = _own()
        response.xframe_options_exempt = True
    _replace(response, directives)


def frame_apps(response: HttpResponse, *apps: str) -> None:
    """Allow a launcher page to show an app in a frame and to open it in a tab with a form.

    A form may also lead to an unregistered app on this machine.
    """
    origins = [*_own(), *_origins(apps)]
    _replace(response, {"frame-src": origins, "form-action": [*origins, *THIS_MACHINE]})


def let_scripts_fetch(response: HttpResponse) -> None:
    """Allow the page's script to fetch the page again."""
    _replace(response, {"connect-src": [SELF]})


def _own() -> list[str]:
    return [SELF, *addresses.own_origins()]


def _origins(urls: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(addresses.origin(url) for url in urls if url))


def _replace(response: HttpResponse, directives: dict[str, list[str]]) -> None:
    response._csp_replace = directives  # type: ignore[attr-defined]
