"""`assistant config`: settings are read, explained and written."""

import json
from argparse import Namespace
from typing import Any

from assistant_core import settings
from assistant_core.cli import settings_file, told
from assistant_core.cli.command import Answer, App, Group, Leaf, Styled, UsageError, argument, utf8
from assistant_core.settings import Setting


def get(args: Namespace, app: App) -> Answer:
    """Answer with the value in force."""
    setting = settings.find(args.key, "config get")
    value = getattr(getattr(app.settings(), setting.section), setting.key)
    lines = (
        [str(item) for item in value]
        if isinstance(value, tuple)
        else [value if isinstance(value, str) else _toml(value)]
    )
    return Answer({"key": args.key, "value": value}, lines)


def set_(args: Namespace, app: App) -> Answer:
    """Write a value to the file; open shells take it from there."""
    setting = settings.find(args.key, "config set")
    return write(setting, _value(setting, args.value), app)


def unset(args: Namespace, app: App) -> Answer:
    """Remove a setting from the file, also one that is not known; 1 if it is not there."""
    if not settings_file.remove(app.paths.settings, args.key):
        return Answer({"key": args.key, "removed": False}, [f"{args.key} is not in {app.paths.settings}"], 1)
    trouble = told.reload(app)
    return Answer(
        {"key": args.key, "removed": True, "service": trouble}, [f"{args.key} is removed from {app.paths.settings}"]
    )


def show(_: Namespace, app: App) -> Answer:
    """Answer with every setting, where its value comes from and what it means; 1 if something cannot be used."""
    rows, problems = settings_file.rows(app.environ, app.paths.settings)
    lines: list[str | Styled] = [Styled(problem, "fail") for problem in problems]
    for setting, value, origin in rows:
        lines.append(f"{setting.name} = {_toml(value)}")
        lines.append(Styled(f"    {setting.doc} ({'default' if origin == 'default' else f'from {origin}'})", "dim"))
    plain = [
        {"key": row.setting.name, "value": row.value, "default": row.setting.default, "origin": row.origin}
        | {"variable": row.setting.variable, "doc": row.setting.doc}
        for row in rows
    ]
    return Answer({"settings": plain, "problems": problems}, lines, int(bool(problems)))


def path(_: Namespace, app: App) -> Answer:
    """Answer with the path of the file, which may be missing."""
    return Answer({"path": str(app.paths.settings)}, [str(app.paths.settings)])


def write(setting: Setting, value: Any, app: App) -> Answer:  # noqa: ANN401 - as wide as the settings' types
    """Write `value` to the file, tell the service, and say so if a variable hides it here."""
    settings_file.put(app.paths.settings, setting, value)
    trouble = told.reload(app)
    hidden = app.environ.get(setting.variable)
    lines: list[str | Styled] = [f"{setting.name} = {_toml(value)} in {app.paths.settings}"]
    if hidden is not None:
        lines.append(Styled(f"where ${setting.variable} is set, as here, it goes first: {hidden}", "warn"))
    if trouble:
        lines.append(Styled(trouble, "warn"))
    return Answer({"key": setting.name, "value": value, "hidden_by": hidden, "service": trouble}, lines)


def _value(setting: Setting, words: list[str]) -> Any:  # noqa: ANN401 - as wide as the settings' types
    if isinstance(setting.default, tuple):
        return settings.convert(setting, words, "config set")
    if len(words) != 1:
        raise UsageError(f"config set: {setting.name} takes one value, not {len(words)}; quote a text with spaces")
    return settings.convert(setting, words[0], "config set")


def _toml(value: Any) -> str:  # noqa: ANN401 - as wide as the settings' types
    return json.dumps(value, ensure_ascii=False)  # the same as TOML for these types


_KEY = argument("key", metavar="KEY", help="section.key, such as suggest.threshold")
GROUP = Group(
    "config",
    "See and change settings.",
    (
        Leaf("get", get, "Print the value in force.", (_KEY,), ("assistant config get suggest.threshold",)),
        Leaf(
            "set",
            set_,
            "Write a value to the settings file; a list takes several, or none.",
            (_KEY, argument("value", nargs="*", type=utf8, metavar="VALUE", help="the new value")),
            ("assistant config set suggest.threshold 0.3", "assistant config set record.ignore 'secret' '^vault '"),
        ),
        Leaf("unset", unset, "Remove a setting from the file.", (_KEY,), ("assistant config unset suggest.threshold",)),
        Leaf("show", show, "Show every setting, where its value comes from and what it means."),
        Leaf("path", path, "Print where the settings file is."),
    ),
)
