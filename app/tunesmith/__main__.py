"""Read the command line: a worker, the headless interface, or the window."""

from __future__ import annotations

import importlib.util
import sys

NO_WINDOW = """\
tunesmith: {why}.
{todo}To tune without a window:   tunesmith --headless {model}
To see all commands:        tunesmith --help
"""


def main() -> int:
    """Run Tunesmith and return the exit code.

    Frozen or not, everything is this one program: it starts itself anew for the parts that want a process of
    their own. What is heavy is imported only by the part that was asked for.
    """
    match sys.argv[1:]:
        case ["--worker", handle]:
            return _worker(handle)
        case ["--first-frame"]:
            return _first_frame()
        case arguments:
            from tunesmith.cli.main import run, wants_window

            return _window(arguments) if wants_window(arguments) else run(arguments)


def _worker(handle: str) -> int:
    """Serve as a worker; started by the app itself, never by a user."""
    from tunesmith.wording import speak_as_told

    speak_as_told()
    from tunesmith.services.worker_process import main as serve

    serve(handle)
    return 0


def _first_frame() -> int:
    """Show the window once and end; started by the self-test, never by a user."""
    from tunesmith.gui.requirements import NOT_INSTALLED, obstacle

    if importlib.util.find_spec("PySide6") is None:
        sys.stderr.write("Qt is not installed\n")
        return NOT_INSTALLED
    if found := obstacle():
        sys.stderr.write(f"{found.what}\n")
        return found.exit_code
    from tunesmith.gui.language import choose_language

    choose_language()
    from tunesmith.gui.first_frame import run as show_once

    return show_once()


def _window(paths: list[str]) -> int:
    """Open the window, or say why not and what to do instead."""
    from tunesmith.gui.requirements import obstacle

    found = obstacle()
    if found is None:
        from tunesmith.gui.language import choose_language

        choose_language()  # texts are made when the modules that hold them are imported
        from tunesmith.gui.app import run as open_window

        return open_window(paths)
    model = paths[0] if paths else "MODEL.gguf"
    sys.stderr.write(NO_WINDOW.format(why=found.what, todo=found.todo, model=model))
    return found.exit_code


if __name__ == "__main__":
    sys.exit(main())
