"""Checks pages with axe (WCAG 2.2 AA and axe's best practices)."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
RULES_ABOUT_COLOUR = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
}


def violations(page: Page) -> list[str]:
    """Return axe's findings in the light scheme, and those in the dark scheme that may differ,
    about colours.

    The page stays light. Not for pages whose colours change gradually, such as those of Django's
    admin.
    """
    page.emulate_media(color_scheme="dark")
    found = _found(page, RULES_ABOUT_COLOUR)
    page.emulate_media(color_scheme="light")
    return [*found, *_found(page, RULES)]


def _found(page: Page, rules: dict[str, Any]) -> list[str]:
    return [
        f"{one['id']}: {one['help']}: {node['target']} {node['html'][:200]}"
        for one in Axe().run(page, options=rules).response["violations"]
        for node in one["nodes"][:3]
    ]
