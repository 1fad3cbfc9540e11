"""Whatever is typed: a verdict, and no exception."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant_core.guard import Context, classify
from assistant_core.guard.report import DECISIONS

HERE = Context({"HOME": "/home/ada", "EMPTY": "", "SET": "/srv/data"}, "/home/ada/work/app", "/home/ada")
PIECES = (
    *"$(){}[]<>|&;'\"`\\*?~!@#=%^ \t\n\r\0", "$(", "${", "$((", "<<", "<<<", "<(", "@(", "![", "$[", "&&", "||", "$'",
    "<<E\n", "\nE\n", "=(", "\ue001", "\ue100", "\ud800", "\u202e", "é", "🦀", "rm -rf /", "git push -f ", "sh -c ",
    "sudo ", " and ", "for x in ", "; do ", "case x in ", "if ", "import os; ", "def f():\n    ", "find . -exec ",
    "xargs ", "docker run -v /:/h i ", "python -c ", "psql -c ", "echo ", "> ", "-", "--", "x", "=", "$SET", "$EMPTY/",
)  # fmt: skip
LINES = st.one_of(
    st.text(alphabet=st.characters(), max_size=200),  # surrogates, too
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.tuples(st.sampled_from(PIECES), st.integers(1, 3_000)).map(lambda pair: pair[0] * pair[1]),
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(line=LINES)
def test_any_line_has_a_verdict(line: str) -> None:
    verdict = classify(line, HERE)
    assert verdict.decision in DECISIONS
    assert (verdict.decision == "allow") == (not verdict.rules)
