"""`huggingface_hub.InferenceClient` against `/hf/{model}`."""

from checking import ALIKE, OTHER, PROMPT, RED, STAR, Desk, run
from huggingface_hub import InferenceClient


def client_of(desk: Desk) -> InferenceClient:
    return InferenceClient(model=f"{desk.address}/hf/shapes-xl", token=desk.key)


def check_text_to_image(desk: Desk) -> None:
    picture = client_of(desk).text_to_image(
        PROMPT, width=128, height=128, num_inference_steps=20, guidance_scale=ALIKE["guidance"], seed=7
    )
    desk.got(picture, shows=STAR, alike=True)


def check_image_to_image(desk: Desk) -> None:
    picture = client_of(desk).image_to_image(
        desk.path("scene").read_bytes(), prompt=OTHER, num_inference_steps=20, guidance_scale=4.0, seed=7, strength=0.9
    )
    desk.got(picture, shows=RED)


run(globals())
