"""The process's memory: garbage collection kept out of requests, and how much is resident.

With a million lines loaded, one full collection takes longer than a key press may wait. So collections run only
when the server is quiet, and what survives one is frozen: it is not looked at again.
"""

import gc
import os
import resource
import sys
from pathlib import Path


def take_over() -> None:
    """Switch automatic collection off; `tidy` is called instead when there is time."""
    gc.disable()


def tidy() -> None:
    """Collect what was allocated since the last time, and freeze the rest; nothing unless `take_over` was called."""
    if not gc.isenabled():
        gc.collect()
        gc.freeze()


def set_aside() -> None:
    """Freeze all there is, without a collection: right after the history was read there is no time for one."""
    if not gc.isenabled():
        gc.freeze()


def resident_kb() -> int:
    """Return how much of this process is in memory, in KiB; where the system does not tell, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // 1024 if sys.platform == "darwin" else most  # bytes on macOS, KiB elsewhere
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
