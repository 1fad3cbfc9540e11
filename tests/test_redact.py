from __future__ import annotations

import random
import re
import string
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from canaries import FAMILIES, Canary, canaries
from hypothesis import given
from hypothesis import strategies as st

from assistant_core import redact as module
from assistant_core.redact import MARK, redact

RULES = tomllib.loads(Path(module.__file__).with_name("redaction.toml").read_text(encoding="utf-8"))
ROWS = [row for scope in ("token", "text", "word", "program") for row in RULES[scope]]
ALPHABETS = {
    "": string.ascii_letters + string.digits,
    "x": "0123456789abcdef",
    "d": string.digits,
    "U": string.ascii_uppercase + string.digits,
}


def made_up(line: str) -> str:
    """The line with {36}, {x32}, … filled in, always the same way."""
    rng = random.Random(7)
    return re.sub(r"\{([xdU]?)(\d+)\}", lambda m: "".join(rng.choices(ALPHABETS[m[1]], k=int(m[2]))), line)


def lines(kind: str) -> list[object]:
    return [pytest.param(made_up(line), id=f"{row['name']}: {line[:40]}") for row in ROWS for line in row[kind]]


@pytest.mark.parametrize("marked", lines("examples"))
def test_example(marked: str) -> None:
    line = re.sub("[«»]", "", marked)
    assert redact(line) == (re.sub("(?s)«.*?»", MARK, marked), True)


@pytest.mark.parametrize("line", lines("harmless"))
def test_harmless(line: str) -> None:
    assert redact(line) == (line, False)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_rule_is_shown_both_ways(row: dict[str, list[str]]) -> None:
    assert len(row["examples"]) >= 2
    assert len(row["harmless"]) >= 2
    assert all("«" in example for example in row["examples"])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ls -la",
        "ssh -p 22 alice@host",
        "docker run -p 8080:80 nginx",
        "mkdir -p some/dir",
        "tar -xpf a.tar",
        "cp -p a b",
        "grep password /etc/login.defs",
        "passwd bob",
        "git commit -m 'fix token refresh'",
        "git show 3f786850e387550fdab836ed7e6dc881de23001b",
        "docker pull alpine@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1",
        "kubectl get pod 123e4567-e89b-12d3-a456-426614174000",
        "sha256sum -c sums | grep 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "mysql -u root -p",
        "docker login --password-stdin < ~/.pw",
        'curl -H "Authorization: Bearer $(pass show api)" https://x.org',
        "export TOKEN=<token>",
        "export API_KEY=xxxxxxxx",
        "$TOKEN = $OTHER_TOKEN",
        "ssh-keygen -t ed25519 -f ~/.ssh/id_ed25519",
        "ssh-copy-id -i ~/.ssh/id_rsa.pub alice@host",
        "gpg --recv-keys 0x1234567890ABCDEF1234567890ABCDEF12345678",
        "echo ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 me@host",
        "hydra -l admin -P words.txt 10.0.0.1 http-post-form '/login:user=^USER^&password=^PASS^:F=bad'",
        "sed -i 's/^PASSWORD=.*/PASSWORD=$PW/' .env",
        "read -s -p 'Password: ' pw",
        "vim token.go secret.py keys.txt",
    ],
)
def test_everyday_line_stays(line: str) -> None:
    assert redact(line) == (line, False)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("bash -c \"mysql -p'a b' x && mkdir -p dir\"", "bash -c \"mysql -p'<>' x && mkdir -p dir\""),
        ('bash -c "mysql -p\\"a b\\" x"', 'bash -c "mysql -p\\"<>\\" x"'),
        ("ssh h 'docker exec db mysql -uroot -pgeheim9 x' | head", "ssh h 'docker exec db mysql -uroot -p<> x' | head"),
        ("a; sudo /usr/bin/mysql -pabc -e 'x;y' > out", "a; sudo /usr/bin/mysql -p<> -e 'x;y' > out"),
        ("x --token=abc9 --password 'd e' $PW", "x --token=<> --password '<>' $PW"),
        ("mysql \\\n  -u root \\\n  -pabc", "mysql \\\n  -u root \\\n  -p<>"),
        ("mysql -u x 2>&1 -pabc", "mysql -u x 2>&1 -p<>"),
    ],
)
def test_only_the_secret_goes(line: str, kept: str) -> None:
    assert redact(line).text == kept.replace("<>", MARK)


