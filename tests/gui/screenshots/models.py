"""Own the scenes of the models page and of settings."""

from __future__ import annotations

from pathlib import Path

from tests.gui.sample_models import fake_model, fill_home
from tests.gui.sample_profiles import sample
from tests.gui.screenshots.scene import Ready, at_once, scene, settle
from tunesmith.gui.pages.models import ModelsPage
from tunesmith.gui.window import MainWindow
from tunesmith.services.watched import watch
from tunesmith.store import Store


def _with_models(home: Path) -> None:
    """What some programs left there; two of the models have been tuned."""
    fill_home(home, None)
    small = home / ".cache" / "llama.cpp" / "smollm2-135m-instruct-q8_0.gguf"
    fake_model(small, "SmolLM2 135M Instruct", "Q8_0", 0.135, context=8192)
    qwen = home / ".lmstudio/models/Qwen/Qwen2.5-7B-Instruct-GGUF/qwen2.5-7b-instruct-q4_k_m.gguf"
    with Store.open(home / "store.sqlite3") as store:
        for number, (path, gain) in enumerate(((small, 1.42), (qwen, 1.18)), start=1):
            profile = sample(number, path.stem, model=path.stem, gain=gain, threads=6)
            header = profile.model.header.model_copy(
                update={"path": str(path), "file_bytes": path.stat().st_size}
            )
            model = profile.model.model_copy(update={"header": header})
            store.save_profile(profile.model_copy(update={"model": model}))


def _page(window: MainWindow) -> ModelsPage:
    window.show_page("models")
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    return page


def _chosen(page: ModelsPage, name: str) -> Ready:
    """Whether everything is known and a model is chosen."""

    def ready() -> bool:
        if not page.library.idle or page.library.available_bytes is None:
            return False
        row = next((row for row in page.table.library.rows if row.cells[0].startswith(name)), None)
        return row is not None and page.table.select(row.entry.path)

    return ready


@scene("models", furnish=_with_models, kept=True)
def _models(window: MainWindow) -> Ready:
    return _chosen(_page(window), "Smol")


@scene("models-grouped", furnish=_with_models)
def _grouped(window: MainWindow) -> Ready:
    page = _page(window)
    page.group.setChecked(True)
    return _chosen(page, "Meta")


@scene("models-broken", furnish=_with_models)
def _broken(window: MainWindow) -> Ready:
    return _chosen(_page(window), "phi")


@scene("models-empty", kept=True)
def _empty(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: page.library.looked and page.states.currentWidget() is page.empty


@scene("models-nothing", furnish=_with_models)
def _nothing(window: MainWindow) -> Ready:
    page = _page(window)
    page.filter.setText("nothing of the kind")
    return lambda: page.library.looked and page.nothing.isVisible()


def _with_folders(home: Path) -> None:
    fill_home(home, None)
    watch(home / "config", folders=["/data/models", str(home / "a folder")])


@scene("settings", furnish=_with_folders, kept=True)
def _settings(window: MainWindow) -> Ready:
    window.show_page("settings")
    settle()
    return at_once
