"""Findings with their remedies: each check on what is well, and on each thing that can be wrong."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import command_models
import pytest
from program import process, record, run, whole
from versions import promote

from assistant_core import __version__
from assistant_core.doctor import Finding, examine, installation
from assistant_core.engine import registry
from assistant_core.records import Command
from assistant_core.settings import Paths

Environ = dict[str, str]


def findings(environ: Environ, paths: Paths) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(environ, paths)}


def test_before_anything_is_recorded_nothing_is_wrong_and_nothing_is_made(environ: Environ, paths: Paths) -> None:
    found = findings(environ, paths)
    assert [finding for finding in found.values() if finding.state == "fail"] == []
    assert [folder for folder in paths if folder.exists()] == []
    assert found["xontrib-assistant"].found == __version__


def test_what_is_not_well_has_a_remedy(environ: Environ, paths: Paths) -> None:
    paths.data.mkdir(parents=True, mode=0o755)
    for finding in examine(environ, paths):
        assert (finding.remedy == "") == (finding.state == "ok"), finding


def test_every_dependency_is_found_with_its_extra(environ: Environ, paths: Paths) -> None:
    found = findings(environ, paths)
    assert (found["msgspec"].state, found["xonsh"].state) == ("ok", "ok")
    optional = [name for name in found if name.endswith("]")]
    assert {"torch [train]", "llama-cpp-python [llm]", "uvicorn [http]"} <= set(optional)
    assert not [name for name in optional if "[dev]" in name or "[all]" in name]
    missing = [found[name] for name in optional if found[name].found == "not installed"]
    assert [
        finding for finding in missing if finding.state != "warn" or "xontrib-assistant[" not in finding.remedy
    ] == []


@pytest.mark.parametrize(
    ("requirement", "parsed"),
    [
        ("xonsh>=0.25", ("xonsh", ">=0.25", "")),
        ("torch>=2.6; extra == 'train'", ("torch", ">=2.6", "train")),
        ('llama-cpp-python>=0.3.16 ; extra == "llm"', ("llama-cpp-python", ">=0.3.16", "llm")),
        ("xontrib-assistant[http,llm]; extra == 'all'", ("xontrib-assistant", "", "all")),
    ],
)
def test_requirements(requirement: str, parsed: tuple[str, str, str]) -> None:
    assert installation._parsed(requirement) == parsed  # noqa: SLF001 - the format has more forms than we use today


@pytest.mark.parametrize(
    ("version", "bounds", "enough"),
    [
        ("0.25.0", ">=0.25", True),
        ("0.24.9", ">=0.25", False),
        ("3.0.100", ">=3.0.29", True),
        ("2.6.0+cpu", ">=2.6", True),
        ("1.26.0rc1", ">=1.26", True),
        ("1", "", True),
    ],
)
def test_versions(version: str, bounds: str, enough: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert installation._enough(version, bounds) is enough  # noqa: SLF001 - see above


def make(path: Path, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("folder", "mode", "state"),
    [
        ("data", 0o700, "ok"),
        ("data", 0o750, "fail"),
        ("state", 0o701, "fail"),
        ("runtime", 0o777, "fail"),
        ("config", 0o755, "warn"),
        ("cache", 0o755, "warn"),
    ],
)
def test_folders(folder: str, mode: int, state: str, environ: Environ, paths: Paths) -> None:
    path: Path = getattr(paths, folder)
    make(path, mode)
    finding = findings(environ, paths)[f"{folder} folder"]
    assert (finding.state, f"{mode:04o}" in finding.found) == (state, True)
    if finding.remedy:
        assert os.system(finding.remedy) == 0  # noqa: S605 - the remedy is a shell command: it must work
        assert findings(environ, paths)[f"{folder} folder"].state == "ok"


def test_a_file_that_others_can_read(environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="ls", session="s")])
    paths.history.chmod(0o644)
    (paths.data / "more").write_text("")
    finding = findings(environ, paths)["data folder"]
    assert (finding.state, "and 1 more" in finding.found) == ("fail", True)
    assert os.system(finding.remedy) == 0  # noqa: S605 - see above
    assert stat.S_IMODE(paths.history.stat().st_mode) == 0o600


def test_a_file_in_place_of_a_folder(environ: Environ, paths: Paths) -> None:
    paths.data.parent.mkdir()
    paths.data.write_text("")
    found = findings(environ, paths)
    assert (found["data folder"].state, found["data folder"].remedy) == ("fail", f"move {paths.data} away")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user(environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="ls", session="s")])
    os.chown(paths.history, 12345, -1)
    finding = findings(environ, paths)["data folder"]
    assert (finding.state, finding.found) == ("fail", f"{paths.history} of another user")


@pytest.mark.parametrize(
    ("text", "state"), [("[suggest]\nghost = true\n", "ok"), ("[suggest\n", "fail"), ("[suggest]\nghots = 1\n", "fail")]
)
def test_settings(text: str, state: str, environ: Environ, paths: Paths) -> None:
    make(paths.config, 0o700)
    paths.settings.write_text(text)
    finding = findings(environ, paths)["settings"]
    assert finding.state == state
    assert str(paths.settings) in finding.found


def corrupt(history: Path) -> None:
    with history.open("r+b") as file:  # the second page on; the first holds the header
        file.seek(4096)
        file.write(b"\xa5" * (history.stat().st_size - 4096))


@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [
        (lambda history: history.write_bytes(b"no database " * 1000), ".recover"),
        (corrupt, ".recover"),
    ],
)
def test_a_history_that_cannot_be_used(
    spoil: Callable[[Path], object], remedy: str, environ: Environ, paths: Paths
) -> None:
    record(paths.history, [Command(line=f"echo {number}", session="s") for number in range(100)])
    spoil(paths.history)
    finding = findings(environ, paths)["history"]
    assert (finding.state, remedy in finding.remedy) == ("fail", True)
    assert str(paths.history) in finding.found
    assert run(environ, "doctor").code == 1


def test_a_history_that_is_well(environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="ls", session="s")] * 3)
    found = findings(environ, paths)
    assert found["history"] == Finding("history", "ok", "3 commands, integrity checked")
    assert found["history journal"] == Finding("history journal", "ok", "wal")


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (sqlite3.SQLITE_FULL, "free space"),
        (sqlite3.SQLITE_BUSY, "close the program"),
        (sqlite3.SQLITE_CORRUPT, ".recover"),
        (sqlite3.SQLITE_IOERR_WRITE, "chmod"),
    ],
)
def test_remedies_of_the_store(number: int, part: str) -> None:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = number
    assert part in installation._store_remedy(error, Path("/x/history.db"))  # noqa: SLF001 - a full disk is hard to come by


def test_a_socket_path_that_is_too_long(environ: Environ, tmp_path: Path) -> None:
    from assistant_core import settings  # noqa: PLC0415 - only here

    environ["XDG_RUNTIME_DIR"] = str(tmp_path / ("x" * 120))
    finding = findings(environ, settings.paths(environ))["socket"]
    assert (finding.state, "$XDG_RUNTIME_DIR" in finding.remedy) == ("warn", True)


@pytest.fixture
def nothing_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "nothing")


@pytest.mark.usefixtures("nothing_shipped")
def test_no_command_model(environ: Environ, paths: Paths) -> None:
    finding = findings(environ, paths)["command model"]
    assert (finding.state, finding.remedy) == ("warn", "assistant train now")
    assert "no command model" in finding.found


@pytest.mark.parametrize("own", [True, False])
def test_a_command_model(
    environ: Environ, paths: Paths, knowing: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    command_models.install(paths, knowing)
    if not own:
        (paths.models / "command" / "v1").rename(paths.data / "command")
        (paths.models / "command" / "current").unlink()
        monkeypatch.setattr(registry, "SHIPPED", paths.data)
    finding = findings(environ, paths)["command model"]
    assert finding.state == "ok"
    assert re.fullmatch(rf"v1 \({'yours' if own else 'shipped'}\), \d\.\d MB, opens in \d+ ms", finding.found)
    assert not paths.cache.exists()


@pytest.mark.usefixtures("nothing_shipped")
@pytest.mark.parametrize("name", ["command.gguf", "card.json"])
def test_a_command_model_that_is_damaged(environ: Environ, paths: Paths, knowing: Path, name: str) -> None:
    command_models.install(paths, knowing)
    with (paths.models / "command" / "v1" / name).open("ab") as file:
        file.write(b"!")
    finding = findings(environ, paths)["command model"]
    assert (finding.state, finding.remedy) == ("warn", "assistant train rollback")
    assert name in finding.found


def test_a_command_model_that_is_switched_off(environ: Environ, paths: Paths) -> None:
    environ["XONTRIB_ASSISTANT_MODELS_COMMAND"] = "no"
    finding = findings(environ, paths)["command model"]
    assert (finding.state, "switched off" in finding.found) == ("ok", True)


def test_a_command_model_without_the_library(environ: Environ, paths: Paths, knowing: Path) -> None:
    command_models.install(paths, knowing)
    code = (
        "import sys; sys.modules['llama_cpp'] = None; from assistant_core.cli import main; main(['doctor', '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=whole(environ), capture_output=True, text=True, check=True)
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}["command model"]
    assert (found["state"], found["remedy"]) == ("warn", "pip install 'xontrib-assistant[llm]'")


@pytest.mark.parametrize("raised", ["ImportError('no libgomp')", "RuntimeError('no libgomp')", "OSError('no libgomp')"])
def test_a_library_that_is_installed_and_cannot_be_loaded(environ: Environ, tmp_path: Path, raised: str) -> None:
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp" / "__init__.py").write_text(f"raise {raised}\n")
    done = process({**environ, "PYTHONPATH": str(tmp_path)}, "doctor", "--json")
    found = {finding["name"]: finding for finding in done.json["findings"]}["command model"]
    assert (found["state"], "cannot be loaded: no libgomp" in found["found"]) == ("warn", True)
    assert found["remedy"] == "pip install --force-reinstall --no-cache-dir llama-cpp-python"


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("", None, ""),
        ("shipped", "ok", " answers 50% of the requests"),
        ("v1", "warn", "training.trial: v1 is in use already; the version in use answers all requests"),
        ("gone", "warn", "training.trial: there is no command model 'gone'; there are: v1, shipped"),
    ],
)
def test_a_version_on_trial(name: str, state: str | None, said: str, environ: Environ, paths: Paths) -> None:
    promote(paths, "v1")
    environ["XONTRIB_ASSISTANT_TRAINING_TRIAL"] = name
    finding = findings(environ, paths).get("trial")
    assert (finding.state if finding else None) == state
    assert said in (finding.found if finding else "")
    assert not paths.cache.exists()


@pytest.mark.parametrize(
    ("name", "state", "remedy"),
    [
        ("", None, ""),
        ("{folder}", "ok", ""),
        ("{folder}/gone", "warn", "the folder of a sentence-transformers model"),
        ("~nobody/gone", "warn", "assistant config unset models.embedding"),
        ("no/such-model", "warn", "hf download no/such-model, or assistant config unset models.embedding"),
        ("not a name", "warn", "assistant config unset models.embedding"),
    ],
)
def test_an_embedding_that_is_named(name: str, state: str | None, remedy: str, environ: Environ, paths: Paths) -> None:
    pytest.importorskip("sentence_transformers")
    home = Path(environ["HOME"])
    (home / "modules.json").write_text("[]")
    environ["XONTRIB_ASSISTANT_MODELS_EMBEDDING"] = name.format(folder=home)
    finding = findings(environ, paths).get("embedding")
    assert (finding.state if finding else None) == state
    assert remedy in (finding.remedy if finding else "")


@pytest.mark.parametrize(
    ("pages", "state"), [(["man1/a.1", "man1/b.1.gz", "man8/c.8", "man3/d.3"], "ok"), ([], "warn")]
)
def test_manual_pages(pages: list[str], state: str, environ: Environ, paths: Paths, tmp_path: Path) -> None:
    environ["MANPATH"] = str(tmp_path / "man")
    (tmp_path / "man").mkdir()
    for page in pages:
        (tmp_path / "man" / page).parent.mkdir(exist_ok=True)
        (tmp_path / "man" / page).touch()
    finding = findings(environ, paths)["manual pages"]
    assert finding.state == state
    assert finding.found.startswith("3 " if pages else "none")


def test_a_check_that_cannot_look_is_a_finding_of_its_own(environ: Environ, paths: Paths, tmp_path: Path) -> None:
    found = findings(environ, paths._replace(data=tmp_path / ("x" * 300)))
    assert found["folders"].state == found["history"].state == "fail"
    assert "cannot be examined: [Errno 36] File name too long" in found["folders"].found
    assert found["manual pages"]


def test_the_document(environ: Environ) -> None:
    ran = run(environ, "doctor", "--json")
    assert ran.code == 0
    assert {tuple(item) for item in ran.json["findings"]} == {("name", "state", "found", "remedy")}


def test_the_text_says_each_remedy_once(environ: Environ) -> None:
    shown = run(environ, "doctor").out
    assert shown.count("→ pip install --upgrade 'xontrib-assistant[train]'") <= 1
    assert " to repair\n" in shown
