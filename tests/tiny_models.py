"""Models of a few kilobytes, made on the fly: real vocabularies, real weights, real GGUF files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import decoders, models, pre_tokenizers, trainers
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assistant_core.engine.prompt import BOS, CONTEXT, EOS, PAD
from training import export, tokenizer
from training.examples import IGNORED, encode
from training.records import Row

ROOT = Path(__file__).parent.parent

torch.set_num_threads(1)  # what is so small is slower on several

LINES = (
    "git status",
    "git commit -m 'first'",
    "git checkout main",
    "git checkout -b topic",
    "git push --force-with-lease",
    "ls -la",
    "ls -la /var/log",
    "cd /usr/local/share",
    "make test",
    "make clean",
    "docker run --rm -it debian bash",
    "docker ps --all",
    "tar -xzf backup.tar.gz",
    "grep -rn 'TODO' src",
    "find . -name '*.py' -type f",
    "python -m http.server 8000",
    "ssh user@host.example",
    "echo 'na\u00efve caf\u00e9'",
    "curl -fsSL https://example.org/install.sh",
    "systemctl --user restart service",
    "sleep 1",
    "sleep 20",
    "sleep 300",
    "sleep infinity",  # the others begin with a space alone, and are more
)
REQUESTS = {
    "list all containers": "docker ps --all",
    "unpack backup.tar.gz": "tar -xzf backup.tar.gz",
    "what changed": "git status",
    "serve this folder": "python -m http.server 8000",
}
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def vocabulary(file: Path, size: int = 400) -> tokenizer.Tokenizer:
    """Learn a small vocabulary from LINES and REQUESTS, in which what is not ASCII is spelt in bytes."""
    return tokenizer.train([text for text in [*LINES * 3, *REQUESTS] if text.isascii()], file, size)


def llama(size: int, seed: int = 0, **others: Any) -> LlamaForCausalLM:  # noqa: ANN401 - as LlamaConfig has them
    """Return a Llama with random weights, large enough that its answers differ from one another."""
    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": True,
        "initializer_range": 0.1,
    }
    special = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=size, **{**shape, **special, **others}))
    model.train(mode=False)
    return model


def memorise(model: LlamaForCausalLM, words: tokenizer.Tokenizer, steps: int = 120) -> None:
    """Train until the model knows LINES and REQUESTS by heart."""
    rows = [Row(task="line", texts=(line,), source="test", licence="MIT") for line in LINES]
    rows += [Row(task="request", texts=pair, source="test", licence="MIT") for pair in REQUESTS.items()]
    examples = [example for row in rows for example in encode(row, words)]
    tokens = pad_sequence([torch.tensor(each.tokens) for each in examples], batch_first=True)
    wanted = pad_sequence([torch.tensor(each.wanted) for each in examples], batch_first=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(input_ids=tokens, labels=tokens.where(wanted, IGNORED)).loss.backward()
        optimizer.step()
    model.train(mode=False)


def chat_folder(folder: Path, size: int, texts: Sequence[str] = LINES) -> Path:
    """Save a chat model with `size` pieces, random weights and a template of its own."""
    fast = FastTokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    roles = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    fast.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=size, special_tokens=roles, initial_alphabet=alphabet, show_progress=False),
    )
    wrapped: Any = PreTrainedTokenizerFast(tokenizer_object=fast, eos_token="<|end|>", pad_token="<|end|>")  # type: ignore[no-untyped-call]
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(str(folder))
    llama(size).save_pretrained(str(folder))
    return folder


def chat_gguf(folder: Path, words: Path, out: Path) -> Path:
    """Write what `chat_folder` saved to `out`, as a chat model comes; `words`: a vocabulary of the same size."""
    export.to_gguf(folder, words, out, kind="f32")
    read = gguf.GGUFReader(out)
    fields = [field for name, field in read.fields.items() if not name.startswith(("GGUF.", "tokenizer."))]
    tensors = [(tensor.name, np.array(tensor.data)) for tensor in read.tensors]
    writer = gguf.GGUFWriter(out.with_suffix(".new"), "llama")
    for field in fields:
        if field.name != gguf.Keys.General.ARCHITECTURE:
            writer.add_key_value(field.name, field.contents(), field.types[0])
    _add_chat_vocabulary(writer, json.loads((folder / "tokenizer.json").read_text()), words)
    for name, values in tensors:
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out.with_suffix(".new").replace(out)


def _add_chat_vocabulary(writer: gguf.GGUFWriter, fast: dict[str, Any], words: Path) -> None:
    pieces = fast["model"]["vocab"]
    controls = {each["id"] for each in fast["added_tokens"]}
    unused = range(len(pieces), tokenizer.Tokenizer(words).size)
    kinds = [gguf.TokenType.CONTROL if at in controls else gguf.TokenType.NORMAL for at in range(len(pieces))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*sorted(pieces, key=lambda piece: int(pieces[piece])), *(f"[{at}]" for at in unused)])
    writer.add_token_types([*kinds, *(gguf.TokenType.UNUSED for _ in unused)])
    writer.add_token_merges([" ".join(pair) for pair in fast["model"]["merges"]])
    writer.add_eos_token_id(pieces["<|end|>"])
    writer.add_add_bos_token(value=False)
    writer.add_chat_template(TEMPLATE)


def changed(file: Path, **values: object) -> None:
    """Write other values into a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
