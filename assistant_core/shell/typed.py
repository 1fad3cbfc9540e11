"""What the shell has read ahead, and what stands at its next prompt.

In: xonsh's shell object, of prompt_toolkit or readline. Out: nothing; both are changed through what xonsh offers.
"""

from typing import Any

_readline_waiting: list[str] = []  # one line at most


def forget(xsh: Any) -> None:  # noqa: ANN401 - xonsh's session has no types
    """Drop the keys and lines that the shell has read and not used."""
    shell = xsh.shell.shell
    prompter = getattr(shell, "prompter", None)
    if prompter is not None:
        from prompt_toolkit.input.typeahead import clear_typeahead  # noqa: PLC0415 - only where it is in use

        clear_typeahead(prompter.app.input)
    queue = getattr(shell, "cmdqueue", None)
    if queue is not None:
        queue.clear()


def put(xsh: Any, line: str) -> None:  # noqa: ANN401 - as above
    """Put `line` at the next prompt, to be edited or sent."""
    shell = xsh.shell.shell
    if hasattr(shell, "prompter"):
        xsh.env["XONSH_PROMPT_NEXT_CMD"] = line
    elif hasattr(shell, "cmdqueue"):
        _readline_waiting[:] = [line]


def show_waiting() -> None:
    """Have readline insert the line that waits; to be called right before its prompt.

    xonsh resets readline's hook after some lines and leaves it after others, so it is set late and resets itself.
    """
    if not _readline_waiting:
        return
    import readline  # noqa: PLC0415 - only where it is in use

    line = _readline_waiting.pop()

    def insert() -> None:
        readline.set_pre_input_hook(None)
        readline.insert_text(line)
        readline.redisplay()

    readline.set_pre_input_hook(insert)
