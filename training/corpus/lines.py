"""A block of a document → the command lines in it, each with the comment that stands right above it.

What a prompt introduces is a command and the rest is output. Without prompts, a block that is said to be a shell's
holds commands; any other only if each of its lines looks like one.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from assistant_core.knowledge.operators import BUILTINS

if TYPE_CHECKING:
    from collections.abc import Container

LONGEST = 500  # characters of a command
# Programs that a document may name without their being installed here.
COMMON = frozenset(
    """
    ansible ansible-playbook apk apt apt-get awk aws az base64 basename brew bundle bzip2 cargo cat chgrp chmod chown
    cmake composer conda cp crontab curl cut date dd df diff dig dirname dmesg dnf docker docker-compose dpkg du env
    ffmpeg file find firewall-cmd free fzf gcc gcloud gem gh git go gpg gradle grep gunzip gzip head helm hostname
    hostnamectl htop id ifconfig install ip iptables java jq journalctl kill killall kubectl less ln locate losetup ls
    lsblk lsof lspci lsusb make man md5sum mkdir mkfs modprobe mount mv mvn mysql nano nc netstat nft nginx nmap nmcli
    node nohup npm npx openssl pacman passwd patch pg_dump ping pip pip3 pkill podman poetry ps psql pytest python
    python3 readlink reboot redis-cli rg rm rmdir rsync ruby rustup scp screen sed sftp sha256sum snap sort sqlite3 ss
    ssh ssh-copy-id ssh-keygen stat strace su sudo swapon sysctl systemctl tail tar tee terraform timedatectl tmux top
    touch tr traceroute tree ufw umount uname uniq unzip useradd usermod uv vagrant vim virsh watch wc wget which who
    xargs xonsh xz yarn yay yum zip zfs zpool zypper
    """.split()  # noqa: SIM905 - so many words read better so than as a list
)
# Those that begin English sentences as well; more must speak for a line that begins with one.
ENGLISH = frozenset(
    """
    as at awk break cat clear cut date do echo exit file find free head history install join kill last less look make
    man more mount move open patch read screen set snap sort source split stat tail test time top touch tree type watch
    which who write
    """.split()  # noqa: SIM905 - as above
)
_FOLDER = r"[\s:]*[~/\w.-]*\]?\s*"
_PROMPT = re.compile(
    rf"\s*(?:\([\w.-]+\)\s*)?(?:(?:\[?[\w.-]+@[\w.-]+{_FOLDER}|[~/][\w./~-]*\s*)?[$%@➜\u276f]|\[?root@[\w.-]+{_FOLDER}\#)"
    r"\s+(?P<line>\S.*)"
)
_ROOT = re.compile(r"\s*#\s+(?P<line>\S.*)")
_COMMENT = re.compile(r"\s*(?:#+|//)\s*(?P<text>.*)")
_HEREDOC = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)")
_SCRIPT = re.compile(
    r"\s*(?:for|while|until|if|case|function|then|else|elif|fi|done|esac|do)\b|\s*[{}]\s*$|.*\(\)\s*\{\s*$"
)
_NAME = re.compile(r"[a-z][\w.+-]*(?:\s|$)")
_FIRST = re.compile(
    r"(?:(?:sudo|doas)\s+(?:-\w+\s+)*|[A-Za-z_]\w*=\S*\s+|\$\s+)*(?P<program>[\w./~][\w./~+-]*)(?=[\s;|&<>)]|$)"
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OPTION = re.compile(r"(?:^|\s)--?[A-Za-z]")
_PUNCTUATION = re.compile(r",\s|`|\s\(\w")
_SIGN = re.compile(rf"{_OPTION.pattern}|[|<>&;$*~=/\\]|\w\.\w|''")
# Words that stand alone: as parts of a.tgz, path/to/file, of=disk or --with-x they say nothing.
_PROSE = re.compile(
    r"(?<!\S)\(?(?:the|a|an|is|are|was|be|to|of|and|or|you|your|it|its|this|that|with|will|can|should"
    r"|by|for|into|than|their|under|using|without)(?:'[a-z]+)?[,.;:!?)]*(?!\S)",
    re.IGNORECASE,
)
# A sentence's end; "." and ";" that follow no word are a folder and find's, ":" behind an address is a remote home.
_END = re.compile(r"(?<!\S)(?!\S*@[\w.-]+:\s*$)\S*[\w'\")\]}>][.:?!,;]+\s*$")


class Said(NamedTuple):
    """A command line, and what the block says about it; "" where it says nothing."""

    line: str
    comment: str


def looks_like_command(text: str, programs: Container[str] = frozenset(), *, code: bool = False) -> bool:
    """Whether a line can hardly be anything but a command. code: it stands in a block of code, not among prose."""
    first = _FIRST.match(text)
    if first is None or len(text) > LONGEST or _END.search(text):
        return False
    name = first["program"]
    path = name.startswith(("./", "~/")) or "/bin/" in name
    if not path and name not in COMMON and name not in BUILTINS and name not in programs:
        return False
    rest = _QUOTED.sub("''", text[first.end() :])
    if code:
        return not _PROSE.search(rest) or (name not in ENGLISH and _OPTION.search(rest) is not None)
    if not rest.strip() or _PROSE.search(rest) or _PUNCTUATION.search(rest):
        return False
    return path or name not in ENGLISH or _SIGN.search(rest) is not None


def commands(
    block: str, *, shell: bool | None, root: bool = False, programs: Container[str] = frozenset()
) -> list[Said]:
    """Return the commands of a block.

    shell: whether the block is said to be of a shell; None where nothing is said. root: whether "# " is a prompt, as
    wikis have it, and not a comment.
    """
    if shell is False:
        return []
    lines = block.replace("\t", "    ").splitlines()
    prompted = _prompted(lines, programs, root=root)
    if prompted:
        said = _behind(lines, prompted)
    else:
        said = _bare(lines)
        likely = _begins_command if shell else partial(looks_like_command, programs=programs, code=True)
        if any(_SCRIPT.match(each.line) for each in said) or not all(likely(each.line) for each in said):
            return []
    return [each for each in said if len(each.line) <= LONGEST]


def _begins_command(line: str) -> bool:
    return _FIRST.match(line) is not None or line[:1] in "([$!@"


def _prompted(lines: list[str], programs: Container[str], *, root: bool) -> dict[int, str]:
    """Return what stands behind a prompt, by number of the line.

    "# " may begin a comment too: what follows must look like a command, or there is nothing but prompts.
    """
    found = {at: match["line"] for at, line in enumerate(lines) if (match := _PROMPT.fullmatch(line))}
    if not root:
        return found
    roots = {at: match["line"] for at, line in enumerate(lines) if (match := _ROOT.fullmatch(line))}
    alone = all(at in found or at in roots for at, line in enumerate(lines) if line.strip())
    return _of_root(roots, programs, alone=alone) | found


def _of_root(roots: dict[int, str], programs: Container[str], *, alone: bool) -> dict[int, str]:
    return {
        at: text
        for at, text in roots.items()
        if looks_like_command(text, programs, code=True) or (alone and _NAME.match(text) and not _PROSE.search(text))
    }


def _behind(lines: list[str], prompted: dict[int, str]) -> list[Said]:
    """Return the commands behind prompts; a comment right above one is said about it, the rest is output."""
    said = []
    comment = ""
    for at, line in enumerate(lines):
        remark = _COMMENT.fullmatch(prompted.get(at, line))
        if remark:
            comment = remark["text"]
        elif at in prompted:
            said.append(Said(_whole(prompted[at], lines, at)[0], comment.strip()))
            comment = ""
        else:
            comment = ""
    return said


def _bare(lines: list[str]) -> list[Said]:
    """Return the lines of a block without prompts, each with those that continue it; comments apart."""
    said = []
    comment = ""
    at = 0
    while at < len(lines):
        remark = _COMMENT.fullmatch(lines[at])
        if remark or not lines[at].strip():
            comment = remark["text"] if remark else ""
            at += 1
        else:
            line, at = _whole(lines[at].strip(), lines, at)
            said.append(Said(line, comment.strip()))
            comment = ""
    return said


def _whole(line: str, lines: list[str], at: int) -> tuple[str, int]:
    """Return the command that begins in line `at` and the number of the line after it.

    It goes on behind a backslash, and up to the end of a here-document.
    """
    line, at = line.rstrip(), at + 1
    while line.endswith("\\") and not line.endswith("\\\\") and at < len(lines):
        line, at = f"{line[:-1].rstrip()} {lines[at].strip().removeprefix('> ').lstrip()}".rstrip(), at + 1
    if found := _HEREDOC.search(line):
        end = next((i for i in range(at, len(lines)) if lines[i].strip() == found["end"]), len(lines) - 1)
        line, at = "\n".join([line, *lines[at : end + 1]]), end + 1
    return line, at
