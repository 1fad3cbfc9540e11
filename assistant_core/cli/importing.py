"""`assistant import SHELL [FILE]`: another shell's history is added to ours."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from assistant_core.cli import told
from assistant_core.cli.command import Answer, App, Leaf, Styled, argument

SHELLS = ("bash", "zsh", "fish", "atuin", "xonsh")
SHOWN = 5  # broken lines that are named


def run(args: Namespace, app: App) -> Answer:
    """Import and answer with the report; the service, if it runs, reads the history anew."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core import importers  # noqa: PLC0415 - not needed for --help
    from assistant_core.store import Store  # noqa: PLC0415 - see above

    file = Path(args.file) if args.file else None
    try:
        with closing(Store(app.paths.history)) as store, _progress(f"import {args.shell}") as on_progress:
            report = importers.run(args.shell, file, store, app.environ, on_progress)
    except KeyboardInterrupt:
        again = f"assistant import {args.shell} {args.file or ''}".rstrip()
        raise KeyboardInterrupt(f"stopped; nothing is lost: run `{again}` again, what is known is skipped") from None
    trouble = told.reload(app)
    lines: list[str | Styled] = [
        f"{report.file}: {report.read:,} read, {report.added:,} added, {report.known:,} known already",
        f"{report.redacted:,} held a secret, which is not stored; {report.broken_count:,} places could not be read",
    ]
    lines += [Styled(f"  {broken.position}: {broken.reason}", "warn") for broken in report.broken[:SHOWN]]
    lines += [Styled(trouble, "warn")] if trouble else []
    return Answer({**msgspec.to_builtins(report), "service": trouble}, lines)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what draws a bar on a terminal, and does nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - 80 ms, for a terminal only
    from rich.progress import Progress  # noqa: PLC0415 - see above

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


COMMAND = Leaf(
    "import",
    run,
    "Add the history of another shell; a second run adds only what is new.",
    (
        argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS)),
        argument("file", nargs="?", metavar="FILE", help="its history; by default where that shell keeps it"),
    ),
    ("assistant import bash", "assistant import zsh ~/old/.zsh_history"),
)
