"""What a worker's probe tells of its own process."""

from __future__ import annotations

import time

from tunesmith.services.worker_process import MachineProbe


def test_the_probe_tells_this_process_memory() -> None:
    probe = MachineProbe()
    memory = probe.memory()
    resident = probe.resident_bytes()
    assert memory.rss_bytes
    assert resident
    assert memory.peak_rss_bytes is None or memory.peak_rss_bytes >= memory.rss_bytes
    assert abs(resident - memory.rss_bytes) < 2**24
    probe.reset_peak()


def test_the_process_own_work_is_not_foreign() -> None:
    probe = MachineProbe()
    probe.begin()
    begun = time.process_time()
    while time.process_time() - begun < 0.3:
        pass
    conditions = probe.end()
    assert conditions.foreign_cores is None or conditions.foreign_cores >= 0
    assert conditions.wait_share is None or 0 <= conditions.wait_share <= 1


def test_an_instant_is_too_short_to_tell_of_foreign_load() -> None:
    probe = MachineProbe()
    probe.begin()
    assert probe.end().foreign_cores is None


def test_a_probe_of_a_process_that_is_gone_tells_nothing() -> None:
    probe = MachineProbe()
    probe._pid = 2**22 + 1
    assert probe.memory().rss_bytes is None
    assert probe.resident_bytes() is None
