"""What goes wrong in the life of a job, of its images, and of what is sent when it has ended."""

from pipelines.errors import DarkroomError


class ModelNotAllowed(DarkroomError):
    code = "model_not_allowed"

    def __init__(self) -> None:
        super().__init__("This key may not use this model: ask for one that the list of models shows.", field="model")


class AnswerGone(DarkroomError):
    """To draw it anew would be the second time."""

    code = "answer_gone"

    def __init__(self) -> None:
        super().__init__("What this request was answered with is no longer kept: take a new Idempotency-Key for it.")


class StreamsFull(DarkroomError):
    """Of events; each keeps a connection open."""

    code = "streams_full"

    def __init__(self, most: int) -> None:
        super().__init__(f"You follow {most} jobs already: close one of these streams first.")


class QueueFull(DarkroomError):
    """retry_after: seconds after which there may be room."""

    code = "queue_full"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many jobs are waiting: try again in {retry_after} s.")
        self.retry_after = retry_after


class ServerStopping(DarkroomError):
    """retry_after: seconds after which another server, or this one started again, may answer."""

    code = "server_stopping"
    retry_after = 5

    def __init__(self) -> None:
        super().__init__(f"This server is about to stop and takes no more jobs: try again in {self.retry_after} s.")


class RateLimited(DarkroomError):
    """retry_after: seconds after which the window is over that is full."""

    code = "rate_limited"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"This is more than your limit allows: try again in {retry_after} s.")
        self.retry_after = retry_after


class CreditsShort(DarkroomError):
    code = "credits_short"

    def __init__(self) -> None:
        super().__init__("Your credits do not suffice for this: ask for less, or ask the operator for more credits.")


class JobUnknown(DarkroomError):
    code = "job_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such job: it may have ended long ago, or the id was not copied whole.")


class ImageUnknown(DarkroomError):
    code = "image_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such image: it may have expired, or the address was not copied whole.")


class CollectionUnknown(DarkroomError):
    code = "collection_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such collection: GET /darkroom/v1/collections lists yours.")


class LinkOver(DarkroomError):
    code = "link_over"

    def __init__(self) -> None:
        super().__init__("The time of this address is over: ask its owner for a new one.")


class RangeBeyond(DarkroomError):
    """size: of the file, in bytes."""

    code = "range_beyond"

    def __init__(self, size: int) -> None:
        super().__init__(f"The range begins after the end of the file: it has {size} bytes.")
        self.size = size


class WebhookUnknown(DarkroomError):
    code = "webhook_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such webhook: GET /darkroom/v1/webhooks lists yours.")


class DeliveryUnknown(DarkroomError):
    code = "delivery_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such message to send again: it may be too old.")


class TooMany(DarkroomError):
    """things: what an account has so many of."""

    code = "too_many"

    def __init__(self, things: str, most: int) -> None:
        super().__init__(f"An account has at most {most} {things}: remove one first.")


class ConnectorUnknown(DarkroomError):
    code = "connector_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such connector: GET /darkroom/v1/connectors lists yours.")


class UploadFailed(DarkroomError):
    """A place did not take a file. status: HTTP's, where there was one. final: trying again is of no use."""

    code = "upload_failed"

    def __init__(self, sentence: str, status: int | None = None, *, final: bool = False) -> None:
        super().__init__(sentence)
        self.status, self.final = status, final


class SecretUnreadable(DarkroomError):
    """It was sealed with another key than the one that the server has now."""

    code = "secret_unreadable"

    def __init__(self) -> None:
        super().__init__("A secret that belongs to this can no longer be read: make it again.")


class JobCancelled(DarkroomError):
    code = "job_cancelled"

    def __init__(self) -> None:
        super().__init__("The job was cancelled before its pictures were drawn.")


class JobTooSlow(DarkroomError):
    """job: the id of the one that goes on although nobody waits for it any more; None where it does not.

    seconds: for how long it was waited for.
    """

    code = "job_too_slow"

    def __init__(self, job: str | None = None, seconds: float = 0) -> None:
        super().__init__("Drawing took longer than a request may wait: ask for fewer steps or a smaller size.")
        self.job, self.seconds = job, seconds


class JobFailed(DarkroomError):
    """What the worker told: its code and its sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class ClientGone(DarkroomError):
    code = "client_gone"

    def __init__(self) -> None:
        super().__init__("The client closed the connection; its job was cancelled.")


class StorageFailed(DarkroomError):
    code = "storage_failed"

    def __init__(self) -> None:
        super().__init__("Nothing more can be stored: the server's disk may be full.")


class DatabaseLost(DarkroomError):
    code = "database_lost"

    def __init__(self) -> None:
        super().__init__("The server's database does not answer: try again in a moment.")


class BackupRefused(DarkroomError):
    """reason: why no backup is made, or why one is not restored. Never answered with: commands tell it."""

    code = "backup_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Nothing was done: {reason}.")


class TaskUnreadable(DarkroomError):
    """Another version of the server wrote it, or its pictures are gone from the disk."""

    code = "task_unreadable"

    def __init__(self) -> None:
        super().__init__("The server can no longer read what was asked for: send it again.")


class JobAbandoned(DarkroomError):
    """As WorkerLost, where the whole server was lost."""

    code = "job_abandoned"

    def __init__(self) -> None:
        super().__init__("The server was lost three times over this job: ask for something else.")


class InternalError(DarkroomError):
    """Something that nobody foresaw: the log has it under the request id, the caller does not."""

    def __init__(self) -> None:
        super().__init__("Something went wrong in the server; its log tells more under this request id.")
