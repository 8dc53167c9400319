#!/usr/bin/env python3
"""What the reference's WanVideoToVideoPipeline makes of the tiny Wan of tests/golden: writes tests/golden/derived.

    python3 tools/golden/wan_video_to_video.py

Needs torch, diffusers, transformers and ftfy. The frames that it starts from are a formula (frame() below), which the
test has too. For each case the latents at the end.
"""

import pathlib

import torch
from derived import enter_in_manifest
from diffusers import WanVideoToVideoPipeline
from PIL import Image
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
FILE = "derived/wan_video_to_video.safetensors"
CASES = {"strength_80": {"strength": 0.8, "num_inference_steps": 4, "guidance_scale": 5.0, "seed": 21},
         "strength_50": {"strength": 0.5, "num_inference_steps": 5, "guidance_scale": 1.0, "seed": 22},
         "strength_100": {"strength": 1.0, "num_inference_steps": 2, "guidance_scale": 3.0, "seed": 23}}


def frame(t, width=56, height=40):
    picture = Image.new("RGB", (width, height))
    picture.putdata([((x * 5 + t * 20) % 256, (y * 6 + t * 10) % 256, (x * y + 40 * t) % 256)
                     for y in range(height) for x in range(width)])
    return picture


def main():
    pipeline = WanVideoToVideoPipeline.from_pretrained(GOLDEN / "models" / "wan", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    tensors = {}
    for name, case in CASES.items():
        latents = pipeline(video=[frame(t) for t in range(5)], prompt="a red balloon", negative_prompt="blurry", height=48,
                           width=64, num_inference_steps=case["num_inference_steps"], strength=case["strength"],
                           guidance_scale=case["guidance_scale"],
                           generator=torch.Generator("cpu").manual_seed(case["seed"]), output_type="latent").frames
        tensors[f"{name}.latents"] = latents.contiguous()
        print(name, tuple(latents.shape), float(latents.std()))
    save_file(tensors, GOLDEN / FILE)
    (GOLDEN / FILE).chmod(0o644)
    enter_in_manifest(GOLDEN, [GOLDEN / FILE])


if __name__ == "__main__":
    main()
