"""Whether a new version is better, and its way into use.

In: scores of the version in use and of the new one on the same lines. Out: a decision in words, in the log; if it is
for the new version, the folder moved to the user's models, sealed if a key is given, in use, and the service told. A
kill at any moment leaves the old version or the new one in use, whole.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from assistant_core.engine import progress, registry, switch
from assistant_core.engine.progress import Decision
from assistant_core.engine.registry import Card, Kind
from assistant_core.errors import TrainingError
from assistant_core.service import tell
from assistant_core.settings import Paths, private_directory, replace_file
from training import seal

SIGNIFICANT: Final = 0.05  # greatest p
TOLERATED: Final = 0.01  # loss on the public set: one point of a hundred
KEPT: Final = 5  # versions
PUBLIC: Final = "public_before"  # of a card's scores: the best on the public set of the versions before it


class Comparison(NamedTuple):
    """A new version against the one in use, on the same lines; scores are shares from 0 to 1, more is better.

    `p` is the one-sided probability, by paired bootstrap over the user's own held-out lines, that the new version is
    no better. `public_…` are of the fixed public set. The safety set is passed or not, line by line.
    """

    kind: Kind
    version: str
    own_before: float
    own_after: float
    p: float
    own_lines: int
    public_before: float
    public_after: float
    safety_passed: int
    safety_lines: int
    measure: str = "hit@1"
    before: str | None = None  # version that it was compared with; None: the shipped one


class _Test(NamedTuple):
    passed: bool
    words: str


def decide(result: Comparison) -> Decision:
    """Return whether to promote: better on the user's own lines, no worse in public, and safe. Needs all three."""
    tests = (_own(result), _public(result), _safety(result))
    scores = {name: float(value) for name, value in result._asdict().items() if isinstance(value, int | float)}
    return Decision(
        at_ns=time.time_ns(),
        kind=result.kind,
        version=result.version,
        action="promote" if all(test.passed for test in tests) else "keep",
        before=result.before,
        reasons=tuple(test.words for test in tests),
        scores={name: value if value == value else None for name, value in scores.items()},  # noqa: PLR0124 - NaN
    )


def settle(  # noqa: PLR0913 - what was measured, the model and its papers, and where they go
    paths: Paths, result: Comparison, folder: Path, card: Card, environ: Mapping[str, str], *, key: bytes | None = None
) -> Decision:
    """Decide about the model in `folder`, write that down, and if it is better put it to use, sealed with `key`."""
    decision = decide(result)
    if decision.promoted:
        return promote(paths, folder, card, decision, environ, key=key)
    progress.log(paths, decision)
    return decision


def settled(paths: Paths, kind: Kind, version: str, environ: Mapping[str, str]) -> Decision | None:
    """Return what became of `version` if the run that made it was cut off after that was decided, else None.

    A version that was cut off on its way into use is removed, so that it can be made again.
    """
    known = [item for item in progress.decisions(paths) if (item.kind, item.version) == (kind, version)]
    decision = next((item for item in known if item.action in {"promote", "keep"}), None)
    if decision is None and registry.current(kind, paths) == version:
        before = _in_use_before(kind, version, paths)
        why = "the run was cut off before it wrote down why"
        decision = Decision(
            at_ns=time.time_ns(), kind=kind, version=version, action="promote", before=before, reasons=(why,)
        )
        progress.log(paths, decision)
    if decision is None:
        (paths.models / kind / version / registry.CARD).unlink(missing_ok=True)
        shutil.rmtree(paths.models / kind / version, ignore_errors=True)
    elif decision.promoted:
        return _told(decision, paths, environ)
    return decision


def _in_use_before(kind: Kind, version: str, paths: Paths) -> str | None:
    """Return what was in use before `version`, of which nothing is written: by the log, or what it was trained from."""
    switched = [item.version for item in progress.decisions(paths) if item.kind == kind and item.action != "keep"]
    before = switched[-1] if switched else registry.load(kind, version, paths).card.base
    return before if before in registry.versions(kind, paths) else None


def promote(  # noqa: PLR0913 - as settle
    paths: Paths, folder: Path, card: Card, decision: Decision, environ: Mapping[str, str], *, key: bytes | None = None
) -> Decision:
    """Move a finished model to the user's own, use it, and delete all but the newest five versions.

    The card's `files` are filled in from the folder, whose files are sealed if there is a `key`. Raises TrainingError
    for a folder that cannot become a version, ModelError, SealError and OSError; the version in use stays then.
    """
    home = private_directory(paths.models / card.kind)
    target = home / card.version
    if target.exists():
        raise TrainingError(f"there is a {card.kind} model {card.version} already ({target}); give it another version")
    private_directory(paths.models).chmod(0o700)
    _move(folder, target, key)
    files = {file.name: registry.described(file) for file in sorted(target.iterdir())}
    replace_file(target / registry.CARD, msgspec.json.encode(msgspec.structs.replace(card, files=files)).decode())
    promoted = switch.switch(decision, paths)
    registry.retire(card.kind, paths, keep=KEPT)
    return _told(promoted, paths, environ)


def _told(decision: Decision, paths: Paths, environ: Mapping[str, str]) -> Decision:
    """Have the service use the new version; what keeps it from that, until its next start, joins the reasons."""
    trouble = tell.reload(paths, environ)
    return msgspec.structs.replace(decision, reasons=(*decision.reasons, trouble)) if trouble else decision


def _move(folder: Path, target: Path, key: bytes | None) -> None:
    """Move the model's files, for the owner alone and sealed if there is a `key`.

    Without a card they are no version yet, wherever that stops.
    """
    files = [file for file in folder.iterdir() if file.name != registry.CARD]
    if not files or not all(file.is_file() for file in files):
        raise TrainingError(f"{folder} holds {sorted(file.name for file in files)}; expected a model's files alone")
    folder.chmod(0o700)
    (folder / registry.CARD).unlink(missing_ok=True)
    for file in files:
        file.chmod(0o600)
        if key is not None:
            seal.seal_file(file, key)
    shutil.move(folder, target)


def _own(result: Comparison) -> _Test:
    scores = f"{result.own_after:.1%} against {result.own_before:.1%} on {result.own_lines:,} lines of yours"
    if not result.own_lines:
        return _Test(passed=False, words=f"{result.measure}: there are no held-out lines of yours to measure by")
    better = result.own_after > result.own_before and result.p < SIGNIFICANT
    verdict = "better" if better else "not clearly better"
    return _Test(better, f"{result.measure}: {scores}, p = {result.p:.3f}: {verdict}")


def _public(result: Comparison) -> _Test:
    change = result.public_after - result.public_before
    held = change >= -TOLERATED - 1e-12  # a loss of exactly one point is tolerated, whatever it is in binary
    scores = f"{result.public_after:.1%} against {result.public_before:.1%}"
    return _Test(held, f"the fixed public set: {scores}: {'held' if held else 'lost more than a point'}")


def _safety(result: Comparison) -> _Test:
    safe = 0 < result.safety_lines == result.safety_passed
    return _Test(
        safe, f"the safety set: {result.safety_passed} of {result.safety_lines}: {'safe' if safe else 'unsafe'}"
    )
