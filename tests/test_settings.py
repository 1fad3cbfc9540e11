"""Settings: precedence, conversion, and messages that name the thing, the value and the expectation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant_core import settings
from assistant_core.errors import SettingsError
from training.corpus import SOURCES


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_hold_where_nothing_is_said(tmp_path: Path) -> None:
    assert settings.load({}, tmp_path / "missing.toml") == settings.Settings()


def test_a_variable_overrides_the_file_and_the_file_the_default(tmp_path: Path) -> None:
    file = write(tmp_path, "[suggest]\ndeadline_ms = 5\nmenu_items = 3\n")
    loaded = settings.load({"XONTRIB_ASSISTANT_SUGGEST_DEADLINE_MS": "4"}, file)
    assert (loaded.suggest.deadline_ms, loaded.suggest.menu_items, loaded.suggest.ghost) == (4, 3, True)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("record.enabled", "off", False),
        ("record.enabled", "1", True),
        ("record.enabled", False, False),
        ("suggest.threshold", "0.4", 0.4),
        ("suggest.threshold", 1, 1.0),
        ("suggest.deadline_ms", 12, 12),
        ("record.ignore", ["a", "b"], ("a", "b")),
        ("record.ignore", "a:b", ("a", "b")),
        ("training.sources", ["documents=~/notes", "tldr=a=b"], ("documents=~/notes", "tldr=a=b")),
        ("training.sources", "wiki=a.xml:manuals=/man", ("wiki=a.xml", "manuals=/man")),
        ("training.sources", [], ()),
        ("keys.why", "escape i", "escape i"),
    ],
)
def test_values_are_converted(name: str, value: object, expected: object) -> None:
    assert settings.convert(settings.find(name, "here"), value, "here") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[suggest]\ntreshold = 0.3\n", "no setting 'suggest.treshold'; the nearest is 'suggest.threshold'"),
        ("[suggest]\nthreshold = 'high'\n", "suggest.threshold is 'high'; expected a number"),
        ("[suggest]\ndeadline_ms = 1.5\n", "suggest.deadline_ms is 1.5; expected a whole number"),
        ("[record]\nenabled = 'perhaps'\n", "record.enabled is 'perhaps'; expected true or false"),
        ("[record]\nignore = [1]\n", "record.ignore is [1]; expected a list of texts"),
        ("ghost = true\n", "ghost = True stands outside a section"),
        ("[suggest\n", "cannot be read as TOML"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        settings.load({}, file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("training.trial_share", "3", "a number from 0 to 1"),
        ("training.trial_share", "nan", "a number from 0 to 1"),
        ("training.adapter", "7", "a number from 0 to 1"),
        ("suggest.threshold", "-0.1", "a number from 0 to 1"),
        ("suggest.empty_threshold", "inf", "a number from 0 to 1"),
        ("suggest.deadline_ms", "0", "a whole number from 1 to 10,000"),
        ("suggest.menu_items", "-1", "a whole number, 0 or more"),
        ("record.retention_days", "-5", "a whole number from 0 to 36,500"),
        ("guard.timeout_s", "-1", "a whole number from 0 to 86,400"),
        ("training.validation", "0", "a number from 0.01 to 0.99"),
        ("training.every_h", "0", "a whole number, 1 or more"),
        ("training.max_minutes", "0", "a whole number from 1 to 525,600"),
        ("training.max_pressure", "101", "a number from 0 to 100"),
    ],
)
def test_a_number_out_of_its_range_is_named_with_the_range(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    section, _, key = name.partition(".")
    file, variable = write(tmp_path, f"[{section}]\n{key} = {value}\n"), settings.find(name, "here").variable
    with pytest.raises(SettingsError, match=re.escape(f"{file}: {name} is {value}; expected {expected}")):
        settings.load({}, file)
    with pytest.raises(SettingsError, match=re.escape(f"${variable}: {name} is {value!r}; expected {expected}")):
        settings.load({variable: value}, tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [("training.trial_share", 0), ("training.adapter", 1.0), ("suggest.menu_items", 0), ("guard.timeout_s", 86_400)],
)
def test_both_ends_of_a_range_can_be_used(name: str, value: float) -> None:
    assert settings.convert(settings.find(name, "here"), value, "here") == value


@pytest.mark.parametrize(
    "value",
    [
        ["documents"],
        ["documents="],
        ["=/x"],
        ["bogus=/x"],
        ["store=/tmp"],
        ["tldr=~/tldr", "Documents=~/notes"],
        ['["documents=~/notes", "tldr=~/tldr"]'],
    ],
)
def test_a_source_of_another_form_is_named_with_the_form(value: list[str]) -> None:
    setting = settings.find("training.sources", "here")
    with pytest.raises(SettingsError) as caught:
        settings.convert(setting, value, "here")
    assert str(caught.value) == (
        f"here: training.sources is {value!r}; expected a list of texts, each SOURCE=PATH "
        "with SOURCE one of documents, manuals, wiki, tldr, instructions"
    )


def test_the_sources_are_those_that_there_are() -> None:
    bounds = settings.find("training.sources", "here").bounds
    assert isinstance(bounds, settings.Named)
    assert set(bounds.names) <= {source.name for source in SOURCES}


def test_every_number_has_a_range() -> None:
    ranged = {row.name: isinstance(row.bounds, settings.Range) for row in settings.table()}
    assert ranged == {row.name: row.type in {int, float} for row in settings.table()}


def test_every_setting_has_a_doc_a_default_of_its_type_and_a_variable() -> None:
    rows = list(settings.table())
    assert len({row.variable for row in rows}) == len(rows)
    for row in rows:
        assert row.doc.endswith((".", ";"))
        assert settings.convert(row, row.default, "default") == row.default


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, "/h/.local/share/xontrib-assistant"),
        ({"HOME": "/h", "XDG_DATA_HOME": "/d"}, "/d/xontrib-assistant"),
        ({"HOME": "/h", "XDG_DATA_HOME": "relative"}, "/h/.local/share/xontrib-assistant"),
    ],
)
def test_folders_follow_the_base_directory_specification(environ: dict[str, str], expected: str) -> None:
    assert settings.paths(environ).data == Path(expected)
