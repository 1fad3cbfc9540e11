"""One daemon thread for what the prompt must not wait for: connecting, deleting, writing again.

In: callables. Out: nothing; an exception is logged. The thread starts with the first job.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from assistant_core.shell.log import Log


class Worker:
    """Runs jobs one after the other."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[], object]) -> None:
        """Run `job` after those submitted before."""
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="assistant", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread after the job at hand; wait for it a second at most."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(1)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - the thread outlives any job
                self._log.failure(error)
