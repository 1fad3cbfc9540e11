"""The blocks of a document → rows: the sentence before a command asks for it; several commands are a session.

Readers of documents turn their format into blocks: headings, paragraphs, code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from training.corpus import lines
from training.records import Row, Task

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

LONGEST = 200  # characters of a request
FEWEST = 2  # words of a request; fewer are taken together with the heading
# "To list them, run:" and "List them with the following command:" → what is to be done.
_TO = re.compile(
    r"(?:in order )?to (?P<what>.+?),? (?:please )?"
    r"(?:(?:you|one|we) (?:can|may|could|should|must|need to) |simply |just |then )*"
    r"(?:run|use|type|execute|enter|issue|do|invoke|call|try)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_TAIL = re.compile(
    r",?\s*(?:\bby (?:running|executing|typing|using)\b.*"
    r"|\b(?:with|by|using|via|with the help of|as follows|like this|like so|e\.g\.|for example|for instance)\b"
    r"(?:\s+(?:the\s+)?(?:following|this|these)(?:\s+(?:commands?|lines?|steps?))?)?)\s*$",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:(?:try|just|simply|and|then|or|now|first|next|finally|alternatively|for|an?|the|run|type|use|usage|do|execute|example|instance"
    r"|following|commands?|lines?|this|these|it|like|so|as|root|outputs?)\b|[\s,.:;])*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


class Block(NamedTuple):
    """A piece of a document. `shell`: whether code is said to be of a shell; None where nothing is said."""

    kind: Literal["heading", "text", "code"]
    text: str
    shell: bool | None = None


class Origin(NamedTuple):
    """Where the rows of a document come from."""

    source: str
    licence: str
    group: str


def rows(
    blocks: Iterable[Block], origin: Origin, *, root: bool = False, programs: Container[str] = frozenset()
) -> Iterator[Row]:
    """Yield the rows of a document. `root` and `programs` are those of lines.commands."""
    heading = before = ""
    for block in blocks:
        if block.kind == "heading":
            heading, before = block.text, ""
        elif block.kind == "text":
            before = block.text
        else:
            said = lines.commands(block.text, shell=block.shell, root=root, programs=programs)
            yield from _rows(said, purpose(heading, before), origin)
            heading = before = ""  # what comes next is something else


def _rows(said: list[lines.Said], wanted: str, origin: Origin) -> Iterator[Row]:
    if len(said) == 1 and not said[0].comment:
        said = [said[0]._replace(comment=wanted)]
    for each in said:
        if request := purpose("", each.comment):
            yield _row("request", (request, each.line), origin)
            yield _row("explain", (each.line, request), origin)
        elif len(said) == 1:
            yield _row("line", (each.line,), origin)
    if len(said) > 1:
        yield _row("session", tuple(each.line for each in said), origin)


def purpose(heading: str, prose: str) -> str:
    """Return what the command after `prose` is for, as one would ask for it; "" where nothing says it."""
    sentences = _SENTENCE.split(" ".join(prose.split()))
    what = _plain(sentences[-1])
    if len(what.split()) < FEWEST:
        title = " ".join(heading.split()).rstrip(".:")
        what = f"{title}: {what}" if what and title else title
    return what if len(_WORD.findall(what)) >= FEWEST and len(what) <= LONGEST else ""


def _plain(sentence: str) -> str:
    """Return a sentence without "to", "run the following" and the like."""
    sentence = re.sub(r"^(?:[-*•]|\d+[.)])\s+", "", sentence).rstrip(" .:;")
    if found := _TO.fullmatch(sentence):
        sentence = found["what"]
    sentence = _TAIL.sub("", sentence).strip(" ,.:;")
    if _FILLER.fullmatch(sentence):
        return ""
    return sentence[:1].upper() + sentence[1:]


def _row(task: Task, texts: tuple[str, ...], origin: Origin) -> Row:
    return Row(task=task, texts=texts, source=origin.source, licence=origin.licence, group=origin.group)
