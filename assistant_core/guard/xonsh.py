"""xonsh code → what is Python in it and what is a command: a line, a block, or an expression within a command.

In: text as typed, and the walker. Out: Python walked by `pycode`, commands by the walker. Commands within Python become
calls of a name that `pycode` knows, so that `ast` can read the rest.
"""

import ast
import re

from assistant_core.guard.paths import UNKNOWN
from assistant_core.guard.pycode import ENVIRONMENT, LONGEST, SCRIPT, Reader, parsed
from assistant_core.guard.tokens import closing
from assistant_core.guard.walker import Walker

_XONSH = re.compile(
    r"""(?P<open>@\$\(|[$!]\(|[$!]\[)|\bg`(?P<glob>[^`]*)`|`(?P<regex>[^`]*)`|\$\{\.\.\.\}|\$(?P<name>\w+)|\bp[fr]?(?=["'])|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
)
_PYTHON = re.compile(
    r"""[$!@]\(|[$!]\[|\bg`|^[ \t]*(?:import|from|def|class|with|for|if|while|try|del|assert|print|exec|return|async)"""
    r"""\b[^;|&]*[:(\s]"""
    r"""|^[ \t]*(?:\d|\[\w)|^[ \t]*[\w.\[\]'"]+[ \t]*=\s|\w\([bfr]{0,2}['"]|\w\(\w*\)"""
    r"""|^[ \t]*\$\w+[ \t]*=\s|\w\([\[$@!]""",
    re.MULTILINE,
)
MOST_LINES = 300  # of a block
_SHOWN = re.compile(r"\s*(?:[\w.]+\?\??|\$\w+(?:\[[^\]$@`]*\])?)\s*")  # `name?` and `$NAME`: printed
_STATEMENT = re.compile(r"""(?>[^;'"()\[\]{}]|'[^']*'|"(?:[^"\\]|\\.)*"|\([^()]*\)|\[[^\[\]]*\])*+;""")
_BEFORE = re.compile(r"[ \t]*(?:\$?[\w.]+(?:\[[^\]]*\])?[ \t]+=[ \t]|import\b|from\b|[\w.]+\()")
_STATEMENTS = (ast.Call, ast.Assign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Assert, ast.Delete, ast.ListComp)
_SUMS = (ast.Compare, ast.BinOp)
_HEADER = re.compile(r"[ \t]*(?:for|if|while|with|def|class|try|elif|else|except|finally|async)\b.*:\s*(?:#.*)?$")


def prepared(code: str) -> str:
    """Return xonsh code as Python: commands in it become calls, `$NAME` an attribute."""
    parts, position = [], 0
    while found := _XONSH.search(code, position):
        parts.append(code[position : found.start()])
        position = found.end()
        if found["open"]:
            end = closing(code, position, ")" if found["open"][-1] == "(" else "]")
            parts.append(f"{SCRIPT}({code[position : end - 1]!r})")
            position = end
        elif found["glob"] is not None or found["regex"] is not None:
            parts.append(repr(found["glob"] if found["glob"] is not None else found["regex"]))
        elif found["name"]:
            parts.append(f"{ENVIRONMENT}.{found['name']}" if not found["name"][0].isdigit() else found[0])
        elif found["text"] is not None:
            parts.append(found[0])
        elif found[0].startswith("$"):
            parts.append(ENVIRONMENT)
    return "".join(parts) + code[position:]


def walk(line: str, walker: Walker) -> bool:
    """Walk a line as xonsh's Python, if it is that; return whether it is."""
    if _SHOWN.fullmatch(line):
        walker.report.effect("READ")
        return True
    if len(line) > LONGEST or not _PYTHON.search(line):
        return False
    tree = parsed(prepared(line))
    if tree is not None and _is_python(tree):
        Reader(walker).walk(tree)
        return True
    return (_block if _is_block(line) else _mixed)(line, walker)


def _mixed(line: str, walker: Walker) -> bool:
    """Walk `x = 1; command`: Python, and after it what may be a command."""
    found = _STATEMENT.match(line) if _BEFORE.match(line) else None
    tree = parsed(prepared(found[0][:-1]).strip()) if found else None
    if not found or tree is None or not _is_python(tree):
        return False
    Reader(walker).walk(tree)
    rest = line[found.end() :].strip()
    if not walk(rest, walker):
        walker.script(rest, keep=True)
    return True


def _is_python(tree: ast.AST) -> bool:
    """Return whether the text means Python to xonsh: `ls -l`, too, is an expression."""
    nodes = list(ast.walk(tree))
    command = any(
        isinstance(each, ast.Expr) and isinstance(each.value, ast.Name | ast.BinOp | ast.UnaryOp) for each in nodes
    )
    if not any(isinstance(each, ast.Name) for each in nodes) and any(isinstance(each, _SUMS) for each in nodes):
        return True
    return not command and any(isinstance(each, _STATEMENTS) for each in nodes)


def _is_block(text: str) -> bool:
    first = text.partition("\n")[0]
    whole = not first.count('"') % 2 and not first.count("'") % 2 and "<<" not in first
    return "\n" in text and whole and any(map(_HEADER.match, text.split("\n")))


def _block(text: str, walker: Walker) -> bool:
    """Walk a block line by line: what is not Python is a command."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > MOST_LINES:
        walker.unread()
    for line in lines[:MOST_LINES]:
        header = _HEADER.match(line)
        stripped = prepared(line).strip()
        tree = (
            parsed(f"if 1: pass\n{stripped} pass" if re.match("el|ex|fin", stripped) else f"{stripped} pass")
            if header
            else None
        )
        if tree is not None:
            Reader(walker).walk(tree)
        elif not walk(line.strip(), walker):
            walker.script(line.strip(), keep=True)
    return True


def value(code: str, walker: Walker) -> str:
    """Return the value of an expression as the words it gives in a command."""
    tree = parsed(prepared(code).strip(), "eval")
    found = Reader(walker).value(tree.body) if isinstance(tree, ast.Expression) else UNKNOWN
    return "\ue003".join(found) if isinstance(found, list) else found
