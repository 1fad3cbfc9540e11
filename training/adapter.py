"""The user's own adapter of their chat model, from what they taught to deployment.

In: the requests that the user taught, the answers they liked, their corrections; the chat model as a file that runs
(models.chat) and as a folder that learns (training.chat); the adapter in use. Out: a new version that went into use, or
the reasons why it did not. The way:

    store -> rows -> trained on -> GGUF
          -> measured on the newest rows, public requests, the safety set -> deployed or not

A run that is stopped goes on from its last checkpoint with the same rows, whatever was taught since.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import torch

from assistant_core.engine import adapted, chat, digests, progress, registry
from assistant_core.engine.adapted import FILE
from assistant_core.engine.chat_model import ChatModel
from assistant_core.engine.llama import Context, library
from assistant_core.engine.registry import Card, Data
from assistant_core.errors import AssistantError, ModelError, TrainingError
from training import begun, deploy, export, lora, publicset, safety, seal, workplace
from training.corpus import Machine, Skips, read, store
from training.corpus.clean import clean
from training.deploy import Comparison
from training.evaluate import tasks
from training.evaluate.tasks import Measure
from training.job import OutOfTimeError
from training.measuring import Steps
from training.recipes import RECIPES
from training.records import Row
from training.runs import has_bf16
from training.workplace import NotMadeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant_core.engine.chat import Message
    from training.job import Job
    from training.workplace import User

RECIPE = RECIPES["attention"]
LEAST_LEARNT, LEAST_MEASURED = 20, 5  # rows; below, one run is no better than another but by luck
LEARNT = 1000  # weight of the rows: their three epochs take an hour where 100 tokens/s are learnt
MEASURED = 100  # of the newest rows, by chance: a chat model takes up to a second for each
PUBLIC_EACH = 10  # every tenth row of the fixed public set is asked
CHOSEN = "adapter.msgpack"  # what a run learns from and is measured by, kept until it ends
RESULT = "adapter.json"  # its card, and what stays
ROWS = "rows"  # of its scores: the digest of all that there was to choose from
TRIED = {("adapter", "promote"), ("adapter", "keep")}  # decisions about what a run made
CHECKPOINTS, MADE = "lora", "adapter"  # folders of weights
WIDTHS: Final = {"float32": 4, "float16": 2, "bfloat16": 2}  # bytes
SHAPE: Final = {"hidden_size": "embd", "num_hidden_layers": "layer", "num_attention_heads": "head"}


class _Chat(NamedTuple):
    """The chat model in its two forms, of one shape."""

    gguf: Path
    sha256: str  # of the file
    folder: Path


class _Chosen(msgspec.Struct, frozen=True):
    """What a run learns from, and what it is measured by."""

    chat: str  # sha256 of the file
    folder: str
    rows: str  # digest of all that there was to choose from
    learning: list[Row]
    held: list[Row]


class _Scores(NamedTuple):
    own: Measure
    public: float


class _Result(NamedTuple):
    """What the model answered with the adapter in use, or none, and what with the new one."""

    before: _Scores
    after: _Scores
    safe: safety.Result


def run(job: Job, user: User, clear: Path) -> None:
    """Train, measure, decide; weights lie in `clear` (training.workplace) until then. Nothing without a chat model.

    Raises NotMadeError, OutOfTimeError; what was in use before stays in use then.
    """
    if not user.settings.training.chat:
        return
    if not user.settings.models.chat:
        job.note("no adapter: training.chat is set and models.chat, the same model in GGUF, is empty")
        return
    try:
        if decision := deploy.settled(user.paths, "adapter", job.run, user.environ):
            job.decided(decision)
        else:
            _trained(job, user, clear)
    except OutOfTimeError:
        raise
    except AssistantError as error:
        raise NotMadeError(f"no adapter: {error}") from error


def _trained(job: Job, user: User, clear: Path) -> None:
    model = _chat(user)
    chosen = _chosen(job, user, model, clear)
    if chosen is None:
        return
    job.rows += len(chosen.learning)
    job.report("adapter")
    held = {_asked(row) for row in chosen.held}
    general = [row for row in publicset.learning() if _asked(row) not in held]
    trained = _learnt(job, model.folder, chosen.learning, general, clear / CHECKPOINTS)
    if trained is None:
        raise OutOfTimeError(workplace.LATE)
    job.report("adapter export")
    folder = clear / MADE
    shutil.rmtree(folder, ignore_errors=True)
    export.adapter_to_gguf(trained, model.folder / "config.json", folder / FILE)
    job.report("adapter measuring")
    used = _in_use(user, model.gguf)
    result = _measured(job, user, model.gguf, used, folder / FILE, chosen.held)
    mixed = lora.mix(chosen.learning, [row for row in general if lora.messages(row)], RECIPE.general, RECIPE.seed)
    comparison, card = _papers(job, model, used, result, chosen.rows, mixed)
    seal.write(job.folder / RESULT, msgspec.json.format(msgspec.json.encode(card)))
    job.report("deciding")
    job.decided(deploy.settle(user.paths, comparison, folder, card, user.environ, key=user.key))


def _learnt(job: Job, base: Path, rows: Sequence[Row], general: Sequence[Row], folder: Path) -> Path | None:
    """Train as lora.train does, anew where an attempt before had another recipe, tokenizer or public set."""
    learn = partial(lora.train, base, rows, general, folder, recipe=RECIPE, watcher=workplace.watcher(job, "adapter"))
    try:
        return learn()
    except begun.OtherError:
        shutil.rmtree(folder)
        return learn()


def _chat(user: User) -> _Chat:
    """Return the chat model. Raises ModelError and TrainingError where it cannot be asked, or is not one model."""
    gguf = adapted.located(user.settings.models.chat)
    name = user.settings.training.chat
    folder = Path(os.path.expanduser(name))  # noqa: PTH111 - Path's raises for unknown users
    if not folder.is_absolute():
        raise TrainingError(f"training.chat is {name!r}, which is another one in every folder; name it from / or ~ on")
    adapted.check_memory(gguf)
    ChatModel(gguf).close()
    try:
        config = json.loads((folder / "config.json").read_bytes())
        shape = {name: config[name] for name in SHAPE}
        adapted.check_memory(folder, _times(config))
        digest, _ = digests.of(gguf, user.paths.cache / registry.VERDICTS)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrainingError(
            f"training.chat is {str(folder)!r}, where config.json tells no shape of a model ({error!r}); "
            "name the folder of models.chat as transformers saves it"
        ) from error
    with closing(Context(gguf, tokens=1)) as context:
        found = {name: getattr(library(), f"llama_model_n_{end}")(context.model) for name, end in SHAPE.items()}
    if differing := [f"{name} {value}, not {shape[name]}" for name, value in found.items() if value != shape[name]]:
        reason = "name the folder of the same model"
        raise TrainingError(
            f"models.chat {gguf} is not the model in training.chat {folder}: {', '.join(differing)}; {reason}"
        )
    return _Chat(gguf, digest, folder)


def _times(config: dict[str, Any]) -> float:
    """Return how many times the memory of the saved weights those take that training.lora learns with."""
    wide = WIDTHS["bfloat16" if has_bf16() else "float32"]
    return wide / WIDTHS.get(config.get("dtype") or config.get("torch_dtype", ""), wide)


# --- what is learnt, and what is held out ------------------------------------------------------------------------


def _chosen(job: Job, user: User, model: _Chat, clear: Path) -> _Chosen | None:
    """Return what an earlier attempt at this run chose for the same model, or choose; None if that is too little."""
    file, key = job.folder / CHOSEN, user.key
    if file.exists() and seal.agrees(file, key):
        with seal.opened(file, key) as plain:
            chosen = msgspec.msgpack.decode(plain.read_bytes(), type=_Chosen)
        if (chosen.chat, chosen.folder) == (model.sha256, str(model.folder)):
            return chosen
    shutil.rmtree(clear / CHECKPOINTS, ignore_errors=True)
    own = _own(user)
    rows = begun.digest(msgspec.json.encode([(row.task, row.texts, row.weight) for row in own]))
    if rows == _tried(user, model):
        job.note("no new adapter: nothing was taught, corrected or called helpful since the last one")
        return None
    learning, held = split(own, user.settings.training.validation)
    if len(learning) < LEAST_LEARNT or len(held) < LEAST_MEASURED:
        job.note(
            f"no adapter: what you taught, corrected and called helpful are {len(learning)} rows to learn from and "
            f"{len(held)} to measure by; {LEAST_LEARNT} and {LEAST_MEASURED} are needed, `:train add` adds one"
        )
        return None
    held = random.Random(0).sample(held, min(len(held), MEASURED))  # noqa: S311 - a sample, not a secret
    chosen = _Chosen(model.sha256, str(model.folder), rows, _newest(learning), held)
    seal.write(file, msgspec.msgpack.encode(chosen), key)
    return chosen


def _own(user: User) -> list[Row]:
    """Return the user's own requests and corrections that may be learnt, oldest first."""
    rows = read({store.NAME: [user.paths.history]}, Machine.here(user.environ), Skips())
    return sorted(clean(row for row in rows if lora.messages(row)), key=lambda row: row.at_ns or 0)


