"""Examines the installation: the environment and our folders go in, findings with their remedies come out.

Nothing is started, created or repaired. `CHECKS` is the table of contents.
"""

from collections.abc import Callable, Iterator, Mapping

from assistant_core.doctor import installation, models
from assistant_core.doctor.finding import Finding, Place
from assistant_core.settings import Paths

__all__ = ["CHECKS", "Finding", "examine"]

CHECKS: Mapping[str, Callable[[Place], Iterator[Finding]]] = {
    "python": installation.python,
    "dependencies": installation.dependencies,
    "xontrib": installation.entry_point,
    "settings": installation.settings_file,
    "folders": installation.folders,
    "socket": installation.socket,
    "service": installation.service,
    "history": installation.store,
    "disk": installation.disk,
    "command model": models.command_model,
    "trial": models.trial,
    "chat model": models.chat,
    "adapter training": models.chat_folder,
    "embedding": models.embedding,
    "manual pages": installation.manuals,
}


def examine(environ: Mapping[str, str], paths: Paths) -> Iterator[Finding]:
    """Yield the findings of all checks, in the order of the table."""
    for name, check in CHECKS.items():
        try:
            yield from check(Place(environ, paths))
        except OSError as error:  # a folder on the way that nobody may enter, a disk that fails
            yield Finding(name, "fail", f"{name} cannot be examined: {error}", "see that the path can be read")
