"""Own ``tunesmith --self-test``: whether this installation does its work, from its files to its window."""

from __future__ import annotations

import argparse
import gettext
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tunesmith import __version__
from tunesmith.cli.output import Output
from tunesmith.cli.tune import interruptible
from tunesmith.domain.profile_file import profile_file
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.workload import Budget, Constraints, Objective, Workload
from tunesmith.errors import Interrupted, NoisyMachineError, TunesmithError, UsageError
from tunesmith.worker.process import program

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile

BUDGET_SECONDS: Final = 3.0
_WORKLOAD: Final = Workload(prompt=16, generate=4)
_WINDOW_SECONDS: Final = 120.0
_NOT_INSTALLED: Final = 6
"""The window's exit code where its libraries are missing; the command line imports nothing of the window."""
_PLACES: Final = {
    "TUNESMITH_STORE": "store.sqlite3",
    "TUNESMITH_CONFIG_DIR": "config",
    "TUNESMITH_CACHE_DIR": "cache",
}


class Failed(Exception):
    """Something is not as it must be; says what."""


class Skipped(Exception):
    """Something could not be tried; says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a step ended: the sign it is printed with, and what was seen."""

    sign: str
    what: str


def run(options: argparse.Namespace, output: Output) -> int:
    """Try everything in a folder of its own, say what was seen, and return 0, or 1 if something failed.

    Raises:
        UsageError: there is no model to try it on.
        Interrupted: the user stopped it.
    """
    del output  # what is seen is for people, and always told
    model = _model(options.self_test)
    frozen = "frozen" if getattr(sys, "frozen", False) else f"Python {sys.version.split()[0]}"
    print(f"tunesmith {__version__}, {frozen}: {program()[0]}")
    signs = []
    with tempfile.TemporaryDirectory(prefix="tunesmith-self-test-") as folder, _all_in(Path(folder)):
        for name, step in SelfTest(model, Path(folder)).steps().items():
            begun = time.monotonic()
            ended = _tried(step)
            signs.append(ended.sign)
            print(f"{ended.sign:7} {name:7} {time.monotonic() - begun:5.1f} s  {ended.what}", flush=True)
    failed, skipped = signs.count("FAILED"), signs.count("skipped")
    left_out = f"; {skipped} skipped" if skipped else ""
    print(f"{failed} of {len(signs)} failed{left_out}." if failed else f"All is well{left_out}.")
    return 1 if failed else 0


def _model(given: str) -> Path:
    if given:
        return Path(given).absolute()
    from tunesmith.services.library import demo_model

    found = demo_model()
    if found is None:
        raise UsageError(
            "The demo model is not installed.", todo="Name a model: tunesmith --self-test MODEL.gguf"
        )
    return found


@contextmanager
def _all_in(folder: Path) -> Iterator[None]:
    """Keep this process, and those that it starts, away from the user's store, settings and caches."""
    ours = {name: str(folder / place) for name, place in _PLACES.items()}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _tried(step: Callable[[], str]) -> Ended:
    try:
        return Ended("ok", step())
    except Interrupted:
        raise
    except Skipped as why:
        return Ended("skipped", str(why))
    except (Failed, TunesmithError) as error:
        return Ended("FAILED", str(error))
    except Exception as error:  # noqa: BLE001 (whatever it is, the steps that follow say more)
        traceback.print_exception(error, file=sys.stderr)
        return Ended("FAILED", f"{type(error).__name__}: {error}")


