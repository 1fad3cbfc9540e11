"""How good models are, beside those that they have to be better than: `python -m training evaluate`.

In: the folder of our corpora, the models, perhaps a file of requests. Out: a report. What training.public holds out of
the corpora (pages and projects) is what is asked; everything else is what the opponents know: an n-gram model over the
command model's own tokens, BM25, the nearest meaning.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant_core.engine import embed, intents, llm, pairs, ranking, registry
from assistant_core.engine.answer import Answerer
from assistant_core.engine.command import CommandModel
from assistant_core.engine.intents import Intents
from assistant_core.engine.pairs import Index
from assistant_core.engine.ranking import Ranking
from assistant_core.errors import TrainingError
from training import examples, public
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.evaluate import tasks
from training.evaluate.model import AnswerPredictor, CommandPredictor
from training.evaluate.ngram import NGram
from training.evaluate.opponents import Nearest, NGramPredictor, by_meaning, by_words
from training.evaluate.report import Report, report
from training.records import Row, Task
from training.tokenizer import Tokenizer

if TYPE_CHECKING:
    from training.evaluate.tasks import Measures


class Folders(NamedTuple):
    """Where the models are, each with the files that it ships with."""

    command: Path
    pairs: Path
    embedding: Path


class Known(NamedTuple):
    """What may be used to answer, and what is asked."""

    learning: list[Row]
    held: Mapping[str, list[Row]]  # by task
    own: list[Row]  # requests from a file


def evaluate(
    corpora: Path, folders: Folders, *, requests: Path | None = None, most: int = 300, seed: int = 0
) -> Report:
    """Put every task to everyone who can do it, and compare them.

    At most `most` rows are asked of each task, chosen by `seed`; of `requests` all. Raises ModelError or TrainingError
    for files that are none of theirs.
    """
    card = json.loads((folders.command / registry.CARD).read_bytes())
    known = read(corpora, requests, most, seed)
    with closing(CommandModel(folders.command / llm.FILE)) as model:
        scores = scored(known, folders, model)
    if not scores:
        raise TrainingError(f"{corpora} holds nothing out to be asked; give larger corpora, or requests of your own")
    return report(scores, files=_files(corpora, folders, requests), model=card, seed=seed, most=most)


def read(corpora: Path, requests: Path | None, most: int, seed: int) -> Known:
    """Read and split as the training of the command model does."""
    learning, rows = split(clean(ours.read(corpora)), share=public.HELD_SHARE)
    random.Random(seed).shuffle(rows)  # noqa: S311 - a sample, not a secret
    held: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if len(held[row.task]) < most:
            held[row.task].append(row)
    return Known(learning, held, own(requests) if requests else [])


def own(file: Path) -> list[Row]:
    """Return a row for each line that is right for a request of `file`: JSON lines of nl, cmd and perhaps cmd_alt."""
    rows = []
    for at, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            fields = json.loads(text)
            golds = [fields["cmd"], *filter(None, [fields.get("cmd_alt")])]
            rows += [
                Row(task="request", texts=(fields["nl"], gold), source="own", licence="", group=fields["cmd"])
                for gold in golds
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(f"{file}, line {at}: no request with nl and cmd ({error!r}); mend it") from error
    return rows


def scored(known: Known, folders: Folders, command: CommandModel) -> dict[str, dict[str, Measures]]:
    """Return the measures of each predictor by task; none of a task of which nothing was held out."""
    held, model = known.held, CommandPredictor(command)
    ngram = counted(known.learning, Tokenizer(folders.command / "tokenizer.model"))
    foreseeing: dict[str, Any] = {"model": model, "n-gram": ngram}
    explaining: dict[str, Any] = {"model": model, "BM25": explained(known.learning)}
    answering: dict[str, Any] = {"model": model, **retrieving(known.learning, folders, command)}
    lines, every = [*held["session"], *held["line"]], [row for rows in held.values() for row in rows]
    results = {
        "next line": asked(foreseeing, lambda who: tasks.next_line(who, held["session"])),
        "typing": asked(foreseeing, lambda who: tasks.typing(who, lines)),
        "bits per byte": asked(foreseeing, lambda who: tasks.bits(who, every)),
        "explanation": asked(explaining, lambda who: tasks.explanations(who, held["explain"])),
        "request": asked(answering, lambda who: tasks.requests(who, held["request"])),
        "own request": asked(answering, lambda who: tasks.requests(who, known.own)),
    }
    return {task: found for task, found in results.items() if any(each.values for each in found["model"].values())}


def asked(predictors: Mapping[str, Any], ask: Callable[[Any], Measures]) -> dict[str, Measures]:
    """Ask everyone the same."""
    return {name: ask(predictor) for name, predictor in predictors.items()}


def counted(rows: Iterable[Row], tokenizer: Tokenizer) -> NGramPredictor:
    """Return the n-grams of all rows, in the model's own tokens."""
    tokens = (example.tokens for row in rows for example in examples.encode(row, tokenizer))
    return NGramPredictor(NGram(tokens, tokenizer.size), tokenizer)


def explained(rows: Iterable[Row]) -> Nearest:
    """Return who explains a line as the nearest known one."""
    lines, texts = _columns(rows, "explain")
    return Nearest(texts, by_words(lines))


def retrieving(rows: Iterable[Row], folders: Folders, command: CommandModel) -> dict[str, Any]:
    """Return those who look requests up, alone and as the program does, without and with the model."""
    requests, lines = _columns(rows, "request")
    encoder = embed.Embedding.open(folders.embedding)
    found = pairs.read(folders.pairs / pairs.FILE)
    learned, order = folders.pairs / intents.FILE, folders.pairs / ranking.FILE
    index = Index(
        found,
        encoder,
        Intents.open(learned, len(found)) if learned.exists() else None,
        Ranking.open(order) if order.exists() else None,
    )
    return {
        "BM25": Nearest(lines, by_words(requests)),
        "embedding": Nearest(lines, by_meaning(requests, encoder)),
        "answers without model": AnswerPredictor(Answerer(index)),
        "answers": AnswerPredictor(Answerer(index, command)),
    }


def _columns(rows: Iterable[Row], task: Task) -> tuple[list[str], list[str]]:
    texts = [row.texts for row in rows if row.task == task]
    return [each[0] for each in texts], [each[1] for each in texts]


def _files(corpora: Path, folders: Folders, requests: Path | None) -> dict[str, Path]:
    """Return what was read, by name; the command model's own file stands in its card as well."""
    found = {reader.name: file for reader in ours.TABLE for file in corpora.glob(f"{reader.name}.jsonl*")}
    models = (folders.command / llm.FILE, folders.pairs / pairs.FILE, folders.embedding / embed.FILE)
    return found | {file.name: file for file in models} | ({"requests": requests} if requests else {})
