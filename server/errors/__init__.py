"""What can go wrong, and what each thing gets.

    DarkroomError
    - at the door, raised here
      * KeyMissing, KeyWrong, TokenWrong,
        SiteRefused                              who is asking?
      * IssuerSilent                             whose tokens cannot be checked just now
      * ScopeMissing, NotOperator                may they ask for this?
      * KeyUnknown, AccountUnknown, AccountNeeded  of keys and accounts themselves
      * AddressUnknown, MethodWrong              what for?
      * BodyTooLarge, BodyInvalid, ImageInvalid  with which words, with which pictures?
      * NotOffered                               a vendor's option that is not here yet
      * IdempotencyKeyInvalid, IdempotencyKeyReused, AnswerGone
                                                 a request that is sent again
      * AddressRefused, FetchFailed              a picture by its address
      * EntryUnknown, VariableWrong              of what prompts are made of: a style that is not there, a preset's
                                                 variable
      * PromptBlocked                            words that the operator does not allow
      * StorageLimitReached, AliasTaken          what an account may have, and a name that it has given already
      * EnhancerFailed                           never answered with: the rules take over
    - a job's life, raised here
      * ModelNotAllowed                          the key may not use the model
      * QueueFull, ServerStopping                before it is accepted
      * RateLimited, CreditsShort                what the account may not do, or not now
      * JobUnknown, ImageUnknown                 asked for later
      * CollectionUnknown, LinkOver, RangeBeyond likewise: a signed address whose time has come, bytes past the end
      * WebhookUnknown, DeliveryUnknown, ConnectorUnknown, TooMany, UploadFailed
      * SecretUnreadable                         never answered with: a message says why it was not sent
      * JobCancelled, JobTooSlow, JobFailed      instead of pictures; JobFailed carries the worker's own code
      * ClientGone                               nobody is left to answer
      * StorageFailed, DatabaseLost              what could not be written down
      * BackupRefused                            never answered with: commands tell why they did nothing
      * TaskUnreadable, JobAbandoned             jobs of an earlier process that cannot be drawn by this one
    - at the command line alone, raised in `server.errors.bundles`
      * BundleRefused, BundleFailed              a bundle that is not what it should be; one that could not be made
    - the planning and the drawing, raised in `pipelines.errors`
      * TaskRefused, ModelUnknown, ModelNotInstalled
      * CatalogInvalid, WeightsRefused, OutOfMemory, DrawingFailed, DeadlinePassed, WorkerLost
      * NothingFound                             words that fit nothing in the picture

A dialect renders an error in its vendor's words; the status stands in ANSWERS, unless the dialect has another for it.
"""

from enum import StrEnum
from typing import NamedTuple

from pipelines.errors import DarkroomError
from server.errors.door import (
    AccountNeeded,
    AccountUnknown,
    AddressRefused,
    AddressUnknown,
    AliasTaken,
    BodyInvalid,
    BodyTooLarge,
    EnhancerFailed,
    EntryUnknown,
    FetchFailed,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    ImageInvalid,
    IssuerSilent,
    KeyMissing,
    KeyUnknown,
    KeyWrong,
    MethodWrong,
    NotOffered,
    NotOperator,
    PromptBlocked,
    ScopeMissing,
    SiteRefused,
    StorageLimitReached,
    TokenWrong,
    VariableWrong,
)
from server.errors.life import (
    AnswerGone,
    BackupRefused,
    ClientGone,
    CollectionUnknown,
    ConnectorUnknown,
    CreditsShort,
    DatabaseLost,
    DeliveryUnknown,
    ImageUnknown,
    InternalError,
    JobAbandoned,
    JobCancelled,
    JobFailed,
    JobTooSlow,
    JobUnknown,
    LinkOver,
    ModelNotAllowed,
    QueueFull,
    RangeBeyond,
    RateLimited,
    SecretUnreadable,
    ServerStopping,
    StorageFailed,
    StreamsFull,
    TaskUnreadable,
    TooMany,
    UploadFailed,
    WebhookUnknown,
)

__all__ = [
    "ANSWERS",
    "PASSING",
    "AccountNeeded",
    "AccountUnknown",
    "AddressRefused",
    "AddressUnknown",
    "AliasTaken",
    "Answer",
    "AnswerGone",
    "BackupRefused",
    "BodyInvalid",
    "BodyTooLarge",
    "ClientGone",
    "CollectionUnknown",
    "ConnectorUnknown",
    "CreditsShort",
    "DatabaseLost",
    "DeliveryUnknown",
    "EnhancerFailed",
    "EntryUnknown",
    "FetchFailed",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyReused",
    "ImageInvalid",
    "ImageUnknown",
    "InternalError",
    "IssuerSilent",
    "JobAbandoned",
    "JobCancelled",
    "JobFailed",
    "JobTooSlow",
    "JobUnknown",
    "KeyMissing",
    "KeyUnknown",
    "KeyWrong",
    "LinkOver",
    "MethodWrong",
    "ModelNotAllowed",
    "NotOffered",
    "NotOperator",
    "PromptBlocked",
    "QueueFull",
    "RangeBeyond",
    "RateLimited",
    "ScopeMissing",
    "SecretUnreadable",
    "ServerStopping",
    "SiteRefused",
    "Stage",
    "StorageFailed",
    "StorageLimitReached",
    "StreamsFull",
    "TaskUnreadable",
    "TokenWrong",
    "TooMany",
    "UploadFailed",
    "VariableWrong",
    "WebhookUnknown",
    "status_of",
]


