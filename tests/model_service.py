"""The service as it is shipped, in a process, with no model but those that the test puts to use.

Run as a program it can be held up (`--gate FILE`: the model answers once the file is gone; that it was asked and that
it was cancelled is written beside it) and can do without llama-cpp-python (`--without-llama`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from assistant_core.engine import llm, registry
from assistant_core.records import Candidate, Query
from assistant_core.service import __main__ as service


def command(*options: str) -> tuple[str, ...]:
    """Return the command that starts the service, for `lifecycle.connect`."""
    return (sys.executable, "-P", __file__, "--detach", *options)


def asked(gate: Path) -> list[str]:
    """Return the texts that the model was asked for, and "cancelled" for each time that it was."""
    noted = gate.with_suffix(".noted")
    return noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []


class Gated(llm.Completion):
    """Answers once the gate is gone, or when it is cancelled."""

    gate: Path
    stopped = False

    def offer(self, query: Query, before: Sequence[tuple[str, int | None]], place: llm.Place) -> list[Candidate]:
        self.note(query.text)
        while self.gate.exists() and not self.stopped:
            time.sleep(0.001)
        return super().offer(query, before, place)

    def begin(self) -> None:
        self.stopped = False
        super().begin()

    def cancel(self) -> None:
        self.note("cancelled")
        self.stopped = True
        super().cancel()

    def note(self, text: str) -> None:
        with self.gate.with_suffix(".noted").open("a", encoding="utf-8") as noted:
            noted.write(f"{text}\n")


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--gate", type=Path)
    parser.add_argument("--without-llama", action="store_true")
    options = parser.parse_args()
    registry.SHIPPED = Path("/nowhere")
    if options.gate:
        Gated.gate = options.gate
        vars(llm)["Completion"] = Gated
    if options.without_llama:
        vars(sys)["modules"]["llama_cpp"] = None  # as if it were not installed
    sys.argv = [sys.argv[0], *(["--detach"] if options.detach else [])]
    service.main()


if __name__ == "__main__":
    _main()
