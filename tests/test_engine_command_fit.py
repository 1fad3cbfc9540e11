"""What is left out of a prompt that is longer than the command model sees, and what never is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import pytest
import tiny_models

from assistant_core.engine.command import CommandModel
from assistant_core.engine.prompt import CONTEXT, Part, Piece, explanation, repair, request, session
from assistant_core.errors import ModelError
from training import export
from training.tokenizer import Tokenizer

LINE: list[Part] = [(Piece.LINE, "")]
LONG = "one two three four five six seven eight nine ten " * 4
ANSWER = "git status"


class Opened(NamedTuple):
    """A model with random weights, large enough that every prompt has a score of its own."""

    model: CommandModel
    words: Tokenizer

    def score(self, parts: Sequence[Part]) -> float:
        return self.model.score(parts, ANSWER)

    def fits(self, parts: Sequence[Part]) -> bool:
        return 1 + len(self.words.encode_parts(parts)) + len(self.words.encode(ANSWER)) <= CONTEXT


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("fit")
    words = tiny_models.vocabulary(folder / "tokenizer.model")
    tiny_models.llama(words.size).save_pretrained(folder)
    export.to_gguf(folder, words.file, folder / "command.gguf", kind="f32")
    with closing(CommandModel(folder / "command.gguf")) as model:
        yield Opened(model, words)


@pytest.mark.parametrize("directory", ["", "git"])
def test_the_oldest_lines_of_a_long_session_are_left_out(opened: Opened, directory: str) -> None:
    lines: list[tuple[str, int | None]] = [(f"echo {at} one two three four five", at % 3) for at in range(50)]
    kept = [[*session(lines[at:], directory), *LINE] for at in range(len(lines) + 1)]
    at = next(at for at, parts in enumerate(kept) if opened.fits(parts))
    assert 0 < at < len(lines) - 3
    assert opened.score(kept[0]) == pytest.approx(opened.score(kept[at]), abs=1e-3)
    assert opened.score(kept[0]) != pytest.approx(opened.score(kept[at + 1]), abs=1e-3)


@pytest.mark.parametrize("exits", [(None, None), (0, 2), (1, 0), (3, 4)])
def test_an_exit_code_goes_with_its_line(opened: Opened, exits: tuple[int | None, int | None]) -> None:
    both = [*session([(LONG, exits[0]), (LONG, exits[1])]), *LINE]
    second = [*session([(LONG, exits[1])]), *LINE]
    assert not opened.fits(both)
    assert opened.score(both) == pytest.approx(opened.score(second), abs=1e-3)
    assert opened.score(both) != pytest.approx(opened.score([(Piece.EXIT, "3"), *second]), abs=1e-3)


def known(count: int) -> list[tuple[str, str]]:
    return [(f"say {at} one two three four five", f"echo {at} one two three") for at in range(count)]


@pytest.mark.parametrize("directory", ["", "git"])
def test_the_farthest_known_requests_are_left_out_with_their_lines(opened: Opened, directory: str) -> None:
    near = known(30)
    kept = [request("what changed", directory, near[at:]) for at in range(len(near) + 1)]
    at = next(at for at, parts in enumerate(kept) if opened.fits(parts))
    assert 0 < at < len(near) - 3
    assert opened.score(kept[0]) == pytest.approx(opened.score(kept[at]), abs=1e-3)
    assert opened.score(kept[0]) != pytest.approx(opened.score(kept[at + 1]), abs=1e-3)


def test_known_requests_that_fit_are_all_told(opened: Opened) -> None:
    scores = [opened.score(request("what changed", near=known(3)[at:])) for at in range(4)]
    assert len({round(score, 2) for score in scores}) == 4


@pytest.mark.parametrize("parts", [request("what changed"), explanation("git log"), repair("gti log", 127)])
def test_what_fits_is_whole(opened: Opened, parts: list[Part]) -> None:
    shorter = [parts[:at] + parts[at + 1 :] for at in range(len(parts) - 1)]
    assert all(opened.score(parts) != pytest.approx(opened.score(each), abs=1e-3) for each in shorter)


@pytest.mark.parametrize(
    "parts",
    [
        request(LONG * 3),
        request(LONG * 3, "git"),
        request(LONG * 3, near=[("list all containers", "docker ps --all")]),
        explanation(LONG * 3),
        repair(LONG * 3, 127),
        [(Piece.DIRECTORY, "git"), *repair(LONG * 3)],
    ],
    ids=["request", "in a directory", "known requests", "explanation", "repair", "repair in a directory"],
)
def test_a_question_is_never_cut(opened: Opened, parts: list[Part]) -> None:
    assert opened.model.candidates(parts) == opened.model.generate(parts) == []
    with pytest.raises(ModelError, match=f"longer than {CONTEXT} tokens; shorten them"):
        opened.score(parts)


@pytest.mark.parametrize("parts", [LINE, request("what changed", near=known(2))], ids=["a line", "a request"])
def test_nor_is_what_was_typed(opened: Opened, parts: list[Part]) -> None:
    assert opened.model.candidates(parts, "x" * 2000) == []
    with pytest.raises(ModelError, match="shorten"):
        opened.model.score(parts, "x" * 2000)
