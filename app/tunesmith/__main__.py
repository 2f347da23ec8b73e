"""Read the command line: a worker, the headless interface, or the window."""

from __future__ import annotations

import sys

NO_WINDOW = """\
tunesmith: {why}.
{todo}To tune without a window:   tunesmith --headless {model}
To see all commands:        tunesmith --help
"""


def main() -> int:
    """Run Tunesmith and return the exit code."""
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "--worker":  # started by the app itself, never by a user
        from tunesmith.wording import speak_as_told

        speak_as_told()
        from tunesmith.services.worker_process import main as serve

        serve(arguments[1])
        return 0
    from tunesmith.cli.main import run, wants_window

    return _window(arguments) if wants_window(arguments) else run(arguments)


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
