"""Own the grammar of what is done with model files: their quality, and smaller ones made of them."""

from __future__ import annotations

import argparse
from typing import Final

from tunesmith.cli.fleet_parser import Add, Commands

CACHE_TYPES: Final = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


def add_files(add: Add, commands: Commands[argparse.ArgumentParser]) -> None:
    """The commands.

    Args:
        add: adds a command that has the options of every command.
        commands: what to add to.
    """
    _add_quality(add, commands)
    _add_quantize(add, commands)


def _add_quality(add: Add, commands: Commands[argparse.ArgumentParser]) -> None:
    quality = add(commands, "quality", "measure what a quantization or a cache type costs in quality")
    quality.add_argument("model", metavar="MODEL", help="a GGUF file, or any shard of one")
    quality.add_argument(
        "--against", metavar="SOURCE",
        help="the file it was quantized from; itself with an f16 cache if left out",
    )  # fmt: skip
    for name in ("k", "v"):
        quality.add_argument(
            f"-ct{name}", f"--cache-type-{name}", choices=CACHE_TYPES, metavar="TYPE",
            help=f"cache type of {name.upper()}; f16",
        )  # fmt: skip
    text = quality.add_argument_group("what is read")
    text.add_argument("--text", metavar="FILE", help="UTF-8; prose, code and German that ship with Tunesmith")
    text.add_argument("--chunks", type=int, default=40, metavar="N", help="only so many chunks of it; 40")
    text.add_argument("-c", "--ctx-size", type=int, default=512, metavar="N", help="tokens of a chunk; 512")
    limits = quality.add_argument_group("limits")
    limits.add_argument(
        "--max-kld", type=float, metavar="KLD",
        help="stop when it is clear whether the mean is at most this; exit code 4 if it is not",
    )  # fmt: skip
    limits.add_argument(
        "--base-limit", metavar="SIZE",
        help="room on the disk for what sources predict, kept for later runs; 8GiB",
    )  # fmt: skip


def _add_quantize(add: Add, commands: Commands[argparse.ArgumentParser]) -> None:
    quantize = add(commands, "quantize", "make smaller files of a model in full precision")
    quantize.add_argument("model", metavar="MODEL", help="an F16, BF16 or F32 file; Q8_0 with a warning")
    quantize.add_argument(
        "--type", action="append", required=True, metavar="TYPE",
        help="such as Q4_K_M; repeatable, or several divided by commas; ladder is eight of them",
    )  # fmt: skip
    quantize.add_argument("--output", metavar="FOLDER", help="where the files go; beside MODEL")
    quantize.add_argument(
        "--tensor-type", action="append", default=[], metavar="PATTERN=TYPE",
        help="the type of tensors whose names fit a regular expression, such as ffn_down=Q6_K; repeatable",
    )  # fmt: skip
    quantize.add_argument(
        "--imatrix", metavar="FILE|compute",
        help="an importance matrix, or have one made by reading a text with MODEL",
    )  # fmt: skip
    quantize.add_argument("--text", metavar="FILE", help="the text for it; the one that ships with Tunesmith")
    quantize.add_argument(
        "--allow-requantize", action="store_true",
        help="also from a file that is quantized already, which costs quality twice",
    )  # fmt: skip
