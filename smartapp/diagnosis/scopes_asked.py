"""The scopes that were asked for, beside those that the EHR lists and those that its words name."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from smartapp.chart.permissions import LEVELS
from smartapp.diagnosis.words import scopes_of
from smartapp.protocol.discovery import strings
from smartapp.protocol.scopes import ResourceScope, allows, compare, parse_scope

# The two forms of SMART's scopes, versions 1 and 2.
_BY_PERMISSION = {"permission-v1": "older", "permission-v2": "newer"}
_WRITE = {"older": ".read in place of .rs", "newer": ".rs in place of .read"}


class ScopesAsked:
    """Those of one request or, before a launch, of each request that may come."""

    def __init__(
        self, requests: Sequence[Iterable[str]], published: Mapping[str, Any], said: str
    ) -> None:
        self.all = tuple(dict.fromkeys(chain(*requests)))
        mentioned, asked = scopes_of(said), set(self.all) - {"launch"}
        # As Keycloak does, which repeats whatever was asked for: it names none.
        self.is_each_named = len(asked) > 1 and asked <= mentioned
        named = () if self.is_each_named else (one for one in self.all if one in mentioned)
        self.named = " ".join(named)
        # Covered by no entry of the EHR's list, wildcards and both versions understood.
        listed = [*strings(published.get("scopes_supported"))]
        self.unlisted = " ".join(compare(self.all, listed).missing) if listed else ""
        self.is_mixed = any(len(_forms(one)) > 1 for one in requests)
        capabilities = [*strings(published.get("capabilities"))]
        self.permissions = {form for one, form in _BY_PERMISSION.items() if one in capabilities}
        # Servers of both versions list `patient/*.*` to say that they give everything.
        known = self.permissions or _forms(one for one in listed if one[-2:] != ".*")
        self.only_form = min(known) if len(known) == 1 else ""
        others = (_forms(one) - {self.only_form} for one in requests)
        self.is_other_form = bool(self.only_form) and any(others)
        self.form_to_write = _WRITE.get(self.only_form, "the one that the vendor's portal shows")
        # Whether one lets the app read the patient, or the EHR is asked as a system.
        self.is_record = any(one.startswith("system/") for one in self.all) or allows(
            self.all, level_types=LEVELS, resource="Patient", permission="r"
        )


def _forms(scopes: Iterable[str]) -> set[str]:
    parsed = [one for one in map(parse_scope, scopes) if isinstance(one, ResourceScope)]
    return {"older" if one.is_version_1 else "newer" for one in parsed}
