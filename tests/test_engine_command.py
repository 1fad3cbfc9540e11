"""The command model at work: whole lines, their probabilities, healing, what is kept between calls, stopping."""

from __future__ import annotations

import codecs
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tiny_models
import torch
from numpy.typing import NDArray
from transformers import LlamaForCausalLM

from assistant_core.engine.command import ROOM, CommandModel
from assistant_core.engine.llama import Context, Stopped
from assistant_core.engine.prompt import BOS, CONTEXT, EOS, Part, Piece, number, request, session
from assistant_core.engine.search import SEQUENCES
from assistant_core.engine.vocabulary import ENDS, Vocabulary
from assistant_core.errors import ModelError
from training import export
from training.tokenizer import Tokenizer

LINE: list[Part] = [(Piece.LINE, "")]


class Trained(NamedTuple):
    """A model that knows the lines of tiny_models by heart."""

    file: Path
    words: Tokenizer
    torch: LlamaForCausalLM


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    words = tiny_models.vocabulary(folder / "tokenizer.model")
    model = tiny_models.llama(words.size, initializer_range=0.02)
    tiny_models.memorise(model, words)
    model.save_pretrained(folder)
    export.to_gguf(folder, words.file, folder / "command.gguf", kind="f32")
    return Trained(folder / "command.gguf", words, model)


@pytest.fixture(scope="module")
def model(trained: Trained) -> Iterator[CommandModel]:
    with closing(CommandModel(trained.file)) as model:
        yield model


@pytest.fixture(scope="module")
def wild(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandModel]:
    """A model that says anything: bytes, control pieces, control characters."""
    folder = tmp_path_factory.mktemp("wild")
    tiny_models.llama(trained.words.size, initializer_range=0.02).save_pretrained(folder)
    export.to_gguf(folder, trained.words.file, folder / "wild.gguf", kind="f32")
    with closing(CommandModel(folder / "wild.gguf")) as model:
        yield model


def lines(answers: Sequence[tuple[str, float]]) -> list[str]:
    return [text for text, _ in answers]


@pytest.mark.parametrize("line", tiny_models.LINES)
@pytest.mark.parametrize("left", [1, 3, 0.5])
def test_a_line_is_completed_wherever_typing_stopped(model: CommandModel, line: str, left: float) -> None:
    typed = line[: -left if isinstance(left, int) else len(line) // 2]
    wanted = [each for each in tiny_models.LINES if each.startswith(typed)]
    found = model.candidates(LINE, typed, count=3)
    assert set(lines(found)) & set(wanted)
    assert found[0][0] in wanted


def test_a_begun_piece_is_healed(model: CommandModel, trained: Trained) -> None:
    line, typed = "docker run --rm -it debian bash", "docker run --rm -it deb"
    assert trained.words.encode(typed) != trained.words.encode(line)[: len(trained.words.encode(typed))]
    assert lines(model.candidates(LINE, typed)) == [line]


def test_several_lines_are_distinct_whole_and_in_order(model: CommandModel) -> None:
    found = model.candidates(LINE, "git ", count=5)
    assert {"git checkout main", "git checkout -b topic", "git status"} <= set(lines(found))
    assert len(set(lines(found))) == len(found) == 5
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert sum(map(math.exp, scores)) <= 1 + 1e-4


def test_what_was_typed_may_be_the_whole_line(model: CommandModel) -> None:
    ((line, score),) = model.candidates(LINE, "ls -la /var/log")
    assert line == "ls -la /var/log"
    assert score > math.log(0.5)


@pytest.mark.parametrize(("asked", "line"), tiny_models.REQUESTS.items())
def test_a_request_becomes_a_line(model: CommandModel, asked: str, line: str) -> None:
    assert model.candidates(request(asked))[0][0] == line
    assert model.generate(request(asked))[0][0] == line


def test_generated_answers_begin_differently(model: CommandModel, trained: Trained) -> None:
    found = model.generate(LINE, count=5)
    first = [trained.words.encode(text)[0] for text in lines(found)]
    assert len(set(first)) == len(first) == 5
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def expected_score(trained: Trained, parts: Sequence[Part], text: str) -> float:
    before, answer = [BOS, *trained.words.encode_parts(parts)], trained.words.encode(text)
    with torch.inference_mode():
        logits = trained.torch(input_ids=torch.tensor([[*before, *answer]])).logits[0, len(before) - 1 :]
    rows = logits.log_softmax(dim=1)
    return float(rows[range(len(answer)), answer].sum() + rows[-1, list(ENDS)].logsumexp(dim=0))


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (LINE, "git status"),
        (LINE, "never seen \u6f22 before"),
        (request("what changed"), "git status"),
        (session([("make test", 2), ("ls", None)], "git python") + LINE, "make clean"),
        ([(Piece.LINE, "ls -la"), (Piece.EXPLAIN, "")], "lists \u2581 all"),
        (LINE, ""),
    ],
)
def test_a_score_is_that_of_torch(model: CommandModel, trained: Trained, parts: list[Part], text: str) -> None:
    assert model.score(parts, text) == pytest.approx(expected_score(trained, parts, text), abs=0.05)


