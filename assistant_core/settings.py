"""Settings: defaults < config.toml < `$XONTRIB_ASSISTANT_<SECTION>_<KEY>`, and where our files live.

The tables below are the only definition: names, types, defaults, the text that documents them and the bounds of what
may be written. Standard library only, and no file is opened on import: the shell loads this before its first prompt.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from assistant_core.errors import SettingsError

APPLICATION = "xontrib-assistant"
PREFIX = "XONTRIB_ASSISTANT_"


class Range(NamedTuple):
    """The least and the greatest value that a number may have."""

    least: float
    most: float = float("inf")

    @property
    def words(self) -> str:
        """What stands behind "expected a number"."""
        return f", {self.least:,} or more" if self.most == float("inf") else f" from {self.least:,} to {self.most:,}"

    def holds(self, value: float) -> bool:
        """Say whether `value` is in it."""
        return self.least <= value <= self.most


class Named(NamedTuple):
    """What each text of a list looks like, such as SOURCE=PATH, and the names that may stand before its "="."""

    form: str
    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """What stands behind "expected a list of texts"."""
        return f", each {self.form} with {self.form.partition('=')[0]} one of {', '.join(self.names)}"

    def holds(self, value: tuple[str, ...]) -> bool:
        """Say whether each text has a name and something behind it."""
        return all(name in self.names and rest for name, _, rest in (text.partition("=") for text in value))


SHARE = Range(0, 1)


class Record(NamedTuple):
    """What is remembered."""

    enabled: Annotated[bool, "Remember commands."] = True
    private: Annotated[bool, "Private mode: nothing is remembered or learned while it is on."] = False
    ignore: Annotated[tuple[str, ...], "Regular expressions; a line in which one is found is not remembered."] = ()
    excluded_directories: Annotated[tuple[str, ...], "Commands run in or below these are not remembered."] = (
        "~/.ssh",
        "~/.gnupg",
        "~/.password-store",
        "~/.config/pass",
    )
    environment: Annotated[tuple[str, ...], "Environment variables remembered with a command."] = (
        "VIRTUAL_ENV",
        "CONDA_DEFAULT_ENV",
        "AWS_PROFILE",
        "KUBECONFIG",
        "DOCKER_CONTEXT",
    )
    retention_days: Annotated[int, "Commands older than this are deleted; 0 keeps them.", Range(0, 36_500)] = 0
    retention_rows: Annotated[int, "Only so many of the newest commands are kept; 0 keeps all.", Range(0, 10**12)] = 0


class Suggest(NamedTuple):
    """What is offered while a line is typed."""

    ghost: Annotated[bool, "Show ghost text behind the cursor."] = True
    menu: Annotated[bool, "Put ranked lines first in the completion menu."] = True
    empty: Annotated[bool, "Offer the next command at an empty prompt."] = True
    threshold: Annotated[float, "Least probability (0..1) at which ghost text is shown.", SHARE] = 0.15
    empty_threshold: Annotated[float, "Least probability (0..1) at which the next command is offered.", SHARE] = 0.5
    deadline_ms: Annotated[int, "Longest wait for ghost text at a key, in milliseconds.", Range(1, 10_000)] = 8
    menu_items: Annotated[int, "Most ranked lines in the menu.", Range(0)] = 5


class Keys(NamedTuple):
    """Keys at the prompt, as prompt_toolkit names them; several in a row are parted by spaces, "" is none."""

    accept_line: Annotated[str, "Take the whole ghost text (as Right does)."] = "escape ;"
    accept_word: Annotated[str, "Take the next word of the ghost text (as Alt-F does)."] = "escape '"
    cycle_next: Annotated[str, "Show the next candidate instead."] = "escape n"
    cycle_previous: Annotated[str, "Show the previous candidate again."] = "escape p"
    why: Annotated[str, "Say where the ghost text comes from."] = "escape i"
    forget: Annotated[str, "Delete this line from memory for good."] = "escape x"


Mode = Literal["off", "warn", "ask", "strict"]


class Guard(NamedTuple):
    """The question before a dangerous line runs."""

    enabled: Annotated[bool, "Ask before a line that would destroy something."] = True
    mode: Annotated[Mode, "What a warning and a stop come to: off, warn (print and run), ask, strict."] = "ask"
    timeout_s: Annotated[int, "Seconds until an unanswered question means No.", Range(0, 86_400)] = 60


class Service(NamedTuple):
    """The process that ranks, one per user."""

    enabled: Annotated[bool, "Start the service when a shell needs it."] = True
    idle_minutes: Annotated[int, "Minutes without a shell after which the service ends.", Range(1)] = 30
    log_level: Annotated[str, "Least severity that is logged: DEBUG, INFO, WARNING or ERROR."] = "INFO"


class Models(NamedTuple):
    """What may answer besides memory."""

    command: Annotated[bool, "Let the command model complete and propose what memory does not know."] = True
    chat: Annotated[str, "A chat model in GGUF on this disk, asked for `?` and `?fix` as well; empty: none."] = ""
    embedding: Annotated[str, "A sentence-transformers model on this disk, by name or folder; empty: our own."] = ""


class Training(NamedTuple):
    """What is learned from the user's own commands, and when."""

    sources: Annotated[
        tuple[str, ...],
        'What else is learned from, each "SOURCE=PATH"; a source is documents, manuals, wiki, tldr or instructions.',
        Named("SOURCE=PATH", ("documents", "manuals", "wiki", "tldr", "instructions")),
    ] = ()
    every_h: Annotated[int, "Hours from one scheduled run to the next.", Range(1)] = 24
    min_commands: Annotated[int, "New commands without which a scheduled run is left out.", Range(0)] = 100
    max_minutes: Annotated[int, "Minutes after which a run is ended, pauses included.", Range(1, 525_600)] = 60
    validation: Annotated[
        float, "Share (0..1) of the newest commands that is held out to measure by.", Range(0.01, 0.99)
    ] = 0.2
    threads: Annotated[int, "Threads that a run may use; 0: one less than there are cores.", Range(0)] = 0
    max_load: Annotated[float, "Busy share (0..1) of the cores by others at which a scheduled run waits.", SHARE] = 0.3
    max_pressure: Annotated[
        float, "Percent of the time in which work waits for a core at which it waits, too.", Range(0, 100)
    ] = 20.0
    quiet_minutes: Annotated[
        int, "Minutes without a command of yours before a scheduled run starts or goes on.", Range(0)
    ] = 10
    on_battery: Annotated[bool, "Train on battery, too."] = False
    chat: Annotated[
        str, "The model of models.chat as a folder that transformers saved: runs train an adapter of it; empty: none."
    ] = ""
    adapter: Annotated[float, "How much your adapter changes the chat model (0..1); 0: not at all.", SHARE] = 1.0
    trial: Annotated[
        str, 'Version of the command model, or "shipped", that is tried beside the one in use; "" is none.'
    ] = ""
    trial_share: Annotated[float, "Share (0..1) of the requests that the version on trial answers.", SHARE] = 0.5
    encrypt: Annotated[
        bool,
        "Encrypt training data, and models made from now on; history.db and earlier models stay plain; needs [seal].",
    ] = False


