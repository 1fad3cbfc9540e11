"""Fake secrets in realistic command lines: a count and a seed in, canaries out.

The secrets follow the formats that their providers publish; nothing is taken from the rules under test. None was
ever valid. In a template, `{s}` stands for the secret, written bare or in quotes as the shell would need it, and
`{r}` for the secret as it is.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from itertools import cycle, islice
from typing import NamedTuple

Make = Callable[[random.Random], str]

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = LOWER + UPPER + DIGITS
URLSAFE = ALNUM + "-_"
HEX = "0123456789abcdef"
SYMBOLS = "!@#%^*_+=.,:-~"
WORDS = ("correct", "horse", "battery", "staple", "summer", "winter", "dragon", "monkey", "orange", "coffee", "river")


class Canary(NamedTuple):
    """One line, the secret in it, and the family that both belong to."""

    family: str
    line: str
    secret: str


def chars(alphabet: str, low: int, high: int | None = None) -> Make:
    return lambda rng: "".join(rng.choices(alphabet, k=rng.randint(low, high or low)))


def join(*parts: str | Make) -> Make:
    return lambda rng: "".join(part if isinstance(part, str) else part(rng) for part in parts)


def password(rng: random.Random) -> str:
    """What people choose: words with digits, a few random characters, or a pass phrase with blanks."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(WORDS).capitalize() + chars(DIGITS, 2, 4)(rng) + rng.choice("!#+_.")
    if kind == 1:
        return " ".join(rng.sample(WORDS, 3)) + chars(DIGITS, 2)(rng)
    if kind == 2:
        return rng.choice(ALNUM) + chars(ALNUM + SYMBOLS, 8, 18)(rng) + rng.choice(ALNUM)
    return chars(ALNUM, 8, 24)(rng)


def plain_password(rng: random.Random) -> str:
    """Fit to stand unquoted in an address, a form or a word."""
    return chars(LOWER, 3)(rng) + chars(ALNUM + "_.!~", 6, 16)(rng) + chars(DIGITS, 2)(rng)


def jwt(rng: random.Random) -> str:
    claims = ({"alg": "HS256", "typ": "JWT"}, {"sub": chars(DIGITS, 10)(rng), "iat": rng.randrange(10**9)})
    head = ".".join(base64.urlsafe_b64encode(json.dumps(claim).encode()).decode().rstrip("=") for claim in claims)
    return head + "." + chars(URLSAFE, 43)(rng)


def base64_of(size: int) -> Make:
    return lambda rng: base64.b64encode(rng.randbytes(size)).decode()


def basic(rng: random.Random) -> str:
    return base64.b64encode(f"{rng.choice(WORDS)}:{plain_password(rng)}".encode()).decode()


def uuid(rng: random.Random) -> str:
    return "-".join(chars(HEX, size)(rng) for size in (8, 4, 4, 4, 12))


def key_body(rng: random.Random) -> str:
    return "\n" + "\n".join(chars(ALNUM + "+/", 64)(rng) for _ in range(rng.randint(2, 6))) + "\n"


HEX32, HEX40, HEX64 = chars(HEX, 32), chars(HEX, 40), chars(HEX, 64)
ANYWHERE = (
    "curl -sS -H {q}X-Custom: {r}{q} https://api.example.org/v1/items",
    "mytool sync --verbose {s} ./data",
    "export SOMETHING={s}",
    "echo {s} >> .env.local",
    "python run.py --auth {s} --dry-run",
    "docker run --rm -e CRED={s} alpine:3.20 env",
    'grep -rn "{r}" src/',
)

