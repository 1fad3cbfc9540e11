"""Walks the parts of a line as a shell would, runs nothing, and reports what each command would do.

In: text, and where it would run. Out: a `Report`. Variables, functions, files written by the line and what pipes carry
are followed; depth and the number of commands are bounded, and a bound that is reached is itself reported.
"""

import re
from collections.abc import Callable, Mapping

from assistant_core.guard import calls, codes, flows, paths, rules, shown, syntax, unwrap, words
from assistant_core.guard.flows import NONE, Flow
from assistant_core.guard.paths import EMPTY, UNKNOWN
from assistant_core.guard.report import Report
from assistant_core.guard.rulefile import Payload
from assistant_core.guard.state import Context, State
from assistant_core.guard.tree import (
    Background,
    Command,
    Function,
    Group,
    Loop,
    Node,
    Pipeline,
    Redirect,
    Sequence,
    Unread,
)  # fmt: skip
from assistant_core.records import Crud

DEEPEST = 80  # parts within parts
LONGEST_VALUE = 4_000  # characters of a variable
MOST_WRAPPERS = 48  # of one command
MOST_ROUNDS = 8  # of a loop over words

CODE_IN = frozenset(
    ("PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EDITOR", "GIT_PAGER", "GIT_EXTERNAL_DIFF", "LESSOPEN", "BROWSER")
)
_INSTALLED = re.compile(r"(?:^|/)(?:s?bin|\.bin|libexec|Scripts)/[^/]+$|^/[^/]*[*?]")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\[[^\]]*\])?\+?=")
_INIT_SCRIPT = re.compile(r"/etc/(?:rc\.d/)?(?:init|rc\d?)\.d/(?:[SK]\d\d)?([\w@.-]+)")  # of a service
_SETS = re.compile(r"\$(\w+) ?= ?(.*)", re.DOTALL)  # $NAME = value, or $NAME=value before a command
_MARKS = re.compile("[\ue000-\uefff]")
_SILENT = frozenset(("none", "empty"))
_JUDGED = frozenset(("remote", "decoded"))


