"""A sheet of sampled clips from the models in their training forms, the way WanPipeline samples."""
import numpy as np
import torch
from PIL import Image, ImageDraw

import models
from export import FLOW_SHIFT, GUIDANCE, SHEET, WAN

SHOWN = (0, 8, 16)  # frames


@torch.no_grad()
def clips(dit, vae, captions, mean, std, dev, prompts, steps):
    """[B, 3, T, H, W] in -1..1"""
    from diffusers import UniPCMultistepScheduler
    scheduler = UniPCMultistepScheduler(**WAN, flow_shift=FLOW_SHIFT["video"])
    scheduler.set_timesteps(steps, device=dev)
    cond, side = captions.prompts(prompts + [""] * len(prompts)), models.VIDEO_SIZE // 8
    x = torch.randn(len(prompts), mean.numel(), 5, side, side, generator=torch.Generator("cpu").manual_seed(7)).to(dev)
    for t in scheduler.timesteps:
        v = dit(torch.cat([x, x]), timestep=t.expand(2 * len(x)).float(), encoder_hidden_states=cond, return_dict=False)[0]
        said, unsaid = v.float().chunk(2)
        x = scheduler.step(unsaid + GUIDANCE["video"] * (said - unsaid), t, x, return_dict=False)[0]
    x = x * std.view(1, -1, 1, 1, 1) + mean.view(1, -1, 1, 1, 1)
    return torch.cat([models.wan_decode(vae, z) for z in x.split(4)])


def draw(path, dit, vae, captions, mean, std, dev, steps=20, count=20, columns=2, side=128):
    prompts = SHEET["video"][:count]
    video = clips(dit, vae, captions, mean, std, dev, prompts, steps)[:, :, list(SHOWN)].float().clamp(-1, 1)
    video = ((video + 1) * 127.5).round().byte().permute(0, 2, 3, 4, 1).cpu().numpy()
    w, h = side * len(SHOWN) + 6, side + 16
    out = Image.new("RGB", (w * columns, h * ((count + columns - 1) // columns)), "white")
    pen = ImageDraw.Draw(out)
    for i, (text, frames) in enumerate(zip(prompts, video)):
        x, y = i % columns * w, i // columns * h
        pen.text((x + 2, y + 2), text if text.isascii() else f"{i}: {text.encode('unicode_escape').decode()}", fill="black")
        for k, f in enumerate(np.asarray(frames)):
            out.paste(Image.fromarray(f).resize((side, side)), (x + k * side, y + 16))
    out.save(path, optimize=True)
