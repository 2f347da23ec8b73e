"""Own made-up models that look real in a list: true headers, no weights behind them."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.gguf_writer import GgufWriter, Lies

# name: (number of enum ggml_type, elements per block, bytes per block, number of enum llama_ftype)
_KINDS = {
    "F16": (1, 1, 2, 1),
    "Q8_0": (8, 32, 34, 7),
    "Q4_K_M": (12, 256, 144, 15),
    "Q5_K_M": (13, 256, 176, 17),
    "Q6_K": (14, 256, 210, 18),
}
_WIDTH = 4096


def fake_model(
    path: Path,
    name: str,
    quantization: str,
    billions: float,
    *,
    architecture: str = "llama",
    context: int = 131072,
) -> Path:
    """A model whose header is right and whose weights are a hole in a sparse file."""
    type_id, block, block_bytes, ftype = _KINDS[quantization]
    rows = round(billions * 1e9 / _WIDTH)
    writer = GgufWriter()
    keys: dict[str, int | str] = {
        "general.architecture": architecture, "general.type": "model", "general.name": name,
        "general.file_type": ftype, "general.license": "apache-2.0",
        f"{architecture}.block_count": 32, f"{architecture}.context_length": context,
        f"{architecture}.embedding_length": _WIDTH, f"{architecture}.feed_forward_length": 14336,
        f"{architecture}.attention.head_count": 32, f"{architecture}.attention.head_count_kv": 8,
        f"{architecture}.vocab_size": 128256, "tokenizer.ggml.model": "gpt2",
        "tokenizer.chat_template": "{{ messages }}",
    }  # fmt: skip
    for key, value in keys.items():
        writer.add(key, value)
    writer.add_tensor("token_embd.weight", (1,))
    content = writer.to_bytes(Lies(dims=(_WIDTH, rows), type_id=type_id))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.truncate(path, len(content) + _WIDTH * rows // block * block_bytes)
    return path


def fill_home(home: Path, real: Path | None) -> None:
    """Give a user's folder what some programs would have left there."""
    studio, llama = home / ".lmstudio" / "models", home / ".cache" / "llama.cpp"
    meta = studio / "bartowski" / "Meta-Llama-3.1-8B-Instruct-GGUF"
    for kind in ("Q4_K_M", "Q6_K", "Q8_0", "F16"):
        fake_model(meta / f"Meta-Llama-3.1-8B-Instruct-{kind}.gguf", "Meta Llama 3.1 8B Instruct", kind, 8.03)
    qwen = studio / "Qwen" / "Qwen2.5-7B-Instruct-GGUF"
    for kind in ("Q4_K_M", "Q5_K_M"):
        fake_model(
            qwen / f"qwen2.5-7b-instruct-{kind.lower()}.gguf", "Qwen2.5 7B Instruct", kind, 7.62,
            architecture="qwen2", context=32768,
        )  # fmt: skip
    fake_model(llama / "mistral-nemo-12b-q5_k_m.gguf", "Mistral Nemo Instruct 2407", "Q5_K_M", 12.2)
    fake_model(
        llama / "gemma-2-2b-it-Q8_0.gguf", "Gemma 2 2b It", "Q8_0", 2.61, architecture="gemma2", context=8192
    )
    fake_model(
        llama / "qwen2.5-32b-instruct-q4_k_m.gguf",
        "Qwen2.5 32B Instruct",
        "Q4_K_M",
        32.8,
        architecture="qwen2",
    )
    (llama / "phi-4-Q4_K_M.gguf").write_bytes(
        (meta / "Meta-Llama-3.1-8B-Instruct-Q8_0.gguf").open("rb").read(300)
    )
    (studio / "page.gguf").write_text("<!DOCTYPE html>")
    writer = GgufWriter().add("general.architecture", "clip").add("general.type", "mmproj")
    writer.add("general.name", "Qwen2 VL 7B Instruct").add_tensor("v.weight", (64, 64))
    writer.write(studio / "mmproj-qwen2-vl-7b.gguf")
    if real is not None:
        folder = home / ".cache" / "huggingface" / "hub" / "models--smollm2" / "snapshots" / "1"
        folder.mkdir(parents=True)
        (folder / real.name).symlink_to(real)
