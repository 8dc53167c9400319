"""What bench/gpu/reference.py times: the Python reference's networks in their real shapes with random weights.

Networks are built from the configurations in tools/make_random_model/manifests on the device itself; no weights are
read. They have the dtypes that from_pretrained(torch_dtype=bfloat16) would give them. Names are those of
swan_gpu_bench.
"""

import dataclasses
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import transformers

MANIFESTS = Path(__file__).resolve().parents[2] / "tools" / "make_random_model" / "manifests"

# With --tiny: every code path in seconds on a CPU.
TINY = {
    "SanaTransformer2DModel": {
        "num_attention_heads": 2, "num_cross_attention_heads": 2, "cross_attention_head_dim": 32,
        "cross_attention_dim": 64, "num_layers": 2, "caption_channels": 48, "sample_size": 2,
    },
    "AutoencoderDC": {
        "encoder_block_out_channels": [32] * 6, "decoder_block_out_channels": [32] * 6,
        "encoder_layers_per_block": [1] * 6, "decoder_layers_per_block": [1] * 6,
    },
    "Gemma2Model": {
        "head_dim": 16, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2,
        "num_key_value_heads": 1, "layer_types": ["sliding_attention", "full_attention"], "vocab_size": 6000,
    },
    "UMT5EncoderModel": {"d_ff": 64, "d_kv": 16, "d_model": 32, "num_heads": 2, "num_layers": 2, "vocab_size": 6000},
    "WanTransformer3DModel": {"num_attention_heads": 1, "num_layers": 2, "text_dim": 48, "ffn_dim": 64},
    "AutoencoderKLWan": {"base_dim": 8},
}  # fmt: skip


@dataclasses.dataclass
class Setup:
    """How networks are made."""

    device: torch.device
    compiled: bool
    tiny: bool
    dtype: torch.dtype = torch.bfloat16

    def size(self, real, tiny):
        """A size of the workload."""
        return tiny if self.tiny else real

    def noise(self, *shape):
        """Random numbers in the networks' dtype."""
        return torch.randn(*shape, device=self.device, dtype=self.dtype)

    def network(self, manifest):
        """The network that a manifest describes."""
        with gzip.open(MANIFESTS / f"{manifest}.json.gz") as file:
            described = json.load(file)
        name, config = described["class"], described["config"]
        if self.tiny:
            config = {**config, **TINY[name]}
        with self.device:
            if hasattr(transformers, name):
                kind = getattr(transformers, name)
                model = kind(kind.config_class(**config))
            else:
                kind = getattr(diffusers, name)
                model = kind.from_config(config)
        # diffusers leaves these parts in f32; transformers' rule of the same name concerns f16 alone.
        kept = set() if hasattr(transformers, name) else set(kind._keep_in_fp32_modules or ())
        for path, parameter in model.named_parameters():
            if not kept & set(path.split(".")):
                parameter.data = parameter.data.to(self.dtype)
        return model.eval().requires_grad_(False)

    def compile_blocks(self, blocks):
        """Compiles each block on its own, with --compile; blocks of one class share what is compiled."""
        if self.compiled:
            for block in blocks:
                block.compile(dynamic=False)

    def sana(self, manifest):
        """Sana's transformer."""
        model = self.network(manifest)
        self.compile_blocks(model.transformer_blocks)
        return model

    def dcae(self):
        """Sana's autoencoder."""
        model = self.network("dcae_f32c32_sana_vae")
        self.compile_blocks(block for stage in model.decoder.up_blocks for block in stage)
        return model


def sana_forward(setup, manifest, batch):
    """One forward at 1024 x 1024, 300 tokens of text, which the reference projects in every forward."""
    model = setup.sana(manifest)
    config, tokens, side = model.config, setup.size(300, 8), setup.size(32, 2)
    inputs = {
        "hidden_states": setup.noise(batch, config.in_channels, side, side),
        "encoder_hidden_states": setup.noise(batch, tokens, config.caption_channels),
        "encoder_attention_mask": torch.ones(batch, tokens, device=setup.device, dtype=torch.int64),
        "timestep": torch.full((batch,), 500.0, device=setup.device),
    }
    if config.guidance_embeds:
        inputs["guidance"] = torch.full((batch,), 0.45, device=setup.device, dtype=setup.dtype)
    return lambda: model(**inputs, return_dict=False)