def test_a_candidate_has_the_score_of_its_line(model: CommandModel, trained: Trained) -> None:
    found = model.candidates(LINE, count=8)
    assert len(found) == 8
    expected = [expected_score(trained, LINE, line) for line in lines(found)]
    assert [score for _, score in found[:4]] == pytest.approx(expected[:4], abs=0.05)
    # What fell out of the beam may come back in other, less probable pieces.
    assert all(score < most + 0.05 for (_, score), most in zip(found, expected, strict=True))


def test_a_continuation_is_scored_given_what_was_typed(model: CommandModel, trained: Trained) -> None:
    whole = {line: math.exp(expected_score(trained, LINE, line)) for line in tiny_models.LINES if line[:3] == "git"}
    for line, score in model.candidates(LINE, "git", count=4):
        assert math.exp(score) == pytest.approx(whole[line] / sum(whole.values()), abs=0.05)


@pytest.mark.parametrize(
    "typed", ["", "g", "echo '\u6f22", "\U0001f600", "a\tb", "a\nb", "x\u2581y", "\x1b[", " ", "  ls  "]
)
@pytest.mark.parametrize("forked", [False, True])
def test_whatever_the_model_says_is_text(wild: CommandModel, typed: str, *, forked: bool) -> None:
    found = wild.generate(LINE, count=8, tokens=12) if forked else wild.candidates(LINE, typed, count=8, tokens=12)
    typed = "" if forked else typed
    assert forked or found
    for line in lines(found):
        assert line.startswith(typed)
        assert line.removeprefix(typed).isprintable()
        assert not any(piece.value in line for piece in Piece)


def test_bytes_are_joined_to_characters(wild: CommandModel) -> None:
    context = wild._context  # noqa: SLF001 - what it may spell is asked of the vocabulary it has
    words = Vocabulary(context)
    chance = np.random.default_rng(0)
    for _ in range(200):
        data, mask = b"", words.starts
        while len(data) < 12:
            token = int(chance.choice(np.flatnonzero(np.isfinite(mask))))
            data += words.pieces[token]
            decoder = codecs.getincrementaldecoder("utf-8")()
            try:
                decoder.decode(data)
            except UnicodeDecodeError:
                break  # a continuation that this first byte forbids: the search drops it
            mask = words.continues if decoder.getstate()[0] else words.starts
            assert not any(byte < 0x20 or byte == 0x7F for byte in data)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("git", ""),
        ("git ", "git"),
        ("git checko", "git"),
        ("ls -la /var/l", "ls -la /var/"),
        ("\u6f22", "\u6f22"),
    ],
)
def test_what_could_be_read_differently_is_taken_back(model: CommandModel, typed: str, kept: str) -> None:
    words = Vocabulary(model._context)  # noqa: SLF001 - healing is the vocabulary's
    tokens, owed = words.typed(typed)
    spelt = b"".join(words.pieces[token] for token in tokens)
    assert spelt + owed == typed.encode()
    assert len(spelt) <= len(kept.encode())


@pytest.mark.parametrize("line", tiny_models.LINES)
def test_what_stays_is_how_every_longer_line_begins(model: CommandModel, trained: Trained, line: str) -> None:
    words, whole = Vocabulary(model._context), trained.words.encode(line)  # noqa: SLF001 - as above
    for end in range(len(line)):
        tokens, _ = words.typed(line[:end])
        assert whole[: len(tokens)] == tokens


# --- what is kept between calls ----------------------------------------------------------------------------------


class Counted(Context):
    """A context that counts the tokens it computes."""

    computed = 0

    def _decode(self, tokens: Sequence[int], *others: object, **named: object) -> np.ndarray:  # type: ignore[override]
        self.computed += len(tokens)
        return super()._decode(tokens, *others, **named)  # type: ignore[arg-type]


def test_only_new_tokens_are_computed(trained: Trained) -> None:
    with closing(Counted(trained.file, tokens=256, sequences=3)) as context:
        rows = [context.prefill([1, 4, 300, 301]), context.prefill([1, 4, 300, 301, 302]), context.prefill([1, 4])]
        assert context.computed == 4 + 1 + 1
        context.prefill([1, 4])
        assert context.computed == 6
        fresh = [context.logits(tokens)[-1] for tokens in ([1, 4, 300, 301], [1, 4, 300, 301, 302], [1, 4])]
    for row, expected in zip(rows, fresh, strict=True):
        np.testing.assert_allclose(row, expected, atol=0.02)  # what is held is held in 16 bits


