"""Who asks to be told how a job ends is told: signed, in our words, again until it arrives, and nobody else is."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from server.webhooks import signing
from tests.server.receiver import HANG, Receiver
from tests.server.serving import Serve, Served, until

JOBS, HOOKS = "/darkroom/v1/jobs", "/darkroom/v1/webhooks"
STAR = {"task": "text_to_image", "prompt": "a red star", "seed": 3}
SOON = [0.01] * 8
SECRET = signing.spelled(b"0123456789abcdefghijklmnopqrstuv")
Answer = Callable[[dict[str, str], bytes], tuple[int, dict[str, str]]]


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    """Starts a receiver."""
    with ExitStack() as stack:

        def start(answer: Answer | None = None) -> Receiver:
            return stack.enter_context((Receiver() if answer is None else Receiver(answer)).listening())

        yield start


Receive = Callable[..., Receiver]


def serve_near(serve: Serve, **settings: Any) -> Served:
    """A server that may call receivers of this machine."""
    given = {"webhook_allow": ["127.0.0.1/32"], "webhook_retry_seconds": SOON, "webhook_seconds": 2}
    return serve(**(given | settings))


def made(served: Served, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    answer = served.client.post(HOOKS, json={"url": receiver.url} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def deliveries(served: Served, hook: dict[str, Any]) -> list[dict[str, Any]]:
    return list(served.client.get(f"{HOOKS}/{hook['id']}/deliveries").json()["deliveries"])


def draw(served: Served, **fields: Any) -> dict[str, Any]:
    """A job that has ended."""
    answer = served.client.post(JOBS, json=STAR | fields, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def is_within(part: Any, whole: Any) -> bool:
    """Whether everything that is said in one is said in the other."""
    if isinstance(part, dict):
        return all(name in whole and is_within(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(is_within, part, whole))
    return bool(part == whole)


def test_the_signature_is_that_of_the_specification() -> None:
    """The vector of the reference libraries."""
    secret, name, body = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
    )
    signed = signing.headers(secret, name, 1614265330, body)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_account_s_webhook_is_told_of_every_job_in_the_words_of_our_api(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    hook = made(served, receiver)
    jobs = [draw(served, seed=seed) for seed in range(2)]
    until(lambda: len(receiver.got) == 2)
    for job in jobs:
        told = next(payload for payload in receiver.payloads() if payload["data"]["id"] == job["id"])
        assert told["type"] == "job.succeeded"
        assert len(told["data"]["images"]) == 1
        assert is_within(told["data"], job)
    judge = Webhook(hook["secret"])
    for headers, body in receiver.got:
        judge.verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            judge.verify(body + b" ", headers)
    assert len(set(receiver.ids())) == 2


def test_a_job_s_own_webhook_is_told_of_that_job_alone(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    draw(served)
    job = draw(served, webhook={"url": receiver.url, "secret": SECRET})
    draw(served)
    until(lambda: bool(receiver.got))
    assert [payload["data"]["id"] for payload in receiver.payloads()] == [job["id"]]
    Webhook(SECRET).verify(receiver.got[0][1], receiver.got[0][0])
    assert served.client.get(HOOKS).json() == {"webhooks": []}


def test_without_a_secret_the_account_s_own_signs(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    draw(served, webhook={"url": receiver.url})
    until(lambda: bool(receiver.got))
    own = served.client.get(f"{HOOKS}/secret").json()["secret"]
    Webhook(own).verify(receiver.got[0][1], receiver.got[0][0])


def test_whoever_waits_for_a_picture_may_have_a_webhook_too(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    asked = STAR | {"webhook": {"url": receiver.url}}
    assert served.client.post(JOBS, json=asked, headers={"Accept": "image/png"}).status_code == 200
    until(lambda: bool(receiver.got))


def test_every_end_of_a_job_is_told_and_only_what_was_asked_for(serve: Serve, receive: Receive) -> None:
    served, every, failures = serve_near(serve), receive(), receive()
    made(served, every)
    made(served, failures, events=["job.failed"])
    draw(served)
    served.worker.failing = ("drawing_failed", "Sorry.")
    draw(served)
    served.worker.hold()
    running = served.client.post(JOBS, json=STAR).json()
    served.worker.await_running()
    served.client.delete(f"{JOBS}/{running['id']}")
    until(lambda: len(every.got) == 3)
    assert {payload["type"] for payload in every.payloads()} == {"job.succeeded", "job.failed", "job.cancelled"}
    until(lambda: len(failures.got) == 1)
    (failed,) = failures.payloads()
    assert (failed["type"], failed["data"]["error"]["code"]) == ("job.failed", "drawing_failed")


def test_what_does_not_arrive_is_sent_again_under_its_id(serve: Serve, receive: Receive) -> None:
    receiver = receive(lambda headers, body: ([503, 302, 500, 200][len(receiver.got)], {"location": "/elsewhere"}))
    served = serve_near(serve)
    hook = made(served, receiver)
    draw(served)
    until(lambda: len(receiver.got) == 4)
    assert len(set(receiver.ids())) == 1, "an id changed, or a redirect was followed"
    until(lambda: deliveries(served, hook)[0]["state"] == "delivered")
    assert [each["status"] for each in deliveries(served, hook)[0]["attempts"]] == [503, 302, 500, 200]


def test_a_receiver_that_never_answers_well_is_given_up(serve: Serve, receive: Receive) -> None:
    receiver, served = receive(lambda headers, body: (500, {})), serve_near(serve)
    hook = made(served, receiver)
    draw(served)
    until(lambda: deliveries(served, hook)[0]["state"] == "failed")
    assert len(receiver.got) == 1 + len(SOON)
    assert deliveries(served, hook)[0]["next_try_at"] is None


def test_a_webhook_has_pauses_of_its_own(serve: Serve, receive: Receive) -> None:
    receiver, served = receive(lambda headers, body: (500, {})), serve_near(serve)
    hook = made(served, receiver, retry_seconds=[3600])
    draw(served)
    until(lambda: bool(deliveries(served, hook)[0]["attempts"]))
    (waiting,) = deliveries(served, hook)
    assert waiting["state"] == "waiting"
    assert 3600 <= waiting["next_try_at"] - waiting["attempts"][0]["at"] <= 3600 * 1.1 + 1


def test_a_receiver_may_ask_for_patience_but_not_for_ever(serve: Serve, receive: Receive) -> None:
    for asked, given in (("7200", 7200), ("999999999", 86_400)):
        receiver = receive(lambda headers, body, asked=asked: (429, {"retry-after": asked}))
        served = serve_near(serve)
        hook = made(served, receiver)
        draw(served)
        until(lambda served=served, hook=hook: bool(deliveries(served, hook)[0]["attempts"]))
        (waiting,) = deliveries(served, hook)
        assert waiting["next_try_at"] - waiting["attempts"][0]["at"] == pytest.approx(given, abs=1)


def test_a_receiver_that_is_gone_is_not_called_until_it_is_enabled_again(serve: Serve, receive: Receive) -> None:
    receiver = receive(lambda headers, body: (410 if len(receiver.got) == 0 else 200, {}))
    served = serve_near(serve)
    hook = made(served, receiver)
    draw(served)
    until(lambda: bool(served.client.get(f"{HOOKS}/{hook['id']}").json()["disabled"]))
    draw(served)
    (lost,) = deliveries(served, hook)
    assert lost["state"] == "failed"
    assert served.client.post(f"{HOOKS}/{hook['id']}/enable").json()["disabled"] is None
    assert served.client.post(f"/darkroom/v1/deliveries/{lost['id']}/redeliver").status_code == 202
    until(lambda: deliveries(served, hook)[0]["state"] == "delivered")
    assert receiver.ids() == [lost["id"]] * 2


def test_a_slow_receiver_holds_up_nobody_else(serve: Serve, receive: Receive) -> None:
    slow, quick = receive(lambda headers, body: (HANG, {})), receive()
    served = serve_near(serve, webhook_seconds=60)
    for _ in range(3):
        made(served, slow)
    made(served, quick)
    for seed in range(15):  # 45 messages hang, more than are sent at once
        draw(served, seed=seed)
    until(lambda: len(quick.got) == 15)
    assert slow.got == []


@pytest.mark.parametrize(
    ("allow", "mode"),
    [
        pytest.param([], "public", id="our own network, by default"),
        pytest.param(["10.0.0.0/8"], "public", id="another network"),
        pytest.param(["127.0.0.1:1"], "allow", id="another port"),
        pytest.param(["example.org"], "allow", id="another name"),
    ],
)
def test_what_the_operator_did_not_name_is_never_called(
    serve: Serve, receive: Receive, allow: list[str], mode: str
) -> None:
    receiver = receive()
    served = serve_near(serve, webhook_allow=allow, webhook=mode)
    hook = made(served, receiver)
    draw(served)
    until(lambda: deliveries(served, hook)[0]["state"] == "failed")
    assert served.client.post(f"{HOOKS}/{hook['id']}/test").json()["delivered"] is False
    assert receiver.got == []


def test_webhooks_that_are_off_are_refused_at_the_door(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve, webhook="off"), receive()
    alone = served.client.post(HOOKS, json={"url": receiver.url})
    beside = served.client.post(JOBS, json=STAR | {"webhook": {"url": receiver.url}})
    assert [answer.json()["error"]["code"] for answer in (alone, beside)] == ["not_offered"] * 2


def test_a_message_of_somebody_else_cannot_be_sent_again(shared: Served) -> None:
    answer = shared.client.post("/darkroom/v1/deliveries/msg_of_somebody/redeliver")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "delivery_unknown")


def test_a_webhook_can_be_tried(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    hook = made(served, receiver, events=["job.failed"])
    tried = served.client.post(f"{HOOKS}/{hook['id']}/test").json()
    assert tried == {"delivered": True, "status": 204, "message": None}
    (headers, body), (payload,) = receiver.got[0], receiver.payloads()
    Webhook(hook["secret"]).verify(body, headers)
    assert payload["type"] == "webhook.test"


def test_a_webhook_that_was_removed_is_told_nothing(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    hook = made(served, receiver)
    assert served.client.get(HOOKS).json()["webhooks"] == [{key: hook[key] for key in hook if key != "secret"}]
    assert served.client.delete(f"{HOOKS}/{hook['id']}").status_code == 204
    draw(served, webhook={"url": receiver.url})
    until(lambda: bool(receiver.got))
    assert len(receiver.got) == 1
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/enable"), ("GET", "/deliveries")):
        assert served.client.request(method, f"{HOOKS}/{hook['id']}{path}").status_code == 404


def test_messages_outlive_the_server(serve: Serve, receive: Receive) -> None:
    """What cannot be sent waits in the database; the next server sends it."""
    receiver = receive(lambda headers, body: (500 if len(receiver.got) == 0 else 200, {}))
    first = serve_near(serve)
    hook = made(first, receiver, retry_seconds=[1])
    draw(first)
    until(lambda: len(receiver.got) == 1)
    second = serve_near(serve)
    until(lambda: deliveries(second, hook)[0]["state"] == "delivered")
    assert len(set(receiver.ids())) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://example.org/"),
        ("url", "example.org"),
        ("url", "https://user:secret@example.org/"),
        ("url", "http://"),
        ("url", "https://example.org/" + "x" * 2048),
        ("url", 7),
        ("secret", "short"),
        ("secret", "whsec_" + "QUJD"),
        ("secret", "whsec_" + "!" * 40),
        ("events", []),
        ("events", ["job.begun"]),
        ("retry_seconds", [0]),
        ("retry_seconds", [60] * 21),
    ],
)
def test_a_webhook_that_cannot_work_is_refused_with_the_field_to_blame(shared: Served, field: str, value: Any) -> None:
    answer = shared.client.post(HOOKS, json={"url": "https://example.org/hook"} | {field: value})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


def test_an_account_has_only_so_many(serve: Serve) -> None:
    served = serve()
    answers = [served.client.post(HOOKS, json={"url": "https://example.org/"}) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [409]


def test_secrets_lie_sealed_in_the_database(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    hook = made(served, receiver, secret=SECRET)
    draw(served, webhook={"url": receiver.url, "secret": SECRET})
    written = b"".join(file.read_bytes() for file in served.data.glob("darkroom.db*"))
    assert hook["id"].encode() in written
    assert SECRET.removeprefix("whsec_")[:20].encode() not in written
    assert (served.data / "secret.key").stat().st_mode & 0o777 == 0o600


def test_the_figures_count_what_waits_and_what_became_of_it(serve: Serve, receive: Receive) -> None:
    served, receiver = serve_near(serve), receive()
    made(served, receiver)
    draw(served)

    def figures() -> str:
        return served.client.get("/metrics").text

    until(lambda: 'darkroom_outbox_attempts_total{kind="webhook",result="delivered"} 1.0' in figures())
    assert 'darkroom_outbox_waiting{kind="webhook"} 0.0' in figures()


def test_others_webhooks_are_not_found(shared: Served) -> None:
    answer = shared.client.get(f"{HOOKS}/webhook_of_somebody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "webhook_unknown")
    assert isinstance(answer, httpx.Response)
