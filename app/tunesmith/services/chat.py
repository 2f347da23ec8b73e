"""Own a conversation with a model under one or two sets of settings; it lives in this process only."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.worker_events import ModelLoaded, PromptRead, TextEnded, TextGenerated, WorkerEvent
from tunesmith.errors import Interrupted, TunesmithError
from tunesmith.services.chat_sides import Side
from tunesmith.worker.handle import WorkerHandle
from tunesmith.worker.patience import Patience
from tunesmith.worker.protocol import Sampling, Turn

TextEvent = ModelLoaded | PromptRead | TextGenerated | TextEnded


@dataclass(frozen=True, slots=True)
class Update:
    """What came of one side."""

    side: int
    event: TextEvent


class Answer:
    """Answers under way, one side after the other; a window drains what has come."""

    def __init__(self, run: Callable[[Callable[[Update], None], threading.Event], None]) -> None:
        self._updates: queue.SimpleQueue[Update] = queue.SimpleQueue()
        self._stop = threading.Event()
        self.error: TunesmithError | None = None
        """What ended it early, once it is over; a stop that was asked for is none."""
        self._thread = threading.Thread(target=self._main, args=(run,), name="chat", daemon=True)
        self._thread.start()

    def _main(self, run: Callable[[Callable[[Update], None], threading.Event], None]) -> None:
        try:
            run(self._updates.put, self._stop)
        except Interrupted:
            pass
        except TunesmithError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 (whatever it was, it is told where the answer would be)
            self.error = TunesmithError(f"{type(error).__name__}: {error}")

    def drain(self) -> tuple[list[Update], bool]:
        """What has come since the last call, without waiting, and whether all is over."""
        over = not self._thread.is_alive()
        found = []
        while True:
            try:
                found.append(self._updates.get_nowait())
            except queue.Empty:
                return found, over

    def stop(self) -> None:
        """Stop within a second, keeping what was written."""
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is over; False if it is not by then."""
        self._thread.join(timeout)
        return not self._thread.is_alive()


class Chat:
    """A conversation; each side has its own history, since each gives its own answers.

    Sides whose settings need the model loaded in different ways have a worker each; only one works at a
    time.
    """

    def __init__(
        self,
        model_path: str,
        sides: Sequence[Side],
        *,
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Nothing is loaded yet."""
        self.model_path = model_path
        self.sides = tuple(sides)
        self._command = command
        self._patience = patience
        self._turns: list[list[Turn]] = [[] for _ in self.sides]
        self._workers: dict[tuple[object, ...], WorkerHandle] = {}
        self._loaded: set[tuple[object, ...]] = set()
        self._ending = threading.RLock()
        self._answer: Answer | None = None
        self._stop = threading.Event()
        self._take: Callable[[WorkerEvent], None] = lambda _event: None

    def ask(self, text: str, *, sampling: Sampling, max_tokens: int = 1024) -> Answer:
        """Say something and have every side answer, one after the other.

        Raises:
            RuntimeError: an answer is under way.
        """
        if self._answer is not None and not self._answer.wait(0):
            msg = "an answer is under way"
            raise RuntimeError(msg)

        def run(tell: Callable[[Update], None], stop: threading.Event) -> None:
            self._stop = stop
            for side in range(len(self.sides)):
                if not stop.is_set():
                    self._ask_side(side, text, sampling, max_tokens, tell)

        self._answer = Answer(run)
        return self._answer

    def _ask_side(
        self, side: int, text: str, sampling: Sampling, max_tokens: int, tell: Callable[[Update], None]
    ) -> None:
        pieces: list[str] = []

        def take(event: WorkerEvent) -> None:
            if isinstance(event, TextGenerated):
                pieces.append(event.text)
            if isinstance(event, ModelLoaded):
                self._loaded.add(self.sides[side].settings.key(ChangeCost.MODEL))
            if isinstance(event, ModelLoaded | PromptRead | TextGenerated | TextEnded):
                tell(Update(side, event))

        turns = [*self._turns[side], Turn(role="user", text=text)]
        self._take = take
        try:
            self._worker(self.sides[side].settings).generate(
                model_path=self.model_path,
                settings=self.sides[side].settings,
                turns=tuple(turns),
                max_tokens=max_tokens,
                sampling=sampling,
            )
        finally:
            if pieces:  # an unanswered question is not held against the next one
                self._turns[side] = [*turns, Turn(role="assistant", text="".join(pieces))]

    def _worker(self, settings: Settings) -> WorkerHandle:
        key = settings.key(ChangeCost.MODEL)
        worker = self._workers.get(key)
        if worker is None or not worker.alive:
            if worker is not None:
                worker.close()
            self._loaded.discard(key)
            worker = self._workers[key] = WorkerHandle(
                command=self._command,
                patience=self._patience,
                on_event=lambda event: self._take(event),
                interrupted=lambda: self._stop.is_set(),
            )
        return worker

    def loaded(self, side: int) -> bool:
        """Whether the model is in memory in the way this side needs it."""
        key = self.sides[side].settings.key(ChangeCost.MODEL)
        worker = self._workers.get(key)
        return key in self._loaded and worker is not None and worker.alive

    def turns(self, side: int) -> tuple[Turn, ...]:
        """What was said on a side so far."""
        return tuple(self._turns[side])

    def switch(self, sides: Sequence[Side]) -> None:
        """Go on with the same conversation under other settings; may take a second or two.

        A side that was there already keeps its history, another one goes on from the last side's. The
        model stays loaded where the new settings need it in the same way.
        """
        with self._ending:
            self._end_answer()
            before = {side.label: turns for side, turns in zip(self.sides, self._turns, strict=True)}
            last = self._turns[-1] if self._turns else []
            self._turns = [list(before.get(side.label, last)) for side in sides]
            self.sides = tuple(sides)
            needed = {side.settings.key(ChangeCost.MODEL) for side in sides}
            for key in self._workers.keys() - needed:
                self._loaded.discard(key)
                self._workers.pop(key).close()

    def clear(self) -> None:
        """Forget what was said; the model stays loaded."""
        self._turns = [[] for _ in self.sides]

    def close(self) -> None:
        """Stop what is under way and free the model; takes up to a second or two."""
        with self._ending:
            self._end_answer()
            for worker in self._workers.values():
                worker.close()
            self._workers.clear()
            self._loaded.clear()

    def _end_answer(self) -> None:
        if self._answer is not None:
            self._answer.stop()
            self._answer.wait()
