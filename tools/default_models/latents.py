"""Latents of drawn scenes by a frozen autoencoder: still pictures, or whole clips."""
import torch

import models
from common import load_autoencoder
from compose import FRAMES
from scenes import take

PIXELS = ("slots", "motion", "rgb", "dir")


def frozen_encoder(family, parts, dev):
    vae = load_autoencoder(models.build_ae(family), parts)
    models.whole_clip()
    if dev == "cuda" and family == "video":
        import fused
        fused.fuse(vae)
    elif dev == "cuda":
        models.compiled_norms()
    vae = vae.to(dev).eval().requires_grad_(False)
    if family == "image":
        return vae.to(memory_format=torch.channels_last)
    for p in vae.parameters():
        if p.dim() >= 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last if p.dim() == 4 else torch.channels_last_3d)
    return vae


def still_times(motion):
    """The frame of each scene that stands for it as a still picture: the first one in half of the scenes, any one in the
    others, and none of the early ones where the object only grows or appears."""
    r = lambda low: torch.randint(low, FRAMES, motion.shape)
    late = (motion == 8) | (motion == 11)
    return torch.where(late, r(FRAMES // 2 - 1), torch.where(torch.rand(motion.shape) < .5, 0, r(0)))


class LatentPool:
    """The newest `cap` latents.  `frames` 1: a frame of a clip as a clip of its own (the autoencoder is causal, so for the
    first frame that is exactly the clip's first latent); 0: pictures of the image family."""
    def __init__(self, family, frames, scenes, comp, vae, cap, chunk, dev):
        self.frames, self.comp, self.vae, self.cap, self.chunk, self.dev = frames, comp, vae, cap, chunk, dev
        self.scenes = {k: scenes[k] for k in PIXELS}
        self.words = {k: v.to(dev) for k, v in scenes.items() if k not in PIXELS}
        side = models.VIDEO_SIZE // 8
        shape = (16, (frames + 3) // 4, side, side) if family == "video" else (32, 8, 8)
        self.latents = torch.empty(cap, *shape, dtype=torch.bfloat16, device=dev)
        self.source = torch.zeros(cap, dtype=torch.long, device=dev)
        self.filled = self.head = self.cursor = 0

    @torch.no_grad()
    def compute(self, idx):
        sc = take(self.scenes, idx)
        with torch.autocast(self.dev, torch.bfloat16, enabled=self.dev == "cuda"):
            if not self.frames:
                x, _ = self.comp.images(sc, models.IMAGE_SIZE)
                return self.vae.encoder(x.to(memory_format=torch.channels_last))
            start = still_times(sc["motion"]).to(self.dev) if self.frames == 1 else 0
            x, _ = self.comp.videos(sc, models.VIDEO_SIZE, self.frames, start)
            return models.wan_encode(self.vae, x.to(memory_format=torch.channels_last_3d))[:, :16]

    def encode(self):
        """Add a chunk."""
        n = self.chunk
        idx = torch.arange(self.cursor, self.cursor + n) % len(self.scenes["motion"])
        at = (torch.arange(self.head, self.head + n) % self.cap).to(self.dev)
        self.latents[at] = self.compute(idx).to(self.latents.dtype)
        self.source[at] = idx.to(self.dev)
        self.cursor += n
        self.head = (self.head + n) % self.cap
        self.filled = min(self.cap, self.filled + n)

    def fill(self, n):
        while self.filled < n:
            self.encode()
        return self

    def statistics(self):
        """Mean and deviation that normalise the latents, and that the pipeline undoes."""
        x = self.latents[:min(self.filled, 4000)].transpose(0, 1).flatten(1).float()
        if self.frames:
            return x.mean(1), x.std(1)
        return torch.zeros(len(x), device=x.device), x.square().mean().sqrt().expand(len(x)).clone()

    def pick(self, n):
        """Latents and the numbers of their scenes."""
        at = torch.randint(self.filled, (n,), device=self.dev)
        return self.latents[at].float(), self.source[at]
