"""Own the machines that we do not have: each a truth made from published numbers or mechanisms.

The shapes are the sources'; what is interpolated between their numbers is chosen here, and is no
measurement. Absolute speeds only set how long things take.
"""

from __future__ import annotations

from functools import cache

from tests.benchmarks.worlds.modelled import Costs, ModelledWorld, Rates, thread_values
from tests.benchmarks.worlds.weather import Weather
from tests.tuning.machines import GIB, GPU, HYBRID, LAPTOP, SERVER, TWO_CORE_VM, cores, machine
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload

_MS = 1e6
_FLASH = ("auto", "off")


def _saturate(threads: float, most: float, *, sharpness: float = 4.0) -> float:
    """Speed of that many threads where ``most`` of them would use up the memory's bandwidth."""
    return float((threads**-sharpness + most**-sharpness) ** (-1 / sharpness))


def _blend(static: float, ideal: float, share: float) -> float:
    """Speed where part of the work is dealt out as cores come free, and the rest evenly beforehand."""
    return 1 / (share / ideal + (1 - share) / static)


def hybrid_desktop() -> ModelledWorld:
    """8 performance and 16 efficiency cores; a barrier after each operation waits for the slowest.

    An efficiency core does 1 / 3 to 1 / 3.5 of a performance core's work in int8 matrix products
    (https://arxiv.org/abs/2411.19542); equal shares make the fast ones wait. On an i9-12900K all threads
    were unusable and few were best (https://github.com/ggml-org/llama.cpp/issues/767), on an i9-13900K
    threads beyond one a core drop below the speed of two cores
    (https://github.com/ggml-org/llama.cpp/issues/842); on an RK3588 8 threads decode at 3.8 tokens/s, the
    4 big cores alone at 6.9 (https://github.com/ggml-org/llama.cpp/issues/7176).
    """
    slow, fast = 1 / 3.2, tuple(range(16))
    one_a_core = (*range(0, 16, 2), *range(16, 32))

    def compute(threads: int, *, pinned: bool) -> float:
        barrier = 1 - 0.004 * threads
        if pinned:
            return barrier * (threads if threads <= 8 else 0.525 * threads)
        if threads <= 8:
            return barrier * threads * 0.975
        efficient = min(threads - 8, 16)
        crowded = 0.6 if threads > 24 else 1.0
        return barrier * crowded * _blend(threads * slow, 8 + efficient * slow, 0.25)

    def truth(settings: Settings, _prompt: int) -> Rates:
        pinned = settings.cpu_affinity == fast
        off = settings.flash_attn == "off"
        prefill = compute(settings.threads_batch, pinned=pinned) * (0.98 if off else 1)
        decode = _saturate(compute(settings.threads, pinned=pinned), 6) * (1 - 0.006 * settings.threads)
        return Rates(16 * _MS * 8 / prefill, 70 * _MS * 5.4 / decode * (0.97 if off else 1))

    counts = thread_values(HYBRID, fast, one_a_core)
    return ModelledWorld(
        "hybrid-desktop",
        source="arXiv 2411.19542; llama.cpp issues 767, 842, 7176",
        machine=HYBRID,
        workload=Workload(prompt=256, generate=64, depth=256),
        axes={
            "threads": counts, "threads_batch": counts, "cpu_affinity": (None, fast, one_a_core),
            "flash_attn": _FLASH,
        },
        truth=truth,
        costs=Costs(process=0.3, load=2.0, context=0.1),
        weather=Weather(noise=0.02, drift=0.015),
    )  # fmt: skip


