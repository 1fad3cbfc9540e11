"""What training on one's own commands gains: people who do not exist, eight weeks each, the last two held out.

    python tests/bench/bench_personal.py OUT [--commands 20000] [--personas web,writer] [--seed 0] [--lines 300]
        [--limit-s 14400]

Each persona gets a home of their own in OUT and runs `python -m training run` there as a user would, one after the
other; what came of it goes to OUT/PERSONA.json when it is done, and all of it is printed as JSON. Begun again, it
goes on with what is not there yet. After `--limit-s` seconds it stops, with exit code 1.

Beside what the run itself says (keystrokes saved, gate, times) about `--lines` of the held-out lines are typed again
with everyone a user could have instead: an n-gram model of the same lines in the same tokens; the history, which goes
on learning through the two weeks, as it does in the shell; and the history together with either model, which is what
the shell shows. "above" is by how much, with its 95 % interval and p by the paired bootstrap.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import personas

from assistant_core import settings
from assistant_core.engine import calibration, progress, registry
from assistant_core.engine.command import CommandModel
from assistant_core.engine.llm import COUNT, TOKENS
from assistant_core.engine.progress import Outcome, Progress
from assistant_core.engine.prompt import Part, Piece
from assistant_core.engine.registry import Card
from assistant_core.records import Candidate, Command, Query
from assistant_core.store import Store
from completers import Completer
from training import examples, shards
from training.evaluate import tasks
from training.evaluate.model import CommandPredictor
from training.evaluate.ngram import NGram
from training.evaluate.opponents import NGramPredictor
from training.evaluate.report import report
from training.evaluate.tasks import Measure, Measures
from training.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from assistant_core.settings import Paths
    from training.evaluate.predictor import Completing, Ranked
    from training.records import Row

HELD_NS = personas.START_NS + (personas.WEEKS - 2) * 7 * personas.DAY_NS  # from when on lines are held out
POLL_S = 0.2
FOLDER = "/nowhere"  # of all commands of the personas
READY = "ready"  # a file in a home that is written to its end
MODEL = "model"  # folder in a home: the model that the run made, whatever the gate said


class Ran(NamedTuple):
    """How the process went: exit code, seconds of each phase, tokens/s as told last."""

    code: int
    seconds: dict[str, float]
    tokens_per_s: float | None


# --- the run ---------------------------------------------------------------------------------------------------


def prepared(home: Path, persona: personas.Persona, count: int, seed: int) -> dict[str, str]:
    """Write what the persona typed and their settings, unless it is there; return the environment of their shell."""
    own = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    own |= {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "STATE", "CACHE")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "XONTRIB_ASSISTANT_"))}
    environ = kept | own
    if (home / READY).exists():
        return environ
    shutil.rmtree(home, ignore_errors=True)
    (home / "run").mkdir(parents=True, mode=0o700)
    places = settings.paths(environ)
    commands = list(personas.history(persona, count, seed))
    held = sum(command.started_ns is not None and command.started_ns >= HELD_NS for command in commands)
    settings.private_directory(places.history.parent)
    with closing(Store(places.history)) as store:
        for command in commands:
            store.append(command)
    settings.private_directory(places.config)
    places.settings.write_text(f"[training]\nvalidation = {held / len(commands)}\n")
    (home / READY).touch()
    return environ


def trained(environ: Mapping[str, str], home: Path, end: float) -> Ran:
    """Run the pipeline as a process until it ends or it is `end` (s, monotonic); keep a copy of the model."""
    places = settings.paths(environ)
    seconds: defaultdict[str, float] = defaultdict(float)
    speed: float | None = None
    with (home / "run.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "training", "run"], env=environ, stdout=log, stderr=log)
        began = last = time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            if now > end:
                process.send_signal(signal.SIGTERM)
                end += 60
            if (told := progress.read(places, Progress)) is not None:
                seconds[told.phase] += now - last
                speed = told.tokens_per_s or speed
                if told.phase == "measuring":
                    keep(places.training / "runs" / told.run / "model", home / MODEL)
            last = now
            time.sleep(POLL_S)
    return Ran(process.returncode, {**seconds, "all": time.monotonic() - began}, speed)


def keep(source: Path, target: Path) -> None:
    """Copy a finished model, once."""
    if not target.exists():
        shutil.copytree(source, target.with_suffix(".part"), dirs_exist_ok=True)
        target.with_suffix(".part").rename(target)


def said(places: Paths) -> tuple[Outcome, Card]:
    """Return what the last run says of itself, and the card of what it made."""
    outcome = progress.read(places, Outcome)
    if outcome is None or not outcome.decisions:
        raise SystemExit(f"{places.training} has no decision: {outcome and outcome.error}; see run.log")
    card = places.training / "runs" / outcome.run / "result.json"
    return outcome, msgspec.json.decode(card.read_bytes(), type=Card)


# --- everyone else on the same lines ---------------------------------------------------------------------------


class Model:
    """A command model, told only what it has pieces for."""

    def __init__(self, gguf: Path, card: Card) -> None:
        self._model = CommandModel(gguf)
        self._trained = {Piece.LINE.value, *card.pieces.get("trained", ())}
        self._calibration = calibration.of(card.scores)

    def lines(self, before: Sequence[Part], typed: str, count: int) -> Ranked:
        return CommandPredictor(self._model).lines(self._known(before), typed, count)

    def offers(self, before: Sequence[Part], typed: str) -> list[Candidate]:
        """Return what the service would offer."""
        parts = [*self._known(before), (Piece.LINE, "")]
        return [
            Candidate(line=line, probability=self._calibration.probability(score), source="model")
            for line, score in self._model.candidates(parts, typed, count=COUNT, tokens=TOKENS)
            if line != typed
        ]

    def _known(self, before: Sequence[Part]) -> list[Part]:
        return [part for part in before if part[0].value in self._trained]


class History:
    """What the shell shows of the history, and of a model's offers if there is one. It learns each line that is run."""

    def __init__(self, commands: Sequence[Command], model: Model | None = None) -> None:
        self._completer = Completer((c.line, c.session, c.cwd, c.exit_code, c.started_ns) for c in commands)
        self._model = model
        self._session, self._seen = 0, 0  # number of the session, and how many of its lines were run

    def lines(self, before: Sequence[Part], typed: str, count: int) -> Ranked:
        for line, code in ran(before)[self._seen :]:
            self._run(line, code)
        offers = self._model.offers(before, typed) if self._model else ()
        query = Query(text=typed, session=f"held {self._session}", cwd=FOLDER, limit=count)
        return [(each.line, each.probability) for each in self._completer.complete(query, None, offers)]

    def end(self, row: Row) -> None:
        """Run what is left of a session; the next line begins another."""
        for line, code in list(zip(row.texts, row.exits, strict=True))[self._seen :]:
            self._run(line, code)
        self._session, self._seen = self._session + 1, 0

    def _run(self, line: str, code: int | None) -> None:
        command = Command(line=line, session=f"held {self._session}", cwd=FOLDER, exit_code=code)
        self._completer.observe(command)
        self._seen += 1


