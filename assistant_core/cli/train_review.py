"""`assistant train review`: what would be learned from is seen, corrected and dropped, by number.

In: the history. Out: the examples taught (e1, e2, …), what was called helpful (f1, f2, …) and the lines people typed,
each under the number of its last command; all numbers stay the same while others come and go.
"""

import os
import re
import shlex
import subprocess
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from assistant_core.cli import console, told
from assistant_core.cli.command import NOTHING, Answer, App, Styled, UsageError
from assistant_core.settings import private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assistant_core.records import Example, Feedback
    from assistant_core.store import Store

NUMBER = re.compile(r"[ef]?[1-9]\d{0,17}", re.ASCII)


class Lesson(NamedTuple):
    """One thing that would be learned; `meaning` is None for a line that was typed."""

    number: str
    line: str
    meaning: str | None = None
    times: int = 1


def run(args: Namespace, app: App) -> Answer:
    """List, drop or edit; 1 if there is nothing, or nothing of that number."""
    with app.history() as store:
        if store is None:
            return Answer({"lessons": []}, [NOTHING], 1)
        if args.action is None:
            return _list(store, args.limit)
        if not args.words:
            raise UsageError(f"train review {args.action}: a number is missing; `assistant train review` shows them")
        return _drop(args.words, store, app) if args.action == "drop" else _edit(args.words, store, app)


def _list(store: "Store", limit: int) -> Answer:
    found = lessons(store, limit)
    if not found:
        return Answer({"lessons": []}, ["there is nothing to learn from yet"], 1)
    rows = ((item.number, f"{item.times}x", item.line, item.meaning or "") for item in found)
    return Answer({"lessons": [item._asdict() for item in found]}, console.columns(rows))


def lessons(store: "Store", limit: int) -> list[Lesson]:
    """Return examples and what was called helpful, then at most `limit` different lines typed, the last run first."""
    lines: dict[str, Lesson] = {}
    for stored in store.commands():
        if stored.command.author == "human":
            known = lines.pop(stored.command.line, None)
            lines[stored.command.line] = Lesson(
                str(stored.id), stored.command.line, times=known.times + 1 if known else 1
            )
    return [*_taught(store), *_helpful(store), *list(reversed(lines.values()))[:limit]]


def _taught(store: "Store") -> "Iterator[Lesson]":
    from assistant_core.records import Example  # noqa: PLC0415 - not needed for --help

    for number, example in store.numbered(Example).items():
        yield Lesson(f"e{number}", example.line, example.meaning)


def _helpful(store: "Store") -> "Iterator[Lesson]":
    """Yield the feedback that training.corpus.store learns from; the last word on the same thing counts."""
    from assistant_core.records import Feedback  # noqa: PLC0415 - not needed for --help

    found = store.numbered(Feedback).items()
    for number, last in {(each.about, each.subject, each.response): (number, each) for number, each in found}.values():
        if last.teaches:
            yield Lesson(f"f{number}", *_shown(last))


def _shown(feedback: "Feedback") -> tuple[str, str]:
    """Return the line that feedback is about, and what there is to say of it."""
    match feedback.about:
        case "answer":
            return feedback.response.strip(), feedback.subject
        case "repair":
            return feedback.response.strip(), f"instead of {feedback.subject}"
        case "explanation":
            return feedback.subject, " ".join(feedback.response.split())
    return feedback.subject, ""


def _drop(numbers: list[str], store: "Store", app: App) -> Answer:
    dropped, absent = [], []
    for number in numbers:
        found = _find(number, store)
        if found is None:
            absent.append(number)
        else:
            _delete(found, store)
            dropped.append(found.line)
    trouble = told.reload(app) if dropped else None
    lines: list[str | Styled] = [f"dropped: {line}" for line in dropped]
    lines += [Styled(f"there is no {number}; `assistant train review` shows the numbers", "fail") for number in absent]
    lines += [Styled(trouble, "warn")] if trouble else []
    return Answer({"dropped": dropped, "missing": absent, "service": trouble}, lines, int(bool(absent)))


def _delete(found: Lesson, store: "Store") -> None:
    from assistant_core.records import Feedback  # noqa: PLC0415 - not needed for --help

    match found.number[0]:
        case "e":
            store.replace_example(int(found.number[1:]), None)
        case "f":
            store.delete_feedback(store.numbered(Feedback)[int(found.number[1:])])
        case _:
            store.forget(found.line)


def _edit(words: list[str], store: "Store", app: App) -> Answer:
    number, *texts = words
    found = _find(number, store)
    if found is None:
        said = f"there is no {number}; `assistant train review` shows the numbers"
        return Answer({"edited": None, "missing": [number]}, [said], 1)
    if number.startswith("f"):
        raise UsageError(f"train review edit {number}: what you called helpful can be dropped, not edited")
    line, meaning = _clean(texts, found) if texts else _clean(_edited(found, app), found)
    if meaning is None:
        store.rewrite(found.line, line)
    else:
        store.replace_example(int(number[1:]), _example(line, meaning))
    trouble = told.reload(app)
    lines: list[str | Styled] = [f"learned instead: {line}{'' if meaning is None else f'  {meaning}'}"]
    lines += [Styled(trouble, "warn")] if trouble else []
    return Answer({"edited": found._replace(line=line, meaning=meaning)._asdict(), "service": trouble}, lines)


def _find(number: str, store: "Store") -> Lesson | None:
    if not NUMBER.fullmatch(number):
        raise UsageError(
            f"{number!r} is no number; expected one such as 12, e3 for an example, f4 for a helpful answer"
        )
    if number[0] in "ef":
        return next((item for item in (*_taught(store), *_helpful(store)) if item.number == number), None)
    stored = store.get(int(number))
    return Lesson(number, stored.command.line) if stored else None


def _clean(texts: list[str], before: Lesson) -> tuple[str, str | None]:
    """Return the line and the meaning that are meant, their secrets cut out."""
    from assistant_core.redact import redact  # noqa: PLC0415 - not needed for --help

    expected = "the line, and for an example its meaning as a second text"
    if len(texts) > (1 if before.meaning is None else 2) or not all(text.strip() for text in texts):
        raise UsageError(f"train review edit: {len(texts)} texts, or an empty one; expected {expected}, each in quotes")
    line, *rest = [redact(text).text for text in texts]
    return line, rest[0] if rest else before.meaning


def _example(line: str, meaning: str) -> "Example":
    from assistant_core.records import Example  # noqa: PLC0415 - not needed for --help

    return Example(at_ns=time.time_ns(), line=line, meaning=meaning)


def _edited(found: Lesson, app: App) -> list[str]:
    """Have the user edit the texts: the line, and for an example its meaning below the first empty line."""
    if not app.interactive:
        raise UsageError(f"train review edit {found.number}: no terminal to edit on; give the new text as an argument")
    editor = shlex.split(app.environ.get("VISUAL") or app.environ.get("EDITOR") or "vi")
    folder = private_directory(app.paths.training)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix="edit-", suffix=".txt")  # 0600
    file = Path(name)
    try:
        os.close(descriptor)
        file.write_text("\n\n".join(filter(None, (found.line, found.meaning))) + "\n", encoding="utf-8")
        if subprocess.run([*editor, name], env=dict(app.environ), check=False).returncode:
            raise UsageError(f"{shlex.join(editor)} ended with an error; nothing is changed")
        text = file.read_text(encoding="utf-8").strip("\n")
    finally:
        file.unlink()
    return [text] if found.meaning is None else re.split(r"\n\s*\n", text, maxsplit=1)
