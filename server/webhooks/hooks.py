"""The webhooks of accounts and of single jobs: made, listed, tried, and sent to when the outbox says so."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime

import orjson
from sqlalchemy import Connection

from server.errors import (
    AddressRefused,
    FetchFailed,
    NotOffered,
    SecretUnreadable,
    TooMany,
    WebhookUnknown,
)
from server.fetch import Answer, Fetch
from server.outbox import Outcome
from server.sealing import Seal
from server.store import outbox as log
from server.store import webhooks as rows
from server.store.audit import noted
from server.store.database import Database
from server.store.messages import message_id
from server.store.outbox import Logged, Message
from server.store.webhooks import Webhook
from server.webhooks import signing
from server.webhooks.forms import OWN, TEST, Form

MOST_EACH = 20  # of an account: every end of a job is told to all of them
GONE = 410
REASON_GONE = "Its receiver answered 410 Gone."
SWITCHED_OFF = "Its owner switched it off."
NOT_ENABLED = "The webhook is disabled: enable it, then send this again."
REFUSED = "This server does not call that address: its operator may allow it with DARKROOM_WEBHOOK_ALLOW."
SILENT = "The receiver did not answer, or not in time."


class Webhooks:
    """fetch: the door that messages go out by; None where the operator wants none sent. forms: by name."""

    def __init__(
        self,
        database: Database,
        fetch: Fetch | None,
        seal: Seal,
        forms: Mapping[str, Form],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._fetch = fetch
        self._seal = seal
        self._forms = forms
        self._clock = clock

    def made(
        self,
        account: str,
        url: str,
        events: Sequence[str],
        secret: str | None,
        *,
        form: str = OWN,
        pauses: Sequence[float] | None = None,
        active: bool = True,
    ) -> Webhook:
        """One that is not kept yet. secret: None signs with the account's own. Raises NotOffered where they are off."""
        if self._fetch is None:
            raise NotOffered("The operator of this server has switched webhooks off: ask for the job's state instead.")
        return Webhook(
            id=f"webhook_{secrets.token_urlsafe(16)}",
            account=account,
            url=url,
            secret=None if secret is None else self._seal.seal(secret),
            events=tuple(events),
            form=form,
            created=self._clock(),
            pauses=None if pauses is None else tuple(pauses),
            disabled=None if active else SWITCHED_OFF,
        )

    async def keep(self, webhook: Webhook) -> None:
        """For all jobs of its account. Raises TooMany."""
        if not await self._database.write(noted(rows.add, "webhook_made", webhook.id), webhook, most=MOST_EACH):
            raise TooMany("webhooks", MOST_EACH)

    def beside(self, webhook: Webhook) -> Callable[[Connection, str], object]:
        """A step that keeps it for one job, in the transaction that accepts the job."""
        return lambda connection, job_id: rows.add(connection, webhook, job_id)

    async def page(self, account: str) -> list[Webhook]:
        """The oldest first."""
        return await self._database.read(rows.of_account, account)

    async def find(self, account: str, webhook_id: str) -> Webhook:
        """Raises WebhookUnknown, for those of others too."""
        webhook = await self._database.read(rows.get, webhook_id)
        if webhook is None or webhook.account != account:
            raise WebhookUnknown
        return webhook

    async def remove(self, account: str, webhook_id: str) -> None:
        found = (await self.find(account, webhook_id)).id
        await self._database.write(noted(rows.remove, "webhook_deleted", found), found)

    async def enable(self, account: str, webhook_id: str) -> Webhook:
        return await self.change(account, webhook_id, active=True)

    async def change(
        self,
        account: str,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        secret: str | None = None,
        pauses: Sequence[float] | None = None,
        active: bool | None = None,
    ) -> Webhook:
        """None leaves what was. active: whether anything is sent there."""
        found = await self.find(account, webhook_id)
        sealed = None if secret is None else self._seal.seal(secret)
        lists = {name: list(value) for name, value in (("events", events), ("pauses", pauses)) if value is not None}
        row = {name: value for name, value in (("url", url), ("secret", sealed)) if value is not None}
        switched = {} if active is None else {"disabled": None if active else SWITCHED_OFF}
        changed = row | lists | switched
        noting = noted(rows.change, "webhook_changed", found.id, fields=sorted(changed))
        await self._database.write(noting, found.id, changed)
        return await self.find(account, webhook_id)

    async def log(self, account: str, webhook_id: str, most: int) -> list[Logged]:
        """What was sent there, the newest first."""
        return await self._database.read(log.page, (await self.find(account, webhook_id)).id, most)

    async def test(self, account: str, webhook_id: str) -> Outcome:
        """Send a message of its own right now, once, even where the webhook is disabled."""
        webhook, now = await self.find(account, webhook_id), self._clock()
        data = {"webhook": webhook.id}
        return await self._post(
            webhook, Message(message_id(), account, "webhook", webhook.id, "", None, TEST, data, now)
        )

    def secret_of(self, account: str) -> str:
        """What signs the messages of webhooks that came without a secret."""
        return signing.spelled(self._seal.derived(f"webhooks of {account}"))

    async def send(self, message: Message) -> Outcome:
        """For the outbox."""
        webhook = await self._database.read(rows.get, message.target)
        if webhook is None:
            return Outcome("unwanted")
        if webhook.disabled is not None:
            return Outcome("failed", sentence=NOT_ENABLED)
        outcome = await self._post(webhook, message)
        if outcome.status == GONE:
            await self._database.write(rows.change, webhook.id, {"disabled": REASON_GONE})
        return outcome

    async def _post(self, webhook: Webhook, message: Message) -> Outcome:
        payload = self._forms[webhook.form](message, webhook.events)
        if payload is None:
            return Outcome("unwanted")
        body, pauses = orjson.dumps(payload), webhook.pauses
        try:
            secret = self.secret_of(webhook.account) if webhook.secret is None else self._seal.open(webhook.secret)
            headers = signing.headers(secret, message.id, int(self._clock()), body)
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
            if self._fetch is None:
                raise AddressRefused
            answer = await self._fetch.post(webhook.url, body, headers)
        except SecretUnreadable as error:
            return Outcome("failed", sentence=error.sentence)
        except AddressRefused:
            return Outcome("retry", sentence=REFUSED, pauses=pauses)
        except FetchFailed:
            return Outcome("retry", sentence=SILENT, pauses=pauses)
        return self._judged(answer, pauses)

    def _judged(self, answer: Answer, pauses: Sequence[float] | None) -> Outcome:
        """2xx is success and nothing else is: a redirect is not followed."""
        if 200 <= answer.status < 300:
            return Outcome("delivered", answer.status)
        if answer.status == GONE:
            return Outcome("failed", answer.status, REASON_GONE)
        sentence = f"The receiver answered {answer.status}, and only 2xx counts."
        after = seconds_of(answer.headers.get("retry-after", ""), self._clock())
        return Outcome("retry", answer.status, sentence, after, pauses)


def seconds_of(retry_after: str, now: float) -> float:
    """What the header asks for, in seconds or as a date (RFC 9110, section 10.2.3); 0 for anything else."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
