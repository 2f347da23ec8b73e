"""Own the answers a question can have: the candidates for each setting on a given machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tunesmith.domain.blocks import Blocks
from tunesmith.domain.machine import Machine
from tunesmith.domain.settings import CACHE_TYPES_BY_PRECISION, CacheType, Settings
from tunesmith.domain.workload import Workload
from tunesmith.wording import tr, trn

UBATCH_LADDER = (64, 128, 256, 512, 1024, 2048, 4096)
ALL_LAYERS = -1
UNQUANTIZED: tuple[CacheType, ...] = ("f32", "bf16", "f16")


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


def thread_label(count: int) -> str:
    """``1 thread``, ``8 threads``."""
    return trn("{count} thread", "{count} threads", count)


def ubatch_label(size: int) -> str:
    """``ubatch 512``."""
    return tr("ubatch {size}", size=size)


def flash_attention_label(value: str) -> str:
    """``flash attention off``."""
    return tr("flash attention {value}", value=value)


def cache_label(types: str) -> str:
    """``q8_0 cache``."""
    return tr("{types} cache", types=types)


def repacking_label(*, on: bool) -> str:
    """``repacking on``."""
    return tr("repacking on") if on else tr("repacking off")


def coarse_thread_counts(machine: Machine, bound: tuple[int, ...] | None) -> list[int]:
    """Counts that machines have their optimum at: all cores, all CPUs, the fast cores, fractions of them.

    A core less leaves room for the system; decoding is often bound by memory, which fewer saturate.

    Args:
        machine: the cores it has and may use.
        bound: the CPUs that threads are bound to; None for all that may be used.
    """
    cpu = machine.cpu
    room = set(cpu.allowed_cpus if bound is None else bound)
    there = [core for core in cpu.cores if room & set(core.cpus)]
    cpus = min(cpu.usable_cpus, len(room))
    cores = cpu.usable_cores if bound is None or not there else min(cpu.usable_cores, len(there))
    fast = [core for core in there if core.kind == "performance"]
    counts = {cores, cpus, -(-cores * 3 // 4), -(-cores // 2), -(-cores // 4)}
    counts |= {len(fast), sum(len(room & set(core.cpus)) for core in fast)}
    if cores <= 16:
        counts.add(cores - 1)
    if cores <= 4:
        counts |= set(range(1, cores + 1))
    return sorted(count for count in counts if 1 <= count <= cpus)


def fine_thread_counts(coarse: Sequence[int], held: int) -> list[int]:
    """Counts half-way between what holds and its neighbours among the coarse ones."""
    below = max((count for count in coarse if count < held), default=0)
    above = min((count for count in coarse if count > held), default=held)
    halves = {(below + held) // 2, (held + above + 1) // 2}
    return sorted(count for count in halves - {held, *coarse} if 0 < count < coarse[-1])


def thread_options(name: str, machine: Machine, settings: Settings, *, fine: bool) -> Iterable[Option]:
    """Other numbers of threads, for ``threads`` or ``threads_batch``."""
    held = getattr(settings, name)
    coarse = coarse_thread_counts(machine, settings.cpu_affinity)
    for count in fine_thread_counts(coarse, held) if fine else coarse:
        if count != held:
            yield Option(thread_label(count), ((name, count),))


def has_fine_counts(machine: Machine, settings: Settings) -> bool:
    """Whether any coarse thread count has a neighbour half-way to the next."""
    coarse = coarse_thread_counts(machine, settings.cpu_affinity)
    return any(fine_thread_counts(coarse, held) for held in coarse)


def ubatch_options(workload: Workload, settings: Settings) -> Iterable[Option]:
    """Physical batch sizes that differ in effect: beyond the prompt's length they do the same."""
    prompt = workload.prompt * workload.parallel
    seen = {min(settings.n_ubatch, prompt)}
    for size in UBATCH_LADDER:
        effect = min(size, prompt)
        if effect in seen:
            continue
        seen.add(effect)
        changes: list[tuple[str, object]] = [("n_ubatch", size)]
        if size > settings.n_batch:
            changes.append(("n_batch", size))
        yield Option(ubatch_label(size), tuple(changes))


def larger_ubatch_options(workload: Workload, settings: Settings) -> list[Option]:
    """Of those of :func:`ubatch_options` the ones larger than what holds, the largest, and fastest, first."""
    found = [
        (size, option)
        for option in ubatch_options(workload, settings)
        for name, size in option.changes
        if name == "n_ubatch" and isinstance(size, int) and size > settings.n_ubatch
    ]
    return [option for _, option in sorted(found, key=lambda pair: -pair[0])]


def flash_attention_options(settings: Settings) -> Iterable[Option]:
    """``auto`` means on wherever llama.cpp supports it, so only ``off`` is another candidate."""
    if settings.flash_attn == "off":
        yield Option(flash_attention_label("on"), (("flash_attn", "on"),))
    elif settings.type_v in UNQUANTIZED:
        yield Option(flash_attention_label("off"), (("flash_attn", "off"),))


