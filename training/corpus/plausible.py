"""A value in a command line → another one as plausible: paths, files, hosts, addresses, numbers, names.

In: a word and a seeded generator. Out: a word, or None for one that has its meaning by being what it is: an option, a
system's own file, a program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping

STEMS = tuple(
    """
    report notes backup draft invoice photo song clip archive sample results summary budget thesis chapter1 meeting
    readme todo index main test data access error orders customers prices users contacts letter scan slides logo banner
    """.split()  # noqa: SIM905 - words
)
FOLDERS = ("src", "docs", "build", "backups", "photos", "music", "videos", "projects", "site", "logs")
WORDS = ("app", "web", "api", "worker", "demo", "shop", "blog", "staging", "frontend", "backend")
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "olivia", "peggy")
HOSTS = ("example.com", "example.org", "example.net", "mail.example.com", "files.example.org", "db.example.net")
ENDINGS = (
    "txt md log csv tsv json yaml yml toml xml html css js ts py rb go rs java kt c h cpp hpp sh sql db conf cfg ini"
    " env tar tgz zip gz bz2 xz zst 7z rar iso img qcow2 deb rpm png jpg jpeg gif svg webp bmp tiff pdf doc docx"
    " odt ods xls xlsx ppt pptx mp3 mp4 mkv avi mov wav flac ogg webm m4a srt epub pem crt key csr pub diff patch"
    " bin elf so o pcap"
)
_ENDING = rf"(?P<ending>(?:\.(?:{'|'.join(ENDINGS.split())}))+)"
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|example|local|lan|internal)", re.IGNORECASE)
_REMOTE = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w-]+(?:\.[\w-]+)+)(?::(?P<path>[\w./~-]*))?")
_AT = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+)")
_URL = re.compile(r"(?P<scheme>https?|ftp|ssh|git)://(?P<host>[\w.-]+)(?P<rest>[:/]\S*)?")
_FILE = re.compile(rf"(?P<stem>[\w-]+){_ENDING}", re.IGNORECASE)
_PATH = re.compile(r"(?P<folder>~?/?(?:[\w.-]+/)+)(?P<name>[\w.-]*)")
_SYSTEM = re.compile(r"/(?:bin|boot|dev|etc|lib|lib64|proc|run|sbin|sys|usr|var)/")
_ROOT = re.compile(r"~/|/(?:home/[^/]+/|tmp/|srv/|mnt/|media/|opt/)?|(?:\.\.?/)*")
_PROGRAM = re.compile(r"\./[\w-]+|\.\.?/")
_NUMBER = re.compile(r"[1-9]\d{0,5}")
_PLACEHOLDER = re.compile(
    r"my[_-]?\w+|(?:foo|bar|baz|file_?name|user_?name|(?:dir|directory|folder|container|image)_name|host_?name)\d?"
)
FIXED = frozenset({"1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "localhost", "github.com"})  # noqa: S104 - a text
# One value in a line, with nothing around it that would make it part of something else.
TOKEN = re.compile(r"(?<![\w./~@:%+{$-])(?:[a-z]+://)?[\w~./][\w./~@:-]*(?![\w{(])", re.IGNORECASE)


def other(value: str, chance: random.Random) -> str | None:
    """Return another value of the same kind; None where there is none."""
    if value in FIXED:
        return None
    return next((make(found, chance) for kind, make in _KINDS if (found := kind.fullmatch(value))), None)


def values(line: str) -> Iterator[str]:
    """Yield the words of a line, but for the first, that could be values; of ALICE@HOST:PATH the host and the path."""
    for word in (found[0].rstrip(".:") for found in TOKEN.finditer(line) if found.start()):
        if url := _URL.fullmatch(word):
            yield url["host"]
            yield (url["rest"] or "").rpartition("/")[2]
        elif remote := _REMOTE.fullmatch(word):
            yield remote["host"]
            yield remote["path"] or ""
        else:
            yield word


def replaced(text: str, swaps: Mapping[str, str]) -> str:
    """Return `text` with each value in the place of the one it is swapped for; a number only where it stands alone."""
    if not swaps:
        return text
    alone = {value: r"(?<![\w./~@:%+{$-])" if value.isdecimal() else r"(?<![\w.~-])" for value in swaps}
    longest = sorted(swaps, key=len, reverse=True)
    pattern = "|".join(rf"{alone[value]}{re.escape(value)}(?![\w-])" for value in longest)
    return re.sub(pattern, lambda found: swaps[found[0]], text)


def _another(found: str, pool: tuple[str, ...], chance: random.Random) -> str:
    return chance.choice([each for each in pool if each != found])


def _address(_: re.Match[str], chance: random.Random) -> str:
    """Return an address for documentation (RFC 5737) or of a private network (RFC 1918)."""
    head = chance.choice(("192.0.2", "198.51.100", "192.168.1", "192.168.178", "10.0.0"))
    return f"{head}.{chance.randint(2, 254)}"


def _url(found: re.Match[str], chance: random.Random) -> str:
    folder, slash, name = (found["rest"] or "").rpartition("/")
    host = _another(found["host"], HOSTS, chance)
    return f"{found['scheme']}://{host}{folder}{slash}{other(name, chance) or name}"


def _at(found: re.Match[str], chance: random.Random) -> str:
    host = other(found["host"], chance) or _another(found["host"], HOSTS, chance)
    return f"{_another(found['user'], PEOPLE, chance)}@{host}"


def _file(found: re.Match[str], chance: random.Random) -> str:
    return _another(found["stem"], STEMS, chance) + found["ending"]


def _path(found: re.Match[str], chance: random.Random) -> str | None:
    """Return a path of the same root, with other folders and another last part; a system's own have no others."""
    if _SYSTEM.match(found["folder"]) or _PROGRAM.fullmatch(found[0]):
        return None
    root = _ROOT.match(found[0])
    head = root[0] if root else ""
    name = _last(found["name"], chance) if found["name"] else ""
    inner = f"{chance.choice(FOLDERS)}/" if "/" in found[0][len(head) :] else ""
    return f"{chance.choice(('/srv/', '/mnt/', '~/')) if head == '/' else head}{inner}{name}"


def _last(name: str, chance: random.Random) -> str:
    if found := _FILE.fullmatch(name):
        return _file(found, chance)
    if re.search(r"dir|folder|repo|src|dest", name):
        return _another(name, FOLDERS, chance)
    ending = re.match(r"[\w-]*?(?=\.)", name)
    return _another(name, STEMS, chance) + (name[ending.end() :] if ending else "")


def _number(found: re.Match[str], chance: random.Random) -> str:
    """Return another number of as many digits."""
    least = 10 ** (len(found[0]) - 1)
    value = chance.randint(max(least, 2), 10 * least - 2)
    return str(value + (value >= int(found[0])))


def _word(found: re.Match[str], chance: random.Random) -> str:
    pools = (("user", PEOPLE), ("dir", FOLDERS), ("folder", FOLDERS), ("host", HOSTS), ("file", STEMS), ("", WORDS))
    return _another(found[0], next(pool for part, pool in pools if part in found[0]), chance)


_KINDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], random.Random], str | None]], ...] = (
    (_ADDRESS, _address),
    (_URL, _url),
    (_AT, _at),
    (_HOST, lambda found, chance: _another(found[0], HOSTS, chance)),
    (_FILE, _file),
    (_PATH, _path),
    (_NUMBER, _number),
    (_PLACEHOLDER, _word),
)
