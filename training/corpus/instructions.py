"""JSON lines of instructions → rows: {"instruction", "input", "output"} or {"nl", "cmd"}, one object a line.

In: a file, plain or .gz, .xz, .bz2. Out: requests, explanations and repairs. `source`, `licence` and `page` of an
object are honoured; without a licence its rows are for the user's own model only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from training.corpus.jsonlines import objects
from training.corpus.lines import commands, looks_like_command
from training.corpus.mistakes import is_corrected
from training.corpus.source import UNKNOWN
from training.records import Row, Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.corpus.source import Machine, Skips

NAME = "instructions"
LONGEST = 2_000  # characters of a text
_FENCED = re.compile(r"\s*```[\w-]*\n(?P<code>.*?)\n?```\s*", re.DOTALL)
_TICKED = re.compile(r"`(?P<code>[^`\n]+)`")
_EXPLAIN = re.compile(r"\s*(?:please )?(?:explain|describe|what (?:does|is)|tell me what)\b", re.IGNORECASE)
_REPAIR = re.compile(r"\s*(?:please )?(?:fix|correct|repair)\b", re.IGNORECASE)


def read(place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield the rows of a file; an object that is no request, explanation or repair is named and left out."""
    for number, found in objects(place, NAME, skips):
        task, texts = _pair(found, machine)
        where = f"{place}:{number}"
        if not all(texts):
            skips.add(NAME, 'expected texts "instruction" and "output", or "nl" and "cmd"', where)
        elif task is None:
            skips.add(NAME, "neither asks for one command line nor about one", where)
        elif max(map(len, texts)) > LONGEST:
            skips.add(NAME, f"longer than {LONGEST:,} characters", where)
        else:
            source = str(found.get("source") or place.name)
            group = f"{source} {found.get('page') or texts[-1]}"
            licence = str(found.get("licence") or found.get("license") or UNKNOWN)
            yield Row(task=task, texts=texts, source=source, licence=licence, group=group)


def _pair(found: dict[str, Any], machine: Machine) -> tuple[Task | None, tuple[str, str]]:
    """Return the task of an object and its two texts; None for the task where it is none of ours."""
    if "cmd" in found:
        return "request", (_text(found, "nl"), _text(found, "cmd"))
    wanted, given, answer = (_text(found, name) for name in ("instruction", "input", "output"))
    line = _command(answer, machine)
    about = _command(given, machine) or _ticked(wanted, machine)
    if not wanted or not answer:
        return None, (wanted, answer)
    if _EXPLAIN.match(wanted) and about and not line:
        return "explain", (about, answer)
    if _REPAIR.match(wanted) and line and (wrong := about or _mistyped(given or wanted, line)):
        return "fix", (wrong, line)
    if line:
        return "request", (f"{wanted.rstrip('.:')}: {given}" if given else wanted, line)
    return None, (wanted, answer)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value.strip() if isinstance(value, str) else ""


def _command(text: str, machine: Machine) -> str:
    """Return the one command line that a text is, fenced or bare; "" for any other text."""
    fenced = _FENCED.fullmatch(text)
    said = commands(
        fenced["code"] if fenced else text.strip("`"), shell=True if fenced else None, programs=machine.programs
    )
    return said[0].line if len(said) == 1 and not said[0].comment else ""


def _ticked(text: str, machine: Machine) -> str:
    return next((code for code in _codes(text) if looks_like_command(code, machine.programs, code=True)), "")


def _mistyped(text: str, line: str) -> str:
    """Return what in a text is `line` with slips, one of them in the program's name; "" where nothing is."""
    codes = (_FENCED.sub(lambda found: found["code"], text), *_codes(text))
    return next((code for code in codes if _is_mistyped(code, line)), "")


def _is_mistyped(wrong: str, right: str) -> bool:
    return is_corrected(wrong, right) and is_corrected(wrong.partition(" ")[0], right.partition(" ")[0])


def _codes(text: str) -> list[str]:
    return [found["code"] for found in _TICKED.finditer(text)] or [text.partition(":")[2].strip().rstrip("?")]
