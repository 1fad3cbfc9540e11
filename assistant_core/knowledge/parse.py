"""A command line → its pieces: commands with their words, and the signs between, around and within them.

tree-sitter-bash reads the line, after `xonsh` has masked what bash does not have. The parser never gives up: a line
with errors yields what was understood. Nothing is expanded or run. Bounded by MAX_LINE, MAX_PIECES, MAX_DEPTH; no
recursion.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import tree_sitter_bash
from tree_sitter import Language, Parser

from assistant_core.knowledge.operators import BUILTINS, REDIRECTIONS
from assistant_core.knowledge.pieces import Command, Sign, Word, word
from assistant_core.knowledge.xonsh import closings, hidden, mask

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

MAX_LINE = 4_096  # characters that are read
MAX_PIECES = 400
MAX_DEPTH = 12  # commands within commands

_LANGUAGE = Language(tree_sitter_bash.language())
_COMMANDS = frozenset({"command", "declaration_command", "unset_command", "test_command"})
_BLOCKS = frozenset({
    "subshell", "compound_statement", "if_statement", "while_statement", "for_statement", "c_style_for_statement",
    "case_statement", "function_definition", "command_substitution", "process_substitution",
})  # fmt: skip
_CLAUSES = frozenset({"do_group", "elif_clause", "else_clause", "case_item"})
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
_EXPANSIONS = frozenset({
    "simple_expansion", "expansion", "command_substitution", "process_substitution", "arithmetic_expansion",
})  # fmt: skip
_WORDS = _EXPANSIONS | frozenset({
    "word", "string", "raw_string", "concatenation", "number", "ansi_c_string", "translated_string",
    "variable_name", "variable_assignment", "brace_expression", "extglob_pattern", "regex", "test_operator",
    "special_variable_name",
})  # fmt: skip
_OPERATORS = frozenset({"|", "|&", "&&", "||", ";", "&", "!"})
_CAPTURES = frozenset({"$[", "![", "!("})
_METACHARACTERS = frozenset("()<>;&|\"'`")
_GLOB = re.compile(r"[*?]|\[[^\]\s]+\]")
_BRACES = re.compile(r"\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}")
_TILDE = re.compile(r"~[\w-]*(?:/|$)")


class Parsed(NamedTuple):
    """The pieces of a line. `complete` is false if a bound cut some off."""

    pieces: list[Command | Sign]
    complete: bool


def parse(line: str) -> Parsed:
    """Parse `line`, of which the first MAX_LINE characters are read."""
    read = line[:MAX_LINE]
    walk = _Walk(read)
    walk.run()
    if not any(isinstance(piece, Command) for piece in walk.pieces) and not walk.pieces:
        walk.pieces.extend(_by_spaces(read))
    return Parsed(walk.pieces, complete=walk.complete and len(line) <= MAX_LINE)


def _by_spaces(line: str) -> list[Command]:
    """Take a line that the grammar made nothing of for one command."""
    words = tuple(word(line, match.start(), match.end(), literal=True) for match in re.finditer(r"\S+", line))
    return [Command(words[:MAX_PIECES], 0)] if words else []


def _tree(text: str) -> Tree:
    """Parse, and where that fails, with the quote or bracket closed that is likely still being typed."""
    parser = Parser(_LANGUAGE)
    bare = hidden(text)
    ends = set(closings(bare).values())
    stray = "".join(" " if sign == ")" and i + 1 not in ends else text[i] for i, sign in enumerate(bare))
    open_ = text + ")" * min(max(bare.count("(") - bare.count(")"), 0), MAX_DEPTH)
    guesses = (text, text + "'", text + '"', open_, text + "`", text + "\ndone", text + "\nfi", stray)
    trees = (parser.parse(guess.encode("ascii")) for guess in guesses)
    first = next(trees)
    if not first.root_node.has_error:
        return first
    return next((tree for tree in trees if not tree.root_node.has_error), first)


class _Walk:
    def __init__(self, line: str) -> None:
        self.line = line
        self.pieces: list[Command | Sign] = []
        self.complete = True
        masked = mask(line)
        self.marks = dict(masked.marks)
        self.text = masked.text

    def run(self) -> None:
        """Visit the nodes in the order of the line."""
        todo: list[tuple[Node, int]] = [(_tree(self.text).root_node, 0)]
        while todo and len(self.pieces) < MAX_PIECES:
            node, depth = todo.pop()
            if depth > 2 * MAX_DEPTH:
                self.complete = False
                continue
            todo.extend(reversed(self._visit(node, depth)))
        self.complete = self.complete and not todo
        for mark in self.marks.values():  # those that no node stands for
            self._sign(mark.start, mark.end, 0 if mark.key in {"name=", "$=", "python"} else 1, mark.key)

    def _visit(self, node: Node, depth: int) -> list[tuple[Node, int]]:
        kind = node.type
        if kind in _COMMANDS or (kind == "redirected_statement" and node.children[0].type in _COMMANDS):
            return self._command(node, depth)
        if kind in _REDIRECTS:
            return self._redirect(node, depth + 1)
        if kind in _EXPANSIONS:
            return self._expansion(node, depth)
        if kind == "variable_assignment":
            return self._assignment(node, depth, "=")
        if kind == "comment":
            self._sign(node.start_byte, node.end_byte, depth, "#")
        elif kind == "function_definition":
            self._sign(node.start_byte, node.children[-1].start_byte, depth, "function")
        elif not node.children:
            self._leaf(node, depth)
        return self._below(node, depth)

    def _below(self, node: Node, depth: int) -> list[tuple[Node, int]]:
        """Return the nodes within; what stands in a block belongs a level deeper than the words that make the block."""
        if node.type in _BLOCKS:
            return [
                (child, depth if not child.children and not child.is_named else depth + 1) for child in node.children
            ]
        if node.type in _CLAUSES:
            return [
                (child, depth - 1 if not child.children and not child.is_named else depth) for child in node.children
            ]
        return [(child, depth) for child in node.children if child.type != "heredoc_body"]

    def _leaf(self, node: Node, depth: int) -> None:
        start, end, kind = node.start_byte, node.end_byte, node.type
        if mark := self.marks.pop(start, None):
            self._sign(mark.start, mark.end, depth, mark.key)
        elif start < end and self._is_sign(node):
            self._sign(start, end, depth, kind)
        elif kind == "word":
            self._patterns(start, end, [], depth)

    @staticmethod
    def _is_sign(node: Node) -> bool:
        """Whether a leaf is an operator, the opening of a group or a keyword."""
        parent = node.parent.type if node.parent else ""
        if node.type in {"(", "{"}:
            return parent in {"subshell", "compound_statement"}
        if node.type == "((":
            return True
        return not node.is_named and (node.type in _OPERATORS or (node.type in BUILTINS and node.type != "function"))

    def _sign(self, start: int, end: int, depth: int, key: str, target: str = "") -> None:
        if start < len(self.line):
            self.pieces.append(Sign(start, min(end, len(self.line)), depth, key, target))

    def _command(self, node: Node, depth: int) -> list[tuple[Node, int]]:
        nodes = _flat(node, keep_operators="test_command" in {node.type, node.children[0].type})
        named = False
        spans: list[tuple[int, int]] = []
        below: list[tuple[Node, int]] = []
        for child in nodes:
            if child.type in _REDIRECTS:
                below.append((child, depth))
            elif child.type == "variable_assignment" and not named:
                below.extend(self._assignment(child, depth + 1, "prefix="))
            elif child.start_byte < child.end_byte:
                named = True
                _extend(spans, child)
        expansions = [found for child in nodes if child.type in _WORDS for found in _expansions(child)]
        self._words(spans, expansions, depth)
        return below + [(found, depth + 1) for found in expansions]

    def _words(self, spans: list[tuple[int, int]], expansions: list[Node], depth: int) -> None:
        words: list[Word] = []
        patterns: list[tuple[int, int, list[Node]]] = []
        for start, end in ((start, min(end, len(self.line))) for start, end in spans if start < len(self.line)):
            inside = [found for found in expansions if start <= found.start_byte < end]
            masked = any(start <= offset < end for offset in self.marks)
            words.append(word(self.line, start, end, literal=not inside and not masked))
            patterns.append((start, end, inside))
        if words:
            self.pieces.append(Command(tuple(words), depth))
        for start, end, inside in patterns:
            self._patterns(start, end, inside, depth + 1)

    def _patterns(self, start: int, end: int, inside: list[Node], depth: int) -> None:
        """Write the signs of what is expanded in a word by its letters: patterns, braces, a home folder, calls."""
        for offset in [offset for offset in self.marks if start <= offset < end]:
            if self.marks[offset].key not in _CAPTURES:
                mark = self.marks.pop(offset)
                self._sign(mark.start, mark.end, depth, mark.key)
        bare = hidden(self.text[start:end])
        for found in inside:
            bare = (
                bare[: found.start_byte - start]
                + "_" * (found.end_byte - found.start_byte)
                + bare[found.end_byte - start :]
            )
        for key, pattern in (("glob", _GLOB), ("{,}", _BRACES)):
            if pattern.search(bare):
                self._sign(start, end, depth, key)
        if _TILDE.match(bare):
            self._sign(start, end, depth, "~")

    def _redirect(self, node: Node, depth: int) -> list[tuple[Node, int]]:
        children = node.children
        operator = next((child for child in children if child.type in REDIRECTIONS), None)
        after = [child for child in children if operator is not None and child.start_byte >= operator.end_byte]
        if operator is None or not after:
            return []
        start, end = node.start_byte, after[0].end_byte
        target = self.line[after[0].start_byte : end]
        key = f"{self.text[start : operator.start_byte]}{operator.type}"
        if key == "<" and self.text[:start].endswith("<<"):  # the grammar does not know `<<<` behind another one
            start, key = start - 2, "<<<"
        if mark := self.marks.pop(operator.start_byte, None):
            start, key = mark.start, mark.key
        if f"{key}{target}" in REDIRECTIONS:
            key = f"{key}{target}"
        key = key if key in REDIRECTIONS else operator.type
        self._sign(start, end, depth, key, target or "that is still to be named")
        within = after[1:] if node.type == "heredoc_redirect" else []
        below = [(child, depth - 1) for child in within if "heredoc" not in child.type]
        return [(found, depth + 1) for found in _expansions(after[0])] + below

    def _expansion(self, node: Node, depth: int) -> list[tuple[Node, int]]:
        start, end, kind = node.start_byte, node.end_byte, node.type
        mark = self.marks.pop(start, None)
        if mark is not None:
            key = mark.key
        elif kind == "simple_expansion":
            key = "$VAR"
        elif kind == "arithmetic_expansion":
            key = "$(("
        elif kind == "expansion":
            key = "${"
        else:
            key = "`" if self.text[start] == "`" else self.text[start : start + 2]
        if key == "$(" and self.text[start - 1 : start] == "@":
            start, key = start - 1, "@$("
        self._sign(start, end, depth, key)
        return [(child, depth + 1) for child in node.children if child.is_named and child.type != "variable_name"]

    def _assignment(self, node: Node, depth: int, key: str) -> list[tuple[Node, int]]:
        mark = self.marks.pop(node.start_byte, None)
        self._sign(mark.start if mark else node.start_byte, node.end_byte, depth, key)
        return [(found, depth + 1) for found in _expansions(node)]


def _is_leaf(node: Node) -> bool:
    """Whether the node is a word or sign of the grammar itself."""
    return not node.children and not node.is_named


def _flat(node: Node, *, keep_operators: bool) -> list[Node]:
    """Return the words, redirections and assignments of a command, out of the nodes that only group them."""
    found: list[Node] = []
    todo = list(reversed(node.children))
    while todo:
        child = todo.pop()
        if child.type in _WORDS:
            found.append(child)
        elif child.type in _REDIRECTS:
            found += [child, *_after_target(child)]
        elif child.children:
            todo.extend(reversed(child.children))
        elif keep_operators or not set(child.type) <= _METACHARACTERS:
            found.append(child)
    return found


def _after_target(redirect: Node) -> list[Node]:
    """Return the words that the grammar counts to a redirection but that are the command's: `ls > file -l`."""
    words = [child for child in redirect.children if child.type in _WORDS]
    return words[1:] if redirect.type == "file_redirect" else []


def _expansions(node: Node) -> list[Node]:
    """Return the expansions in a word, outermost only."""
    found: list[Node] = []
    todo = [node]
    while todo:
        child = todo.pop()
        if child.type in _EXPANSIONS:
            found.append(child)
        else:
            todo.extend(reversed(child.children))
    return found


def _extend(spans: list[tuple[int, int]], node: Node) -> None:
    """Add a word; one that begins where the last ends belongs to it."""
    if spans and spans[-1][1] == node.start_byte:
        spans[-1] = (spans[-1][0], node.end_byte)
    else:
        spans.append((node.start_byte, node.end_byte))
