"""The term of a list item in a manual page → the names that it explains and whether they take an argument.

In: `-f ARCHIVE, --file=ARCHIVE`, `--[no-]verify`, `-Olevel` (with the argument in italics), `if=FILE`, `start
UNIT...`. Out: names as they are typed on a command line, and one of "none", "optional" (attached only) and "required"
for them all.
"""

from __future__ import annotations

import re
from typing import Literal

from assistant_core.knowledge.escapes import ITALIC, ROMAN, plain

Argument = Literal["none", "optional", "required"]
MAX_TERM = 300
_MAX_WORDS = 8  # of a term that is no option; longer ones are sentences

_MARK = f"[{ITALIC}{ROMAN}]*"
_SEPARATOR = re.compile(
    rf",\s*(?={_MARK}[-+])|\s*\|\s*(?={_MARK}[-+])|\s+or\s+|\s*/\s*(?=[-+])|\s+(?={_MARK}[-+]+[\w?#-])|\n"
)
_NAME = r"--?\[no-?\][A-Za-z0-9][\w-]*|--?(?:<\w+>|[A-Za-z0-9?@#%!$^:.*,][\w.:+-]*)|--|-(?=$|[\s,])|\+[A-Za-z]\w*"
_NUMBER = rf"-{ITALIC}\w+{ROMAN}"  # `-NUM` with the number in italics
_OPTION = re.compile(rf"[\[{{(<'\"\u2018\u201c`{ITALIC}{ROMAN}]*({_NAME}|{_NUMBER})(?=$|[^\w-])")
_FENCED_OPTION = re.compile(r"(?:\w+|[({\[].*?[)}\]])\s+(-\w[\w-]*)\s+\w+$")  # find's `expr1 -o expr2`
_WORD = re.compile(r"[A-Za-z0-9@:!.\[({][\w.:+@\[-]*=?")
_BULLET = re.compile(r"[•○□·*o+\u2013\u2014-]|\(?\d+[.):]?\)?|[a-z][.)]")
_ASIDE = re.compile(r"[,.:;)\]}>'\"\u2019\u201d`|]*\s*(?:\(.*)?$", re.DOTALL)


def names(term: str) -> tuple[tuple[str, ...], Argument]:
    """Return the names in `term` and what argument they take; no names if it explains no option and no word."""
    term = term.strip()[:MAX_TERM].replace("\\-", "-")  # xargs(1) escapes a backslash too many
    if not term or _BULLET.fullmatch(plain(term)):
        return (), "none"
    return _options(term) or _fenced(term) or _words(term)


def option_names(term: str) -> tuple[tuple[str, ...], Argument]:
    """Like `names`, for a term that counts only if it begins with an option."""
    return _options(term.strip()[:MAX_TERM]) or ((), "none")


def is_sentence(text: str) -> bool:
    """Whether the text ends like prose: with a colon, a semicolon or a full stop that is no ellipsis."""
    return re.search(r"(?:[:;]|[^.]\.)\s*$", plain(text)) is not None


def is_word(term: str) -> bool:
    """Whether a term is one word and what it takes, such as `start UNIT...`: the rest is in italics or an aside."""
    bare = re.sub(rf"{ITALIC}[^{ROMAN}]*{ROMAN}|\(.*|\[.*", "", term)
    parts = re.split(r",|\bor\b|\|", bare)
    return not is_sentence(term) and all(len(re.findall(r"\w[\w-]*", part)) <= 1 for part in parts)


def _options(term: str) -> tuple[tuple[str, ...], Argument] | None:
    found: dict[str, None] = {}
    arguments: set[Argument] = set()
    for part in _SEPARATOR.split(term):
        match = _OPTION.match(part.strip())
        if match is None:
            if not found:
                return None
            arguments.add(_argument(part))
            continue
        found.update(dict.fromkeys(_spellings(match[1])))
        arguments.add(_argument(part.strip()[match.end() :]))
    return tuple(found), _strongest(arguments)


def _spellings(name: str) -> list[str]:
    if ITALIC in name:
        bare = plain(name)
        return [bare if bare.isupper() else f"-<{bare[1:]}>"]
    bare = name if name in {"-", "--"} else name.rstrip(".:,") or name
    if "[no" not in bare:
        return [bare]
    dashes, _, rest = bare.partition("[")
    return [dashes + rest.partition("]")[2], f"{dashes}no-{rest.partition(']')[2]}"]


def _argument(rest: str) -> Argument:
    """Tell the argument by what follows the name: nothing or an aside, `[=WHEN]`, or `=FILE`, ` FILE`."""
    text = plain(rest)
    if _ASIDE.fullmatch(text):
        return "none"
    return "optional" if re.match(r"\s?\[[^\]]*\](?:\.\.\.)?\W*$", text) else "required"


def _strongest(arguments: set[Argument]) -> Argument:
    return "required" if "required" in arguments else "optional" if "optional" in arguments else "none"


def _fenced(term: str) -> tuple[tuple[str, ...], Argument] | None:
    match = _FENCED_OPTION.fullmatch(plain(term))
    return ((match[1],), "none") if match else None


def _words(term: str) -> tuple[tuple[str, ...], Argument]:
    text = re.sub(r"(?<=\S)\s*(?:\(.*|\[[^=]*\]$)", "", plain(term))
    if len(text.split()) > _MAX_WORDS or is_sentence(text):
        return (), "none"
    parts = re.split(r"\s*[,|\n]\s*|\s+or\s+", text)
    heads = [match[0] for part in parts if (match := _WORD.match(part))]
    return tuple(dict.fromkeys(heads)), "required" if len(text.split()) > len(parts) else "none"
