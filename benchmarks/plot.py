"""Bars as SVG: the median of the rounds, and a line from the least to the greatest."""

import statistics
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LABEL, BAR, GAP, TOP = 720, 200, 22, 12, 44
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.title{font-weight:600}"
    ".ours{fill:#0b6e4f}.other{fill:#8aa1b1}line{stroke:#222}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}line{stroke:#eee}}"
)


def bars(title: str, values: Mapping[str, Sequence[float]], ours: str) -> str:
    """Return a drawing of one bar for each name, the shortest first."""
    ordered = sorted(values.items(), key=lambda item: statistics.median(item[1]))
    most = max(max(its) for its in values.values())
    scale = (WIDTH - LABEL - 70) / most
    height = TOP + len(ordered) * (BAR + GAP) + 8
    told = "; ".join(f"{name} {statistics.median(its):.1f}" for name, its in ordered)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc><style>{STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
    ]
    for number, (name, its) in enumerate(ordered):
        y, median = TOP + number * (BAR + GAP), statistics.median(its)
        kind = "ours" if name == ours else "other"
        middle, least, greatest = y + BAR / 2, LABEL + min(its) * scale, LABEL + max(its) * scale
        lines += [
            f'<text x="{LABEL - 8}" y="{middle + 4:.0f}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{median * scale:.1f}" '
            f'height="{BAR}"/>',
            f'<line x1="{least:.1f}" x2="{greatest:.1f}" y1="{middle}" y2="{middle}"/>',
            f'<text x="{greatest + 8:.1f}" y="{middle + 4:.0f}">{median:.1f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