def test_a_call_answers_the_same_whatever_came_before(model: CommandModel, trained: Trained) -> None:
    calls = [("git ch", 3), ("git che", 1), ("g", 2), ("docker", 2), ("git checkout ", 3), ("", 8)]
    before = [model.candidates(LINE, typed, count=count) for typed, count in calls]
    for (typed, count), answers in zip(calls, before, strict=True):
        with closing(CommandModel(trained.file)) as fresh:
            again = fresh.candidates(LINE, typed, count=count)
        assert lines(again) == lines(answers)
        assert [score for _, score in again] == pytest.approx([score for _, score in answers], abs=0.05)


def test_branches_do_not_touch_one_another(trained: Trained) -> None:
    with closing(Context(trained.file, tokens=256, sequences=3, exact=True)) as context:
        context.prefill([1, 4])
        context.branch(0, 1)
        context.branch(0, 2)
        context.step([300, 301], 2, [1, 2])
        found = context.step([310, 310], 3, [1, 2])
        expected = [context.logits([1, 4, first, 310])[-1] for first in (300, 301)]
    np.testing.assert_allclose(found, expected, atol=1e-3)


# --- short, late, cancelled --------------------------------------------------------------------------------------


def test_a_line_is_never_cut(model: CommandModel) -> None:
    assert model.candidates(LINE, "docker r")[0][1] > math.log(0.9)
    assert all(score < math.log(0.01) for _, score in model.candidates(LINE, "docker r", tokens=2))
    assert model.generate(LINE, count=3, tokens=1) == []


def test_a_deadline_that_is_over_ends_the_search(model: CommandModel) -> None:
    assert model.candidates(LINE, "git ", deadline_s=0.0) == []
    assert model.candidates(LINE, "git ", deadline_s=60.0) != []


def test_stopping_in_a_prompt_keeps_what_was_computed(trained: Trained) -> None:
    with closing(Counted(trained.file, tokens=256)) as context:
        tokens = [int(token) for token in np.random.default_rng(0).integers(270, 400, 200)]
        asked = iter([False, False, True])
        with pytest.raises(Stopped):
            context.prefill(tokens, lambda: next(asked))
        assert context.computed == 64
        row = context.prefill(tokens)
        assert context.computed == 200
        np.testing.assert_allclose(row, context.logits(tokens)[-1], atol=0.02)


class Interrupted(Context):
    """A context that has another thread call `interrupt` while it computes its third step."""

    steps = 0
    interrupt: Callable[[], None]

    def step(self, tokens: Sequence[int], position: int, sequences: Sequence[int]) -> NDArray[np.float32]:
        self.steps += 1
        if self.steps == 3:
            thread = threading.Thread(target=self.interrupt)
            thread.start()
            thread.join()
        return super().step(tokens, position, sequences)


def test_another_thread_cancels_the_call_that_runs(trained: Trained) -> None:
    with closing(CommandModel(trained.file)) as model, closing(model._context):  # noqa: SLF001 - put one that tells
        whole = model.candidates(LINE, count=8)
        model._context = context = Interrupted(trained.file, tokens=ROOM, sequences=SEQUENCES)  # noqa: SLF001 - likewise
        context.interrupt = model.cancel
        assert model.candidates(LINE, count=8) != whole
        assert context.steps == 3
        assert model.candidates(LINE, count=8) == []  # not yet taken back
        model.begin()
        assert model.candidates(LINE, count=8) == whole


# --- errors, and quiet -------------------------------------------------------------------------------------------


def test_a_model_of_another_vocabulary_is_refused(trained: Trained, tmp_path: Path) -> None:
    import sentencepiece  # noqa: PLC0415 - for this one alone

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"] * 9),
        model_prefix=str(tmp_path / "other"),
        model_type="bpe",
        vocab_size=300,
        hard_vocab_limit=False,
        byte_fallback=True,
        pad_id=3,
        minloglevel=2,
    )
    size = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "other.model")).vocab_size()
    tiny_models.llama(size).save_pretrained(tmp_path)
    export.to_gguf(tmp_path, tmp_path / "other.model", tmp_path / "other.gguf", kind="f32")
    with pytest.raises(
        ModelError,
        match=r"other\.gguf: this is not a command model: its pieces without text are \[0, 1, 2, 3\], not 0 to 9",
    ):
        CommandModel(tmp_path / "other.gguf")
    assert trained.words.encode_parts([(Piece.LINE, "")]) == [number(Piece.LINE)]
    assert EOS in ENDS


def test_without_llama_cpp_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise ImportError('no such library')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pathlib import Path\n"
        "from assistant_core.engine.command import CommandModel\n"
        "from assistant_core.errors import ModelError\n"
        "try: CommandModel(Path('x'))\n"
        "except ModelError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tiny_models.ROOT
    )
    assert "pip install 'xontrib-assistant[llm]'" in said.stdout


def test_nothing_is_printed(trained: Trained, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(CommandModel(trained.file)) as model:
        model.candidates(LINE, "git ", count=3)
        model.close()
    assert capfd.readouterr() == ("", "")
    assert CONTEXT == 256
