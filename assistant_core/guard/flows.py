"""What a command prints, as far as the line tells: the text that pipes and substitutions carry on.

In: the words of a command and what flows into it. Out: a `Flow`. Only programs that copy, make or decode text are
known; what any other prints is unknown, and keeps the kinds of what it was given. Sizes are bounded.
"""

import base64
import binascii
import codecs
import functools
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from assistant_core.guard.paths import is_secret, plain
from assistant_core.guard.words import ansi

LONGEST = 100_000  # characters of text that are followed


class Flow(NamedTuple):
    """What a pipe carries."""

    kinds: frozenset[str]  # text, empty, unknown, remote, remote-plain, decoded, secret; none: nothing flows in
    text: str | None = None  # where all of it is known
    origin: str = ""  # the commands it comes from

    def of(self, *kinds: str, text: str | None = None, origin: str = "") -> "Flow":
        """Return what becomes of this flow in a command that passes it on."""
        kept = self.kinds & _PASSED
        own = kinds or (
            ("empty",) if text is not None and not text.strip() else ("text",) if text is not None else ("unknown",)
        )
        return Flow(kept.union(own), text if text is None or len(text) <= LONGEST else None, origin)


_ANY_HEADER = 47  # of zlib or gzip, the largest window
NONE = Flow(frozenset(("none",)))
_PASSED = frozenset(("remote", "remote-plain", "decoded", "secret"))
_OPTION = re.compile(r"-\w+$")
_DOWNLOADS = re.compile(
    r"(?:^|\s)(?:-\w*O\w*|-\w*o|-\w*o\s?\S+|--output\S*|--remote-name\S*|--output-document\S*)(?=\s|$)"
)
_TO_STDOUT = re.compile(r"(?:^|\s)-(?:\w*[oO]\s*-|-output(?:-document)?[= ]-)|-\w*O-")
_UNCHECKED = re.compile(
    r"(?:^|\s)(?:-[a-zA-Z]*k[a-zA-Z]*|--insecure|--no-check-certificate|--check-certificate=false)(?=\s|$)"
)
_REMOTE_URL = re.compile(r"(?:https?|ftp)://|\b[\w-]+\.(?:[a-z]{2,6})\b")


def printed(words: list[str], given: Flow) -> Flow:
    """Return what the command `words` prints."""
    name = words[0].rsplit("/", 1)[-1]
    maker = _MAKERS.get(name)
    if maker:
        return maker(words, given)
    return given.of(origin=_origin(words, given))


def _origin(words: list[str], given: Flow) -> str:
    own = plain(" ".join(words))[:400]
    return f"{given.origin} | {own}" if given.origin else own


def _echo(words: list[str], _: Flow) -> Flow:
    args = words[1:]
    escapes = False
    while args and re.fullmatch(r"-[neE]+", args[0]):
        escapes |= "e" in args.pop(0)
    text = " ".join(args)
    return NONE.of(text=f"{ansi(text) if escapes else text}\n", origin=_origin(words, NONE))


def _printf(words: list[str], _: Flow) -> Flow:
    form, *args = words[1:] or [""]
    if form == "-v":
        return NONE.of(text="")
    form = ansi(plain(form))
    holes = len(re.findall(r"%[-0-9.]*[sdbqc]", form.replace("%%", "")))
    texts = []
    for start in range(0, max(len(args), 1), holes or max(len(args), 1)):
        batch = iter(args[start : start + holes])
        texts.append(re.sub(r"%[-0-9.]*([sdbqc])", functools.partial(_put, batch), form))
        if len(texts) > LONGEST // 100:
            break
    return NONE.of(text="".join(texts).replace("%%", "%"), origin=_origin(words, NONE))


def _put(batch: Iterator[str], found: re.Match[str]) -> str:
    text = next(batch, "")
    return ansi(text) if found[1] == "b" else text


def _copy(words: list[str], given: Flow) -> Flow:
    """Cat and tee: what flows in, or files that the line does not tell."""
    files = [word for word in words[1:] if word[:1] != "-"]
    if words[0].endswith("tee") or not files:
        return given if given is not NONE else NONE.of(origin=_origin(words, NONE))  # what is typed
    if any(map(is_secret, files)):
        return given.of("secret", origin=_origin(words, NONE))
    return NONE.of("empty", text="") if files == ["/dev/null"] else NONE.of(origin=_origin(words, NONE))


