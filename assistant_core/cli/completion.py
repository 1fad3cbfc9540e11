"""`assistant completion SHELL`: a script that lets SHELL complete our commands.

Every script asks `assistant _candidates WORDS`, so that the tables of commands and settings stay the only
definition. Where we know no candidate, the shell completes files.
"""

from argparse import Action, ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Sequence

from assistant_core import settings
from assistant_core.cli.command import Answer, App, Leaf, argument

ASK = "_candidates"  # the command that the scripts run
SCRIPTS = {
    "bash": """\
_assistant() {
    mapfile -t COMPREPLY < <(assistant _candidates "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _assistant assistant""",
    "zsh": """\
#compdef assistant
_assistant() {
    local -a found
    found=("${(@f)$(assistant _candidates "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n "$found" ]] && compadd -a found || _files
}
compdef _assistant assistant""",
    "fish": """\
function __assistant_candidates
    set -l words (commandline -opc) (commandline -ct)
    assistant _candidates $words[2..] 2>/dev/null
    or __fish_complete_path (commandline -ct)
end
complete -c assistant -f -a '(__assistant_candidates)'""",
    "xonsh": """\
def _assistant_completer(context):
    import subprocess
    command = context.command
    if command is None or not command.completing_command("assistant"):
        return None
    words = [arg.value for arg in command.args[1:command.arg_index]] + [command.prefix]
    asked = subprocess.run(["assistant", "_candidates", *words], capture_output=True, text=True)
    return set(asked.stdout.split()) or None


_assistant_completer.contextual = True
__xonsh__.completers["assistant"] = _assistant_completer
__xonsh__.completers.move_to_end("assistant", last=False)""",
}


def run(args: Namespace, _: App) -> Answer:
    """Answer with the script."""
    return Answer({"shell": args.shell, "script": SCRIPTS[args.shell]}, SCRIPTS[args.shell].split("\n"))


def candidates(parser: ArgumentParser, words: Sequence[str]) -> list[str]:
    """Return what may stand in the place of the last of `words`, which may be empty or begun; one at least."""
    *before, begun = words
    positionals, option = _positionals(parser), None
    for word in before:
        if option is not None:
            option = None
        elif word.startswith("-"):
            action = parser._option_string_actions.get(word)  # noqa: SLF001 - argparse has no other way to look
            option = action if action and action.nargs != 0 else None
        elif positionals and isinstance(positionals[0], _SubParsersAction):
            if word not in positionals[0].choices:
                return []
            parser = positionals[0].choices[word]
            positionals = _positionals(parser)
        elif positionals and positionals[0].nargs in {None, "?"}:
            positionals = positionals[1:]
    if option is None and begun.startswith("-"):
        offered = list(parser._option_string_actions)  # noqa: SLF001 - see above
    else:
        offered = _values(option or (positionals[0] if positionals else None))
    return [word for word in offered if word.startswith(begun)]


def _positionals(parser: ArgumentParser) -> list[Action]:
    return [action for action in parser._actions if not action.option_strings]  # noqa: SLF001 - see above


def _values(action: Action | None) -> list[str]:
    if action is not None and action.metavar == "KEY":
        return [setting.name for setting in settings.table()]
    return [str(value) for value in (action.choices if action else None) or ()]


COMMAND = Leaf(
    "completion",
    run,
    "Print a script that lets a shell complete our commands.",
    (argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help=", ".join(SCRIPTS)),),
    (
        'eval "$(assistant completion bash)"    # in ~/.bashrc; likewise in ~/.zshrc',
        "assistant completion fish | source     # in config.fish",
        "execx($(assistant completion xonsh))   # in ~/.xonshrc",
    ),
)
