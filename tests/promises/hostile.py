"""Webhooks to a receiver that fails, hangs, redirects and restarts, as many as are asked for; what came of them.

Used by test_a_webhook_arrives.py with a few, and by hand with a thousand.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from server.webhooks.signing import new_secret
from tests.over_http import JOBS
from tests.server.receiver import HANG, Receiver
from tests.server.serving import KEY, application, running
from tests.server.worker import StepWorker

FAILS, HANGS, REDIRECTS = 0.3, 0.05, 0.05  # of all attempts
RESTARTS = 2
AWAY_SECONDS = 0.5
PATIENCE_SECONDS = 600
TRIED_FOR_SECONDS = 1.0  # one attempt
PAUSES = [0.05, 0.1, 0.2, 0.4] + [0.5] * 60


@dataclass(frozen=True)
class Arrived:
    """jobs: that were accepted. messages: distinct ids of those that the receiver took. told: jobs that they tell of.

    duplicates: messages that it took again. unverified: whose signature was wrong. attempts: all that reached it.
    """

    jobs: int
    messages: int
    told: int
    duplicates: int
    unverified: int
    attempts: int


def deliver(count: int, folder: Path, seed: int = 0) -> Arrived:
    """Draws so many jobs, each with a webhook, and returns when all have arrived. Raises AssertionError otherwise."""
    moody, secret = Moody(seed), new_secret()
    settings = {"webhook_allow": ["127.0.0.1/32"], "webhook_retry_seconds": PAUSES, "max_queue": count + 1}
    app = application(folder, StepWorker(), webhook_seconds=TRIED_FOR_SECONDS, **settings)
    with moody.restarting(count), running(app) as url:
        client = httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=60, trust_env=False)
        with client:
            hook = {"url": moody.receiver.url, "secret": secret}
            asked = {"task": "text_to_image", "prompt": "a ring", "steps": 1, "webhook": hook}
            accepted = {client.post(JOBS, json=asked).raise_for_status().json()["id"] for _ in range(count)}
            until = time.monotonic() + PATIENCE_SECONDS
            while moody.told() != accepted:
                assert time.monotonic() < until, f"{len(accepted - moody.told())} of {count} never arrived"
                time.sleep(0.05)
    return moody.arrived(len(accepted), Webhook(secret))


class Moody:
    """The receiver. It takes a message only where it answers 2xx; what it took is what counts."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._attempts = 0
        self._taken: list[tuple[dict[str, str], bytes]] = []
        self.receiver = Receiver(self._answer)

    def told(self) -> set[str]:
        """The jobs that it knows of."""
        with self._lock:
            return {job_of(body) for _, body in self._taken}

    def arrived(self, jobs: int, judge: Webhook) -> Arrived:
        ids = [headers["webhook-id"] for headers, _ in self._taken]
        unverified = sum(not is_verified(judge, headers, body) for headers, body in self._taken)
        messages = len(set(ids))
        return Arrived(jobs, messages, len(self.told()), len(ids) - messages, unverified, self._attempts)

    @contextmanager
    def restarting(self, count: int) -> Iterator[None]:
        """It listens, and is away for a moment each time that it has got another part of what it is to get."""
        over, up = threading.Event(), threading.Event()

        def run() -> None:
            for part in range(1, RESTARTS + 1):
                with self.receiver.listening():
                    up.set()
                    while len(self.told()) < count * part // (RESTARTS + 1) and not over.wait(0.01):
                        pass
                over.wait(AWAY_SECONDS)
            with self.receiver.listening():
                over.wait()

        thread = threading.Thread(target=run, name="restarting")
        thread.start()
        assert up.wait(30)
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _answer(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        with self._lock:
            self._attempts += 1
            mood = self._random.random()
            if mood < HANGS:
                return HANG, {}
            if mood < HANGS + REDIRECTS:
                return 302, {"location": "/elsewhere"}
            if mood < HANGS + REDIRECTS + FAILS:
                return 503, {}
            self._taken.append((headers, body))
            return 204, {}


def job_of(body: bytes) -> str:
    return str(httpx.Response(200, content=body).json()["data"]["id"])


def is_verified(judge: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        judge.verify(body, headers)
    except WebhookVerificationError:
        return False
    return True