def two_socket_server() -> ModelledWorld:
    """64 cores on two sockets; bandwidth is used up by a third of a socket's cores, memory lies on one.

    Decoding on a 96-core EPYC 9654 is fastest at about 60 threads
    (https://github.com/ggml-org/llama.cpp/issues/6434), a 64-core Threadripper gains 8% from 32 to 48
    threads and nothing beyond (https://github.com/ggml-org/llama.cpp/issues/34). On two Xeons 16 threads
    take 118 ms a token and 32 take 137 (https://github.com/ggml-org/llama.cpp/pull/1556); where memory
    lies on the wrong node up to 80% is lost (https://github.com/ggml-org/llama.cpp/issues/11744).
    """
    one_socket = tuple(range(64))
    one_a_core = tuple(range(0, 128, 2))

    def decode(threads: int, *, local: bool) -> float:
        crowd = 1 - 0.0015 * threads
        if local:
            return _saturate(threads, 11) * crowd * (0.85 if threads > 32 else 1)
        here = _saturate(threads / 2, 11) / (threads / 2)
        there = 0.62 * _saturate(threads / 2, 5.5) / (threads / 2)
        return crowd * _blend(threads * there, threads / 2 * (here + there), 0.3)

    def prefill(threads: int, *, local: bool) -> float:
        if local:
            return min(threads, 32) * (1.08 if threads > 32 else 1)
        return min(threads, 64) * 0.78 * (1.04 if threads > 64 else 1)

    def truth(settings: Settings, _prompt: int) -> Rates:
        local = settings.cpu_affinity == one_socket
        better = 1.01 if settings.cpu_affinity == one_a_core else 1
        return Rates(
            2.5 * _MS * 50 / (prefill(settings.threads_batch, local=local) * better),
            33 * _MS * 11 / (decode(settings.threads, local=local) * better),
        )

    counts = thread_values(SERVER, one_socket, one_a_core)
    return ModelledWorld(
        "two-socket-server",
        source="llama.cpp issues 34, 6434, 11744, pull request 1556",
        machine=SERVER,
        workload=Workload(prompt=256, generate=128, depth=0),
        axes={"threads": counts, "threads_batch": counts, "cpu_affinity": (None, one_socket, one_a_core)},
        truth=truth,
        costs=Costs(process=0.5, load=3.0, context=0.2),
        weather=Weather(noise=0.02, drift=0.01, starts=0.01),
    )


def arm_board() -> ModelledWorld:
    """4 cores whose memory one and a half of them fill; slow to load, and it heats up.

    STREAM, read only, on a Raspberry Pi 5: 9.3 GB/s with one thread, 13.2 with two, 11.6 with four;
    llama.cpp decodes at 84 to 91% of the last (https://github.com/ggml-org/llama.cpp/issues/26484). The
    throttling from 80 °C on is the mechanism of
    https://vipinpg.com/blog/debugging-raspberry-pi-5-performance-bottlenecks-when-hosting-llama-33-70b-thermal-throttling-vs-memory-bandwidth-limits
    """
    gigabytes = {1: 9.26, 2: 13.23, 3: 12.4, 4: 11.59}

    def truth(settings: Settings, prompt: int) -> Rates:
        threads, batch = settings.threads, settings.threads_batch
        off = settings.flash_attn == "off"
        bandwidth = _saturate(5.2 * threads, gigabytes[threads])
        ubatch = {64: 0.96}.get(min(settings.n_ubatch, prompt), 1.0)
        return Rates(
            25 * _MS * 4 / (batch * ubatch) * (1.02 if off else 1),
            640 * _MS / bandwidth * (0.97 if off else 1),
            hot_prefill={4: 1.35, 3: 1.15}.get(batch, 1.0),
            hot_decode={4: 1.05, 3: 1.02}.get(threads, 1.0),
        )

    return ModelledWorld(
        "arm-board",
        source="llama.cpp issue 26484 (STREAM on a Raspberry Pi 5)",
        machine=machine(cores(4)),
        workload=Workload(prompt=128, generate=48, depth=0),
        axes={
            "threads": (1, 2, 3, 4), "threads_batch": (1, 2, 3, 4), "n_ubatch": (64, 128, 512),
            "flash_attn": _FLASH,
        },
        truth=truth,
        costs=Costs(process=0.6, load=6.0, context=0.3),
        weather=Weather(noise=0.015, drift=0.01, heat_onset=75, heat_ramp=30),
        sustained=True,
    )  # fmt: skip


_LAYERS, _PER_GPU_LAYER, _PER_CPU_LAYER, _PER_SPILLED = 48, 0.483, 6.7, 16.0


