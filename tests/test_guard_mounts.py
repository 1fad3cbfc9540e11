"""Commands in containers that have a part of this machine mounted."""

from __future__ import annotations

import pytest

from assistant_core.guard import Context, classify
from assistant_core.guard.mounts import outside

HERE = Context({"HOME": "/home/ada"}, "/home/ada/work/app", "/home/ada")


@pytest.mark.parametrize(
    ("words", "volumes", "expected"),
    [
        (["rm", "/h"], ["/:/h"], ["rm", "/"]),
        (["rm", "/h/"], ["/:/h/"], ["rm", "/"]),
        (["rm", "/h/etc"], ["type=bind,source=/,target=/h"], ["rm", "/etc"]),
        (["rm", "/h/etc"], ["type=bind,dst=/h,src=/srv/"], ["rm", "/srv/etc"]),
        (["sh", "-c", "cd /h; rm -r /h/*"], ["/srv:/h:rw"], ["sh", "-c", "cd /srv; rm -r /srv/*"]),
        (["rm", "/a/h", "/home", "/h.old"], ["/srv:/h"], ["rm", "/a/h", "/home", "/h.old"]),
        (["rm", "/h"], ["/srv:/h:ro"], ["rm", "/h"]),
        (["rm", "/h"], ["type=bind,source=/,target=/h,readonly"], ["rm", "/h"]),
        (["rm", "/h"], ["data:/h"], ["rm", "/h"]),
        (["rm", "/h"], ["/h", "type=tmpfs", "", ":", "x=y=z"], ["rm", "/h"]),
        (["rm", "/a", "/b"], ["/srv:/a", "/etc:/b"], ["rm", "/srv", "/etc"]),
    ],
)
def test_paths_within_are_paths_outside(words: list[str], volumes: list[str], expected: list[str]) -> None:
    assert outside(words, volumes) == expected


@pytest.mark.parametrize(
    ("line", "decision"),
    [
        ("docker run -v /:/host debian rm -rf /host", "block"),
        ("docker run -v /:/host debian sh -c 'rm -rf /host/*'", "block"),
        ("podman run --rm --volume=/etc:/e busybox rm -rf /e", "block"),
        ("docker run --privileged -v ~/src:/s debian rm -rf /s", "block"),
        ("docker run --rm -v $PWD:/s node rm -rf /s/dist", "allow"),
        ("docker run --rm -v $PWD:/s node rm -rf /s/docs", "warn"),
        ("docker run --rm debian rm -rf /", "allow"),
    ],
)
def test_what_is_lost_outside_counts(line: str, decision: str) -> None:
    assert classify(line, HERE).decision == decision
