"""Own the projection of memory on this machine, and its correction by what llama.cpp tells."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from tunesmith import gguf
from tunesmith.atomic import replace_file
from tunesmith.domain.digits import memory_text
from tunesmith.domain.machine import Device, Machine
from tunesmith.domain.overrides import MAIN_MEMORY
from tunesmith.domain.projection import (
    DeviceMemory,
    Projection,
    project,
    used_devices,
    with_compute,
)
from tunesmith.domain.reserve import Reserve
from tunesmith.domain.settings import SETTING_SPECS, ChangeCost, Settings
from tunesmith.errors import ModelFileError, WorkerError
from tunesmith.tuning.headroom import margin_bytes
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle

_LOG = logging.getLogger(__name__)

_REMEMBERED = 256
"""Projections kept."""
_FILE_NAME = "reserves.jsonl"
_MOST_TOLD = 2000
"""Answers of llama.cpp kept."""
_MOST_FILE_BYTES = 1 << 24
_WITHOUT_EFFECT = frozenset({"threads", "threads_batch", "cpu_affinity", "load_mode"})
"""Settings that change nothing of what is allocated."""


class Projector:
    """Projects one model's memory on one machine."""

    def __init__(self, model_path: str, machine: Machine) -> None:
        """Read the model's shape.

        Raises:
            ModelFileError: the header cannot be read.
        """
        self.shape = gguf.read_shape(Path(model_path))
        self._machine = machine
        self._totals = {device.name: device.total_bytes for device in machine.devices}
        self._totals[MAIN_MEMORY] = machine.memory.total_bytes
        self._known: OrderedDict[str, Projection] = OrderedDict()

    def of(self, settings: Settings) -> Projection:
        """The projection of some settings, from the header alone; milliseconds."""
        key = settings.digest
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        build = self._machine.build
        found = project(
            self.shape,
            settings,
            self._machine.devices,
            free_bytes=self._machine.memory.available_bytes,
            cpu_features=build.cpu_features if build is not None else _of_usual_builds(self._machine),
        )
        self._known[key] = found
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    def margin_of(self, device: DeviceMemory) -> int:
        """What is kept free of a device, bytes."""
        return margin_bytes(self._totals.get(device.name, 0))

    def too_small(self, projection: Projection) -> tuple[DeviceMemory, ...]:
        """The devices that do not hold what would lie on them, with the margin kept free."""
        return tuple(
            device for device in projection.devices if device in projection.too_small(self.margin_of(device))
        )

    def why_not(self, settings: Settings) -> str:
        """Why settings cannot fit, in a sentence; empty where they can, or where it is not known."""
        projection = self.of(settings)
        if not projection.understood:
            return ""
        return "; ".join(
            tr(
                "{device} would need {need} and has {free} free, of which {margin} are kept",
                device=device_label(device),
                need=memory_text(projection.needed_bytes(device)),
                free=memory_text(device.free_bytes or 0),
                margin=memory_text(self.margin_of(device)),
            )
            for device in self.too_small(projection)
        )

    def why_above(self, settings: Settings, most_bytes: int) -> str:
        """Why a run surely takes more main memory than allowed; empty where it may not."""
        projection = self.of(settings)
        certain = projection.host.certain_bytes
        if not projection.understood or certain <= most_bytes:
            return ""
        return tr(
            "weights and caches alone take {need} of main memory, and {most} are allowed",
            need=memory_text(certain),
            most=memory_text(most_bytes),
        )


class MemoryGate:
    """Says which settings need not be tried: they cannot fit, or surely break the limit of memory.

    Of the defaults and of what the user fixed it says nothing: nothing could be compared without them, and
    the projection may be wrong.
    """

    def __init__(self, model_path: str, machine: Machine, most_bytes: int | None) -> None:
        """Nothing is read yet.

        Args:
            model_path: the model.
            machine: with what is free of it now.
            most_bytes: the limit of main memory, if there is one.
        """
        self._model_path = model_path
        self._machine = machine
        self._most_bytes = most_bytes
        self._spared: set[str] = set()
        self._too_much: list[dict[str, int]] = []
        """What was needed of each device where memory ran out, bytes."""

    @cached_property
    def _projector(self) -> Projector:
        return Projector(self._model_path, self._machine)

    def spare(self, *settings: Settings) -> None:
        """Say nothing of these."""
        self._spared.update(one.digest for one in settings)

    def why_not(self, settings: Settings) -> str:
        """Why settings need not be tried, in a sentence; empty where they may do."""
        if settings.digest in self._spared:
            return ""
        if self._most_bytes is not None:
            above = self._projector.why_above(settings, self._most_bytes)
            if above:
                return above
        return self._projector.why_not(settings) or self._why_not_again(settings)

    def projected_bytes(self, settings: Settings) -> int | None:
        """What settings need of all memory at most; None where the model is not understood, or gone."""
        try:
            projection = self._projector.of(settings)
        except ModelFileError:  # what was measured of it before counts all the same
            return None
        return projection.upper_bytes if projection.understood else None

    def ran_out(self, settings: Settings) -> None:
        """These were tried and there was not enough memory: what needs no less anywhere is not tried."""
        self._too_much.append(_needs(self._projector.of(settings)))

    def _why_not_again(self, settings: Settings) -> str:
        needs = _needs(self._projector.of(settings)) if self._too_much else {}
        for failed in self._too_much:
            if all(needs.get(name, 0) >= size for name, size in failed.items()):
                return tr("it needs no less memory than settings that it ran out with")
        return ""


