"""Walks the parts of a line as a shell would, runs nothing, and reports what each command would do.

In: text, and where it would run. Out: a `Report`. Variables, functions, files written by the line and what pipes carry
are followed; depth and the number of commands are bounded, and a bound that is reached is itself reported.
"""

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from typing import NamedTuple

from assistant_core.guard import calls, codes, flows, paths, pycode, rules, syntax, words
from assistant_core.guard.flows import NONE, Flow
from assistant_core.guard.paths import EMPTY, FIRST_SOURCE, LAST_SOURCE, UNKNOWN, Place
from assistant_core.guard.report import Finding, Report
from assistant_core.guard.rulefile import Payload
from assistant_core.guard.tree import (
    Background, Command, Function, Group, Loop, Node, Pipeline, Redirect, Sequence, Unread,
)  # fmt: skip

DEEPEST = 12  # code within code
MOST_WRAPPERS = 48  # of one command
MOST_ROUNDS = 8  # of a loop over words

ELEVATES = frozenset(("sudo", "doas", "su", "run0", "pkexec", "sudo-rs", "please", "dzdo", "gosu"))
DECLARES = frozenset(("export", "declare", "local", "readonly", "typeset", "set-env"))
CODE_IN = frozenset(("PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EDITOR", "GIT_PAGER", "GIT_EXTERNAL_DIFF", "LESSOPEN", "BROWSER"))
SECRET_NAME = re.compile(r"AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|.*(PASSWORD|PASSPHRASE|PRIVATE_KEY)$")
CRON_FILE = re.compile(r"/etc/(ana)?crontab|/etc/cron\.d/.*|/var/spool/cron/.*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\[[^\]]*\])?\+?=")
_MARKS = re.compile("[\ue000-\uefff]")


class Context(NamedTuple):
    """Where the line would run."""

    environ: Mapping[str, str]
    cwd: str
    home: str


