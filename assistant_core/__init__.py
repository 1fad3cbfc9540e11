"""The assistant: memory, completions, questions and a guard for the shell.

records, errors   the vocabulary
settings          defaults < config.toml < $XONTRIB_ASSISTANT_…
locks             one process of a kind
redact            secrets out of a line, before anything is stored
store             the history database
importers         other shells' histories into the store
shell             the half that lives in xonsh: recorder, ghost, menu, meta-commands, gate
service           the half that ranks: one process per user, behind a Unix socket
guard             a line → a verdict, before it runs
knowledge         the manual pages installed here → explanations
cli               the `assistant` command
"""

__version__ = "0.1.0"