def _needs(projection: Projection) -> dict[str, int]:
    return {device.name: projection.needed_bytes(device) for device in projection.devices}


def _of_usual_builds(machine: Machine) -> set[str]:
    """The instruction sets that a build uses of which nothing is known: builds with AMX are few."""
    return {feature for feature in machine.cpu.features if not feature.startswith("amx")}


def device_label(device: DeviceMemory) -> str:
    """A device's name as people are told it."""
    return tr("main memory") if device.name == MAIN_MEMORY else device.name


def corrected(projection: Projection, told: Reserve, used: Sequence[Device]) -> Projection:
    """The projection with the compute buffers that llama.cpp told.

    What belongs to no device that is used counts as main memory.
    """
    places = {device.name: index for index, device in enumerate(used, start=1)}
    compute = [0] * len(projection.devices)
    for buffer in told.buffers:
        name = buffer.device if buffer.device is not None else buffer.buffer
        compute[places.get(name, 0)] += buffer.compute_bytes
    return with_compute(projection, compute)


class ReserveCache:
    """What llama.cpp told before, by model, build and settings.

    It only saves time, so it never fails: what cannot be read or written is asked anew.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE_NAME
        self._known: dict[str, Reserve] | None = None

    def get(self, key: str) -> Reserve | None:
        """What was told; None if it was not."""
        return self._all().get(key)

    def put(self, key: str, told: Reserve) -> None:
        """Remember it."""
        known = self._all()
        known[key] = told
        lines = [
            json.dumps({"key": one, "reserve": reserve.model_dump(mode="json")})
            for one, reserve in list(known.items())[-_MOST_TOLD:]
        ]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, ("\n".join(lines) + "\n").encode(), private=True)
        except OSError as error:
            _LOG.info("What llama.cpp told of memory was not kept: %s", error)

    def _all(self) -> dict[str, Reserve]:
        if self._known is None:
            self._known = self._load()
        return self._known

    def _load(self) -> dict[str, Reserve]:
        found: dict[str, Reserve] = {}
        try:
            with self._path.open("rb") as file:
                lines = file.read(_MOST_FILE_BYTES).splitlines()
        except OSError:
            return found
        for line in lines:
            try:
                entry = json.loads(line)
                found[str(entry["key"])] = Reserve.model_validate_json(json.dumps(entry["reserve"]))
            except (ValueError, KeyError, TypeError, ValidationError):
                continue
        return found


def reserve_key(model_sha256: str, build: str, settings: Settings, used: Sequence[Device]) -> str:
    """Names a model, a build, the devices and the settings that matter to what is allocated."""
    values = {
        spec.name: getattr(settings, spec.name)
        for spec in SETTING_SPECS
        if spec.cost is not ChangeCost.LIVE and spec.name not in _WITHOUT_EFFECT
    }
    devices = [(device.name, device.backend, device.total_bytes) for device in used]
    text = json.dumps([model_sha256, build, values, devices], sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def calibrated(
    projector: Projector, model_path: str, settings: Settings, machine: Machine, *,
    cache: ReserveCache, model_sha256: str, rpc: Sequence[str] = (), worker: WorkerHandle | None = None,
) -> Projection:  # fmt: skip
    """The projection with compute buffers as llama.cpp tells them, from the cache or a worker.

    Where it does not tell, as with a model that it refuses, the projection stays as it is.
    """
    projection = projector.of(settings)
    used = used_devices(settings, machine.devices)
    build = machine.build.label if machine.build is not None else ""
    key = reserve_key(model_sha256, build, settings, used)
    told = cache.get(key)
    if told is None:
        try:
            if worker is not None:
                told = worker.tell_memory(model_path, settings)
            else:
                with WorkerHandle(rpc=rpc) as fresh:
                    told = fresh.tell_memory(model_path, settings)
        except (WorkerError, ModelFileError) as error:
            _LOG.info("llama.cpp did not tell what memory it would take: %s", error)
            return projection
        cache.put(key, told)
    return corrected(projection, told, used)
