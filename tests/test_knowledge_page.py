"""The roff reader: sources of pages in, names, text and headings out."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant_core.knowledge import Page
from assistant_core.knowledge.escapes import plain, render
from assistant_core.knowledge.page import read
from assistant_core.knowledge.terms import names

PAGES = Path(__file__).parent / "manuals"


def page(name: str, section: str = "1") -> Page:
    source = (PAGES / f"man{section}" / f"{name}.{section}").read_text()
    return read(source, name, section)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("plain text", "plain text"),
        (r"\fB\-a\fR, \fI\-\-all\fP", "-a, --all"),
        (r"it\(aqs \(lqso\(rq \(em \[u20AC]", "it's “so” — €"),
        (r"a\&b\|c\^d\ e\~f\0g", "abcd e f g"),
        (r"\s-1URL\s0 \s+2x\s'12'y", "URL xy"),
        (r"\h'-04'\(bu\h'+03'x\v'1'", "•x"),
        (r"back\eslash \\ \(rs", r"back\slash \ " + "\\"),
        (r"\f[CW]code\f[] \m[red]x\m[] \N'65'", "code x A"),
        (r"unknown \(zz and \[nothing]", "unknown  and "),
        (r"ends in a backslash \ ".rstrip(), "ends in a backslash "),
    ],
)
def test_escapes(line: str, text: str) -> None:
    assert plain(render(line)) == text


@pytest.mark.parametrize(
    ("term", "expected", "argument"),
    [
        ("-a, --all", ("-a", "--all"), "none"),
        ("-f FILE, --file=FILE", ("-f", "--file"), "required"),
        ("-f, --file ARCHIVE", ("-f", "--file"), "required"),
        ("-o <file>, --output <file>", ("-o", "--output"), "required"),
        ("--color[=WHEN], --colour[=WHEN]", ("--color", "--colour"), "optional"),
        ("-D [bind:]port", ("-D",), "required"),
        ("-x | --extract", ("-x", "--extract"), "none"),
        ("-x or --extract", ("-x", "--extract"), "none"),
        ("--sort / -S", ("--sort", "-S"), "none"),
        ("--[no-]verify", ("--verify", "--no-verify"), "none"),
        ("-q (quiet)", ("-q",), "none"),
        ("-O\x01level\x02", ("-O",), "required"),
        ("-\x01NUM\x02", ("-NUM",), "none"),
        ("-<number>", ("-<number>",), "none"),
        ("-t, --type=", ("-t", "--type"), "required"),
        ("-#, --bar", ("-#", "--bar"), "none"),
        ("--", ("--",), "none"),
        ("+x", ("+x",), "none"),
        ("if=FILE", ("if=",), "none"),
        ("install, reinstall (see apt-get(8))", ("install", "reinstall"), "none"),
        ("start UNIT...", ("start",), "required"),
        ("expr1 -o expr2", ("-o",), "none"),
        ("•", (), "none"),
        ("1.", (), "none"),
        ("A sentence about something.", (), "none"),
        ("", (), "none"),
    ],
)
def test_terms(term: str, expected: tuple[str, ...], argument: str) -> None:
    assert names(term) == (expected, argument)


@pytest.mark.parametrize(
    ("name", "option", "text", "heading", "argument"),
    [
        ("tar", "--get", "Take files out of ARCHIVE. They keep their names.", "DESCRIPTION", "none"),
        ("tar", "-c", "Put files in.", "DESCRIPTION", "none"),
        ("tar", "--fresh", "Only into an empty one.", "DESCRIPTION", "none"),
        ("tar", "-f", "Use the file ARCHIVE.", "OPTIONS", "required"),
        ("tar", "-z", "Filter through gzip(1).", "OPTIONS", "none"),
        ("tar", "-v", "Say more.", "OPTIONS", "none"),
        ("tar", "--color", "Use colours.", "OPTIONS", "optional"),
        ("tar", "-C", "Change to DIR with care first.", "OPTIONS", "required"),
        ("tar", "-O", "Set the level.", "OPTIONS", "required"),
        ("ssh", "-4", "Use version 4 only.", "DESCRIPTION", "none"),
        ("ssh", "-L", "Forward a port, see tunnel(7).", "DESCRIPTION", "required"),
        ("ssh", "-p", "Connect to “port”, not to the usual one.", "DESCRIPTION", "required"),
        ("ssh", "--verbose", "Say more (see NOTES).", "DESCRIPTION", "none"),
        ("curl", "-s", 'Say nothing, not even "why".', "OPTIONS", "none"),
        ("curl", "-o", "Write to file.", "OPTIONS", "required"),
        ("git-commit", "-a", "Take what isn't new. New files are left out.", "OPTIONS", "none"),
        ("git-commit", "-m", "Use <msg> as the message.", "OPTIONS", "required"),
        ("git-commit", "--no-verify", "Run the checks, or not.", "OPTIONS", "none"),
        ("git-commit", "-t", "Begin with <file>.", "OPTIONS", "required"),
        ("git-commit", "--template", "Begin with <file>.", "OPTIONS", "required"),
        ("systemctl", "restart", "Stop and start units. Example:", "COMMANDS", "required"),
        ("systemctl", "--type", "Only units of a type.", "OPTIONS", "required"),
        ("ls", "-w", "use COLS columns", "DESCRIPTION", "required"),
        ("ls", "-p", "put a slash behind folders", "DESCRIPTION", "none"),
        ("find", "-o", "Or.", "EXPRESSION", "none"),
    ],
)
def test_entries(name: str, option: str, text: str, heading: str, argument: str) -> None:
    entry = next(entry for entry in page(name).entries if option in entry.names)
    assert (entry.text, entry.heading, entry.argument) == (text, heading, argument)


@pytest.mark.parametrize(
    ("name", "title", "synopsis", "description"),
    [
        (
            "tar",
            "tar - keep files together in one",
            "tar -x [-f ARCHIVE] [--dry]",
            "Puts files into one, and takes them out. This reader is a terminal.",
        ),
        ("ssh", "ssh - log in elsewhere", "ssh [-46v] [-p port] host [command]", "ssh logs in to a host (by name)."),
        ("curl", "curl - move data by URL", "curl [options] URL", ""),
        ("git-commit", "git-commit - write a version down", "git commit [-a] [-m <msg>] [--quick]", ""),
    ],
)
def test_prose(name: str, title: str, synopsis: str, description: str) -> None:
    found = page(name)
    assert (found.title, found.synopsis, found.description) == (title, synopsis, description)


def test_options_without_an_entry_are_kept_by_name() -> None:
    assert {"--dry", "--old"} <= set(page("tar").mentioned)
    assert "--file" not in page("tar").mentioned


def test_an_entry_within_another_is_deeper() -> None:
    levels = {entry.names[0]: entry.level for entry in page("systemctl").entries}
    assert levels["--deep"] > levels["status"] == levels["restart"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no macros at all",
        ".",
        ".TP",
        ".TP\n.TP\n.IP\n.RE\n.RE\n",
        ".SH",
        ".if",
        ".ie n \\{\nnever closed",
        ".de X\nnever closed",
        ".de X\n.X\n.X\n..\n.X\n",
        ".ds x \\*x\\*x\n\\*x\\*x\n",
        ".El\n.Sh A\n.El\n.It Fl\n.Bl\n.It\n.Xc\n.Op Op Op Op\n",
        ".SH OPTIONS\n" + ".RS\n" * 500 + "x",
        ".TS\nnever closed",
        "\\",
        "\\f",
        '.BR "\n.TP\n.B "-x\n',
    ],
)
def test_broken_sources_are_read_as_far_as_they_go(source: str) -> None:
    assert read(source, "x", "1").reference == "x(1)"


def test_conditions_take_the_branch_of_a_terminal() -> None:
    source = (
        ".SH A\n.TP\n.ie t -t\n.el -n\n.if !n .B no\nText \n.if n \\{\\\nof it.\n.\\}\n.if 'a'b' no\n.if 2>1 End.\n"
    )
    (entry,) = read(source, "x", "1").entries
    assert (entry.names, entry.text) == (("-n",), "Text of it. End.")
