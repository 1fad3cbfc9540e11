"""The embedding: texts as directions, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from assistant_core.engine import embed, registry
from assistant_core.engine.embed import Embedding, Vocabulary
from assistant_core.errors import ModelError
from assistant_core.settings import paths as paths_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIPPED = registry.SHIPPED / "embedding"


@pytest.fixture(scope="module")
def shipped() -> Embedding:
    return Embedding.open(SHIPPED)


def small(tmp_path: Path) -> Path:
    """Write an embedding of two words and three buckets."""
    file = tmp_path / embed.FILE
    matrix = np.eye(5, 4, dtype=np.float32) * np.array([[1], [2], [3], [4], [0]], np.float32)
    embed.write(file, Vocabulary(["git", "log"], 3), matrix)
    return file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n", []),
        ("git log", ["git", "log"]),
        ("Git LOG", ["git", "log"]),
        ("rm -R x", ["rm", "-R", "x"]),
        ("tar -xzf a.tgz", ["tar", "-xzf", "-x", "-z", "-f", "a", ".", "tgz"]),
        ("find . -type f", ["find", ".", "-type", "f"]),
        ("cp --No-clobber", ["cp", "--no-clobber", "no", "clobber"]),
        ("pretty-print", ["pretty", "-", "print"]),
        ("a - b -- c", ["a", "-", "b", "-", "-", "c"]),
        ("head -5", ["head", "-5"]),
        ("chmod 755 my_file", ["chmod", "755", "my", "_", "file"]),
        ("ls | wc", ["ls", "|", "wc"]),
        ("größe löschen", ["größe", "löschen"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert list(embed.words(text)) == words


def test_unknown_words_meet_themselves_and_stay_in_range() -> None:
    vocabulary = Vocabulary(["git"], 7)
    first, second = vocabulary.numbers("git frobnicate"), vocabulary.numbers("frobnicate")
    assert first == [0, *second]
    assert 1 <= second[0] < vocabulary.size == 8


def test_what_is_written_is_read(tmp_path: Path) -> None:
    read = Embedding.open(small(tmp_path))
    rows = read.encode(["git", "log", "git log", ""])
    assert rows.dtype == np.float32
    assert np.allclose(rows[0], [1, 0, 0, 0])
    assert np.allclose(rows[1], [0, 1, 0, 0])
    assert np.allclose(rows[2], np.array([1, 2, 0, 0]) / 5**0.5, atol=0.01)
    assert not rows[3].any()


def test_the_same_embedding_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    content = small(tmp_path).read_bytes()
    assert small(tmp_path).read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_embedding_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / embed.FILE
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"embedding\.npz cannot be read as an embedding"):
        Embedding.open(file)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = small(tmp_path)
    content = bytearray(file.read_bytes())
    content[len(content) // 2 - 40 : len(content) // 2] = bytes(40)
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"embedding\.npz"):
        Embedding.open(file)


@pytest.mark.parametrize(
    "change",
    [
        {"form": np.int64(99)},
        {"rows": np.zeros((2, 4), np.int8)},
        {"rows": np.zeros((5, 4), np.float32)},
        {"scales": np.zeros(4, np.float32)},
    ],
    ids=["form", "no bucket", "not int8", "scales"],
)
def test_another_form_is_refused(tmp_path: Path, change: dict[str, NDArray[np.generic]]) -> None:
    file = small(tmp_path)
    with np.load(file) as arrays:
        content = dict(arrays) | change
    np.savez(file, **content)
    with pytest.raises(ModelError, match="expected form 1 and int8 rows"):
        Embedding.open(file)


def test_no_texts_give_no_rows(tmp_path: Path) -> None:
    assert Embedding.open(small(tmp_path)).encode([]).shape == (0, 4)


def test_many_texts_are_encoded_as_each_alone(shipped: Embedding) -> None:
    texts = [f"find . -size +{number}M" for number in range(embed.AT_ONCE + 3)]
    rows = shipped.encode(texts)
    for at in (0, 1, embed.AT_ONCE - 1, embed.AT_ONCE, len(texts) - 1):
        assert np.allclose(rows[at], shipped.encode([texts[at]])[0], atol=1e-6)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


# --- the shipped one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("unpack an archive", "tar -xzf archive.tgz", "git commit -m fix"),
        ("show running containers", "docker ps", "ls -la"),
        ("how much space is left on the disks", "df -h", "kill -9 123"),
        ("undo the last commit", "git reset --soft HEAD~1", "grep -r foo ."),
        ("find files larger than 1 GB", "find . -type f -size +1G", "ping example.com"),
        ("list the processes", "ps aux", "mkdir -p a/b"),
        ("count the lines of a file", "wc -l notes.txt", "ssh user@host"),
        ("search for a word in all files", "grep -r word .", "apt install vim"),
        ("copy a file to another machine", "scp a.txt host:/tmp", "sort -u names"),
        ("install a package", "apt install vim", "docker logs web"),
        ("git push origin main", "git push --force-with-lease", "systemctl restart nginx"),
        ("kubectl get pods", "kubectl describe pod web", "ffmpeg -i a.mp4 b.mp3"),
        ("tar xf a.tar", "tar -xvf b.tar", "curl -O https://example.com/a"),
    ],
)
def test_what_means_the_same_is_nearer(shipped: Embedding, text: str, near: str, far: str) -> None:
    row, close, distant = shipped.encode([text, near, far])
    assert row @ close > row @ distant + 0.1


def test_a_name_that_was_never_seen_is_found(shipped: Embedding) -> None:
    request, right, wrong = shipped.encode(
        ["restart qzvxtool", "systemctl restart qzvxtool", "systemctl restart nginx"]
    )
    assert request @ right > request @ wrong


def test_the_shipped_one_is_what_its_card_says(tmp_path: Path) -> None:
    model = registry.active("embedding", paths_of({"HOME": str(tmp_path)}))
    assert model.version == model.card.version
    assert sum(file.bytes for file in model.card.files.values()) <= 10_000_000


def test_neither_torch_nor_a_tokenizer_package_is_loaded() -> None:
    code = (
        "import sys; from pathlib import Path; from assistant_core.engine.embed import Embedding;"
        f"Embedding.open(Path({str(SHIPPED)!r})).encode(['ls']);"
        "print([name for name in ('torch', 'sentence_transformers', 'tokenizers', 'usearch') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


# --- another one, by name --------------------------------------------------------------------------------------


def test_no_name_is_our_own(tmp_path: Path) -> None:
    assert isinstance(embed.load("", paths_of({"HOME": str(tmp_path)})), Embedding)


def test_another_one_needs_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModelError, match=r"'some/model' needs sentence-transformers: pip install '.*\[train\]'"):
        embed.load("some/model", paths_of({"HOME": str(tmp_path)}))
