"""The rows of webhooks. Each function is a step of a transaction (server/store/database.py)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from server.store.tables import outbox, webhooks


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told how jobs end: of an account, or of one job.

    secret: sealed; None where messages are signed with the account's own. form: who words the payload; events: in the
    words of that form. pauses: seconds between attempts, where it has its own. disabled: why nothing is sent there.
    called: when something was sent there, last.
    """

    id: str
    account: str
    url: str
    secret: str | None
    events: tuple[str, ...]
    form: str
    created: float
    pauses: tuple[float, ...] | None = None
    disabled: str | None = None
    called: float | None = None


def add(connection: Connection, webhook: Webhook, job_id: str | None = None, most: int | None = None) -> bool:
    """job_id: the only one that it is for. False where the account has so many already."""
    if most is not None and len(of_account(connection, webhook.account)) >= most:
        return False
    lists = {"events": list(webhook.events), "pauses": webhook.pauses and list(webhook.pauses)}
    connection.execute(insert(webhooks), asdict(webhook) | lists | {"job_id": job_id})
    return True


def get(connection: Connection, webhook_id: str) -> Webhook | None:
    """Those of single jobs too."""
    row = connection.execute(select(webhooks).where(webhooks.c.id == webhook_id)).one_or_none()
    return None if row is None else _webhook(row)


def of_account(connection: Connection, account: str) -> list[Webhook]:
    """The oldest first, without those of single jobs."""
    lasting = webhooks.c.account == account, webhooks.c.job_id.is_(None)
    ordered = select(webhooks).where(*lasting).order_by(webhooks.c.created, webhooks.c.id)
    return [_webhook(row) for row in connection.execute(ordered)]


def change(connection: Connection, webhook_id: str, values: Mapping[str, Any]) -> None:
    """values: by column."""
    if values:
        connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(dict(values)))


def remove(connection: Connection, webhook_id: str) -> None:
    """With what was to be sent there, and the log of it."""
    connection.execute(delete(outbox).where(outbox.c.target == webhook_id))
    connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))


def _webhook(row: Row[Any]) -> Webhook:
    same = ("id", "account", "url", "secret", "form", "created", "disabled", "called")
    pauses = None if row.pauses is None else tuple(row.pauses)
    return Webhook(**{name: getattr(row, name) for name in same}, events=tuple(row.events), pauses=pauses)
