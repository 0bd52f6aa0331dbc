"""Checks pages with axe (WCAG 2.2 AA and axe's best practices)."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
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
# Colours that change gradually, as in Django's admin, would be measured half-way.
END_TRANSITIONS = """() => document.getAnimations()
    .filter(one => one instanceof CSSTransition).forEach(one => one.finish())"""
# A page that is still being sent never gets as far as its load event.
STYLE_SHEETS_HAVE_COME = """() => document.body
    && [...document.querySelectorAll("link[rel=stylesheet]")].every(one => one.sheet)"""
# Only what is wrong leaves the page: to describe everything that is right takes axe and the
# connection to the browser longer than the check.
FIND = """async ([part, rules]) =>
    (await axe.run(part, {...rules, resultTypes: ["violations"]})).violations.flatMap(one =>
        one.nodes.slice(0, 3).map(node =>
            `${one.id}: ${one.help}: ${node.target} ${node.html.slice(0, 200)}`))"""


def violations(page: Page, part: str = "html") -> list[str]:
    """Return axe's findings in this part of the page in the light scheme, and those in the dark
    scheme that may differ, about colours. The page stays light. One that a click has just opened
    may not have this part yet, nor its style sheets.
    """
    page.wait_for_function(STYLE_SHEETS_HAVE_COME)
    page.locator(part).first.wait_for(state="attached")
    page.evaluate(AXE_SCRIPT)
    page.emulate_media(color_scheme="dark")
    found = _found(page, part, RULES_ABOUT_COLOUR)
    page.emulate_media(color_scheme="light")
    return [*found, *_found(page, part, RULES)]


def _found(page: Page, part: str, rules: dict[str, Any]) -> list[str]:
    page.evaluate(END_TRANSITIONS)
    found: list[str] = page.evaluate(FIND, [part, rules])
    return found
