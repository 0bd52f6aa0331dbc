"""Checks pages with axe (WCAG 2.2 AA and axe's best practices)."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "rules": {"color-contrast": {"enabled": False}},
}
RULES_ABOUT_COLOUR = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
RULES_ABOUT_LINKS = {"runOnly": {"type": "rule", "values": ["link-in-text-block"]}}
# Colours that change gradually, as in Django's admin, would be measured half-way.
END_TRANSITIONS = """() => document.getAnimations()
    .filter(one => one instanceof CSSTransition).forEach(one => one.finish())"""
# A page that is still being sent never gets as far as its load event.
STYLE_SHEETS_HAVE_COME = """() => document.body
    && [...document.querySelectorAll("link[rel=stylesheet]")].every(one => one.sheet)"""
# Only what is wrong leaves the page: to describe everything that is right takes axe and the
# connection to the browser longer than the check.
FIND = """async ([part, rules]) =>
    (await axe.run(part ?? {include: window.different}, {...rules, resultTypes: ["violations"]}))
        .violations.flatMap(one => one.nodes.slice(0, 3).map(node =>
            `${one.id}: ${one.help}: ${node.target} ${node.html.slice(0, 200)}`))"""
# Of texts that look the same, on the same background, two stand for all: axe takes milliseconds
# to find out what is behind each, and a list has thousands.
CHOOSE_DIFFERENT = """part => {
    const seen = new Map(), looks = new Map();
    const parent = one => one.assignedSlot ?? one.parentElement ?? one.getRootNode().host;
    const looksOf = one => {
        if (!one) return "";
        if (!looks.has(one)) {
            const style = getComputedStyle(one);
            const own = [style.backgroundColor, style.backgroundImage, style.opacity,
                style.position, style.filter, style.zIndex].join();
            const behind = looksOf(parent(one));
            looks.set(one, behind.endsWith(own) ? behind : `${behind};${own}`);
        }
        return looks.get(one);
    };
    const different = [];
    const look = one => {
        const isText = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (isText || one.matches("input, select, textarea")) {
            const style = getComputedStyle(one);
            const key = [looksOf(one), style.color, style.fontSize, style.fontWeight,
                style.textShadow, style.textDecorationLine, one.closest("[disabled]") !== null];
            const count = seen.get(key.join()) ?? 0;
            if (count < 2 && one.checkVisibility()) {
                seen.set(key.join(), count + 1);
                different.push(one);
            }
        }
        [...one.children, ...(one.shadowRoot?.children ?? [])].forEach(look);
    };
    look(document.querySelector(part));
    window.different = different;
    return different.length;
}"""


def violations(page: Page, part: str = "html") -> list[str]:
    """Return axe's findings in this part of the page in the light scheme, and those in the dark
    scheme that may differ, about colours. The page stays light. One that a click has just opened
    may not have this part yet, nor its style sheets.
    """
    page.wait_for_function(STYLE_SHEETS_HAVE_COME)
    page.locator(part).first.wait_for(state="attached")
    page.evaluate(AXE_SCRIPT)
    page.emulate_media(color_scheme="dark")
    found = [*_about_colour(page, part), *_found(page, part, RULES_ABOUT_LINKS)]
    page.emulate_media(color_scheme="light")
    return [*found, *_about_colour(page, part), *_found(page, part, RULES)]


def _about_colour(page: Page, part: str) -> list[str]:
    page.evaluate(END_TRANSITIONS)
    return _found(page, None, RULES_ABOUT_COLOUR) if page.evaluate(CHOOSE_DIFFERENT, part) else []


def _found(page: Page, part: str | None, rules: dict[str, Any]) -> list[str]:
    page.evaluate(END_TRANSITIONS)
    found: list[str] = page.evaluate(FIND, [part, rules])
    return found
