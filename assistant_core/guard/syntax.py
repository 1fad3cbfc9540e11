"""A line → its parts, by tree-sitter's grammar of bash; by `tokens` where that grammar finds an error.

In: text. Out: `tree.Node`. Never raises; what is nested deeper than the bound is `Unread`.
"""

import functools
import re
import time
from collections.abc import Callable, Mapping

import tree_sitter
import tree_sitter_bash

from assistant_core.guard import tokens
from assistant_core.guard.tree import (
    NOTHING,
    Background,
    Command,
    Function,
    Group,
    Loop,
    Node,
    Pipeline,
    Redirect,
    Sequence,
    Unread,
)  # fmt: skip

DEEPEST = 60  # nested nodes of the grammar that lead to a command
LONGEST = 80_000  # characters
LONGEST_PARSED = 4_096  # characters, for the grammar: it takes quadratic time over runs of one operator
LONGEST_UNTIMED = 256  # characters
MOST_PARSING = 0.015  # seconds of the processor for one line; a valid one of LONGEST_PARSED takes 0.002, others up to 1

# The grammar's scanner looks characters up in tables of the C library that end at 255: a character far beyond ends the
# process (`{` before U+9D633). To a shell all of them are letters; one byte each, so that offsets are of characters.
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_PLAIN = re.compile(r"[ \t]*[\w./,@%+:-][\w./,:@%+= \t-]*")
_XONSH = re.compile(r"(?:^|[\s=(])(?:!\(|[$!]\[(?!\[))")  # commands within xonsh code
_KEYWORDS = frozenset(
    [
        "if",
        "then",
        "else",
        "elif",
        "fi",
        "for",
        "while",
        "until",
        "do",
        "done",
        "case",
        "esac",
        "select",
        "function",
        "time",
        "coproc",
        "in",
    ]
)
_ASSIGNED = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=")


def deadline() -> float:
    """Return until when the grammar may be asked about a line whose reading begins now, on the thread's own clock."""
    return time.thread_time() + MOST_PARSING


def parse(text: str, until: float | None = None) -> Node:
    """Return the parts of `text`; after `until`, or else `deadline`, as `tokens` reads it."""
    if len(text) > LONGEST:
        return Unread()
    if _PLAIN.fullmatch(text):
        words = text.split()
        if "=" not in words[0] and words[0] not in _KEYWORDS:
            return Command(tuple(words))
    text = text.replace("\0", "")  # as shells do
    if len(text) > LONGEST_PARSED or _XONSH.search(text):
        return tokens.parse(text)
    root = _root((text if text.isascii() else _FOREIGN.sub("z", text)).encode(), until)
    if not root or root.has_error:
        return tokens.parse(text)
    return _Reader(text).sequence(root, 0)


def _root(source: bytes, until: float | None) -> tree_sitter.Node | None:
    """Return the root of the parse; None where that would take too long.

    Every text has a parser of its own: one that two threads use ends the process, and one that an exception stopped
    goes on with the old text when it is asked about the next.
    """
    parser = tree_sitter.Parser(_language())
    if len(source) <= LONGEST_UNTIMED:
        return parser.parse(source).root_node
    end = until or deadline()
    if time.thread_time() > end:
        return None
    try:
        tree = parser.parse(lambda at, _: source[at:], progress_callback=lambda _, __: time.thread_time() > end)
    except ValueError:  # stopped
        return None
    except SystemError as error:  # what tree-sitter makes of Ctrl-C in the second function once it came in the first
        raise error.__cause__ or error from None
    return tree.root_node


@functools.cache
def _language() -> tree_sitter.Language:
    return tree_sitter.Language(tree_sitter_bash.language())


