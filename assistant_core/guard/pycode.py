"""Python code → the commands in it, read with `ast`.

In: code with literal arguments, and the walker. Out: commands put to the walker. Values are followed through
assignments, joins, formatting and a few functions on paths; what else there is, is unknown. Nothing is imported or run.
"""

import ast
import base64
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Mapping
from typing import Literal

from assistant_core.guard.paths import EMPTY, UNKNOWN
from assistant_core.guard.walker import Walker
from assistant_core.guard.words import SPLIT

LONGEST = 50_000  # characters
DEEPEST = 40  # expressions within expressions
Value = str | list[str]

SCRIPT, ENVIRONMENT = "xonsh_script", "xonsh_environ"  # names that stand for xonsh's own syntax

# What a call amounts to: words, in which {0} is the first argument, {self} the object.
_CALLS: Mapping[str, tuple[str, ...]] = {
    "shutil.rmtree": ("rm", "-r", "{0}"),
    "os.remove": ("<code-delete>", "{0}"),
    "os.unlink": ("<code-delete>", "{0}"),
    "os.rmdir": ("rmdir", "{0}"),
    "os.removedirs": ("rmdir", "{0}"),
    "os.mkdir": ("mkdir", "{0}"),
    "os.makedirs": ("mkdir", "{0}"),
    "Path.mkdir": ("mkdir", "{self}"),
    "Path.touch": ("touch", "{self}"),
    "os.truncate": (">", "{0}"),
    "os.rename": ("mv", "{0}", "{1}"),
    "os.replace": ("mv", "{0}", "{1}"),
    "shutil.move": ("mv", "{0}", "{1}"),
    "shutil.copy": ("cp", "{0}", "{1}"),
    "shutil.copyfile": ("cp", "{0}", "{1}"),
    "os.chmod": ("chmod", "777", "{0}"),
    "os.chown": ("chown", "x", "{0}"),
    "Path.unlink": ("<code-delete>", "{self}"),
    "Path.rmdir": ("rmdir", "{self}"),
    "Path.rmtree": ("rm", "-r", "{self}"),
    "Path.write_text": (">", "{self}"),
    "Path.write_bytes": (">", "{self}"),
}
_SHELL = frozenset(
    (
        "os.system",
        "os.popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "commands.getoutput",
        "execx",
        "evalx",
    )
)
_PROCESS = frozenset(f"subprocess.{name}" for name in ("run", "call", "Popen", "check_call", "check_output"))
_EXEC = re.compile(r"os\.(exec|spawn)[lvpe]+|pty\.spawn|(?:[\w.]+\.)?subproc_\w+")
_SEEN_THROUGH = frozenset(sys.stdlib_module_names)  # what they do to files is in the tables above
_SAME = frozenset(("sorted", "list", "reversed", "set", "tuple"))  # give the elements of their first argument
_LISTS = re.compile(r"(?:os\.(walk|listdir|scandir)|glob\.i?glob|Path\.(iterdir|rglob|glob|walk))")


def walk(code: str, walker: Walker) -> None:
    """Walk the commands in Python code; code that is not Python is left to the patterns."""
    from assistant_core.guard import inline  # noqa: PLC0415 - both are walked by the other

    tree = parsed(textwrap.dedent(code[:LONGEST]))
    if tree is None:
        inline.walk("python", code, walker)
        return
    if "socket" in code or "fork" in code:
        inline.walk("python", code, walker)
    Reader(walker).walk(tree)


def parsed(code: str, mode: Literal["exec", "eval"] = "exec") -> ast.AST | None:
    """Return the tree of Python code; None where it is not Python. What Python has to say about it is not printed."""
    with warnings.catch_warnings(action="ignore"):
        try:
            return ast.parse(code, mode=mode)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


