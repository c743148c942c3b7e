"""The reliability diagram: how often it was missed where the forecast said so many percent."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Bin = tuple[float, float, int]

_EDGES: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_SIZE: Final = 360
_MARGIN: Final = 44
_WIDTH: Final = 40


def reliability(said: NDArray[np.float64], came: NDArray[np.bool_]) -> list[Bin]:
    """Mean probability, share of misses and number of the cases in each bin that has some."""
    rows = np.clip(np.searchsorted(_EDGES, said, side="right") - 1, 0, len(_EDGES) - 2)
    found = []
    for row in range(len(_EDGES) - 1):
        of = rows == row
        if of.any():
            found.append((float(said[of].mean()), float(came[of].mean()), int(of.sum())))
    return found


def reliability_text(bins: list[Bin]) -> str:
    """As lines: `o` what was said, `#` what came, `@` both."""
    lines = [
        "reliability: o said, # came, @ both",
        "   said   came  cases  0" + " " * (_WIDTH - 2) + "1",
    ]
    for said, came, many in bins:
        cells = ["."] * (_WIDTH + 1)
        first, second = round(said * _WIDTH), round(came * _WIDTH)
        cells[second] = "#"
        cells[first] = "@" if first == second else "o"
        lines.append(f"  {said:5.3f}  {came:5.3f}  {many:5}  {''.join(cells)}")
    return "\n".join(lines)


def reliability_svg(bins: list[Bin]) -> str:
    """As a picture; bars are 95 % intervals of chance around what was said."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}"',
        f'width="{_SIZE}" height="{_SIZE}" font-family="sans-serif" font-size="11" role="img">',
        "<title>Reliability of the probability to miss the deadline</title>",
        f'<rect width="{_SIZE}" height="{_SIZE}" fill="#fff"/>',
        _line(0, 0, 1, 1, "#999"),
        _line(0, 0, 1, 0, "#333"),
        _line(0, 0, 0, 1, "#333"),
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_text(tick, -0.06, f"{tick:g}"))
        parts.append(_text(-0.07, tick - 0.01, f"{tick:g}"))
    for said, came, many in bins:
        half = 1.96 * (said * (1 - said) / many) ** 0.5
        parts.append(_line(said, max(0, said - half), said, min(1, said + half), "#9bc"))
        parts.append(
            f'<circle cx="{_x(said):.1f}" cy="{_y(came):.1f}" r="{2 + many**0.5 / 4:.1f}" '
            'fill="#06c" fill-opacity="0.7"/>'
        )
    parts.append(_text(0.5, -0.13, "probability to miss, as forecast"))
    parts.append(_text(0.25, 1.03, "share that missed"))
    return "\n".join([*parts, "</svg>", ""])


def _x(share: float) -> float:
    return _MARGIN + share * (_SIZE - 2 * _MARGIN)


def _y(share: float) -> float:
    return _SIZE - _MARGIN - share * (_SIZE - 2 * _MARGIN)


def _line(x1: float, y1: float, x2: float, y2: float, color: str) -> str:
    return (
        f'<line x1="{_x(x1):.1f}" y1="{_y(y1):.1f}" x2="{_x(x2):.1f}" y2="{_y(y2):.1f}" '
        f'stroke="{color}"/>'
    )


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{_x(x):.1f}" y="{_y(y):.1f}" text-anchor="middle">{text}</text>'
