"""llama.cpp as the engine uses it: one model, one context; sequences of tokens in, logits out.

A prompt is held in the trunk, sequence 0, and only what differs from the last one is computed; answers branch off it.
A Context belongs to the one thread that calls it. It computes BATCH tokens at once, about 5 ms of work for the
command model, and asks between them whether to stop. (An abort callback in Python is called a hundred times a token,
waits for the interpreter each time, and made a token slower by a sixth.)
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

TRUNK = 0
BATCH = 32  # tokens
LONGEST = 256  # bytes of a piece
# A token takes the command model 0.6 ms on one idle core and 0.4 ms on two. But threads wait for one another at every
# layer: where other programs wanted the cores as well, a token took up to a second with 4 threads, and a hundred rows
# took 10 s with 2 threads and 0.2 s with one.
THREADS = 1

_NO, _YES = 0, 1  # C's
_ERROR = 4  # GGML_LOG_LEVEL_ERROR
_said: deque[str] = deque(maxlen=2)  # the last errors that llama.cpp logged
_called_by_c: list[object] = []  # must not be collected


@cache
def library() -> ModuleType:
    """Return llama_cpp, kept from printing. Raises ModelError if it is not installed."""
    try:
        import llama_cpp  # noqa: PLC0415 - the extra may be missing, and the import takes a tenth of a second
    except ImportError as error:
        raise ModelError(
            f"the models need llama-cpp-python ({error}); install it with pip install 'xontrib-assistant[llm]', "
            "which needs a C++ compiler and cmake"
        ) from error
    log = llama_cpp.llama_log_callback(_log)
    _called_by_c.append(log)
    llama_cpp.llama_log_set(log, ctypes.c_void_p())
    llama_cpp.llama_backend_init()
    return llama_cpp


class Stopped(Exception):  # noqa: N818 - no error: what was asked for
    """The caller's `stop` said so."""


