"""What a chat model is asked: the one form for training and for use.

In: a request, a line, a failed line. Out: messages, to be written in the model's own chat template.
"""

from __future__ import annotations

SYSTEM = (
    "You help at the command line. Asked for a command, answer with one line for the shell and nothing else. "
    "Asked to explain, say in one or two sentences what the line does."
)


Message = dict[str, str]  # one turn: role and content


def request(text: str) -> list[Message]:
    """Return the messages that ask for a line."""
    return _ask(text)


def explanation(line: str) -> list[Message]:
    """Return the messages that ask what a line does."""
    return _ask(f"Explain: {line}")


def repair(line: str, code: int = 1) -> list[Message]:
    """Return the messages that ask what was meant by a line that failed with `code`."""
    return _ask(f"This failed with exit code {code}: {line}\nWrite the line that was meant.")


def _ask(text: str) -> list[Message]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
