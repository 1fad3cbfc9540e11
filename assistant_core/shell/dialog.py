"""The keys of the guard's question, and what each of them means.

In: a verdict, how strict to be, and a function that asks. Out: an answer. Whatever is not clearly another answer is No.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from assistant_core.shell.question import Read

if TYPE_CHECKING:
    from assistant_core.guard.policy import Scope

ROUNDS = 5  # of help and wrong scopes before it is No

_SCOPES: dict[str, "Scope"] = {
    "": "session",
    "o": "once",
    "once": "once",
    "s": "session",
    "session": "session",
    "p": "project",
    "project": "project",
    "a": "always",
    "always": "always",
}
_SCOPE = "Allow it [o]nce, in this [S]ession, in this [p]roject, [a]lways, or not (Ctrl-C)? "
_WORD = "Type yes to run it"


class Answer(NamedTuple):
    """What the user wants: `scope` only for "allow"."""

    word: Literal["no", "yes", "edit", "safer", "allow"] = "no"
    scope: "Scope | None" = None


def decide(read: Read, show: Callable[[str], object], *, by_word: bool, safer: bool) -> Answer:
    """Ask until there is an answer.

    `by_word`: running needs the word yes. `safer`: there is a safer line to take. `show` writes the help.
    """
    prompt = _prompt(by_word=by_word, safer=safer)
    for _ in range(ROUNDS):
        text = (read(prompt) or "").lower()
        if text != "?":
            return _answer(text, read, by_word=by_word, safer=safer)
        show(_help(by_word=by_word, safer=safer))
    return Answer()


def _answer(text: str, read: Read, *, by_word: bool, safer: bool) -> Answer:
    if text == "yes" or (text == "y" and not by_word):
        return Answer("yes")
    if text in ("e", "edit"):
        return Answer("edit")
    if text in ("s", "safer") and safer:
        return Answer("safer")
    if text in ("a", "allow"):
        return _allowed(read, by_word=by_word)
    return Answer()


def _allowed(read: Read, *, by_word: bool) -> Answer:
    typed = read(_SCOPE)
    scope = None if typed is None else _SCOPES.get(typed.lower())
    if scope is None or (by_word and (read(f"{_WORD} and allow it: ") or "").lower() != "yes"):
        return Answer()
    return Answer("allow", scope)


def _prompt(*, by_word: bool, safer: bool) -> str:
    keys = f"[e]dit / {'[s]afer line / ' if safer else ''}[a]llow here / [?] "
    return f"{_WORD}, or [N]o / {keys}" if by_word else f"Run it? [N]o / [y]es / {keys}"


def _help(*, by_word: bool, safer: bool) -> str:
    rows = [
        ("Enter, n", "do not run it; so do Ctrl-C, Ctrl-D and waiting"),
        ("yes" if by_word else "y, yes", "run it now"),
        ("e", "do not run it; the line comes back for editing"),
        ("a", "run it and do not ask again: once, in this session, in this project, or always"),
    ]
    if safer:
        rows.insert(3, ("s", "do not run it; the safer line stands at the next prompt"))
    return "".join(f"  {keys:9} {meaning}\n" for keys, meaning in rows)