def dcae_decode(setup, size, tiled):
    """A decode of size x size pixels: whole, or in the reference's own tiles of 512."""
    model = setup.dcae()
    if tiled:
        model.enable_tiling()
    z = setup.noise(1, model.config.latent_channels, size // 32, size // 32)
    return lambda: model.decode(z, return_dict=False)


def text_encoder(setup, manifest, tokens):
    """One text of `tokens` tokens, none of them padding."""
    model = setup.network(manifest)
    ids = (7 * torch.arange(tokens, device=setup.device) % 5000 + 10)[None]
    mask = torch.ones_like(ids)
    return lambda: model(input_ids=ids, attention_mask=mask)


def sana_run(setup, manifest, kind, scheduler, steps, guided):
    """A whole picture of 1024 x 1024 from embeddings, decoded and converted to 8 bits."""
    transformer = setup.sana(manifest)
    config = json.loads((MANIFESTS / f"{scheduler}_scheduler_config.json").read_text(encoding="utf-8"))
    pipeline = kind(
        tokenizer=None,
        text_encoder=None,
        vae=setup.dcae(),
        transformer=transformer,
        scheduler=getattr(diffusers, config["_class_name"]).from_config(config),
    )
    pipeline.set_progress_bar_config(disable=True)
    tokens, size = setup.size(300, 8), setup.size(1024, 64)
    text = {}
    for name in ("", "negative_") if guided else ("",):
        text[f"{name}prompt_embeds"] = setup.noise(1, tokens, transformer.config.caption_channels)
        text[f"{name}prompt_attention_mask"] = torch.ones(1, tokens, device=setup.device, dtype=torch.int64)
    if guided:
        text["negative_prompt"] = None
    if steps != 2 and not guided:
        text["intermediate_timesteps"] = None  # Sprint's default fits two steps alone
    return lambda: pipeline(
        **text,
        num_inference_steps=steps,
        guidance_scale=4.5,
        height=size,
        width=size,
        use_resolution_binning=False,
        generator=torch.Generator().manual_seed(0),
    )


def wan_forward(setup):
    """One forward at 480 x 832 x 81, batch 1, 512 rows of text."""
    model = setup.network("wan21_t2v_1_3b_transformer")
    setup.compile_blocks(model.blocks)
    frames, height, width = setup.size((21, 60, 104), (2, 4, 6))
    inputs = {
        "hidden_states": setup.noise(1, model.config.in_channels, frames, height, width),
        "encoder_hidden_states": setup.noise(1, setup.size(512, 8), model.config.text_dim),
        "timestep": torch.full((1,), 500, device=setup.device),
    }
    return lambda: model(**inputs, return_dict=False)


def wan_decode(setup):
    """A decode of 81 frames of 480 x 832."""
    model = setup.network("wan21_vae")
    setup.compile_blocks(block.resnets[i] for block in model.decoder.up_blocks for i in range(len(block.resnets)))
    z = setup.noise(1, model.config.z_dim, *setup.size((21, 60, 104), (2, 4, 6)))
    return lambda: model.decode(z, return_dict=False)


def run_of(pipeline, scheduler, guided):
    """The arguments of sana_run that a family of models shares."""
    return {"kind": pipeline, "scheduler": scheduler, "guided": guided}


SANA = run_of(diffusers.SanaPipeline, "dpmsolver", True)
SPRINT = run_of(diffusers.SanaSprintPipeline, "scm", False)

# In the order of the table; each makes what is timed.
WORKLOADS: dict[str, Callable[[Setup], Callable[[], object]]] = {
    "sana-1.6b": lambda s: sana_forward(s, "sana_1600m_1024px_transformer", 2),
    "sana-0.6b": lambda s: sana_forward(s, "sana_600m_1024px_transformer", 2),
    "sprint-1.6b": lambda s: sana_forward(s, "sana_sprint_1600m_1024px_transformer", 1),
    "sprint-0.6b": lambda s: sana_forward(s, "sana_sprint_600m_1024px_transformer", 1),
    "dcae-1024": lambda s: dcae_decode(s, s.size(1024, 64), False),
    "dcae-4096": lambda s: dcae_decode(s, s.size(4096, 576), True),
    "dcae-4096-whole": lambda s: dcae_decode(s, s.size(4096, 576), False),
    "gemma-300": lambda s: text_encoder(s, "gemma2_2b_text_encoder", s.size(300, 8)),
    "umt5-512": lambda s: text_encoder(s, "umt5_xxl_text_encoder", s.size(512, 8)),
    "sana-1.6b-20": lambda s: sana_run(s, "sana_1600m_1024px_transformer", steps=20, **SANA),
    "sana-0.6b-20": lambda s: sana_run(s, "sana_600m_1024px_transformer", steps=20, **SANA),
    "sprint-1.6b-1": lambda s: sana_run(s, "sana_sprint_1600m_1024px_transformer", steps=1, **SPRINT),
    "sprint-0.6b-1": lambda s: sana_run(s, "sana_sprint_600m_1024px_transformer", steps=1, **SPRINT),
    "wan-1.3b-81": wan_forward,
    "wan-vae-81": wan_decode,
}
