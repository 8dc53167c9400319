"""Scenes to pixels on the accelerator: sprites pasted by affine sampling onto plain or two-colour backgrounds."""
import io
import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from grammar import FRAMES


def load_objects(data):
    return json.load(open(os.path.join(data, "objects.json"), encoding="utf-8"))


class Compositor:
    def __init__(self, data, device, only=None):
        objs = load_objects(data)
        blob = open(os.path.join(data, "sprites.bin"), "rb").read()
        n = len(objs)
        px = np.zeros((n, 128, 128, 4), np.uint8)
        for o in objs:
            if only is None or o["index"] in only:
                a, k = o["file"]
                px[o["index"]] = np.asarray(Image.open(io.BytesIO(blob[a:a + k])).convert("RGBA"))
        half = torch.float16 if device != "cpu" else torch.float32
        t = torch.from_numpy(px).to(device).permute(0, 3, 1, 2)
        levels = []
        for part in t.split(256):
            p = part.float() / 255
            p[:, :3] = (p[:, :3] * 2 - 1) * p[:, 3:]  # premultiplied, colours in -1..1
            up = lambda x: F.interpolate(x, size=(128, 128), mode="bilinear", align_corners=False)
            levels.append(torch.stack([p, up(F.avg_pool2d(p, 2)), up(F.avg_pool2d(p, 4))]).to(half))
        self.tex = torch.cat(levels, 1)  # level, sprite, 4, 128, 128 (coarser levels for smaller pastes)
        self.device, self.half = device, half

    @torch.no_grad()
    def paste(self, ids, x, y, z, rot, alpha, rgb, direction, size):
        """ids, x, y, z, rot, alpha: [B, K]; rgb: [B, 2, 3] in 0..255; returns [B, 3, size, size] in -1..1 and the
        coverage [B, 1, size, size]."""
        with torch.autocast(self.device, enabled=False):
            return self._paste(ids, x, y, z, rot, alpha, rgb, direction, size)

    def _paste(self, ids, x, y, z, rot, alpha, rgb, direction, size):
        b, k = ids.shape
        dev, half = self.device, self.half
        c = rgb.to(dev).float() / 127.5 - 1
        w = torch.linspace(0, 1, size, device=dev)
        w = torch.where(direction.to(dev).view(b, 1, 1, 1) > 0, w.view(1, 1, 1, size), w.view(1, 1, size, 1))
        img = (c[:, 0].view(b, 3, 1, 1) * (1 - w) + c[:, 1].view(b, 3, 1, 1) * w).expand(b, 3, size, size)
        img = img.to(half)
        cover = torch.zeros(b, 1, size, size, device=dev, dtype=half)
        for j in range(k):  # an absent sprite is pasted with no opacity: cheaper than asking the device which are there
            i, zz = ids[:, j].clamp(min=0), z[:, j]
            ratio = 128 / (zz * size)
            level = (ratio > 1.5).long() + (ratio > 3).long()
            tex = self.tex[level, i]
            co, si = torch.cos(rot[:, j]) / zz, torch.sin(rot[:, j]) / zz
            cx, cy = 2 * x[:, j] - 1, 2 * y[:, j] - 1
            theta = torch.stack([torch.stack([co, si, -(co * cx + si * cy)], 1),
                                 torch.stack([-si, co, -(-si * cx + co * cy)], 1)], 1)
            grid = F.affine_grid(theta.float(), (b, 4, size, size), align_corners=False).to(half)
            s = F.grid_sample(tex, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            s = s * (alpha[:, j] * (ids[:, j] >= 0)).view(-1, 1, 1, 1).to(half)
            a = s[:, 3:]
            img = img * (1 - a) + s[:, :3]
            cover = torch.maximum(cover, a)
        return img.clamp_(-1, 1), cover

    def images(self, sc, size=256):
        s = sc["slots"].to(self.device).float()
        ids = s[..., 3].round().long()
        one = torch.ones_like(s[..., 0])
        return self.paste(ids, s[..., 0], s[..., 1], s[..., 2], one * 0, one, sc["rgb"], sc["dir"], size)

    def videos(self, sc, size=192, frames=FRAMES, start=0, total=FRAMES):
        """[B, 3, T, size, size] and coverage [B, 1, T, size, size]; `start` is the first frame, one or one for each"""
        s = sc["slots"].to(self.device).float()
        b, k = s.shape[:2]
        x, y, z, rot, alpha = poses(s, sc["motion"].to(self.device), frames, start, total)
        ids = s[..., 3].round().long()[:, None].expand(b, frames, k)
        rep = lambda t: t.to(self.device)[:, None].expand(b, frames, *t.shape[1:]).reshape(b * frames, *t.shape[1:])
        f = lambda t: t.reshape(b * frames, k)
        img, cover = self.paste(f(ids), f(x), f(y), f(z), f(rot), f(alpha), rep(sc["rgb"]), rep(sc["dir"]), size)
        back = lambda t: t.view(b, frames, -1, size, size).transpose(1, 2)
        return back(img), back(cover)


def poses(s, motion, frames, start=0, total=FRAMES):
    """Every sprite's x, y, size, rotation and opacity in every frame: [B, T, K]."""
    start = torch.as_tensor(start, device=s.device).view(-1, 1)
    t = ((start + torch.arange(frames, device=s.device)).float() / (total - 1))[..., None]
    x, y, z = (s[:, None, :, i].expand(-1, frames, -1).clone() for i in range(3))
    rot, alpha = torch.zeros_like(x), torch.ones_like(x)
    m = motion.view(-1, 1, 1)
    move = .64 * (t - .5)
    x = x + torch.where(m == 1, move, 0.) - torch.where(m == 2, move, 0.)
    y = y + torch.where(m == 4, move, 0.) - torch.where(m == 3, move, 0.)
    y = y + torch.where(m == 5, .70 * t * t - .38, 0.)
    y = y + torch.where(m == 6, .22 - .44 * torch.sin(2 * math.pi * t).abs(), 0.)
    rot = rot + torch.where(m == 7, 2 * math.pi * t, 0.)
    z = z * torch.where(m == 8, .3 + 1.3 * t, torch.where(m == 9, 1.6 - 1.3 * t, 1.))
    x = x + torch.where(m == 10, .06 * torch.sin(8 * math.pi * t), 0.)
    alpha = torch.where(m == 11, (1.1 * t).clamp(max=1.), alpha)
    side = torch.where(torch.arange(s.shape[1], device=s.device) == 0, -1., 1.).view(1, 1, -1)
    gap = torch.where(m == 12, .33 - .165 * t, .165 + .165 * t)
    x = torch.where((m == 12) | (m == 13), .5 + side * gap, x)
    return x, y, z, rot, alpha