class _Reader:
    """Turns the nodes of one parse into ours."""

    def __init__(self, source: str) -> None:
        self._source = source

    def text(self, node: tree_sitter.Node) -> str:
        return self._source[node.start_byte : node.end_byte]

    def node(self, node: tree_sitter.Node, depth: int) -> Node:
        if depth > DEEPEST:
            return Unread()
        read = _READERS.get(node.type)
        return read(self, node, depth + 1) if read else self.sequence(node, depth + 1)

    def sequence(self, node: tree_sitter.Node, depth: int) -> Node:
        """Return the commands in a list of any kind; what runs beside the rest is marked so."""
        if depth > DEEPEST:
            return Unread()
        items: list[Node] = []
        for child in self._flat(node):
            kind = child.type
            if kind == "&" and items:
                items[-1] = Background(items[-1])
            elif kind in _READERS or (child.is_named and child.child_count and kind not in _WORDS):
                items.append(self.node(child, depth))
            elif kind in _WORDS and child.child_count:
                items.append(Command((":", self.text(child))))
        return items[0] if len(items) == 1 else Sequence(tuple(items)) if items else NOTHING

    def _flat(self, node: tree_sitter.Node) -> list[tree_sitter.Node]:
        """Return the children of a list; the grammar nests `a && b && c` to the left, as deep as the list is long."""
        children = node.children
        if node.type != "list":
            return children
        groups = [children[1:]]
        while children[0].type == "list":
            children = children[0].children
            groups.append(children[1:])
        return [children[0], *(child for group in reversed(groups) for child in group)]

    def command(self, node: tree_sitter.Node, _: int) -> Node:
        words: list[str] = []
        assignments: list[tuple[str, str]] = []
        redirects: list[Redirect] = []
        end = -1
        for child in node.children:
            kind = child.type
            if kind == "variable_assignment":
                assignments.append(self._assignment(child))
            elif kind in _REDIRECTS:
                redirects += self._redirect(child)
            elif child.start_byte == end and words:  # the grammar takes `$1/$2` for two words
                words[-1] += self.text(child)
            elif kind not in _BRACKETS:
                words.append(self.text(child))
            end = child.end_byte
        extra = tuple(each.target for each in redirects if each.operator == "word")
        redirects = [each for each in redirects if each.operator != "word"]
        return Command((*words, *extra), tuple(assignments), tuple(redirects))

    def assignment(self, node: tree_sitter.Node, _: int) -> Node:
        return Command((), (self._assignment(node),))

    def _assignment(self, node: tree_sitter.Node) -> tuple[str, str]:
        name, _, value = self.text(node).partition("=")
        return name, value

    def words(self, node: tree_sitter.Node, _: int) -> Node:
        """Return a test or arithmetic as a command that only has its words expanded."""
        return Command((":", *(self.text(child) for child in node.children if child.child_count)))

    def pipeline(self, node: tree_sitter.Node, depth: int) -> Node:
        return Pipeline(tuple(self.node(child, depth) for child in node.children if child.is_named))

    def redirected(self, node: tree_sitter.Node, depth: int) -> Node:
        body = node.child_by_field_name("body")
        inner = self.node(body, depth) if body else Command(())
        redirects: list[Redirect] = []
        after: list[tree_sitter.Node] = []
        for child in node.children:
            if child.type in _REDIRECTS:
                redirects += self._redirect(child)
                after += [each for each in child.children if child.type == "heredoc_redirect" and each.type in _AFTER]
        whole = _with(inner, tuple(redirects))
        for each in after:
            follows = self.node(each, depth)
            piped = each.type == "pipeline"
            whole = Pipeline((whole, *(follows.stages if isinstance(follows, Pipeline) else (follows,)))) \
                if piped else Sequence((whole, follows))  # fmt: skip
        return whole

    def _redirect(self, node: tree_sitter.Node) -> list[Redirect]:
        if node.type == "heredoc_redirect":
            return self._heredoc(node)
        fd, operator, targets = "", "<<<" if node.type == "herestring_redirect" else "", []
        for child in node.children:
            if child.type == "file_descriptor":
                fd = self.text(child)
            elif child.is_named:
                targets.append(self.text(child))
            else:
                operator = child.type
        return (
            [Redirect(operator, fd, targets[0]), *(Redirect("word", "", each) for each in targets[1:])]
            if targets
            else []
        )

    def _heredoc(self, node: tree_sitter.Node) -> list[Redirect]:
        found, body, start = [], "", ""
        for child in node.children:
            if child.type == "heredoc_body":
                body = self.text(child)
            elif child.type == "heredoc_start":
                start = self.text(child)
            elif child.type in _REDIRECTS:
                found += self._redirect(child)
            elif child.type in _WORDS:
                found.append(Redirect("word", "", self.text(child)))
        return [Redirect("<<", "", body, quoted=not start.isalnum()), *found]

    def group(self, node: tree_sitter.Node, depth: int) -> Node:
        return Group(self.sequence(node, depth), subshell=node.type == "subshell")

    def loop(self, node: tree_sitter.Node, depth: int) -> Node:
        name, words = "", list[str]()
        body: Node = NOTHING
        for child in node.children:
            if child.type == "variable_name":
                name = self.text(child)
            elif child.type in ("do_group", "compound_statement"):
                body = self.sequence(child, depth)
            elif child.is_named:
                words.append(self.text(child))
        return Loop(name, tuple(words), body)

    def while_(self, node: tree_sitter.Node, depth: int) -> Node:
        condition = node.child_by_field_name("condition")
        text = self.text(condition) if condition else ""
        endless = text in (("true", ":", "1") if node.children[0].type == "while" else ("false",))
        return Loop("", (), self.sequence(node, depth), endless)

    def function(self, node: tree_sitter.Node, depth: int) -> Node:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        return Function(self.text(name) if name else "", self.node(body, depth) if body else NOTHING)


