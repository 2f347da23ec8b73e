"""Own which settings are tried: the questions a tune asks, one after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tunesmith.domain.events import Part
from tunesmith.domain.machine import Machine
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import (
    CACHE_TYPES_BY_PRECISION,
    CacheType,
    Settings,
    setting_spec,
)
from tunesmith.domain.workload import Workload
from tunesmith.errors import UsageError

_BOTH: frozenset[Part] = frozenset({"prefill", "decode"})
_PREFILL: frozenset[Part] = frozenset({"prefill"})
_DECODE: frozenset[Part] = frozenset({"decode"})

THREAD_LADDER = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256)
"""Thread counts worth asking about on larger machines."""
UBATCH_LADDER = (64, 128, 256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a question: settings to change, by name."""

    label: str
    changes: tuple[tuple[str, object], ...]

    def apply(self, settings: Settings) -> Settings:
        """``settings`` with the changes made.

        Raises:
            pydantic.ValidationError: the combination makes no sense.
        """
        return settings.replace(**dict(self.changes))


@dataclass(frozen=True, slots=True)
class Question:
    """Which value of one setting, or of a few that belong together, is best."""

    stage: str
    title: str
    varies: tuple[str, ...]
    parts: frozenset[Part]
    """The parts of the workload that the answer can change."""
    options: tuple[Option, ...]
    moves_memory: bool = True
    """Whether the answer can change how much memory is used."""
    moves_speed: bool = True
    """Whether the answer is likely to change the speed; if not, it is only asked when there is time."""


def baseline_settings(machine: Machine, workload: Workload) -> Settings:
    """What llama.cpp's own command-line tools would run the workload with here."""
    threads = machine.cpu.llama_default_threads
    return Settings(
        threads=threads, threads_batch=threads, n_ctx=workload.n_ctx, n_seq_max=workload.parallel
    )  # fmt: skip


def parse_setting(name: str, value: str) -> tuple[str, object]:
    """Read ``flash_attn``, ``on`` as a user writes them; names and short forms of llama.cpp are known.

    Raises:
        UsageError: there is no such setting, or the value is none of its kind.
    """
    try:
        spec = setting_spec(name)
    except KeyError:
        raise UsageError(
            f"There is no setting called {name!r}.", todo="See `tunesmith tune --help`."
        ) from None
    kind = Settings.model_fields[spec.name].annotation
    lowered = value.strip().lower()
    if kind is int:
        try:
            return spec.name, int(value)
        except ValueError:
            raise UsageError(f"{spec.name} takes a whole number, not {value!r}.") from None
    if kind is bool:
        if lowered in ("on", "true", "yes", "1"):
            return spec.name, True
        if lowered in ("off", "false", "no", "0"):
            return spec.name, False
        raise UsageError(f"{spec.name} is on or off, not {value!r}.")
    if spec.name == "cpu_affinity":
        return spec.name, parse_cpu_list(value)
    return spec.name, lowered


def parse_cpu_list(text: str) -> tuple[int, ...] | None:
    """Read ``0-3,8`` as CPU numbers; an empty text or ``none`` means no binding.

    Raises:
        UsageError: it is no such list.
    """
    if text.strip().lower() in ("", "none", "all"):
        return None
    cpus: set[int] = set()
    try:
        for piece in text.split(","):
            first, dash, last = piece.partition("-")
            low, high = int(first), int(last) if dash else int(first)
            if not 0 <= low <= high < 4096:
                raise ValueError
            cpus.update(range(low, high + 1))
    except ValueError:
        raise UsageError(f"{text!r} is no list of CPUs.", todo="Write it as 0-3,8.") from None
    return tuple(sorted(cpus))


def format_setting(value: object) -> str:
    """How a setting's value is written for people and on command lines."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return format_cpu_list(value)
    return str(value)


def format_cpu_list(cpus: tuple[int, ...]) -> str:
    """Write CPU numbers as ``0-3,8``."""
    ranges: list[list[int]] = []
    for cpu in cpus:
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def _thread_counts(machine: Machine, default: int) -> list[int]:
    cpu = machine.cpu
    performance = sum(core.kind == "performance" for core in cpu.cores)
    counts = {n for n in THREAD_LADDER if n <= cpu.usable_cpus and (n * 8 >= cpu.usable_cores or n <= 2)}
    counts |= {cpu.usable_cores, cpu.usable_cpus, max(1, cpu.usable_cores - 1)}
    if performance:
        counts.add(min(performance, cpu.usable_cpus))
    counts.discard(default)
    return sorted(counts)


def _threads(name: str, machine: Machine, settings: Settings) -> Iterable[Option]:
    for count in _thread_counts(machine, getattr(settings, name)):
        yield Option(f"{count} thread{'s' * (count > 1)}", ((name, count),))


def _ubatch(workload: Workload, settings: Settings) -> Iterable[Option]:
    """Physical batch sizes that differ in effect: beyond the prompt's length they do the same."""
    prompt = workload.prompt * workload.parallel
    seen = {min(settings.n_ubatch, prompt)}
    for size in UBATCH_LADDER:
        effect = min(size, prompt)
        if effect in seen or size == settings.n_ubatch:
            continue
        seen.add(effect)
        yield Option(f"ubatch {size}", (("n_ubatch", size), ("n_batch", max(settings.n_batch, size))))


