"""The charts as SVG, written without templates: a page has dozens of them with many small parts,
and a template engine takes several times as long for a chart as finding its coordinates."""

from html import escape

from django.utils.safestring import SafeString, mark_safe

from smartapp.chart.graphics import Curve, Edge, Line, LineChart, Mark, Sparkline

_ARROWS = {"high": "m-5 6l5 -8l5 8z", "low": "m-5 -6l5 8l5 -8z"}


def chart_svg(chart: LineChart, summary: str) -> SafeString:
    """Return the chart; `summary` says what it shows to people who do not see it."""
    parts = (
        *(
            f'<rect class="band" x="{chart.left}" y="{band.y}" width="{chart.plot_width}"'
            f' height="{band.height}" />'
            for band in chart.bands
        ),
        *(_edge(edge, chart) for edge in chart.edges),
        f'<path class="grid" d="{chart.grid_path}" />',
        *(
            f'<text class="tick tick-value" x="{chart.value_label_x}" y="{tick.position}">'
            f"{escape(tick.label)}</text>"
            for tick in chart.y_ticks
        ),
        *(
            f'<text class="tick tick-time" x="{tick.position}" y="{chart.height}" dy="-4">'
            f"{escape(tick.label)}</text>"
            for tick in chart.x_ticks
        ),
        *map(_curve, chart.curves),
        f'<path class="bar" d="{chart.bars_path}" />' if chart.bars else "",
        *(_line(line, number) for number, line in enumerate(chart.lines, 1)),
    )
    return _svg("chart", chart.width, chart.height, summary, parts)


def spark_svg(spark: Sparkline, summary: str) -> SafeString:
    """Return the small trend beside the newest result."""
    band = spark.band
    parts = (
        f'<rect class="band" x="0" y="{band.y}" width="{spark.width}" height="{band.height}" />'
        if band
        else "",
        f'<path class="line line-1" d="{spark.path}" />',
        f'<circle class="last line-1" cx="{spark.last_x}" cy="{spark.last_y}" r="2.6" />',
    )
    return _svg("spark", spark.width, spark.height, summary, parts)


def _svg(name: str, width: int, height: int, summary: str, parts: tuple[str, ...]) -> SafeString:
    opening = (
        f'<svg class="{name}" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(summary)}">'
    )
    return mark_safe("".join((opening, *parts, "</svg>")))  # noqa: S308 - each text was escaped


def _edge(edge: Edge, chart: LineChart) -> str:
    line = f'<path class="edge" d="M{chart.left} {edge.y}H{chart.right}" />'
    if not edge.beyond:
        return line
    below, arrow = (12, "↑") if edge.beyond == "high" else (-5, "↓")
    return (
        f'{line}<text class="edge-label" x="{chart.left}" y="{edge.y}" dx="4" dy="{below}">'
        f"{arrow} range {escape(edge.label)}</text>"
    )


def _curve(curve: Curve) -> str:
    path = f'<path class="percentile" d="{curve.path}" />'
    if not curve.label:
        return path
    return (
        f'{path}<text class="percentile-label" x="{curve.x}" y="{curve.y}" dx="-2" dy="-3">'
        f"{escape(curve.label)}</text>"
    )


def _line(line: Line, number: int) -> str:
    last, dots = line.last, line.dots
    return "".join(
        (
            f'<path class="line line-{number}" d="{line.path}" />',
            f'<path class="gap line-{number}" d="{line.gaps}" />',
            f'<path class="dots" d="{dots}" /><path class="dots dots-inside" d="{dots}" />'
            if dots
            else "",
            *map(_beyond, line.beyond),
            f'<circle class="last line-{number}" cx="{last.x}" cy="{last.y}" r="3.6" />',
            f'<text class="last-label" x="{last.x}" y="{line.label_y}" dx="8">'
            f"{escape(last.label)}</text>",
        )
    )


def _beyond(mark: Mark) -> str:
    below = ' dy="6"' if mark.beyond == "high" else ""
    return (
        f'<path class="beyond" d="M{mark.x} {mark.y}{_ARROWS[mark.beyond]}">'
        f"<title>{escape(mark.label)}, off the scale</title></path>"
        f'<text class="beyond-label" x="{mark.x}" y="{mark.y}" dx="8"{below}>'
        f"{escape(mark.label)}</text>"
    )
