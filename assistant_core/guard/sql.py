"""SQL text → its statements, each as a few words: the verb, what it is about, and whether it is bounded.

In: text in any dialect. Out: tuples such as `("delete", "all", "users")`, `("delete", "where", "users")`,
`("drop", "table", "users")`, `("alter", "drop", "users")`; of other verbs the next two words.
Comments and quoted text are taken out first.
"""

import re
from collections.abc import Iterator

LONGEST = 200_000  # characters

_NOISE = re.compile(r"--[^\n]*|/\*.*?(?:\*/|$)|\#[^\n]*|'(?:[^'\\]|''|\\.)*'?|\$\w*\$", re.DOTALL)
_NAME = r"(?P<name>[\w.`\"\[\]$*]+)"
_DROP = re.compile(
    rf"drop\s+(?:(?:temporary|global|if\s+exists|materialized)\s+)*(?P<kind>\w+)\s+(?:(?:if\s+exists|concurrently)\s+)*{_NAME}",
    re.IGNORECASE,
)
_DELETE = re.compile(rf"delete\s+(?:(?:from|low_priority|quick|ignore|only)\s+)*{_NAME}", re.IGNORECASE)
_UPDATE = re.compile(rf"update\s+(?:(?:low_priority|ignore|only)\s+)*{_NAME}", re.IGNORECASE)
_TRUNCATE = re.compile(rf"truncate\s+(?:(?:table|only)\s+)*{_NAME}", re.IGNORECASE)
_ALTER = re.compile(rf"alter\s+(?P<kind>\w+)\s+(?:(?:if\s+exists|only)\s+)*{_NAME}", re.IGNORECASE)
_WHERE = re.compile(r"\bwhere\b(?P<condition>.*)", re.IGNORECASE | re.DOTALL)
_ALWAYS = re.compile(
    r"\s*\(?\s*(?:(\d+)\s*=\s*\1|true|1|''\s*=\s*''|not\s+false|1\s*<>\s*0)\s*\)?\s*(?:;|$|\bor\b)", re.IGNORECASE
)
_LIMIT = re.compile(r"\blimit\s+\d+", re.IGNORECASE)
_WITH = re.compile(r"\b(delete|update|insert|truncate|drop)\b", re.IGNORECASE)


def statements(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the statements of `text`."""
    cleaned = _NOISE.sub(lambda found: "''" if found[0][0] == "'" else " ", text[:LONGEST])
    for each in re.split(r";|\bGO\b|\\g\b|\\G\b", cleaned):
        statement = each.strip().lstrip("(")
        if statement:
            yield _one(statement)


def _one(statement: str) -> tuple[str, str, str]:
    verb = re.match(r"\\?\w+", statement)
    word = verb[0].lower() if verb else ""
    if (
        word in ("with", "explain")
        and (found := _WITH.search(statement))
        and (word == "with" or "analyze" in statement.lower())
    ):
        statement, word = statement[found.start() :], found[1].lower()
    if word == "drop" and (found := _DROP.match(statement)):
        return "drop", found["kind"].lower(), _bare(found["name"])
    if word == "truncate" and (found := _TRUNCATE.match(statement)):
        return "truncate", "all", _bare(found["name"])
    if word in ("delete", "update") and (found := (_DELETE if word == "delete" else _UPDATE).match(statement)):
        return word, "where" if _bounded(statement) else "all", _bare(found["name"])
    if word == "alter" and (found := _ALTER.match(statement)):
        drops = re.search(r"\bdrop\b", statement[found.end() :], re.IGNORECASE)
        return "alter", "drop" if drops else found["kind"].lower(), _bare(found["name"])
    words = statement.split(None, 2)
    return word, words[1].lower() if len(words) > 1 else "", _bare(words[2].split()[0]) if len(words) > 2 else ""  # noqa: PLR2004 - a third


def _bounded(statement: str) -> bool:
    where = _WHERE.search(statement)
    return bool(_LIMIT.search(statement)) if not where else not _ALWAYS.match(where["condition"])


def _bare(name: str) -> str:
    return name.strip('`"[]();')
