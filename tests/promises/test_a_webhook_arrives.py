"""A webhook arrives, signed, at least once: whatever its receiver does meanwhile, and when the server is killed."""

import signal
from pathlib import Path

from tests.promises.hostile import RESTARTS, deliver
from tests.promises.test_an_accepted_job_is_never_lost import Server, asked, server
from tests.server.receiver import Receiver
from tests.server.serving import until

__all__ = ["server"]

COUNT = 60


def test_every_message_arrives_at_a_receiver_that_fails_hangs_redirects_and_restarts(tmp_path: Path) -> None:
    arrived = deliver(COUNT, tmp_path)
    assert (arrived.jobs, arrived.messages, arrived.told, arrived.unverified) == (COUNT, COUNT, COUNT, 0)
    assert arrived.attempts > COUNT + RESTARTS, "the receiver was too kind"


def test_a_server_that_is_killed_sends_what_it_owes_when_it_is_back(server: Server) -> None:
    receiver = Receiver()
    with receiver.listening():
        pass  # from here on its port is known, and nobody is there
    jobs = server.submit([asked(seed) | {"webhook": {"url": receiver.url}} for seed in range(3)])
    server.ended(jobs)
    server.stop(signal.SIGKILL)
    with receiver.listening():
        server.start()
        until(lambda: {payload["data"]["id"] for payload in receiver.payloads()} == set(jobs))
    assert len(set(receiver.ids())) == len(jobs)
