"""One tree of exceptions. Each says what happened, what is unharmed and what to do.

* TunesmithError
    · UsageError                  exit 2
    · ModelFileError              exit 3
        · ModelNotFound
        · ModelUnreadable
        · ModelMalformed
        · ModelRefused            llama.cpp would not load or run it
        · DoesNotFit              it would take more memory than there is
        · DraftMismatch           a draft model of another vocabulary
    · InfeasibleError             exit 4
    · NoisyMachineError           exit 5
    · StoreError                  exit 6
        · StoreLocked
        · StoreReadOnly
        · StoreFull
        · StoreTooNew
    · NotFoundError               exit 2   no such profile or run
        · RpcUnreachable          no RPC server answers at an address
    · UpdatesUnknown              exit 1   nobody said whether there is a newer version
    · VerificationError           exit 7
    · WorkerError                 exit 1   a trial's worker ended badly
        · WorkerCrashed
        · WorkerHung
        · WorkerOutOfMemory
        · WorkerProtocolError
        · RpcServerLost           an RPC server went away while it was used
        · DeviceLost              a graphics device failed, or its driver was reset
    · Interrupted                 exit 130
"""

from __future__ import annotations

from typing import ClassVar


class TunesmithError(Exception):
    """Base of every error Tunesmith raises on purpose.

    Args:
        what: what happened, one sentence.
        unharmed: what is safe, one sentence; empty if nothing was at stake.
        todo: what the user can do next, one sentence; empty if nothing.
        details: longer text to copy, such as the last lines of a log.
    """

    exit_code: ClassVar[int] = 1
    name: ClassVar[str] = "error"

    def __init__(self, what: str, *, unharmed: str = "", todo: str = "", details: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.unharmed = unharmed
        self.todo = todo
        self.details = details

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.unharmed, self.todo) if part)


class UsageError(TunesmithError):
    """The command line or a setting makes no sense."""

    exit_code = 2
    name = "usage"


class NotFoundError(TunesmithError):
    """No profile, run or preset goes by that name."""

    exit_code = 2
    name = "not_found"


class RpcUnreachable(NotFoundError):
    """No RPC server that llama.cpp can talk to answers at the address the user named."""

    name = "rpc_unreachable"


class ModelFileError(TunesmithError):
    """The model file is missing, unreadable, malformed or refused."""

    exit_code = 3
    name = "model_file"


class ModelNotFound(ModelFileError):
    """There is no file at the path, or a shard is missing."""

    name = "model_not_found"


class ModelUnreadable(ModelFileError):
    """The file exists but cannot be read: permission, a directory, an I/O error."""

    name = "model_unreadable"


class ModelMalformed(ModelFileError):
    """The file is not a well-formed GGUF file."""

    name = "model_malformed"


class ModelRefused(ModelFileError):
    """The header is well formed but llama.cpp would not load the model."""

    name = "model_refused"


class DoesNotFit(ModelRefused):
    """It would take more memory than there is or may be used, so it was not tried."""

    name = "does_not_fit"


class DraftMismatch(ModelFileError):
    """A draft model does not have the vocabulary of the model that it is to draft for."""

    name = "draft_mismatch"


class InfeasibleError(TunesmithError):
    """No candidate satisfies the constraints."""

    exit_code = 4
    name = "infeasible"


class NoisyMachineError(TunesmithError):
    """The machine was too noisy to tell candidates apart."""

    exit_code = 5
    name = "noisy"


class StoreError(TunesmithError):
    """The store cannot be opened, read or written."""

    exit_code = 6
    name = "store"


class StoreLocked(StoreError):
    """Another process holds the store for longer than we wait."""

    name = "store_locked"


class StoreReadOnly(StoreError):
    """The store's file or folder cannot be written."""

    name = "store_read_only"


class StoreFull(StoreError):
    """The disk that holds the store is full."""

    name = "store_full"


class StoreTooNew(StoreError):
    """The store was written by a newer Tunesmith."""

    name = "store_too_new"


class UpdatesUnknown(TunesmithError):
    """Whether there is a newer version could not be found out."""

    name = "updates_unknown"


class VerificationError(TunesmithError):
    """A profile no longer holds, or a signature is bad."""

    exit_code = 7
    name = "verification"


class WorkerError(TunesmithError):
    """A worker ended before its trial was done."""

    name = "worker"


class WorkerCrashed(WorkerError):
    """The worker died: a segmentation fault, an assertion, an exit."""

    name = "worker_crashed"


class WorkerHung(WorkerError):
    """The worker made no progress, or stopped answering, and was killed."""

    name = "worker_hung"


class WorkerOutOfMemory(WorkerError):
    """The worker could not allocate memory, or the system killed it for using too much."""

    name = "worker_out_of_memory"


class WorkerProtocolError(WorkerError):
    """The worker sent something that is no event."""

    name = "worker_protocol"


class RpcServerLost(WorkerError):
    """An RPC server ended, or the connection to it broke, while its devices were used."""

    name = "rpc_server_lost"


class DeviceLost(WorkerError):
    """A graphics device failed while it was used, or its driver was reset."""

    name = "device_lost"


class Interrupted(TunesmithError):
    """The user stopped the run; what was measured is kept."""

    exit_code = 130
    name = "interrupted"
