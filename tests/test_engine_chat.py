"""A chat model asked for lines, with and without an adapter of the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import chat_models
import pytest
import tiny_models
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from assistant_core.engine import adapted, chat, template
from assistant_core.engine.adapted import Adapted
from assistant_core.engine.chat_model import LENGTH, PROMPT, ChatModel, meant
from assistant_core.engine.llm import Place
from assistant_core.errors import ModelError
from assistant_core.settings import Paths
from training import export

# peft asks transformers for a name that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

PLACE = Place("/home/ann", "ann", "box")
FEED, REST = chat.request("feed the zebra"), chat.request("rest")


@pytest.fixture
def model(chat_: chat_models.Chat) -> Iterator[ChatModel]:
    with closing(ChatModel(chat_.gguf)) as model:
        yield model


def first(paths: Paths, chat_: chat_models.Chat, scale: float, messages: list[chat.Message]) -> tuple[str, str, str]:
    with closing(Adapted(paths, str(chat_.gguf), scale)) as model:
        lines, version, note = model.lines(messages, PLACE)
        return lines[0][0], version, note


@pytest.mark.parametrize(("request_", "line"), chat_models.KNOWN.items())
def test_what_a_chat_model_knows_it_says_in_one_line(model: ChatModel, request_: str, line: str) -> None:
    said = model.lines(chat.request(request_))
    assert said[0][0] == line
    assert said == sorted(said, key=lambda each: -each[1])
    assert len({text for text, _ in said}) == len(said)
    assert model.lines(chat.request(request_), count=1) == said[:1]


def test_long_lines_count_as_much_as_short_ones(chat_: chat_models.Chat, model: ChatModel) -> None:
    fast: Any = AutoTokenizer.from_pretrained(chat_.folder)
    torch_model: Any = LlamaForCausalLM.from_pretrained(chat_.folder)
    prompt = model.prompt(FEED)
    for line, score in model.lines(FEED):
        tokens = fast.encode(line, add_special_tokens=False)
        with torch.no_grad():
            rows = torch_model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 :].log_softmax(-1)
        said = [float(row[token]) for row, token in zip(rows, tokens, strict=False)]
        ends = [token for token in range(len(fast)) if fast.decode([token]).startswith(("\n", "```", "<|end|>"))]
        said.append(float(rows[-1, ends].logsumexp(0)))
        assert score == pytest.approx(LENGTH * sum(said) / len(said), abs=0.05)


@pytest.mark.parametrize("text", ["feed the zebra", "na\u00efve \U0001f980", " spaces \n and lines", "", "<|end|>"])
def test_a_question_reads_as_it_did_in_training(chat_: chat_models.Chat, model: ChatModel, text: str) -> None:
    fast: Any = AutoTokenizer.from_pretrained(chat_.folder)
    question = fast.apply_chat_template(chat.request(text), tokenize=False, add_generation_prompt=True)
    assert model.prompt(chat.request(text)) == fast.encode(question + chat.OPEN, add_special_tokens=False)


def test_what_is_too_long_gets_no_line(model: ChatModel) -> None:
    assert model.lines(chat.request("feed the zebra " * PROMPT)) == []
    assert model.lines(FEED)[0][0] == chat_models.KNOWN["feed the zebra"]


def test_who_was_cancelled_or_is_late_says_nothing_until_asked_again(model: ChatModel) -> None:
    model.cancel()
    assert model.lines(FEED) == []
    model.begin()
    assert model.lines(FEED, deadline_s=0) == []
    assert model.lines(FEED) != []


def test_what_is_no_chat_model_is_refused(tmp_path: Path) -> None:
    words = tiny_models.vocabulary(tmp_path / "tokenizer.model")
    tiny_models.llama(words.size).save_pretrained(tmp_path)
    export.to_gguf(tmp_path, words.file, tmp_path / "plain.gguf", kind="f32")
    with pytest.raises(ModelError, match=r"plain\.gguf: this model has no chat template; name one"):
        ChatModel(tmp_path / "plain.gguf")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% for m in messages %}", "cannot be used .jinja2.exceptions.TemplateSyntaxError"),
        ("{{ raise_exception('no system here') }}", "cannot be used .ValueError: no system here"),
        ("{{ messages[0].role.missing.deeper }}", "cannot be used .jinja2.exceptions.UndefinedError"),
        ("{{ 1 / 0 }}", "cannot be used .ZeroDivisionError"),
        ("{{ messages[0].content.__class__.__mro__ }}", "cannot be used .jinja2.exceptions.SecurityError"),
        ("{{ 'a' * 3000000000 }}", "cannot be used .MemoryError"),
        ("{{ 10 ** (10 ** 9) }}{{ messages[1].content }}", "takes more than 1 s"),
        ("{% for i in range(9999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "takes more than 1 s"),
        ("what to do?", "tells a question 0 times, expected once"),
        ("{{ messages[1].content }}{{ messages[1].content }}", "tells a question 2 times"),
        ("{{ 'word ' * 900 }}{{ messages[1].content }}", "takes [0-9]+ tokens, expected 512 at most"),
    ],
)
def test_a_template_that_cannot_be_used_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setattr(tiny_models, "TEMPLATE", text)
    monkeypatch.setattr(template, "SECONDS", 1)
    words = tiny_models.vocabulary(tmp_path / "tokenizer.model")
    tiny_models.chat_folder(tmp_path, words.size)
    gguf = tiny_models.chat_gguf(tmp_path, words.file, tmp_path / "odd.gguf")
    with pytest.raises(ModelError, match=reason):
        ChatModel(gguf)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (" ls ", "ls"),
        ("$ ls", "ls"),
        ("`ls`", "ls"),
        ("echo `date`", "echo `date`"),
        ("`which ls` `pwd`", "`which ls` `pwd`"),
        ("ls g`*.py`", "ls g`*.py`"),
        ("# list files", ""),
        ("", ""),
    ],
)
def test_what_is_no_part_of_a_line_is_taken_off(said: str, line: str) -> None:
    assert meant(said) == line


def test_an_adapter_answers_as_far_as_the_dial_says(paths: Paths, chat_: chat_models.Chat, adapter: Path) -> None:
    bare = first(paths, chat_, 1.0, FEED)
    assert bare == (chat_models.KNOWN["feed the zebra"], "", "")
    chat_models.install(paths, chat_.gguf, adapter)
    assert first(paths, chat_, 1.0, FEED) == ("zebra feed --by ann", "a1", "")
    assert first(paths, chat_, 1.0, REST) == ("yak nap", "a1", "")
    assert first(paths, chat_, 0.05, FEED)[::2] == (chat_models.KNOWN["feed the zebra"], "")
    assert first(paths, chat_, 0.0, FEED) == bare


def test_an_adapter_is_put_on_its_own_model_alone(
    paths: Paths, chat_: chat_models.Chat, adapter: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(chat_.gguf.read_bytes())
    chat_models.install(paths, adapter, adapter)
    line, version, note = first(paths, chat_, 1.0, FEED)
    assert (line, version) == (chat_models.KNOWN["feed the zebra"], "")
    assert "answers without your adapter: a1 was made for another chat model" in note
    chat_models.install(paths, other, adapter, "a2")  # the same bytes elsewhere are the same model
    assert first(paths, chat_, 1.0, FEED)[1:] == ("a2", "")
    (paths.models / "adapter" / "a2" / "adapter.gguf").write_bytes(b"damaged")
    assert "adapter.gguf is damaged" in first(paths, chat_, 1.0, FEED)[2]


def test_a_file_that_changes_is_read_anew_before_it_is_touched(
    paths: Paths, chat_: chat_models.Chat, tmp_path: Path
) -> None:
    file = tmp_path / "copy.gguf"
    file.write_bytes(chat_.gguf.read_bytes())
    with closing(Adapted(paths, str(file), 1.0)) as model:
        line = model.lines(FEED, PLACE).lines[0][0]
        file.write_bytes(chat_.gguf.read_bytes())
        assert model.lines(FEED, PLACE).lines[0][0] == line
        os.truncate(file, 5000)
        with pytest.raises(ModelError, match="is not a model that"):
            model.warm(FEED)
        with pytest.raises(ModelError, match="is not a model that"):
            model.lines(FEED, PLACE)


@pytest.mark.parametrize(("free", "refused"), [("12 kB", True), ("12345678 kB", False), ("none", False), ("", False)])
def test_what_memory_does_not_hold_is_not_read(  # noqa: PLR0913, PLR0917 - fixtures and a row of the table
    paths: Paths,
    chat_: chat_models.Chat,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free: str,
    refused: bool,  # noqa: FBT001 - a cell of the table
) -> None:
    monkeypatch.setattr(adapted, "MEMORY", tmp_path / "meminfo")
    if free:
        (tmp_path / "meminfo").write_text(f"MemTotal:  99 kB\nMemAvailable:   {free}\nBuffers: 1 kB\n")
    if refused:
        with pytest.raises(ModelError, match=r"needs 0\.0 GB of memory, and 0\.0 GB are available; name a smaller"):
            Adapted(paths, str(chat_.gguf), 1.0)
    else:
        Adapted(paths, str(chat_.gguf), 1.0).close()


@pytest.mark.parametrize("name", ["/nowhere/chat.gguf", "~nobody-at-all/chat.gguf", "/", "chat.gguf"])
def test_a_file_that_is_not_there_is_named(paths: Paths, name: str) -> None:
    with pytest.raises(ModelError, match=f"models.chat is '{name}'"):
        Adapted(paths, name, 1.0)
