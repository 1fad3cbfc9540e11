"""Generated secrets, typed into a real shell and imported from files; then our folders are searched for them.

    python tests/bench/canaries_typed.py [--count 2000]

Nothing that is typed can do anything: every program on $PATH is `true`. Prints JSON; ends with 1 if a secret is
found in our data, state, cache or configuration folders.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from canaries import Canary, canaries  # noqa: E402 - beside this folder, which is no package
from terminal import CTRL_C, ENTER, Home, Terminal  # noqa: E402 - as above

FOLDERS = ("share", "state", "cache", "config")


def harmless(home: Home, lines: list[str]) -> None:
    """Put a `true` on $PATH for every word that could be a program, and nothing else."""
    programs = home.folder / "programs"
    programs.mkdir()
    for word in {word for line in lines for word in re.findall(r"\w[\w.+-]*", line) if len(word) < 40}:
        (programs / word).symlink_to("/bin/true")
    home.environ["PATH"] = str(programs)


def type_all(home: Home, found: list[Canary]) -> None:
    """Paste each line and press Enter; what the shell cannot parse is cancelled."""
    with home.open("-i") as terminal:
        terminal.pump(2)  # the service is up
        for canary in found:
            before = terminal.prompts()
            terminal.paste(canary.line)
            terminal.send(ENTER)
            patience = 20
            while terminal.prompts() == before and patience:
                terminal.pump(0.05)
                patience -= 1
                if patience % 5 == 0:
                    terminal.send(CTRL_C)
        leave(terminal)


def leave(terminal: Terminal) -> None:
    """End the shell as a user does."""
    terminal.send(f"{CTRL_C}exit{ENTER}")
    terminal.join()


def imported(home: Home, found: list[Canary]) -> None:
    """Import the same lines from a bash and a zsh history."""
    bash, zsh = home.folder / "bash_lines", home.folder / "zsh_lines"
    flat = [canary.line.replace("\n", " ") for canary in found]
    bash.write_text("".join(f"#{1_700_000_000 + n}\n{line}\n" for n, line in enumerate(flat)))
    zsh.write_text("".join(f": {1_700_000_000 + n}:0;{line}\n" for n, line in enumerate(flat)))
    for shell, file in (("bash", bash), ("zsh", zsh)):
        command = [sys.executable, "-m", "assistant_core.cli", "import", shell, str(file)]
        subprocess.run(command, env=home.environ, check=True, stdout=subprocess.DEVNULL)
        file.unlink()


def leaks(home: Home, found: list[Canary]) -> list[str]:
    """The families whose secret stands in a file of ours."""
    ours = [folder for name in FOLDERS if (folder := home.folder / name / "xontrib-assistant").exists()]
    files = [path.read_bytes() for folder in ours for path in folder.rglob("*") if path.is_file()]
    return sorted({canary.family for canary in found if any(canary.secret.encode() in data for data in files)})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    found = canaries(parser.parse_args().count, seed=20)
    with tempfile.TemporaryDirectory(prefix="xa-") as name:
        home = Home(Path(name), XONTRIB_ASSISTANT_SERVICE_ENABLED="1", XONTRIB_ASSISTANT_GUARD_ENABLED="0")
        harmless(home, [canary.line for canary in found])
        type_all(home, found)
        database = Path(name) / "share/xontrib-assistant/history.db"
        typed = sqlite3.connect(database).execute("SELECT count(*), sum(redacted) FROM commands").fetchone()
        imported(home, found)
        stop = [sys.executable, "-m", "assistant_core.cli", "service", "stop"]
        subprocess.run(stop, env=home.environ, check=False, stdout=subprocess.DEVNULL)
        leaked = leaks(home, found)
        total = sqlite3.connect(database).execute("SELECT count(*) FROM commands").fetchone()[0]
    figures = {"canaries": len(found), "families": len({canary.family for canary in found})}
    print(json.dumps({**figures, "typed": typed[0], "typed_redacted": typed[1], "stored": total, "leaked": leaked}))
    return int(bool(leaked))


if __name__ == "__main__":
    sys.exit(main())
