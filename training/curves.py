"""How a run went, as a picture: one self-contained HTML file, and a few lines for the terminal.

In: the log of transformers' Trainer. Out: loss against steps, of training and of what was held out.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

WIDTH, HEIGHT, MARGIN = 800, 400, 50  # pixels
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
    drawn = []
    for at, (name, found) in enumerate(series.items()):
        title, colour = SERIES[name]
        path = " ".join(f"{MARGIN + x * across:.1f},{HEIGHT - MARGIN - (y - low) * up:.1f}" for x, y in found)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        label = html.escape(f"{title}: {found[-1][1]:.3f}")
        drawn.append(f'<text x="{WIDTH - 2.5 * MARGIN}" y="{MARGIN + 18 * at}" fill="{colour}">{label}</text>')
    drawn += [
        f'<text x="4" y="{MARGIN}">{high:.2f}</text><text x="4" y="{HEIGHT - MARGIN}">{low:.2f}</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}">steps, to {last}; nats a token</text>',
    ]
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">{"".join(drawn)}</svg>'
    )
