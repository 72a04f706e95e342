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
      * TaskUnreadable, JobAbandoned             jobs of an earlier process that cannot be drawn by this one
    - the planning and the drawing, raised in `pipelines.errors`
      * TaskRefused, ModelUnknown, ModelNotInstalled
      * CatalogInvalid, WeightsRefused, OutOfMemory, DrawingFailed, DeadlinePassed, WorkerLost
      * NothingFound                             words that fit nothing in the picture

A dialect renders an error in its vendor's words; the status is the same everywhere and stands in ANSWERS.
"""

from enum import StrEnum
from typing import NamedTuple

from pipelines.errors import DarkroomError


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
    "secret_unreadable": Answer(Stage.RESULT, 500),
    "internal_error": Answer(Stage.RESULT, 500),
}


# Ends of a job for reasons that pass: the same request, sent again, is drawn again.
PASSING = frozenset({"out_of_memory", "worker_lost", "storage_failed", "task_unreadable", "internal_error"})


def status_of(error: DarkroomError) -> int:
    """The HTTP status of an error; a code that nobody listed is our own fault."""
    return ANSWERS.get(error.code, ANSWERS["internal_error"]).status


class KeyMissing(DarkroomError):
    code = "key_missing"

    def __init__(self) -> None:
        super().__init__("An API key is needed: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.")


class KeyWrong(DarkroomError):
    code = "key_wrong"

    def __init__(self) -> None:
        super().__init__("This API key is not known here: check that it was copied whole.")


class SiteRefused(DarkroomError):
    """Without keys, whatever a browser can reach could be asked by any web page that it shows."""

    code = "site_refused"

    def __init__(self) -> None:
        super().__init__("This server runs without keys and answers only programs and pages of this machine.")


class TokenWrong(DarkroomError):
    """An access token; what is wrong with it is the issuer's business."""

    code = "key_wrong"

    def __init__(self) -> None:
        super().__init__("This access token opens nothing here: it may be over, or be meant for another server.")


class IssuerSilent(DarkroomError):
    """The keys with which access tokens are checked could not be had even once."""

    code = "issuer_silent"

    def __init__(self) -> None:
        super().__init__("Access tokens cannot be checked just now: try again in a minute, or send an API key.")


class ScopeMissing(DarkroomError):
    """scope: the one that a key would need."""

    code = "scope_missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This key may not do that: it needs the scope `{scope}`.")


class NotOperator(DarkroomError):
    code = "not_operator"

    def __init__(self) -> None:
        super().__init__("This concerns the whole server: a key of the account `admin` with the scope `manage` may.")


class KeyUnknown(DarkroomError):
    code = "key_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such key: GET /darkroom/v1/keys lists yours by id.")


class AccountUnknown(DarkroomError):
    code = "account_unknown"

    def __init__(self) -> None:
        super().__init__("There is no such account: it may have been deleted, or the id was not copied whole.")


class AccountNeeded(DarkroomError):
    code = "account_needed"

    def __init__(self) -> None:
        super().__init__("The account `admin` stays: without it nobody could manage this server.")


class ModelNotAllowed(DarkroomError):
    code = "model_not_allowed"

    def __init__(self) -> None:
        super().__init__("This key may not use this model: ask for one that the list of models shows.", field="model")


class AddressUnknown(DarkroomError):
    code = "address_unknown"

    def __init__(self) -> None:
        super().__init__("There is nothing at this address: /docs lists what there is.")


class MethodWrong(DarkroomError):
    code = "method_wrong"

    def __init__(self) -> None:
        super().__init__("This address does not take this method: /docs lists those that it takes.")


class BodyTooLarge(DarkroomError):
    code = "body_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is too large: send at most {limit} bytes.")


class BodyInvalid(DarkroomError):
    """The body is no JSON object, or a field of it has the wrong type or range."""

    code = "body_invalid"


class ImageInvalid(DarkroomError):
    """A picture that came in is none, or too large."""

    code = "image_invalid"

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence, field=field)


class NotOffered(DarkroomError):
    """A vendor's option that this server does not have."""

    code = "not_offered"


class AddressRefused(DarkroomError):
    """An address that this server does not call: what lies there is nobody's business."""

    code = "address_refused"

    def __init__(self, field: str | None = None) -> None:
        told = "This server does not call that address: send a public one, or the picture itself."
        super().__init__(told, field=field)


class FetchFailed(DarkroomError):
    """Of whatever kind: the difference would tell of networks that the caller does not see."""

    code = "fetch_failed"

    def __init__(self, field: str | None = None) -> None:
        told = "The address gave nothing: see that it answers everybody, or send the picture itself."
        super().__init__(told, field=field)


class EntryUnknown(DarkroomError):
    """A style, a template, a preset or the like that is not there. kind: where our own API lists what is."""

    code = "entry_unknown"

    def __init__(self, kind: str, field: str) -> None:
        super().__init__(f"There is none of this name: GET /darkroom/v1/{kind} lists those there are.", field=field)


class VariableWrong(DarkroomError):
    """A value that a preset needs is absent, or is not what the preset asks for."""

    code = "variable_wrong"


class PromptBlocked(DarkroomError):
    """Which words it was is left unsaid: the list is the operator's own."""

    code = "prompt_blocked"

    def __init__(self, field: str) -> None:
        super().__init__("The operator of this server does not allow some of these words: write others.", field=field)


class StorageLimitReached(DarkroomError):
    code = "storage_limit_reached"

    def __init__(self) -> None:
        super().__init__("This account has as many bytes of images as it may have: delete some of them first.")


class AliasTaken(DarkroomError):
    code = "alias_taken"

    def __init__(self) -> None:
        super().__init__("Another of your images has this alias: take it away there first.", field="alias")


class EnhancerFailed(DarkroomError):
    """reason: one word for the answer that says who enhanced instead."""

    code = "enhancer_failed"

    def __init__(self, reason: str) -> None:
        super().__init__("The language model gave no prompt: see that it runs and answers soon enough.")
        self.reason = reason


class IdempotencyKeyInvalid(DarkroomError):
    code = "idempotency_key_invalid"

    def __init__(self) -> None:
        super().__init__("`Idempotency-Key` must be one text of 1 to 255 visible ASCII characters, quoted or not.")


class IdempotencyKeyReused(DarkroomError):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request before: take a new one for each request.")


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
        super().__init__("There is no such message to send again: it may be too old, or on its way just now.")


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
    code = "job_too_slow"

    def __init__(self) -> None:
        super().__init__("Drawing took longer than a request may wait: ask for fewer steps or a smaller size.")


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