class SelfTest:
    """The steps; a later one uses what an earlier one made, or else what ships with Tunesmith."""

    def __init__(self, model: Path, folder: Path) -> None:
        """Nothing is tried yet.

        Args:
            model: what to tune.
            folder: takes all that is written.
        """
        self._model = model
        self._folder = folder
        self._profile: TunedProfile | None = None

    def steps(self) -> dict[str, Callable[[], str]]:
        """What there is to try, in its order; each step says what it saw, or raises."""
        return {
            "files": self.files, "model": self.model, "worker": self.worker, "tune": self.tune,
            "export": self.export, "import": self.imported, "window": self.window,
        }  # fmt: skip

    def files(self) -> str:
        """Whether what ships with Tunesmith is there and can be read."""
        from tunesmith import assets
        from tunesmith.cli.parser import PRESETS
        from tunesmith.services.presets import load_presets
        from tunesmith.wording import LANGUAGES, SOURCE

        if lacking := set(PRESETS) - set(load_presets()):
            raise Failed(f"presets are missing: {', '.join(sorted(lacking))}")
        schemas = [json.loads(path.read_bytes()) for path in _found(assets.profiles_dir(), "*.schema.json")]
        icons = _found(assets.resource("icons"), "*.svg")
        pages = _found(assets.guide_page("index.md").parent, "*.md")
        _found(assets.resource("text"), "*.txt")
        _found(assets.resource("evaluation"), "*.txt")
        told = [code for code in LANGUAGES if code != SOURCE]
        for code in told:
            with assets.resource(f"translations/{code}/LC_MESSAGES/tunesmith.mo").open("rb") as file:
                if gettext.GNUTranslations(file).gettext("Profiles") == "Profiles":
                    raise Failed(f"the translations to {code} translate nothing")
        return (
            f"{len(schemas)} schemas, {len(PRESETS)} presets, {len(icons)} icons, {len(pages)} pages of the "
            f"guide, translations to {', '.join(told)}"
        )

    def model(self) -> str:
        """Whether the model's header can be read."""
        from tunesmith.services.context import read_model

        header = read_model(str(self._model))
        return f"{self._model.name}: {header.name or header.architecture}, {header.file_type}"

    def worker(self) -> str:
        """Whether a worker starts, has loaded llama.cpp, and ends."""
        from tunesmith.worker.handle import WorkerHandle

        with WorkerHandle() as worker:
            build, devices = worker.ready.build, worker.ready.devices
        if worker.alive:
            raise Failed("the worker did not end")
        if not devices:
            raise Failed("llama.cpp sees no device, not even the CPU")
        names = ", ".join(device.name for device in devices)
        variant = f", variant {build.cpu_variant}," if build.cpu_variant else ""
        return f"llama.cpp {build.llama_cpp_version}{variant} in a process of its own, {names}"

    def tune(self) -> str:
        """Whether a tune, as small as it gets, ends with a profile in the store."""
        from tunesmith.services.tune import start_tune
        from tunesmith.store import Store

        request = TuneRequest(
            model_path=str(self._model), workload=_WORKLOAD, objective=Objective(), constraints=Constraints(),
            budget=Budget(name="custom", seconds=BUDGET_SECONDS, max_rounds=3, passes=1),
            rules=SearchRules(vary=("flash_attn",)), preset=None, seed=1, warm_start=False,
        )  # fmt: skip
        with Store.open(os.environ["TUNESMITH_STORE"]) as store:
            session = start_tune(request, store)
            with interruptible(session):
                for _ in session.events():
                    pass
            try:
                result = session.result()
            except NoisyMachineError as error:
                raise Skipped(f"others use this machine too much: {error.what}") from None
            assert result.profile is not None  # noqa: S101 (a tune without one raises)
            self._profile = store.profile(result.profile.id)
        decode = self._profile.tuned.decode_tokens_per_s
        speed = "" if decode is None else f", decodes {decode.median:.0f} tokens/s"
        return f"{result.outcome}, {result.trials} samples{speed}"

    def _some_profile(self) -> TunedProfile:
        """The one just made; if there is none, an example that ships."""
        if self._profile is not None:
            return self._profile
        from tunesmith import assets
        from tunesmith.services.profile_files import read_profile

        return read_profile(_found(assets.profiles_dir() / "examples", "*.json")[0])

    def export(self) -> str:
        """Whether a profile can be written in every format."""
        from tunesmith.export.job import Options
        from tunesmith.export.targets import TARGETS, find_target
        from tunesmith.services.export import export, write_export

        profile = self._some_profile()
        for name in TARGETS:
            target = find_target(name)
            written = self._folder / f"export-{name}"
            write_export(export([profile], target, Options(), model_path=str(self._model)), written)
            if not written.stat().st_size:
                raise Failed(f"the export to {name} is empty")
        return f"{profile.name!r} in {len(TARGETS)} formats"

    def imported(self) -> str:
        """Whether a profile comes back from its file as it was, into another store."""
        from tunesmith.services.profile_files import import_profile, write_profile
        from tunesmith.store import Store

        profile, path = self._some_profile(), self._folder / "profile.json"
        write_profile(profile, path)
        with Store.open(str(self._folder / "another.sqlite3")) as store:
            first, second = import_profile(path, store), import_profile(path, store)
            kept = store.profile(first.profile.id)
        if first.known or not second.known or profile_file(kept) != profile_file(profile):
            raise Failed("the profile that was imported is not the one that was written")
        return f"{kept.id} is as it was written"

    def window(self) -> str:
        """Whether the window shows its first frame and every page; offscreen, unless Qt is told otherwise."""
        environ = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
        begun_ns = time.monotonic_ns()
        try:
            done = subprocess.run(
                [*program(), "--first-frame"], env=environ, capture_output=True, check=False,
                encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL, timeout=_WINDOW_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Failed(f"the window was not done within {_WINDOW_SECONDS:.0f} s") from None
        said = " / ".join(done.stderr.strip().splitlines()[-3:])
        if done.returncode == _NOT_INSTALLED:
            raise Skipped(said)
        told = re.fullmatch(r"painted (\d+) (\S+)\n(\d+) pages\n", done.stdout)
        if done.returncode or told is None:
            raise Failed(f"the window ended with exit code {done.returncode}: {said or 'it said nothing'}")
        painted_ms = (int(told[1]) - begun_ns) / 1e6
        return f"first frame {painted_ms:.0f} ms after its start ({told[2]}), {told[3]} pages"


def _found(folder: Path, pattern: str) -> list[Path]:
    """The files below a folder.

    Raises:
        Failed: there are none, or one is empty.
    """
    found = sorted(folder.rglob(pattern))
    if not found or not all(path.stat().st_size for path in found):
        raise Failed(f"{folder} lacks {pattern}, or has an empty one")
    return found
