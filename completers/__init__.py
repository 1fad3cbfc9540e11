"""Completions from memory: what a user ran before, ranked for where they are now.

memory         every event and line, as arrays threaded by line, session, folder and program
prefix         lines in alphabetical order: the heaviest under a prefix
source         what a source is; the sources themselves stand in `history`, `following` and `words`
pool           the lines in question at one prompt, weighed once, filtered as the user types
rank           features -> which line, and whether it is a known one at all
calibrate      probabilities that mean what they say
command_model  lines of the command model, put on the same scale
recall         all of these together: a text -> drafts; a command -> what is learnt from it
validate       what cannot work from here; what must not be offered unasked
blend          drafts -> doubts -> one list of candidates
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from completers import following, history
from completers.blend import Blend
from completers.memory import Row
from completers.source import Source
from completers.validate import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["SOURCES", "Completer", "Row", "Source", "Surroundings"]

# Name, function, weight at the start (rank.py says how the weights were found). A line that several sources name gains
# from each. Lines never typed before come from `words`, which has no weight: calibrate.py sets it against the rest.
SOURCES = (
    Source("history", history.recent, 0.1),
    Source("session", history.in_session, 0.4),
    Source("folder", history.in_folder, 0.3),
    Source("next", following.after_one, 0.7),
    Source("next2", following.after_two, 0.35),
    Source("fix", following.after_failure, 0.7),
    Source("again", history.again, -0.15),
)


class Completer(Blend):
    """The completions of one user from all sources. Used by one thread at a time.

    `rows` are the history, oldest first, those of unknown time before all others. `dangerous` says of a line that it
    must not be offered at an empty prompt; what is plainly destructive never is. A million rows load in under three
    seconds; a caller that turns garbage collection off meanwhile and calls gc.freeze() after it is spared its pauses.
    """

    def __init__(self, rows: Iterable[Row] = (), *, dangerous: Callable[[str], bool] | None = None) -> None:
        super().__init__(SOURCES, rows, dangerous)