def cache_type_options(allowed: Sequence[CacheType], settings: Settings) -> Iterable[Option]:
    """Cache types the user accepts, K and V alike; a quantized V needs flash attention."""
    for cache in CACHE_TYPES_BY_PRECISION:
        if cache not in allowed or (settings.type_k, settings.type_v) == (cache, cache):
            continue
        changes: list[tuple[str, object]] = [("type_k", cache), ("type_v", cache)]
        if settings.flash_attn == "off" and cache not in UNQUANTIZED:
            changes.append(("flash_attn", "on"))
        yield Option(cache_label(cache), tuple(changes))


def affinity_options(machine: Machine, settings: Settings) -> Iterable[Option]:
    """Only where cores differ: performance cores, one socket, one thread a core.

    More threads than CPUs they are bound to would take turns, so they are cut down to as many.
    """
    allowed = set(machine.cpu.allowed_cpus)
    cores = [core for core in machine.cpu.cores if allowed & set(core.cpus)]
    choices: dict[str, list[int]] = {}
    fast = [core for core in cores if core.kind == "performance"]
    if 0 < len(fast) < len(cores):
        choices[tr("performance cores only")] = [cpu for core in fast for cpu in core.cpus]
    if len({core.socket for core in cores}) > 1:
        first = min(core.socket for core in cores)
        choices[tr("first socket only")] = [
            cpu for core in cores if core.socket == first for cpu in core.cpus
        ]
    if any(len(allowed & set(core.cpus)) > 1 for core in cores):
        choices[tr("one CPU a core")] = [min(allowed & set(core.cpus)) for core in cores]
    seen = {tuple(sorted(allowed)), settings.cpu_affinity}
    for label, cpus in choices.items():
        bound = tuple(sorted(set(cpus) & allowed))
        if not bound or bound in seen:
            continue
        seen.add(bound)
        changes: list[tuple[str, object]] = [("cpu_affinity", bound)]
        too_many = [name for name in ("threads", "threads_batch") if getattr(settings, name) > len(bound)]
        changes += [(name, len(bound)) for name in too_many]
        yield Option(label, tuple(changes))


def has_device(machine: Machine) -> bool:
    """Whether there is anything that layers could be offloaded to."""
    return any(device.type in ("gpu", "igpu") for device in machine.devices)


def layers_label(number: int) -> str:
    """``no layers on the GPU``, ``12 layers on the GPU``; -1 is all of them."""
    if number < 0:
        return tr("all layers on the GPU")
    if not number:
        return tr("no layers on the GPU")
    return trn("{count} layer on the GPU", "{count} layers on the GPU", number)


def _layers_option(number: int) -> Option:
    return Option(layers_label(number), (("n_gpu_layers", number),))


def gpu_layer_options(machine: Machine, settings: Settings, blocks: Blocks | None) -> Iterable[Option]:
    """A coarse ladder from none to all, and about as many layers as the devices' memory holds.

    Those whose weights alone are larger than that memory are left out. Without a word on how many layers
    there are, only none is another candidate than what holds. Nearest to what fits comes first, none last:
    where there is only time for some, these are the likeliest.
    """
    held = settings.n_gpu_layers
    if not has_device(machine):
        return
    if blocks is None:
        if held:
            yield _layers_option(0)
        return
    count, fits, most = blocks.count, blocks.fitting(machine), blocks.at_most(machine)
    rungs = {count * quarter // 4 for quarter in (1, 2, 3)} | {fits}
    rungs = {rung for rung in rungs if 0 < rung < count and rung <= most}
    ordered = sorted(rungs, key=lambda rung: (abs(rung - fits), rung))
    if most >= count:
        ordered.insert(0, ALL_LAYERS)
    for number in (*ordered, 0):
        if number != held and not (number == ALL_LAYERS and held > count):
            yield _layers_option(number)


def nearer_layer_options(blocks: Blocks, best: Settings, tried: Iterable[Settings]) -> list[Option]:
    """Half-way between the best number of layers and the tried ones next to it, below and above.

    Nothing is taken for granted of what lies between: the speed may fall off a cliff where memory is
    exceeded, and again where the last layer, the output, is offloaded.
    """
    last = blocks.count + 1
    """Stands for all: one more than the layers, since the output counts as one."""
    place, *places = (last if one.n_gpu_layers < 0 else min(one.n_gpu_layers, last) for one in (best, *tried))
    below = max((other for other in places if other < place), default=place)
    above = min((other for other in places if other > place), default=place)
    found = dict.fromkeys((place + (above - place) // 2, below + (place - below) // 2))
    return [_layers_option(number) for number in found if number not in places]


def repack_options(settings: Settings) -> Iterable[Option]:
    """The other way of laying weights out."""
    yield Option(
        repacking_label(on=not settings.use_extra_bufts),
        (("use_extra_bufts", not settings.use_extra_bufts),),
    )


def load_mode_options(machine: Machine, settings: Settings) -> Iterable[Option]:
    """Mapped is the default where the system can; read is the other."""
    build = machine.build
    if (build is None or build.supports_mmap) and settings.load_mode != "none":
        yield Option(tr("read instead of mapped"), (("load_mode", "none"),))
