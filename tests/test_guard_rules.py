"""Every rule file, by its own examples: what a rule must fire on and leave alone, and that its advice is allowed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from assistant_core.guard import Context, classify
from assistant_core.guard.rulefile import Rule, load
from assistant_core.guard.rules import FOLDER, warm

HERE = Context({"HOME": "/home/ada"}, "/home/ada/work/app", "/home/ada")
FILES = sorted(FOLDER.glob("*.toml"))
RULES = [pytest.param(rule, id=f"{path.stem}:{rule.name}") for path in FILES for rule in load(path).rule]
LOUD = ("warn", "block")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_first_line_names_the_programs(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert [name for name in load(path).program if f'"{name}"' not in first] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lines_said_to_be_allowed_are(path: Path) -> None:
    assert [line for line in load(path).allowed if classify(line, HERE).decision != "allow"] == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_fires_where_it_says(rule: Rule) -> None:
    assert rule.positive
    verdicts = {line: classify(line, HERE) for line in rule.positive}
    if rule.verdict in LOUD:
        wrong = [line for line, found in verdicts.items() if rule.name not in found.rules or found.decision == "allow"]
    else:
        wrong = [line for line, found in verdicts.items() if found.decision != "allow"]
    assert wrong == []


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_silent_where_it_says(rule: Rule) -> None:
    assert rule.negative or rule.verdict == "allow"
    assert [line for line in rule.negative if rule.name in classify(line, HERE).rules] == []


@pytest.mark.parametrize("rule", RULES)
def test_the_safer_line_is_allowed(rule: Rule) -> None:
    advice = {line: classify(line, HERE).safer for line in rule.positive}
    assert [safer for safer in advice.values() if safer and classify(safer, HERE).decision != "allow"] == []


def test_names_are_unique() -> None:
    names = Counter(rule.name for path in FILES for rule in load(path).rule)
    assert [name for name, count in names.items() if count > 1] == []


def test_what_is_loaded_ahead_is_every_file() -> None:
    assert sorted(warm()) == FILES
