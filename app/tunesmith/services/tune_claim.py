"""Own the taking over of an interrupted tune, and every reason not to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.domain.request import TuneRequest
from tunesmith.errors import UsageError
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.model import ModelIdentity
    from tunesmith.services.context import Surroundings
    from tunesmith.store import Store


def claim(
    store: Store, request: TuneRequest, run: str, model: ModelIdentity, found: Surroundings
) -> tuple[str, TuneRequest]:
    """Take an interrupted run over.

    Args:
        store: that holds it.
        request: what the user says now: where the model is, and which servers.
        run: its id, or ``latest``.
        model: that is there.
        found: the machine as it is now.

    Returns:
        The run's id, and what it was asked for with the model where it is now.

    Raises:
        UsageError: there is none, or it was made on another model, machine or build.
    """
    if run == "latest":
        latest = store.latest_resumable(model.sha256)
        if latest is None:
            raise UsageError(
                tr("There is no interrupted run of this model to resume."),
                todo=tr("Start a new one without --resume."),
            )
        run = latest.id
    record = store.run(run)
    if record.model_sha256 != model.sha256:
        raise UsageError(
            tr("Run {run} was of another model, {model}.", run=record.id, model=record.model_name)
        )
    if not isinstance(record.request, TuneRequest):
        raise UsageError(tr("Run {run} is no tune.", run=record.id))
    if record.request.rpc != request.rpc:
        servers = " ".join(f"--rpc {endpoint}" for endpoint in record.request.rpc)
        raise UsageError(
            tr("Run {run} used other RPC servers than you named now.", run=record.id),
            unharmed=tr("Its samples are kept."),
            todo=tr("Go on with: {options}", options=f"--resume {servers}".strip()),
        )
    if record.machine_fingerprint != found.machine_class.fingerprint:
        raise UsageError(
            tr(
                "Run {run} was made on another machine class, {machine}.",
                run=record.id,
                machine=record.machine_label,
            ),
            unharmed=tr("Its samples are kept."),
            todo=tr("Start a new run without --resume."),
        )
    store.claim_run(record.id)
    return record.id, record.request.model_copy(update={"model_path": request.model_path})
