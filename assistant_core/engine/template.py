"""A chat template, filled in by a process of its own: whoever made a model's file wrote a program into it.

In: the template, the messages, the names of the model's first and last piece. Out: the text. The program is Jinja's, in
llama-cpp-python's sandbox, which forbids it files and names, but neither time nor memory: the process has little of
both. Run as a program it reads and writes JSON.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from assistant_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant_core.engine.chat import Message

PROGRAM: Final = (sys.executable, "-P", "-m", __name__)
SECONDS: Final = 3  # of processor time
PATIENCE_S: Final = 60  # where other programs want the processor, too
BYTES: Final = 2 * 2**30  # of addresses; llama.cpp's libraries take a few hundred million


def filled(template: str, messages: Sequence[Message], *, thinking: bool, bos: str, eos: str) -> str:
    """Return `messages` in `template`, up to where the answer begins. Raises ModelError."""
    asked = {"template": template, "messages": messages, "thinking": thinking, "bos": bos, "eos": eos}
    limited = {**asked, "seconds": SECONDS}
    try:
        done = subprocess.run(
            PROGRAM, input=json.dumps(limited).encode(), capture_output=True, timeout=PATIENCE_S, check=True
        )
        return str(json.loads(done.stdout))
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"its chat template is not filled in after {PATIENCE_S} s; is the machine busy?") from error
    except subprocess.CalledProcessError as error:
        if error.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            raise ModelError(f"its chat template takes more than {SECONDS} s; name another model") from error
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(
            f"its chat template cannot be used ({said[-1] if said else error}); name another model"
        ) from error


def main() -> None:
    """Fill in what is read, within the limits."""
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (asked["seconds"], asked["seconds"] + 1))  # SIGXCPU, then SIGKILL
    with suppress(ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: PLC0415 - after the limits

    formatter = Jinja2ChatFormatter(asked["template"], eos_token=asked["eos"], bos_token=asked["bos"])
    text = formatter(messages=asked["messages"], enable_thinking=asked["thinking"]).prompt
    sys.stdout.write(json.dumps(text))


if __name__ == "__main__":
    main()
