"""Own the comparison of ``tunesmith quality`` with llama-perplexity, on the same text and chunks.

    python -m tests.benchmarks.quality_agreement --tool llama-perplexity --source F16.gguf Q8_0.gguf Q2_K.gguf

The tool must be of the llama.cpp that the binding holds. Printed is what each says, in all the tool's digits;
``--out FILE.json`` keeps it, added to what is there. Top-1 agreement and perplexity must be equal in all
digits, divergences in five.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tunesmith import assets
from tunesmith.services.quality import SHIPPED_TEXT

LINES: Final = {
    "mean_kld": (r"Mean\s+KLD:\s+(\S+)", 6),
    "median_kld": (r"Median\s+KLD:\s+(\S+)", 6),
    "p99_kld": (r"99\.0%\s+KLD:\s+(\S+)", 6),
    "max_kld": (r"Maximum KLD:\s+(\S+)", 6),
    "top1_agreement": (r"Same top p:\s+(\S+)", 3),
    "perplexity": (r"Mean PPL\(Q\)\s+:\s+(\S+)", 6),
    "source_perplexity": (r"Mean PPL\(base\)\s+:\s+(\S+)", 6),
    "perplexity_ratio": (r"Mean PPL\(Q\)/PPL\(base\)\s+:\s+(\S+)", 6),
}
"""Where the tool says it, and to how many decimals."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table for each candidate; 1 if something differs that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", nargs="*", type=Path)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--report", type=Path, help="only print an earlier record, in Markdown")
    parser.add_argument("--tool", default="llama-perplexity")
    parser.add_argument("--text", type=Path, default=assets.resource(SHIPPED_TEXT))
    parser.add_argument("--chunks", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a record in JSON, added to")
    options = parser.parse_args(arguments)
    if options.report:
        print(render(json.loads(options.report.read_text("utf-8"))))
        return 0
    if options.source is None or not options.candidates:
        parser.error("--source and candidates are needed")
    agreed = True
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "base")
        _tool(options, options.source, base, "-f", str(options.text))
        for candidate in options.candidates:
            theirs, their_seconds = _tool(options, candidate, base, "--kl-divergence")
            ours, our_seconds = _ours(options, candidate)
            agreed &= _table(candidate, theirs, ours)
            print(
                f"seconds: tool {their_seconds:.1f}, Tunesmith {our_seconds:.1f}, loading included\n",
                flush=True,
            )
            if options.out:
                _keep(options, candidate, theirs, ours)
    return 0 if agreed else 1


def _tool(options: argparse.Namespace, model: Path, base: Path, *more: str) -> tuple[str, float]:
    command = [
        options.tool, "-m", str(model), "--kl-divergence-base", str(base), "--chunks", str(options.chunks),
        "-c", "512", "-b", "512", "-t", str(options.threads), *more,
    ]  # fmt: skip
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr, time.monotonic() - begun


def _ours(options: argparse.Namespace, model: Path) -> tuple[dict[str, Any], float]:
    command = [
        sys.executable, "-m", "tunesmith", "quality", str(model), "--against", str(options.source),
        "--text", str(options.text), "--chunks", str(options.chunks), "--json", "--quiet",
    ]  # fmt: skip
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), time.monotonic() - begun


def read_tool(output: str) -> dict[str, str]:
    """What the tool says of each measure, digit by digit.

    Raises:
        SystemExit: it does not say one of them.
    """
    said = {}
    for name, (pattern, _) in LINES.items():
        found = re.search(pattern, output)
        if found is None:
            msg = f"the tool does not say {name}"
            raise SystemExit(msg)
        said[name] = found[1]
    return said


def own_digits(document: dict[str, Any]) -> dict[str, str]:
    """What ours says, in as many digits; shares in percent."""
    return {
        name: f"{document[name]['value'] * (100 if name == 'top1_agreement' else 1):.{decimals}f}"
        for name, (_, decimals) in LINES.items()
    }


def agrees(name: str, tool: str, own: str) -> bool:
    """Whether a measure agrees as far as it must: divergences to five digits, the rest in all."""
    if name.endswith("_kld"):
        return f"{float(tool):.5g}" == f"{float(own):.5g}" or abs(float(own) - float(tool)) <= 1.01e-6
    return tool == own


def render(record: list[dict[str, Any]]) -> str:
    """A record in Markdown: where both say the same, it stands once."""
    lines = [
        f"| against its F16 | chunks | {' | '.join(name.replace('_', ' ') for name in LINES)} |",
        f"|---|---|{'---|' * len(LINES)}",
    ]
    for one in record:
        cells = [
            said if said == (own := one["tunesmith"][name]) else f"{said}, ours {own}"
            for name, said in one["tool"].items()
        ]
        lines.append(f"| {one['candidate']} | {one['chunks']} | {' | '.join(cells)} |")
    same = sum(one["tool"][name] == one["tunesmith"][name] for one in record for name in LINES)
    return "\n".join(
        (*lines, "", f"{same} of {len(record) * len(LINES)} figures are the same in all digits.")
    )


def _table(candidate: Path, theirs: str, ours: dict[str, Any]) -> bool:
    print(candidate.name)
    print(f"{'':20} {'llama-perplexity':>18} {'Tunesmith':>14}")
    said, own = read_tool(theirs), own_digits(ours)
    agreed = True
    for name in LINES:
        good = agrees(name, said[name], own[name])
        agreed &= good
        mark = "" if said[name] == own[name] else "last digit" if good else "differs"
        print(f"{name:20} {said[name]:>18} {own[name]:>14} {mark}")
    return agreed


def _keep(options: argparse.Namespace, candidate: Path, theirs: str, ours: dict[str, Any]) -> None:
    kept = json.loads(options.out.read_text("utf-8")) if options.out.exists() else []
    kept.append(
        {
            "candidate": candidate.name, "source": options.source.name, "text": options.text.name,
            "chunks": ours["chunks"], "tool": read_tool(theirs), "tunesmith": own_digits(ours),
        }
    )  # fmt: skip
    options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
