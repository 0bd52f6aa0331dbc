"""What every page may name."""

from django.http import HttpRequest

from smartapp import __version__


def version(request: HttpRequest) -> dict[str, str]:  # noqa: ARG001 - as Django calls it
    return {"version": __version__}
