"""Drives a real xonsh in a pseudo-terminal through one session and writes what a user sees.

In: a home of its own in a temporary folder, with a bash history made here. Out: `screens.txt` and `demo.svg`
beside this file. Ends with an error if a screen does not show what it should.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.rule import Rule
from rich.style import Style
from rich.text import Text

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from terminal import CTRL_C, ENTER, Home, Terminal  # noqa: E402 - beside this folder, which is no package

COLUMNS, ROWS = 100, 30
RC = "$PROMPT = '{GREEN}demo{RESET} $ '\n$XONSH_SHOW_TRACEBACK = False\n"
ALT_ACCEPT, CTRL_L = "\x1b;", "\x0c"
COLORS = {"brown": "yellow", "default": None}  # pyte's names that rich does not know

GIT = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Demo"), ("EMAIL", "demo@example.org"), ("DATE", "2026-01-01T00:00:00Z"))
}

UNKNOWN = "git remote "

HISTORY = (
    "git status",
    "git add -A",
    'git commit -m "Read the settings once"',
    "git push origin main",
    "tar -xzf backup.tgz -C /tmp",
    "git status",
    "git add -A",
    'git commit -m "Read the settings once"',
    "git push origin main",
)


def shots(home: Home) -> Iterator[tuple[str, list[Text]]]:
    """Play the session; yield each screen with its caption."""
    history = home.folder / ".bash_history"
    history.write_text("".join(f"#{1_780_000_000 + n}\n{line}\n" for n, line in enumerate(HISTORY)))
    app = home.folder / "app"
    subprocess.run(["git", "init", "-q", "-b", "main", str(app)], check=True)
    (app / "settings.py").write_text("once = True\n")
    subprocess.run(["git", "add", "-A"], cwd=app, check=True)
    (app / "notes.md").write_text("not committed\n")
    with Terminal(home.xonsh(), home.environ, app, COLUMNS, ROWS) as terminal:
        terminal.wait_for("demo $")
        yield from played(terminal)


def played(terminal: Terminal) -> Iterator[tuple[str, list[Text]]]:
    """Type what the captions say."""
    do(terminal, "assistant import bash", "9 added")
    yield "A bash history is imported", picture(terminal)

    terminal.press_until(f"{CTRL_C}git c", lambda: 'Read the settings once"' in last(terminal))
    yield "Typed: git c   The rest is ghost text", picture(terminal)
    terminal.send(f"{ALT_ACCEPT}{ENTER}")
    terminal.wait_for("1 file changed")
    ready(terminal, "git commit")
    do(terminal, "ls /missing", "No such file")
    yield "The line was accepted with Alt-; and run; another one failed", picture(terminal)

    wiped(terminal)
    terminal.press_until(f"{CTRL_C}{UNKNOWN}", lambda: len(last(terminal)) > len(f"demo $ {UNKNOWN}"))
    yield f"Typed: {UNKNOWN}   The history knows no such line; the command model does", picture(terminal)

    wiped(terminal)
    terminal.send(f"? find all log files larger than 10 MB in /var/log{ENTER}")
    terminal.wait(lambda: last(terminal).startswith("demo $ find"), "a line in the prompt")
    yield "? puts the line that is asked for into the prompt, and runs nothing", picture(terminal)
    do(terminal, f"{CTRL_C}gti status", "gti")
    terminal.send(f"?fix{ENTER}")
    terminal.wait(lambda: last(terminal) == "demo $ git status", "the mended line")
    yield "?fix mends the line that failed", picture(terminal)

    wiped(terminal)
    do(terminal, "?explain tar -xzf backup.tgz -C /tmp | wc -l", "wc")
    yield "?explain quotes the manual pages installed here and runs nothing", picture(terminal)

    wiped(terminal)
    terminal.send(f"rm -rf ~/app{ENTER}")
    terminal.wait_for("Type yes")
    time.sleep(0.3)
    yield "A line that would delete a project asks first", picture(terminal)
    terminal.send(ENTER)
    ready(terminal, "the answer")
    do(terminal, "echo $LAST_RETURN_CODE", "130")
    do(terminal, "assistant data list --limit 4", "ls /missing")
    yield "It did not run; what did is remembered with its outcome", picture(terminal)


def do(terminal: Terminal, line: str, shows: str = "") -> None:
    """Run a line; wait until the screen shows a text and the shell asks again."""
    terminal.send(f"{line}{ENTER}")
    if shows:
        terminal.wait_for(shows)
    ready(terminal, line)


def wiped(terminal: Terminal) -> None:
    """Give up what is typed and begin on an empty screen."""
    terminal.send(CTRL_C)
    ready(terminal, "Ctrl-C")
    terminal.send(CTRL_L)
    terminal.wait(lambda: terminal.screen().split() == ["demo", "$"], "an empty screen")


def ready(terminal: Terminal, after: str) -> None:
    """Wait until the shell asks again."""
    terminal.wait(lambda: last(terminal) == "demo $", f"a prompt after {after!r}")


def last(terminal: Terminal) -> str:
    """The last row that shows something."""
    return ["", *terminal.screen().splitlines()][-1]


def picture(terminal: Terminal) -> list[Text]:
    """The screen with its colours, without the blank rows below."""
    rows = [row(terminal.buffer[number]) for number in range(ROWS)]
    while rows and not rows[-1].plain:
        rows.pop()
    return rows


def row(cells: dict[int, pyte.screens.Char]) -> Text:
    """One row of the screen."""
    text = Text()
    for look, run in groupby((cells[column] for column in range(COLUMNS)), key=style):
        text.append("".join(cell.data for cell in run), look)
    text.rstrip()
    return text


def style(cell: pyte.screens.Char) -> Style:
    """What rich calls the attributes of a cell."""
    return Style(color=color(cell.fg), bgcolor=color(cell.bg), bold=cell.bold, reverse=cell.reverse)


def color(name: str) -> str | None:
    """What rich calls a colour of pyte's: a name, or six hexadecimal digits."""
    if name in COLORS:
        return COLORS[name]
    if name.startswith("bright"):
        return f"bright_{COLORS.get(name[6:], name[6:]) or 'white'}"
    return f"#{name}" if len(name) == len("rrggbb") and not name.isalpha() else name


def main() -> None:
    """Play, then write both files."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder), rc=RC, XONTRIB_ASSISTANT_SERVICE_ENABLED="1", **GIT)
        try:
            for caption, rows in shots(home):
                console.print(Rule(caption, align="left", style="cyan"))
                for line in rows:
                    console.print(line, no_wrap=True, overflow="crop")
                console.print()
        finally:
            subprocess.run(
                [sys.executable, "-m", "assistant_core.cli", "service", "stop"],
                env=home.environ,
                check=False,
                stdout=subprocess.DEVNULL,
            )
    (HERE / "screens.txt").write_text(console.export_text(clear=False), encoding="utf-8")
    svg = console.export_svg(title="xontrib-assistant")
    # without this some renderers drop the blanks at the ends of a run
    (HERE / "demo.svg").write_text(svg.replace("<svg ", '<svg xml:space="preserve" ', 1), encoding="utf-8")
    print(f"{HERE / 'screens.txt'}\n{HERE / 'demo.svg'}")


if __name__ == "__main__":
    main()
