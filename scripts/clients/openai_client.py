"""`openai` for Python: every images method, streams, and the classes that its errors have."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

import openai
from checking import ALIKE, OTHER, PROMPT, RED, STAR, Absent, Desk, fails, run
from openai import OpenAI

MODEL = "shapes-xl"
SAID: dict[str, Any] = {"model": MODEL, "size": "128x128", "response_format": "b64_json"}
DRAWN = SAID | {"extra_body": {"seed": 7, "steps": 20, "guidance_scale": ALIKE["guidance"], "sampler": "euler"}}
SEED: dict[str, Any] = {"extra_body": {"seed": 7}}
SCENE = {"colour": "blue", "background": "white", "place": "middle"}


def client_of(desk: Desk, **said: Any) -> OpenAI:
    return OpenAI(base_url=f"{desk.address}/v1", **{"api_key": desk.key} | said)


def _fetched(address: str) -> bytes:
    with urlopen(address) as opened:
        return bytes(opened.read())


def check_models_list_and_retrieve(desk: Desk) -> None:
    client = client_of(desk)
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).object == "model"


def check_generate(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, **DRAWN)
    desk.got(result.data[0].b64_json, shows=STAR, alike=True)


def check_generate_with_a_prompt_alone(desk: Desk) -> None:
    (entry,) = client_of(desk).images.generate(prompt=PROMPT).data
    desk.got(_fetched(entry.url), shows={"background": "black"})


def check_generate_as_an_address(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, **DRAWN | {"response_format": "url"})
    desk.got(_fetched(result.data[0].url), shows=STAR)


def check_generate_several(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, n=2, **DRAWN)
    assert len(result.data) == 2
    first, second = (desk.got(entry.b64_json, shows={"background": "black"}) for entry in result.data)
    assert first.tobytes() != second.tobytes()


def check_generate_as_webp(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, output_format="webp", output_compression=80, **DRAWN)
    assert desk.got(result.data[0].b64_json, shows=STAR).format == "WEBP"


def check_generate_on_a_transparent_background(desk: Desk) -> None:
    result = client_of(desk).images.generate(prompt=PROMPT, background="transparent", **DRAWN)
    alpha = desk.got(result.data[0].b64_json).convert("RGBA").getchannel("A")
    assert (alpha.getpixel((1, 1)), alpha.getpixel((64, 64))) == (0, 255)


def check_generate_in_a_stream(desk: Desk) -> None:
    events = list(client_of(desk).images.generate(prompt=PROMPT, stream=True, partial_images=2, **DRAWN))
    assert events[-1].type == "image_generation.completed"
    assert {event.type for event in events[:-1]} <= {"image_generation.partial_image"}
    for event in events[:-1]:
        desk.got(event.b64_json)
    desk.got(events[-1].b64_json, shows=STAR)


def check_edit(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        result = client_of(desk).images.edit(
            image=image, prompt=OTHER, **SAID | {"extra_body": {"strength": 0.9, "seed": 7}}
        )
    desk.got(result.data[0].b64_json, shows=RED)


def check_edit_repaints_what_is_transparent_in_the_mask(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image, desk.path("clear").open("rb") as mask:
        result = client_of(desk).images.edit(image=image, mask=mask, prompt=OTHER, **SAID | SEED)
    desk.got(result.data[0].b64_json, shows=RED, masked=True)


def check_edit_with_several_images(desk: Desk) -> None:
    client = client_of(desk, max_retries=0)
    with desk.path("scene").open("rb") as one, desk.path("scene").open("rb") as other:
        try:
            result = client.images.edit(image=[one, other], prompt=OTHER, **SAID)
        except openai.InternalServerError as error:
            if error.status_code == 503 and "IP-Adapter" in str(error):
                raise Absent("no IP-Adapter is installed, and the answer is a 503 that says so") from None
            raise
    desk.got(result.data[0].b64_json)


def check_edit_in_a_stream(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        stream = client_of(desk).images.edit(image=image, prompt=OTHER, stream=True, partial_images=1, **SAID | SEED)
        events = list(stream)
    assert events[-1].type == "image_edit.completed"
    desk.got(events[-1].b64_json, shows={"background": "white", "place": "middle"})


def check_create_variation(desk: Desk) -> None:
    with desk.path("scene").open("rb") as image:
        said = SAID | {"extra_body": {"seed": 7, "strength": 0.3}}
        result = client_of(desk).images.create_variation(image=image, **said)
    desk.got(result.data[0].b64_json, shows=SCENE)


class LosingTheFirst(BaseHTTPRequestHandler):
    """A network that hands requests on, and loses the answer to the first, after the server has given it."""

    server: "Network"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = Request(self.server.to + self.path, body, dict(self.headers.items()))
        with urlopen(asked) as answer:
            content = answer.read()
        self.server.seen.append(json.loads(content)["data"][0]["b64_json"])
        if len(self.server.seen) > 1:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *told: object) -> None:
        pass


class Network(ThreadingHTTPServer):
    def __init__(self, to: str) -> None:
        super().__init__(("127.0.0.1", 0), LosingTheFirst)
        self.to, self.seen = to, list[str]()
        threading.Thread(target=self.serve_forever, daemon=True).start()


def _asked_twice(desk: Desk, ask: Callable[[OpenAI], Any]) -> None:
    """The seed is by lot: the same picture again is one that was not drawn again."""
    with Network(desk.address) as network:
        result = ask(OpenAI(base_url=f"http://127.0.0.1:{network.server_port}/v1", api_key=desk.key))
        network.shutdown()
    desk.got(result.data[0].b64_json)
    assert network.seen == [result.data[0].b64_json] * 2


def check_a_retry_draws_nothing_anew(desk: Desk) -> None:
    _asked_twice(desk, lambda client: client.images.generate(prompt=PROMPT, **SAID))


def check_a_retry_of_an_edit_draws_nothing_anew(desk: Desk) -> None:
    scene = desk.path("scene").read_bytes()
    _asked_twice(desk, lambda client: client.images.edit(image=scene, prompt=OTHER, **SAID))


def check_an_unknown_model_is_a_NotFoundError(desk: Desk) -> None:
    client = client_of(desk)
    fails(openai.NotFoundError, lambda: client.images.generate(prompt=PROMPT, **SAID | {"model": "nothing"}))


def check_a_wrong_size_is_a_BadRequestError(desk: Desk) -> None:
    client = client_of(desk)
    raised = fails(openai.BadRequestError, lambda: client.images.generate(prompt=PROMPT, **SAID | {"size": "big"}))
    assert isinstance(raised, openai.BadRequestError)
    assert raised.param == "size"


def check_a_file_that_is_no_image_is_a_BadRequestError(desk: Desk) -> None:
    client = client_of(desk)
    raised = fails(openai.BadRequestError, lambda: client.images.edit(image=b"no image", prompt=OTHER, **SAID))
    assert isinstance(raised, openai.BadRequestError)
    assert (raised.code, raised.param) == ("invalid_image_file", "image")


def check_a_wrong_key_is_an_AuthenticationError(desk: Desk) -> None:
    client = client_of(desk, api_key="wrong")
    fails(openai.AuthenticationError, lambda: client.images.generate(prompt=PROMPT, **SAID))


run(globals())
