"""`assistant train now|stop|status|schedule`: runs of the package `training`, which are processes of their own.

In: what a run writes of itself. Out: the same in words, or a run that was started or ended. Nothing of `training` is
imported here: it may lack what the extra [train] brings.
"""

import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

from assistant_core.cli import console
from assistant_core.cli.command import Answer, App, Styled, UsageError
from assistant_core.errors import AssistantError, ModelError, TrainingError
from assistant_core.settings import APPLICATION, private_directory

if TYPE_CHECKING:
    from assistant_core.engine.progress import Decision, Outcome, Progress
    from assistant_core.engine.registry import Kind

KINDS: tuple["Kind", ...] = ("command", "embedding", "adapter")  # those of the registry, which --help need not load
NEEDED = ("torch", "transformers", "accelerate", "peft", "sentence_transformers", "sentencepiece", "gguf", "pyarrow")
PROGRAM = (sys.executable, "-P", "-m", "training", "run")
SCHEDULE = (sys.executable, "-P", "-m", "training.schedule")
START_S = 60.0  # longest wait for a run to begin
INTERRUPTS = 3  # Ctrl-C that a run here is given to end by
STOP_S = (20.0, 5.0)  # the same for its end, by SIGTERM and by SIGKILL
LOOK_S = 0.02
STALE_S = 30.0  # after which it is said how long nothing moved
NEEDED_COMMANDS = 2  # one to learn from, one to measure by; a run itself looks closer
_DAY_NS = 86_400 * 10**9


# --- a run -----------------------------------------------------------------------------------------------------


def now(args: Namespace, app: App) -> Answer:
    """Begin a run in the background, or run here."""
    from assistant_core.engine import progress  # noqa: PLC0415 - not needed for --help

    if args.foreground and app.json:
        raise UsageError("train now: --foreground prints as it goes, not one JSON document; leave one of them out")
    if absent := missing(NEEDED):
        raise TrainingError(f"training needs {', '.join(absent)}: pip install '{APPLICATION}[train]'")
    if pid := progress.running(app.paths):
        raise TrainingError(f"a run is under way (pid {pid}); `assistant train status` shows it, `stop` ends it")
    if app.settings().record.private:
        raise TrainingError("private mode is on and nothing is learned; `assistant private off` ends it")
    if not progress.read(app.paths, progress.Progress):  # what is to be gone on with has its lines already
        _enough(app)
    if args.foreground:
        return _here(app)
    pid, log = start(app, PROGRAM), progress.log_file(app.paths)
    return Answer({"pid": pid, "log": str(log)}, [f"a run has begun, process {pid}; `:train status` shows it; {log}"])


