"""What else the user's own model learns from: sources that the user names, beside the history."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs [train]")

import personal_home
from personal_home import COMMANDS, Place, install
from program import record

from assistant_core.engine import registry
from assistant_core.settings import Settings, Training
from training import personal, tokenizer
from training.job import OutOfTimeError

small, built = personal_home.small, personal_home.built


def contexts(place: Place) -> str:
    """What a run that was stopped learns from, as text."""
    with (
        np.load(place.folder() / "contexts.npz") as arrays,
        registry.open_file(place.model(), "tokenizer.model", place.paths) as words,
    ):
        return tokenizer.Tokenizer(words).decode(arrays["tokens"].ravel().tolist())


def test_documents_are_learned_from_without_names_and_secrets(tmp_path: Path, built: Path) -> None:
    (tmp_path / "my notes").mkdir()
    (tmp_path / "my notes" / "zebra.md").write_text(
        f"# Z\n\n```sh\ngit stripe --wide {tmp_path}/zoo\ncurl -H 'Authorization: Bearer abcdefghijklmnop' x\n```\n"
    )
    place = Place(tmp_path, Settings(training=Training(sources=(f"documents={tmp_path}/my notes",))))
    record(place.paths.history, COMMANDS)
    install(place, built)
    with pytest.raises(OutOfTimeError):
        place.run(steps=1)
    learned = contexts(place)
    assert "git stripe --wide ~/zoo" in learned
    assert "abcdefghijklmnop" not in learned


def test_further_sources_are_no_more_than_what_is_the_users_own(tmp_path: Path, built: Path) -> None:
    (tmp_path / "notes.md").write_text("".join(f"```sh\ngit stripe --wide {at}\n```\n" for at in range(20_000)))
    place = Place(tmp_path, Settings(training=Training(sources=(f"documents={tmp_path}/notes.md",))))
    record(place.paths.history, COMMANDS)
    install(place, built)
    with pytest.raises(OutOfTimeError):
        place.run(steps=1)
    assert 0 < contexts(place).count("git stripe") < 5_000


def test_what_is_measured_by_is_not_learned_from_a_further_source(tmp_path: Path, built: Path) -> None:
    lines = {command.line for command in COMMANDS}
    (tmp_path / "notes.md").write_text("".join(f"```sh\n{line}\n```\n" for line in lines))
    place = Place(tmp_path, Settings(training=Training(sources=(f"documents={tmp_path}/notes.md",))))
    record(place.paths.history, COMMANDS)
    install(place, built)
    with pytest.raises(OutOfTimeError):
        place.run(steps=1)
    held = msgspec.msgpack.decode((place.folder() / "set.msgpack").read_bytes(), type=personal._Held)  # noqa: SLF001 - what is written
    measured = {text for row in held.rows for text in row.texts}
    assert measured
    assert [each.source for each in held.further] == ["documents"]
    assert held.further[0].rows <= len(lines - measured)


def test_sources_that_give_nothing_are_told_and_left_out(
    tmp_path: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("```sh\ngit stripe --wide\n```\n")
    sources = tuple(
        f"{name}={tmp_path}/{path}"
        for name, path in (("tldr", "gone"), ("documents", "empty"), ("documents", "notes.md"))
    )
    place = Place(tmp_path, Settings(training=Training(sources=sources)))
    record(place.paths.history, COMMANDS)
    install(place, built)
    place.run()
    told = capsys.readouterr().err
    assert "gone' names nothing that is there; expected tldr=PATH" in told
    assert "empty' gives nothing to learn from: no commands in it" in told
    data = {each.source: each.rows for each in place.model().card.data}
    assert data["documents"] == 1
    assert data["store"] > 10