class Settings(NamedTuple):
    """All sections."""

    record: Record = Record()
    suggest: Suggest = Suggest()
    keys: Keys = Keys()
    guard: Guard = Guard()
    service: Service = Service()
    models: Models = Models()
    training: Training = Training()


class Setting(NamedTuple):
    """One row of the tables above."""

    section: str
    key: str
    type: Any
    default: Any
    doc: str
    bounds: Range | Named | None = None  # every number has a Range

    @property
    def name(self) -> str:
        """`section.key`, as in `assistant config get`."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """Name of the environment variable, without `$`."""
        return f"{PREFIX}{self.section}_{self.key}".upper()


def table() -> Iterator[Setting]:
    """Yield every setting in the order of the sections."""
    for section, defaults in Settings._field_defaults.items():
        for key, hint in get_type_hints(type(defaults), include_extras=True).items():
            kind, doc, *bounds = get_args(hint)
            yield Setting(section, key, kind, getattr(defaults, key), doc, *bounds)


def load(environ: Mapping[str, Any], file: Path) -> Settings:
    """Return the settings in force for `environ` and the configuration `file`, which may be missing.

    Raises SettingsError for an unknown section or key, or a value of the wrong type or out of its range.
    """
    values = _from_file(file)
    for setting in table():
        if (value := environ.get(setting.variable)) is not None:
            values[setting.name] = convert(setting, value, f"${setting.variable}")
    sections = {
        name: defaults._replace(
            **{key: values[f"{name}.{key}"] for key in defaults._fields if f"{name}.{key}" in values}
        )
        for name, defaults in Settings._field_defaults.items()
    }
    return Settings(**sections)


def find(name: str, where: str) -> Setting:
    """Return the setting called `name` ("section.key"); raise SettingsError with the nearest name otherwise."""
    known = {setting.name: setting for setting in table()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    raise SettingsError(f"{where}: there is no setting {name!r}; the nearest is {near[0]!r}")


def convert(setting: Setting, value: object, where: str) -> Any:  # noqa: ANN401 - as wide as the settings' types
    """Return `value`, from TOML or as the text of a variable, as the setting's type; raise SettingsError."""
    choices = get_args(setting.type) if get_origin(setting.type) is Literal else ()
    converted: Any = (value if value in choices else None) if choices else _CONVERT[setting.type](value)
    bounds = setting.bounds
    if converted is None or (bounds and not bounds.holds(converted)):
        kind = " or ".join(choices) if choices else _EXPECTED[setting.type]
        raise SettingsError(f"{where}: {setting.name} is {value!r}; expected {kind}{bounds.words if bounds else ''}")
    return converted


