"""The web UI's options: what an account has set, and what a request overrides of it."""

from collections.abc import Mapping
from typing import Any

from server.http.parts import Parts

# Those that drawing listens to; all others are kept and told, no more.
HEARD = ("sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers", "samples_format", "jpeg_quality", "send_seed")


async def chosen(parts: Parts, account: str) -> Mapping[str, Any]:
    """What the account has set with `POST /sdapi/v1/options`, by the web UI's names; nothing is absent or null."""
    return {}