class Reader:
    """Follows the statements of a module in order."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._names: dict[str, str] = {}  # what a name was imported as
        self._left = 2_000  # nodes
        self._deep = 0

    def walk(self, tree: ast.AST) -> None:
        """Walk every statement and call below `tree`."""
        waiting = [tree]
        while waiting and self._left > 0:
            self._left -= 1
            node = waiting.pop()
            self._visit(node)
            children = list(ast.iter_child_nodes(node))
            if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
                children = [*node.generators, node.elt]
            waiting += reversed(children)

    def _visit(self, tree: ast.AST) -> None:
        if isinstance(tree, ast.Import):
            self._names |= {each.asname or each.name: each.name for each in tree.names}
        elif isinstance(tree, ast.ImportFrom):
            self._names |= {each.asname or each.name: f"{tree.module}.{each.name}" for each in tree.names}
        elif isinstance(tree, ast.Assign):
            self._assign(tree.targets, tree.value)
        elif isinstance(tree, ast.For | ast.comprehension):
            self._assign([tree.target], tree.iter)
        elif isinstance(tree, ast.Call):
            self._call(tree)

    def _assign(self, targets: list[ast.expr], node: ast.expr) -> None:
        found = self.value(node)
        is_path = isinstance(node, ast.Call | ast.BinOp) and self.name(node) == "Path"  # or a list of them
        for target in targets:
            text = found if isinstance(found, str) else SPLIT.join(found)
            if isinstance(target, ast.Name):
                self._walker.assign(target.id, text)
                if is_path:
                    self._names[target.id] = "Path"
            elif isinstance(target, ast.Tuple):
                for index, each in enumerate(target.elts):
                    if isinstance(each, ast.Name):
                        self._walker.assign(each.id, text if not index else "*")
            elif isinstance(target, ast.Subscript) and self.name(target.value) == "aliases":
                with self._walker.report.later():
                    self._walker.script(text.replace(SPLIT, " "))
            elif isinstance(target, ast.Attribute) and self.name(target.value) == ENVIRONMENT:
                self._walker.assign(target.attr, text)

    def name(self, node: ast.AST) -> str:
        """Return the dotted name of what is called: imports are followed, a pathlib object is `Path`."""
        self._deep += 1
        try:
            return self._named(node) if self._deep < DEEPEST else ""
        finally:
            self._deep -= 1

    def _named(self, node: ast.AST) -> str:
        if isinstance(node, ast.Name):
            return self._names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.name(node.value)
            return f"{owner}.{node.attr}" if owner else node.attr
        if isinstance(node, ast.Call):
            return self._made(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.name(node.left)
        return ""

    def _made(self, node: ast.Call) -> str:
        """Return the name of what a call makes."""
        by = self.name(node.func)
        if by in _SAME and node.args:
            return self.name(node.args[0])
        if by == "__import__" and node.args:
            found = self.value(node.args[0])
            return found if isinstance(found, str) else ""
        made_path = by.rsplit(".", 1)[-1] in ("Path", "PosixPath") or by.startswith(("Path.", "pathlib.Path."))
        return "Path" if made_path else ""

    def _call(self, node: ast.Call) -> None:
        name = self.name(node.func).replace("pathlib.Path", "Path")
        if name == SCRIPT:
            self._walker.script(self._text(node, 0), keep=True)
        elif name in _SHELL or (name in _PROCESS and self._as_text(node)):
            self._walker.script(self._text(node, 0))
        elif name in _PROCESS or _EXEC.fullmatch(name):
            self._run(node)
        elif name in {"open", "io.open", "Path.open"}:
            self._open(node, name)
        elif name in ("exec", "eval", "compile") and node.args:
            self._nested(node)
        elif form := _CALLS.get(name):
            owner = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            fill = {
                "{0}": self._text(node, 0),
                "{1}": self._text(node, 1),
                "{self}": owner if isinstance(owner, str) else UNKNOWN,
            }
            self._walker.run([part for word in form for part in fill.get(word, word).split(SPLIT)])
        elif name.partition(".")[0] in self._names.values() and name.partition(".")[0] not in _SEEN_THROUGH:
            self._walker.report.effect("EXEC")

    def _as_text(self, node: ast.Call) -> bool:
        shell = any(each.arg == "shell" for each in node.keywords)
        return shell or (bool(node.args) and isinstance(node.args[0], ast.Constant | ast.JoinedStr))

    def _run(self, node: ast.Call) -> None:
        found = [self.value(arg) for arg in node.args]
        words = [word for each in found for word in (each if isinstance(each, list) else [each])]
        if len(found) > 1 and isinstance(found[0], str) and isinstance(found[1], list):
            words = found[1]
        if words and re.fullmatch(r"(/\w+)*/?(ba|da|z|k)?sh", words[0]) and words[1:] in ([], ["-i"]):
            self._walker.judge(["<inline-shell>", *words])
        elif words:
            self._walker.run(words)

    def _open(self, node: ast.Call, name: str) -> None:
        mode = next((each.value for each in node.keywords if each.arg == "mode"), None)
        position = 0 if name == "Path.open" else 1
        found = self.value(mode) if mode else self._text(node, position) if len(node.args) > position else "r"
        if isinstance(found, str) and found[:1] in ("w", "x", "a"):
            owner = (
                self.value(node.func.value)
                if position == 0 and isinstance(node.func, ast.Attribute)
                else self._text(node, 0)
            )
            self._walker.judge([">" if found[0] == "w" else ">>", owner if isinstance(owner, str) else UNKNOWN])

    def _nested(self, node: ast.Call) -> None:
        argument = node.args[0]
        found = self.value(argument)
        if isinstance(found, str) and "\ue000" < found[:1] < "\uf000":
            self._walker.code("python", found)
            self._walker.judge(["<exec>", found])
        elif isinstance(found, str):
            walk(found, self._walker)

    def _text(self, node: ast.Call, index: int) -> str:
        found = self.value(node.args[index]) if index < len(node.args) else UNKNOWN
        return found if isinstance(found, str) else SPLIT.join(found)

    def value(self, node: ast.AST) -> Value:
        """Return the text of an expression, a list of texts, or unknown."""
        self._deep += 1
        self._left -= 1
        try:
            return self._valued(node) if self._deep < DEEPEST and self._left > 0 else UNKNOWN
        finally:
            self._deep -= 1

    def _valued(self, node: ast.AST) -> Value:  # noqa: C901 - a table of node types
        match node:
            case ast.Constant(value=bytes() as found):
                text: Value = found.decode("latin-1")
            case ast.Constant(value=found):
                text = str(found)
            case ast.Name(id=name):
                text = self._walker.variable(name).replace(EMPTY, UNKNOWN)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                text = [self._str(each) for each in elements]
            case ast.JoinedStr(values=parts):
                text = "".join(map(self._str, parts))
            case ast.FormattedValue(value=inner):
                text = self.value(inner)
            case ast.BinOp(op=ast.Add() | ast.Div()):
                text = self._str(node.left) + ("/" if isinstance(node.op, ast.Div) else "") + self._str(node.right)
            case ast.Attribute(attr=name) if self.name(node.value) == ENVIRONMENT:
                text = self._walker.variable(name)
            case ast.Subscript() if self.name(node.value) == "os.environ":
                text = self._walker.variable(self._str(node.slice))
            case ast.Call():
                text = self._called(node)
            case _:
                text = UNKNOWN
        return text

    def _str(self, node: ast.AST) -> str:
        found = self.value(node)
        return found if isinstance(found, str) else UNKNOWN

    def _called(self, node: ast.Call) -> Value:
        name = self.name(node.func).replace("pathlib.Path", "Path")
        texts = [self._str(arg) for arg in node.args]
        first = texts[0] if texts else ""
        if name == SCRIPT:
            return self._walker.output(first)
        if _LISTS.fullmatch(name):
            return self._listed(node, name, first)
        if name in _SAME and node.args:
            return self.value(node.args[0])
        if made := _VALUES.get(name):
            return made(first, texts, self._walker)
        if isinstance(node.func, ast.Attribute) and node.func.attr in (
            "decode",
            "strip",
            "encode",
            "resolve",
            "expanduser",
            "absolute",
            "split",
            "splitlines",
        ):
            found = self._str(node.func.value)
            return self._walker.home_of("") + found[1:] if found[:1] == "~" else found
        return UNKNOWN

    def _listed(self, node: ast.Call, name: str, first: str) -> str:
        base = (
            self._str(node.func.value) if name.startswith("Path.") and isinstance(node.func, ast.Attribute) else first
        )
        if name.startswith("glob"):
            return first
        return f"{base.rstrip('/')}/**" if name != "Path.glob" else f"{base}/{first}"


def _decode(first: str, _: list[str], __: Walker) -> str:
    try:
        return base64.b64decode(first).decode()
    except ValueError:
        return UNKNOWN


def _expanded(first: str, _: list[str], walker: Walker) -> str:
    return walker.home_of("") + first[1:] if first[:1] == "~" else first


_VALUES: Mapping[str, Callable[[str, list[str], Walker], Value]] = {
    "os.path.expanduser": _expanded,
    "os.path.join": lambda _, texts, __: "/".join(texts),
    "Path": lambda _, texts, __: "/".join(texts) or ".",
    **dict.fromkeys(("str", "os.fspath", "os.path.abspath"), lambda text, _, __: text),
    "Path.home": lambda _, __, walker: walker.home_of(""),
    "Path.cwd": lambda _, __, ___: ".",
    "os.getcwd": lambda _, __, ___: ".",
    "os.getenv": lambda first, _, walker: walker.variable(first),
    "os.environ.get": lambda first, _, walker: walker.variable(first),
    "tempfile.mkdtemp": lambda _, __, ___: "/tmp/tmp.mktemp",  # noqa: S108 - what it gives
    "base64.b64decode": _decode,
    "bytes.fromhex": lambda first, _, __: (
        bytes.fromhex(first).decode("latin-1") if re.fullmatch("(..)+", first) else UNKNOWN
    ),
    "shlex.split": lambda first, _, __: first.split(),
}
