"""Django's reports of exceptions, without a value in them.

Between the callback and the launch's page, every frame on the stack holds a code, a verifier or a
token in some variable, and so does the request's query. A report is for finding a fault, and the
lines of code that led there are enough; whose data it was is nobody's business (C70, T10).
"""

from typing import Any

from django.http import HttpRequest
from django.views.debug import ExceptionReporter


class ReportWithoutValues(ExceptionReporter):
    """The traceback with its source lines: no variables, no query, no form, no cookies, no headers.

    For `DEFAULT_EXCEPTION_REPORTER`: the page that DEBUG shows, and the mail to ADMINS.
    """

    def __init__(self, _request: HttpRequest | None, *args: Any, **options: Any) -> None:
        super().__init__(None, *args, **options)

    def get_traceback_frames(self) -> list[dict[str, Any]]:
        return [{**frame, "vars": []} for frame in super().get_traceback_frames()]
