"""How a run went, as a picture: one self-contained HTML file, and a few lines for the terminal.

In: the log of transformers' Trainer. Out: loss against steps, of training and of what was held out.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

WIDTH, HEIGHT, MARGIN = 800, 400, 50  # pixels
MARKS = 5  # about, on each axis
SERIES = {"loss": ("training", "#3465a4"), "eval_loss": ("held out", "#cc4400")}
BLOCKS = "▁▂▃▄▅▆▇█"

Points = list[tuple[int, float]]


def points(history: Iterable[Mapping[str, Any]], name: str) -> Points:
    """Return (step, value) wherever the log has `name`."""
    return [(int(entry["step"]), float(entry[name])) for entry in history if name in entry]


def write(history: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draw the curves of SERIES into an HTML file."""
    series = {name: found for name in SERIES if (found := points(history, name))}
    every = [point for found in series.values() for point in found]
    drawing = _svg(series, every) if every else "<p>Nothing was logged.</p>"
    file.write_text(f"<!doctype html><meta charset=utf-8><title>Loss</title>{drawing}\n", encoding="utf-8")


def terminal(history: Sequence[Mapping[str, Any]], width: int = 60) -> str:
    """Return one line a series: its first and last value and a sparkline of `width` characters at the most."""
    lines = []
    for name, (title, _) in SERIES.items():
        values = [value for _, value in points(history, name)]
        if values:
            lines.append(f"{title:>9} {values[0]:7.3f} {_spark(values, width)} {values[-1]:.3f} nats a token")
    return "\n".join(lines)


def _spark(values: Sequence[float], width: int) -> str:
    shown = [values[at * len(values) // width] for at in range(width)] if len(values) > width else values
    low, high = min(shown), max(shown)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in shown)


def _svg(series: Mapping[str, Points], every: Points) -> str:
    last = max(step for step, _ in every) or 1
    low, high = min(value for _, value in every), max(value for _, value in every)
    across, up = (WIDTH - 2 * MARGIN) / last, (HEIGHT - 2 * MARGIN) / ((high - low) or 1.0)

    def x(step: float) -> str:
        return f"{MARGIN + step * across:.1f}"

    def y(value: float) -> str:
        return f"{HEIGHT - MARGIN - (value - low) * up:.1f}"

    drawn = [f'<path d="M{x(step)} {MARGIN}V{HEIGHT - MARGIN}" stroke="#ddd"/>' for step in _marks(0, last)]
    drawn += [f'<path d="M{MARGIN} {y(value)}H{WIDTH - MARGIN}" stroke="#ddd"/>' for value in _marks(low, high)]
    drawn += [_text(x(step), HEIGHT - MARGIN + 16, f"{step:g}", "middle") for step in _marks(0, last)]
    drawn += [_text(MARGIN - 6, y(value), f"{value:g}", "end") for value in _marks(low, high)]
    for at, (name, found) in enumerate(series.items()):
        title, colour = SERIES[name]
        path = " ".join(f"{x(step)},{y(value)}" for step, value in found)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        drawn.append(f'<circle cx="{x(found[-1][0])}" cy="{y(found[-1][1])}" r="3" fill="{colour}"/>')
        label = f"{title}: {found[-1][1]:.3f}"
        drawn.append(_text(WIDTH - MARGIN, MARGIN + 18 * at, label, "end", colour))
    drawn.append(_text(WIDTH / 2, HEIGHT - 12, f"steps, to {last}; nats a token", "middle"))
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">{"".join(drawn)}</svg>'
    )


def _text(x: object, y: object, text: str, anchor: str, colour: str = "#000") -> str:
    at = f'x="{x}" y="{y}" text-anchor="{anchor}" dominant-baseline="middle"'
    return f'<text {at} fill="{colour}">{html.escape(text)}</text>'


def _marks(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high`, about MARKS of them: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / MARKS
    if rough <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [at * step for at in range(math.ceil(low / step), math.floor(high / step) + 1)]
