"""`assistant doctor`: every finding with its remedy."""

from argparse import Namespace

from assistant_core.cli import console
from assistant_core.cli.command import Answer, App, Leaf, Styled


def run(_: Namespace, app: App) -> Answer:
    """Answer with all findings; 1 if one of them is a failure."""
    from assistant_core.doctor import examine  # noqa: PLC0415 - it imports what the other commands do not need

    findings = list(examine(app.environ, app.paths))
    rows = console.columns((finding.state, finding.name, finding.found) for finding in findings)
    lines: list[str | Styled] = []
    following = [*(finding.remedy for finding in findings[1:]), ""]
    for finding, row, next_remedy in zip(findings, rows, following, strict=True):
        lines.append(Styled(row, finding.state))
        if finding.remedy not in {"", next_remedy}:
            lines.append(f"      → {finding.remedy}")
    states = [finding.state for finding in findings]
    lines.append(f"{states.count('ok')} ok, {states.count('warn')} to consider, {states.count('fail')} to repair")
    return Answer({"findings": [finding._asdict() for finding in findings]}, lines, int("fail" in states))


COMMAND = Leaf(
    "doctor",
    run,
    "Examine installation, folders, service and history; each finding comes with its remedy.",
    examples=("assistant doctor", "assistant doctor --json"),
)
