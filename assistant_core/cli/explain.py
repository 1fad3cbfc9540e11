"""`assistant explain LINE`: what a command line means, from the manual pages installed here."""

import shutil
from argparse import REMAINDER, Namespace

from assistant_core.cli.command import Answer, App, Leaf, UsageError, argument, utf8


def run(args: Namespace, app: App) -> Answer:
    """Answer with the explanation; 1 if no piece of the line was found in a manual."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core import knowledge, render  # noqa: PLC0415 - see above
    from assistant_core.knowledge.sources import hierarchies  # noqa: PLC0415 - see above

    words = args.line[1:] if args.line[:1] == ["--"] else args.line
    line = " ".join(words)
    if not line.strip():
        raise UsageError("explain: there is no LINE; example: assistant explain tar -xzf a.tgz")
    manuals = knowledge.Manuals(cache=app.paths.cache / "manuals", search=hierarchies(app.environ))
    answer = knowledge.explain(line, manuals)
    text = render.explanation(answer, shutil.get_terminal_size().columns, app.color)
    return Answer(
        msgspec.to_builtins(answer), rendered=text, code=int(not any(piece.found for piece in answer.passages))
    )


COMMAND = Leaf(
    "explain",
    run,
    "Explain a command line from the manual pages installed here; nothing in it is run.",
    (argument("line", nargs=REMAINDER, type=utf8, metavar="LINE", help="the line; quote it if it holds |, <, > or $"),),
    ("assistant explain tar -xzf a.tgz", "assistant explain --json 'ls -l | sort -k5 > sizes'"),
)