class Context:
    """A loaded model with room for `tokens` tokens, those of all its `sequences` counted together.

    `exact` computes attention in 32 bits instead of 16. Raises ModelError if llama.cpp cannot load `file`.
    """

    def __init__(
        self, file: Path, *, tokens: int, sequences: int = 1, threads: int = THREADS, exact: bool = False
    ) -> None:
        self._llama = library()
        self.model = self._llama.llama_model_load_from_file(os.fsencode(file), self._model_parameters())
        if not self.model:
            raise ModelError(f"{file} is not a model that llama.cpp can load ({reasons()}); fetch or train it again")
        parameters = self._parameters(tokens, sequences, threads, exact=exact)
        self.handle = self._llama.llama_init_from_model(self.model, parameters)
        if not self.handle:
            self._llama.llama_model_free(self.model)
            raise ModelError(f"{file}: no room for a context of {tokens} tokens ({reasons()}); is memory short?")
        self.vocabulary = self._llama.llama_model_get_vocab(self.model)
        self.size = int(self._llama.llama_vocab_n_tokens(self.vocabulary))
        self._memory = self._llama.llama_get_memory(self.handle)
        self._batch = _Batch(self._llama)
        self._piece = ctypes.create_string_buffer(LONGEST)
        self._trunk: list[int] = []
        self._last: NDArray[np.float32] | None = None  # logits after the trunk

    def prefill(self, tokens: Sequence[int], stop: Callable[[], bool] = lambda: False) -> NDArray[np.float32]:
        """Make `tokens` (one or more) the trunk; return the logits (vocabulary,) after them. Raises Stopped."""
        if self._last is None or self._trunk != tokens:
            self._last = self.logits(tokens, len(tokens) - 1, stop)[0]
        return self._last

    def logits(
        self, tokens: Sequence[int], start: int = 0, stop: Callable[[], bool] = lambda: False
    ) -> NDArray[np.float32]:
        """Make `tokens` the trunk; return the logits (n, vocabulary) after each from `start` on. Raises Stopped."""
        common = sum(1 for _ in takewhile(_same, zip(self._trunk, tokens, strict=False)))
        self._cut(min(common, start))  # logits are not kept in the memory: those wanted are computed again
        rows = [np.empty((0, self.size), np.float32)]
        while (at := len(self._trunk)) < len(tokens):
            if stop():
                raise Stopped
            chunk = tokens[at : at + BATCH]
            positions = np.arange(at, at + len(chunk))
            rows.append(self._decode(chunk, positions, TRUNK, positions >= start))
            self._trunk += chunk
        return np.concatenate(rows)

    def step(self, tokens: Sequence[int], position: int, sequences: Sequence[int]) -> NDArray[np.float32]:
        """Put one token (at most BATCH) at `position` of each sequence; return the logits (tokens, vocabulary)."""
        return self._decode(tokens, position, sequences, wanted=True)

    def branch(self, source: int, target: int) -> None:
        """Let `target` hold what `source` holds; nothing is copied."""
        self._llama.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def drop(self, sequence: int) -> None:
        """Empty a sequence other than the trunk."""
        self._llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def clear(self) -> None:
        """Forget every token: what is held was computed by the model as it was, without a new adapter."""
        self._llama.llama_memory_clear(self._memory, _YES)
        self._trunk, self._last = [], None

    def tokenise(self, text: str, *, controls: bool = False) -> list[int]:
        """Return the tokens of `text`; the name of a control piece is plain characters, with `controls` the piece."""
        data = text.encode("utf-8", "replace")  # a lone surrogate, an undecodable byte of a file name, becomes "?"
        tokens = (ctypes.c_int32 * (len(data) + 1))()
        count = self._llama.llama_tokenize(self.vocabulary, data, len(data), tokens, len(tokens), _NO, controls)
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token stands for, none for a control piece and for what is longer than LONGEST."""
        length = self._llama.llama_token_to_piece(self.vocabulary, token, self._piece, len(self._piece), 0, _NO)
        return ctypes.string_at(self._piece, max(length, 0))

    def threads(self, count: int) -> None:
        """Compute with `count` threads from now on."""
        self._llama.llama_set_n_threads(self.handle, count, count)

    def close(self) -> None:
        """Free the memory; the context cannot be used any more. May be called twice."""
        if self.handle:
            self._llama.llama_free(self.handle)
            self._llama.llama_model_free(self.model)
            self.handle = self.model = None

    def _cut(self, length: int) -> None:
        if length < len(self._trunk):
            self._llama.llama_memory_seq_rm(self._memory, TRUNK, length, -1)
            del self._trunk[length:]
        self._last = None

    def _decode(
        self, tokens: ArrayLike, positions: ArrayLike, sequences: ArrayLike, wanted: ArrayLike
    ) -> NDArray[np.float32]:
        """Compute a batch; return a copy of the logits of the tokens for which they are wanted."""
        count = self._batch.fill(tokens, positions, sequences, wanted)
        if status := self._llama.llama_decode(self.handle, self._batch.struct):
            self.clear()
            raise ModelError(f"llama.cpp could not compute {len(np.atleast_1d(tokens))} tokens: status {status}")
        if not count:
            return np.empty((0, self.size), np.float32)
        rows: NDArray[np.float32] = np.ctypeslib.as_array(self._llama.llama_get_logits(self.handle), (count, self.size))
        return rows.copy()

    def _model_parameters(self) -> Any:  # noqa: ANN401 - a ctypes structure of llama_cpp
        parameters = self._llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        parameters.use_extra_bufts = False  # otherwise weights are held twice, as they are and repacked
        return parameters

    def _parameters(self, tokens: int, sequences: int, threads: int, *, exact: bool) -> Any:  # noqa: ANN401 - likewise
        parameters = self._llama.llama_context_default_params()
        parameters.n_ctx = tokens
        parameters.n_seq_max = sequences
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.kv_unified = True  # the sequences share what they have in common
        if exact:
            parameters.type_k = parameters.type_v = self._llama.GGML_TYPE_F32
            parameters.flash_attn_type = self._llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return parameters


class _Batch:
    """Room for BATCH tokens, each with a position and one sequence, in arrays that llama.cpp reads as they are."""

    def __init__(self, llama: ModuleType) -> None:
        self._tokens, self._positions, self._sequences = np.zeros((3, BATCH), np.int32)
        self._wanted = np.zeros(BATCH, np.int8)
        self._ones = np.ones(BATCH, np.int32)
        first = self._sequences.ctypes.data
        self._pointers = (first + self._sequences.itemsize * np.arange(BATCH)).astype(np.uintp)
        integers = ctypes.POINTER(ctypes.c_int32)
        self.struct = llama.llama_batch(
            token=self._tokens.ctypes.data_as(integers),
            pos=self._positions.ctypes.data_as(integers),
            n_seq_id=self._ones.ctypes.data_as(integers),
            seq_id=self._pointers.ctypes.data_as(ctypes.POINTER(integers)),
            logits=self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, tokens: ArrayLike, positions: ArrayLike, sequences: ArrayLike, wanted: ArrayLike) -> int:
        """Write a batch; return how many rows of logits it wants."""
        count = self.struct.n_tokens = len(np.atleast_1d(tokens))
        self._tokens[:count] = tokens
        self._positions[:count] = positions
        self._sequences[:count] = sequences
        self._wanted[:count] = wanted
        return int(self._wanted[:count].sum())


def _same(pair: tuple[int, int]) -> bool:
    return pair[0] == pair[1]


def _log(level: int, text: bytes, _data: object) -> None:
    if level == _ERROR:
        _said.append(text.decode(errors="replace").strip())


def reasons() -> str:
    """Return what llama.cpp logged as errors since this was asked last."""
    said = "; ".join(_said)
    _said.clear()
    return said or "no reason given"
