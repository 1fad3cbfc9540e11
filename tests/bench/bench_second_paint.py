"""A key to the ghost text of the command model, and Enter while it thinks, through a pseudo-terminal: prints JSON, ms.

    python tests/bench/bench_second_paint.py [--rounds 3] [--pause 0.15]

A shell without any history types lines, key by key; whatever the model offers is shown. `second paint` is the time
from a key that the ghost text does not go along with to the frame that shows another; `unseen` counts keys without one
within a second. `echo` is a key itself, typed so fast that the model still thinks about the one before, and `enter` the
next prompt after such a line; both also with the model switched off.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from terminal import CTRL_U, ENTER, Home, Terminal

from assistant_core.service import lifecycle
from assistant_core.settings import paths

LINES = (
    "git push origin main",
    "git checkout -b topic",
    "docker run --rm -it debian bash",
    "docker compose up -d",
    "pip install -r requirements.txt",
    "tar -xzf backup.tar.gz",
    "npm install --save-dev eslint",
    "kubectl get pods -n default",
    "curl -fsSL https://example.org/install.sh",
    "ssh -i key user@host",
    "find . -name '*.py'",
    "systemctl restart nginx",
)
ALL, NONE = "0", "1"  # least probability of what is shown
PATIENCE_S = 1.0
FAST_S = 0.03  # between two keys: less than an answer takes


@contextmanager
def shell(folder: Path, threshold: str, *, model: bool) -> Iterator[Terminal]:
    """A shell at its prompt, its service started and, with `model`, its model opened."""
    settings = {
        "XONTRIB_ASSISTANT_SUGGEST_THRESHOLD": threshold,
        "XONTRIB_ASSISTANT_SUGGEST_EMPTY": "0",
        "XONTRIB_ASSISTANT_MODELS_COMMAND": str(int(model)),
        "XONTRIB_ASSISTANT_SERVICE_ENABLED": "1",
    }
    home = Home(folder, **settings)
    home.stub(*sorted({line.split()[0] for line in LINES}))
    with home.open() as terminal:
        terminal.pump(3)
        terminal.send("git c")
        terminal.pump(3)
        terminal.send(CTRL_U)
        terminal.pump(0.5)
        yield terminal
    lifecycle.stop(paths(home.environ))


def typed(terminal: Terminal) -> str:
    """What stands behind the prompt, ghost text included."""
    rows = [row for row in terminal.screen().splitlines() if row.startswith("<")]
    return rows[-1].partition(">")[2][1:]


def until(terminal: Terminal, met: Callable[[], bool]) -> float | None:
    """Milliseconds from now to what was written when `met` came true, None if that is too long."""
    began = time.perf_counter()
    while not met():
        if time.perf_counter() - began > PATIENCE_S:
            return None
        terminal.read(PATIENCE_S)
    return max(terminal.drawn_at - began, 0.0) * 1000


def shows_more(terminal: Terminal, text: str) -> bool:
    """Say whether there is ghost text behind `text`."""
    shown = typed(terminal)
    return shown.startswith(text) and len(shown) > len(text)


def type_line(terminal: Terminal, line: str, pause_s: float, times: dict[str, list[float]]) -> None:
    """Type a line; add to `times`."""
    for length in range(1, len(line) + 1):
        before, text = typed(terminal), line[:length]
        began = time.perf_counter()
        terminal.send(line[length - 1])
        if not before.startswith(text):
            spent = until(terminal, lambda text=text: shows_more(terminal, text))  # type: ignore[misc] # bound
            times["second paint" if spent is not None else "unseen"].append(spent or 0.0)
        terminal.pump(max(pause_s - (time.perf_counter() - began), 0))
    terminal.send(CTRL_U)
    terminal.pump(pause_s)


def press_enter(terminal: Terminal, line: str, times: dict[str, list[float]]) -> None:
    """Type the beginning of a line fast, then Enter."""
    for length in range(1, len(line) // 2):
        text = line[:length].rstrip()
        terminal.send(line[length - 1])
        began = time.perf_counter()
        spent = until(terminal, lambda text=text: typed(terminal).startswith(text))  # type: ignore[misc] # bound
        times["echo"] += [spent] if spent and line[length - 1] != " " else []
        terminal.pump(max(FAST_S - (time.perf_counter() - began), 0))
    before = terminal.prompts()
    terminal.send(ENTER)
    spent = until(terminal, lambda: terminal.prompts() > before)
    times["enter"] += [] if spent is None else [spent]
    terminal.pump(0.2)


def summary(times: list[float]) -> dict[str, float]:
    """Return the middle and the ends."""
    if len(times) < 2:
        return {"count": len(times)}
    cuts = statistics.quantiles(times, n=100)
    return {"count": len(times), "p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "max": round(max(times), 1)}


def typing(rounds: int, *, model: bool) -> dict[str, dict[str, float]]:
    """Measure keys and Enter where the model is asked at every key and nothing is shown, or where it is not asked."""
    times: dict[str, list[float]] = {"echo": [], "enter": []}
    with tempfile.TemporaryDirectory() as folder, shell(Path(folder), NONE, model=model) as terminal:
        for line in LINES * rounds:
            press_enter(terminal, line, times)
    return {name: summary(found) for name, found in times.items()}


def painting(rounds: int, pause_s: float) -> dict[str, dict[str, float]]:
    """Measure ghost text where everything is shown."""
    times: dict[str, list[float]] = {"second paint": [], "unseen": []}
    with tempfile.TemporaryDirectory() as folder, shell(Path(folder), ALL, model=True) as terminal:
        for line in LINES * rounds:
            type_line(terminal, line, pause_s, times)
    return {name: summary(found) for name, found in times.items()}


def main() -> None:
    """Measure with the model and without it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.15)
    options = parser.parse_args()
    found: dict[str, object] = {"painting": painting(options.rounds, options.pause)}
    for model in (False, True, False, True):  # in turns: other programs may load the machine
        name = f"typing, model {'on' if model else 'off'}"
        found[name if name not in found else f"{name}, again"] = typing(options.rounds, model=model)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
