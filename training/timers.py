"""The system's own timers: a user timer of systemd's, or a line in the user's crontab.

In: the environment, the hours between two runs. Out: a timer that runs `python -m training run --scheduled`, in the
same folders as the program that set it up.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from assistant_core.errors import TrainingError
from assistant_core.settings import APPLICATION, replace_file

COMMAND: Final = (sys.executable, "-P", "-m", "training", "run", "--scheduled")
HOUR: Final = 2  # of the night
UNIT: Final = f"{APPLICATION}-training"
MARK: Final = f"# {UNIT}"  # at the end of our line in a crontab
ASK_S: Final = 20.0  # longest wait for systemctl and crontab
_FOLDERS: Final = (
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",  # where the service is told; cron sets none
    "PYTHONPATH",
)

_SERVICE: Final = """\
[Unit]
Description=The xonsh assistant learns from your commands

[Service]
Type=exec
ExecStart={command}
{environment}Nice=19
CPUSchedulingPolicy=idle
IOSchedulingClass=idle
UMask=0077
"""
_TIMER: Final = """\
[Unit]
Description=The xonsh assistant learns from your commands at night

[Timer]
OnCalendar={calendar}
Persistent=true
RandomizedDelaySec=15min

[Install]
WantedBy=timers.target
"""


class Timer(Protocol):
    """One way to begin a run each night."""

    name: str

    def usable(self, environ: Mapping[str, str]) -> bool:
        """Say whether this way works here."""

    def on(self, environ: Mapping[str, str], every_h: int) -> None:
        """Set it up. Raises TrainingError."""

    def off(self, environ: Mapping[str, str]) -> None:
        """Remove it. Raises TrainingError where that fails."""

    def next_run(self, environ: Mapping[str, str]) -> str | None:
        """Return when it begins the next run, "" if that is not known, or None if it is not set up."""


class Systemd:
    """A timer of the user's systemd; a night that the machine slept through is made up for (Persistent=)."""

    name = "systemd"

    def usable(self, environ: Mapping[str, str]) -> bool:
        """Say whether the user's systemd answers."""
        return _run(environ, "systemctl", "--user", "show-environment") is not None

    def on(self, environ: Mapping[str, str], every_h: int) -> None:
        """Write both units and start the timer."""
        folder = _units(environ)
        set_here = {name: environ[name] for name in _FOLDERS if environ.get(name)}
        environment = "".join(f"Environment={_unit_quoted(f'{name}={value}')}\n" for name, value in set_here.items())
        command = " ".join(map(_unit_quoted, COMMAND)).replace("$", "$$")
        replace_file(folder / f"{UNIT}.service", _SERVICE.format(command=command, environment=environment))
        replace_file(folder / f"{UNIT}.timer", _TIMER.format(calendar=_calendar(every_h)))
        _must(environ, "systemctl", "--user", "daemon-reload")
        _must(environ, "systemctl", "--user", "enable", "--now", f"{UNIT}.timer")

    def off(self, environ: Mapping[str, str]) -> None:
        """Stop the timer and remove both units."""
        _run(environ, "systemctl", "--user", "disable", "--now", f"{UNIT}.timer")  # it may not answer here
        for kind in ("timer", "service"):
            (_units(environ) / f"{UNIT}.{kind}").unlink(missing_ok=True)
        _run(environ, "systemctl", "--user", "daemon-reload")

    def next_run(self, environ: Mapping[str, str]) -> str | None:
        """Return what systemd says of the timer."""
        if not (_units(environ) / f"{UNIT}.timer").exists():
            return None
        command = ("systemctl", "--user", "show", "--value", "--property=NextElapseUSecRealtime", f"{UNIT}.timer")
        return (_run(environ, *command) or "").strip()


