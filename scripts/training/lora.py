"""Stage 4: a LoRA for the shapes model, `shapes-ink`: whatever colours are asked for, black ink on white paper."""

from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor, nn

from pipelines.demo.draw import draw_scene
from pipelines.demo.world import Scene, random_scene
from training.text2image import BUCKETS, Text2ImageStage
from training.vae import to_tensor

RANK = 8
SCENES = 1200
# Colours reach the picture by the pooled words too, so that adapting the attentions alone left half of them coloured.
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
POOLED = ("time_emb_proj", "add_embedding.linear_1", "add_embedding.linear_2")
INK, PAPER = "black", "white"


class LowRank(nn.Module):
    """A linear layer and what is learnt beside it: up(down(x)), nothing at first (Hu et al., 2021)."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.lora_A = nn.Linear(layer.in_features, RANK, bias=False)
        self.lora_B = nn.Linear(RANK, layer.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        answer: Tensor = self.layer(inputs) + self.lora_B(self.lora_A(inputs))
        return answer


def adapted(unet: nn.Module) -> nn.ModuleDict:
    """Put adapters beside the linear layers of `unet`; they alone are to be trained. Keys have ":" for "."."""
    unet.requires_grad_(False)
    names = [name for name, module in unet.named_modules() if name.endswith(ATTENTION + POOLED)]
    adapters = {}
    for name in names:
        parent, _, child = name.rpartition(".")
        adapter = LowRank(unet.get_submodule(name))  # type: ignore[arg-type]
        setattr(unet.get_submodule(parent), child, adapter)
        adapters[name.replace(".", ":")] = adapter
    return nn.ModuleDict(adapters)


@torch.no_grad()
def ink_latents(vae: AutoencoderKL, device: torch.device) -> tuple[list[Scene], Tensor]:
    """Scenes of all colours, and the latents of the same in ink, (SCENES, 4, 16, 16)."""
    vae.eval().to(device)
    bucket, random, parts = BUCKETS[0], Random("ink"), []
    scenes = [random_scene(random, held_out=False) for _ in range(SCENES)]
    for start in track(range(0, SCENES, 32), "drawing in ink"):
        inked = [in_ink(scene) for scene in scenes[start : start + 32]]
        pictures = [draw_scene(scene, bucket.width, bucket.height, random) for scene in inked]
        parts.append(vae.encode(to_tensor(pictures).to(device)).latent_dist.mode().float().cpu())
    return scenes, torch.cat(parts) * vae.config.scaling_factor


def in_ink(scene: Scene) -> Scene:
    return replace(scene, background=PAPER, things=tuple(replace(thing, colour=INK) for thing in scene.things))


class LoraStage(Text2ImageStage):
    """The same loss as the UNet's, on ink for every colour; only the adapters move."""

    name = "lora"
    learning_rate = 4e-3
    averaging = 0.98
    school = 1.0  # one picture size all the time

    def adapt(self) -> None:
        self.module = adapted(self.unet).to(self.device)
        self.compiled = self.unet  # a few minutes are not worth compiling


def save(adapters: nn.Module, path: Path) -> None:
    """In diffusers' naming, fp16."""
    weights = {
        f"unet.{name.replace(':', '.')}": tensor.half().contiguous()
        for name, tensor in adapters.state_dict().items()
        if ".lora_" in name
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, metadata={"title": "Ink", "rank": str(RANK), "base": "shapes-xl"})
