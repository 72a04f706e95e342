"""What is refused before anything is promised: who asks, for what, with which words and pictures."""

from pipelines.errors import DarkroomError


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
    """A picture that came in is none, or has too many pixels or too few."""

    code = "image_invalid"

    def __init__(self, sentence: str, field: str, *, is_missized: bool = False) -> None:
        super().__init__(sentence, field=field)
        self.is_missized = is_missized


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
