r"""One line of roff text → Unicode, with italics marked.

In: a line as `roff` yields it (strings and registers already filled in). Out: its text. Fonts are dropped except that
italics stand between ITALIC and ROMAN, since that is how pages tell an argument from the option it belongs to
(`-O\fIlevel\fR`); `plain` takes the marks out again. Escapes as in groff(7) and groff_char(7).
"""

from __future__ import annotations

import re

ITALIC, ROMAN = "\x01", "\x02"
JOIN = "\x03"  # `\c`: the next line of text follows without a space

_ESCAPE = re.compile(
    r"""\\(?:
      f(?P<font>\[[^\]]*\]|\(..|.)
    | (?P<char>\(..|\[[^\]]*\]|C'[^']*'|N'[^']*')
    | (?P<dropped>[hvwlLDobXZRxAB]'[^']*'|s[+-]?(?:'[^']*'|\[[^\]]*\]|\(..|[1-3]?\d)
        |[mMFYVgkO](?:\[[^\]]*\]|\(..|.)|["\#].*)
    | (?P<simple>.|$))""",
    re.VERBOSE,
)
_MARKS = re.compile(f"[{ITALIC}{ROMAN}{JOIN}]")
_SIMPLE = {
    "e": "\\",
    "\\": "\\",
    "-": "-",
    "'": "'",
    "`": "`",
    " ": " ",
    "~": " ",
    "0": " ",
    "t": "\t",
    ".": ".",
    "c": JOIN,
}
_CHARS = {
    "hy": "-", "-": "-", "mi": "-", "en": "\u2013", "em": "—", "bu": "•", "ci": "○", "sq": "□", "aq": "'",
    "dq": '"', "lq": "“", "rq": "”", "oq": "\u2018", "cq": "\u2019", "ga": "`", "aa": "\u00b4", "ha": "^",
    "ti": "~", "rs": "\\", "sl": "/", "ba": "|", "or": "|", "br": "|", "at": "@", "sh": "#", "Do": "$", "fm": "'",
    "ul": "_", "lB": "[", "rB": "]", "lC": "{", "rC": "}", "la": "<", "ra": ">", "Fo": "«", "Fc": "»", "co": "©",
    "rg": "®", "tm": "™", "->": "→", "<-": "←", "ua": "↑", "da": "↓", ">=": "≥", "<=": "≤", "!=": "≠", "==": "≡",
    "mu": "\u00d7", "+-": "±", "di": "÷", "de": "°", "sc": "§", "dg": "†", "dd": "‡", "pl": "+", "eq": "=",
    "**": "*", "*m": "μ", "if": "∞", "a:": "ä", "o:": "ö", "u:": "ü", "ss": "ß", "'e": "é", "`e": "è", "'a": "á",
    "'o": "ó", ",c": "ç", "~n": "ñ", "/o": "ø", "oa": "å", "r!": "¡", "r?": "¿", "Eu": "€", "Po": "£", "12": "½",
    "14": "¼", "34": "¾",
}  # fmt: skip
_ITALIC_FONTS = frozenset({"I", "2", "BI", "4", "CI", "CBI"})


def render(line: str) -> str:
    """Return the text of one line; unknown escapes become nothing, as in groff."""
    if "\\" not in line:
        return line
    fonts = ["R", "R"]  # previous, current
    text = _ESCAPE.sub(lambda match: _one(match, fonts), line)
    return text + ROMAN if fonts[1] in _ITALIC_FONTS else text


def plain(text: str) -> str:
    """`text` without the marks of italics and joins."""
    return _MARKS.sub("", text)


def _one(match: re.Match[str], fonts: list[str]) -> str:
    if match["simple"] is not None:
        return _SIMPLE.get(match["simple"], "")
    if match["font"] is not None:
        return _change(match["font"].strip("[]("), fonts)
    return _char(match["char"]) if match["char"] is not None else ""


def _change(font: str, fonts: list[str]) -> str:
    before = fonts[1]
    fonts[:] = [before, fonts[0] if font in {"P", ""} else font]
    was, now = before in _ITALIC_FONTS, fonts[1] in _ITALIC_FONTS
    return "" if was == now else ITALIC if now else ROMAN


def _char(spec: str) -> str:
    if spec.startswith("N'"):
        return _code_point(spec[2:-1], 10)
    name = spec[2:-1] if spec.startswith("C'") else spec.strip("[]") if spec.startswith("[") else spec[1:]
    if re.fullmatch(r"u[0-9A-F]{4,6}(?:_[0-9A-F]{4,6})*", name):
        return "".join(_code_point(code, 16) for code in name[1:].split("_"))
    return _CHARS.get(name, "")


def _code_point(digits: str, base: int) -> str:
    try:
        return chr(int(digits, base))
    except (ValueError, OverflowError):
        return ""