def _tried(user: User, model: _Chat) -> str | None:
    """Return the digest of the rows that the last version for this chat model was made of, None if there is none."""
    made = [item.version for item in progress.decisions(user.paths) if (item.kind, item.action) in TRIED]
    if not made:
        return None
    try:
        card = msgspec.json.decode((user.paths.training / "runs" / str(made[-1]) / RESULT).read_bytes(), type=Card)
    except (OSError, msgspec.MsgspecError):
        return None
    return card.scores.get(ROWS) if card.base == model.sha256 else None


def split(rows: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Return what to learn from, and the newest `share` of each task; nothing is asked in the words of both."""
    held: list[Row] = []
    for task in dict.fromkeys(row.task for row in rows):
        timed = [row for row in rows if row.task == task and row.at_ns is not None]
        held += timed[len(timed) - round(len(timed) * share) :]
    known = {_asked(row) for row in held}
    return [row for row in rows if _asked(row) not in known], held


def _asked(row: Row) -> tuple[str, str]:
    """Return what is asked in a row, whatever the order of its words, their case and what stands between them."""
    words = sorted(re.findall(r"\w+", row.texts[0].casefold()))
    return row.task, " ".join(words) or row.texts[0]


def _newest(rows: Sequence[Row]) -> list[Row]:
    """Return the newest rows that weigh LEARNT together, oldest first."""
    weights = accumulate(row.weight for row in reversed(rows))
    return [row for row, weight in zip(reversed(rows), weights, strict=True) if weight <= LEARNT][::-1]


# --- how well it answers -----------------------------------------------------------------------------------------


class _Asked:
    """The chat model, asked a question a step; it waits where the run does."""

    def __init__(self, job: Job, model: ChatModel, steps: Steps) -> None:
        self._job, self._model, self._steps = job, model, steps

    def lines(self, messages: Sequence[Message], count: int) -> list[str]:
        """Return what it says, the most probable first. Raises OutOfTimeError."""
        if not self._job.gate.wait():
            raise OutOfTimeError(workplace.LATE)
        found = self._model.lines(messages, count=count)
        self._steps.one()
        return [line for line, _ in found]

    def scores(self, held: Sequence[Row], public: Sequence[Row]) -> _Scores:
        """Return how well it answers, each row with 0..1."""
        own, others = (publicset.scores(self._first, rows) for rows in (held, public))
        return _Scores(Measure(own, [1.0] * len(own)), sum(others) / len(others))

    def safe(self, items: Sequence[safety.Item]) -> safety.Result:
        """Return how many requests it answers without a line that the guard would stop."""
        return safety.checked(lambda item: self.lines(chat.request(item.request), safety.ANSWERS), items)

    def _first(self, row: Row) -> list[str]:
        conversation = lora.messages(row)
        return self.lines(conversation[0], 1) if conversation else []


def _measured(  # noqa: PLR0913, PLR0917 - the run and its user, the model with two adapters, what it is asked
    job: Job, user: User, gguf: Path, used: registry.Model | None, made: Path, held: Sequence[Row]
) -> _Result:
    public = publicset.fixed()[::PUBLIC_EACH]
    items = [item for item in safety.items() if item.request]  # it cannot be asked to end a line
    steps = Steps(lambda done, total: job.report("adapter measuring", done, total))
    steps.expect(2 * (len(held) + len(public)) + len(items))
    with ExitStack() as stack:
        model = stack.enter_context(closing(ChatModel(gguf, torch.get_num_threads())))
        asked = _Asked(job, model, steps)
        if used:
            model.adapters.load(used.version, stack.enter_context(registry.open_file(used, FILE, user.paths)))
            model.adapters.switch(used.version)
        before = asked.scores(held, public)
        model.adapters.load(job.run, made)
        model.adapters.switch(job.run)
        return _Result(before, asked.scores(held, public), asked.safe(items))


def _in_use(user: User, gguf: Path) -> registry.Model | None:
    """Return the adapter that the service puts on; of one that it cannot, it tells the user itself."""
    with suppress(ModelError):
        if version := registry.current("adapter", user.paths):
            found = registry.load("adapter", version, user.paths)
            adapted.check(found, gguf, user.paths)
            return found
    return None


def _papers(  # noqa: PLR0913, PLR0917 - what was measured, of what, made of what
    job: Job, model: _Chat, used: registry.Model | None, result: _Result, rows: str, learned: Sequence[Row]
) -> tuple[Comparison, Card]:
    before, after, safe = result
    difference = tasks.better(after.own, before.own)
    public = max(before.public, used.card.scores.get(deploy.PUBLIC, 0) if used else 0)
    comparison = Comparison(
        kind="adapter",
        version=job.run,
        own_before=before.own.mean,
        own_after=after.own.mean,
        p=difference.p,
        own_lines=len(after.own.values),
        public_before=public,
        public_after=after.public,
        safety_passed=safe.passed,
        safety_lines=safe.items,
        measure="utilities and options of what you asked for",
        before=used.version if used else None,
    )
    counted = Counter((row.source, row.licence) for row in dict.fromkeys(learned))
    card = Card(
        kind="adapter",
        version=job.run,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files={},
        data=tuple(Data(source=source, licence=licence, rows=rows) for (source, licence), rows in counted.items()),
        scores={
            "answered": after.own.mean,
            "answered_before": before.own.mean,
            "gain_95": [difference.low, difference.high],
            "public": after.public,
            deploy.PUBLIC: public,
            ROWS: rows,
            "not_safe": list(safe.stopped),
        },
        command="python -m training run",
        base=model.sha256,
        trained_on=workplace.hardware(),
    )
    return comparison, card