def _decoded(decode: Callable[[str], str]) -> Callable[[list[str], Flow], Flow]:
    def maker(words: list[str], given: Flow) -> Flow:
        origin = _origin(words, given)
        if given.text is None:
            return given.of("decoded", origin=origin)
        try:
            return given.of("decoded", "text", text=decode(given.text), origin=origin)
        except (ValueError, binascii.Error, zlib.error):
            return given.of("decoded", origin=origin)

    return maker


def _base64(words: list[str], given: Flow) -> Flow:
    if any(word in ("-d", "-D", "--decode", "-di", "-id") for word in words):
        files = [word for word in words[1:] if word[:1] != "-"]
        return _from_base64(words, NONE.of() if files else given)
    return given.of(origin=_origin(words, given))


def _unbase64(text: str) -> str:
    return base64.b64decode(re.sub(r"\s", "", text) + "==").decode("utf-8", "strict")


_from_base64 = _decoded(_unbase64)
_from_hex = _decoded(lambda text: bytes.fromhex(re.sub(r"[^0-9a-fA-F]", "", text)).decode())
_unpacked = _decoded(lambda text: zlib.decompressobj(_ANY_HEADER).decompress(text.encode("latin-1"), LONGEST).decode())
_backwards = _decoded(lambda text: "\n".join(line[::-1] for line in text.split("\n")))


def _gzip(words: list[str], given: Flow) -> Flow:
    return _unpacked(words, given) if given is not NONE else NONE.of(origin=_origin(words, NONE))


def _xxd(words: list[str], given: Flow) -> Flow:
    return _from_hex(words, given) if any(_OPTION.match(word) and "r" in word for word in words) else given.of()


def _openssl(words: list[str], given: Flow) -> Flow:
    if "s_client" in words:
        return NONE.of("remote", "remote-plain", origin=_origin(words, NONE))
    if "-d" in words:
        encoded = "-base64" in words or "-a" in words or "base64" in words
        return _from_base64(words, given) if encoded else given.of("decoded", origin=_origin(words, given))
    return given.of(origin=_origin(words, given))


def _tr(words: list[str], given: Flow) -> Flow:
    sets = [ansi(word) for word in words[1:] if not _OPTION.match(word)]
    options = [word for word in words[1:] if _OPTION.match(word)]
    if given.text is None or not sets:
        return given.of(origin=_origin(words, given))
    first = _span(sets[0])
    if any("d" in word for word in options):
        return given.of(text="".join(char for char in given.text if char not in first), origin=_origin(words, given))
    second = _span(sets[-1]) if len(sets) > 1 else first
    table = {ord(char): second[min(index, len(second) - 1)] for index, char in enumerate(first) if second}
    text = given.text.translate(table)
    kinds = ("decoded", "text") if _enciphered(given.text, table) else ("text",)
    return given.of(*kinds, text=text, origin=_origin(words, given))


def _enciphered(text: str, table: Mapping[int, str]) -> bool:
    """Return whether letters become other letters, which is more than a change of case."""
    changed = {(char, table[ord(char)]) for char in text if char.isalpha() and ord(char) in table}
    return any(new.isalpha() and new.lower() != old.lower() for old, new in changed)


def _span(text: str) -> str:
    text = text.replace("[:upper:]", "A-Z").replace("[:lower:]", "a-z").replace("[:space:]", " \t\n")
    return re.sub(r"(.)-(.)", _range, text)[:1024]


def _range(pair: re.Match[str]) -> str:
    first = ord(pair[1])
    return "".join(map(chr, range(first, min(ord(pair[2]), first + 255) + 1)))


def _download(words: list[str], _: Flow) -> Flow:
    line = plain(" ".join(words[1:]))
    stdout = words[0].endswith(("curl", "http", "https", "lynx", "xh")) or _TO_STDOUT.search(line)
    if not stdout or (_DOWNLOADS.search(line) and not _TO_STDOUT.search(line) and "curl" in words[0]):
        return NONE.of(text="")
    unsafe = "http://" in line or "ftp://" in line or _UNCHECKED.search(line)
    return NONE.of("remote", *(("remote-plain",) if unsafe else ()), origin=_origin(words, NONE))


