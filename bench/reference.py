"""The Python reference's side of the benchmark: diffusers and torch on the CPU, f32, on the same weights.

Prints one JSON line for each part, in the form of swan_bench. Run by run.py; needs torch, diffusers and transformers.
"""

import argparse
import json
import sys
import time


def peak_bytes():
    """The largest resident set of this process so far."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def report(name, seconds):
    """Prints the part's JSON line."""
    print(json.dumps({"name": name, "seconds": seconds, "peak_bytes": peak_bytes()}), flush=True)


def timed(runs, fn):
    """Seconds of each of `runs` calls."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        fn()
        seconds.append(time.perf_counter() - start)
    return seconds


def load_pipeline(model):
    """SanaPipeline in f32."""
    import torch
    from diffusers import SanaPipeline

    pipeline = SanaPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def arguments(prompt, steps):
    """What `swan image` does by default with the embedded model."""
    return {
        "prompt": prompt,
        "num_inference_steps": steps,
        "guidance_scale": 4.5,
        "height": 256,
        "width": 256,
        "complex_human_instruction": None,
        "use_resolution_binning": False,
    }


def image(model, output, prompt, steps):
    """One picture from a cold start, as a script would make it."""
    import torch

    pipeline = load_pipeline(model)
    picture = pipeline(**arguments(prompt, steps), generator=torch.Generator().manual_seed(1)).images[0]
    picture.save(output)


def report_steps(pipeline, runs, call):
    """Seconds between consecutive steps of warm runs."""
    import torch

    seconds = []
    for run in range(runs + 1):
        marks = []

        def mark(_pipeline, _step, _timestep, tensors, marks=marks):
            marks.append(time.perf_counter())
            return tensors

        pipeline(**call, generator=torch.Generator().manual_seed(1), callback_on_step_end=mark)
        if run > 0:
            seconds += [b - a for a, b in zip(marks, marks[1:])]
    report("denoising step", seconds)


def steps(model, runs, count):
    """Warm denoising steps of the image model."""
    report_steps(load_pipeline(model), runs, arguments("three strawberries on a blue background", count))


def forward(model, runs, size):
    """The transformer alone: one sample, 300 text tokens."""
    import torch
    from diffusers import SanaTransformer2DModel

    transformer = SanaTransformer2DModel.from_pretrained(model, subfolder="transformer", torch_dtype=torch.float32)
    config = transformer.config
    inputs = {
        "hidden_states": torch.randn(1, config.in_channels, size // 32, size // 32),
        "encoder_hidden_states": torch.randn(1, 300, config.caption_channels),
        "encoder_attention_mask": torch.ones(1, 300, dtype=torch.int64),
        "timestep": torch.tensor([500.0]),
    }
    with torch.inference_mode():
        transformer(**inputs)
        report("transformer forward", timed(runs, lambda: transformer(**inputs)))


def decode(model, runs, size):
    """The decoder alone, whole."""
    import torch
    from diffusers import AutoencoderDC

    vae = AutoencoderDC.from_pretrained(model, subfolder="vae", torch_dtype=torch.float32)
    z = torch.randn(1, vae.config.latent_channels, size // 32, size // 32)
    with torch.inference_mode():
        report("decode", timed(runs, lambda: vae.decode(z)))


def load_video_pipeline(model):
    """WanPipeline in f32."""
    import torch
    from diffusers import WanPipeline

    pipeline = WanPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def video_arguments(model, steps):
    """What `swan video` does by default with the embedded model."""
    with open(f"{model}/generation_config.json", encoding="utf-8") as file:
        defaults = json.load(file)
    return {
        "prompt": "a rocket moving up",
        "num_inference_steps": steps,
        "guidance_scale": defaults["guidance_scale"],
        "height": defaults["height"],
        "width": defaults["width"],
        "num_frames": defaults["num_frames"],
    }


def video(model, output, count):
    """One clip from a cold start, as a script would make it."""
    import torch
    from diffusers.utils import export_to_video

    pipeline = load_video_pipeline(model)
    frames = pipeline(**video_arguments(model, count), generator=torch.Generator().manual_seed(1)).frames[0]
    export_to_video(frames, output, fps=16)


def video_steps(model, runs, count):
    """Warm denoising steps of the video model."""
    report_steps(load_video_pipeline(model), runs, {**video_arguments(model, count), "output_type": "latent"})


def wan_forward(model, runs):
    """Wan's transformer alone at 480 x 832 x 5: 32 tokens of text, padded with zeros to 512 rows as the pipeline does."""
    import torch
    from diffusers import WanTransformer3DModel

    transformer = WanTransformer3DModel.from_pretrained(model, subfolder="transformer", torch_dtype=torch.float32)
    text = torch.zeros(1, 512, transformer.config.text_dim)
    text[:, :32] = torch.randn(1, 32, transformer.config.text_dim)
    inputs = {
        "hidden_states": torch.randn(1, transformer.config.in_channels, 2, 60, 104),
        "encoder_hidden_states": text,
        "timestep": torch.tensor([500.0]),
    }
    with torch.inference_mode():
        transformer(**inputs)
        report("transformer forward", timed(runs, lambda: transformer(**inputs)))


def wan_decode(model, runs):
    """Wan's decoder alone: 5 frames of 480 x 832."""
    import torch
    from diffusers import AutoencoderKLWan

    vae = AutoencoderKLWan.from_pretrained(model, subfolder="vae", torch_dtype=torch.float32)
    z = torch.randn(1, vae.config.z_dim, 2, 60, 104)
    with torch.inference_mode():
        report("decode", timed(runs, lambda: vae.decode(z)))


def main():
    """Runs the parts named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "parts",
        nargs="+",
        choices=["image", "steps", "forward", "decode", "video", "video-steps", "wan-forward", "wan-decode"],
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--output", default="reference.png")
    args = parser.parse_args()
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    for part in args.parts:
        {
            "image": lambda: image(args.model, args.output, "three strawberries on a blue background", args.steps),
            "steps": lambda: steps(args.model, args.runs, args.steps),
            "forward": lambda: forward(args.model, args.runs, args.size),
            "decode": lambda: decode(args.model, args.runs, args.size),
            "video": lambda: video(args.model, args.output, args.steps),
            "video-steps": lambda: video_steps(args.model, args.runs, args.steps),
            "wan-forward": lambda: wan_forward(args.model, args.runs),
            "wan-decode": lambda: wan_decode(args.model, args.runs),
        }[part]()


if __name__ == "__main__":
    sys.exit(main())
