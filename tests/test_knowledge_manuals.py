"""Finding, reading and keeping pages: real files in real folders."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant_core.knowledge import ManualError, Manuals
from assistant_core.knowledge.sources import hierarchies

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = Path(__file__).parent / "manuals"
SOURCE = b".TH X 1\n.SH NAME\nx \\- a page\n.SH OPTIONS\n.TP\n.B \\-a\nAll.\n"


def hierarchy(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.mark.parametrize(
    ("extension", "compress"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
)
def test_compressed_pages(tmp_path: Path, extension: str, compress: Callable[[bytes], bytes]) -> None:
    search = [hierarchy(tmp_path, {f"man1/x.1{extension}": compress(SOURCE)})]
    page = Manuals(search=search).page("x")
    assert page is not None
    assert (page.title, page.entries[0].text) == ("x - a page", "All.")


@pytest.mark.parametrize(
    ("files", "section", "expected"),
    [
        ({"man8/x.8": SOURCE}, None, "x(8)"),
        ({"man8/x.8": SOURCE, "man1/x.1": SOURCE}, None, "x(1)"),
        ({"man8/x.8": SOURCE, "man1/x.1": SOURCE}, "8", "x(8)"),
        ({"man1/x.1p": SOURCE}, None, "x(1p)"),
        ({"de/man1/x.1": SOURCE}, None, None),
        ({"man3/x.3": SOURCE}, None, None),
        ({}, None, None),
    ],
)
def test_sections(tmp_path: Path, files: dict[str, bytes], section: str | None, expected: str | None) -> None:
    page = Manuals(search=[hierarchy(tmp_path, files)]).page("x", section)
    assert (page.reference if page else None) == expected


@pytest.mark.parametrize("name", ["", ".", "..", "../man1/x", "a/b", "a b", "x\0", "x" * 500, "*"])
def test_what_is_no_name_has_no_page(name: str) -> None:
    assert Manuals(search=[PAGES]).page(name) is None


def test_a_page_that_stands_for_another() -> None:
    page = Manuals(search=[PAGES]).page("rbash")
    assert page is not None
    assert (page.reference, page.title) == ("rbash(1)", "bash - a shell")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"man1/x.1.gz": gzip.compress(SOURCE)[:-12]}, "ends too early"),
        ({"man1/x.1.gz": b"not compressed"}, "cannot be read"),
        ({"man1/x.1.xz": b"\xfd7zXZ\0broken"}, "cannot be read"),
        ({"man1/x.1": b".so man1/gone.1\n"}, "stands for man1/gone.1, which is not installed"),
        ({"man1/x.1": b".so ../outside.1\n", "outside.1": SOURCE}, "which is not installed"),
    ],
)
def test_broken_pages_say_what_is_wrong(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ManualError, match=message):
        Manuals(search=[hierarchy(tmp_path, files)]).page("x")


def test_pages_that_stand_for_each_other_end(tmp_path: Path) -> None:
    search = [hierarchy(tmp_path, {"man1/x.1": b".so man1/y.1\n", "man1/y.1": b".so man1/x.1\n"})]
    page = Manuals(search=search).page("x")
    assert page is not None
    assert page.entries == ()


def test_latin_1_is_read(tmp_path: Path) -> None:
    search = [hierarchy(tmp_path, {"man1/x.1": ".SH NAME\nx \\- café\n".encode("latin-1")})]
    page = Manuals(search=search).page("x")
    assert page is not None
    assert page.title == "x - café"


def test_a_changed_page_is_read_anew(tmp_path: Path) -> None:
    search = [hierarchy(tmp_path / "man", {"man1/x.1": SOURCE})]
    manuals = Manuals(cache=tmp_path / "cache", search=search)
    manuals.page("x")
    (tmp_path / "man/man1/x.1").write_bytes(SOURCE.replace(b"a page", b"another page"))
    page = manuals.page("x")
    assert page is not None
    assert page.title == "x - another page"


def test_the_cache_answers_for_the_source(tmp_path: Path) -> None:
    search = [shutil.copytree(PAGES, tmp_path / "man")]
    cache = tmp_path / "cache"
    first = Manuals(cache=cache, search=search).page("tar")
    (file,) = cache.iterdir()
    assert (cache.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b"Say more.", b"Say less."))
    second = Manuals(cache=cache, search=search).page("tar")
    assert first is not None
    assert second is not None
    assert first != second
    assert "Say less." in {entry.text for entry in second.entries}


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xc1junk", b"{}", b"\x91" * 100_000])
def test_a_broken_cache_is_rewritten(tmp_path: Path, damage: bytes) -> None:
    cache = tmp_path / "cache"
    first = Manuals(cache=cache, search=[PAGES]).page("tar")
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage)
    assert Manuals(cache=cache, search=[PAGES]).page("tar") == first
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert Manuals(cache=tmp_path / "file" / "cache", search=[PAGES]).page("tar") is not None


@pytest.mark.parametrize(("search", "expected"), [([PAGES], True), ([PAGES / "man1"], False), ([], False)])
def test_whether_pages_are_installed(search: list[Path], expected: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert Manuals(search=search).installed() is expected


def test_hierarchies_follow_the_environment(tmp_path: Path) -> None:
    for folder in ("opt/share/man", "mine"):
        (tmp_path / folder).mkdir(parents=True)
    path = str(tmp_path / "opt/bin")
    assert hierarchies({"PATH": path})[0] == tmp_path / "opt/share/man"
    assert hierarchies({"PATH": path, "MANPATH": str(tmp_path / "mine")}) == [tmp_path / "mine"]
    both = hierarchies({"PATH": path, "MANPATH": f"{tmp_path / 'mine'}:"})
    assert both[:2] == [tmp_path / "mine", tmp_path / "opt/share/man"]