def _enough(app: App) -> None:
    """Raise TrainingError where a run would find nothing to learn from, as far as that shows at once."""
    current, counts = app.settings(), _counts(app)
    if current.training.chat and current.models.chat and (counts["examples"] or counts["feedback"]):
        return  # an adapter learns from them
    today = time.time_ns() // _DAY_NS
    with app.history() as store:
        rows = store.ranking_rows() if store else iter(())
        closed = (row for row in rows if row.started_ns is not None and row.started_ns // _DAY_NS < today)
        found = len(list(islice(closed, NEEDED_COMMANDS)))
    if found < NEEDED_COMMANDS:
        raise TrainingError(
            f"too little to learn from: {found} of {counts['commands']:,} commands remembered ran on a day that is "
            f"over (UTC), {NEEDED_COMMANDS} are needed; wait a day, or `assistant import` a history that has times"
        )


def _here(app: App) -> Answer:
    """Run on this terminal, to the end or the third Ctrl-C; answer with what came of it."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.engine import progress  # noqa: PLC0415 - not needed for --help

    began_ns = time.time_ns()
    with subprocess.Popen(PROGRAM, env=dict(app.environ)) as process:
        for _ in range(INTERRUPTS):
            with suppress(KeyboardInterrupt):  # the run gets it as well, and has to write down how it ends
                process.wait()
                break
        else:
            process.kill()
    if process.returncode < 0 and sys.stderr.isatty():
        sys.stderr.write("\n")  # one that was killed leaves its line of progress
    lines: list[str | Styled] = []
    if (left := progress.read(app.paths, progress.Progress)) and left.updated_ns >= began_ns:
        lines += _under_way(None, left, app)
    if (last := progress.read(app.paths, progress.Outcome)) and last.ended_ns >= began_ns:
        lines += _last(msgspec.structs.replace(last, error=""))  # which the run itself has told
    code = process.returncode
    return Answer({}, lines, 128 - code if code < 0 else code)  # 137 for the signal 9, as in every shell


def missing(modules: Sequence[str]) -> list[str]:
    """Return which of `modules` are not installed."""
    return [name for name in modules if find_spec(name) is None]


def start(app: App, command: Sequence[str]) -> int:
    """Start a run that outlives this process; return its pid once it has begun. Raises TrainingError."""
    from assistant_core.engine import progress  # noqa: PLC0415 - not needed for --help

    log = private_directory(app.paths.state) / progress.log_file(app.paths).name
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        env=dict(app.environ),
        start_new_session=True,  # Ctrl-C and the end of the terminal are not for it
    )
    os.close(output)
    deadline = time.monotonic() + START_S
    while progress.running(app.paths) != process.pid and process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
            raise TrainingError(f"the run did not begin within {START_S:g} s; {log} may say why")
        time.sleep(LOOK_S)
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise TrainingError(f"the run ended at once: {said[-1] if said else process.returncode}; all of it is in {log}")
    return process.pid


def stop(_: Namespace, app: App) -> Answer:
    """End the run under way; 1 if there is none."""
    from assistant_core.engine import progress  # noqa: PLC0415 - not needed for --help

    pid = progress.running(app.paths)
    if pid is None:
        return Answer({"stopped": False}, ["no run is under way"], 1)
    for number, seconds in zip((signal.SIGTERM, signal.SIGKILL), STOP_S, strict=True):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + seconds
        while progress.running(app.paths) == pid and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        if progress.running(app.paths) != pid:
            break
    else:
        raise TrainingError(f"the run (pid {pid}) does not end, not even by SIGKILL; `ps {pid}` may say why")
    left = progress.read(app.paths, progress.Progress)
    over = "it has ended, and there is nothing to go on with; `assistant train status` says what came of it"
    return Answer({"stopped": True, "pid": pid}, [f"stopped; {_goes_on(left, app)}" if left else over])


# --- what there is to know -------------------------------------------------------------------------------------


def status(_: Namespace, app: App) -> Answer:
    """Answer with the run under way, the last one, what there is to learn from, the versions in use, the next run."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.engine import progress  # noqa: PLC0415 - not needed for --help

    pid = progress.running(app.paths)
    under_way = progress.read(app.paths, progress.Progress)
    last = progress.read(app.paths, progress.Outcome)
    look = progress.read(app.paths, progress.Look)
    counts, versions, scheduled = _counts(app), _versions(app), _schedule_or_error(app)
    data = {"pid": pid, "progress": under_way, "last_run": last, "last_look": look, "schedule": scheduled}
    return Answer(
        msgspec.to_builtins(data) | {"learned_from": counts, "versions": versions},
        [
            *_under_way(pid, under_way, app),
            *_last(last),
            *((f"a scheduled run was left out at {console.moment(look.at_ns)}: {look.reason}",) if look else ()),
            "there is to learn from:",
            *(f"  {count:>9,} {name}" for name, count in counts.items()),
            *(f"{kind} model: {version}" for kind, version in versions.items()),
            _next(scheduled),
        ],
    )


def _under_way(pid: int | None, run: "Progress | None", app: App) -> list[str | Styled]:
    from assistant_core.engine import progress  # noqa: PLC0415 - not needed for --help

    if run is None:
        return ["a run begins"] if pid else ["no run is under way"]
    if pid is None:
        return [Styled(f"run {run.run} did not come to its end ({run.phase}); {_goes_on(run, app)}", "warn")]
    now = time.time_ns()
    since, still_ns = console.span(now - run.started_ns), now - run.updated_ns
    still = f", last moved {console.span(still_ns)} ago" if still_ns > STALE_S * 1e9 else ""
    lines: list[str | Styled] = [f"run {run.run}, process {pid}, since {since}: {progress.in_words(run)}{still}"]
    return [*lines, Styled(f"it waits: {run.paused}", "warn")] if run.paused else lines


def _goes_on(run: "Progress", app: App) -> str:
    """Say how to go on with a run that was ended; what a sealed one has learnt is never on the disk."""
    from assistant_core.engine import seal  # noqa: PLC0415 - not needed for --help

    sealed = any(seal.is_sealed(file) for file in (app.paths.training / "runs" / run.run).glob("*") if file.is_file())
    memory = "; until then its weights are in memory, and it begins anew if the machine restarts" if sealed else ""
    return f"`assistant train now`, or the next scheduled run, goes on from there{memory}"


def _last(run: "Outcome | None") -> list[str | Styled]:
    if run is None:
        return ["nothing is trained so far"]
    took = console.span(run.ended_ns - run.started_ns)
    said = f"last run {run.run}: {run.state} at {console.moment(run.ended_ns)} after {took}, {run.rows:,} rows"
    lines: list[str | Styled] = [Styled(f"{said}: {run.error}", "fail") if run.error else said]
    for decision in run.decisions:
        lines += described(decision)
    return lines


def described(decision: "Decision") -> list[str]:
    """Return a decision in words, a line a reason."""
    verb = {"promote": "in use", "keep": "not used", "deploy": "deployed", "rollback": "back in use"}[decision.action]
    version = decision.version or ("none" if decision.kind == "adapter" else "shipped")
    said = f"  {console.moment(decision.at_ns)} {decision.kind} {version}: {verb}"
    return [said, *(f"    {reason}" for reason in decision.reasons)]


def _counts(app: App) -> dict[str, int]:
    with app.history() as store:
        found = store.counts() if store else {}
    return {name: found.get(name, 0) for name in ("commands", "suggestions", "feedback", "examples")}


def _versions(app: App) -> dict[str, str]:
    from assistant_core.engine import registry  # noqa: PLC0415 - not needed for --help

    found: dict[str, str] = {}
    for kind in registry.KINDS:
        try:
            model = registry.active(kind, app.paths)
            found[kind] = f"{model.version}{'' if registry.current(kind, app.paths) == model.version else ' (shipped)'}"
        except ModelError:
            found[kind] = "none"
    return found


# --- the schedule ----------------------------------------------------------------------------------------------


def schedule(args: Namespace, app: App) -> Answer:
    """Turn the nightly run on or off, or say when it is."""
    found = _schedule(app, args.state)
    return Answer(found, [_next(found)])


def _schedule(app: App, state: str) -> dict[str, Any]:
    asked = subprocess.run([*SCHEDULE, state], env=dict(app.environ), capture_output=True, text=True, check=False)
    if asked.returncode:
        said = asked.stderr.strip().splitlines()
        raise TrainingError(said[-1] if said else f"train schedule {state}: exit code {asked.returncode}")
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


def _schedule_or_error(app: App) -> dict[str, Any]:
    try:
        return _schedule(app, "status")
    except AssistantError as error:
        return {"error": str(error)}


def _next(found: dict[str, Any]) -> str:
    if "error" in found:
        return f"the schedule cannot be told: {found['error']}"
    if not found["timer"]:
        return "no run is scheduled; `:train schedule on` has one each night"
    return f"next scheduled run: {found['next'] or 'not known'}, by {found['timer']}"
