"""A call that runs something → that, walked: commands, text for a shell, code of other languages.

In: a call, and where its rule file says that code stands. Out: what the code prints, as far as that is followed.
"""

import re

from assistant_core.guard import codes, mounts, paths, rules, words, xonsh
from assistant_core.guard.calls import Call
from assistant_core.guard.flows import Flow
from assistant_core.guard.rulefile import Payload
from assistant_core.guard.walker import Walker

DEEPEST = 12  # code within code
ELEVATES = frozenset(("sudo", "doas", "su", "run0", "pkexec", "sudo-rs", "please", "dzdo", "gosu"))
OPAQUE = Flow(frozenset(("unknown",)))  # what code that is not followed prints

_JUDGED = frozenset(("remote", "decoded"))
_SEEN = {mark: char for char, mark in paths.QUOTED.items()} | {paths.EMPTY: "", words.SPLIT: " "}


def walk(walker: Walker, payload: Payload, call: Call, operands: list[str], given: Flow) -> Flow | None:
    """Walk the code at one place in a call; None where there is none."""
    before = walker.elevated, walker.local, walker.top
    walker.elevated |= call.program in ELEVATES
    walker.local, walker.top = walker.local and payload.local, walker.top and payload.local
    try:
        return _walked(walker, payload, call, operands, given)
    finally:
        walker.elevated, walker.local, walker.top = before


def _walked(walker: Walker, payload: Payload, call: Call, operands: list[str], given: Flow) -> Flow | None:
    origin, language = payload.origin, payload.language
    if host := codes.HOSTS.get(language):
        inner = call.payload if origin == "args" else call.words
        return host(walker, call, inner, given) if inner or origin != "args" else None
    if language == "argv":
        inner = mounts.outside(call.payload, rules.values(call, payload.mounts)) if payload.mounts else call.payload
        return _command(walker, inner, given) if inner else None
    if origin == "stdin":
        return (
            fed(walker, language, given, local=payload.local) if _reads_stdin(payload, call, operands, given) else None
        )
    if origin == "script":
        return script_file(walker, language, operands[0]) if operands and not _has_code(call) else None
    texts = _texts(payload, call, operands)
    if payload.after:
        texts = [text[found.end() :] for text in texts if (found := re.search(payload.after, text))]
    if origin == "-c" and language == "shell" and texts and (given_to_it := _after(texts[-1], call.words)):
        return walker.script_with(texts[-1], given_to_it, given)
    flow = None
    for text in texts:
        flow = walker.code(language, text, given, local=payload.local) or flow
    return flow or (OPAQUE if texts else None)


def _after(code: str, argv: list[str]) -> list[str]:
    """Return the words after the code: `$0`, `$1`, ... of `sh -c CODE`."""
    return argv[argv.index(code) + 1 :] if code in argv else []


def _command(walker: Walker, payload: list[str], given: Flow) -> Flow:
    """Walk a command that is given as words; the first may hold several, as in `env -S 'rm -r' x`."""
    return walker.script(" ".join(payload), given) if " " in payload[0] else walker.run(payload, given)


def _reads_stdin(payload: Payload, call: Call, operands: list[str], given: Flow) -> bool:
    named = sum(word != "-" for word in operands)
    free = (named <= payload.skip or "-s" in call.options) and not call.payload and not _has_code(call)
    return free and "none" not in given.kinds


def script_file(walker: Walker, language: str, path: str) -> Flow | None:
    """Walk a script that this line wrote or loaded; None where the line does not tell what is in it."""
    file = walker.file(path)
    return fed(walker, language, file) if file.text or file.kinds & _JUDGED else None


def fed(walker: Walker, language: str, given: Flow, *, local: bool = True) -> Flow:
    """Walk code that flows into an interpreter."""
    walker.report.effect("READ" if given.text is not None else "EXEC")
    walker.judge(["<code>", language], given)
    return (walker.code(language, given.text, local=local) if given.text is not None else None) or OPAQUE


def code(walker: Walker, language: str, text: str, given: Flow, *, local: bool) -> Flow | None:
    """Walk code in any language; what the line does not tell of it is judged by where it comes from."""
    if not text.isascii():
        for mark in set(text) & walker.sources.keys():
            walker.report.effect("EXEC")
            walker.judge(["<code>", language], walker.sources[mark])
        text = "".join(_SEEN.get(char, char) for char in text)
    if language == "shell" or (language == "xonsh" and not xonsh.walk(text, walker)):
        return walker.script(text, given, local=local)
    if walker.depth >= DEEPEST:
        return walker.unread()
    walker.depth += 1
    codes.walk(language, text, walker)
    walker.depth -= 1
    return None


def _texts(payload: Payload, call: Call, operands: list[str]) -> list[str]:
    """Return the texts of code at the payload's place."""
    origin, left = payload.origin, operands[payload.skip :]
    if origin == "all":
        return [" ".join(call.words[1:])]
    if origin == "rest":
        return [" ".join(call.payload)] if call.payload else []
    if origin == "args":
        return left
    if origin.startswith("arg"):
        index = int(origin[3:]) - 1
        return operands[index : index + 1]
    values = rules.values(call, origin)
    return [value or (operands[0] if operands else "") for value in values]


def _has_code(call: Call) -> bool:
    return any(name in call.options and name in call.table.valued for name in ("-c", "-e", "-m"))
