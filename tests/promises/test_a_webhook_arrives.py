"""A webhook arrives, signed, at least once: whatever its receiver does meanwhile, and when the server is killed."""

import signal
from pathlib import Path

from tests.promises.conftest import Torture
from tests.promises.hostile import RESTARTS, deliver
from tests.promises.processes import Server, ending
from tests.server.receiver import Receiver
from tests.server.serving import quiet, until

__all__ = ["quiet"]  # a fixture


def test_webhooks_to_a_hostile_receiver(torture: Torture, tmp_path: Path) -> None:
    count = torture.many(60, 1000)
    arrived = deliver(count, tmp_path)
    assert (arrived.jobs, arrived.messages, arrived.told, arrived.unverified) == (count, count, count, 0)
    assert arrived.attempts > count + RESTARTS, "the receiver was too kind"
    result = f"all arrived, verified by standardwebhooks; {arrived.attempts} attempts, {arrived.duplicates} duplicates"
    done = "webhooks to a receiver that fails, hangs, redirects and restarts"
    torture.tell("A webhook arrives, signed, at least once", done, count, result)


def test_a_server_that_is_killed_sends_what_it_owes_when_it_is_back(tmp_path: Path) -> None:
    receiver = Receiver()
    with receiver.listening():
        pass  # from here on its port is known, and nobody is there
    near = {"webhook_allow": "127.0.0.1/32", "webhook_retry_seconds": ",".join(["1"] * 60)}
    server = Server(tmp_path / "data", drain_seconds=0, **near)
    with ending(server):
        asked = {"task": "text_to_image", "prompt": "a ring", "webhook": {"url": receiver.url}}
        jobs = server.submit([asked] * 3)
        server.ended(jobs)
        server.stop(signal.SIGKILL)
        with receiver.listening():
            server.start()
            until(lambda: {payload["data"]["id"] for payload in receiver.payloads()} == set(jobs))
    assert len(set(receiver.ids())) == len(jobs)
