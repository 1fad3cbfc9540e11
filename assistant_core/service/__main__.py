"""The composition root: `python -m assistant_core.service [--detach]` serves store, completers and manuals.

In: the environment (folders, settings). Out: a service at the socket, a log without command text. What is slow to
import is imported where it is first used, in a thread: the socket listens before.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from logging.handlers import RotatingFileHandler
from types import TracebackType
from typing import TYPE_CHECKING

from assistant_core.errors import AssistantError, SettingsError, StoreError
from assistant_core.records import Candidate, Explanation, Failure, Proposals, Query, Question, Verdict
from assistant_core.service import endpoint, lifecycle, memory
from assistant_core.service.asking import Desk, Owners
from assistant_core.service.live import Loaded, Report
from assistant_core.service.owner import Owner
from assistant_core.service.server import Server
from assistant_core.service.wire import InitializeParams
from assistant_core.settings import Paths, Settings, load, paths, private_directory
from assistant_core.store import RankingRow, Store

if TYPE_CHECKING:
    from assistant_core.engine.adapted import Adapted
    from assistant_core.engine.llm import Completion
    from assistant_core.guard.policy import Policy
    from completers import Surroundings

LOG_BYTES, LOG_FILES = 1_000_000, 3
SWITCH_S = 0.0005  # longest turn of a thread, such as the one that reads the history, while a request waits
RETRY_S = 60.0  # after which a chat model that could not be read may be there, or there is memory for it
REPORTED = 50_000  # rows between two progress reports

_Failure = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Backend:
    """What the server serves: this user's history and this machine's manuals."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._settings = Settings()
        self._model = Owner(self._open_model)
        self._chat = Owner(self._open_chat, retry_s=RETRY_S)
        self._desk = Desk(paths, Owners(self._model, self._chat), lambda: self._settings.models)

    @property
    def idle_s(self) -> float:
        return self._settings.service.idle_minutes * 60.0

    def load(self, report: Report) -> Loaded:
        problems = [self._read_settings(), self._try_to_expire()]
        self._model.renew()
        self._chat.renew()
        self._desk.renew()
        from assistant_core.guard import classify  # noqa: PLC0415 - slow to import
        from completers import Completer  # noqa: PLC0415 - slow to import

        with closing(Store(self._paths.history)) as store:
            rows = _counted(store.ranking_rows(), store.counts()["commands"], report)
            index = Completer(rows, dangerous=lambda line: classify(line).decision != "allow")
        self._desk.prepare()
        return Loaded(index, "; ".join(filter(None, problems)))

    def offer(
        self,
        query: Query,
        before: Sequence[tuple[str, int | None]],
        surroundings: "Surroundings",
        done: Callable[[Sequence[Candidate] | None], object],
    ) -> Callable[[], object] | None:
        def work(model: "Completion") -> Sequence[Candidate]:
            from assistant_core.engine.llm import Place  # noqa: PLC0415 - slow to import
            from assistant_core.guard.policy import git_root  # noqa: PLC0415 - slow to import

            user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
            place = Place(surroundings.home, user, surroundings.host, git_root(query.cwd or ""))
            return model.offer(query, before, place)

        return self._model.submit(work, done) if self._settings.models.command else None

    def ask(
        self,
        asked: Question | Failure,
        surroundings: "Surroundings",
        done: Callable[[Proposals | None], object],
    ) -> Callable[[], object] | None:
        return self._desk.ask(asked, surroundings, done)

    def prepare(self) -> None:
        self._desk.expect()

    def _open_model(self) -> "Completion":
        from assistant_core.engine.llm import Completion  # noqa: PLC0415 - slow to import

        return Completion(self._paths, self._settings.training)

    def _open_chat(self) -> "Adapted":
        from assistant_core.engine.adapted import Adapted  # noqa: PLC0415 - slow to import

        return Adapted(self._paths, self._settings.models.chat, self._settings.training.adapter)

    def classify(self, line: str, cwd: str) -> Verdict:
        from assistant_core import guard  # noqa: PLC0415 - slow to import

        return self._policy.judge(line, guard.here()._replace(cwd=cwd)).verdict

    @cached_property
    def _policy(self) -> "Policy":
        from assistant_core.guard.policy import Policy  # noqa: PLC0415 - slow to import

        log = logging.getLogger(__name__)
        return Policy(
            self._paths, lambda: "ask", tell=log.warning, failed=lambda error: log.error("guard", exc_info=error)
        )

    def explain(self, line: str) -> Explanation:
        from assistant_core.knowledge import Manuals, explain  # noqa: PLC0415 - slow to import

        return explain(line, Manuals(cache=self._paths.cache / "manuals"))

    def expire(self) -> int:
        kept = self._settings.record
        if not (kept.retention_days or kept.retention_rows):
            return 0
        with closing(Store(self._paths.history)) as store:
            return store.expire(kept.retention_days, kept.retention_rows)

    def surroundings(self, hello: InitializeParams) -> "Surroundings":
        from completers import Surroundings  # noqa: PLC0415 - slow to import

        return Surroundings(host=hello.host, path=hello.path, aliases=frozenset(hello.aliases), home=hello.home)

    def _read_settings(self) -> str:
        """Take over the settings, or keep those in force and return what is wrong with the new ones."""
        try:
            settings = load(os.environ, self._paths.settings)
            logging.getLogger().setLevel(settings.service.log_level)
        except SettingsError as error:
            return str(error)
        except ValueError as error:
            return f"service.log_level: {error}; expected DEBUG, INFO, WARNING or ERROR"
        self._settings = settings
        return ""

    def _try_to_expire(self) -> str:
        """Apply retention, or return why it failed, which is no reason not to read the history."""
        try:
            self.expire()
        except StoreError as error:
            return f"retention failed: {error}"
        return ""


