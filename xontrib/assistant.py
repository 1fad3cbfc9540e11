"""The entry that xonsh loads. In scripts and in `xonsh -c` nothing else of ours is imported."""


def _load_xontrib_(xsh, **_):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202 - xonsh has no types, and typing is not imported
    if xsh.env.get("XONSH_INTERACTIVE"):
        from assistant_core import shell  # noqa: PLC0415 - interactive shells only

        shell.load(xsh)
    return {}


def _unload_xontrib_(xsh, **_):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202, ARG001 - as above
    import sys  # noqa: PLC0415 - nothing is imported at the top

    if shell := sys.modules.get("assistant_core.shell"):
        shell.unload()
    return {}
