"""Own the command line's grammar; imports nothing heavy, so that --help is instant."""

from __future__ import annotations

import argparse
from typing import Final

from tunesmith import __version__
from tunesmith.cli.export_parser import add_cost_options, add_export_options
from tunesmith.cli.files_parser import add_files
from tunesmith.cli.fleet_parser import add_device_options, add_fleet
from tunesmith.cli.soak_parser import add_soak_options

EXIT_CODES: Final = """\
exit codes:
  0 done   1 unexpected fault   2 wrong usage   3 bad or missing model file
  4 nothing feasible under the constraints   5 the machine was too noisy to tell
  6 store, disk or permission   7 drifted, or a bad signature   130 interrupted"""

COMMANDS: Final = (
    "tune", "measure", "inspect", "machine", "devices", "doctor", "profiles", "survey", "quality",
    "quantize", "speculate", "soak", "cost", "export", "verify", "bundle", "keys", "fleet", "completion",
)  # fmt: skip
PRESETS: Final = ("chat", "long-document", "code-assistant", "batch", "small-edge-device")
OBJECTIVES: Final = (
    "response", "decode", "prefill", "throughput", "memory", "efficiency", "cost", "sustained",
)  # fmt: skip
EXPORTS: Final = (
    "llama-server", "preset-ini", "docker-run", "compose", "systemd", "quadlet", "kubernetes", "llama-swap",
    "ollama", "lm-studio", "koboldcpp", "python", "env", "json",
)  # fmt: skip
COMPLETIONS: Final = ("bash", "zsh", "fish", "tcsh", "powershell")
SHELLS: Final = ("posix", "powershell", "cmd")
LOAD_MODES: Final = ("auto", "none", "mmap", "mlock", "mmap+mlock", "dio")

SETTING_FLAGS: Final[tuple[tuple[str, tuple[str, ...], str, str], ...]] = (
    ("threads", ("-t", "--threads"), "N", "threads to decode"),
    ("threads_batch", ("-tb", "--threads-batch"), "N", "threads to prefill"),
    ("cpu_affinity", ("--cpu-range",), "LIST", "CPUs the threads may run on, such as 0-3,8"),
    ("n_ctx", ("-c", "--ctx-size", "--context"), "N", "context over all sequences, tokens"),
    ("n_batch", ("-b", "--batch-size"), "N", "logical batch size, tokens"),
    ("n_ubatch", ("-ub", "--ubatch-size"), "N", "physical batch size, tokens"),
    ("flash_attn", ("-fa", "--flash-attn"), "on|off|auto", "flash attention"),
    ("type_k", ("-ctk", "--cache-type-k"), "TYPE", "cache type of K"),
    ("type_v", ("-ctv", "--cache-type-v"), "TYPE", "cache type of V"),
    ("op_offload", ("--op-offload",), "on|off", "offload large operations to a device"),
    ("swa_full", ("--swa-full",), "on|off", "whole context for sliding-window layers"),
    ("n_gpu_layers", ("-ngl", "--n-gpu-layers"), "N", "layers on a device; -1 is all"),
    ("split_mode", ("-sm", "--split-mode"), "MODE", "none|layer|row|tensor: how devices divide the model"),
    ("main_gpu", ("-mg", "--main-gpu"), "N", "the one device with --split-mode none, from 0"),
    ("tensor_split", ("-ts", "--tensor-split"), "SHARES", "share of each device, such as 3,1"),
    ("n_cpu_moe", ("-ncmoe", "--n-cpu-moe"), "N", "experts of the first N layers stay in main memory"),
    ("n_cpu_ffn", ("-ncffn", "--n-cpu-ffn"), "N", "dense FFN weights of the first N layers stay there"),
    ("override_tensor", ("-ot", "--override-tensor"), "LIST", "where tensors lie, such as ffn_down=CPU"),
    ("offload_kqv", ("-kvo", "--kv-offload"), "on|off", "keep the cache of offloaded layers on devices"),
    ("no_host", ("--no-host",), "on|off", "bypass pinned memory, so that it can be repacked"),
    ("load_mode", ("--load-mode",), "MODE", "|".join(LOAD_MODES)),
    ("use_extra_bufts", ("--repack",), "on|off", "repack weights for the CPU"),
)
"""Setting, its flags, metavar and help: every setting but the number of sequences, which is --parallel, and
--rpc and --device, which other commands have too."""