def _counted(rows: Iterator[RankingRow], total: int, report: Report) -> Iterator[RankingRow]:
    for number, row in enumerate(rows):
        if number % REPORTED == 0:
            report(f"reading the history: {number:,} of {total:,} commands", 100 * number // max(total, 1))
        yield row
    report(f"indexing {total:,} commands", None)


class _Discreet(logging.Formatter):
    """Says where an exception came from, and of which type it is; its text may hold command text."""

    def formatException(self, ei: _Failure) -> str:  # noqa: N802 - logging's name
        frames, error = [], ei[2]
        while error is not None:
            code = error.tb_frame.f_code
            frames.append(f"  {code.co_filename}:{error.tb_lineno} {code.co_name}")
            error = error.tb_next
        return "\n".join([*frames, f"  {ei[0].__name__}" if ei[0] else ""])


def _log_to(paths: Paths) -> None:
    private_directory(paths.state)
    handler = RotatingFileHandler(
        lifecycle.log_file(paths), maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(_Discreet("%(asctime)s %(levelname)s %(process)d %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


async def _serve(places: Paths, listener: socket.socket) -> None:
    await Server(_Backend(places), places.socket).run(listener)


def _open(places: Paths, *, detach: bool) -> socket.socket:
    """Become the only service, and return the socket that it listens at."""
    _log_to(places)
    lock = lifecycle.claim(places)
    listener = endpoint.listen(places.socket)
    if detach:
        lifecycle.detach(lock)
    return listener


def main() -> None:
    """Serve until nobody needs it."""
    parser = argparse.ArgumentParser(prog="python -m assistant_core.service", description="The assistant's service.")
    parser.add_argument("--detach", action="store_true", help="return once the socket listens; serve in the background")
    detach = parser.parse_args().detach
    os.umask(0o077)  # whatever is written is this user's alone
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's: no work of ours is worth the making of threads
    places = paths(os.environ)
    try:
        listener = _open(places, detach=detach)
    except (AssistantError, OSError) as error:
        sys.exit(str(error))
    memory.take_over()
    sys.setswitchinterval(SWITCH_S)
    inode = endpoint.inode(places.socket)
    asyncio.run(_serve(places, listener))
    if endpoint.inode(places.socket) == inode:
        endpoint.address(places.socket).unlink(missing_ok=True)
    logging.shutdown()
    os._exit(0)  # a million lines need not be freed one by one, nor an explanation under way be waited for


if __name__ == "__main__":
    main()
