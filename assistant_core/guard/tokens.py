"""A line → its parts, tolerantly: for lines that the grammar cannot read, xonsh's own syntax among them.

In: any text. Out: `tree.Node`, by one pass of a regular expression per character; brackets and keywords of the shell
separate commands, so nothing that could run is skipped. What is in quotes or in a substitution stays one word.
"""

import re

from assistant_core.guard.tree import (
    NOTHING,
    Background,
    Command,
    Function,
    Group,
    Node,
    Pipeline,
    Redirect,
    Sequence,
    Unread,
)  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\r?\n)|(?P<here><<-?[ \t]*(?P<q>['"\\]?)(?P<word>[\w.!-]+)['"]?)|(?P<comment>\#[^\n]*)"""
    r"""|(?P<redirect>\d{0,3}(?:&>>|&>|<<<|>>|>\||>&|<&|<>|>|<)(?!\())|(?P<pipe>\|&|\|(?!\|))"""
    r"""|(?P<end>&&|\|\||;;&?|;&|;|\n)|(?P<beside>&)|(?P<open>[({](?=[\s(])|\()|(?P<close>[)}](?=[\s;|&)]|$))"""
    r"""|(?P<text>.)""",
    re.DOTALL,
)
_WORD = re.compile(
    r"""'[^']*'?|\$'(?:[^'\\]|\\.)*'?|(?:\\.)+|(?P<double>\$?")|(?P<nested>[$<>@!]\(|\$\{|[$!]\[|@\$\(|`)"""
    r"""|[^\s'"\\$<>@!`;|&()]+|[$@!]""",
    re.DOTALL,
)
_DOUBLED = re.compile(r"""[^"\\$`]+|\\.|(?P<nested>\$\(|\$\{|`)|\$""", re.DOTALL)
DEEPEST = 40  # quotes within substitutions within quotes

MOST_OPEN = 200  # brackets of one kind
MOST_TOKENS = 4_000  # of one text

_BACKQUOTED = re.compile(r"(?:[^`\\]+|\\.)*", re.DOTALL)
_CLOSER = {"(": ")", "{": "}", "[": "]", "`": "`"}
_KEYWORDS = frozenset(
    [
        "if",
        "then",
        "else",
        "elif",
        "fi",
        "while",
        "until",
        "do",
        "done",
        "case",
        "esac",
        "!",
        "{",
        "}",
        "time",
        "coproc",
    ]
)
_ASSIGNED = re.compile(r"([A-Za-z_]\w*(?:\[[^\]]*\])?\+?)=(.*)", re.DOTALL)
_SEPARATES = frozenset(("and", "or"))  # xonsh's && and ||


def word_end(text: str, start: int) -> int:
    """Return where the word that begins at `start` ends: quotes and substitutions are of one piece."""
    position = start
    while found := _WORD.match(text, position):
        position = found.end()
        if found["double"]:
            position = double_end(text, position)
        elif found["nested"]:
            position = closing(text, position, _CLOSER[found["nested"][-1]])
    return position


def double_end(text: str, position: int, depth: int = 0) -> int:
    """Return the position after the double quote that closes the one before `position`."""
    while found := _DOUBLED.match(text, position):
        position = found.end()
        if found["nested"]:
            position = closing(text, position, _CLOSER[found["nested"][-1]], depth + 1)
    return min(position + 1, len(text))


def closing(text: str, position: int, closer: str, depth: int = 0) -> int:
    """Return the position after the bracket that closes what was opened before `position`; the end where none does."""
    if depth > DEEPEST:
        return len(text)
    if closer == "`":
        found = _BACKQUOTED.match(text, position)
        return min((found.end() if found else position) + 1, len(text))
    opener = {")": "(", "}": "{", "]": "["}[closer]
    pattern = _BRACKETED[closer]
    unclosed = 1
    while 0 < unclosed < MOST_OPEN and (found := pattern.search(text, position)):
        position = found.end()
        kind = found[0]
        if kind == closer:
            unclosed -= 1
        elif kind == opener:
            unclosed += 1
        elif kind == '"':
            position = double_end(text, position, depth)
    return position if not unclosed else len(text)


_BRACKETED = {
    closer: re.compile(rf"""'[^']*'|\\.|"|[{re.escape(pair)}]""", re.DOTALL)
    for closer, pair in ((")", "()"), ("}", "{}"), ("]", "[]"))
}


class _Tokens:
    """Gathers commands while the text is read."""

    def __init__(self) -> None:
        self.blocks: list[list[Node]] = [[]]  # of the open brackets, outermost first
        self.stages: list[list[Node]] = [[]]
        self.words: list[str] = []
        self.redirects: list[Redirect] = []
        self.pending: tuple[str, str] | None = None  # a redirection that waits for its word
        self.heres: list[tuple[str, bool, bool]] = []

    def word(self, text: str) -> None:
        if self.pending:
            self.redirects.append(Redirect(*self.pending, text))
            self.pending = None
        elif (text in _SEPARATES and self.words) or (text in _KEYWORDS and not self.words):
            self.end()
        elif text:
            self.words.append(text)

    def command(self) -> None:
        assignments = []
        while self.words and (found := _ASSIGNED.fullmatch(self.words[0])):
            assignments.append((found[1], found[2]))
            self.words.pop(0)
        if self.words or assignments or self.redirects:
            self.stages[-1].append(Command(tuple(self.words), tuple(assignments), tuple(self.redirects)))
        self.words, self.redirects, self.pending = [], [], None

    def end(self) -> None:
        self.command()
        stages, self.stages[-1] = self.stages[-1], []
        if stages:
            self.blocks[-1].append(stages[0] if len(stages) == 1 else Pipeline(tuple(stages)))

    def beside(self) -> None:
        self.end()
        if self.blocks[-1]:
            self.blocks[-1][-1] = Background(self.blocks[-1][-1])

    def open(self) -> None:
        if self.words or self.redirects:
            self.end()
        self.blocks.append([])
        self.stages.append([])

    def close(self) -> None:
        self.end()
        if len(self.blocks) > 1:
            items = self.blocks.pop()
            self.stages.pop()
            self.stages[-1].append(Group(Sequence(tuple(items))))


def parse(text: str) -> Node:
    """Return the parts of `text`, as well as they can be told."""
    tokens = _Tokens()
    position, left = 0, MOST_TOKENS
    while position < len(text) and left:
        position = _step(tokens, text, position)
        left -= 1
    while len(tokens.blocks) > 1:
        tokens.close()
    tokens.end()
    items = (*tokens.blocks[0], *(() if left else (Unread(),)))
    return items[0] if len(items) == 1 else Sequence(items) if items else NOTHING


def _step(tokens: _Tokens, text: str, position: int) -> int:
    """Take up the token at `position`; return where the next one begins."""
    found = _TOKEN.match(text, position)
    if not found or (kind := found.lastgroup) == "text" or (kind == "open" and tokens.words and found[0] == "{"):
        return _word(tokens, text, position)
    if found["here"]:
        tokens.heres.append((found["word"], bool(found["q"]), found["here"].startswith("<<-")))
        return found.end()
    if kind == "redirect":
        operator = found[0].lstrip("0123456789")
        tokens.pending = (operator, found[0].removesuffix(operator))
    elif kind == "open":
        return _open(tokens, text, found)
    elif kind in _ENDS:
        _ENDS[kind](tokens)
    return _here_text(tokens, text, found.end()) if found[0] == "\n" and tokens.heres else found.end()


_ENDS = {"pipe": _Tokens.command, "end": _Tokens.end, "beside": _Tokens.beside, "close": _Tokens.close}


def _open(tokens: _Tokens, text: str, found: re.Match[str]) -> int:
    """Begin a block, or a function's body where a name with `()` stands before it."""
    empty = re.compile(r"\(\s*\)").match(text, found.start())
    if empty and len(tokens.words) == 1:
        name = tokens.words.pop()
        tokens.blocks[-1].append(Function(name, NOTHING))
        return empty.end()
    tokens.open()
    return found.end()


def _word(tokens: _Tokens, text: str, position: int) -> int:
    end = word_end(text, position)
    if end == position:
        end = position + 1
    tokens.word(text[position:end])
    return end


def _here_text(tokens: _Tokens, text: str, position: int) -> int:
    """Give the texts that follow to the commands that wait for them; the last command of the line gets them all."""
    for word, quoted, indented in tokens.heres:
        indent = r"[ \t]*" if indented else ""
        found = re.compile(rf"^{indent}{re.escape(word)}[ \t]*\r?$", re.MULTILINE).search(text, position)
        body = text[position : found.start() if found else len(text)]
        position = min(found.end() + 1, len(text)) if found else len(text)
        tokens.blocks[-1].append(
            _fed(tokens.blocks[-1].pop() if tokens.blocks[-1] else Command(()), body, quoted=quoted)
        )
    tokens.heres = []
    return position


def _fed(node: Node, body: str, *, quoted: bool) -> Node:
    here = Redirect("<<", "", body, quoted)
    if isinstance(node, Command):
        return node._replace(redirects=(*node.redirects, here))
    if isinstance(node, Pipeline):
        return Pipeline((_fed(node.stages[0], body, quoted=quoted), *node.stages[1:]))
    return Group(node, (here,))
