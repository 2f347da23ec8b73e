"""Own how an RPC server's state is told in the window."""

from __future__ import annotations

from tunesmith.domain.digits import fixed
from tunesmith.domain.worker_events import ServerReached
from tunesmith.presentation.numbers import bytes_text
from tunesmith.wording import tr, trn

OPEN_CONNECTION = tr(
    "The connection to a server is not encrypted and a server asks nobody who they are: use them in a "
    "network that you trust only."
)


def reached_text(server: ServerReached) -> str:
    """Such as ``Answers in 0.21 ms: 1 device, 7.3 GiB of 7.8 GiB free``."""
    free = sum(device.free_bytes for device in server.devices)
    total = sum(device.total_bytes for device in server.devices)
    return tr(
        "Answers in {latency} ms: {devices}, {free} of {total} free",
        latency=fixed(server.latency_ns / 1e6, 2),
        devices=trn("{count} device", "{count} devices", len(server.devices)),
        free=bytes_text(free),
        total=bytes_text(total),
    )
