"""A rule that fits a call → what is said about it: reason, targets, the safer line.

In: the rule, the words that made it fit, where the line would run. Out: a `report.Finding`.
"""

import re
import shlex
from collections.abc import Callable

from assistant_core.guard import paths
from assistant_core.guard.calls import Call
from assistant_core.guard.report import Finding
from assistant_core.guard.rules import Fit

MOST_WORDS = 12  # named in a sentence


def finding(fit: Fit, call: Call, place: paths.Place) -> Finding:
    """Return what is to be said of a rule that fits."""
    rule = fit.rule
    resolved = tuple(paths.resolved(word, place) for word in dict.fromkeys(fit.words)) if rule.targets else ()
    reason = rule.reason.format_map(_fields(fit, call, place, paths.plain))
    safer = _line(rule.safer.format_map(_fields(fit, call, place, _quoted))) if rule.safer else None
    return Finding(rule.verdict, rule.name, reason, resolved, safer)


def _fields(fit: Fit, call: Call, place: paths.Place, show: Callable[[str], str]) -> dict[str, str]:
    kind = paths.classify(fit.words[0], place) if fit.words else ""
    return {
        "target": " ".join(map(show, fit.words[:MOST_WORDS])),
        "class": paths.SAID.get(kind, kind),
        "args": " ".join(map(show, fit.operands[:MOST_WORDS])),
        "rest": " ".join(map(show, fit.operands[1:MOST_WORDS])),
        "last": show(call.args[-1]) if call.args else "",
        "program": call.program,
        "sub": call.args[0] if call.args else "",
    }


def _line(text: str) -> str:
    return re.sub(r" +", " ", text).strip()


def _quoted(word: str) -> str:
    text = paths.plain(word)
    return text if re.fullmatch(r"[\w@%+=:,./*?~-]*", text) else shlex.quote(text)
