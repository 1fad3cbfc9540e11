"""What a check is given, and what it finds."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from assistant_core import settings
from assistant_core.errors import SettingsError
from assistant_core.settings import Paths

State = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """What one check found; `remedy` is what to do about it, empty where nothing has to be done."""

    name: str
    state: State
    found: str
    remedy: str = ""


class Place(NamedTuple):
    """What a check looks at."""

    environ: Mapping[str, str]
    paths: Paths


def settings_of(place: Place) -> settings.Settings:
    """Return the settings in force, or the defaults where they cannot be used, which another finding tells."""
    try:
        return settings.load(place.environ, place.paths.settings)
    except SettingsError:
        return settings.Settings()
