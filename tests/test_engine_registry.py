"""Which model answers: the user's own if it is sound, else the shipped one; and never one that is not what it says."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from assistant_core.engine import digests, registry, seal
from assistant_core.engine.registry import Card, Data, Kind, Model
from assistant_core.errors import ModelError, SealError
from assistant_core.settings import Paths

GGUF = b"GGUF" + bytes(range(256)) * 40
FILES = {"command.gguf": GGUF, "tokenizer.model": b"pieces"}


def put(folder: Path, version: str, *, kind: Kind = "command", created: str = "2024-10-04T02:00:00Z") -> Path:
    """Write a model, its card last."""
    folder.mkdir(mode=0o700, parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    card = Card(
        kind=kind,
        version=version,
        created=created,
        files={name: registry.described(folder / name) for name in FILES},
        data=(Data(source="store", licence="private", rows=20_000),),
        scores={"hit@1": 0.25},
        command="python -m training",
        base=None,
        trained_on="CPU, 4 cores",
        pieces={"trained": ("<|line|>",)},
    )
    (folder / "card.json").write_bytes(msgspec.json.encode(card))
    (folder / "card.json").chmod(0o600)
    return folder


def own(paths: Paths, version: str, *, created: str = "2024-10-04T02:00:00Z") -> Path:
    return put(paths.models / "command" / version, version, created=created)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships a command model."""
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "package/models")
    return put(tmp_path / "package/models/command", "shipped-1")


def aged(file: Path) -> None:
    """Wait until the times of `file` are older than the clock's grain."""
    while file.stat().st_ctime_ns >= time.time_ns() - 2 * digests.SETTLED_NS:
        time.sleep(0.02)


def test_the_shipped_model_answers_until_the_user_has_one(paths: Paths, shipped: Path) -> None:
    model = registry.active("command", paths)
    assert (model.kind, model.version, model.card.data[0].rows) == ("command", "shipped-1", 20_000)
    assert model.files == {name: shipped / name for name in FILES}
    folder = own(paths, "v1")
    assert registry.active("command", paths).version == "shipped-1"
    registry.use("command", "v1", paths)
    assert registry.active("command", paths) == Model(
        "command", "v1", {name: folder / name for name in FILES}, registry.load("command", "v1", paths).card
    )
    registry.use("command", None, paths)
    assert registry.active("command", paths).version == "shipped-1"


@pytest.mark.parametrize("kind", ["command", "embedding", "adapter"])
def test_without_any_model_the_error_says_what_to_do(
    kind: Kind, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "empty")
    with pytest.raises(ModelError, match=rf"no {kind} model: no version of yours.*train one with `python -m training`"):
        registry.active(kind, paths)


# --- damage --------------------------------------------------------------------------------------------------


def flip(folder: Path) -> None:
    data = bytearray((folder / "command.gguf").read_bytes())
    data[-1] ^= 1
    (folder / "command.gguf").write_bytes(data)


def flip_and_hide(folder: Path) -> None:
    """As `flip`, with the times put back as they were; only the change time tells."""
    times = (folder / "command.gguf").stat()
    flip(folder)
    os.utime(folder / "command.gguf", ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(folder: Path) -> None:
    (folder / "new").write_bytes(bytes(len(GGUF)))
    (folder / "new").replace(folder / "command.gguf")


def edit(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        card = (folder / "card.json").read_bytes()
        assert old in card
        (folder / "card.json").write_bytes(card.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip, "command.gguf is damaged: 10244 bytes of sha256 "),
        (flip_and_hide, "command.gguf is damaged"),
        (replace, "command.gguf is damaged"),
        (lambda folder: os.truncate(folder / "command.gguf", 5000), "is damaged: 5000 bytes .* expected 10244"),
        (
            lambda folder: (folder / "tokenizer.model").unlink(),
            "tokenizer.model cannot be read: .*`assistant train deploy shipped`",
        ),
        (lambda folder: (folder / "card.json").unlink(), "it has no card.json"),
        (lambda folder: os.truncate(folder / "card.json", 50), "card.json cannot be used"),
        (lambda folder: (folder / "card.json").write_bytes(b""), "card.json cannot be used"),
        (lambda folder: (folder / "card.json").write_bytes(b'"\xff"'), "card.json cannot be used"),
        (edit(b'"licence":"private",', b""), r"missing required field `licence` - at `\$\.data\[0\]`"),
        (edit(b'"kind":"command"', b'"kind":"adapter"'), "a model of kind adapter, expected command"),
        (edit(b'"version":"v1"', b'"version":"v2"'), "the card of v2, expected v1"),
        (edit(b'"tokenizer.model"', b'"../secret"'), "names the file '../secret'"),
        (lambda folder: folder.chmod(0o770), "mode 0770: others could have written it"),
        (lambda folder: (folder / "command.gguf").chmod(0o606), "command.gguf is .* mode 0606"),
        (lambda folder: (folder.parent / "current").write_bytes(b"../../v1"), "'../../v1' is no name of a command"),
        (lambda folder: (folder.parent / "current").write_bytes(b"\xff"), "current cannot be read"),
        (lambda folder: (folder.parent / "current").write_bytes(b"gone\n"), "there is no model in .*gone"),
    ],
)
@pytest.mark.usefixtures("shipped")
def test_a_damaged_model_is_named_and_the_shipped_one_answers(
    damage: Callable[[Path], object], message: str, paths: Paths, caplog: pytest.LogCaptureFixture
) -> None:
    folder = own(paths, "v1")
    aged(folder / "command.gguf")
    registry.use("command", "v1", paths)
    assert registry.active("command", paths).version == "v1"
    damage(folder)
    with caplog.at_level(logging.WARNING):
        assert registry.active("command", paths).version == "shipped-1"
    (record,) = caplog.records
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(record.message)


