"""`assistant train`: versions are chosen, and told beside how each did."""

from __future__ import annotations

import re
from contextlib import closing

from program import run
from versions import promote

from assistant_core.engine import registry, switch, trial
from assistant_core.records import Suggestion
from assistant_core.settings import Paths
from assistant_core.store import Store

Environ = dict[str, str]


def test_versions_are_chosen(environ: Environ, paths: Paths) -> None:
    for day, version in enumerate(("v1", "v2"), 1):
        promote(paths, version, f"2026-01-0{day}T02:00:00Z")
    assert run(environ, "train", "deploy", "v1").out == "command: v1 is in use; before: v2\n"
    assert run(environ, "train", "rollback").out == "command: v2 is in use; before: v1\n"
    assert (
        run(environ, "train", "deploy", "shipped").out == "command: the shipped command model is in use; before: v2\n"
    )
    assert registry.current("command", paths) is None
    refused = run(environ, "train", "deploy", "v9")
    assert (refused.code, refused.err) == (
        2,
        "assistant: there is no command model 'v9'; there are: v1, v2, shipped\n",
    )
    assert run(environ, "train", "rollback").code == 2
    assert "invalid choice: 'chat'" in run(environ, "train", "rollback", "--kind", "chat").err
    actions = [item["action"] for item in run(environ, "train", "history", "--json").json["decisions"]]
    assert actions == ["promote", "promote", "deploy", "rollback", "deploy"]


def test_a_damaged_version_is_not_to_be_deployed_again(environ: Environ, paths: Paths) -> None:
    promote(paths, "v1")
    (paths.models / "command" / "v1" / "command.gguf").write_text("not it")
    refused = run(environ, "train", "deploy", "v1")
    assert (refused.code, "command.gguf is damaged" in refused.err) == (2, True)
    assert re.findall("`([^`]*)`", refused.err) == ["assistant train history", "assistant train deploy shipped"]
    for command in re.findall("`assistant ([^`]*)`", refused.err):
        assert run(environ, *command.split()).code == 0
    assert registry.current("command", paths) is None


def test_history_tells_how_the_shipped_model_does_beside_yours(environ: Environ, paths: Paths) -> None:
    shipped = registry.shipped("command", paths).version
    shown(paths, shipped, taken=(True, False))
    first = run(environ, "train", "history", "--kind", "command").out.splitlines()
    assert first == ["command:", f"* {shipped}  shipped, 1 of 2 suggestions taken (9% to 91%)"]
    promote(paths, "v1")
    shown(paths, "v1", taken=(True, True, False))
    assert run(environ, "train", "history", "--kind", "command").out.splitlines()[:3] == [
        "command:",
        "* v1  2026-01-01T02:00:00Z, from nothing, 2 of 3 suggestions taken (21% to 94%)",
        f"  {shipped}  shipped, 1 of 2 suggestions taken (9% to 91%)",
    ]


def test_adapters_are_told_by_their_chat_model_and_can_be_none(environ: Environ, paths: Paths) -> None:
    for day, version in enumerate(("a1", "a2"), 1):
        promote(paths, version, f"2026-01-0{day}T02:00:00Z", "adapter", "0123456789abcdef" * 4)
    adapters = ("--kind", "adapter")
    assert run(environ, "train", "history", *adapters).out.splitlines()[:3] == [
        "adapter:",
        "  a1  2026-01-01T02:00:00Z, for the chat model 0123456789ab",
        "* a2  2026-01-02T02:00:00Z, for the chat model 0123456789ab",
    ]
    assert "adapter model: a2\n" in run(environ, "train", "status").out
    for words, said in (
        (("rollback",), "adapter: a1 is in use; before: a2\n"),
        (("rollback",), "adapter: no adapter is in use; before: a1\n"),
        (("deploy", "a2"), "adapter: a2 is in use; before: no adapter\n"),
        (("deploy", "shipped"), "adapter: no adapter is in use; before: a2\n"),
    ):
        assert run(environ, "train", *words, *adapters).out == said
    assert "no adapter is in use; there is nothing before it" in run(environ, "train", "rollback", *adapters).err
    assert "there are: a1, a2, shipped (no adapter)" in run(environ, "train", "deploy", "a9", *adapters).err
    assert "adapter none: deployed\n" in run(environ, "train", "history").out
    assert "adapter model: none\n" in run(environ, "train", "status").out


def shown(paths: Paths, version: str, *, taken: tuple[bool, ...]) -> None:
    with closing(Store(paths.history)) as store:
        for ran in taken:
            store.add_suggestion(
                Suggestion(
                    session="s",
                    at_ns=1,
                    typed="g",
                    line="git",
                    source=trial.source(version),
                    probability=0.5,
                    accepted="no",
                    ran=ran,
                )
            )


def test_history(environ: Environ, paths: Paths) -> None:
    for day, version in enumerate(("v1", "v2", "v3"), 1):
        promote(paths, version, f"2026-01-0{day}T02:00:00Z")
    switch.rollback("command", paths)
    (paths.models / "command" / "v1" / "command.gguf").write_text("not it")
    shown(paths, "v3", taken=(True, True, False))
    said = run(environ, "train", "history").out.splitlines()
    assert said[0] == "command:"
    assert said[1].startswith("  v1  cannot be used: ")
    assert said[2] == "* v2  2026-01-02T02:00:00Z, from nothing"
    assert said[3] == "  v3  2026-01-03T02:00:00Z, from nothing, 2 of 3 suggestions taken (21% to 94%)"
    assert said[4:6] == ["embedding: none of yours", "adapter: none of yours"]
    assert said[-2].endswith("command v2: back in use")
    assert said[-1] == "    back from v3"
    only = run(environ, "train", "history", "--kind", "adapter", "--json").json
    assert only["versions"] == {"adapter": []}
    assert only["decisions"] == []
