"""Own the interface of a platform reader: what each operating system is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tunesmith.domain.machine import Core


@dataclass(frozen=True, slots=True)
class Limits:
    """What a control group grants this process; None means no limit, or none that can be seen."""

    cpuset: frozenset[int] | None = None
    cpu_quota: float | None = None
    """CPUs' worth of time, above 0."""
    memory_limit_bytes: int | None = None
    memory_headroom_bytes: int | None = None
    """What can still be allocated under the limit, file cache that can be dropped included."""


class PlatformReader(Protocol):
    """Reads what psutil does not know. None or empty stands for unknown; nothing raises."""

    def os_name(self) -> str | None: ...

    def cpu_model(self) -> str | None: ...

    def cores(self) -> tuple[Core, ...]: ...

    def sockets(self) -> int | None: ...

    def logical_cpus(self) -> int | None: ...

    def llama_default_threads(self) -> int | None:
        """As common_cpu_get_num_math; None where that falls back on the number of logical CPUs."""
        ...

    def features(self) -> tuple[str, ...] | None: ...

    def limits(self) -> Limits: ...

    def governor(self) -> str | None: ...

    def virtualization(self) -> str | None: ...


class PortableReader:
    """Knows nothing: for a platform without a reader of its own, where psutil must do."""

    def os_name(self) -> str | None:
        return None

    def cpu_model(self) -> str | None:
        return None

    def cores(self) -> tuple[Core, ...]:
        return ()

    def sockets(self) -> int | None:
        return None

    def logical_cpus(self) -> int | None:
        return None

    def llama_default_threads(self) -> int | None:
        return None

    def features(self) -> tuple[str, ...] | None:
        return None

    def limits(self) -> Limits:
        return Limits()

    def governor(self) -> str | None:
        return None

    def virtualization(self) -> str | None:
        return None


def sockets_of(cores: tuple[Core, ...]) -> int | None:
    """Return how many sockets the cores sit in, or None without cores."""
    return len({core.socket for core in cores}) or None