def saved(words: list[str]) -> dict[str, Flow]:
    """Return the files that a download writes, by name."""
    if words[0] not in ("curl", "wget", "aria2c", "fetch", "http", "https"):
        return {}
    flow = _download([words[0], *(word for word in words[1:] if "://" in word or _UNCHECKED.match(word)), "-O-"], NONE)
    named = [
        words[index + 1]
        for index, word in enumerate(words[:-1])
        if re.fullmatch(r"-[a-zA-Z]*[oO]|--output(-document)?", word)
    ]
    named += [word.partition("=")[2] for word in words if word.startswith("--output")]
    urls = [word.split("?")[0].rsplit("/", 1)[-1] for word in words[1:] if "://" in word]
    return dict.fromkeys([*named, *urls], flow) if "remote" in flow.kinds else {}


def _secrets(words: list[str], _: Flow) -> Flow:
    if words[0].endswith(("env", "printenv", "export", "set")) and len(words) > 1:
        return NONE.of(origin=_origin(words, NONE))
    return NONE.of("secret", origin=_origin(words, NONE))


def _gpg(words: list[str], given: Flow) -> Flow:
    return given.of(*(("secret",) if any("secret-" in word for word in words) else ()), origin=_origin(words, given))


def _packed(words: list[str], given: Flow) -> Flow:
    secret = any(is_secret(word) for word in words[1:])
    return given.of(*(("secret",) if secret else ()), origin=_origin(words, given))


def _ls(words: list[str], _: Flow) -> Flow:
    """Names of all in a directory: with options that sort or cut, they are still all until another command picks."""
    places = [word for word in words[1:] if word[:1] != "-"]
    itself = any(_OPTION.match(word) and "d" in word for word in words[1:])
    if places and (itself or all(re.search(r"[*?\[]", word.rsplit("/", 1)[-1]) for word in places)):
        return NONE.of(text="\n".join(places) + "\n", origin=_origin(words, NONE))
    if itself or len(places) > 1:
        return NONE.of(origin=_origin(words, NONE))
    return NONE.of(text="*\n", origin=_origin(words, NONE))


def _head(words: list[str], given: Flow) -> Flow:
    one = given is not NONE and given.text is not None and not re.search(r"\n(?=\S)|\*", given.text)
    return given if one else given.of(origin=_origin(words, given))


def _received(words: list[str], given: Flow) -> Flow:
    return NONE.of("remote", "remote-plain", origin=_origin(words, given))


def _pwd(words: list[str], _: Flow) -> Flow:
    return NONE.of(text=".\n", origin=_origin(words, NONE))


def _same(words: list[str], given: Flow) -> Flow:
    return given if given is not NONE else NONE.of(origin=_origin(words, NONE))


def _mktemp(words: list[str], _: Flow) -> Flow:
    return NONE.of(text="/tmp/tmp.mktemp\n", origin=_origin(words, NONE))  # noqa: S108 - what mktemp prints


def _nothing(_: list[str], __: Flow) -> Flow:
    return NONE.of(text="")


def _rot(words: list[str], given: Flow) -> Flow:
    return _decoded(lambda text: codecs.decode(text, "rot13"))(words, given)


_MAKERS: Mapping[str, Callable[[list[str], Flow], Flow]] = {
    "echo": _echo, "printf": _printf, "cat": _copy, "tee": _copy, "bat": _copy, "rev": _backwards, "base64": _base64,
    "gbase64": _base64, "base32": _decoded(lambda text: base64.b32decode(text.strip()).decode()), "xxd": _xxd,
    "basenc": _base64, "gunzip": _gzip, "zcat": _gzip, "bunzip2": _gzip, "unxz": _gzip, "openssl": _openssl, "tr": _tr,
    "uudecode": _decoded(lambda text: codecs.decode(text.encode(), "uu").decode()), "rot13": _rot,
    "curl": _download, "wget": _download, "http": _download, "https": _download, "lynx": _download, "fetch": _download,
    "aria2c": _download, "xh": _download, "env": _secrets, "printenv": _secrets, "gpg": _gpg, "tar": _packed,
    "zip": _packed, "ls": _ls, "pwd": _pwd, "head": _head, "sort": _same, "uniq": _head, "nohup": _same,
    "mktemp": _mktemp, "tempfile": _mktemp, "true": _nothing, "false": _nothing, "cd": _nothing, ":": _nothing,
    "nc": _received, "ncat": _received, "netcat": _received, "telnet": _received,
}  # fmt: skip