def test_a_shipped_model_that_is_damaged_is_not_used(paths: Paths, shipped: Path) -> None:
    flip(shipped)
    with pytest.raises(ModelError, match=r"no command model: .*command.gguf is damaged.*install the program again"):
        registry.active("command", paths)


@pytest.mark.usefixtures("shipped")
def test_what_a_later_release_writes_in_a_card_is_passed_over(paths: Paths) -> None:
    folder = own(paths, "v1")
    edit(b'"licence"', b'"colour":"blue","licence"')(folder)
    assert registry.load("command", "v1", paths).version == "v1"


# --- the cache of sha256 -------------------------------------------------------------------------------------


def test_a_sha256_is_computed_once_for_each_file(paths: Paths) -> None:
    folder = own(paths, "v1")
    aged(folder / "command.gguf")
    registry.load("command", "v1", paths)
    cache = paths.cache / registry.VERDICTS
    known = msgspec.json.decode(cache.read_bytes(), type=dict[str, str])
    assert sorted(known.values()) == sorted(registry.described(folder / name).sha256 for name in FILES)
    cache.write_bytes(msgspec.json.encode(dict.fromkeys(known, "0" * 64)))
    with pytest.raises(ModelError, match="of sha256 0000"):  # so it is the cache that was asked
        registry.load("command", "v1", paths)


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for data in (b"one", b"two"):  # of one size, perhaps within one tick of the file system's clock
        file.write_bytes(data)
        assert digests.of(file, tmp_path / "cache.json") == digests.computed(file)
    assert not (tmp_path / "cache.json").exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"[]", b"\xff"])
def test_a_broken_cache_costs_time_only(content: bytes, paths: Paths) -> None:
    aged(own(paths, "v1") / "command.gguf")
    cache = paths.cache / registry.VERDICTS
    cache.parent.mkdir(parents=True)
    cache.write_bytes(content)
    assert registry.load("command", "v1", paths).version == "v1"
    assert len(msgspec.json.decode(cache.read_bytes())) == len(FILES)


def test_a_cache_that_cannot_be_written_costs_time_only(paths: Paths) -> None:
    aged(own(paths, "v1") / "command.gguf")
    paths.cache.parent.mkdir(parents=True, exist_ok=True)
    paths.cache.write_bytes(b"a file where the folder should be")
    assert registry.load("command", "v1", paths).version == "v1"


