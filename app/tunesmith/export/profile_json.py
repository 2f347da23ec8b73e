"""Own the profile itself as a file, with all its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.domain.profile_file import profile_file
from tunesmith.export.job import Exported, Job, Options
from tunesmith.wording import tr

NAME = "json"
TITLE = tr("tuned profile (JSON)")
SEVERAL = False


def export(jobs: Sequence[Job], options: Options) -> Exported:  # noqa: ARG001 (as every target has it)
    """The document that other Tunesmiths import and that is signed for fleets."""
    (job,) = jobs
    return Exported(f"{job.name}.json", profile_file(job.profile).text())
