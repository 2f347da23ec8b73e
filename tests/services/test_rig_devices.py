"""Claims about what a rig says of graphics devices, on a made-up watch and real workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.events import EVENTS, DevicesRead
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.machine.device_watch import DeviceWatch
from tunesmith.services.rig import Rig
from tunesmith.worker.protocol import NoisePolicy

QUIET = NoisePolicy(max_foreign_cores=1e6, max_wait_share=1e6)
SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=64)


class Scripted:
    """A reader of one device on which others compute as told."""

    def __init__(self, foreign: float | None) -> None:
        self._foreign = foreign
        self.closed = False

    def read(self, _own: object) -> tuple[DeviceReading, ...]:
        import time

        return (
            DeviceReading(
                pci_id="0000:41:00.0", name="H100", source="nvml", mono_ns=time.monotonic_ns(),
                utilization=0.5, memory_used_bytes=2**30, foreign_utilization=self._foreign,
                missing={"power_watts": "the driver says: Not Supported"},
            ),
        )  # fmt: skip

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("foreign", "noisy"), [(0.0, False), (None, False), (0.4, True)])
def test_a_sample_says_what_devices_did_and_others_on_them_disturb_it(
    tmp_path: Path, foreign: float | None, *, noisy: bool
) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    reader, told = Scripted(foreign), list[Any]()
    with Rig(
        str(model), noise=QUIET, on_event=told.append,
        watch=lambda: DeviceWatch(open_all=lambda: (reader,), own_pids=frozenset, period_s=0.05),
    ) as rig:  # fmt: skip
        sample = rig.sample(SETTINGS, Workload(prompt=8, generate=4))
    (load,) = sample.conditions.devices
    assert (load.name, load.utilization, load.power_watts) == ("H100", 0.5, None)
    assert sample.noisy is noisy
    assert reader.closed
    (event,) = [event for event in told if isinstance(event, DevicesRead)][:1]
    assert EVENTS.validate_json(EVENTS.dump_json(event)) == event
