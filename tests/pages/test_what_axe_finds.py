"""The check of the pages' accessibility notices what is wrong, in either scheme (C104)."""

import pytest
from playwright.sync_api import Page

from tests.accessibility import violations
from tests.pages.test_in_browser import chromium, in_own_thread, no_browser_is_left

pytestmark = pytest.mark.browser

# The fixture of the neighbour ends the browser of this file too.
__all__ = ["no_browser_is_left"]

STYLES = """
:root { color-scheme: light dark; background: light-dark(#fff, #111); }
p { color: light-dark(#000, #fff); }
.pale { color: light-dark(#ccc, #fff); }
.dim { color: light-dark(#000, #444); }
.card { background: light-dark(#fff, #eee); }
"""
GOOD = "<p>One</p><p>Two</p><p>Three</p>"


def found(extra: str) -> list[str]:
    """Return the rules that such a page breaks."""
    content = f"""<!doctype html><html lang="en"><title>A page</title><style>{STYLES}</style>
        <main><h1>A page</h1>{GOOD}{extra}</main></html>"""

    def look() -> list[str]:
        page: Page = chromium().new_page()
        page.set_content(content)
        rules = [one.partition(":")[0] for one in violations(page)]
        page.close()
        return rules

    return in_own_thread(look)


def test_a_good_page() -> None:
    assert found("") == []


@pytest.mark.parametrize(
    ("extra", "rules"),
    [
        ('<p class="pale">Pale in the light scheme</p>', ["color-contrast"]),
        (
            '<p class="pale" hidden>No</p><p class="pale" hidden>No</p><p class="pale">Pale</p>',
            ["color-contrast"],
        ),
        ('<p class="dim">Dim in the dark scheme</p>', ["color-contrast"]),
        ('<div class="card"><p>White on grey in the dark scheme</p></div>', ["color-contrast"]),
        ('<p style="opacity: 0.3">Faint in both</p>', ["color-contrast", "color-contrast"]),
        (
            '<div><template shadowrootmode="open"><p style="color: #777; background: #888">'
            "In a shadow</p></template></div>",
            ["color-contrast", "color-contrast"],
        ),
        ('<input value="x">', ["label"]),
        ("<h3>A level left out</h3>", ["heading-order"]),
    ],
)
def test_a_page_with_one_fault(extra: str, rules: list[str]) -> None:
    assert found(extra) == rules