def test_the_cache_holds_the_newest_files_only(tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    files = [tmp_path / f"{number}" for number in range(digests.REMEMBERED + 3)]
    for file in files:
        file.write_bytes(file.name.encode())
    aged(files[-1])
    for file in files:
        digests.of(file, cache)
    known = msgspec.json.decode(cache.read_bytes(), type=dict[str, str])
    assert list(known.values()) == [digests.computed(file)[0] for file in files[3:]]


# --- versions ------------------------------------------------------------------------------------------------


@pytest.fixture
def seven(paths: Paths) -> list[str]:
    """Seven versions, named against the order in which they were made, and one that never got its card."""
    names = [f"v{number}" for number in range(7, 0, -1)]
    for day, name in enumerate(names, 1):
        own(paths, name, created=f"2024-10-{day:02}T02:00:00Z")
    (paths.models / "command/unfinished").mkdir()
    (paths.models / "command/unfinished/command.gguf").write_bytes(GGUF)
    return names


def test_versions_are_in_the_order_of_their_making(paths: Paths, seven: list[str]) -> None:
    assert registry.versions("command", paths) == seven
    assert registry.versions("embedding", paths) == []


@pytest.mark.parametrize(
    ("keep", "in_use", "retired"),
    [
        (5, "v1", ["v7", "v6"]),
        (5, "v7", ["v6", "v5"]),
        (5, None, ["v7", "v6"]),
        (1, "v4", ["v7", "v6", "v5", "v3", "v2", "v1"]),
        (7, "v1", []),
        (9, "v1", []),
    ],
)
def test_the_oldest_are_retired_and_never_the_one_in_use(
    paths: Paths, seven: list[str], keep: int, in_use: str | None, retired: list[str]
) -> None:
    registry.use("command", in_use, paths)
    assert registry.retire("command", paths, keep=keep) == retired
    left = [name for name in seven if name not in retired]
    assert registry.versions("command", paths) == left
    assert {folder.name for folder in (paths.models / "command").glob("*/")} == set(left)
    assert registry.current("command", paths) == in_use


def test_a_version_whose_card_is_broken_is_the_first_to_go(paths: Paths, seven: list[str]) -> None:
    (paths.models / "command/v3/card.json").write_bytes(b"{")
    assert registry.versions("command", paths)[0] == "v3"
    assert registry.retire("command", paths, keep=6) == ["v3"]
    assert seven[-1] == "v1"


@pytest.mark.parametrize("version", ["v9", "../v1", "", ".", "..", "v1/../v2", ".hidden", "v1\n", "a" * 5 + "\0"])
def test_only_a_sound_version_is_switched_to(paths: Paths, version: str) -> None:
    own(paths, "v1")
    flip(own(paths, "v2"))
    registry.use("command", "v1", paths)
    for wrong in (version, "v2"):
        with pytest.raises(ModelError):
            registry.use("command", wrong, paths)
    assert registry.current("command", paths) == "v1"


SWITCHER = """
import os, sys
from itertools import cycle
from assistant_core.engine import registry
from assistant_core.settings import paths
ours = paths(os.environ)
registry.use("command", "v2", ours)
print("ready", flush=True)
for version in cycle(("v1", "v2")):
    registry.use("command", version, ours)
"""


def test_kill_9_at_any_moment_leaves_one_version_in_use(paths: Paths, environ: dict[str, str]) -> None:
    for name in ("v1", "v2"):
        aged(own(paths, name) / "command.gguf")
    for pause_ms in (0, 1, 2, 3, 5, 8):
        command = [sys.executable, "-c", SWITCHER]
        root = Path(__file__).parents[1]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=os.environ | environ) as switcher:
            assert switcher.stdout is not None
            assert switcher.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                switcher.wait(pause_ms / 1000)
            assert registry.active("command", paths).version in {"v1", "v2"}  # while it is being switched
            switcher.send_signal(signal.SIGKILL)
        assert registry.active("command", paths).version in {"v1", "v2"}


# --- sealed --------------------------------------------------------------------------------------------------


def test_a_sealed_model_is_opened_in_memory_and_another_key_falls_back(
    paths: Paths, shipped: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    monkeypatch.setitem(sys.modules, "keyring", None)
    from assistant_core.engine import seal_key  # noqa: PLC0415 - beside its only use
    from training import seal as writing  # noqa: PLC0415 - as above

    folder = own(paths, "v1")
    before = registry.described(folder / "command.gguf")
    writing.seal_file(folder / "command.gguf", writing.key_of(paths))
    edit(before.sha256.encode(), registry.described(folder / "command.gguf").sha256.encode())(folder)
    edit(b'"bytes":10244', f'"bytes":{10244 + seal.HEADER + seal.TAG}'.encode())(folder)
    registry.use("command", "v1", paths)
    model = registry.active("command", paths)
    with registry.open_file(model, "command.gguf", paths) as path:
        assert (path.parent, path.read_bytes()) == (Path("/proc/self/fd"), GGUF)
    with registry.open_file(model, "tokenizer.model", paths) as path:
        assert path == folder / "tokenizer.model"
    seal_key.file(paths).write_text(f"key {'0' * 64}\n")
    with pytest.raises(SealError, match="was sealed with key"), registry.open_file(model, "command.gguf", paths):
        pass
    assert registry.active("command", paths).files["command.gguf"] == shipped / "command.gguf"
    assert "was sealed with key" in caplog.text