class Evaluator:
    """Knows what the line has set so far."""

    def __init__(self, context: Context, report: Report) -> None:
        self._context = context
        self.report = report
        self.place = Place(context.home or "/nonexistent", context.cwd, told=False)
        self.top = True
        self._local = True
        self._elevated = False
        self._depth = 0
        self._within = 0
        self._variables: dict[str, str] = {}
        self._functions: dict[str, Node] = {}
        self._files: dict[str, Flow] = {}
        self._sources: dict[str, Flow] = {}
        self._walk: Mapping[type, Callable[..., Flow]] = {
            Command: self._command, Pipeline: self._pipeline, Sequence: self._sequence, Group: self._group,
            Background: self._background, Loop: self._loop, Function: self._function, Unread: self._unread,
        }  # fmt: skip

    # What `words` asks

    def variable(self, name: str) -> str:
        """Return the value of a variable, with marks."""
        value = self._variables.get(name)
        if value is not None:
            return value or EMPTY
        if name in _KNOWN:
            return _KNOWN[name]
        if name == "HOME":
            return self.place.home
        if name == "PWD":
            return self.place.cwd or UNKNOWN
        if SECRET_NAME.fullmatch(name):
            return self.source(Flow(frozenset(("secret", "unknown")), None, f"${name}"))
        value = self._context.environ.get(name) if self._local else None
        if not value and name in ("TMPDIR", "TMP", "TEMP"):
            return "/tmp"  # noqa: S108 - what the tools fall back on
        if not value and name in ("USER", "LOGNAME"):
            return posixpath.basename(self.place.home)
        return str(value) if value else EMPTY

    def assign(self, name: str, value: str) -> None:
        """Give a variable its value."""
        self._variables[name] = value
        if name in CODE_IN:
            self.script(paths.plain(value))

    def output(self, script: str) -> str:
        """Return what a command prints, with marks."""
        flow = self.script(script, keep=True)
        if flow.text is not None:
            return flow.text.rstrip("\n")
        return self.source(flow)

    def process(self, script: str) -> str:
        """Return the mark of a process substitution."""
        return self.source(self.script(script, keep=True))

    def split(self, value: str) -> str:
        """Return an unquoted value with marks where it falls into fields."""
        apart = self._variables.get("IFS") or " \t\n"
        return re.sub(f"[{re.escape(apart)}]+", words.SPLIT, value) if any(char in value for char in apart) else value

    def python(self, code: str) -> str:
        """Return the value of a Python expression in a command."""
        return codes.python_value(code, self)

    def home_of(self, user: str) -> str:
        """Return a home directory."""
        return self.place.home if not user else f"/home/{user}" if user[0] not in "+-" else UNKNOWN

    def source(self, flow: Flow) -> str:
        """Return a mark that stands for what a command prints."""
        mark = chr(min(FIRST_SOURCE + len(self._sources), LAST_SOURCE))
        self._sources[mark] = flow
        return mark

    # The walk

    def script(self, text: str, given: Flow = NONE, *, keep: bool = False, local: bool = True) -> Flow:
        """Walk shell code; `keep`: the shell itself runs it, so it is still what the user typed."""
        if self._depth >= DEEPEST:
            return self._unread()
        before = self._depth, self.top, self._local, self.place
        self._depth += 1
        self.top, self._local = self.top and keep, self._local and (keep or not local) and local
        try:
            return self.node(syntax.parse(text), given)
        finally:
            self._depth, self.top, self._local, self.place = before

    def node(self, node: Node, given: Flow = NONE) -> Flow:
        """Walk one part; return what it prints."""
        return self._walk[type(node)](node, given)

    def _unread(self, *_: object) -> Flow:
        self.report.sure = False
        self.judge(["<unread>"])
        return Flow(frozenset(("unknown",)))

    def _sequence(self, node: Sequence, given: Flow) -> Flow:
        flow, text = NONE, ""
        for index, item in enumerate(node.items):
            each = self.node(item, given if not index else given._replace(text=None) if given.text else given)
            flow = each if not each.kinds <= _SILENT else flow
            text += each.text or ""
        return flow._replace(text=text) if flow.text is not None and len(node.items) > 1 else flow

    def _pipeline(self, node: Pipeline, given: Flow) -> Flow:
        if self._functions and self._doubles(node):
            self.judge(["<fork-bomb>"])
        place = self.place
        for stage in node.stages:
            given = self.node(stage, given)
            self.place = place
        return given

    def _doubles(self, node: Pipeline) -> bool:
        names = {stage.words[0] for stage in node.stages if isinstance(stage, Command) and stage.words}
        return len(node.stages) > 1 and len(names) == 1 and names <= self._functions.keys()

    def _group(self, node: Group, given: Flow) -> Flow:
        place = self.place
        given = self._inputs(node.redirects, given)
        flow = self.node(node.body, given)
        if node.subshell:
            self.place = place
        return self._outputs(node.redirects, flow)

    def _background(self, node: Background, given: Flow) -> Flow:
        return self.node(node.body, given)

    def _loop(self, node: Loop, given: Flow) -> Flow:
        values = [value for word in node.words for value in words.fields(word, self)] if node.name else [""]
        if node.endless and _starts_copies(node.body):
            self.judge(["<fork-bomb>"])
        flow = NONE
        for value in (values or [UNKNOWN])[:MOST_ROUNDS]:
            if node.name:
                self._variables[node.name] = value
            flow = self.node(node.body, given)
        return flow if len(values) < 2 else flow._replace(text=None)  # noqa: PLR2004 - one round

    def _function(self, node: Function, given: Flow) -> Flow:
        self._functions[node.name] = node.body
        before = self._variables
        self._variables = {**before, **dict.fromkeys("123456789@*", UNKNOWN)}
        self.node(node.body, given)
        self._variables = before
        return NONE

    def _command(self, node: Command, given: Flow) -> Flow:
        self.report.commands_left -= 1
        if self.report.commands_left < 0:
            return self._unread() if not self.report.commands_left + 1 else NONE
        if node.redirects:
            given = self._inputs(node.redirects, given)
        argv: list[str] = []
        for word in node.words:
            if words.SPECIAL.search(word):
                argv += words.fields(word, self)
            else:
                argv.append(word)
        if node.assignments:
            for name, value in node.assignments:
                self.assign(name.removesuffix("+"), words.one(value, self))
        flow = self.run(argv, given) if argv else NONE
        return self._outputs(node.redirects, flow) if node.redirects else flow

    def _inputs(self, redirects: tuple[Redirect, ...], given: Flow) -> Flow:
        for each in redirects:
            if each.operator == "<<<":
                given = NONE.of(text=words.one(each.target, self) + "\n")
            elif each.operator == "<<":
                text = each.target if each.quoted else words.document(each.target, self)
                given = NONE.of(text=text)
            elif each.operator in ("<", "<>"):
                given = self._file(words.one(each.target, self))
        return given

    def _file(self, path: str) -> Flow:
        """Return what is in a file: what this line wrote there, if anything."""
        if path in self._sources:
            return self._sources[path]
        if path == "/dev/null":
            return NONE.of(text="")
        secret = ("secret",) if paths.is_secret(path) else ()
        return self._files.get(path) or self._files.get(path.removeprefix("./")) or NONE.of("unknown", *secret, origin=f"< {path}")

    def _outputs(self, redirects: tuple[Redirect, ...], flow: Flow) -> Flow:
        for each in redirects:
            operator = each.operator.removeprefix("&")
            if operator in ("<<", "<<<", "<") or (operator.endswith("&") and each.target.isdigit()):
                continue
            for target in words.fields(each.target, self):
                self.judge([">>" if operator == ">>" else ">", target], flow)
                if each.fd in ("", "1"):
                    self._files[target] = flow
                    if flow.text is not None and CRON_FILE.fullmatch(target):
                        self.code("crontab", flow.text)
            if each.fd in ("", "1"):
                flow = NONE.of(text="")
        return flow

    # Commands

    def run(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Judge one command and what it runs in turn; return what it prints."""
        argv = self._bare(argv)
        if not argv:
            return NONE
        if self._within >= MOST_WRAPPERS:
            return self._unread()
        self._within += 1
        try:
            return self._ran(argv, given)
        finally:
            self._within -= 1

    def _ran(self, argv: list[str], given: Flow) -> Flow:
        name = program_name(argv[0])
        if name in DECLARES:
            self._declare(argv)
        elif name == "read" and given.text is not None:
            for target in argv[1:]:
                if target.isidentifier():
                    self._variables[target] = given.text.rstrip("\n")
        elif name == "cd" or name == "pushd":
            self._cd(argv)
        elif name == "alias":
            for word in argv[1:]:
                self.script(paths.plain(word.partition("=")[2]))
        elif name in self._functions and self._depth < DEEPEST:
            return self._called(name, argv, given)
        if self._files and (file := self._file(argv[0])) and file.kinds & _JUDGED:
            self.judge(["<code>", "shell"], file)
        if name != argv[0]:
            argv = [name, *argv[1:]]
        flow = self.judge(argv, given)
        if saved := flows.saved(argv):
            self._files |= saved
        return flow

    def _bare(self, argv: list[str]) -> list[str]:
        """Drop what stands before the program: assignments, and words that vanish."""
        if argv and argv[0] == "-c":
            return ["sh", *argv]
        position = 0
        for word in argv:
            if found := _ASSIGNMENT.match(word):
                self.assign(found[1], word[found.end() :])
            elif word not in ("", EMPTY):
                break
            position += 1
        return argv[position:] if position else argv

    def _called(self, name: str, argv: list[str], given: Flow) -> Flow:
        before = self._variables
        given_words = {str(index): word for index, word in enumerate(argv[1:], 1)}
        self._variables = {**before, **given_words, "@": words.SPLIT.join(argv[1:]) or EMPTY}
        body = self._functions.pop(name)  # a call of itself is not followed
        flow = self.node(body, given)
        self._functions[name] = body
        self._variables = before
        return flow

    def _declare(self, argv: list[str]) -> None:
        for word in argv[1:]:
            name, equals, value = word.partition("=")
            if equals:
                self.assign(name, value)

    def _cd(self, argv: list[str]) -> None:
        target = next((word for word in argv[1:] if word[:1] != "-" or word == "-"), self.place.home)
        if target == "-" or EMPTY in target:
            target = UNKNOWN
        told = self.place.told or not target.startswith("/")
        base = self.place.cwd if self.place.told else "" if not target.startswith("/") else "/"
        self.place = self.place._replace(cwd=posixpath.normpath(posixpath.join(base, target)), told=told or True)

    def judge(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Put one command to the rules of its program, and walk what it runs."""
        known = rules.programs(argv[0])
        if not known:
            return self._stranger(argv, given)
        flow: Flow | None = None
        for program in known:
            call = calls.read(argv, program.file.style, program.tables)
            if not calls.ALWAYS_HARMLESS.isdisjoint(call.options) or rules.harmless(program, call):
                self.report.effect("READ")
                return flows.printed(argv, given)
            wrapped = [found for each in program.file.payload if (found := self._payload(each, program, call, given))]
            fit = rules.first_fit(program, self._asked(call, given)) if program.rules else None
            if fit:
                self._found(fit, program, call)
            elif not wrapped:
                self.report.effect(rules.crud(program, call))
            flow = wrapped[0] if wrapped and wrapped[0] is not OPAQUE else flow
        return flow or flows.printed(argv, given)

    def _stranger(self, argv: list[str], given: Flow) -> Flow:
        name = argv[0]
        if not name.isascii() and _MARKS.search(name):
            if len(name) == 1 and name in self._sources:
                self.report.effect("EXEC")
                self.judge(["<code>", "shell"], self._sources[name])
            self.judge(["<unknown>", *argv[1:]], given)
        else:
            safe = len(argv) > 1 and not calls.ALWAYS_HARMLESS.isdisjoint(argv)
            self.report.effect("READ" if safe else rules.plain_programs().get(name, "EXEC"))
        return flows.printed(argv, given)

    def _asked(self, call: calls.Call, given: Flow) -> rules.Asked:
        origins = {mark: flow.origin or "?" for mark, flow in self._sources.items()} if self._sources else {}
        return rules.Asked(call, self.place, origins, given.kinds, given.origin, self._elevated)

    def _found(self, fit: rules.Fit, program: rules.Program, call: calls.Call) -> None:
        rule = fit.rule
        self.report.effect(rule.crud or rules.crud(program, call))
        if rule.verdict == "allow":
            return
        shown = _Shown(fit, call, self.place)
        resolved = tuple(paths.resolved(word, self.place) for word in fit.words) if rule.targets else ()
        safer = shown.line(rule.safer) if rule.safer else None
        self.report.add(Finding(rule.verdict, rule.name, shown.text(rule.reason), resolved, safer))

    # Code within commands

    def _payload(self, payload: Payload, program: rules.Program, call: calls.Call, given: Flow) -> Flow | None:
        """Walk the code at one place in a call; None where there is none."""
        operands = rules.has_payload(program, call, payload)
        if operands is None:
            return None
        elevated = self._elevated
        self._elevated = elevated or call.program in ELEVATES
        try:
            return self._walked(payload, call, operands, given)
        finally:
            self._elevated = elevated

    def _walked(self, payload: Payload, call: calls.Call, operands: list[str], given: Flow) -> Flow | None:
        origin, language = payload.origin, payload.language
        if language in codes.HOSTS:
            host = call.payload if origin == "args" else call.words
            return codes.HOSTS[language](self, call, host, given) if host or origin != "args" else None
        if origin == "args" and language == "argv":
            return self.run(call.payload, given) if call.payload else None
        if origin == "stdin":
            runs = (sum(word != "-" for word in operands) <= payload.skip or "-s" in call.options) and not call.payload and "none" not in given.kinds
            return self.fed(language, given, local=payload.local) if runs and not _has_code(call) else None
        if origin == "script":
            file = self._file(operands[0]) if operands and not _has_code(call) else NONE
            return self.fed(language, file) if file.text or file.kinds & _JUDGED or "?" in file.origin else None
        texts = _texts(payload, call, operands)
        if payload.after:
            texts = [text[found.end() :] for text in texts if (found := re.search(payload.after, text))]
        flow = None
        for text in texts:
            flow = self.code(language, text, given, local=payload.local) or flow
        return flow or (OPAQUE if texts else None)

    def fed(self, language: str, given: Flow, *, local: bool = True) -> Flow:
        """Walk code that flows into an interpreter."""
        self.report.effect("READ" if given.text is not None else "EXEC")
        self.judge(["<code>", language], given)
        return (self.code(language, given.text, local=local) if given.text is not None else None) or OPAQUE

    def code(self, language: str, text: str, given: Flow = NONE, *, local: bool = True) -> Flow | None:
        """Walk code in any language."""
        if not text.isascii():
            for mark in set(text) & self._sources.keys():
                self.report.effect("EXEC")
                self.judge(["<code>", language], self._sources[mark])
            text = _unmarked(text)
        if language == "shell" or (language == "xonsh" and not pycode.xonsh(text, self)):
            return self.script(text, given, local=local)
        if self._depth >= DEEPEST:
            return self._unread()
        self._depth += 1
        codes.walk(language, text, self)
        self._depth -= 1
        return None


class _Shown:
    """Fills the fields of a rule's reason and safer line."""

    def __init__(self, fit: rules.Fit, call: calls.Call, place: Place) -> None:
        self._call = call
        self._targets = fit.words
        self._operands = fit.operands
        self._place = place

    def _fields(self, show: Callable[[str], str]) -> dict[str, str]:
        first = self._targets[0] if self._targets else ""
        kind = paths.classify(first, self._place)
        return {
            "target": " ".join(show(word) for word in self._targets[:5]),
            "class": paths.SAID.get(kind, kind),
            "args": " ".join(show(word) for word in self._operands[:12]),
            "rest": " ".join(show(word) for word in self._operands[1:12]),
            "program": self._call.program,
            "sub": self._call.args[0] if self._call.args else "",
        }

    def text(self, form: str) -> str:
        return form.format_map(self._fields(paths.plain))

    def line(self, form: str) -> str:
        return re.sub(r" +", " ", form.format_map(self._fields(_quoted))).strip()


def _quoted(word: str) -> str:
    text = paths.plain(word.replace(EMPTY, ""))
    return text if re.fullmatch(r"[\w@%+=:,./*?~-]*", text) else shlex.quote(text)


def _texts(payload: Payload, call: calls.Call, operands: list[str]) -> list[str]:
    """Return the texts of code at the payload's place."""
    origin, left = payload.origin, operands[payload.skip :]
    if origin == "all":
        return [" ".join(call.words[1:])]
    if origin == "rest":
        return [" ".join(left)] if left else []
    if origin == "args":
        return left
    if origin.startswith("arg"):
        index = int(origin[3:]) - 1
        return operands[index : index + 1]
    values = call.options.get(origin, [])
    return [value or (operands[0] if operands else "") for value in values]


def _has_code(call: calls.Call) -> bool:
    return bool({"-c", "-e", "-m"} & call.options.keys())


def _unmarked(text: str) -> str:
    """Return code with the engine's marks as a shell would have seen them, but unknown text still marked."""
    return "".join(_SEEN.get(char, char) for char in text)


def _starts_copies(body: Node) -> bool:
    items = body.items if isinstance(body, Sequence) else (body,)
    return any(isinstance(item, Background) for item in items)


def program_name(word: str) -> str:
    """Return the name a program is known by."""
    if "/" in word:
        word = word.rsplit("/", 1)[1]
    return word.lower().removesuffix(".exe") if word[-4:] == ".exe" else word


OPAQUE = Flow(frozenset(("unknown",)))  # what code that is not followed prints
_SEEN = {mark: char for char, mark in paths.QUOTED.items()} | {EMPTY: "", words.SPLIT: " "}
_SILENT = frozenset(("none", "empty"))
_JUDGED = frozenset(("remote", "decoded"))
_KNOWN = {
    "IFS": " ", "?": "0", "#": "0", "$": UNKNOWN, "!": UNKNOWN, "-": UNKNOWN, "RANDOM": UNKNOWN, "OLDPWD": UNKNOWN, "_": UNKNOWN,
    "PPID": UNKNOWN, "SECONDS": "1", "UID": UNKNOWN, "EUID": UNKNOWN, "HOSTNAME": UNKNOWN, "SHELL": "/bin/sh", "LINENO": "1",
}  # fmt: skip