USAGE: Final = """\
tunesmith [MODEL]
       tunesmith --headless MODEL [options]
       tunesmith COMMAND [options]
       tunesmith --self-test [MODEL]"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=100)


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    everywhere = _everywhere()
    parser = argparse.ArgumentParser(
        prog="tunesmith",
        usage=USAGE,
        description="Find the llama.cpp settings that run a local GGUF model best on this machine.",
        epilog=f"{EXIT_CODES}\n\n`tunesmith --headless MODEL` is `tunesmith tune MODEL`.",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tunesmith {__version__}")
    parser.add_argument("--headless", action="store_true", help="no window: tune MODEL, or run a command")
    parser.add_argument(
        "--self-test", nargs="?", const="", metavar="MODEL",
        help="try this installation on a model; the demo model if left out",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="tunesmith")
    _add_tune(commands, everywhere)
    _add_measure(commands, everywhere)
    _add_facts(commands, everywhere)
    _add_profiles(commands, everywhere)
    _add_survey(commands, everywhere)
    add_files(lambda to, name, summary: _add(to, name, summary, [everywhere]), commands)
    _add_speculate(commands, everywhere)
    add_fleet(
        lambda to, name, summary: _add(to, name, summary, [everywhere]),
        lambda to, name, summary: _add(to, name, summary, []),
        commands,
    )
    _add_soak(commands, everywhere)
    _add_cost(commands, everywhere)
    _add_export(commands, everywhere)
    completion = _add(commands, "completion", "print a shell completion script", [])
    completion.add_argument("shell", choices=COMPLETIONS)
    return parser


def _everywhere() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    group = parent.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", help="one JSON document on standard output")
    group.add_argument("--quiet", action="store_true", help="no progress")
    group.add_argument("--verbose", action="store_true", help="also say what goes on inside")
    group.add_argument("--store", metavar="PATH_OR_URL", help="where profiles and runs are kept")
    return parent


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    parents: list[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", parents=parents,
        formatter_class=_Formatter, epilog=EXIT_CODES, allow_abbrev=False,
    )  # fmt: skip


def _add_devices(command: argparse.ArgumentParser, *, only_rpc: bool = False) -> None:
    group = command.add_argument_group("devices")
    group.add_argument(
        "--rpc", metavar="HOST:PORT", action="append", default=[],
        help="use the devices of an RPC server; not encrypted, for trusted networks only; repeatable",
    )  # fmt: skip
    if not only_rpc:
        group.add_argument("--device", metavar="NAME", action="append", default=[],
                           help="put layers on this device only; repeatable")  # fmt: skip


def _add_tune(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    tune = _add(commands, "tune", "find and prove the best settings for a model", [everywhere])
    tune.add_argument("model", metavar="MODEL", help="a GGUF file, or any shard of one")
    what = tune.add_argument_group("what for")
    what.add_argument("--preset", metavar="NAME", help=f"{', '.join(PRESETS)} or one of your own; chat")
    what.add_argument(
        "--workload", metavar="SPEC", help="such as prompt=512,generate=128,depth=2048,parallel=1"
    )
    what.add_argument("--objective", choices=OBJECTIVES, help="what is made best; the preset's")
    what.add_argument("--max-slowdown", metavar="SHARE", help="for --objective memory: such as 0.05 or 5%%")
    what.add_argument(
        "--price", metavar="NAME=VALUE", action="append", default=[],
        help="for --objective cost: such as electricity=0.30,currency=EUR; as for tunesmith cost",
    )  # fmt: skip
    _add_devices(tune)
    add_device_options(tune)
    _add_energy(tune)
    limits = tune.add_argument_group("what must hold")
    limits.add_argument("--max-memory", metavar="SIZE", help="such as 6GiB")
    limits.add_argument("--max-ttft", metavar="TIME", help="time to first token, such as 500ms")
    limits.add_argument("--max-itl", metavar="TIME", help="inter-token latency, such as 50ms")
    limits.add_argument(
        "--max-quality-loss", metavar="KLD", type=float,
        help="0 keeps the cache at f16 or better; above 0 the cache types of --cache-types are tried, "
        "and with --quantization it is --max-kld",
    )  # fmt: skip
    files = tune.add_argument_group("which quantization, from a source in F16, BF16 or F32")
    files.add_argument(
        "--quantization", metavar="auto|TYPES",
        help="make and compare quantizations of MODEL, such as Q4_K_M,Q6_K; "
        "auto is a ladder and what is there",
    )  # fmt: skip
    files.add_argument("--max-kld", type=float, metavar="KLD", help="mean KL divergence at most; 0.05")
    files.add_argument("--min-top1", metavar="SHARE", help="top-1 agreement at least, such as 0.9 or 90%%")
    files.add_argument(
        "--max-perplexity-ratio", type=float, metavar="RATIO", help="such as 1.02: at most 2%% more"
    )
    files.add_argument(
        "--text", metavar="FILE", help="what quality is measured on; one that ships with Tunesmith"
    )
    files.add_argument("--chunks", type=int, default=None, metavar="N", help="only so many chunks of it; 40")
    files.add_argument(
        "--output", metavar="FOLDER", help="where files are made; MODEL-quantized beside MODEL"
    )
    files.add_argument("--keep-files", action="store_true", help="keep what was made and not picked")
    search = tune.add_argument_group("how it searches")
    search.add_argument("--budget", metavar="TIME", default="standard",
                        help="quick (90 s), standard (5 min), thorough (20 min) or seconds")  # fmt: skip
    search.add_argument("--vary", metavar="NAMES", help="only these settings, such as threads,ubatch")
    search.add_argument("--fix", metavar="NAME=VALUE", action="append", default=[], help="hold a setting")
    search.add_argument(
        "--baseline", metavar="FILE",
        help="settings to beat instead of llama.cpp's defaults: a preset INI, llama-swap, LM Studio, "
        ".kcpps or Ollama file",
    )  # fmt: skip
    search.add_argument(
        "--baseline-name", metavar="NAME", help="what FILE calls the model, if it has several"
    )
    search.add_argument("--cache-types", metavar="TYPES", help="cache types you accept; f16,q8_0")
    search.add_argument("--seed", type=int, default=1, metavar="N", help="of the order of measurements")
    search.add_argument(
        "--from-scratch", action="store_true", help="do not try the settings of earlier profiles first"
    )
    search.add_argument("--resume", nargs="?", const="latest", metavar="RUN",
                        help="go on with an interrupted run, measuring nothing twice")  # fmt: skip


def _add_measure(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    measure = _add(commands, "measure", "measure a model under given settings", [everywhere])
    measure.add_argument("model", metavar="MODEL", nargs="?", help="a GGUF file; the profile's if left out")
    measure.add_argument("--profile", metavar="ID", help="measure a stored profile again")
    work = measure.add_argument_group("workload")
    work.add_argument("--prompt", type=int, metavar="N", help="tokens to prefill; 512")
    work.add_argument("--generate", type=int, metavar="N", help="tokens to decode; 128")
    work.add_argument("--depth", type=int, metavar="N", help="tokens in the context before; 0")
    work.add_argument("--parallel", type=int, metavar="N", help="sequences at once; 1")
    work.add_argument("--repetitions", type=int, default=5, metavar="N", help="samples to take; 5")
    _add_energy(measure)
    _add_settings(measure)
    _add_devices(measure)


def _add_energy(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("energy")
    group.add_argument(
        "--load-watts", type=float, metavar="W",
        help="what the machine draws while it computes, where no sensor tells it; labelled as given",
    )  # fmt: skip
    group.add_argument("--idle-watts", type=float, metavar="W", help="and when idle; both or none")
    group.add_argument("--no-energy", action="store_true", help="read no sensor of power")


def _add_settings(command: argparse.ArgumentParser) -> None:
    settings = command.add_argument_group("settings (llama.cpp's names and defaults)")
    for name, flags, metavar, text in SETTING_FLAGS:
        settings.add_argument(*flags, dest=f"set_{name}", metavar=metavar, help=text)


def _add_facts(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    inspect = _add(commands, "inspect", "show what a model file's header says", [everywhere])
    inspect.add_argument("model", metavar="MODEL", help="a GGUF file, or any shard of one")
    inspect.add_argument("--hash", action="store_true", help="also the content's SHA-256")
    memory = inspect.add_argument_group("what memory it would take; any setting asks for it")
    memory.add_argument("--memory", action="store_true", help="with llama.cpp's defaults, 4096 tokens")
    memory.add_argument("--parallel", type=int, metavar="N", help="sequences at once; 1")
    _add_settings(inspect)
    _add_devices(inspect)
    machine = _add(commands, "machine", "show this machine and its class", [everywhere])
    machine.add_argument(
        "--remeasure", action="store_true",
        help="measure memory bandwidth, and matrices as far as they were, anew; takes some seconds",
    )  # fmt: skip
    devices = _add(commands, "devices", "list the devices llama.cpp can use", [everywhere])
    _add_devices(devices, only_rpc=True)
    doctor = _add(commands, "doctor", "check that everything needed is in order", [everywhere])
    doctor.add_argument(
        "--updates", action="store_true", help="ask over the network, now, whether there is a newer version"
    )


def _add_profiles(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    profiles = _add(commands, "profiles", "list, show, explain, rename, delete and import tuned profiles", [])
    actions = profiles.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    _add(actions, "list", "list the stored profiles", [everywhere])
    show = _add(actions, "show", "show a profile with its evidence", [everywhere])
    explain = _add(actions, "explain", "say why each candidate won or lost", [everywhere])
    rename = _add(actions, "rename", "give a profile another name", [everywhere])
    delete = _add(actions, "delete", "delete a profile", [everywhere])
    undelete = _add(actions, "undelete", "bring a deleted profile back", [everywhere])
    for action in (show, explain, rename, delete, undelete):
        action.add_argument("id", metavar="ID", help="id, the beginning of one, or the name")
    rename.add_argument("name", metavar="NAME")
    taken = _add(actions, "import", "keep a profile from a JSON file", [everywhere])
    taken.add_argument("file", metavar="FILE", help="what `tunesmith profiles show ID --json` printed")


def _add_survey(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    survey = _add(
        commands, "survey", "measure a whole grid of settings and keep the raw samples", [everywhere]
    )
    survey.add_argument("model", metavar="MODEL", help="a GGUF file, or any shard of one")
    what = survey.add_argument_group("what of")
    what.add_argument("--preset", metavar="NAME", help=f"{', '.join(PRESETS)} or one of your own; chat")
    what.add_argument("--workload", metavar="SPEC", help="such as prompt=512,generate=128,depth=0,parallel=1")
    what.add_argument("--vary", metavar="NAMES", help="only these settings; else what a tune would vary")
    what.add_argument("--axis", metavar="NAME=V1,V2", action="append", default=[],
                      help="the values of a setting, beside the default's; repeatable")  # fmt: skip
    _add_devices(survey)
    how = survey.add_argument_group("how")
    how.add_argument("--rounds", type=int, default=6, metavar="N", help="samples of each cell; 6")
    how.add_argument("--pace", metavar="TIME", help="about how long a sample takes; as in a standard tune")
    how.add_argument("--affinity", metavar="LIST", help="use these CPUs only, such as 0-3,8")
    how.add_argument("--seed", type=int, default=1, metavar="N", help="of the order of measurements")
    kept = survey.add_argument_group("what is written")
    kept.add_argument("--output", metavar="FILE", help="MODEL-PRESET.surface.json.gz")
    kept.add_argument("--title", metavar="TEXT", help="model, workload and conditions if left out")
    kept.add_argument("--conditions", metavar="TEXT", help="what else went on; what was seen if left out")


def _add_speculate(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    speculate = _add(
        commands, "speculate", "measure whether drafting tokens makes a model faster here", [everywhere]
    )
    speculate.add_argument("model", metavar="MODEL", help="a GGUF file, or any shard of one")
    what = speculate.add_argument_group("who drafts")
    what.add_argument(
        "--draft",
        metavar="DRAFT.gguf",
        help="a smaller model of the same vocabulary; else only prompt lookup",
    )
    what.add_argument(
        "--lengths", metavar="N,N", help="draft lengths to measure; the most promising if left out"
    )
    what.add_argument("--max-length", type=int, metavar="N", help="most tokens drafted at once; 15")
    text = speculate.add_argument_group("on what text")
    text.add_argument(
        "--text", metavar="FILE", help="where beginnings are cut from; a text that ships if left out"
    )
    text.add_argument("--prompts", type=int, default=4, metavar="N", help="beginnings; 4")
    text.add_argument("--prompt-tokens", type=int, default=128, metavar="N", help="tokens of each; 128")
    text.add_argument("--tokens", type=int, default=64, metavar="N", help="tokens generated after each; 64")
    how = speculate.add_argument_group("how")
    how.add_argument("--rounds", type=int, default=6, metavar="N", help="times everything is measured; 6")
    how.add_argument("--seed", type=int, default=1, metavar="N", help="of the order of measurements")
    _add_settings(speculate)


def _add_soak(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    soak = _add(
        commands,
        "soak",
        "run a setting for minutes or hours and tell burst and sustained speed",
        [everywhere],
    )
    add_soak_options(soak, PRESETS)
    _add_settings(soak)
    _add_devices(soak)


def _add_cost(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    add_cost_options(_add(commands, "cost", "say what tokens cost under tuned profiles", [everywhere]))


def _add_export(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], everywhere: argparse.ArgumentParser
) -> None:
    export = _add(commands, "export", "write tuned profiles for other programs", [everywhere])
    add_export_options(export, EXPORTS, SHELLS)