TOKENS: dict[str, Make] = {
    "github classic": join("ghp_", chars(ALNUM, 36)),
    "github oauth": join("gho_", chars(ALNUM, 36)),
    "github fine-grained": join("github_pat_", chars(ALNUM, 22), "_", chars(ALNUM, 59)),
    "gitlab": join("glpat-", chars(URLSAFE, 20)),
    "aws access key id": join("AKIA", chars(UPPER + "234567", 16)),
    "gcp api key": join("AIza", chars(URLSAFE, 35)),
    "google oauth access": join("ya29.a0", chars(URLSAFE, 120)),
    "google oauth client": join("GOCSPX-", chars(URLSAFE, 28)),
    "azure storage key": base64_of(64),
    "azure client secret": join(chars(ALNUM, 3), "8Q~", chars(ALNUM + "_.~", 33), chars(ALNUM, 1)),
    "slack bot": join("xoxb-", chars(DIGITS, 12), "-", chars(DIGITS, 12), "-", chars(ALNUM, 24)),
    "slack user": join("xoxp-", chars(DIGITS, 11), "-", chars(DIGITS, 11), "-", chars(DIGITS, 12), "-", HEX32),
    "stripe": join("sk_live_", chars(ALNUM, 24, 99)),
    "stripe webhook": join("whsec_", chars(ALNUM, 32)),
    "twilio": join("SK", HEX32),
    "sendgrid": join("SG.", chars(URLSAFE, 22), ".", chars(URLSAFE, 43)),
    "mailgun": join("key-", HEX32),
    "mailchimp": join(HEX32, "-us", chars("123456789", 1)),
    "npm": join("npm_", chars(ALNUM, 36)),
    "pypi": join("pypi-AgEIcHlwaS5vcmc", chars(URLSAFE, 140)),
    "docker hub": join("dckr_pat_", chars(URLSAFE, 27)),
    "digitalocean": join("dop_v1_", HEX64),
    "heroku": join("HRKU-AA", chars(URLSAFE, 58)),
    "hugging face": join("hf_", chars(LOWER + UPPER, 34)),
    "openai": join("sk-proj-", chars(URLSAFE, 74), "T3BlbkFJ", chars(URLSAFE, 74)),
    "openai legacy": join("sk-", chars(ALNUM, 20), "T3BlbkFJ", chars(ALNUM, 20)),
    "anthropic": join("sk-ant-api03-", chars(URLSAFE, 93), "AA"),
    "groq": join("gsk_", chars(ALNUM, 52)),
    "telegram bot": join(chars("123456789", 10), ":AA", chars(URLSAFE, 33)),
    "discord bot": join("M", chars(ALNUM, 25), ".G", chars(ALNUM, 5), ".", chars(URLSAFE, 38)),
    "shopify": join("shpat_", HEX32),
    "square": join("sq0atp-", chars(URLSAFE, 22)),
    "new relic": join("NRAK-", chars(UPPER + DIGITS, 27)),
    "vault": join("hvs.CAESI", chars(URLSAFE, 87)),
    "terraform cloud": join(chars(ALNUM, 14), ".atlasv1.", chars(ALNUM, 67)),
    "linear": join("lin_api_", chars(ALNUM, 40)),
    "notion": join("ntn_", chars(DIGITS, 11), chars(ALNUM, 35)),
    "atlassian": join("ATATT3xFfGF0", chars(URLSAFE, 171), "=", chars(UPPER + DIGITS, 8)),
    "facebook": join("EAA", chars(ALNUM, 160)),
    "dropbox": join("sl.", chars(URLSAFE, 135)),
    "age": join("AGE-SECRET-KEY-1", chars("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    "jwt": jwt,
    "grafana": join("glsa_", chars(ALNUM, 32), "_", chars(HEX, 8)),
    "databricks": join("dapi", HEX32),
    "postman": join("PMAK-", chars(HEX, 24), "-", chars(HEX, 34)),
    "tailscale": join("tskey-auth-", chars(ALNUM, 12), "-", chars(ALNUM, 32)),
    "airtable": join("pat", chars(ALNUM, 14), ".", HEX64),
    "sonarqube": join("squ_", HEX40),
    "rubygems": join("rubygems_", chars(HEX, 48)),
}

CONTEXTS: dict[str, tuple[Make, tuple[str, ...]]] = {
    "aws secret key": (
        base64_of(30),
        ("aws configure set aws_secret_access_key {s} --profile dev", "export AWS_SECRET_ACCESS_KEY={s}"),
    ),
    "mysql": (
        password,
        ("mysql -h db1 -u root -p{s} shop", "mysqldump --single-transaction -uroot -p{s} shop > x.sql"),
    ),
    "sshpass": (
        password,
        ("sshpass -p {s} ssh -p 2222 alice@host1 uptime", "sshpass -p{s} scp file alice@host1:/srv/"),
    ),
    "redis": (password, ("redis-cli -h cache1 -a {s} ping", "redis-cli -u redis://h -a {s} --scan")),
    "curl user": (
        plain_password,
        ("curl -u alice:{r} https://host1/api", "curl -fsSL --user {q}alice:{r}{q} https://host1/x"),
    ),
    "wget": (
        password,
        ("wget --user=alice --password={s} ftp://host1/f.tgz", "wget --http-password={s} https://host1/x"),
    ),
    "docker login": (
        password,
        ("docker login -u alice -p {s} registry.local", "docker login --username alice --password {s}"),
    ),
    "ldap": (password, ("ldapsearch -x -D cn=admin,dc=org -w {s} -b dc=org uid=alice",)),
    "smb": (plain_password, ("smbclient //host1/share -U alice%{r}", "rpcclient -U {q}CORP/alice%{r}{q} host1")),
    "mongo": (password, ("mongosh --host db1 -u admin -p {s} shop", "mongodump -u admin -p {s} --out dump")),
    "freerdp": (password, ("xfreerdp /u:alice /p:{s} /v:host1",)),
    "openssl": (
        password,
        ("openssl enc -aes-256-cbc -in a -out b -pass pass:{s}", "openssl rsa -in k.pem -passin pass:{s}"),
    ),
    "archive": (password, ("zip -r -P {s} out.zip dir", "7z a -p{s} out.7z dir", "unzip -P {s} in.zip")),
    "htpasswd": (password, ("htpasswd -bc .htpasswd alice {s}", "htpasswd -nbB alice {s}")),
    "chpasswd": (plain_password, ("echo alice:{r} | sudo chpasswd", "echo {q}alice:{r}{q} | chpasswd -e")),
    "sudo -S": (password, ("echo {s} | sudo -S apt-get update", "sudo -S systemctl restart nginx <<< {s}")),
    "password-stdin": (
        password,
        (
            "echo {s} | docker login -u alice --password-stdin",
            "printf '%s' {s} | helm registry login h --password-stdin",
        ),
    ),
    "kubectl": (
        password,
        (
            "kubectl create secret generic db --from-literal=password={s}",
            "kubectl -n web create secret generic k --from-literal=apikey={s}",
        ),
    ),
    "az": (password, ("az login --service-principal -u app1 -p {s} --tenant t1",)),
    "vault login": (join("s.", chars(ALNUM, 24)), ("vault login {s}", "VAULT_TOKEN={s} vault status")),
    "npm config": (
        uuid,
        ("npm config set //registry.local/:_authToken {s}", "npm config set //registry.local/:_authToken={s}"),
    ),
    "url": (
        plain_password,
        (
            "git clone https://alice:{r}@git.local/team/repo.git",
            "psql postgresql://app:{r}@db1:5432/shop",
            "curl ftp://alice:{r}@host1/f",
        ),
    ),
    "export": (
        password,
        ("export DB_PASSWORD={s}", "export GITHUB_TOKEN={s} && make release", "PGPASSWORD={s} psql -h db1 -U app shop"),
    ),
    "xonsh": (password, ("$API_TOKEN = {Q}", "$DB_PASSWORD={Q}", "${{'MAIL_PASSWORD'}} = {Q}")),
    "fish": (password, ("set -x SMTP_PASSWORD {s}", "set -gx API_TOKEN {s}")),
    "setx": (password, ("setx API_TOKEN {s}",)),
    "bearer": (
        chars(ALNUM, 20, 60),
        ('curl -H "Authorization: Bearer {r}" https://host1/', "http GET host1 'Authorization: Bearer {r}'"),
    ),
    "basic": (
        basic,
        (
            'curl -H "Authorization: Basic {r}" https://host1/',
            "wget --header='Authorization: Basic {r}' https://host1/",
        ),
    ),
    "api key header": (
        HEX32,
        (
            'curl -H "X-Api-Key: {r}" https://host1/',
            "curl -H 'DD-API-KEY: {r}' https://api.datadoghq.com/api/v1/validate",
        ),
    ),
    "query": (
        chars(ALNUM, 16, 40),
        ("curl 'https://host1/x?page=2&access_token={r}&n=1'", 'wget "https://host1/x?api_key={r}"'),
    ),
    "sas": (base64_of(32), ("azcopy cp f 'https://a.blob.core.windows.net/c?sv=2022-11-02&sp=rw&sig={r}'",)),
    "json": (
        password,
        (
            "curl -d {J} https://host1/login",
            "curl -X POST -H 'Content-Type: application/json' --data {J} https://host1/",
        ),
    ),
    "connection string": (
        base64_of(64),
        ("az storage blob list --connection-string 'AccountName=a1;AccountKey={r};EndpointSuffix=core.windows.net'",),
    ),
    "sql server": (
        plain_password,
        (
            "dotnet run --db 'Server=db1;User Id=sa;Password={r};Encrypt=true'",
            "sqlcmd -S db1 -U sa -P {s} -Q 'select 1'",
        ),
    ),
    "datadog": (
        HEX32,
        ("DD_API_KEY={s} datadog-agent check", "helm install dd datadog/datadog --set datadog.apiKey={s}"),
    ),
    "cloudflare": (chars(URLSAFE, 40), ("export CLOUDFLARE_API_TOKEN={s}", "CF_API_KEY={s} flarectl zone list")),
    "fastly": (
        chars(URLSAFE, 32),
        ("fastly service list --token {s}", "curl -H 'Fastly-Key: {r}1a' https://api.fastly.com/service"),
    ),
    "okta": (join("00", chars(URLSAFE, 40)), ("curl -H 'Authorization: SSWS {r}' https://org.okta.com/api/v1/users",)),
    "pagerduty": (
        join("u+", chars(ALNUM, 18)),
        ("curl -H 'Authorization: Token token={r}' https://api.pagerduty.com/users",),
    ),
    "sentry": (HEX32, ("SENTRY_DSN=https://{r}@o4501.ingest.sentry.io/450123 ./run",)),
    "slack webhook": (
        join("T", chars(UPPER + DIGITS, 8), "/B", chars(UPPER + DIGITS, 10), "/", chars(ALNUM, 24)),
        ('curl -d \'{{"text":"hi"}}\' https://hooks.slack.com/services/{r}',),
    ),
    "discord webhook": (
        chars(URLSAFE, 68),
        ("curl -F content=hi https://discord.com/api/webhooks/1023456789012345678/{r}",),
    ),
    "private key": (
        key_body,
        (
            "echo '-----BEGIN EC PRIVATE KEY-----{r}-----END EC PRIVATE KEY-----' > id",
            "ssh-add - <<< '-----BEGIN RSA PRIVATE KEY-----{r}-----END RSA PRIVATE KEY-----'",
        ),
    ),
    "pgp key": (
        key_body,
        ("echo '-----BEGIN PGP PRIVATE KEY BLOCK-----{r}-----END PGP PRIVATE KEY BLOCK-----' | gpg --import",),
    ),
    "gpg": (password, ("gpg --batch --passphrase {s} -c notes.txt", "gpg --passphrase={s} -d notes.gpg")),
    "keytool": (password, ("keytool -list -keystore a.jks -storepass {s}",)),
    "git token": (
        chars(ALNUM, 40),
        ("git config --global github.token {s}", "git clone https://{r}@github.com/team/repo.git"),
    ),
    "mount": (plain_password, ("mount -t cifs -o username=alice,password={r},uid=1000 //host1/s /mnt",)),
    "sql": (
        plain_password,
        ("mysql -e \"CREATE USER alice IDENTIFIED BY '{r}'\"", "psql -c \"ALTER ROLE app WITH PASSWORD '{r}'\""),
    ),
    "wifi": (password, ("nmcli dev wifi connect Home password {s}",)),
    "terraform": (password, ("terraform apply -var {q}db_password={r}{q}", "TF_VAR_admin_password={s} terraform plan")),
    "compose": (
        password,
        (
            "docker run -d -e {q}POSTGRES_PASSWORD={r}{q} postgres:16",
            "docker run -d -e MYSQL_ROOT_PASSWORD={s} mysql:8",
        ),
    ),
}

WRAPPERS = (
    "{}",
    "{}",
    "{}",
    "{}",
    "sudo {}",
    "time {}",
    "env LANG=C {}",
    "cd /srv/app && {}",
    "{} | tee out.log",
    "{}; echo done",
    "{} 2>&1 | less",
    "( {} )",
    "nohup {} &",
    "{} > /dev/null",
    "if true; then {}; fi",
    "{}  # once",
    "ssh host9 {nested}",
    "bash -c {nested}",
)


def quoted(text: str, rng: random.Random) -> str:
    """`text` as one shell word, in one of the styles that keep it what it is."""
    styles = ["'" + text + "'"] if "'" not in text else []
    if not set(text) & set('"$`\\!'):
        styles.append('"' + text + '"')
    if set(text) <= set(ALNUM + "_.+=/:@%,-") and "=" not in text[:-2]:
        styles.append(text)
    return rng.choice(styles)


def wrapped(line: str, rng: random.Random) -> str:
    wrapper = rng.choice(WRAPPERS)
    if "{nested}" not in wrapper:
        return wrapper.format(line)
    quote = "'" if "'" not in line else '"'
    return wrapper.format(nested=quote + line + quote) if quote not in line else line


def canary(family: str, rng: random.Random) -> Canary:
    make, templates = FAMILIES[family]
    secret, template, quote = make(rng), rng.choice(templates), rng.choice("'\"")
    line = template.format(
        r=secret,
        s=quoted(secret, rng),
        q="'" if set(secret) & set('"$`\\! ') else quote,
        Q=repr(secret),
        J="'" + json.dumps({"user": "alice", "password": secret, "remember": True}) + "'",
    )
    return Canary(family, line if family == "xonsh" else wrapped(line, rng), secret)


FAMILIES: dict[str, tuple[Make, tuple[str, ...]]] = {
    family: (make, ANYWHERE) for family, make in TOKENS.items()
} | CONTEXTS


def canaries(count: int, seed: int) -> list[Canary]:
    """`count` canaries, each family as often as any other; the same for the same seed."""
    rng = random.Random(seed)
    families = sorted(FAMILIES)
    return [canary(family, rng) for family in islice(cycle(families), count)]
