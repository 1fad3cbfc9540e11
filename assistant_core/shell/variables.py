"""Settings as xonsh variables with type and text, and the prompt field `{assistant}`.

In: the table of settings. Out: `$XONTRIB_ASSISTANT_…` that complete, explain and check themselves. A variable
that is not set stays without a value: the configuration file decides then.
"""

import os
from typing import Any

from assistant_core import settings
from assistant_core.shell.session import Session


def install(session: Session) -> None:
    """Register every setting and the prompt field until the session is undone."""
    env = session.xsh.env
    for setting in settings.table():
        _register(env, setting)
        session.undo.callback(env.deregister, setting.variable)
    fields = env["PROMPT_FIELDS"]
    fields["assistant"] = session.guarded(lambda: "private" if session.settings.record.private else None)
    session.undo.callback(lambda: fields.pop("assistant", None))


def _register(env: Any, setting: settings.Setting) -> None:  # noqa: ANN401 - xonsh's environment has no types
    def convert(value: object) -> Any:  # noqa: ANN401 - as wide as the settings' types
        return settings.convert(setting, value, f"${setting.variable}")

    kind = tuple if isinstance(setting.default, tuple) else setting.type
    env.register(
        setting.variable,
        validate=lambda value: type(value) is kind,
        convert=convert,
        detype=_text,
        doc=f"{setting.doc} Without it, {setting.name} in config.toml counts.",
        doc_default=_text(setting.default) or '""',
    )


def _text(value: object) -> str:
    return os.pathsep.join(value) if isinstance(value, tuple) else str(value)
