"""Read the command line: a worker, the headless interface, or the window."""

from __future__ import annotations

import sys


def main() -> int:
    """Run Tunesmith and return the exit code."""
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "--worker":  # started by the app itself, never by a user
        from tunesmith.services.worker_process import main as serve

        serve(arguments[1])
        return 0
    from tunesmith.cli.main import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
