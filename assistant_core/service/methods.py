"""The methods of the service: a request in, its answer out, now or later.

Cheap methods are answered in the same turn of the loop; `ask`, `fix`, `explain`, `reload` and a `suggest` for which a
model is asked are worked on in other threads. Nothing is known here of ranking, models or manuals: a Backend does that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from assistant_core import __version__
from assistant_core.errors import AssistantError
from assistant_core.records import (
    Candidate,
    Command,
    Failure,
    Feedback,
    Proposals,
    Query,
    Question,
    Suggestion,
    Verdict,
)
from assistant_core.service import memory, wire
from assistant_core.service.backend import Backend
from assistant_core.service.connection import Connection
from assistant_core.service.live import LiveIndex, in_thread
from assistant_core.service.wire import Code, Id

SLOW: Final = 16  # explanations at a time, and as many questions to a model
LIMIT: Final = 100  # candidates that may be asked for

_log = logging.getLogger(__name__)


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """The error that answers a request."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


UNANSWERED: Final = Refusal(Code.INTERNAL_ERROR, "the question failed; `assistant service logs` says where")


class Call(NamedTuple):
    """A request that was understood."""

    connection: Connection
    number: Id | None  # None: a notification
    params: Any


class Method(NamedTuple):
    """How the parameters of a method are read, and what answers it; None is answered later."""

    read: Callable[[msgspec.Raw], Any]
    answer: Callable[[Methods, Call], msgspec.Struct | None]


