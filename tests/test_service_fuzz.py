"""Whatever comes over the socket, the service keeps answering."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from service_process import HELLO, Raw, places_in, start, status

from assistant_core.service import lifecycle
from assistant_core.service.client import Client
from assistant_core.service.methods import METHODS
from assistant_core.settings import Paths

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
METHOD = some.sampled_from([name for name in METHODS if name != "shutdown"]) | some.text(max_size=10)
FIELDS = some.dictionaries(
    some.sampled_from(["text", "line", "limit", "session", "id", "token", "protocol", "author", "cwd"]), JSON
)
REQUEST = some.fixed_dictionaries(
    {"jsonrpc": some.just("2.0"), "method": METHOD}, optional={"id": JSON, "params": FIELDS | JSON}
)
LINE = some.binary(max_size=200) | JSON.map(msgspec.json.encode) | REQUEST.map(msgspec.json.encode)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    places = places_in(tmp_path_factory.mktemp("fuzz"))
    yield places
    lifecycle.stop(places)


@pytest.fixture(scope="module")
def client(places: Paths) -> Iterator[Client]:
    client = start(places)
    yield client
    client.close()


@pytest.mark.parametrize("initialized", [False, True])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=some.lists(LINE, max_size=8))
def test_it_keeps_answering(places: Paths, client: Client, initialized: bool, lines: list[bytes]) -> None:  # noqa: FBT001 - a cell of the table
    pid = status(client).pid
    raw = Raw(places.socket, initialized=initialized)
    raw.send(b"\n".join([b"", *lines, b""]))
    raw.send(b'{"jsonrpc":"2.0","id":"the end","method":"initialize","params":%b}\n' % msgspec.json.encode(HELLO))
    while (answer := raw.read())["id"] != "the end":
        assert answer["jsonrpc"] == "2.0"
        assert ("result" in answer) != ("error" in answer)
    assert answer["result"]["pid"] == pid
    raw.close()
    assert status(client).pid == pid
