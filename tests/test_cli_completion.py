"""What the shells offer after `assistant`, asked of the real shells where they are installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from program import run, whole

from assistant_core import cli, settings
from assistant_core.cli.completion import SCRIPTS, candidates


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["st"], ["status", "stats"]),
        (["data", "l"], ["list"]),
        (["data", ""], ["list", "show", "delete", "export", "purge", "review"]),
        (["data", "list", "--c"], ["--containing", "--cwd"]),
        (["data", "list", "--cwd", ""], []),
        (["data", "list", "--cwd", "/", "--s"], ["--session"]),
        (["data", "export", "--normalise", "--format", "b"], ["bash"]),
        (["data", "export", ""], []),
        (["import", "x"], ["xonsh"]),
        (["import", "bash", ""], []),
        (["config", "get", "suggest.th"], ["suggest.threshold"]),
        (["config", "set", "record.enabled", ""], []),
        (["private", "o"], ["on", "off"]),
        (["completion", ""], ["bash", "zsh", "fish", "xonsh"]),
        (["service", "logs", "-n", "5", "--f"], ["--follow"]),
        (["nothing", ""], []),
        (["--json", "doc"], ["doctor"]),
    ],
)
def test_candidates(words: list[str], offered: list[str]) -> None:
    assert candidates(cli.parser(), words) == offered


def test_every_setting_is_offered() -> None:
    assert candidates(cli.parser(), ["config", "show", ""]) == []
    assert candidates(cli.parser(), ["config", "unset", ""]) == [setting.name for setting in settings.table()]


def test_asked_by_a_script(environ: dict[str, str]) -> None:
    assert run(environ, "_candidates", "data", "li") == (0, "list\n", "")
    assert run(environ, "_candidates", "data", "--j") == (0, "--json\n", "")
    assert run(environ, "_candidates", "zz") == (1, "", "")
    assert "status\n" in run(environ, "_candidates").out


ASK = {
    "bash": ("-c", '{script}\nCOMP_WORDS=(assistant data re); COMP_CWORD=2; _assistant; echo "${{COMPREPLY[*]}}"'),
    "zsh": (
        "-fc",
        "compdef() {{ :; }}; compadd() {{ echo $found; }}\n{script}\nwords=(assistant data re) CURRENT=3; _assistant",
    ),
    "fish": ("--no-config", "-c", "{script}\ncomplete -C 'assistant data re'"),
    "xonsh": (
        "--no-rc",
        "-c",
        "{script}\nfrom xonsh.completer import Completer\nprint(*Completer().complete_line('assistant data re')[0])",
    ),
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_shell_completes(shell: str, environ: dict[str, str]) -> None:
    if not shutil.which(shell, path=whole(environ)["PATH"]):
        pytest.skip(f"{shell} is not installed")
    script = run(environ, "completion", shell).out
    assert script == SCRIPTS[shell] + "\n"
    asked = [argument.format(script=script) for argument in ASK[shell]]
    done = subprocess.run([shell, *asked], env=whole(environ), capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("review", 0), done.stderr


def test_the_document_holds_the_script(environ: dict[str, str]) -> None:
    assert run(environ, "completion", "fish", "--json").json == {"shell": "fish", "script": SCRIPTS["fish"]}