class Methods:
    """Answers requests from `live` and `backend`; `clients` counts the connections, `stop` ends the service."""

    def __init__(
        self, backend: Backend, live: LiveIndex, clients: Callable[[], int], stop: Callable[[str], None]
    ) -> None:
        self.requests = 0  # handled since the start
        self._backend = backend
        self._live = live
        self._clients = clients
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._started = time.monotonic()
        self._explaining = self._offering = self._asking = 0

    def handle(self, connection: Connection, request: wire.Request) -> None:
        """Answer a request, now or later; a notification is never answered."""
        self.requests += 1
        number = None if isinstance(request.id, msgspec.UnsetType) else request.id
        try:
            answer = self._answer(connection, number, request)
        except Refusal as refusal:
            if number is not None:
                connection.refuse(number, refusal.code, str(refusal))
            return
        if answer is not None and number is not None:
            connection.answer(number, answer)

    def _answer(self, connection: Connection, number: Id | None, request: wire.Request) -> msgspec.Struct | None:
        if not connection.initialized and request.method != "initialize":
            raise Refusal(Code.NOT_INITIALIZED, f"{request.method!r} came before 'initialize'")
        if (method := METHODS.get(request.method)) is None:
            raise Refusal(Code.METHOD_NOT_FOUND, f"there is no method {request.method!r}; known: {', '.join(METHODS)}")
        try:
            params = method.read(request.params)
        except (ValueError, RecursionError) as problem:
            message = f"{request.method}: {problem}{_value_at(str(problem), request.params)}"
            raise Refusal(Code.INVALID_PARAMS, message) from problem
        try:
            return method.answer(self, Call(connection, number, params))
        except Refusal:
            raise
        except Exception as error:
            raise _failure(request.method, error) from error

    def initialize(self, call: Call) -> wire.InitializeResult:
        """Take in who the client is, unless it speaks another protocol; say who we are in any case."""
        if isinstance(call.params, wire.InitializeParams):
            call.connection.surroundings = self._backend.surroundings(call.params)
            call.connection.initialized = True
        return wire.InitializeResult(protocol=wire.PROTOCOL, version=__version__, pid=os.getpid())

    def suggest(self, call: Call) -> wire.Candidates | None:
        """Rank; before the history is read there is nothing to rank. With `slow`, a model is asked before."""
        if not 1 <= call.params.limit <= LIMIT:
            raise Refusal(Code.INVALID_PARAMS, f"suggest: limit is {call.params.limit}; expected 1 to {LIMIT}")
        if call.params.slow and call.number is not None and self._ask_model(call):
            return None
        return self._ranked(call)

    def _ranked(self, call: Call, offers: Sequence[Candidate] = ()) -> wire.Candidates:
        if (index := self._live.current) is None:
            return wire.Candidates(candidates=[])
        return wire.Candidates(candidates=index.complete(call.params, call.connection.surroundings, offers))

    def _ask_model(self, call: Call) -> bool:
        """Rank later, with what the model offers; say whether there is a model and it has time."""
        if (index := self._live.current) is None or self._offering >= SLOW:
            return False
        later = _Later(call)

        def ranked(offers: Sequence[Candidate] | None) -> None:
            self._offering -= 1
            if later.waits:
                later.finish(_guarded("suggest", lambda: self._ranked(call, offers or ())))

        def done(offers: Sequence[Candidate] | None) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(ranked, offers)

        before = index.before(call.params.session)
        stop = self._backend.offer(call.params, before, call.connection.surroundings, done)
        if stop is None:
            later.withdraw()
            return False
        later.stop = stop
        self._offering += 1
        return True

    def record(self, call: Call) -> wire.Empty:
        """Learn a command."""
        self._live.apply(lambda index: index.observe(call.params))
        return wire.Empty()

    def suggestion(self, call: Call) -> wire.Empty:
        """Learn what became of a suggestion."""
        self._live.apply(lambda index: index.learn(call.params))
        return wire.Empty()

    def forget(self, call: Call) -> wire.Empty:
        """Unlearn a line."""
        self._live.apply(lambda index: index.forget(call.params.line))
        return wire.Empty()

    def feedback(self, _call: Call) -> wire.Empty:
        """Agree: the shell has stored it, and nothing that is in memory depends on it."""
        return wire.Empty()

    def classify(self, call: Call) -> Verdict:
        """Say what a line would do."""
        return self._backend.classify(call.params.line, call.params.cwd)

    def ask(self, call: Call) -> None:
        """Propose lines for a question or in the place of one that failed, in a thread."""
        if call.number is None:
            return
        if not 1 <= call.params.count <= LIMIT:
            raise Refusal(Code.INVALID_PARAMS, f"count is {call.params.count}; expected 1 to {LIMIT}")
        if self._asking >= SLOW:
            raise Refusal(Code.TOO_LARGE, f"busy: {SLOW} questions are being answered; try again")
        later = _Later(call)

        def answered(found: Proposals | None) -> None:
            self._asking -= 1
            later.finish(UNANSWERED if found is None else found)

        def done(found: Proposals | None) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(answered, found)

        self._asking += 1
        stop = self._backend.ask(call.params, call.connection.surroundings, done)
        if stop is None:
            answered(None)
        else:
            later.stop = stop

    def prepare(self, _call: Call) -> wire.Empty:
        """Get ready for a question, which is being typed."""
        self._backend.prepare()
        return wire.Empty()

    def explain(self, call: Call) -> None:
        """Explain a line, in a thread."""
        if call.number is None:
            return
        if self._explaining >= SLOW:
            raise Refusal(Code.TOO_LARGE, f"busy: {SLOW} explanations are being made; try again")
        later, line = _Later(call), call.params.line

        def done(found: msgspec.Struct | Refusal) -> None:
            self._explaining -= 1
            later.finish(found)

        self._explaining += 1
        in_thread(self._loop, lambda: _guarded("explain", lambda: self._backend.explain(line)), done)

    def reload(self, call: Call) -> None:
        """Read the settings and the history anew, in a thread; the old index serves meanwhile, or on if that fails."""
        later, token = _Later(call), call.params.token

        def watch(value: wire.ProgressValue) -> None:
            if token is not None and later.waits:
                params = wire.ProgressParams(token=token, value=value)
                call.connection.send(wire.notification("$/progress", params))
            if value.kind == "end":
                problem = self._live.problem
                later.finish(Refusal(Code.INTERNAL_ERROR, f"reload: {problem}") if problem else wire.Empty())

        self._live.reload(watch)

    def cancel(self, call: Call) -> wire.Empty:
        """Answer a waiting request with an error; what it comes to is dropped."""
        if (waiting := call.connection.waiting.pop(call.params.id, None)) is not None:
            waiting.stop()
            call.connection.refuse(call.params.id, Code.CANCELLED, "cancelled by the client")
        return wire.Empty()

    def status(self, _call: Call) -> wire.Status:
        """Say how the service is."""
        stats = self._live.current.stats() if self._live.current else {}
        return wire.Status(
            pid=os.getpid(),
            version=__version__,
            protocol=wire.PROTOCOL,
            uptime_s=time.monotonic() - self._started,
            memory_kb=memory.resident_kb(),
            clients=self._clients(),
            requests=self.requests,
            loading=self._live.loading,
            commands=stats.get("lines", 0),
            unique=stats.get("unique", 0),
            index=stats,
            problem=self._live.problem,
        )

    def shutdown(self, _call: Call) -> wire.Empty:
        """End the service, after the answer."""
        self._loop.call_soon(self._stop, "asked to")
        return wire.Empty()


