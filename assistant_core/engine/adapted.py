"""The chat model that the settings name, with the user's own adapter at the strength that the dial says.

In: a question. Out: lines, and which adapter helped with them. An adapter was measured on one file of the chat model,
which its card names by sha256, and is put on that one alone. It was taught lines without the names of home, user and
host: they are taken out of what is asked and put back into what is said.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assistant_core.engine import digests, registry
from assistant_core.engine.chat import Said
from assistant_core.engine.chat_model import ChatModel
from assistant_core.errors import AssistantError, ModelError
from assistant_core.normalise import denormalise, normalise
from assistant_core.redact import MARK

if TYPE_CHECKING:
    from assistant_core.engine.chat import Message
    from assistant_core.engine.llm import Place
    from assistant_core.settings import Paths

FILE: Final = "adapter.gguf"
MEMORY: Final = Path("/proc/meminfo")
COUNT: Final = 3  # lines said to a question


class Adapted:
    """The chat model in `file` and the adapter in use, at `scale` (0..1). Raises ModelError if it cannot be used.

    An adapter that cannot be put on is named in every `Said`, and the model answers without it. Used by one thread,
    `cancel` alone by any.
    """

    def __init__(self, paths: Paths, file: str, scale: float) -> None:
        self._paths, self._scale = paths, scale
        self._file = located(file)
        self._open()

    def begin(self) -> None:
        """Take back an earlier `cancel`."""
        self._model.begin()

    def cancel(self) -> None:
        """Have what is asked end early, until `begin`."""
        self._model.cancel()

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def lines(self, messages: Sequence[Message], place: Place, *, deadline_s: float = math.inf) -> Said:
        """Return lines that answer `messages`, most probable first, and what was found in `deadline_s` seconds.

        Raises ModelError if the file has changed and cannot be used any more.
        """
        self._look()
        home, user, host = place[:3] if self._adapter else ("", "", "")
        asked = [{**each, "content": normalise(each["content"], home, user, host)} for each in messages]
        found = self._model.lines(asked, count=COUNT, deadline_s=deadline_s)
        lines = [(denormalise(line, "", user, host), score) for line, score in found if MARK not in line]
        return Said(lines, self._adapter, self._note)

    def warm(self, messages: Sequence[Message]) -> None:
        """Read the beginning that all questions have in common. Raises ModelError as `lines` does."""
        self._look()
        self._model.lines(messages, count=1, tokens=1)

    def _look(self) -> None:
        """Read the file anew if it has changed: what was mapped may be gone, and touching it is fatal."""
        if self._identity != digests.identity(self._file):
            self.close()
            self._open()

    def _open(self) -> None:
        check_memory(self._file)
        identity = digests.identity(self._file)
        self._model = ChatModel(self._file)
        self._identity = identity  # now that there is a model of it
        self._adapter = self._note = ""
        try:
            self._put_on()
        except (AssistantError, OSError) as error:
            self._note = f"the chat model answers without your adapter: {error}"

    def _put_on(self) -> None:
        version = registry.current("adapter", self._paths)
        if version is None or self._scale == 0:
            return
        model = registry.load("adapter", version, self._paths)
        check(model, self._file, self._paths)
        with registry.open_file(model, FILE, self._paths) as file:
            self._model.adapters.load(version, file)
        self._model.adapters.switch(version, self._scale)
        self._adapter = version


def located(name: str) -> Path:
    """Return the file that models.chat names. Raises ModelError if there is none."""
    try:
        file = Path(name).expanduser()
    except RuntimeError as error:  # "~nobody"
        raise ModelError(f"models.chat is {name!r}: {error}; name a chat model in GGUF") from error
    if not file.is_absolute():
        raise ModelError(f"models.chat is {name!r}, which is another file in every folder; name it from / or ~ on")
    if not file.is_file():
        raise ModelError(f"models.chat is {name!r}: there is no such file; name a chat model in GGUF")
    return file


def check_memory(model: Path, times: float = 1) -> None:
    """Raise ModelError if more memory is needed than there is: it would be taken from every other program.

    `model` is a file, or a folder as transformers saves it, whose weights take `times` the memory that they take there.
    """
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB$", MEMORY.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:  # not Linux
        return
    files = model.glob("model*.safetensors") if model.is_dir() else [model]
    free, needed = int(found[1]) * 1024 if found else sys.maxsize, times * sum(file.stat().st_size for file in files)
    if needed > free:
        raise ModelError(
            f"{model} needs {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are available; "
            "name a smaller model"
        )


def check(adapter: registry.Model, chat: Path, paths: Paths) -> None:
    """Raise ModelError if `adapter` was not measured on the file `chat`; what was computed of that is remembered."""
    if FILE not in adapter.files:
        raise ModelError(
            f"the card of {adapter.version} names {sorted(adapter.files)}, not {FILE}; {registry.instead('adapter')}"
        )
    try:
        digest, _ = digests.of(chat, paths.cache / registry.VERDICTS)
    except OSError as error:
        raise ModelError(f"{chat} cannot be read: {error}") from error
    if digest != adapter.card.base:
        raise ModelError(
            f"{adapter.version} was made for another chat model (sha256 {adapter.card.base}) than {chat} ({digest}); "
            "`assistant train now` makes one for this"
        )