def _from_file(file: Path) -> dict[str, Any]:
    if not file.exists():  # a missing file costs the first prompt nothing
        return {}
    import tomllib  # noqa: PLC0415 - 2 ms, and many have no file

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise SettingsError(f"{file}: cannot be read as TOML: {error}; correct or remove it") from error
    values = {}
    for section, content in document.items():
        if not isinstance(content, dict):
            raise SettingsError(f"{file}: {section} = {content!r} stands outside a section such as [suggest]")
        for key, value in content.items():
            setting = find(f"{section}.{key}", str(file))
            values[setting.name] = convert(setting, value, str(file))
    return values


def _boolean(value: object) -> bool | None:
    text = str(value).lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    return False if text in {"0", "false", "no", "off"} else None


def _integer(value: object) -> int | None:
    try:
        return None if isinstance(value, bool | float) else int(str(value))
    except ValueError:
        return None


def _number(value: object) -> float | None:
    try:
        return None if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return tuple(filter(None, value.split(os.pathsep)))
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


_CONVERT = {bool: _boolean, int: _integer, float: _number, str: _text, tuple[str, ...]: _texts}
_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[str, ...]: "a list of texts",
}


class Paths(NamedTuple):
    """Where our files live; folders are created 0700 and files 0600 by whoever writes them."""

    data: Path
    config: Path
    state: Path
    cache: Path
    runtime: Path

    @property
    def history(self) -> Path:
        """The history database."""
        return self.data / "history.db"

    @property
    def settings(self) -> Path:
        """The configuration file."""
        return self.config / "config.toml"

    @property
    def guard_rules(self) -> Path:
        """The user's own rules of the guard."""
        return self.config / "guard.toml"

    @property
    def guard_allowed(self) -> Path:
        """What the user allowed the guard to let pass."""
        return self.data / "guard_allowed.json"

    @property
    def guard_corrections(self) -> Path:
        """The verdicts of the guard that the user corrected."""
        return self.data / "guard_corrections.jsonl"

    @property
    def guard_log(self) -> Path:
        """What the guard said and what came of it."""
        return self.state / "guard.jsonl"

    @property
    def training(self) -> Path:
        """What is learned from, and the runs."""
        return self.data / "training"

    @property
    def models(self) -> Path:
        """The user's own models: kind, version, files."""
        return self.data / "models"

    @property
    def socket(self) -> Path:
        """The service's socket."""
        return self.runtime / "service.sock"


def paths(environ: Mapping[str, Any]) -> Paths:
    """Return our folders by the XDG base directory specification, on every system."""
    home = Path(str(environ.get("HOME") or Path.home()))

    def base(variable: str, fallback: Path) -> Path:
        value = Path(str(environ.get(variable) or ""))
        return (value if value.is_absolute() else fallback) / APPLICATION

    runtime = environ.get("XDG_RUNTIME_DIR")
    return Paths(
        data=base("XDG_DATA_HOME", home / ".local/share"),
        config=base("XDG_CONFIG_HOME", home / ".config"),
        state=base("XDG_STATE_HOME", home / ".local/state"),
        cache=base("XDG_CACHE_HOME", home / ".cache"),
        runtime=Path(str(runtime)) / APPLICATION if runtime else Path(f"/tmp/{APPLICATION}-{os.getuid()}"),  # noqa: S108 - the service checks owner and mode
    )


def private_directory(path: Path) -> Path:
    """Create `path` and its parents, the last one for the owner alone (0700); return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def replace_file(file: Path, text: str) -> None:
    """Write `file` anew, whole or not at all, for the owner alone (0600)."""
    import tempfile  # noqa: PLC0415 - 10 ms that a shell does not need

    private_directory(file.parent)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # 0600
    try:
        with open(descriptor, "w", encoding="utf-8") as out:  # noqa: PTH123 - opened already, for the owner alone
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)  # Ctrl-C may come when it is in its place
        raise