class _AnyHello(msgspec.Struct):
    """What can be read of `initialize` in every protocol."""

    protocol: int


def _read_hello(raw: msgspec.Raw) -> wire.InitializeParams | None:
    """Return the parameters, or None if they are of another protocol."""
    if msgspec.json.decode(raw, type=_AnyHello).protocol != wire.PROTOCOL:
        return None
    return msgspec.json.decode(raw, type=wire.InitializeParams)


def _reader(kind: type[msgspec.Struct]) -> Callable[[msgspec.Raw], msgspec.Struct]:
    return msgspec.json.Decoder(kind).decode


METHODS: Mapping[str, Method] = {
    "initialize": Method(_read_hello, Methods.initialize),
    "suggest": Method(_reader(Query), Methods.suggest),
    "record": Method(_reader(Command), Methods.record),
    "suggestion": Method(_reader(Suggestion), Methods.suggestion),
    "forget": Method(_reader(wire.Line), Methods.forget),
    "feedback": Method(_reader(Feedback), Methods.feedback),
    "classify": Method(_reader(wire.ClassifyParams), Methods.classify),
    "explain": Method(_reader(wire.Line), Methods.explain),
    "ask": Method(_reader(Question), Methods.ask),
    "prepare": Method(_reader(wire.Empty), Methods.prepare),
    "fix": Method(_reader(Failure), Methods.ask),
    "reload": Method(_reader(wire.ReloadParams), Methods.reload),
    "$/cancelRequest": Method(_reader(wire.CancelParams), Methods.cancel),
    "status": Method(_reader(wire.Empty), Methods.status),
    "shutdown": Method(_reader(wire.Empty), Methods.shutdown),
}


class _Later:
    """The answer to `call`, which is still to come; a notification has none. `stop` ends the work for it early."""

    def __init__(self, call: Call) -> None:
        self._connection, self._number = call.connection, call.number
        self.stop: Callable[[], object] = lambda: None
        if self._number is None:
            return
        if self._number in self._connection.waiting:
            message = f"request {self._number!r} is still waiting for its answer; use another id"
            raise Refusal(Code.INVALID_REQUEST, message)
        self._connection.waiting[self._number] = self

    @property
    def waits(self) -> bool:
        """Whether it is still wanted: it was not cancelled, and the client is there."""
        return self._number is not None and self._connection.waiting.get(self._number) is self

    def withdraw(self) -> None:
        """Leave the answer to somebody else."""
        if self._number is not None and self.waits:
            del self._connection.waiting[self._number]

    def finish(self, answer: msgspec.Struct | Refusal) -> None:
        """Give the answer, if it is still wanted."""
        if self._number is None or not self.waits:
            return
        self.withdraw()
        if isinstance(answer, Refusal):
            self._connection.refuse(self._number, answer.code, str(answer))
        else:
            self._connection.answer(self._number, answer)


def _guarded(method: str, work: Callable[[], msgspec.Struct]) -> msgspec.Struct | Refusal:
    """Return what `work` returns, or what tells that it failed: all is answered."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - as above
        return _failure(method, error)


def _failure(method: str, error: Exception) -> Refusal:
    if isinstance(error, AssistantError):
        return Refusal(Code.INTERNAL_ERROR, f"{method}: {error}")
    _log.error("%s failed", method, exc_info=error)
    return Refusal(Code.INTERNAL_ERROR, f"{method} failed: {type(error).__name__}; `assistant service logs` says where")


def _value_at(problem: str, raw: msgspec.Raw) -> str:
    """Return ", found …" for a validation error that ends with the path of a value, such as `$.path[0]`."""
    path = re.search(r"`\$((?:\.\w+|\[\d+\])+)`$", problem)
    if path is None:
        return ""
    try:
        value: Any = msgspec.json.decode(raw)
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path[1]):
            value = value[name or int(index)]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    return f", found {value!r:.60}"