def pieces(secret: str) -> list[str]:
    return [secret[i : i + 8] for i in range(max(1, len(secret) - 7))]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_canaries(family: str) -> None:
    leaked = [
        c for c in CANARIES if c.family == family and any(piece in redact(c.line).text for piece in pieces(c.secret))
    ]
    assert leaked == []


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_canary_lines_are_kept(family: str) -> None:
    for canary in (c for c in CANARIES if c.family == family):
        words = [word for word in canary.line.replace(canary.secret, "\0").split() if "\0" not in word]
        lost = [word for word in words if word not in redact(canary.line).text]
        assert lost == [], canary


def test_canaries_are_many_and_repeatable() -> None:
    assert len(CANARIES) == 2000
    assert len({c.family for c in CANARIES}) >= 45
    assert all(c.secret in c.line or c.family in {"json", "xonsh"} for c in CANARIES)
    assert canaries(200, 3) == canaries(200, 3)


CANARIES: list[Canary] = canaries(2000, seed=1)
FRAGMENTS = st.sampled_from(
    [
        "mysql -p",
        "--password ",
        "TOKEN=",
        "'",
        '"',
        "\\",
        " ",
        "\n",
        "$(",
        ")",
        "`",
        "|",
        ";",
        "&",
        "<<<",
        "=",
        ":",
        "://",
        "@",
        "a:b@",
        "ghp_" + "a1" * 18,
        MARK,
        "-----BEGIN RSA PRIVATE KEY-----",
        "Authorization: Bearer ",
        "hunter2",
        "curl -u ",
        "echo ",
        "sudo -S",
        "{",
        "}",
        ",",
        '\\"',
        "set ",
        "config ",
        "\x00",
        "\x01",
        "é",
        "\ud800",
        "bash -c ",
    ]
)
HOSTILE = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=25).map("".join))


@given(HOSTILE)
def test_what_comes_out_stays(line: str) -> None:
    once = redact(line).text
    assert redact(once) == (once, False)


@given(HOSTILE)
def test_changed_means_changed(line: str) -> None:
    text, changed = redact(line)
    assert changed == (text != line)


REPEATED = [
    "a", " ", "-", "'", '"', "\\", "=", "a=", "a=b,", ":", "://", "a://", "a:b@", "eyJ", "eyJhbGciOiJI.", "mysql -p",
    "mysql ", "--password ", "TOKEN=", "TOKEN=/A", "echo a | ", "sudo -S ", "$a", "{{", "x ", '\\"', "'a' ",
    "-----BEGIN RSA PRIVATE KEY-----", "authorization: ", 'password:"', "login -p", "login ", "kv put ",
    "secret set ", '-e "A=', "AKIA", "ghp_", "[", "(", "curl -u a", "bearer ", "identified by ", "token.", "A_",
    "config ", "htpasswd -b a ", "4242-", "\x01", "sshpass -e ", "docker login ",
]  # fmt: skip
NEUTRAL = st.lists(
    st.sampled_from(["ls", "-la", "src/main.py", "42", "make test", "README.md", "--verbose"]), max_size=6
)


@given(NEUTRAL, NEUTRAL, st.sampled_from(CANARIES[:200]))
def test_what_stands_around_stays(before: list[str], after: list[str], canary: Canary) -> None:
    head, tail = " ".join(["echo", *before]) + " ; ", " ; " + " ".join(["echo", *after])
    text = redact(head + canary.line.removesuffix(" &").removesuffix("  # once") + tail).text
    assert text.startswith(head)
    assert text.endswith(tail)


def test_hostile_lines_cost_linear_work() -> None:
    """In a process of its own, which is stopped if it does not end: quadratic work on 100 kB takes minutes."""
    code = f"""if True:
        from assistant_core.redact import redact
        for unit in {REPEATED!r}:
            print(repr(unit), flush=True)
            redact((unit * 100_000)[:100_000])
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True)


def test_import_reads_and_compiles_nothing() -> None:
    code = """if True:
        import sys, assistant_core.redact as redact
        assert "tomllib" not in sys.modules
        assert redact._tables.cache_info().currsize == 0
        third_party = {"msgspec", "xonsh", "prompt_toolkit", "numpy"} & set(sys.modules)
        assert not third_party, third_party
    """
    subprocess.run([sys.executable, "-c", code], check=True)