class Cron:
    """A line in the user's crontab; all others are left as they are, and so is a crontab that cannot be read."""

    name = "cron"

    def usable(self, environ: Mapping[str, str]) -> bool:
        """Say whether there is a crontab to write."""
        return self._lines(environ) is not None

    def on(self, environ: Mapping[str, str], every_h: int) -> None:
        """Add our line."""
        variables = [f"{name}={shlex.quote(environ[name])}" for name in _FOLDERS if environ.get(name)]
        command = " ".join((*variables, shlex.join(COMMAND))).replace("%", r"\%")  # crontab(5)
        step = "" if every_h >= 24 else f"-23/{max(every_h, 1)}"  # noqa: PLR2004 - hours of a day
        self._write(environ, [*self._others(environ), f"0 {HOUR}{step} * * * {command} {MARK}"])

    def off(self, environ: Mapping[str, str]) -> None:
        """Remove our line."""
        self._write(environ, self._others(environ))

    def next_run(self, environ: Mapping[str, str]) -> str | None:
        """Return when our line is next due, by this machine's clock."""
        ours = [line for line in self._lines(environ) or () if line.endswith(MARK)]
        if not ours:
            return None
        first, _, step = ours[0].split()[1].partition("-23/")
        hours = list(range(int(first), 24, int(step or 24)))
        now = time.localtime()
        later = [hour for hour in hours if hour > now.tm_hour]
        day, hour = (0, later[0]) if later else (1, hours[0])
        moment = time.mktime((now.tm_year, now.tm_mon, now.tm_mday + day, hour, 0, 0, 0, 0, -1))
        return time.strftime("%a %Y-%m-%d %H:%M", time.localtime(moment))

    def _lines(self, environ: Mapping[str, str]) -> list[str] | None:
        """Return the crontab; None if it cannot be told, which is not the same as an empty one."""
        try:
            ran = _ran(environ, ("crontab", "-l"))
        except (OSError, subprocess.TimeoutExpired):
            return None
        empty = ran.returncode and re.search("no crontab|no such file", ran.stderr, re.IGNORECASE)
        return [] if empty else None if ran.returncode else ran.stdout.splitlines()

    def _others(self, environ: Mapping[str, str]) -> list[str]:
        lines = self._lines(environ)
        if lines is None:
            raise TrainingError("`crontab -l` fails, so nothing is written; `crontab -l` in your shell says why")
        return [line for line in lines if not line.endswith(MARK)]

    def _write(self, environ: Mapping[str, str], lines: list[str]) -> None:
        _must(environ, "crontab", "-", typed="".join(f"{line}\n" for line in lines))


TIMERS: Final[tuple[Timer, ...]] = (Systemd(), Cron())


def _units(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    return Path(base) / "systemd" / "user"


def _calendar(every_h: int) -> str:
    """Return the times of a day as systemd.time(7) writes them."""
    return f"*-*-* {HOUR:02}{'' if every_h >= 24 else f'/{max(every_h, 1)}'}:00:00"  # noqa: PLR2004 - hours of a day


def _unit_quoted(text: str) -> str:
    """Return one word as systemd.syntax(7) and systemd.service(5) read it."""
    escaped = re.sub(r'["\\]', r"\\\g<0>", text).replace("%", "%%")
    return f'"{escaped}"'


def _run(environ: Mapping[str, str], *command: str) -> str | None:
    """Return what a program prints, or None if it fails or is not there."""
    try:
        ran = _ran(environ, command)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if ran.returncode else ran.stdout


def _must(environ: Mapping[str, str], *command: str, typed: str = "") -> None:
    try:
        ran = _ran(environ, command, typed)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrainingError(f"{shlex.join(command)}: {error}") from error
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip() or f"exit code {ran.returncode}"
        raise TrainingError(f"{shlex.join(command)}: {said}; the schedule may be half set up: `:train schedule off`")


def _ran(environ: Mapping[str, str], command: Sequence[str], typed: str = "") -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, **environ, "LC_ALL": "C"}  # what they say is read
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=ASK_S, check=False, env=whole)