def _with(node: Node, redirects: tuple[Redirect, ...]) -> Node:
    if isinstance(node, Command):
        extra = tuple(each.target for each in redirects if each.operator == "word")
        kept = tuple(each for each in redirects if each.operator != "word")
        return node._replace(words=(*node.words, *extra), redirects=(*node.redirects, *kept))
    if isinstance(node, Pipeline) and redirects:
        return Pipeline((*node.stages[:-1], _with(node.stages[-1], redirects)))
    return Group(node, redirects) if redirects else node


_BRACKETS = frozenset(("(", ")"))
_REDIRECTS = frozenset(("file_redirect", "heredoc_redirect", "herestring_redirect"))
_AFTER = frozenset(("pipeline", "command", "list", "redirected_statement"))
_WORDS = frozenset(
    (
        "word", "string", "raw_string", "ansi_c_string", "concatenation", "simple_expansion", "expansion", "number",
        "command_substitution", "process_substitution", "arithmetic_expansion", "brace_expression", "translated_string",
        "extglob_pattern", "regex", "array", "test_operator", "binary_expression", "unary_expression",
        "parenthesized_expression", "comment", "variable_name", "postfix_expression", "ternary_expression",
    )
)  # fmt: skip

_READERS: Mapping[str, Callable[[_Reader, tree_sitter.Node, int], Node]] = {
    "command": _Reader.command,
    "declaration_command": _Reader.command,
    "unset_command": _Reader.command,
    "variable_assignment": _Reader.assignment,
    "test_command": _Reader.words,
    "pipeline": _Reader.pipeline,
    "redirected_statement": _Reader.redirected,
    "subshell": _Reader.group,
    "compound_statement": _Reader.group,
    "for_statement": _Reader.loop,
    "select_statement": _Reader.loop,
    "c_style_for_statement": _Reader.while_,
    "while_statement": _Reader.while_,
    "function_definition": _Reader.function,
    "list": _Reader.sequence,
    "if_statement": _Reader.sequence,
    "case_statement": _Reader.sequence,
    "negated_command": _Reader.sequence,
}
