"""Own the check-up of sensors of power and energy: what tells, and what a permission would add."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.domain.power import PowerSensor
from tunesmith.machine.energy_reader import EnergyReader, open_energy_readers
from tunesmith.services.check import Check
from tunesmith.services.power_gauge import silence
from tunesmith.wording import tr


def energy_sensors() -> tuple[PowerSensor, ...]:
    """All sensors of this machine, also those that may not be read."""
    readers: Sequence[EnergyReader] = open_energy_readers()
    try:
        return tuple(sensor for reader in readers for sensor in reader.sensors())
    finally:
        for reader in readers:
            reader.close()


def energy_checks(sensors: Sequence[PowerSensor]) -> list[Check]:
    """One line for what tells, and one for each permission that would add something."""
    told = [sensor for sensor in sensors if not sensor.why]
    denied: dict[str, list[PowerSensor]] = {}
    for sensor in sensors:
        if sensor.todo:
            denied.setdefault(sensor.todo, []).append(sensor)
    checks: list[Check] = []
    if told:
        names = ", ".join(f"{sensor.name} ({sensor.source})" for sensor in told)
        checks.append(Check(name="energy", status="ok", what=tr("power is told by {names}", names=names)))
    for todo, group in denied.items():
        names = ", ".join(sensor.name for sensor in group)
        checks.append(
            Check(
                name="energy", status="warning",
                what=tr("{sensor}: {reason}", sensor=names, reason=group[0].why),
                todo=tr("Joules per token would be told. {how}", how=todo),
            )
        )  # fmt: skip
    if checks:
        return checks
    return [
        Check(
            name="energy", status="ok",
            what=silence(sensors),
            todo=tr("Joules per token can be reckoned from watts of your own: --load-watts, --idle-watts."),
        )
    ]  # fmt: skip
