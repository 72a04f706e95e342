"""A file that is put into the models folder is an entry of the catalogue, or the log says why it is not."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from structlog.testing import capture_logs
from torch import Tensor

from pipelines.catalog import Catalog
from pipelines.errors import CatalogInvalid, ModelUnknown
from pipelines.planning.installed import lora_named
from tests.pipelines.conftest import ENTRY, Write

Shapes = Mapping[str, tuple[int, ...]]

TEXT_ENCODERS: Shapes = {
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": (2, 768),
    "conditioner.embedders.1.model.token_embedding.weight": (2, 1280),
}
CHECKPOINT: Shapes = {
    "model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
    **TEXT_ENCODERS,
}
INPAINT = {**CHECKPOINT, "model.diffusion_model.input_blocks.0.0.weight": (8, 9, 3, 3)}
LORA: Shapes = {
    "lora_unet_input_blocks_4_1_proj_in.lora_down.weight": (4, 640),
    "lora_unet_input_blocks_4_1_proj_in.lora_up.weight": (640, 4),
    "lora_unet_input_blocks_4_1_proj_in.alpha": (),
}
PEFT_LORA: Shapes = {
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 2048),
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight": (640, 4),
}
VAE: Shapes = {"decoder.conv_in.weight": (8, 4, 3, 3), "encoder.conv_in.weight": (8, 3, 3, 3)}
EMBEDDING: Shapes = {"clip_l": (3, 768), "clip_g": (3, 1280)}
CONTROLNET: Shapes = {
    "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
    "add_embedding.linear_1.weight": (8, 8),
}
UPSCALER: Shapes = {"conv_first.weight": (8, 3, 3, 3), "conv_last.weight": (3, 8, 3, 3)}
GFPGAN: Shapes = {"stylegan_decoder.style_conv1.noise": (1, 1, 4, 4), "conv_body_first.weight": (8, 3, 1, 1)}
RESTOREFORMER: Shapes = {"quantize.embedding.weight": (8, 32), "decoder.conv_in.weight": (8, 8, 3, 3)}
SD1: Shapes = {
    "model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (2, 768),
    "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
}


def put(path: Path, shapes: Shapes, metadata: dict[str, str] | None = None, dtype: torch.dtype = torch.float16) -> None:
    tensors: dict[str, Tensor] = {name: torch.zeros(shape, dtype=dtype) for name, shape in shapes.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=metadata)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The models folder of the catalogue that `catalogued` makes."""
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("folder", "shapes", "kind"),
    [
        ("checkpoints", CHECKPOINT, "sdxl"),
        ("checkpoints", INPAINT, "sdxl-inpaint"),
        ("loras", LORA, "lora"),
        ("loras", PEFT_LORA, "lora"),
        ("vae", VAE, "vae"),
        ("vae", {f"first_stage_model.{name}": shape for name, shape in VAE.items()}, "vae"),
        ("embeddings", EMBEDDING, "embedding"),
        ("controlnet", CONTROLNET, "controlnet"),
        ("upscalers", UPSCALER, "upscaler"),
        ("face-restorers", GFPGAN, "face-restorer"),
        ("face-restorers", RESTOREFORMER, "face-restorer"),
    ],
    ids=[
        "checkpoint", "inpaint checkpoint", "kohya lora", "peft lora", "vae", "vae of a checkpoint", "embedding",
        "controlnet", "upscaler", "GFPGAN", "RestoreFormer",
    ],
)  # fmt: skip
def test_a_file_is_listed_as_what_its_header_says(
    catalogued: Write, models: Path, folder: str, shapes: Shapes, kind: str
) -> None:
    put(models / folder / "a thing.safetensors", shapes)
    catalog = catalogued({})
    model = catalog.get("a-thing")
    assert (model.kind, model.name, model.licence, model.dtype) == (kind, "a thing", "unknown", "float16")
    assert (catalog.folder(model) / model.files[0].path).is_file()
    assert catalog.models[0].id == "tiny"


def test_a_checkpoint_borrows_tokenizers_and_sizes_from_an_sdxl_of_the_list(catalogued: Write, models: Path) -> None:
    put(models / "checkpoints" / "real.safetensors", CHECKPOINT)
    single = {"files": [{"path": "single.safetensors"}]}
    catalog = catalogued({"id": "demo", "embedded": True}, {"id": "single", **single}, {"id": "base"})
    model, base = catalog.get("real"), catalog.get("base")
    assert (model.tokenizers_from, model.defaults, model.direct) == ("base", base.defaults, base.direct)
    assert catalog.to_pull(model) == ("base",)
    for file in base.files:
        path = catalog.folder(base) / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert catalog.is_installed(model)