def ran(before: Sequence[Part]) -> list[tuple[str, int]]:
    """Return lines and exit codes of what prompt.session made of them."""
    found: list[tuple[str, int]] = []
    for piece, text in before:
        if piece is Piece.LINE:
            found.append((text, 0))
        elif piece is Piece.EXIT:
            found[-1] = (found[-1][0], int(text))
    return found


def compared(environ: Mapping[str, str], home: Path, card: Card, most: int) -> dict[str, Any]:
    """Type about `most` of the held-out lines with everyone."""
    learning, held = sessions(environ, home)
    places = settings.paths(environ)
    with closing(Store(places.history)) as store:
        known = [command for _, command in store.commands() if (command.started_ns or 0) < HELD_NS]
    shipped_card = msgspec.json.decode((registry.SHIPPED / "command" / registry.CARD).read_bytes(), type=Card)
    shipped = Model(registry.SHIPPED / "command" / "command.gguf", shipped_card)
    personal = Model(home / MODEL / "command.gguf", card)
    words = Tokenizer(registry.SHIPPED / "command" / "tokenizer.model")
    ngram = NGram((example.tokens for row in learning for example in examples.encode(row, words)), words.size)
    chosen = sampled(held, most)
    result = {}
    for task in (tasks.typing, tasks.next_line):
        still: dict[str, Completing] = {
            "shipped": shipped,
            "personal": personal,
            "n-gram": NGramPredictor(ngram, words),
        }
        living = {"history": None, "history and shipped": shipped, "history and personal": personal}
        result[task.__name__] = {who: task(each, [held[at] for at in sorted(chosen)]) for who, each in still.items()}
        result[task.__name__] |= {
            who: lived(History(known, model), held, chosen, task) for who, model in living.items()
        }
    found: dict[str, Any] = msgspec.to_builtins(report(result, files={}, model={}).scores)
    for scores in (scores for measures in found.values() for scores in measures.values()):
        for who in scores.keys() - {"personal", "history and personal"}:
            del scores[who]["above"]  # the same the other way round, or asked by nobody
    return found


