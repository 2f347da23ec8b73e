"""Own what every page is given: the theme, the store, the signals between pages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tunesmith.gui.servers import Servers
from tunesmith.gui.theme import ThemeManager
from tunesmith.settings import folders, store_location

if TYPE_CHECKING:
    from tunesmith.domain.machine import Machine
    from tunesmith.store import Store


class Bus(QObject):
    """What pages ask of each other and of the window."""

    show_page = Signal(str)
    """By the page's name: models, tune, quantization, profiles, compare, machine, settings."""
    files_dropped = Signal(list)
    """Paths of files or folders, as str."""
    tune_model = Signal(str)
    """Open the tune page on this model file."""
    choose_quantization = Signal(str)
    """Open the quantization page on this source."""
    tune_again = Signal(object)
    """Open the tune page with a TunedProfile's model, workload and objective."""
    profile_saved = Signal(str)
    """A profile's id; lists refresh themselves."""
    show_profile = Signal(str)
    compare_profiles = Signal(list)
    """Ids of two to four profiles."""
    soak_profile = Signal(object)
    """Open the soak page on a TunedProfile."""
    show_run = Signal(str)
    """Replay a stored run, by its id, on the tune page."""
    try_model = Signal(str, object)
    """Open the chat on a model file, with a TunedProfile or None."""
    machine_known = Signal()
    """The context's machine was learnt, or learnt anew."""
    busy_changed = Signal(bool)
    """A run started or ended."""
    update_notice_changed = Signal(bool)
    """The notice of newer versions was turned on or off."""
    message = Signal(str)
    """A short sentence for the status bar."""


class AppContext:
    """The window's surroundings; passed in, never global."""

    def __init__(
        self,
        theme: ThemeManager,
        *,
        store_location_text: str | None = None,
        open_store: Callable[[], Store] | None = None,
    ) -> None:
        self.theme = theme
        self.bus = Bus()
        self.busy = False
        """A run is under way on some page; two would disturb each other."""
        self.opened_model = ""
        """The model file that was opened last from outside; a form that holds none begins with it."""
        self.folders = folders()
        self._machine: Machine | None = None
        self.servers = Servers(self.folders.config)
        self.bus.busy_changed.connect(self._set_busy)
        self._location = store_location_text
        self._open_store = open_store
        self._store: Store | None = None
        self._opening = threading.Lock()

    def _set_busy(self, on: bool) -> None:  # noqa: FBT001 (a slot)
        self.busy = on
        if on:
            self.servers.stop()  # a server serves one at a time

    @property
    def machine(self) -> Machine | None:
        """As llama.cpp's devices are known of it, once some page has asked."""
        return self._machine

    @machine.setter
    def machine(self, machine: Machine | None) -> None:
        self._machine = machine
        self.bus.machine_known.emit()

    @property
    def store(self) -> Store:
        """The open store; opened when first asked for, from any thread.

        Raises:
            StoreError: it cannot be opened.
        """
        with self._opening:
            if self._store is None:
                if self._open_store is not None:
                    self._store = self._open_store()
                else:
                    from tunesmith.store import Store

                    self._store = Store.open(store_location(self._location))
            return self._store

    @property
    def store_location(self) -> str:
        """Where the store is, as it was asked for: a path or an address.

        Raises:
            UsageError: the preferences cannot be read.
        """
        return store_location(self._location)

    def close(self) -> None:
        """Close the store, and ask no server any more."""
        self.servers.stop()
        if self._store is not None:
            self._store.close()
            self._store = None
