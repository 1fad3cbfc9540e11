"""Sealed files: what goes in comes out, from memory alone, and whatever was changed on the disk is noticed."""

from __future__ import annotations

import importlib
import io
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="needs [seal]")

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from faults import largest_file

from assistant_core.engine import seal, seal_key
from assistant_core.errors import SealError, TrainingError
from assistant_core.settings import Paths
from training import seal as writing

KEY = bytes(range(32))
OTHER = bytes(32)
TEXT = b"git push --force-with-lease origin main\n"
BLOCK = seal.CHUNK + seal.TAG  # bytes of a full chunk on the disk


def sealed(folder: Path, data: bytes, key: bytes = KEY) -> Path:
    writing.write(folder / "file", data, key)
    return folder / "file"


def in_memory() -> list[str]:
    """Return the files in memory that this process has open."""
    names = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return [name for name in names if name.startswith("/memfd:file")]


def unsealed(path: Path, key: bytes = KEY) -> bytes:
    with seal.opened(path, lambda: key) as plain:
        return plain.read_bytes()


@pytest.mark.parametrize("size", [0, 1, seal.CHUNK - 1, seal.CHUNK, seal.CHUNK + 1, 3 * seal.CHUNK, 3 * seal.CHUNK + 7])
def test_what_is_sealed_comes_back(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = sealed(tmp_path, data)
    assert unsealed(path) == data
    assert path.stat().st_size == seal.HEADER + size + seal.TAG * max(1, -(-size // seal.CHUNK))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_of_it_is_readable_and_no_two_are_alike(tmp_path: Path) -> None:
    path = sealed(tmp_path, TEXT * 100)
    first = path.read_bytes()
    assert TEXT[:12] not in first
    assert sealed(tmp_path, TEXT * 100).read_bytes()[seal.HEADER :] != first[seal.HEADER :]


def test_the_format_is_the_one_described(tmp_path: Path) -> None:
    data = sealed(tmp_path, bytes(seal.CHUNK + 1)).read_bytes()
    header, first, last = data[:24], data[24 : 24 + BLOCK], data[24 + BLOCK :]
    assert header[:16] == b"XASEAL\x00\x01" + seal_key.identity(KEY)
    decrypt = AESGCM(KEY).decrypt
    assert decrypt(header[16:] + bytes([0, 0, 0, 0]), first, header + bytes([0, 0, 0, 0, 0])) == bytes(seal.CHUNK)
    assert decrypt(header[16:] + bytes([0, 0, 0, 1]), last, header + bytes([0, 0, 0, 1, 1])) == b"\0"


def test_a_file_in_the_clear_is_given_as_it_is_and_no_key_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    digest = writing.write(path, TEXT)

    def none() -> bytes:
        raise AssertionError

    with seal.opened(path, none) as plain:
        assert plain == path
    assert (path.read_bytes(), digest) == (TEXT, writing.sha256(path))


def test_it_is_decrypted_into_memory_and_let_go(tmp_path: Path) -> None:
    path = sealed(tmp_path, TEXT)
    with seal.opened(path, lambda: KEY) as plain:
        assert in_memory() == [str(plain.readlink())]
    assert in_memory() == []
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


CHUNKS = 3  # full ones, in the file that is damaged


def swapped(data: bytes) -> bytes:
    at = seal.HEADER
    return data[:at] + data[at + BLOCK : at + 2 * BLOCK] + data[at : at + BLOCK] + data[at + 2 * BLOCK :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], f"chunk {CHUNKS} is not"),
        (lambda data: data[: seal.HEADER + BLOCK], "chunk 0 is not"),
        (lambda data: data[: seal.HEADER + CHUNKS * BLOCK], f"chunk {CHUNKS - 1} is not"),
        (lambda data: data[: seal.HEADER + 5], "chunk 0 is not"),
        (lambda data: data[: seal.HEADER], "chunk 0 is not"),
        (lambda data: data[: seal.HEADER - 1], "header is cut short"),
        (lambda data: data[:9], "header is cut short"),
        (swapped, "chunk 0 is not"),
        (lambda data: data[: seal.HEADER + BLOCK] + data[seal.HEADER + 2 * BLOCK :], "chunk 1 is not"),
        (lambda data: data + data[-20:], f"chunk {CHUNKS} is not"),
        (lambda data: data + b"\0", f"chunk {CHUNKS} is not"),
        (lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:], "chunk 0 is not"),
        (lambda data: data[:1000] + bytes([data[1000] ^ 1]) + data[1001:], "chunk 0 is not"),
        (lambda data: data[:10] + bytes([data[10] ^ 1]) + data[11:], "was sealed with key"),
    ],
)
def test_damage_is_noticed_and_named(tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    path = sealed(tmp_path, os.urandom(CHUNKS * seal.CHUNK + 100))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SealError, match=message) as caught:
        unsealed(path)
    assert str(path) in str(caught.value)
    assert in_memory() == []