class Stage(StrEnum):
    """How far the request came before it went wrong."""

    DOOR = "door"
    PLANNING = "planning"
    QUEUE = "queue"
    DRAWING = "drawing"
    RESULT = "result"


class Answer(NamedTuple):
    stage: Stage
    status: int


ANSWERS: dict[str, Answer] = {
    "key_missing": Answer(Stage.DOOR, 401),
    "key_wrong": Answer(Stage.DOOR, 401),
    "site_refused": Answer(Stage.DOOR, 403),
    "issuer_silent": Answer(Stage.DOOR, 503),
    "scope_missing": Answer(Stage.DOOR, 403),
    "not_operator": Answer(Stage.DOOR, 403),
    "key_unknown": Answer(Stage.DOOR, 404),
    "account_unknown": Answer(Stage.DOOR, 404),
    "account_needed": Answer(Stage.DOOR, 409),
    "address_unknown": Answer(Stage.DOOR, 404),
    "method_wrong": Answer(Stage.DOOR, 405),
    "body_too_large": Answer(Stage.DOOR, 413),
    "body_invalid": Answer(Stage.DOOR, 400),
    "image_invalid": Answer(Stage.DOOR, 400),
    "not_offered": Answer(Stage.DOOR, 400),
    "address_refused": Answer(Stage.DOOR, 400),
    "fetch_failed": Answer(Stage.DOOR, 400),
    "entry_unknown": Answer(Stage.DOOR, 404),
    "variable_wrong": Answer(Stage.DOOR, 400),
    "prompt_blocked": Answer(Stage.DOOR, 400),
    "storage_limit_reached": Answer(Stage.DOOR, 402),
    "alias_taken": Answer(Stage.DOOR, 409),
    "enhancer_failed": Answer(Stage.DOOR, 502),
    "idempotency_key_invalid": Answer(Stage.DOOR, 400),
    "idempotency_key_reused": Answer(Stage.DOOR, 422),
    "answer_gone": Answer(Stage.DOOR, 410),
    "streams_full": Answer(Stage.DOOR, 429),
    "task_refused": Answer(Stage.PLANNING, 400),
    "model_unknown": Answer(Stage.PLANNING, 404),
    "model_not_installed": Answer(Stage.PLANNING, 503),
    "model_not_allowed": Answer(Stage.PLANNING, 403),
    "catalog_invalid": Answer(Stage.PLANNING, 500),
    "queue_full": Answer(Stage.QUEUE, 429),
    "server_stopping": Answer(Stage.QUEUE, 503),
    "rate_limited": Answer(Stage.QUEUE, 429),
    "credits_short": Answer(Stage.QUEUE, 402),
    "weights_refused": Answer(Stage.DRAWING, 503),
    "out_of_memory": Answer(Stage.DRAWING, 503),
    "nothing_found": Answer(Stage.DRAWING, 422),
    "drawing_failed": Answer(Stage.DRAWING, 500),
    "worker_lost": Answer(Stage.DRAWING, 503),
    "deadline_passed": Answer(Stage.DRAWING, 504),
    "job_cancelled": Answer(Stage.DRAWING, 409),
    "job_too_slow": Answer(Stage.DRAWING, 504),
    "client_gone": Answer(Stage.DRAWING, 499),
    "task_unreadable": Answer(Stage.DRAWING, 500),
    "job_abandoned": Answer(Stage.DRAWING, 500),
    "storage_failed": Answer(Stage.RESULT, 507),
    "database_lost": Answer(Stage.RESULT, 503),
    "job_unknown": Answer(Stage.RESULT, 404),
    "image_unknown": Answer(Stage.RESULT, 404),
    "collection_unknown": Answer(Stage.RESULT, 404),
    "link_over": Answer(Stage.RESULT, 410),
    "range_beyond": Answer(Stage.RESULT, 416),
    "webhook_unknown": Answer(Stage.DOOR, 404),
    "delivery_unknown": Answer(Stage.DOOR, 404),
    "too_many": Answer(Stage.DOOR, 409),
    "connector_unknown": Answer(Stage.DOOR, 404),
    "upload_failed": Answer(Stage.DOOR, 400),
    "backup_refused": Answer(Stage.RESULT, 409),
    "secret_unreadable": Answer(Stage.RESULT, 500),
    "internal_error": Answer(Stage.RESULT, 500),
}


# Ends of a job for reasons that pass: the same request, sent again, is drawn again.
PASSING = frozenset({"out_of_memory", "worker_lost", "storage_failed", "task_unreadable", "internal_error"})


def status_of(error: DarkroomError) -> int:
    """The HTTP status of an error; a code that nobody listed is our own fault."""
    return ANSWERS.get(error.code, ANSWERS["internal_error"]).status
