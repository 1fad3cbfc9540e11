"""What loading adds to a shell, unloading takes away: reload and a second load leave no double."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from terminal import Home

# Counts and names of everything a xontrib can leave in a shell.
PROBE = """
$XONTRIBS_AUTOLOAD_DISABLED = True
def probe(name):
    import json, sys, threading
    from xonsh.built_ins import XSH
    shell = XSH.shell.shell
    events = XSH.builtins.events
    def list_of(event):
        return list(event) if hasattr(event, 'discard') else []
    seen = {
        'handlers': {name: len(list(event)) for name, event in vars(events).items() if list_of(event)},
        'threads': sorted(t.name for t in threading.enumerate() if t.name.startswith('assistant')),
        'aliases': sorted(XSH.aliases._raw),
        'variables': sorted(XSH.env._vars),
        'fields': sorted(XSH.env['PROMPT_FIELDS']),
        'modules': sorted(m for m in sys.modules if m.startswith('assistant_core.shell')),
        'completers': list(XSH.completers),
        'shell': sorted(vars(shell)),
    }
    if hasattr(shell, 'prompter'):
        buffer, app = shell.prompter.default_buffer, shell.prompter.app
        seen['bindings'] = len(shell.key_bindings.bindings)
        seen['completer'] = type(shell.pt_completer).__module__
        seen['suggester'] = type(buffer.auto_suggest).__module__
        seen['buffer'] = {name: len(value._handlers) for name, value in vars(buffer).items() if name.startswith('on_')}
        seen['app'] = {name: len(getattr(app, name)._handlers) for name in ('before_render', 'after_render')}
        seen['processors'] = len(shell.prompter.input_processors or ())
    with open(name, 'w') as file:
        json.dump(seen, file)
"""


def seen(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


@pytest.mark.parametrize("shell", ["ptk", "readline"])
def test_nothing_is_left_behind_and_nothing_is_doubled(tmp_path: Path, shell: str) -> None:
    home = Home(tmp_path, rc=PROBE)
    steps = ("load", "reload", "load", "unload")
    with home.open("--shell-type", shell) as terminal:
        terminal.run("probe('before')")
        for number, step in enumerate(steps):
            terminal.run(f"xontrib {step} assistant")
            terminal.run("echo a command in between")
            terminal.run(f"probe('{number}')")
        assert (tmp_path / "3").exists(), terminal.screen()
    loaded, reloaded, again, unloaded = (seen(tmp_path, str(number)) for number in range(len(steps)))
    assert loaded == reloaded == again
    assert unloaded == seen(tmp_path, "before")
    assert loaded["modules"]
    assert loaded["threads"]


def test_private_mode_outlives_a_reload(tmp_path: Path) -> None:
    home = Home(tmp_path, rc="$PROMPT = lambda: '{assistant}' + _prompt()\n")
    with home.open() as terminal:
        terminal.run("assistant private on")
        terminal.run("xontrib reload assistant")
        terminal.run("assistant private status")
        terminal.wait_for("private mode is on")
