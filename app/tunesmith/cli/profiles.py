"""Own ``tunesmith profiles``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.cli.output import Output
from tunesmith.presentation.documents import ProfileDocument, ProfilesDocument
from tunesmith.presentation.profiles_text import profiles_report
from tunesmith.presentation.tune_text import profile_report
from tunesmith.settings import store_location
from tunesmith.store import Store

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile


def run(options: argparse.Namespace, output: Output) -> int:
    """Do what was asked with profiles and return the exit code."""
    with Store.open(store_location(options.store)) as store:
        match options.action:
            case "list":
                rows = tuple(store.profiles())
                if output.json_mode:
                    output.document(ProfilesDocument(profiles=rows))
                else:
                    output.show(*profiles_report(rows))
            case "show":
                profile = store.profile(options.id)
                if output.json_mode:
                    output.document(ProfileDocument(profile=profile))
                else:
                    output.show(*profile_report(profile))
            case "explain":
                _explain(store.profile(options.id), store, output)
            case "rename":
                _changed(store.rename_profile(options.id, options.name), "Renamed to {name}.", output)
            case "undelete":
                store.undelete_profile(options.id)
                _changed(store.profile(options.id), "{id} is back: {name}.", output)
            case "import":
                from tunesmith.services.profile_files import import_profile

                imported = import_profile(Path(options.file), store)
                words = "Imported {name} as {id}."
                if imported.known:
                    words = "{id} was there already, and the same: {name}."
                elif imported.renumbered:
                    words = "Imported {name} as {id}: another profile has the id that the file gives."
                _changed(imported.profile, words, output)
            case _:
                profile = store.profile(options.id)
                store.delete_profile(profile.id)
                words = "Deleted {id}, {name}. Undo: tunesmith profiles undelete {id}"
                _changed(profile, words, output, deleted=True)
    return 0


def _explain(profile: TunedProfile, store: Store, output: Output) -> None:
    from tunesmith.presentation.explain import explain
    from tunesmith.presentation.explain_text import explain_report
    from tunesmith.services.past_runs import events_of

    document = explain(profile, events_of(profile, store))
    if output.json_mode:
        output.document(document)
    else:
        output.show(*explain_report(document))


def _changed(profile: TunedProfile, words: str, output: Output, *, deleted: bool = False) -> None:
    if output.json_mode:
        output.document(ProfileDocument(profile=profile, deleted=deleted))
    else:
        output.show(Text(words.format(id=profile.id, name=profile.name)))
