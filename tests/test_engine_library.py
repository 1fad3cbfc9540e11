"""What is looked up for a question: opened anew, prepared, kept, and what becomes of a file that is not sound."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import faults
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_core.engine import embed, intents, kept, library, pairs, prepared, ranking, registry
from assistant_core.engine.bm25 import BM25
from assistant_core.engine.directions import Directions
from assistant_core.engine.embed import Vocabulary
from assistant_core.engine.kept import FILES, VERDICTS, Arrays
from assistant_core.engine.library import NOTHING, Library
from assistant_core.engine.pairs import Index, Near, Pair
from assistant_core.engine.registry import Kind
from assistant_core.engine.wording import features
from assistant_core.settings import Paths, private_directory

PAIRS = (
    Pair("find large files", "find . -size +1G", "a"),
    Pair("find files of root", "find / -user root", "a", 0.5),
    Pair("count the lines of a file", "wc -l a", "b"),
    Pair("délete \"a\nfile\" 'ß'", "rm 'ß'", "b"),
)
SHAPES = np.array([0, 1, 2, -1], np.int32)
ASKED = ("find the largest files", "how many lines has it", "delete 'x'", "xyzzy", "", "\ud800")


def put(paths: Paths, kind: Kind, files: Mapping[str, Callable[[Path], object]], version: str = "v1") -> Path:
    """Put a version of the user's own to use; return its folder."""
    folder = private_directory(paths.models / kind / version)
    for name, write in files.items():
        write(folder / name)
    card = registry.Card(
        kind=kind,
        version=version,
        created="2026-01-01T02:00:00Z",
        files={name: registry.described(folder / name) for name in files},
        data=(),
        scores={},
        command="a test",
        base=None,
        trained_on="nothing",
    )
    (folder / registry.CARD).write_bytes(msgspec.json.encode(card))
    registry.use(kind, version, paths)
    return folder


def put_pairs(paths: Paths, known: tuple[Pair, ...] = PAIRS, version: str = "v1") -> None:
    put(paths, "pairs", {pairs.FILE: lambda file: pairs.write(known, file), **learned(SHAPES)}, version)


def learned(of_pair: NDArray[np.int32]) -> dict[str, Callable[[Path], object]]:
    """Return what writes intents that were never learned, but fit."""
    terms = list(dict.fromkeys(term for pair in PAIRS for term in features(pair.request)))
    chance = np.random.default_rng(1)
    vectors = chance.integers(-127, 127, (2, len(terms), 8), np.int8)
    arrays = intents.Arrays(
        terms=np.frombuffer("\n".join(terms).encode(), np.uint8),
        rarity=chance.random(len(terms)).astype(np.float16),
        vectors=vectors,
        vector_scales=chance.random((2, len(terms))).astype(np.float16),
        hidden=chance.random((2, 9, 8), np.float32),
        shapes=chance.integers(-127, 127, (2, 3, 8), np.int8),
        shape_scales=chance.random((2, 3)).astype(np.float16),
        common=chance.random((2, 3)).astype(np.float16),
        of_pair=of_pair,
    )
    return {intents.FILE: lambda file: intents.write(arrays, file)}


