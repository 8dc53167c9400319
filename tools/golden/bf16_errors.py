#!/usr/bin/env python3
"""Measures what bf16 costs the reference: its own error on the fixtures' networks, which bounds Swan's.

usage: bf16_errors.py [GOLDEN_DIR]

Every network of GOLDEN_DIR/components is loaded as users do, from_pretrained(torch_dtype=bfloat16) (which keeps some
parts in f32), run on the cases' inputs on the CPU, and compared with the f32 results of the fixtures: computing in bf16
("compute"), and computing in f32 with those weights ("weights"). The second is about half of the first, and the larger
of the two is what bf16 costs. They change places in dcae_f32's case_00, which stands at an edge: random changes of its
f32 weights by half a bf16 unit give an error of 0.004 to 0.01 in one half of the tries and of 0.038 in the other.

The errors go to GOLDEN_DIR/derived/bf16_errors.json, and MANIFEST.json learns of the file. Needs torch, diffusers and
transformers; select_fixtures.py keeps the folder.
"""

import json
import pathlib
import sys

import diffusers
import safetensors.torch
import torch
import transformers

import derived

FILE = "derived/bf16_errors.json"
DTYPES = {"compute": torch.bfloat16, "weights": torch.float32}  # of inputs and activations


def sana(model, case, _params):
    """A forward of Sana's transformer."""
    samples = []
    while f"controlnet_block_samples.{len(samples)}" in case:
        samples.append(case[f"controlnet_block_samples.{len(samples)}"])
    return {
        "sample": model(
            case["hidden_states"],
            encoder_hidden_states=case["encoder_hidden_states"],
            timestep=case["timestep"],
            guidance=case.get("guidance"),
            encoder_attention_mask=case.get("encoder_attention_mask"),
            controlnet_block_samples=tuple(samples) or None,
            return_dict=False,
        )[0]
    }


def wan(model, case, _params):
    """A forward of Wan's transformer."""
    return {"sample": model(**case, return_dict=False)[0]}


def decode(model, case, params):
    """A decode; cases that encode are left out."""
    if "z" not in case:
        return {}
    if "tiling" in params:
        model.enable_tiling(**params["tiling"])
    return {"sample": model.decode(case["z"], return_dict=False)[0]}


def encode_text(model, case, _params):
    """A text encoder's last hidden state."""
    return {"last_hidden_state": model(**case).last_hidden_state}


COMPONENTS = {
    "gemma2": (transformers.Gemma2Model, encode_text),
    "umt5": (transformers.UMT5EncoderModel, encode_text),
    "sana_transformer": (diffusers.SanaTransformer2DModel, sana),
    "sana_transformer_p2_pos": (diffusers.SanaTransformer2DModel, sana),
    "sana_transformer_sprint": (diffusers.SanaTransformer2DModel, sana),
    "dcae_f32": (diffusers.AutoencoderDC, decode),
    "dcae_shuffle": (diffusers.AutoencoderDC, decode),
    "wan_transformer": (diffusers.WanTransformer3DModel, wan),
    "wan_vae": (diffusers.AutoencoderKLWan, decode),
}


def errors(actual, expected):
    """The relative error in the L2 norm, and the largest absolute one."""
    actual, expected = actual.to(torch.float64), expected.to(torch.float64)
    if not torch.isfinite(actual).all():
        raise SystemExit("the reference gives NaN or infinity")
    difference = actual - expected
    return {
        "relative_l2": float(f"{(difference.norm() / expected.norm()).item():.4g}"),
        "max_abs": float(f"{difference.abs().max().item():.4g}"),
    }


def inputs_of(tensors, dtype):
    """A case's inputs as a pipeline gives them: all in the network's dtype but timesteps, which stay as they are."""
    given = {key.removeprefix("input."): value for key, value in tensors.items() if key.startswith("input.")}
    return {
        name: value.to(dtype) if value.is_floating_point() and name != "timestep" else value
        for name, value in given.items()
    }


def measure(folder, kind, run):
    """The errors of every case that has its results: {"case_00": {"sample": {"compute": {...}, "weights": {...}}}}."""
    cases = {}
    for entry in json.loads((folder / "cases.json").read_text(encoding="utf-8"))["cases"]:
        tensors = safetensors.torch.load_file(folder / entry["file"])
        found = {}
        for way, dtype in DTYPES.items():
            model = kind.from_pretrained(folder, torch_dtype=torch.bfloat16).eval()
            if dtype == torch.float32:
                model = model.to(dtype)
            with torch.no_grad():
                outputs = run(model, inputs_of(tensors, dtype), entry["params"])
            for name, value in outputs.items():
                if f"output.{name}" in tensors:
                    found.setdefault(name, {})[way] = errors(value, tensors[f"output.{name}"])
        if found:
            cases[pathlib.Path(entry["file"]).stem] = found
    if not cases:
        raise SystemExit(f"{folder} has no results to compare with")
    return cases


def main():
    if len(sys.argv) > 2:
        raise SystemExit(__doc__)
    project = pathlib.Path(__file__).resolve().parents[2]
    golden = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else project / "tests" / "golden"
    torch.manual_seed(0)
    result = {
        "versions": {
            "torch": torch.__version__.split("+")[0],
            "diffusers": diffusers.__version__,
            "transformers": transformers.__version__,
        },
        "components": {},
    }
    for name, (kind, run) in COMPONENTS.items():
        result["components"][name] = measure(golden / "components" / name, kind, run)
        for case, found in result["components"][name].items():
            print(name, case, found)
    (golden / FILE).parent.mkdir(exist_ok=True)
    (golden / FILE).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    derived.enter_in_manifest(golden, [golden / FILE])


if __name__ == "__main__":
    main()
