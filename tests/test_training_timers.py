"""A run each night: by a timer of systemd's, a line in the crontab, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from program import run, whole
from training_process import ROOT

from training.timers import MARK, UNIT, Cron, Systemd

Environ = dict[str, str]

SYSTEMCTL = """\
#!/bin/sh
[ -e "$HOME/no-bus" ] && { echo "Failed to connect to bus" >&2; exit 1; }
echo "$*" >> "$HOME/systemctl.log"
case "$*" in
*NextElapse*) echo "Fri 2027-01-15 02:07:13 UTC" ;;
*enable*) [ -e "$HOME/no-enable" ] && { echo "Unit is masked" >&2; exit 1; } ;;
esac
exit 0
"""
CRONTAB = """\
#!/bin/sh
[ -e "$HOME/no-cron" ] && { echo "not allowed" >&2; exit 1; }
case "$1" in
-l) [ -e "$HOME/tab" ] || { echo "no crontab for u" >&2; exit 1; }; /bin/cat "$HOME/tab" ;;
-) /bin/cat > "$HOME/tab" ;;
esac
"""


@pytest.fixture
def system(environ: Environ, tmp_path: Path) -> Environ:
    """A system with only the timers that a test puts there by `has`."""
    (tmp_path / "bin").mkdir()
    return {**environ, "PATH": str(tmp_path / "bin"), "PYTHONPATH": str(ROOT)}


def has(system: Environ, *names: str) -> None:
    for name in names:
        program = Path(system["PATH"]) / name
        program.write_text({"systemctl": SYSTEMCTL, "crontab": CRONTAB}[name])
        program.chmod(0o755)


def units(system: Environ) -> dict[str, str]:
    folder = Path(system["XDG_CONFIG_HOME"]) / "systemd" / "user"
    return {file.name: file.read_text() for file in folder.glob("*")}


def tab(system: Environ) -> str:
    file = Path(system["HOME"]) / "tab"
    return file.read_text() if file.exists() else ""


def test_a_timer_of_systemd(system: Environ) -> None:
    has(system, "systemctl", "crontab")
    assert run(system, "train", "schedule", "status").out.startswith("no run is scheduled")
    said = run(system, "train", "schedule", "on")
    assert said.out == "next scheduled run: Fri 2027-01-15 02:07:13 UTC, by systemd\n", said.err
    found = units(system)
    timer, service = found[f"{UNIT}.timer"], found[f"{UNIT}.service"]
    for line in ("OnCalendar=*-*-* 02:00:00", "Persistent=true", "RandomizedDelaySec=15min", "WantedBy=timers.target"):
        assert line in timer.splitlines()
    assert f'ExecStart="{sys.executable}" "-P" "-m" "training" "run" "--scheduled"' in service.splitlines()
    for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        assert f'Environment="{name}={system[name]}"' in service.splitlines()
    log = (Path(system["HOME"]) / "systemctl.log").read_text()
    assert f"--user enable --now {UNIT}.timer" in log
    assert tab(system) == ""
    assert run(system, "train", "schedule", "status", "--json").json["timer"] == "systemd"
    assert run(system, "train", "schedule", "off").out.startswith("no run is scheduled")
    assert units(system) == {}


def test_a_line_in_the_crontab(system: Environ) -> None:
    has(system, "crontab")
    (Path(system["HOME"]) / "tab").write_text("# mine\n0 5 * * * backup\n")
    system["XDG_DATA_HOME"] = system["HOME"] + "/it's 100%"
    for _ in range(2):  # never twice
        assert ", by cron" in run(system, "train", "schedule", "on").out
    first, second, ours = tab(system).splitlines()
    assert (first, second) == ("# mine", "0 5 * * * backup")
    assert ours.startswith("0 2 * * * ")
    assert ours.endswith(f"-P -m training run --scheduled {MARK}")
    assert r"100\%" in ours
    assert run(system, "train", "schedule", "status", "--json").json["next"].endswith("02:00")
    assert run(system, "train", "schedule", "off").code == 0
    assert tab(system) == "# mine\n0 5 * * * backup\n"


@pytest.mark.parametrize("name", ["XDG_DATA_HOME", "XDG_RUNTIME_DIR"])
def test_what_cron_runs_is_what_was_meant(system: Environ, name: str) -> None:
    has(system, "crontab")
    system[name] = system["HOME"] + "/it's 100%"
    Cron().on(system, 24)
    command = (
        tab(system)
        .split(maxsplit=5)[5]
        .replace(r"\%", "%")
        .replace(" -m training run", f" -c 'import os; print(os.environ[\"{name}\"])'")
    )
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True, env={})
    assert ran.stdout.strip() == system[name]


@pytest.mark.parametrize(
    ("every_h", "calendar", "line"),
    [(24, "02:00:00", "0 2 * * *"), (48, "02:00:00", "0 2 * * *"), (6, "02/6:00:00", "0 2-23/6 * * *")],
)
def test_how_often(system: Environ, every_h: int, calendar: str, line: str) -> None:
    has(system, "systemctl", "crontab")
    Systemd().on(system, every_h)
    assert f"OnCalendar=*-*-* {calendar}" in units(system)[f"{UNIT}.timer"].splitlines()
    Cron().on(system, every_h)
    assert tab(system).startswith(f"{line} ")
    assert Cron().next_run(system)


@pytest.mark.parametrize("broken", ["no-bus", "no-enable"])
def test_where_systemd_does_not_answer(system: Environ, broken: str) -> None:
    has(system, "systemctl", "crontab")
    (Path(system["HOME"]) / broken).touch()
    said = run(system, "train", "schedule", "on")
    if broken == "no-bus":
        assert ", by cron" in said.out
        assert units(system) == {}
    else:
        assert said.code == 2
        assert "Unit is masked; the schedule may be half set up" in said.err
        assert run(system, "train", "schedule", "off").code == 0
        assert units(system) == {}


def test_a_crontab_that_cannot_be_read_is_left_alone(system: Environ) -> None:
    has(system, "crontab")
    (Path(system["HOME"]) / "tab").write_text("0 5 * * * backup\n")
    (Path(system["HOME"]) / "no-cron").touch()
    said = run(system, "train", "schedule", "on")
    assert (said.code, tab(system)) == (2, "0 5 * * * backup\n")
    assert "nothing here can start a run each night" in said.err


def test_where_there_is_neither(system: Environ) -> None:
    said = run(system, "train", "schedule", "on")
    assert said.code == 2
    assert "install cron, or run `assistant train now` yourself" in said.err
    assert run(system, "train", "schedule", "off").code == 0


def test_the_module_answers_in_json(system: Environ) -> None:
    command = (sys.executable, "-P", "-m", "training.schedule", "status")
    ran = subprocess.run(command, env=whole(system), capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout).keys() == {"timer", "next"}