@pytest.fixture(autouse=True)
def installed(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs, intents and an embedding of eight dimensions, and nothing that ships."""
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "nowhere")
    known = sorted({word for pair in PAIRS for word in embed.words(pair.request)})
    vocabulary = Vocabulary(known, 5)
    matrix = np.random.default_rng(2).standard_normal((vocabulary.size, 8)).astype(np.float32)
    put(paths, "embedding", {embed.FILE: lambda file: embed.write(file, vocabulary, matrix)})
    put_pairs(paths)


def said(index: Index) -> list[tuple[list[Near], list[Near], float]]:
    """Return all that an index answers to ASKED."""
    return [(index.nearest(each, 9), index.intended(each, 9), index.measured(each).closeness) for each in ASKED]


def files(paths: Paths) -> list[Path]:
    return sorted(file for file in (paths.cache / prepared.FOLDER).glob("*") if file.name != VERDICTS)


def test_what_was_prepared_answers_as_what_was_not(paths: Paths) -> None:
    model = registry.active("pairs", paths)
    read = pairs.read(model.files[pairs.FILE])
    encoder = embed.load("", paths)
    fresh = Index(read, encoder, intents.Intents.open(model.files[intents.FILE], len(read)))
    made, found = library.opened(paths), library.opened(paths)
    assert said(made.pairs) == said(found.pairs) == said(fresh)
    assert any(near for near, _, _ in said(fresh))
    assert any(intended for _, intended, _ in said(fresh))
    assert (found.notes, list(found.pairs.pairs)) == ((), read)
    assert found.pairs.pairs[-3:-1] == read[-3:-1]


def test_it_is_prepared_once_and_for_the_user_alone(paths: Paths) -> None:
    library.opened(paths)
    [file] = files(paths)
    before = file.stat()
    library.opened(paths)
    assert [each.stat() for each in files(paths)] == [before]
    assert before.st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert said(Index([])) == [([], [], 0)] * len(ASKED)


def test_nothing_is_copied_when_it_is_opened(paths: Paths) -> None:
    library.opened(paths)
    arrays = kept.kept(paths.cache / prepared.FOLDER, files(paths)[0].stem, dict)
    assert len(arrays) > 10
    assert not any(array.flags.owndata or array.flags.writeable for array in arrays.values())


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def changed(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def open_to_others(file: Path) -> None:
    file.chmod(0o622)


def a_folder(file: Path) -> None:
    file.unlink()
    file.symlink_to("/")


@pytest.mark.parametrize("damage", [cut_short, emptied, changed, open_to_others, a_folder])
def test_what_is_not_sound_is_prepared_anew(paths: Paths, damage: Callable[[Path], None]) -> None:
    expected = said(library.opened(paths).pairs)
    [file] = files(paths)
    content = file.read_bytes()
    damage(file)
    assert said(library.opened(paths).pairs) == expected
    assert [(each, each.read_bytes(), each.stat().st_mode & 0o777) for each in files(paths)] == [(file, content, 0o600)]


def test_other_pairs_are_prepared_beside_and_the_oldest_go(paths: Paths) -> None:
    for number in range(FILES + 2):
        put_pairs(paths, (*PAIRS[:3], Pair("new", f"echo {number}", "a")), f"v{number}")
        assert library.opened(paths).pairs.nearest("new", 1)[0].pair.line == f"echo {number}"
    assert len(files(paths)) == FILES


def test_another_embedding_asks_another_index(paths: Paths) -> None:
    library.opened(paths)
    registry.use("embedding", None, paths)
    alone = library.opened(paths)
    assert alone.encoder is None
    assert alone.pairs.nearest("find large files", 1)[0].pair == PAIRS[0]
    assert len(files(paths)) == 2


@pytest.mark.parametrize("shapes", [None, SHAPES[:2]])
def test_without_intents_that_fit_nothing_is_intended(
    paths: Paths, shapes: NDArray[np.int32] | None, caplog: pytest.LogCaptureFixture
) -> None:
    more = {} if shapes is None else learned(shapes)
    put(paths, "pairs", {pairs.FILE: lambda file: pairs.write(PAIRS, file), **more}, "v2")
    for _ in range(2):
        index = library.opened(paths).pairs
        assert index.intended("find files", 3) == []
        assert index.nearest("find files", 3)
    assert ("expected 4; install" in caplog.text) is (shapes is not None)


def ordering() -> ranking.Arrays:
    """Return a ranking by the share alone."""
    ones = np.ones(ranking.INPUTS, np.float32)
    first = np.zeros((ranking.INPUTS + 1, 1), np.float32)
    return ranking.Arrays(ones, ones, first, np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32), ones[:1])


def put_ranking(paths: Paths, write: Callable[[Path], object]) -> None:
    known = {pairs.FILE: lambda file: pairs.write(PAIRS, file), **learned(SHAPES)}
    put(paths, "pairs", {**known, ranking.FILE: write}, "v2")


def test_a_ranking_is_used_with_the_embedding_that_it_was_learned_with(paths: Paths) -> None:
    assert library.opened(paths).pairs.ranking is None
    put_ranking(paths, lambda file: ranking.write(ordering(), file))
    for _ in range(2):
        found = library.opened(paths).pairs.ranking
        assert found is not None
        assert [each.tolist() for each in found.arrays] == [each.tolist() for each in ordering()]
    registry.use("embedding", None, paths)
    assert library.opened(paths).pairs.ranking is None


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_without_a_ranking_that_can_be_read_there_are_answers(
    paths: Paths, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    expected = said(library.opened(paths).pairs)
    put_ranking(paths, lambda file: file.write_bytes(content))
    found = library.opened(paths)
    assert found.pairs.ranking is None
    assert said(found.pairs) == expected
    assert f"{ranking.FILE} cannot be read as a ranking" in caplog.text
    assert "requests are looked up without it" in caplog.text


def test_a_ranking_that_was_changed_is_not_used(paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    put_ranking(paths, lambda file: ranking.write(ordering(), file))
    changed(paths.models / "pairs" / "v2" / ranking.FILE)
    assert library.opened(paths).notes == (NOTHING,)
    assert f"{ranking.FILE} is damaged" in caplog.text


def test_two_processes_prepare_at_once(paths: Paths, environ: dict[str, str]) -> None:
    code = (
        "import os; from assistant_core.engine import library; from assistant_core.settings import paths; "
        "input(); print(library.opened(paths(os.environ)).pairs.nearest('find the largest files', 9))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
        )
        for _ in range(2)
    ]
    found = [process.communicate("\n", timeout=60)[0] for process in both]
    assert found == [f"{library.opened(paths).pairs.nearest('find the largest files', 9)}\n"] * 2
    assert len(files(paths)) == 1


def test_a_full_disk_only_costs_time(paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    private_directory(paths.cache / prepared.FOLDER)
    with faults.largest_file(1000):
        full = library.opened(paths)
    assert files(paths) == []
    assert "it is made again at the next start" in caplog.text
    assert said(full.pairs) == said(library.opened(paths).pairs)


@pytest.mark.parametrize("place", ["", prepared.FOLDER])
def test_without_a_cache_folder_it_is_prepared_in_memory(paths: Paths, place: str) -> None:
    expected = said(library.opened(paths).pairs)
    paths.cache.rename(paths.cache.with_name("elsewhere"))
    (paths.cache / place).parent.mkdir(parents=True, exist_ok=True)
    (paths.cache / place).write_text("no folder")
    assert said(library.opened(paths).pairs) == expected


def test_nothing_is_kept_of_what_is_sealed(paths: Paths) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    from training import seal  # noqa: PLC0415 - beside its only use

    expected = said(library.opened(paths).pairs)
    [file] = files(paths)
    file.unlink()
    encoder = (paths.models / "embedding" / "v1" / embed.FILE).read_bytes()

    def sealed(target: Path) -> None:
        target.write_bytes(encoder)
        seal.seal_file(target, seal.key_of(paths))

    put(paths, "embedding", {embed.FILE: sealed}, "v2")
    assert said(library.opened(paths).pairs) == expected
    assert files(paths) == []


def test_without_anything_it_is_said(paths: Paths) -> None:
    registry.use("pairs", None, paths)
    registry.use("embedding", None, paths)
    found = library.opened(paths)
    assert found == Library(found.pairs, None, (NOTHING,))
    assert found.pairs.nearest("find files", 3) == []


# --- its parts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"none": np.empty((0, 3), np.float32), "one": np.arange(3, dtype=np.int8), "": np.ones((2, 2, 2))},
        {"bytes": np.frombuffer(b"\n\n", np.uint8), "turned": np.arange(6, dtype=np.int64).reshape(2, 3).T},
    ],
)
def test_arrays_come_back_as_they_were(tmp_path: Path, arrays: Arrays) -> None:
    made = [kept.kept(tmp_path / "kept", "a", lambda: arrays) for _ in range(2)]
    for found in made:
        assert {name: (each.dtype, each.tolist()) for name, each in found.items()} == {
            name: (each.dtype, each.tolist()) for name, each in arrays.items()
        }
    assert len([file for file in (tmp_path / "kept").iterdir() if file.name != VERDICTS]) == 1


def test_what_cannot_be_made_is_raised_and_nothing_is_kept(tmp_path: Path) -> None:
    def fail() -> Arrays:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.kept(tmp_path / "kept", "a", fail)
    assert not (tmp_path / "kept").exists()


def test_bm25_is_the_same_from_its_arrays() -> None:
    first = BM25([["b", "a", "b a"], [], ["ab", "a", "\ud800"]])
    again = BM25(arrays=first.arrays)
    for query in (["a"], ["b a", "b"], ["ab", "a", "a"], ["\ud800"], ["z", "", "aa"], []):
        assert again.scores(query).tolist() == first.scores(query).tolist()
        assert again.greatest(query) == first.greatest(query)
    assert [each > 0 for each in first.scores(["a"])] == [True, False, True]
    assert [each > 0 for each in first.scores(["\ud800"])] == [False, False, True]


class Given:
    """An encoder of texts that are numbers of rows."""

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = rows

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.rows[[int(text) for text in texts]]


def test_directions_are_nearly_the_floats() -> None:
    rows = np.random.default_rng(3).standard_normal((1200, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[7] = 0
    encoder, numbers = Given(rows), [str(number) for number in range(1200)]
    found = Directions.of(numbers, encoder)
    assert found @ rows[3] == pytest.approx(rows @ rows[3], abs=0.01)
    assert (found @ rows[3])[7] == 0
    both = Directions.of(numbers[:700], encoder) + Directions.of(numbers[700:], encoder)
    assert (both @ rows[3]).tolist() == pytest.approx((found @ rows[3]).tolist(), abs=1e-6)
    assert len(Directions.of([], encoder) @ rows[3]) == 0


def test_another_embedding_is_used_if_it_can_be_loaded(
    paths: Paths, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transformers = pytest.importorskip("sentence_transformers", reason="needs [train]")
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding  # noqa: PLC0415 - seconds, and an extra
    from tokenizers import Tokenizer  # noqa: PLC0415 - as above
    from tokenizers.models import WordLevel  # noqa: PLC0415 - as above
    from tokenizers.pre_tokenizers import Whitespace  # noqa: PLC0415 - as above

    known = sorted({word for pair in PAIRS for word in pair.request.split()})
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(["?", *known])}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    other = str(tmp_path / "other")
    transformers.SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=6)]).save_pretrained(other)

    ours, theirs = library.opened(paths), library.opened(paths, other)
    assert [len(each.encoder.encode(["x"])[0]) for each in (ours, theirs) if each.encoder] == [8, 6]
    assert len(files(paths)) == 2
    assert said(library.opened(paths, "nobody/nothing").pairs) == said(ours.pairs)
    assert "models.embedding: the embedding 'nobody/nothing' cannot be loaded" in caplog.text
