"""People who do not exist, and what they type in eight weeks: habits, projects that come and go, slips of the finger.

Each has workflows, which are sequences of lines with slots, and words of their own for the slots; a session is a few
workflows in one folder. What they do changes slowly: a project lasts some weeks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from assistant_core.records import Command

DAY_NS = 86_400 * 10**9
WEEKS = 8
START_NS = 20_000 * DAY_NS  # 2024-10-04
PROJECTS_AT_A_TIME = 3
BREAK_S = 300  # between two sessions
SLIP = 0.03  # lines typed wrongly first


class Persona(NamedTuple):
    """Workflows: lines one after the other, parted by " ; ", with {slots}; the words for the slots."""

    name: str
    workflows: tuple[str, ...]
    words: dict[str, tuple[str, ...]]


GIT = (
    "git status ; git diff ; git add -p ; git commit -m '{message}'",
    "git pull --rebase ; git log --oneline -10",
    "git checkout -b {branch} ; git push -u origin {branch}",
    "git checkout main ; git pull ; git branch -d {branch}",
    "git stash ; git checkout main ; git pull ; git checkout {branch} ; git stash pop",
)
SHARED = {
    "branch": (
        "fix-login",
        "topic/cache",
        "release-2",
        "tidy-docs",
        "speed",
        "retry-logic",
        "new-parser",
        "drop-old-api",
    ),
    "message": (
        "Fix the test",
        "Tidy",
        "Handle empty input",
        "Bump version",
        "Say what failed",
        "First draft",
        "Review",
    ),
}
PERSONAS = (
    Persona(
        "web",
        (
            *GIT,
            "npm run dev",
            "npm test -- {module} ; vim src/{module}.ts ; npm test -- {module}",
            "npm install {package} ; npm run build",
            "curl -s localhost:{port}/api/{module} | jq .",
            "docker compose up -d {service} ; docker compose logs -f {service}",
            "npx eslint src/{module}.ts --fix ; git diff",
        ),
        SHARED
        | {
            "module": ("auth", "cart", "search", "profile", "orders", "i18n", "upload"),
            "package": ("zod", "vite", "vitest", "undici", "pino", "dayjs"),
            "port": ("3000", "5173", "8080"),
            "service": ("db", "redis", "web"),
        },
    ),
    Persona(
        "science",
        (
            *GIT[:3],
            "conda activate {env} ; jupyter lab --no-browser --port {port}",
            "python train.py --config configs/{experiment}.yaml --seed {seed} ; tail -f logs/{experiment}.log",
            "nvidia-smi ; squeue -u $USER",
            "sbatch jobs/{experiment}.sh ; squeue -u $USER",
            "rsync -av cluster:results/{experiment}/ results/{experiment}/ ; python plot.py results/{experiment}",
            "pytest tests/test_{module}.py -x ; vim {module}.py ; pytest tests/test_{module}.py -x",
            "du -sh data/{experiment} ; ls -la data/{experiment}",
        ),
        SHARED
        | {
            "env": ("base", "torch2", "plots"),
            "experiment": ("baseline", "ablation-3", "wide", "deep", "dropout", "longer"),
            "module": ("loader", "metrics", "model", "utils"),
            "port": ("8888", "8889"),
            "seed": ("0", "1", "2", "3", "42"),
        },
    ),
    Persona(
        "operations",
        (
            "ssh {host} ; sudo systemctl status {unit} ; sudo journalctl -u {unit} -n 100",
            "sudo systemctl restart {unit} ; sudo systemctl status {unit}",
            "kubectl get pods -n {space} ; kubectl logs -n {space} deploy/{unit} --tail 50",
            "kubectl describe pod -n {space} {unit}-0 ; kubectl rollout restart -n {space} deploy/{unit}",
            "terraform plan -var-file {space}.tfvars ; terraform apply -var-file {space}.tfvars",
            "ansible-playbook -i {space} {unit}.yml --check ; ansible-playbook -i {space} {unit}.yml",
            "df -h ; du -sh /var/log/* ; sudo journalctl --vacuum-time 7d",
            "dig +short {host}.example.org ; curl -sI https://{host}.example.org",
            *GIT[:2],
        ),
        SHARED
        | {
            "host": ("web1", "web2", "db1", "mail", "backup"),
            "unit": ("nginx", "postgres", "api", "worker", "scheduler"),
            "space": ("staging", "production", "test"),
        },
    ),
    Persona(
        "systems",
        (
            *GIT,
            "cargo build ; cargo test {module} ; vim src/{module}.rs ; cargo test {module}",
            "cargo clippy --all-targets ; cargo fmt ; git diff --stat",
            "cmake -B build -G Ninja ; cmake --build build ; ctest --test-dir build -R {module}",
            "gdb --args build/{module} {file}",
            "perf record -g build/{module} {file} ; perf report",
            "rg '{symbol}' src ; vim src/{module}.rs",
            "objdump -d build/{module} | less",
        ),
        SHARED
        | {
            "module": ("parser", "lexer", "codegen", "arena", "intern", "driver"),
            "file": ("examples/big.txt", "examples/small.txt", "corpus/1.bin"),
            "symbol": ("fn parse_expr", "struct Arena", "unsafe", "TODO", "impl Drop"),
        },
    ),
    Persona(
        "writer",
        (
            "cd ~/book/{chapter} ; vim {chapter}.md ; wc -w {chapter}.md",
            "pandoc {chapter}.md -o {chapter}.pdf ; xdg-open {chapter}.pdf",
            "aspell check {chapter}.md",
            "git add -A ; git commit -m '{chapter}: {message}' ; git push",
            "hugo server -D ; vim content/posts/{post}.md",
            "convert images/{post}.png -resize 1200x images/{post}.jpg ; ls -lh images",
            "rsync -av public/ web:/srv/blog/",
            "grep -rn '{word}' ~/book",
            "ls -lt ~/notes | head ; vim ~/notes/{post}.md",
        ),
        SHARED
        | {
            "chapter": ("intro", "harbour", "winter", "letters", "ending"),
            "post": ("on-slowness", "tools", "reading-list", "garden", "maps"),
            "word": ("suddenly", "very", "TODO", "harbour"),
        },
    ),
)


def history(persona: Persona, count: int, seed: int = 0) -> Iterator[Command]:
    """Yield `count` commands of eight weeks, in order."""
    chance = random.Random(f"{persona.name} {seed}")
    habits = [chance.paretovariate(1.0) for _ in persona.workflows]
    day, typed = 0, 0
    a_day = -(-count // (WEEKS * 7))
    while typed < count:
        favourites = {name: _favourites(words, day, seed) for name, words in persona.words.items()}
        time, in_day, session = START_NS + day * DAY_NS + 9 * 3600 * 10**9, 0, 0
        while in_day < a_day and typed < count:
            session += 1
            slots = {name: chance.choice(words) for name, words in favourites.items()}
            for workflow in chance.choices(persona.workflows, habits, k=chance.randint(2, 6)):
                for line, code in _typed(workflow, slots, chance):
                    time += chance.randint(2, 40) * 10**9
                    if in_day < a_day and typed < count:
                        yield Command(
                            line=line, session=f"{day}-{session}", cwd="/nowhere", started_ns=time, exit_code=code
                        )
                        in_day, typed = in_day + 1, typed + 1
            time += BREAK_S * 10**9
        day += 1


def _favourites(words: tuple[str, ...], day: int, seed: int) -> tuple[str, ...]:
    """Return the words in use in these weeks: what somebody works on changes every fortnight."""
    chance = random.Random(f"{words} {day // 14} {seed}")
    return tuple(chance.sample(words, min(PROJECTS_AT_A_TIME, len(words))))


def _typed(workflow: str, slots: dict[str, str], chance: random.Random) -> Iterator[tuple[str, int]]:
    for step in workflow.split(" ; "):
        line = step.format_map(slots)
        if chance.random() < SLIP:
            at = chance.randrange(len(line) - 1)
            yield line[:at] + line[at + 1] + line[at] + line[at + 2 :], 127
        yield line, 0
