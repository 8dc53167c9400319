"""Shared pieces of the training scripts: a schedule in wall-clock time, a moving average, weights in parts."""
import hashlib
import math
import os
import time

import torch


class Clock:
    """Learning rate as a function of wall-clock time, so that a stage ends where its minutes end.

    `span` is the part of the whole schedule that this run covers, (0, 1) for all of it.
    """
    def __init__(self, minutes, span=(0.0, 1.0), warmup=200):
        self.t0, self.minutes, self.span, self.warmup = time.time(), max(minutes, 1e-3), span, warmup

    def elapsed(self):
        return (time.time() - self.t0) / 60

    def over(self):
        return self.elapsed() >= self.minutes

    def progress(self):
        a, b = self.span
        return a + (b - a) * min(1.0, self.elapsed() / self.minutes)

    def lr(self, step, middle=.5):
        """Factor of the learning rate: linear warm-up in steps of this run, half a cosine over the schedule, which
        reaches one half at `middle`."""
        p = self.progress()
        p = .5 * p / middle if p < middle else .5 + .5 * (p - middle) / (1 - middle)
        return min(1.0, (step + 1) / self.warmup) * .5 * (1 + math.cos(math.pi * p))


class EMA:
    """Moving average of the parameters of some modules, in float32; `swap` exchanges it with the parameters."""
    def __init__(self, modules, decay):
        self.decay, self.steps = decay, 0
        self.src = [p for m in modules for p in m.parameters()]
        self.avg = [p.detach().float().clone() for p in self.src]
        self.part = torch.zeros((), device=self.avg[0].device)  # of the parameters that `follow` takes

    def count(self):
        """Before a step that calls `follow`."""
        self.steps += 1
        self.part.fill_(1 - min(self.decay, (1 + self.steps) / (20 + self.steps)))

    @torch.no_grad()
    def follow(self):
        """One step, with nothing asked of the host."""
        d = torch._foreach_sub([p.detach() for p in self.src], self.avg)
        torch._foreach_mul_(d, self.part)
        torch._foreach_add_(self.avg, d)

    @torch.no_grad()
    def update(self, every=1):
        self.steps += every
        d = min(self.decay, (1 + self.steps) / (20 + self.steps)) ** every
        torch._foreach_lerp_(self.avg, [p.detach() for p in self.src], 1 - d)

    @torch.no_grad()
    def swap(self):
        for p, a in zip(self.src, self.avg):
            t = p.detach().clone()
            p.copy_(a)
            a.copy_(t)


def save_parts(state, path, limit=15 << 20):
    """A safetensors file in half precision, cut into parts of at most `limit` bytes (path.000, path.001, ...).

    Returns its size and the head of its SHA-256."""
    from safetensors.torch import save
    blob = save({k: v.detach().to("cpu", torch.float16 if v.is_floating_point() else None).contiguous()
                 for k, v in state.items()})
    n = (len(blob) + limit - 1) // limit
    step = (len(blob) + n - 1) // n
    for i in range(n):
        with open(f"{path}.{i:03d}.tmp", "wb") as f:
            f.write(blob[i * step:(i + 1) * step])
        os.replace(f"{path}.{i:03d}.tmp", f"{path}.{i:03d}")
    return len(blob), hashlib.sha256(blob).hexdigest()[:12]


def load_parts(path):
    """What `save_parts` wrote, joined."""
    from safetensors.torch import load
    blob, i = b"", 0
    while os.path.exists(f"{path}.{i:03d}"):
        with open(f"{path}.{i:03d}", "rb") as f:
            blob += f.read()
        i += 1
    if i == 0:
        raise FileNotFoundError(f"{path}.000")
    return load(blob)


def load_module(module, state):
    """Load a state dict in float32; returns the module."""
    module.load_state_dict({k: v.float() for k, v in state.items()})
    return module


def load_autoencoder(module, path):
    """Load an autoencoder's parts (early ones also held statistics of the latents)."""
    return load_module(module, {k: v for k, v in load_parts(path).items() if not k.startswith("latent_")})


def prefixed(**modules):
    return {f"{n}.{k}": v for n, m in modules.items() for k, v in m.state_dict().items()}


def part_of(state, name):
    return {k[len(name) + 1:]: v for k, v in state.items() if k.startswith(name + ".")}


def log(*a):
    print(time.strftime("%H:%M:%S"), *a, flush=True)
