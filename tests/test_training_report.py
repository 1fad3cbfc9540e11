"""The report of an evaluation: what stands in its JSON."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from training.evaluate.report import commit, report, write
from training.evaluate.tasks import Measure


def test_a_report_compares_every_predictor_with_every_other(tmp_path: Path) -> None:
    data = tmp_path / "dev.jsonl"
    data.write_bytes(b"{}\n")
    measures = {"new": Measure([1.0, 1.0], [1.0, 3.0]), "old": Measure([0.0, 1.0], [1.0, 3.0])}
    results = {"next": {who: {"hit@1": measure} for who, measure in measures.items()}}
    write(report(results, files={"dev": data}, model={"version": "v1"}, seed=3), tmp_path / "result.json")
    found = json.loads((tmp_path / "result.json").read_text())
    scores = found["scores"]["next"]["hit@1"]
    assert {who: score["mean"] for who, score in scores.items()} == {"new": 1.0, "old": 0.75}
    assert scores["new"]["above"]["old"]["value"] == -scores["old"]["above"]["new"]["value"] == 0.25
    assert (found["seed"], found["model"]) == (3, {"version": "v1"})
    assert found["data"]["dev"] == {
        "sha256": "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356",
        "bytes": 3,
    }


def test_the_commit_is_told_where_there_is_one(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=n@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=one"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert commit(tmp_path) == head