def test_a_chunk_of_another_file_under_the_same_key_is_noticed(tmp_path: Path) -> None:
    mine, other = (sealed(tmp_path, os.urandom(100)).read_bytes() for _ in range(2))
    (tmp_path / "file").write_bytes(mine[: seal.HEADER] + other[seal.HEADER :])
    with pytest.raises(SealError, match="chunk 0 is not"):
        unsealed(tmp_path / "file")


def test_another_key_is_told_apart_from_damage(tmp_path: Path) -> None:
    path = sealed(tmp_path, TEXT)
    with pytest.raises(SealError, match=f"with key {seal_key.identity(KEY).hex()}, yours is"):
        unsealed(path, OTHER)


def test_a_file_is_sealed_in_place_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(TEXT)
    digest = writing.seal_file(path, KEY)
    assert writing.seal_file(path, KEY) == digest == writing.sha256(path)
    assert unsealed(path) == TEXT
    with pytest.raises(SealError, match="was sealed with key"):
        writing.seal_file(path, OTHER)


# --- where it cannot be done ---------------------------------------------------------------------------------


def test_without_memory_files_nothing_is_sealed_and_the_setting_is_named(
    tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sealed(tmp_path, TEXT)
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(SealError, match=r"training\.encrypt = false"):
        unsealed(path)
    with pytest.raises(SealError, match=r"training\.encrypt = false"):
        writing.key_of(paths)
    assert not seal_key.file(paths).exists()


@pytest.mark.parametrize(
    ("mounts", "mode", "said"),
    [
        ("tmpfs /dev/other tmpfs rw 0 0", 0o700, r"is not in memory .*training\.encrypt = false"),
        ("/dev/sda1 {place} ext4 rw 0 0", 0o700, r"is not in memory .*training\.encrypt = false"),
        ("tmpfs {place} tmpfs rw 0 0", 0o755, "is not a folder of yours alone"),
    ],
)
def test_only_a_folder_in_memory_and_of_ones_own_holds_what_is_clear(  # noqa: PLR0913, PLR0917 - a table and fixtures
    tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch, mounts: str, mode: int, said: str
) -> None:
    place = tmp_path / "memory"
    place.mkdir()
    monkeypatch.setattr(writing, "MEMORY", place)
    monkeypatch.setattr(writing, "MOUNTS", tmp_path / "mounts")
    writing.MOUNTS.write_text(f"tmpfs {place} tmpfs rw 0 0\n")
    writing.in_memory(paths).chmod(mode)
    writing.MOUNTS.write_text(mounts.format(place=place))
    with pytest.raises(SealError, match=said):
        writing.in_memory(paths)


def test_without_the_library_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['cryptography.hazmat.primitives.ciphers.aead'] = None\n"
        "from assistant_core.engine import seal\n"
        "from assistant_core.errors import SealError\n"
        "try: seal.cipher(bytes(32))\n"
        "except SealError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert "pip install 'xontrib-assistant[seal]'" in done.stdout


@pytest.mark.parametrize("key", [None, KEY])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "file"
    writing.write(path, TEXT, key)
    with largest_file(4096), pytest.raises(TrainingError, match=r"cannot be written.*make room"):
        writing.write(path, os.urandom(10_000), key)
    assert unsealed(path) == TEXT
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_full_memory_is_named(tmp_path: Path) -> None:
    path = sealed(tmp_path, os.urandom(10_000))
    with largest_file(4096), pytest.raises(SealError, match="cannot be opened"):
        unsealed(path)


def test_an_error_while_reading_leaves_the_old_file(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _buffer: object) -> int:
            raise KeyboardInterrupt

    path = sealed(tmp_path, TEXT)
    with pytest.raises(KeyboardInterrupt):
        writing.copy(io.BufferedReader(Broken()), path, KEY)
    assert (unsealed(path), [file.name for file in tmp_path.iterdir()]) == (TEXT, ["file"])


WRITER = """
import sys
from pathlib import Path
from training import seal
path, key = Path(sys.argv[1]), bytes(range(32))
seal.write(path, b"0" * 3_000_000, key)
print("ready", flush=True)
for digit in range(1, 10**9):
    seal.write(path, str(digit % 10).encode() * 3_000_000, key)
"""


def test_kill_9_at_any_moment_leaves_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for pause_ms in range(1, 25, 5):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(pause_ms / 1000)
            writer.send_signal(signal.SIGKILL)
        data = unsealed(path)
        assert (len(data), len(set(data))) == (3_000_000, 1)


# --- the key -------------------------------------------------------------------------------------------------


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the package is not installed."""
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.mark.usefixtures("no_keyring")
def test_the_key_is_made_once_and_for_the_owner_alone(paths: Paths) -> None:
    key = writing.key_of(paths)
    file = seal_key.file(paths)
    assert (len(key), writing.key_of(paths), seal_key.load(paths)) == (32, key, key)
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert paths.data not in file.parents


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0o600, "there is no key"),
        ("key 00ff\n", 0o600, "not a key of 64 hexadecimal digits"),
        ("key zz\n", 0o600, "not a key of 64"),
        ("", 0o600, "neither `key HEX` nor"),
        ("key " + "0" * 64, 0o640, "mode 0640; expected yours"),
        ("key " + "0" * 64, 0o604, "chmod 600"),
        ("keyring 0123\n", 0o600, r"pip install 'xontrib-assistant\[seal\]'"),
    ],
)
def test_a_key_that_cannot_be_used_is_an_error_and_never_replaced(
    paths: Paths, content: str | None, mode: int, message: str
) -> None:
    file = seal_key.file(paths)
    file.parent.mkdir(mode=0o700, parents=True)
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
        with pytest.raises(SealError, match=message):
            writing.key_of(paths)
        assert file.read_text() == content
    with pytest.raises(SealError, match=message):
        seal_key.load(paths)


@pytest.mark.usefixtures("no_keyring")
def test_of_two_that_make_a_key_at_once_the_first_is_right(paths: Paths) -> None:
    key = writing.key_of(paths)
    writing._keep(seal_key.file(paths), OTHER)  # noqa: SLF001 - the other process, a moment late
    assert writing.key_of(paths) == key


class Keyring:
    """A small keyring that works: passwords by service and name, and a lock."""

    priority = 1

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise importlib.import_module("keyring.errors").KeyringLocked("locked")
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.get_password(service, username)
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.passwords[service, username]


@pytest.fixture
def keyring() -> Iterator[Keyring]:
    library = pytest.importorskip("keyring", reason="needs [seal]")
    backend = pytest.importorskip("keyring.backend")
    before, ours = library.get_keyring(), type("TestKeyring", (Keyring, backend.KeyringBackend), {})()
    library.set_keyring(ours)
    yield ours
    library.set_keyring(before)


def test_a_keyring_keeps_the_key_and_the_file_says_so(paths: Paths, keyring: Keyring) -> None:
    key = writing.key_of(paths)
    name = seal_key.identity(key).hex()
    assert keyring.passwords == {("xontrib-assistant", name): key.hex()}
    assert seal_key.file(paths).read_text() == f"keyring {name}\n"
    assert writing.key_of(paths) == seal_key.load(paths) == key


def test_a_keyring_that_is_locked_or_lost_is_an_error_and_makes_no_other_key(paths: Paths, keyring: Keyring) -> None:
    writing.key_of(paths)
    keyring.locked = True
    with pytest.raises(SealError, match="unlock it and try again"):
        writing.key_of(paths)
    keyring.locked = False
    keyring.passwords.clear()
    with pytest.raises(SealError, match="the keyring has no key"):
        writing.key_of(paths)


def test_a_keyring_that_is_locked_when_the_key_is_made_is_not_used(paths: Paths, keyring: Keyring) -> None:
    keyring.locked = True
    key = writing.key_of(paths)
    assert seal_key.file(paths).read_text() == f"key {key.hex()}\n"
    keyring.locked = False
    assert (writing.key_of(paths), keyring.passwords) == (key, {})


def test_of_two_keys_made_at_once_the_keyring_keeps_the_one_in_use(paths: Paths, keyring: Keyring) -> None:
    key = writing.key_of(paths)
    writing._keep(seal_key.file(paths), OTHER)  # noqa: SLF001 - the other process, a moment late
    assert list(keyring.passwords.values()) == [key.hex()]
    assert writing.key_of(paths) == key
