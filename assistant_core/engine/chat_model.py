"""A chat model at work: a few lines that do what its messages ask for, and how probable they are.

In: messages (assistant_core.engine.chat), an adapter if one is put on. Out: lines with natural log-probabilities, as if
all of them were as long: by the sum over its tokens a short line that does not do it beats a long one that does. A
model belongs to the one thread that calls it; `cancel` alone may be called from another. What two questions have in
common at their beginning is computed once.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assistant_core.engine import chat, template
from assistant_core.engine.adapters import Adapters
from assistant_core.engine.chat import Message
from assistant_core.engine.llama import Context, Stopped, library
from assistant_core.engine.search import SPELLINGS, Search
from assistant_core.engine.vocabulary import Pieces
from assistant_core.errors import ModelError

if TYPE_CHECKING:
    from assistant_core.engine.command import Answers

WIDTH: Final = SPELLINGS  # most lines at once
PROMPT: Final = 768  # tokens of a question with its template
FRAME: Final = 512  # of the template alone
QUESTION: Final = "what-is-asked-stands-here"  # in a template that is filled in once
TOKENS: Final = 64  # longest line
ROOM: Final = PROMPT + WIDTH * TOKENS  # tokens: a whole prompt, and the branches
# With 4, 3 and 2 threads on 4 cores a model of .5 billion parameters wrote 70, 70 and 55 tokens/s where nothing else
# ran, and 7, 35 and 45 beside two busy processes: half of the cores loses little and never much.
THREADS: Final = max((os.cpu_count() or 1) // 2, 1)
LENGTH: Final = 8  # tokens of a line, as long as all are taken to be
QUOTED: Final = re.compile(r"`([^`]+)`")
CLOSES: Final = re.compile(rb"[ \t]*\r?\n|```")  # begins a piece that ends a line


class ChatModel:
    """The chat model in the file `gguf`. Raises ModelError if it is none, or llama-cpp-python is missing."""

    def __init__(self, gguf: Path, threads: int = THREADS) -> None:
        self._context = Context(gguf, tokens=ROOM, sequences=1 + 2 * WIDTH, threads=threads)
        try:
            self._before, self._after = _frame(self._context)
        except ModelError as error:
            self._context.close()
            raise ModelError(f"{gguf}: {error}") from error
        self._pieces = Pieces(self._context)
        over = library().llama_vocab_is_eog
        self._pieces.ends = [
            token
            for token, piece in enumerate(self._pieces.pieces)
            if CLOSES.match(piece) or over(self._context.vocabulary, token)
        ]
        self.adapters = Adapters(self._context)
        self._cancelled = False

    def lines(
        self, messages: Sequence[Message], *, count: int = 3, tokens: int = TOKENS, deadline_s: float = math.inf
    ) -> Answers:
        """Return up to `count` (1 to WIDTH) different lines that answer `messages`, most probable first.

        Each begins with another token and goes on with the most probable one, for at most `tokens` (TOKENS at the
        most). Where `deadline_s` seconds are over, or it is cancelled, what was found by then is returned; nothing
        where the question is longer than PROMPT tokens.
        """
        end = time.monotonic() + deadline_s
        prompt = self.prompt(messages)
        if len(prompt) > PROMPT:
            return []

        def stop() -> bool:
            return self._cancelled or time.monotonic() >= end

        try:
            row = self._context.prefill(prompt, stop)
        except Stopped:
            return []
        search = Search(self._context, self._pieces, width=min(count, WIDTH), forked=True)
        found = search.run(row, owed=b"", position=len(prompt), tokens=min(tokens, TOKENS), stop=stop)
        lines: dict[str, float] = {}
        for text, score in found:
            if line := meant(text.decode()):
                each = score / (len(self._context.tokenise(text.decode())) + 1)  # the end is one as well
                lines[line] = max(LENGTH * each, lines.get(line, -math.inf))
        return sorted(lines.items(), key=lambda said: -said[1])

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of `messages` in the model's template, up to where the line begins."""
        return self._context.tokenise(self._before + messages[-1]["content"] + self._after, controls=True)

    def begin(self) -> None:
        """Take back an earlier `cancel`."""
        self._cancelled = False

    def cancel(self) -> None:
        """Have calls end within a step or 32 tokens of their prompt, until `begin`. From any thread."""
        self._cancelled = True

    def close(self) -> None:
        """Free the model; it cannot be called any more."""
        self._context.close()


def _frame(context: Context) -> tuple[str, str]:
    """Return what the model's template writes before and after a question. Raises ModelError if it is no chat model."""
    llama = library()
    if llama.llama_model_is_recurrent(context.model) or llama.llama_model_is_hybrid(context.model):
        raise ModelError("this model cannot go back to the middle of a text; name one that is attention alone")
    found = llama.llama_model_chat_template(context.model, None)
    if not found:
        raise ModelError("this model has no chat template; name one that was made for conversation")
    names = (llama.llama_vocab_bos(context.vocabulary), llama.llama_vocab_eos(context.vocabulary))
    bos, eos = (
        llama.llama_vocab_get_text(context.vocabulary, token).decode("utf-8", "replace") if token >= 0 else ""
        for token in names
    )
    text = template.filled(
        found.decode("utf-8", "replace"), chat.request(QUESTION), thinking=chat.THINKING, bos=bos, eos=eos
    )
    before, *after = text.split(QUESTION)
    if len(after) != 1:
        raise ModelError(f"its chat template tells a question {len(after)} times, expected once; name another model")
    if (length := len(context.tokenise(text + chat.OPEN, controls=True))) > FRAME:
        raise ModelError(f"its chat template takes {length} tokens, expected {FRAME} at most; name another model")
    return before, after[0] + chat.OPEN


def meant(text: str) -> str:
    """Return what is meant to be run, without the signs that it is code; nothing of a remark."""
    line = text.strip().removeprefix("$ ").strip()
    if quoted := QUOTED.fullmatch(line):
        line = quoted[1]
    return "" if line.startswith("#") else line