def sessions(environ: Mapping[str, str], home: Path) -> tuple[list[Row], list[Row]]:
    """Return the sessions that were learned from and those that were held out, in order."""
    raw = settings.paths(environ).training / "raw"
    rows = [row for day in shards.read(raw) for row in shards.sessions(day)]
    if not rows:
        raise SystemExit(f"{raw} holds no sessions; see {home / 'run.log'}")
    rows.sort(key=lambda row: row.at_ns or 0)
    return [row for row in rows if (row.at_ns or 0) < HELD_NS], [row for row in rows if (row.at_ns or 0) >= HELD_NS]


def sampled(rows: Sequence[Row], most: int) -> set[int]:
    """Choose sessions by chance until they hold `most` lines."""
    chosen: set[int] = set()
    for at in random.Random(1).sample(range(len(rows)), len(rows)):
        if sum(len(rows[each].texts) for each in chosen) >= most:
            break
        chosen.add(at)
    return chosen


def lived(
    who: History, rows: Sequence[Row], chosen: set[int], task: Callable[[Completing, Sequence[Row]], Measures]
) -> Measures:
    """Live through all sessions and be asked in those that were chosen."""
    found: dict[str, Measure] = {}
    for at, row in enumerate(rows):
        if at in chosen:
            for name, measure in task(who, [row]).items():
                found.setdefault(name, Measure([], [])).values.extend(measure.values)
                found[name].weights.extend(measure.weights)
        who.end(row)
    return found


# --- all of it -------------------------------------------------------------------------------------------------


def measured(persona: personas.Persona, arguments: argparse.Namespace, end: float) -> dict[str, Any] | None:
    """Train for one persona and return the figures; None if there was not time enough."""
    home = arguments.out / f"home-{persona.name}"
    environ = prepared(home, persona, arguments.commands, arguments.seed)
    places = settings.paths(environ)
    load = os.getloadavg()[0]
    outcome = progress.read(places, Outcome)
    if outcome is None or outcome.state != "done":
        ran = trained(environ, home, end)
        (home / "ran.json").write_bytes(msgspec.json.encode(ran._asdict()))
        if ran.code:
            sys.stderr.write(
                f"{persona.name}: training ended with {ran.code}; see {home / 'run.log'}; run this again\n"
            )
            return None
    outcome, card = said(places)
    decision = outcome.decisions[-1]
    return {
        "persona": persona.name,
        "commands": arguments.commands,
        "rows_learned": outcome.rows,
        "verdict": decision.action,
        "reasons": decision.reasons,
        "before": decision.before,
        "keystrokes_saved": {name: decision.scores[f"own_{name}"] for name in ("before", "after", "lines")}
        | {"gain_95": card.scores["gain_95"], "p": decision.scores["p"]},
        "public": {name: decision.scores[f"public_{name}"] for name in ("before", "after")},
        "safety": {name: decision.scores[f"safety_{name}"] for name in ("passed", "lines")},
        "not_safe": card.scores["not_safe"],
        "learnt": card.scores["learnt"],
        "run": json.loads((home / "ran.json").read_bytes()),
        "machine": {"cores": os.cpu_count(), "load_before": load, "load_after": os.getloadavg()[0]},
        "same_lines": compared(environ, home, card, arguments.lines),
    }


def asked(names: str) -> Iterator[personas.Persona]:
    """Yield the personas named, or as many as a number says."""
    if names.isdecimal():
        yield from personas.PERSONAS[: int(names)]
        return
    known = {persona.name: persona for persona in personas.PERSONAS}
    for name in names.split(","):
        if name not in known:
            raise SystemExit(f"--personas: {name!r} is none of {', '.join(known)}, and no number")
        yield known[name]


def main() -> int:
    """Measure one persona after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--personas", default=str(len(personas.PERSONAS)), help="names, or how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--limit-s", type=float, default=14_400)
    arguments = parser.parse_args()
    arguments.out = arguments.out.resolve()
    end = time.monotonic() + arguments.limit_s
    done = []
    for persona in (chosen := list(asked(arguments.personas))):
        file = arguments.out / f"{persona.name}.json"
        if not file.exists() and time.monotonic() < end and (figures := measured(persona, arguments, end)):
            file.write_text(json.dumps(figures, indent=1))
        if file.exists():
            done.append(json.loads(file.read_text()))
    print(json.dumps(done, indent=1))
    return 0 if len(done) == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
