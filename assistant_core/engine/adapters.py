"""Adapters of a loaded model: read once, switched on and off while it runs.

In: adapters in GGUF (training.export writes them). Out: a context that answers as the model with an adapter does, or
exactly as the model without. What the context holds was computed with the adapter before, so each switch clears it.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

from assistant_core.engine.llama import Context, library, reasons
from assistant_core.errors import ModelError


class Adapters:
    """The adapters of `context`, by name; one at a time is on. Used by the thread that owns the context."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._loaded: dict[str, Any] = {}
        self._on: tuple[str, float] | None = None

    @property
    def on(self) -> tuple[str, float] | None:
        """The adapter that is on, and its scale; None where the model answers as it is."""
        return self._on

    def load(self, name: str, file: Path) -> None:
        """Read an adapter; it stays in memory as long as the model. Raises ModelError if it does not fit the model."""
        if name in self._loaded:
            raise ModelError(f"an adapter {name!r} is loaded already; give {file} another name, such as its version")
        adapter = library().llama_adapter_lora_init(self._context.model, os.fsencode(file))
        if not adapter:
            raise ModelError(f"{file} is no adapter of this model ({reasons()}); train one on this model")
        self._loaded[name] = adapter

    def switch(self, name: str, scale: float = 1.0) -> None:
        """Answer with an adapter at a part (0..1) of its strength; 0 is `off`. Raises ModelError."""
        if name not in self._loaded:
            raise ModelError(f"adapter {name!r} is not loaded; these are: {', '.join(self._loaded) or 'none'}")
        if not 0 <= scale <= 1:
            raise ModelError(f"the scale of adapter {name!r} is {scale}; expected 0 to 1")
        if scale == 0:
            self.off()
        elif self._on != (name, scale):
            pointers = (library().llama_adapter_lora_p_ctypes * 1)(self._loaded[name])
            self._apply(pointers, 1, (ctypes.c_float * 1)(scale))
            self._on = (name, scale)

    def off(self) -> None:
        """Answer exactly as the model without any adapter."""
        if self._on is not None:
            self._apply(None, 0, None)
            self._on = None

    def _apply(self, pointers: Any, count: int, scales: Any) -> None:  # noqa: ANN401 - ctypes arrays
        if status := library().llama_set_adapters_lora(self._context.handle, pointers, count, scales):
            raise ModelError(f"llama.cpp could not switch the adapter: status {status}; restart the service")
        self._context.clear()
