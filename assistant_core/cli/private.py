"""`assistant private`: private mode for all shells, by the setting record.private."""

from argparse import Namespace

from assistant_core import settings
from assistant_core.cli import config
from assistant_core.cli.command import Answer, App, Group, Leaf

_SETTING = "record.private"


def on(_: Namespace, app: App) -> Answer:
    """Turn it on."""
    return _turn(app, on=True)


def off(_: Namespace, app: App) -> Answer:
    """Turn it off."""
    return _turn(app, on=False)


def status(_: Namespace, app: App) -> Answer:
    """Say whether it is on."""
    private = app.settings().record.private
    return Answer({"private": private}, [f"private mode is {'on: nothing is remembered' if private else 'off'}"])


def _turn(app: App, *, on: bool) -> Answer:
    written = config.write(settings.find(_SETTING, "private"), on, app)
    said = f"private mode is {'on' if on else 'off'} in all shells"
    return written._replace(data={"private": on, **written.data}, lines=[said, *written.lines[1:]])


GROUP = Group(
    "private",
    "Turn private mode on or off: while it is on, nothing is remembered or learned.",
    (
        Leaf("on", on, "Remember nothing from now on.", examples=("assistant private on",)),
        Leaf("off", off, "Remember again.", examples=("assistant private off",)),
        Leaf("status", status, "Say whether private mode is on.", examples=("assistant private status",)),
    ),
)