def gpu_cliff() -> ModelledWorld:
    """48 layers of which 41 fit an 8 GB card; the driver puts what does not into main memory, silently.

    Milliseconds a token by layers on the card, an RTX 5060 Ti with a 14B model: 346 at 0, 236 at 16, 138
    at 32, 80 at 40, 23 at 48 (https://inventivehq.com/blog/vram-offload-cliff-gpu-layers-benchmark): near
    linear in time. One layer too many is an error, or a silent spill over the bus
    (https://dev.to/pat9000/how-to-tune-n-gpu-layers-for-your-vram-budget-4o79); what a spilled layer
    costs is computed here, 190 MB at 12 GB/s.
    """

    def truth(settings: Settings, _prompt: int) -> Rates:
        off = settings.flash_attn == "off"
        there = _LAYERS if settings.n_gpu_layers < 0 else min(settings.n_gpu_layers, _LAYERS)
        fitting = min(there, 39 if off else 41)
        spilled, here = there - fitting, _LAYERS - there
        processor = _saturate(settings.threads, 5) / _saturate(8, 5)
        step = fitting * _PER_GPU_LAYER + spilled * _PER_SPILLED + here * _PER_CPU_LAYER / processor
        prefill = fitting * 0.015 + spilled * 0.06 + here * 0.04
        return Rates(prefill * _MS * (1.05 if off else 1), (step + 2 * (here > 0)) * _MS)

    device = GPU.model_copy(update={"free_bytes": 7 * GIB, "total_bytes": 8 * GIB})
    board = machine(cores(8), devices=(device,))
    return ModelledWorld(
        "gpu-cliff",
        source="inventivehq.com, layers sweep on an RTX 5060 Ti; dev.to, pat9000",
        machine=board,
        workload=Workload(prompt=512, generate=64, depth=0),
        axes={
            "n_gpu_layers": (-1, *range(_LAYERS + 1)),
            "threads": thread_values(board), "flash_attn": _FLASH,
        },
        truth=truth,
        costs=Costs(process=0.8, load=3.0, context=0.3),
        weather=Weather(noise=0.01, drift=0.008),
        blocks=Blocks(count=_LAYERS, weights_bytes=_LAYERS * 190 * 10**6),
    )  # fmt: skip


def expert_placement() -> ModelledWorld:
    """A mixture of experts of 36 layers, of which a 24 GB card holds 11, or 10 beside a large batch.

    gpt-oss-120b on an RTX 3090, by ubatch and layers whose experts stay in main memory: 256 and 25:
    240 prompt tokens/s, 33.1 decoded; 512 and 26: 380, 32.3; 2048 and 25: 1113, 33.0; 4096 and 26: 1682,
    32.4 (https://ai-maestro.online/drastically-improve-prompt-processing-speed-for-n-cpu-moe-partially-offloaded-models-8/).
    There is no setting for the placement of experts here yet, so ``n_gpu_layers`` stands for it: the layers
    whose experts are on the card. More than fit end in an error.
    """
    per_token = {64: 11.0, 128: 7.0, 256: 4.17, 512: 2.63, 1024: 1.55, 2048: 0.899, 4096: 0.594}

    def per_prompt_token(batch: int) -> float:
        below = max(size for size in per_token if size <= max(64, batch))
        above = min((size for size in per_token if size >= batch), default=4096)
        share = (batch - below) / (above - below) if above > below else 0.0
        return per_token[below] + max(0.0, share) * (per_token[above] - per_token[below])

    def truth(settings: Settings, prompt: int) -> Rates:
        here = 36 - settings.n_gpu_layers
        prefill = per_prompt_token(min(settings.n_ubatch, max(1, prompt))) * (0.15 + 0.85 * here / 26)
        processor = _saturate(settings.threads, 6) / _saturate(8, 6) * (1 - 0.004 * (settings.threads - 8))
        return Rates(prefill * _MS, (5 + here / processor) * _MS)

    def refuses(settings: Settings) -> str:
        room = 10 if settings.n_ubatch >= 4096 else 11
        there = 36 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
        return f"the card holds {room} layers' experts, not {there}" if there > room else ""

    device = GPU.model_copy(update={"free_bytes": 23 * GIB, "total_bytes": 24 * GIB})
    board = machine(cores(8, 2), devices=(device,))
    return ModelledWorld(
        "expert-placement",
        source="ai-maestro.online, ubatch and --n-cpu-moe on an RTX 3090",
        machine=board,
        workload=Workload(prompt=4096, generate=128, depth=0),
        axes={
            "n_gpu_layers": tuple(range(13)), "threads": thread_values(board),
            "n_ubatch": (64, 128, 256, 512, 1024, 2048, 4096),
        },
        truth=truth,
        refuses=refuses,
        costs=Costs(process=1.0, load=12.0, context=0.5),
        weather=Weather(noise=0.012, drift=0.01),
        baseline={"n_gpu_layers": 10},
        blocks=Blocks(count=36, weights_bytes=63 * 10**9),
    )  # fmt: skip


