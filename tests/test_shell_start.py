"""What loading costs: nothing of ours in scripts, and no package but xonsh's own before the first prompt."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from terminal import Home

from assistant_core.settings import paths
from assistant_core.store import Store

LIST_OURS = (
    "import sys; print(sorted(m for m in sys.modules if m.split('.')[0] in ('assistant_core', 'xontrib', 'msgspec')))"
)

AT_THE_PROMPT = """
@events.on_pre_prompt
def _seen(**_):
    import json, sys
    if _prompts[0] == 1:
        with open('seen', 'w') as file:
            json.dump(sorted({name.partition('.')[0] for name in sys.modules}), file)
"""


@pytest.mark.parametrize("arguments", [("-c", LIST_OURS), ("script.xsh",)])
def test_scripts_import_the_entry_alone(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    home = Home(tmp_path)
    (tmp_path / "script.xsh").write_text(LIST_OURS)
    assert home.run(*arguments).stdout.strip() == "['xontrib', 'xontrib.assistant']"


def test_an_interactive_command_begins_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    found = home.run("-i", "-c", LIST_OURS).stdout
    assert "assistant_core.shell.session" not in found
    assert "msgspec" not in found


@pytest.mark.parametrize("shell", ["ptk", "readline"])
def test_nothing_foreign_before_the_first_prompt(tmp_path: Path, shell: str) -> None:
    without = Home(tmp_path, rc=AT_THE_PROMPT, XONTRIBS_AUTOLOAD_DISABLED="1")
    seen = []
    for disabled in ("1", ""):
        without.environ["XONTRIBS_AUTOLOAD_DISABLED"] = disabled
        with without.open("--shell-type", shell):
            seen.append(set(json.loads((tmp_path / "seen").read_text())))
    bare, loaded = seen
    import sys  # noqa: PLC0415 - not before it is needed

    added = {name for name in loaded - bare if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert added == {"assistant_core", "xontrib"}


def test_every_setting_is_a_variable_that_checks_itself(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("$XONTRIB_ASSISTANT_SUGGEST_DEADLINE_MS = 'soon'")
        assert "expected a whole number" in terminal.screen()
        terminal.run("$XONTRIB_ASSISTANT_SUGGEST_DEADLINE_MS = '12'")
        terminal.run("repr($XONTRIB_ASSISTANT_SUGGEST_DEADLINE_MS)")
        assert "'12'" in terminal.screen()
        terminal.run("$XONTRIB_ASSISTANT_RECORD_IGNORE = ['a', 'b']")
        terminal.run("env | grep IGNORE=")
        assert "XONTRIB_ASSISTANT_RECORD_IGNORE=a:b" in terminal.screen()


def test_a_broken_settings_file_is_told_and_nothing_is_remembered_until_it_is_mended(tmp_path: Path) -> None:
    home = Home(tmp_path)
    file = tmp_path / "config" / "xontrib-assistant" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[gaurd]\nenabled = true\n")
    with home.open() as terminal:
        assert "nearest is 'guard.enabled'" in terminal.screen()
        terminal.run("echo unknown")
        assert terminal.screen().count("gaurd") == 1
        file.write_text("[guard]\nenabled = false\n")
        terminal.run("echo mended")
        terminal.run("rm -rf ~")
        file.write_text("[guard\n")
        terminal.run("echo broken again")
        assert "until then all stays as it was" in terminal.screen()
        terminal.run("rm -rf ~")
        terminal.leave()
    assert home.canary.read_text().count("rm") == 2
    with closing(Store(paths(home.environ).history)) as store:
        lines = [stored.command.line for stored in store.commands()]
    assert lines == ["rm -rf ~", "echo broken again", "rm -rf ~"]  # "echo mended" was typed in the unknown


def test_variables_count_where_the_file_is_broken(tmp_path: Path) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_GUARD_ENABLED="0", XONTRIB_ASSISTANT_SUGGEST_THRESHOLD="high")
    file = tmp_path / "config" / "xontrib-assistant" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[")
    with home.open() as terminal:
        assert "expected a number" in terminal.screen()
        terminal.run("rm -rf ~")
    assert home.canary.exists()
