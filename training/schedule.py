"""When training runs by itself: the timer that begins a run each night, and whether that run may begin.

In: settings, the store, what the last run left, the machine. Out: a timer of the system's, or the reason why a run
has to wait for another night. `python -m training.schedule on|off|status` prints one JSON document.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Final

from assistant_core import settings
from assistant_core.engine import progress
from assistant_core.engine.progress import Look, Outcome
from assistant_core.errors import AssistantError, TrainingError
from assistant_core.settings import Paths, Settings
from assistant_core.store import Store
from training.idle import Watch
from training.job import resumable
from training.timers import TIMERS, Timer

PATIENCE_S: Final = 4 * 3600.0  # for the user to leave
LOOK_S: Final = 60.0  # between two looks meanwhile
EARLY: Final = 0.75  # of the hours between two runs are enough: a run that began late does not put off the next
MOST: Final = 10_000  # commands that are looked at for new ones


def turn(
    places: Paths,
    current: Settings,
    watch: Watch,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> str:
    """Wait until a scheduled run may begin and return "", or the reason why it may not; the reason is written down."""
    reason = _not_wanted(places, current)
    deadline = clock() + PATIENCE_S
    while not reason and (obstacle := watch.obstacle()):
        if clock() < deadline:
            sleep(LOOK_S)
        else:
            reason = obstacle
    if reason:
        progress.write(places, Look(at_ns=time.time_ns(), reason=reason))
    return reason


def watch(places: Paths, current: Settings) -> Watch:
    """Return what looks at this machine and this user."""
    return Watch(current.training, lambda: last_command(places))


def last_command(places: Paths) -> float | None:
    """Return when the last command was run, in seconds since the Unix epoch."""
    if not places.history.exists():
        return None
    with closing(Store(places.history)) as store:
        times = [stored.command.started_ns for stored in store.newest(1)]
    return times[0] / 1e9 if times and times[0] else None


def new_commands(places: Paths, newest: int) -> int:
    """Return how many commands people typed since number `newest`, or since the history was purged."""
    if not places.history.exists():
        return 0
    with closing(Store(places.history)) as store:
        found = store.newest(MOST)
    known = newest if found and found[0].id >= newest else 0
    return sum(stored.id > known and stored.command.author == "human" for stored in found)


def _not_wanted(places: Paths, current: Settings) -> str:
    """Return why no run is wanted tonight; one that did not come to its end always is."""
    if current.record.private:
        return "private mode is on"
    if resumable(places):
        return ""
    last = progress.read(places, Outcome)
    hours = (time.time_ns() - last.ended_ns) / 3.6e12 if last else float("inf")
    if hours < current.training.every_h * EARLY:
        return f"the last run ended {hours:.0f} hours ago; training.every_h is {current.training.every_h}"
    found = new_commands(places, last.newest if last else 0)
    if found < current.training.min_commands:
        return f"{found} new commands; training.min_commands is {current.training.min_commands}"
    return ""


# --- the timer -------------------------------------------------------------------------------------------------


def switch_on(environ: Mapping[str, str]) -> Timer:
    """Set up the first timer that works here, and no other. Raises TrainingError if there is none."""
    hours = settings.load(environ, settings.paths(environ).settings).training.every_h
    usable = [timer for timer in TIMERS if timer.usable(environ)]
    if not usable:
        raise TrainingError(
            "nothing here can start a run each night: `systemctl --user` does not answer and there is no `crontab`; "
            "install cron, or run `assistant train now` yourself"
        )
    switch_off(environ)
    usable[0].on(environ, hours)
    return usable[0]


def switch_off(environ: Mapping[str, str]) -> list[Timer]:
    """Remove every timer of ours; return which there were. Raises TrainingError."""
    found = [timer for timer in TIMERS if timer.next_run(environ) is not None]
    for timer in found:
        timer.off(environ)
    return found


def status(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the timer that is on ("" for none) and when it begins the next run."""
    for timer in TIMERS:
        if (moment := timer.next_run(environ)) is not None:
            return {"timer": timer.name, "next": moment}
    return {"timer": "", "next": ""}


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run `on`, `off` or `status`; print the state afterwards, or one line on stderr and return 2."""
    verbs: dict[str, Callable[[Mapping[str, str]], object]] = {"on": switch_on, "off": switch_off, "status": status}
    try:
        verbs[argv[0]](environ)
        sys.stdout.write(json.dumps(status(environ)) + "\n")
    except (AssistantError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