def _flash_attention(settings: Settings) -> Iterable[Option]:
    """``auto`` means on wherever llama.cpp supports it, so only ``off`` is another candidate."""
    if settings.type_v in ("f32", "f16", "bf16") and settings.flash_attn != "off":
        yield Option("flash attention off", (("flash_attn", "off"),))
    if settings.flash_attn == "off":
        yield Option("flash attention on", (("flash_attn", "on"),))


def _cache_types(allowed: tuple[CacheType, ...], settings: Settings) -> Iterable[Option]:
    for cache in CACHE_TYPES_BY_PRECISION:
        if cache not in allowed or (settings.type_k, settings.type_v) == (cache, cache):
            continue
        changes: list[tuple[str, object]] = [("type_k", cache), ("type_v", cache)]
        if settings.flash_attn == "off" and cache not in ("f32", "f16", "bf16"):
            changes.append(("flash_attn", "on"))
        yield Option(f"{cache} cache", tuple(changes))


def _affinity(machine: Machine, settings: Settings) -> Iterable[Option]:
    """Only where cores differ: performance cores, one socket, one thread a core."""
    allowed = set(machine.cpu.allowed_cpus)
    cores = [core for core in machine.cpu.cores if allowed & set(core.cpus)]
    choices: dict[str, list[int]] = {}
    if len({core.kind for core in cores}) > 1:
        fast = [core for core in cores if core.kind == "performance"]
        choices["performance cores only"] = [cpu for core in fast for cpu in core.cpus]
    if len({core.socket for core in cores}) > 1:
        choices["first socket only"] = [
            cpu for core in cores if core.socket == cores[0].socket for cpu in core.cpus
        ]
    if any(len(allowed & set(core.cpus)) > 1 for core in cores):
        choices["one thread a core"] = [min(allowed & set(core.cpus)) for core in cores]
    for label, cpus in choices.items():
        bound = tuple(sorted(set(cpus) & allowed))
        if bound and bound != settings.cpu_affinity and set(bound) != allowed:
            yield Option(label, (("cpu_affinity", bound),))


def _gpu_layers(machine: Machine, settings: Settings) -> Iterable[Option]:
    if any(device.type in ("gpu", "igpu") for device in machine.devices) and settings.n_gpu_layers != 0:
        yield Option("no layers on the GPU", (("n_gpu_layers", 0),))


def _load_modes(machine: Machine, settings: Settings) -> Iterable[Option]:
    build = machine.build
    default = "mmap" if build is None or build.supports_mmap else "none"
    other = "none" if default == "mmap" else None
    if other and settings.load_mode != other:
        yield Option("read instead of mapped", (("load_mode", other),))


def questions(
    settings: Settings,
    *,
    workload: Workload,
    machine: Machine,
    rules: SearchRules,
    parts: frozenset[Part],
    memory_only: bool = False,
    everything: bool = False,
) -> list[Question]:
    """What to ask, most telling first, given what holds so far.

    Args:
        settings: what holds so far; it is no option of any question.
        parts: the parts of the workload that the objective depends on.
        memory_only: ask only what can change the use of memory.
        everything: ask also what is unlikely to change anything.
    """
    threads = tuple(_threads("threads", machine, settings))
    threads_batch = tuple(_threads("threads_batch", machine, settings))
    repacking = "off" if settings.use_extra_bufts else "on"
    repack = Option(f"repacking {repacking}", (("use_extra_bufts", not settings.use_extra_bufts),))
    cache_types = tuple(_cache_types(rules.cache_types, settings))
    found = [
        Question("gpu_layers", "GPU offload", ("n_gpu_layers",), _BOTH, tuple(_gpu_layers(machine, settings))),
        Question("flash_attn", "Flash attention", ("flash_attn",), _BOTH, tuple(_flash_attention(settings))),
        Question("threads", "Threads to decode", ("threads",), _DECODE, threads, moves_memory=False),
        Question(
            "threads_batch", "Threads to prefill", ("threads_batch",), _PREFILL, threads_batch,
            moves_memory=False,
        ),
        Question(
            "affinity", "CPU affinity", ("cpu_affinity",), _BOTH, tuple(_affinity(machine, settings)),
            moves_memory=False,
        ),
        Question(
            "ubatch", "Physical batch size", ("n_ubatch", "n_batch"), _PREFILL,
            tuple(_ubatch(workload, settings)),
        ),
        Question("repack", "Weight repacking", ("use_extra_bufts",), _BOTH, (repack,)),
        Question("cache_types", "Cache types", ("type_k", "type_v"), _BOTH, cache_types),
        Question(
            "load_mode", "Load mode", ("load_mode",), _BOTH, tuple(_load_modes(machine, settings)),
            moves_speed=False,
        ),
    ]  # fmt: skip
    vary = None if rules.vary is None else {setting_spec(name).name for name in rules.vary}
    fixed = {setting_spec(name).name for name in rules.fix}
    return [
        question
        for question in found
        if question.options
        and not fixed & set(question.varies)
        and (vary is None or vary & set(question.varies))
        and question.parts & parts
        and (question.moves_memory or not memory_only)
        and (question.moves_speed or memory_only or everything or vary is not None)
    ]
