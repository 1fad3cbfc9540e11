"""What a chat model is asked: the one form for training and for use.

In: a request, a line, a failed line. Out: messages, to be written in the model's own chat template. A line is asked for
by opening its answer with a fence, behind which no chat model talks: whoever was never trained on these messages
answers with a line, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

SYSTEM: Final = "You help at the command line. Answer with one line for the shell and nothing else."
OPEN: Final = "```bash\n"  # begins the answer that is a line
CLOSE: Final = "\n```"  # ends it
THINKING: Final = False  # what templates are told of it; that of Qwen3 opens no thoughts then

Message = dict[str, str]  # one turn: role and content


class Said(NamedTuple):
    """What came of a question: lines, most probable first, with natural log-probabilities as if all were as long.

    `adapter` is the version of the user's own that helped, `note` what the user should know of it.
    """

    lines: list[tuple[str, float]] = []  # noqa: RUF012 - nobody changes it
    adapter: str = ""
    note: str = ""


Saying = Callable[[], Said]  # waits for what is said; always the same, however often it is called


def request(text: str) -> list[Message]:
    """Return the messages that ask for a line."""
    return _ask(text)


def repair(line: str, code: int = 1) -> list[Message]:
    """Return the messages that ask what was meant by a line that failed with `code`."""
    return _ask(f"This failed with exit code {code}: {line}\nWrite the line that was meant.")


def _ask(text: str) -> list[Message]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text.strip()}]  # as many templates would