def test_the_file_itself_says_how_it_is_called_and_licensed(catalogued: Write, models: Path) -> None:
    metadata = {"modelspec.title": "Ink\n\u202eand\x1b[1m water", "ss_output_name": "x"}
    put(models / "loras" / "x1.safetensors", LORA, metadata | {"modelspec.license": "MIT"})
    put(models / "loras" / "x2.safetensors", LORA, {"ss_output_name": "wool"}, torch.bfloat16)
    catalog = catalogued({})
    assert (catalog.get("x1").name, catalog.get("x1").licence) == ("Ink and [1m water", "MIT")
    assert (catalog.get("x2").name, catalog.get("x2").dtype) == ("wool", "bfloat16")


@pytest.mark.parametrize(
    ("marks", "metadata", "expected"),
    [
        ((), {}, {}),
        (("v_pred",), {}, {"prediction_type": "v_prediction"}),
        ((), {"modelspec.prediction_type": "v"}, {"prediction_type": "v_prediction"}),
        ((), {"modelspec.prediction_type": "epsilon"}, {}),
        (
            ("v_pred", "ztsnr"),
            {},
            {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
        ),
    ],
    ids=["nothing said", "marked as v", "v by metadata", "epsilon by metadata", "zero terminal snr"],
)
def test_a_checkpoint_says_what_its_unet_predicts(
    catalogued: Write, models: Path, marks: tuple[str, ...], metadata: dict[str, str], expected: dict[str, Any]
) -> None:
    put(models / "checkpoints" / "real.safetensors", {**CHECKPOINT, **dict.fromkeys(marks, (0,))}, metadata)
    assert catalogued({}).get("real").scheduler == expected


@pytest.mark.parametrize(
    ("folder", "shapes", "metadata", "words"),
    [
        ("checkpoints", SD1, None, "Stable Diffusion 1 or 2"),
        ("checkpoints", {"conditioner.embedders.0.model.ln_final.weight": (2,), **CHECKPOINT}, None, "refiner"),
        ("checkpoints", {"model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3)}, None, "no whole SDXL"),
        ("checkpoints", {**CHECKPOINT, "model.diffusion_model.input_blocks.0.0.weight": (8, 7, 3, 3)}, None, "input"),
        ("checkpoints", LORA, None, "belongs into the folder loras"),
        ("loras", LORA, {"ss_base_model_version": "sd_v1"}, "another kind of model"),
        ("loras", {"lora_te_text_model_mlp_fc1.lora_down.weight": (4, 8)}, None, "another kind of model"),
        ("loras", {"lora_unet_mid_block_attn2_to_k.lora_down.weight": (4, 768)}, None, "Stable Diffusion 1"),
        ("loras", {"lora_unet_double_blocks_0_img_attn.lora_down.weight": (4, 768)}, None, "another kind of model"),
        ("vae", {"decoder.conv_in.weight": (8, 16, 3, 3)}, None, "VAE for another"),
        ("embeddings", {"emb_params": (2, 768)}, None, "no embedding for SDXL"),
        ("embeddings", {"clip_l": (2, 768), "clip_g": (3, 1280)}, None, "no embedding for SDXL"),
        ("embeddings", {"clip_l": (76, 768), "clip_g": (76, 1280)}, None, "more than 75"),
        ("controlnet", {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}, None, "ControlNet for another"),
        ("controlnet", {"ip_adapter.1.to_k_ip.weight": (640, 2048)}, None, "entry in models.yaml"),
        ("upscalers", {"words": (2, 2)}, None, "no kind that is known"),
    ],
    ids=[
        "sd 1", "refiner", "unet alone", "depth unet", "lora among checkpoints", "lora by metadata",
        "lora with one text encoder", "lora by width", "flux lora", "vae of 16 channels", "sd 1 embedding",
        "uneven embedding", "long embedding", "sd 1 controlnet", "ip-adapter", "something else",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_in_the_log_and_hides_nothing(
    catalogued: Write, models: Path, folder: str, shapes: Shapes, metadata: dict[str, str] | None, words: str
) -> None:
    put(models / folder / "bad.safetensors", shapes, metadata)
    put(models / "vae" / "good.safetensors", VAE)
    with capture_logs() as logs:
        catalog = catalogued({})
    assert [model.id for model in catalog.models] == ["tiny", "good"]
    assert [words in line["reason"] for line in logs] == [True]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evil.safetensors", b"\x80\x04\x95cposix\nsystem\n"),
        ("evil.ckpt", b"PK\x03\x04"),
        ("cut.safetensors", b"\x02\x00\x00\x00\x00\x00\x00\x00{"),
        ("empty.safetensors", b""),
        ("none.safetensors", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"),
        ("a\\b.safetensors", None),
        ("1/2/3/4/5/6/7/8/9.safetensors", None),
    ],
    ids=["renamed pickle", "pickle", "cut short", "empty", "no tensors", "odd name", "too deep"],
)
def test_a_spoilt_file_stops_nothing(catalogued: Write, models: Path, name: str, content: bytes | None) -> None:
    put(models / "loras" / "good.safetensors", LORA)
    path = models / "loras" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((models / "loras" / "good.safetensors").read_bytes() if content is None else content)
    with capture_logs() as logs:
        catalog = catalogued({})
    assert [model.id for model in catalog.models] == ["tiny", "good"]
    assert len(logs) == 1
    with capture_logs() as logs:
        catalog.rescan()
    assert logs == []


def test_a_link_that_leads_out_of_the_folder_is_not_followed(catalogued: Write, models: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere.safetensors", LORA)
    (models / "loras").mkdir(parents=True)
    (models / "loras" / "link.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    assert [model.id for model in catalogued({}).models] == ["tiny"]


def test_hidden_files_and_notes_are_left_alone(catalogued: Write, models: Path) -> None:
    put(models / "loras" / ".hidden.safetensors", LORA)
    put(models / "loras" / ".trash" / "old.safetensors", LORA)
    (models / "loras" / "ink.txt").write_text("words that it was trained on")
    with capture_logs() as logs:
        assert [model.id for model in catalogued({}).models] == ["tiny"]
    assert logs == []


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["loras/tiny"], ["tiny", "tiny-2"]),
        (["loras/Ink (v1.5)", "loras/ink v1.5", "vae/INK__v1"], ["tiny", "ink-v1.5", "ink-v1.5-2", "ink__v1"]),
        (["loras/people/anna", "loras/pets/anna"], ["tiny", "anna", "anna-2"]),
        (["loras/Größe", "loras/墨"], ["tiny", "groe", "lora"]),
        (["loras/" + "x" * 200], ["tiny", "x" * 90]),
    ],
    ids=["taken by the list", "alike", "same name in two folders", "other scripts", "long"],
)
def test_ids_are_made_of_file_names(catalogued: Write, models: Path, names: list[str], ids: list[str]) -> None:
    for name in names:
        put(models / f"{name}.safetensors", VAE if name.startswith("vae") else LORA)
    assert [model.id for model in catalogued({}).models] == ids


@pytest.mark.parametrize("name", ["Ink (v1.5)", "ink (V1.5)", "ink-v1.5-2"])
def test_a_lora_answers_to_its_id_and_to_its_files_name(catalogued: Write, models: Path, name: str) -> None:
    put(models / "checkpoints" / "Ink (v1.5).safetensors", CHECKPOINT)
    put(models / "loras" / "Ink (v1.5).safetensors", LORA)
    assert lora_named(catalogued({}), name).id == "ink-v1.5-2"


def test_a_rescan_tells_what_came_went_and_changed(catalogued: Write, models: Path) -> None:
    for name in ("same", "changed", "gone"):
        put(models / "loras" / f"{name}.safetensors", LORA)
    catalog = catalogued({})
    held, before = catalog.get("same"), catalog.get("changed").content
    put(models / "vae" / "new.safetensors", VAE)
    (models / "loras" / "gone.safetensors").unlink()
    put(models / "loras" / "changed.safetensors", PEFT_LORA)
    os.utime(models / "loras" / "changed.safetensors", ns=(1, 1))  # as if a while had passed
    assert catalog.rescan() == (("new",), ("gone",), ("changed",))
    assert catalog.get("same") == held
    assert catalog.get("changed").content != before
    with pytest.raises(ModelUnknown):
        catalog.get("gone")
    assert catalog.rescan() == ((), (), ())


def test_a_spoilt_lock_file_leaves_the_catalogue_as_it_was(catalogued: Write, models: Path) -> None:
    catalog = catalogued({})
    models.mkdir()
    (models / "models.lock.yaml").write_text("models: [")
    put(models / "vae" / "new.safetensors", VAE)
    with pytest.raises(CatalogInvalid):
        catalog.rescan()
    assert [model.id for model in catalog.models] == ["tiny"]


def test_a_model_may_name_a_vae_of_the_list_and_needs_its_file(catalogued: Write) -> None:
    vae = {"id": "soft", "kind": "vae", "files": [{"path": "soft.safetensors"}]}
    catalog = catalogued({"vae": "soft"}, vae)
    assert catalog.to_pull(catalog.get("tiny")) == ("tiny", "soft")
    with pytest.raises(CatalogInvalid, match="vae"):
        catalogued({"vae": "other"}, vae, {"id": "other"})


def test_models_yaml_cannot_say_where_a_file_lies(catalogued: Write) -> None:
    with pytest.raises(CatalogInvalid, match="folder"):
        catalogued({**ENTRY, "folder": "loras"})


def test_no_folder_at_all_is_no_mistake(tmp_path: Path, catalogued: Write) -> None:
    assert isinstance(catalogued({}), Catalog)
    assert not (tmp_path / "models").exists()
