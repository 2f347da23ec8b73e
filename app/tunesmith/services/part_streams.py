"""Own how a part of a run tells its events: as some of the whole run's, its progress as a share."""

from __future__ import annotations

from collections.abc import Callable

from tunesmith.domain.events import Event, Progress, RunFinished, RunStarted
from tunesmith.services.session import Stream


class _Scaled:
    """Emits into a stream, with progress as a part of the whole."""

    def __init__(self, stream: Stream, begin: float, end: float) -> None:
        self._stream = stream
        self._begin = begin
        self._end = end

    def scaled(self, event: Event) -> Event:
        """Progress as a part of the whole; the time left is only known of the part."""
        if not isinstance(event, Progress):
            return event
        fraction = self._begin + (self._end - self._begin) * event.fraction
        return event.model_copy(update={"fraction": fraction, "eta_seconds": None})

    def emit(self, event: Event) -> None:
        """Pass on, to be recorded."""
        self._stream.emit(self.scaled(event))

    def relay(self, event: Event) -> None:
        """Pass on what is recorded elsewhere; that a part began or ended is not the whole's."""
        if not isinstance(event, RunStarted | RunFinished):
            self._stream.relay(self.scaled(event))


def part_emit(stream: Stream, begin: float, end: float) -> Callable[[Event], None]:
    """Emits as a part of the whole, to be recorded with it."""
    return _Scaled(stream, begin, end).emit


def part_stream(stream: Stream, begin: float, end: float) -> Stream:
    """A stream of a part, all of which is recorded with the whole."""
    return Stream(_Scaled(stream, begin, end).emit)


def relayed_stream(stream: Stream, begin: float, end: float) -> Stream:
    """A stream of a part that records itself."""
    return Stream(_Scaled(stream, begin, end).relay)
