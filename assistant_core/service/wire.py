"""What goes over the socket: JSON-RPC 2.0, one UTF-8 message a line. Records in, bytes out, and back.

This module is the only definition of the protocol number, the parameters and results of the methods, the error
codes and the greatest size of a message. Change PROTOCOL when an older peer could misread a message.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, Literal

import msgspec

from assistant_core.records import Candidate

PROTOCOL: Final = 1
MESSAGE_BYTES: Final = 256 * 1024  # of a whole line, in both directions

Id = int | str


class Code(IntEnum):
    """Error codes: those of JSON-RPC 2.0, those of the language-server protocol, and TOO_LARGE, which is ours."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    CANCELLED = -32800
    NOT_INITIALIZED = -32002
    TOO_LARGE = -32001  # of a message, or of what is waiting: "busy"


class Empty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`{}`: parameters of `status` and `shutdown`, result of what has none."""


class InitializeParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first message of a connection: who speaks, and the surroundings in which its lines run."""

    protocol: int
    version: str
    client: str  # what it is, such as "shell" or "cli"
    pid: int
    host: str
    home: str
    path: tuple[str, ...]  # the folders of $PATH
    aliases: tuple[str, ...]


class InitializeResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answers. Where `protocol` is not the client's, the connection is not initialized."""

    protocol: int
    version: str
    pid: int


class Candidates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Result of `suggest`, the best first."""

    candidates: list[Candidate]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `explain` and `forget`."""

    line: str


class ClassifyParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `classify`, whose result is a Verdict; the environment is that of the service."""

    line: str
    cwd: str


class ReloadParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With a token, the progress of the reload is told in `$/progress` notifications that carry it."""

    token: Id | None = None


class CancelParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `$/cancelRequest`."""

    id: Id


class ProgressValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a slow request is."""

    kind: Literal["begin", "report", "end"]
    message: str
    percentage: int | None = None


class ProgressParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `$/progress`, service to client."""

    token: Id
    value: ProgressValue


class Status(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Result of `status`."""

    pid: int
    version: str
    protocol: int
    uptime_s: float
    memory_kb: int  # resident
    clients: int
    requests: int  # messages handled since the start
    loading: bool  # the history is being read
    commands: int  # in the index
    unique: int  # lines in the index
    index: dict[str, int] = {}  # everything the index counts
    problem: str = ""  # why the index is not what it should be; empty when all is well


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request, or a notification when it has no id, as the service reads it."""

    jsonrpc: Literal["2.0"]
    method: str
    id: Id | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw = msgspec.Raw(b"{}")


class Problem(msgspec.Struct, frozen=True):
    """The error of a reply."""

    code: int
    message: str


class Reply(msgspec.Struct, frozen=True):
    """A reply, or a notification when it has a method, as the client reads it."""

    id: Id | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Problem | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")


_encode = msgspec.json.Encoder().encode


def request(number: Id, method: str, params: msgspec.Struct | None) -> bytes:
    """Return the line that asks for `method`; raises ValueError when it is too large or not UTF-8 (lone surrogates)."""
    return _line({"jsonrpc": "2.0", "id": number, "method": method, "params": params or Empty()})


def notification(method: str, params: msgspec.Struct) -> bytes:
    """Return the line that tells `method`; raises ValueError as request does."""
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def result(number: Id, value: msgspec.Struct) -> bytes:
    """Return the line that answers request `number`; raises ValueError as request does."""
    return _line({"jsonrpc": "2.0", "id": number, "result": value})


def error(number: Id | None, code: Code, message: str) -> bytes:
    """Return the line that refuses request `number`; None when its number could not be read."""
    return _line({"jsonrpc": "2.0", "id": number, "error": Problem(int(code), message)})


def _line(message: dict[str, Any]) -> bytes:
    line = _encode(message) + b"\n"
    if len(line) > MESSAGE_BYTES:
        raise ValueError(f"a message of {len(line):,} bytes; at most {MESSAGE_BYTES:,} can be sent")
    return line
