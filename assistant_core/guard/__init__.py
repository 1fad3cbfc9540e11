"""A line → a verdict, before it runs.

In: the line as typed and the surroundings it would run in. Out: `records.Verdict`. The way through, module by module:
`syntax` (or, where the grammar finds an error, `tokens`) parses the line into `tree`; `evaluate` walks it as a shell
would, on `state`, with `words` to resolve words and `flows` for what pipes carry; each command goes through `calls` to
`rules`, which asks `paths` what it is about; `unwrap` takes off wrappers, with `hosts` for lists and `codes` (`pycode`,
`xonsh`, `inline`, `sql`) for other languages; `report` sums up. Nothing is run, and no file is read but our own data.
"""

import os
import re
from collections.abc import Sequence

from assistant_core.guard import paths, syntax, xonsh
from assistant_core.guard.evaluate import Evaluator
from assistant_core.guard.report import ALLOWED, Report
from assistant_core.guard.state import Context
from assistant_core.records import Verdict

__all__ = ["ALLOWED", "Context", "classify"]


_LITERAL = str.maketrans(paths.QUOTED)
_PRIVATE = re.compile("[\ud800-\uf8ff]")  # what the engine marks words with, and halves of characters


def classify(line: str, context: Context | None = None) -> Verdict:
    """Return what `line` would do; without a context, as seen by this process. Raises nothing."""
    report = Report()
    walk(line, Evaluator(context or here(), report))
    return report.verdict()


def walk(line: str, evaluator: Evaluator) -> None:
    """Walk `line`; what is found stands in the evaluator's report."""
    if not line.isascii():
        line = _PRIVATE.sub("\ufffd", line)
    if not xonsh.walk(line, evaluator):
        evaluator.node(syntax.parse(line))


def walk_argv(argv: Sequence[str], evaluator: Evaluator) -> None:
    """Walk one call whose words are expanded already: what looks like a pattern or a variable is meant literally."""
    evaluator.run([_PRIVATE.sub("\ufffd", word).translate(_LITERAL) for word in argv])


def here() -> Context:
    """Return where a line typed in this process would run."""
    try:
        cwd = os.getcwd()  # noqa: PTH109 - a text is wanted
    except OSError:  # the folder is gone
        cwd = os.environ.get("PWD", "/")
    home = os.environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - a text is wanted
    return Context(os.environ, cwd, home)