def throttling_laptop() -> ModelledWorld:
    """4 cores with two threads each that run at their short-term power limit for a minute, then slower.

    The limit holds for Tau, 28 to 56 s
    (https://www.digitalcitizen.life/pl1-pl2-and-tau-explained-how-intel-cpus-actually-manage-power-and-performance/);
    the lower one costs an i9-12900K up to 36% in Cinebench R20
    (https://thegoaspotlight.com/2021/10/31/intel-core-i9-12900k-shows-up-performance-with-maximum-turbo-frequency-technology/).
    Decoding waits for memory and loses less; fewer threads draw less power. The truth is the hot machine's.
    """

    def compute(threads: int) -> float:
        return threads if threads <= 4 else _blend(threads * 0.52, 4.16, 0.5)

    def truth(settings: Settings, prompt: int) -> Rates:
        off = settings.flash_attn == "off"
        ubatch = {64: 0.92, 128: 0.98}.get(min(settings.n_ubatch, prompt), 1.0)
        decode = _saturate(compute(settings.threads), 3) * (1 - 0.01 * settings.threads)
        return Rates(
            12 * _MS * 4 / (compute(settings.threads_batch) * ubatch) * (1.03 if off else 1),
            90 * _MS * 2.8 / decode * (0.95 if off else 1),
            hot_prefill=1 + 0.36 * min(1.1, settings.threads_batch / 4),
            hot_decode=1 + 0.12 * min(1.1, settings.threads / 4),
        )

    counts = tuple(range(1, 9))
    return ModelledWorld(
        "throttling-laptop",
        source="digitalcitizen.life on PL1, PL2 and Tau; thegoaspotlight.com, i9-12900K at both limits",
        machine=LAPTOP,
        workload=Workload(prompt=256, generate=64, depth=0),
        axes={
            "threads": counts, "threads_batch": counts, "n_ubatch": (64, 128, 256, 512),
            "flash_attn": _FLASH,
        },
        truth=truth,
        costs=Costs(process=0.3, load=1.5, context=0.1),
        weather=Weather(noise=0.03, drift=0.02, heat_onset=60, heat_ramp=10),
        sustained=True,
    )  # fmt: skip


def noisy_halfway() -> ModelledWorld:
    """A small model on two cores, one of which another process takes for good 20 s into the search.

    The speeds and the fall are those seen on this project's own machine of two cores: decoding at 150
    tokens/s, 11% more without flash attention at depth, at 1 to 40 beside a process that computes. The
    truth is that of the quiet machine.
    """

    def truth(settings: Settings, prompt: int) -> Rates:
        off = settings.flash_attn == "off"
        ubatch = {64: 0.9}.get(min(settings.n_ubatch, prompt), 1.0)
        return Rates(
            1.2 * _MS * 2 / (settings.threads_batch * ubatch),
            6.7 * _MS * (1.7 if settings.threads == 1 else 1) / (1.11 if off else 1),
        )

    return ModelledWorld(
        "noisy-halfway",
        source="this project's machine of two cores, alone and beside a process that computes",
        machine=TWO_CORE_VM,
        workload=Workload(prompt=256, generate=64, depth=1024),
        axes={"threads": (1, 2), "threads_batch": (1, 2), "n_ubatch": (64, 512), "flash_attn": _FLASH},
        truth=truth,
        costs=Costs(process=0.3, load=0.2, context=0.05),
        weather=Weather(noise=0.02, drift=0.01, busy_onset=20),
    )  # fmt: skip


SMALLER = 10
"""So many times smaller is the second model on each machine without a GPU: then there is time to look."""


@cache
def modelled_worlds() -> tuple[ModelledWorld, ...]:
    """All of them."""
    by_processor = (hybrid_desktop(), two_socket_server(), arm_board(), throttling_laptop())
    return (
        *by_processor, *(world.lighter(SMALLER) for world in by_processor), gpu_cliff(), expert_placement(),
        noisy_halfway(),
    )  # fmt: skip
