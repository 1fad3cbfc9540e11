"""Writes config.toml, and reads it where it may be broken. Comments and order are kept.

In: the file, a setting and its value. Out: the file written anew, whole or not at all, for the owner alone (0600).
"""

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant_core import settings
from assistant_core.errors import SettingsError
from assistant_core.settings import Setting

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


class Row(NamedTuple):
    """A setting, its value in force and where that comes from."""

    setting: Setting
    value: Any
    origin: str  # "default", the name of the file or of the variable


def rows(environ: Mapping[str, str], file: Path) -> tuple[list[Row], list[str]]:
    """Return every setting with what can be used, and a sentence for each thing that cannot."""
    written, problems = _written(file)
    found = []
    for setting in settings.table():
        row = Row(setting, setting.default, "default")
        for origin, value in (
            (str(file), written.pop(setting.name, None)),
            (f"${setting.variable}", environ.get(setting.variable)),
        ):
            if value is not None:
                try:
                    row = Row(setting, settings.convert(setting, value, origin), origin)
                except SettingsError as error:
                    problems.append(str(error))
        found.append(row)
    for unknown in written:
        try:
            settings.find(unknown, str(file))
        except SettingsError as error:
            problems.append(str(error))
    return found, problems


def put(file: Path, setting: Setting, value: object) -> None:
    """Write `value` (already converted) for `setting`; raises SettingsError if the file is no TOML."""
    with document_of(file) as document:
        section = document.setdefault(setting.section, {})
        if not isinstance(section, dict):
            raise SettingsError(f"{file}: {setting.section} = {section!r} should be the section [{setting.section}]")
        section[setting.key] = list(value) if isinstance(value, tuple) else value


def remove(file: Path, name: str) -> bool:
    """Remove "section.key", known or not, from the file; return whether it was there."""
    section, _, key = name.partition(".")
    with document_of(file) as document:
        place = document.get(section) if key else document
        return isinstance(place, dict) and place.pop(key or section, None) is not None


def _written(file: Path) -> tuple[dict[str, object], list[str]]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [f"{file}: cannot be read as TOML: {error}; correct or remove it"]
    values: dict[str, object] = {}
    for section, content in document.items():
        values |= {f"{section}.{key}": value for key, value in content.items()} if isinstance(content, dict) else {}
    outside = [name for name, content in document.items() if not isinstance(content, dict)]
    return values, [f"{file}: {name} stands outside a section such as [suggest]" for name in outside]


@contextlib.contextmanager
def document_of(file: Path) -> Iterator["TOMLDocument"]:
    """Yield the file's content and write it back if it has been changed."""
    import tomlkit  # noqa: PLC0415 - 30 ms, to write only
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 - see above

    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        document = tomlkit.parse(before)
    except (OSError, ValueError, TOMLKitError) as error:
        raise SettingsError(f"{file}: cannot be read as TOML: {error}; correct or remove it") from error
    yield document
    if (after := tomlkit.dumps(document)) != before:
        settings.replace_file(file.resolve(), after)  # a link to it stays one
