"""Whether a request asks for something to be deleted or stopped, and whether a line does that.

In: a request in words; a line and the guard's verdict on it. Out: yes or no. What nobody asked for is not shown first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from assistant_core.engine.shape import shape

if TYPE_CHECKING:
    from assistant_core.records import Verdict

_ASKED = re.compile(
    r"""\b (?: (?: abort | cancel | clean | clear | delet | deregister | destroy | discard | drop | eras | evict
        | expung | flush | format | halt | kill | obliterat | overwrit | prun | purg | reboot | recreat | remov | reset
        | restart | restor | revert | rollback | shred | shut | stop | terminat | trash | truncat | undo | uninstall
        | unlink | unregister | wip | zap ) (?! \w*ed\b ) \w*  # what is deleted is not to be deleted
      | empt(?:y|ies)\ (?:a|my|the) | free\ (?:the|up) | power\ ?off | rid\ of | roll(?:ing)?\ back | rm | turn\ off
      ) \b""",
    re.VERBOSE | re.IGNORECASE,
)
_STOPS = frozenset({"halt", "kill", "killall", "pkill", "poweroff", "reboot", "shutdown", "skill", "xkill"})


def asked(request: str) -> bool:
    """Say whether `request` asks for something to be deleted, overwritten or stopped."""
    return _ASKED.search(request) is not None


def done(line: str, verdict: Verdict) -> bool:
    """Say whether `line`, judged to be `verdict`, deletes something, stops something, or would be blocked."""
    return verdict.crud == "DELETE" or verdict.decision == "block" or any(name in _STOPS for name, _ in shape(line))