class Evaluator(State):
    """Walks a line with what it has set so far."""

    def __init__(self, context: Context, report: Report, programs: rules.Programs = rules.programs) -> None:
        super().__init__(context, report)
        self._programs = programs
        self._within = 0  # wrappers of the command at hand
        self._nested = 0  # parts around the one at hand
        self._parse_until = syntax.deadline()

    def assign(self, name: str, value: str) -> None:
        """Give a variable its value."""
        self.variables[name] = value if len(value) < LONGEST_VALUE else UNKNOWN
        if name in CODE_IN:
            self.script(paths.plain(value))

    def output(self, script: str) -> str:
        """Return what a command prints, with marks."""
        flow = self.script(script, keep=True)
        return flow.text.rstrip("\n") if flow.text is not None else self.source(flow)

    def process(self, script: str) -> str:
        """Return the mark of a process substitution."""
        return self.source(self.script(script, keep=True))

    def python(self, code: str) -> str:
        """Return the value of a Python expression in a command."""
        return codes.python_value(code, self)

    def script(self, text: str, given: Flow = NONE, *, keep: bool = False, local: bool = True) -> Flow:
        """Walk shell code; `keep`: the shell itself runs it, so it is still what the user typed."""
        if self.depth >= unwrap.DEEPEST or not self._affords():
            return self.unread()
        before = self.depth, self.top, self.local, self.place
        self.depth += 1
        self.top, self.local = self.top and keep, self.local and (keep or not local) and local
        try:
            return self.node(syntax.parse(text, self._parse_until), given)
        finally:
            self.depth, self.top, self.local, self.place = before

    def script_with(self, text: str, arguments: list[str], given: Flow = NONE) -> Flow | None:
        """Walk shell code that another process runs with arguments: `$0`, `$1`, ..."""
        before = self.variables
        self._arguments(arguments[1:])
        self.variables["0"] = arguments[0]
        flow = self.code("shell", text, given)
        self.variables = before
        return flow

    def node(self, node: Node, given: Flow = NONE) -> Flow:
        """Walk one part; return what it prints."""
        if self._nested >= DEEPEST:
            return self.unread()
        self._nested += 1
        try:
            return _PARTS[type(node)](self, node, given)
        finally:
            self._nested -= 1

    def unread(self, *_: object) -> Flow:
        """Report that a part could not be read."""
        if self.report.sure:
            self.report.sure = False
            self._judged(["<unread>"], NONE)
        return unwrap.OPAQUE

    def _affords(self) -> bool:
        """Return whether there is work left for one more command."""
        self.report.work_left -= 1
        return self.report.work_left >= 0

    def _sequence(self, node: Sequence, given: Flow) -> Flow:
        flow, text = NONE, ""
        for index, item in enumerate(node.items):
            each = self.node(item, given if not index else given._replace(text=None) if given.text else given)
            flow = each if not each.kinds <= _SILENT else flow
            text += each.text or ""
        return flow._replace(text=text) if flow.text is not None and len(node.items) > 1 else flow

    def _pipeline(self, node: Pipeline, given: Flow) -> Flow:
        if self.functions and self._doubles(node):
            self.judge(["<fork-bomb>"])
        place = self.place
        for stage in node.stages:
            given = self.node(stage, given)
            self.place = place
        return given

    def _doubles(self, node: Pipeline) -> bool:
        names = {stage.words[0] for stage in node.stages if isinstance(stage, Command) and stage.words}
        return len(node.stages) > 1 and len(names) == 1 and names <= self.functions.keys()

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
                self.variables[node.name] = value
            flow = self.node(node.body, given)
        return flow if len(values) < 2 else flow._replace(text=None)  # noqa: PLR2004 - one round

    def _function(self, node: Function, given: Flow) -> Flow:
        self.functions[node.name] = node.body
        before = self.variables
        self.variables = {**before, **dict.fromkeys("123456789@*", UNKNOWN)}
        with self.report.later():
            self.node(node.body, given)
        self.variables = before
        return NONE

    def _command(self, node: Command, given: Flow) -> Flow:
        if self.top and node.words and (parts := self._xonsh(node)):
            return self._sequence(Sequence(parts), given)
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
        return self._outputs(node.redirects, flow, argv) if node.redirects else flow

    def _xonsh(self, node: Command) -> tuple[Node, ...]:
        """Return what a command is made of in xonsh's own syntax; nothing where it uses none of it."""
        raw = node.words
        if raw[0][0] == "$" and (found := _SETS.fullmatch(" ".join(raw[:3]) if raw[1:2] == ("=",) else raw[0])):
            self.assign(found[1], words.one(found[2], self))
            rest = raw[3:] if raw[1:2] == ("=",) else raw[1:]
            return (node._replace(words=rest or (":",)),)
        if raw[0][0] == "@" and raw[0][1:].isidentifier():
            return (node._replace(words=raw[1:] or (":",)),)
        joint = next((index for index, word in enumerate(raw) if index and word in ("and", "or")), None)
        return (node._replace(words=raw[:joint]), Command(raw[joint + 1 :] or (":",))) if joint else ()

    def _inputs(self, redirects: tuple[Redirect, ...], given: Flow) -> Flow:
        for each in redirects:
            if each.operator == "<<<":
                given = NONE.of(text=words.one(each.target, self) + "\n")
            elif each.operator == "<<":
                text = each.target if each.quoted else words.document(each.target, self)
                given = NONE.of(text=text)
            elif each.operator in ("<", "<>"):
                given = self.file(words.one(each.target, self))
        return given

    def _outputs(self, redirects: tuple[Redirect, ...], flow: Flow, argv: list[str] | tuple[str, ...] = ()) -> Flow:
        for each in redirects:
            operator = each.operator.removeprefix("&")
            if operator in ("<<", "<<<", "<") or (operator.endswith("&") and each.target.isdigit()):
                continue
            for target in words.fields(each.target, self):
                appends = operator == ">>"
                self.judge([">>" if appends else ">", target], flow)
                if not appends and target in argv[1:] and target[:1] not in "-/":
                    self.judge(["<self-overwrite>", argv[0], target])
                if each.fd in ("", "1"):
                    self.files[target] = flow
                    if flow.text is not None and paths.CRON_FILE.fullmatch(target):
                        self.code("crontab", flow.text)
                    elif flow.text is not None and paths.STARTUP_FILE.fullmatch(target):
                        with self.report.later():
                            self.code("shell", flow.text)
            if each.fd in ("", "1"):
                flow = NONE.of(text="")
        return flow

    # Commands

    def run(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Judge one command and what it runs in turn; return what it prints."""
        argv = self._bare(argv)
        if not argv:
            return NONE
        if script := _INIT_SCRIPT.fullmatch(argv[0]):
            argv = ["service", script[1], *argv[1:]]
        if self._within >= MOST_WRAPPERS:
            return self.unread()
        self._within += 1
        try:
            return self._ran(argv, given)
        finally:
            self._within -= 1

    def _ran(self, argv: list[str], given: Flow) -> Flow:
        name = program_name(argv[0])
        if name in _BUILTINS:
            _BUILTINS[name](self, argv, given)
        elif name in self.functions and self.depth < unwrap.DEEPEST:
            return self._called(name, argv, given)
        if self.files and ((file := self.file(argv[0])).text or file.kinds & _JUDGED):
            return unwrap.fed(self, "shell", file)
        if name != argv[0]:
            if not _INSTALLED.search(argv[0]) and not self._programs(name):
                name = argv[0]  # `./test` is not the shell's `test`
            argv = [name, *argv[1:]]
        flow = self.judge(argv, given)
        if saved := flows.saved(argv):
            self.files |= saved
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
        before = self.variables
        self._arguments(argv[1:])
        body = self.functions.pop(name)  # a call of itself is not followed
        flow = self.node(body, given)
        self.functions[name] = body
        self.variables = before
        return flow

    def _read(self, argv: list[str], given: Flow) -> None:
        if given.text is not None:
            self.variables |= dict.fromkeys(filter(str.isidentifier, argv[1:]), given.text.rstrip("\n"))

    def _cd(self, argv: list[str], _: Flow) -> None:
        self.change_directory(next((word for word in argv[1:] if word[:1] != "-" or word == "-"), self.place.home))

    def _alias(self, argv: list[str], _: Flow) -> None:
        for word in argv[1:]:
            with self.report.later():
                self.script(paths.plain(word.partition("=")[2]))

    def _set(self, argv: list[str], _: Flow) -> None:
        given = argv[argv.index("--") + 1 :] if "--" in argv else argv[1:]
        if "--" in argv or (given and given[0][0:1] not in ("-", "+")):
            self._arguments(given)

    def _arguments(self, given: list[str]) -> None:
        numbered = {str(index): word for index, word in enumerate(given, 1)}
        self.variables = {**self.variables, **numbered, **dict.fromkeys("@*", words.SPLIT.join(given) or EMPTY)}

    def _declare(self, argv: list[str], _: Flow) -> None:
        for word in argv[1:]:
            name, equals, value = word.partition("=")
            if equals:
                self.assign(name, value)

    def judge(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Put one command to the rules of its program, and walk what it runs."""
        if not self._affords():
            return self.unread() if self.report.sure else NONE
        return self._judged(argv, given)

    def _judged(self, argv: list[str], given: Flow) -> Flow:
        known = self._programs(argv[0])
        if not known:
            return self._stranger(argv, given)
        flow: Flow | None = None
        unsaid: list[Crud] = []  # what files that say nothing of this very call take it for
        for program in known:
            call = calls.read(argv, program.file.style, program.tables)
            if calls.asks_for_help(call) or rules.harmless(call):
                self.report.effect("READ")
                return flows.printed(argv, given)
            wrapped = [found for each in program.file.payload if (found := self._unwrapped(each, call, given))]
            fit = rules.first_fit(program, self._asked(call, given)) if program.rules else None
            if fit:
                self._found(fit, program, call)
            elif not wrapped and (listed := rules.listed(program, call)):
                self.report.effect(listed)
            elif not wrapped:
                unsaid.append(program.file.crud)
            flow = wrapped[0] if wrapped and wrapped[0] is not unwrap.OPAQUE else flow
        for each in unsaid if len(unsaid) == len(known) else ():
            self.report.effect(each)
        return flow or flows.printed(argv, given)

    def _stranger(self, argv: list[str], given: Flow) -> Flow:
        name = argv[0]
        if not name.isascii() and _MARKS.search(name):
            self.report.effect("EXEC")
            if name in self.sources:
                self.judge(["<code>", "shell"], self.sources[name])
            self.judge(["<unknown>", *argv[1:]], given)
        else:
            safe = len(argv) > 1 and not calls.ALWAYS_HARMLESS.isdisjoint(argv)
            self.report.effect("READ" if safe else rules.plain_programs().get(name, "EXEC"))
        return flows.printed(argv, given)

    def _asked(self, call: calls.Call, given: Flow) -> rules.Asked:
        return rules.Asked(call, self.place, self.sources, given.kinds, given.origin, self.elevated)

    def _found(self, fit: rules.Fit, program: rules.Program, call: calls.Call) -> None:
        rule = fit.rule
        self.report.effect(rule.crud or rules.crud(program, call))
        if rule.verdict != "allow":
            self.report.add(shown.finding(fit, call, self.place))

    def _unwrapped(self, payload: Payload, call: calls.Call, given: Flow) -> Flow | None:
        operands = rules.has_payload(call, payload)
        return None if operands is None else unwrap.walk(self, payload, call, operands, given)

    def code(self, language: str, text: str, given: Flow = NONE, *, local: bool = True) -> Flow | None:
        """Walk code in any language."""
        return unwrap.code(self, language, text, given, local=local)


_PARTS: Mapping[type, Callable[..., Flow]] = {
    Command: Evaluator._command, Pipeline: Evaluator._pipeline, Group: Evaluator._group,  # noqa: SLF001 - its own table
    Sequence: Evaluator._sequence, Background: Evaluator._background,  # noqa: SLF001 - its own table
    Loop: Evaluator._loop, Function: Evaluator._function, Unread: Evaluator.unread,  # noqa: SLF001 - its own table
}  # fmt: skip
_BUILTINS: Mapping[str, Callable[[Evaluator, list[str], Flow], None]] = {
    "read": Evaluator._read,  # noqa: SLF001 - its own table
    "cd": Evaluator._cd,  # noqa: SLF001 - its own table
    "pushd": Evaluator._cd,  # noqa: SLF001 - its own table
    "set": Evaluator._set,  # noqa: SLF001 - its own table
    "alias": Evaluator._alias,  # noqa: SLF001 - its own table
    **dict.fromkeys(("export", "declare", "local", "readonly", "typeset"), Evaluator._declare),  # noqa: SLF001 - its own table
}


def _starts_copies(body: Node) -> bool:
    items = body.items if isinstance(body, Sequence) else (body,)
    return any(isinstance(item, Background) for item in items)


def program_name(word: str) -> str:
    """Return the name a program is known by."""
    if "/" in word:
        word = word.rsplit("/", 1)[1]
    return word.lower().removesuffix(".exe") if word[-4:] == ".exe" else word
