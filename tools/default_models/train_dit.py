"""Train a diffusion transformer and its text encoder together on the latents of a trained autoencoder.

    python train_dit.py --family image|video --minutes 9 --data DATA --ae AE_PARTS --out OUT
                        [--stills .62] [--span 0 .55 --state FILE] [--resume PARTS]

Flow matching as the pipelines assume it: x_t = (1 - s) x0 + s noise, timestep 1000 s, target noise - x0.
A video model first learns its objects from still pictures (clips of one frame, a fifth of the work), then whole clips
with a still batch in every fourth step.
Writes OUT/dit_FAMILY.000, .001, ...: the averaged weights of both, and the mean and deviation of the latents.
"""
import time

T0 = time.time()  # the time limit holds for the slow imports too

import argparse
import os

import torch

import models
from common import EMA, Clock, load_module, load_parts, log, part_of, prefixed, save_parts
from compose import Compositor
from conditioning import ImageCaptions, VideoCaptions, open_text
from grammar import STILL_KINDS
from latents import LatentPool, frozen_encoder
from scenes import load_tokenizer, scene_pool

SHIFT = {"image": 1.5, "video": 3.0}  # of the noise levels, towards more noise
SCENES = {"image": 400000, "video": 160000, "still": 300000}
CAP = {"image": 200000, "video": 40000, "still": 150000}  # latents kept
CHUNK = {"image": 128, "video": 16, "still": 256}  # latents computed at once
FIRST = {"image": 24000, "video": 256, "still": 6144}  # latents before the first step
BATCH = {"image": 1024, "video": 128, "still": 256}
SHEET_MINUTES = .35  # kept free for the samples at the end
BINS = (.3, .7)  # of the noise levels in the log


def options():
    ap = argparse.ArgumentParser()
    ap.add_argument("--family", required=True, choices=["image", "video"])
    ap.add_argument("--minutes", type=float, required=True, help="of the whole script")
    ap.add_argument("--span", type=float, nargs=2, default=(0.0, 1.0), help="the part of the schedule that this run is")
    ap.add_argument("--stills", type=float, default=.62, help="the part of a video schedule that sees still pictures only")
    ap.add_argument("--data", required=True)
    ap.add_argument("--ae", required=True, help="the autoencoder (parts)")
    ap.add_argument("--out", required=True)
    ap.add_argument("--state", default="", help="full training state, read where present and written at the end")
    ap.add_argument("--resume", default="", help="weights to start from (parts)")
    ap.add_argument("--batch", type=int, default=0, help="of pictures or clips")
    ap.add_argument("--still-batch", type=int, default=0)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--scenes", type=int, default=0)
    ap.add_argument("--procs", type=int, default=14)
    ap.add_argument("--compile", type=int, default=1)
    ap.add_argument("--open-text", type=int, default=1, help="see conditioning.open_text (video, without a state)")
    ap.add_argument("--save-every", type=float, default=4)
    return ap.parse_args()


def pools(a, fam, dev):
    """The latents that the steps draw from: {"image"}, or {"still", "video"}."""
    cuda, out = dev == "cuda", {}
    scenes = {kind: scene_pool(a.data, fam, a.scenes or SCENES[kind], f"dit-{kind}-{a.span[0]}", a.procs,
                               kinds=STILL_KINDS if kind == "still" else None)  # forks: before the device is touched
              for kind in (("still", "video") if fam == "video" else ("image",))}
    log("scenes", {kind: len(s["motion"]) for kind, s in scenes.items()})
    comp, vae = Compositor(a.data, dev), frozen_encoder(fam, a.ae, dev)
    for kind, s in scenes.items():
        frames = {"image": 0, "still": 1, "video": models.FRAMES}[kind]
        out[kind] = LatentPool(fam, frames, s, comp, vae, CAP[kind] if cuda else 64, CHUNK[kind] if cuda else 4, dev)
        out[kind].fill(FIRST[kind] if cuda else 8)
        log(kind, "latents", out[kind].filled)
    return out


def refresh(pools, kind, i, only_stills):
    """New latents beside the steps: about 160,000 stills in all, and clips enough for the time when they are wanted."""
    if kind == "image":
        if i % 2 == 0:
            pools["image"].encode()
        return
    if i % 16 == 0:
        pools["still"].encode()
    if i % (24 if only_stills else 4) == 0:
        pools["video"].encode()


def start(a, pool, dev):
    """Weights, or a whole training state, or nothing; and the mean and deviation of the latents that belong to it."""
    if a.state and os.path.exists(a.state):
        st = torch.load(a.state, map_location=dev)
    elif a.resume:
        w = load_parts(a.resume)
        st = {"dit": part_of(w, "transformer"), "text": part_of(w, "text_encoder"), "mean": w["latent_mean"],
              "std": w["latent_std"]}
    else:
        return {}, *pool.statistics()
    return st, st["mean"].float().to(dev), st["std"].float().to(dev)


def build(fam, st, vocab, dev):
    dit, text = models.build_dit(fam), models.build_text(fam, vocab)
    if fam == "image":
        text.embed_tokens.weight.data.normal_(0, .02 * 3)
    if st:
        load_module(dit, st["dit"])
        load_module(text, st["text"])
    else:
        torch.nn.init.zeros_(dit.proj_out.weight)
        torch.nn.init.zeros_(dit.proj_out.bias)
    dit, text = dit.to(dev).train(), text.to(dev).train()
    if fam == "video":
        for blk in dit.blocks:
            blk.attn1.processor, blk.attn2.processor = models.SelfAttention(), models.PaddedCrossAttention()
    return dit, text


def optimizer(dit, text, lr, cuda, video):
    """UMT5's embeddings are of size 1: they get larger steps.  `rate` multiplies the schedule's learning rate."""
    named = [(n, p) for m in (dit, text) for n, p in m.named_parameters()]
    words = [p for n, p in named if "embed_tokens" in n or n == "shared.weight"]
    taken = {id(p) for p in words}
    decay = [p for n, p in named if p.dim() >= 2 and id(p) not in taken]
    rest = [p for n, p in named if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": .02, "rate": 1.}, {"params": rest, "weight_decay": 0., "rate": 1.},
              {"params": words, "weight_decay": 0., "rate": 4. if video else 1.}]
    return torch.optim.AdamW(groups, lr=lr, betas=(.9, .97), eps=1e-8, fused=cuda), decay + rest + words


def noise_levels(n, shift, dev):
    u = torch.where(torch.rand(n, device=dev) < .35, torch.rand(n, device=dev), torch.randn(n, device=dev).sigmoid())
    return shift * u / (1 + (shift - 1) * u)


class Loss:
    """Sums of the loss by noise level, kept on the device until they are logged."""
    def __init__(self, dev):
        self.edges, self.sums, self.dev = torch.tensor(BINS, device=dev), torch.zeros(2, 3, device=dev), dev

    def add(self, sigma, loss):
        self.sums.index_add_(1, torch.bucketize(sigma, self.edges), torch.stack([loss.detach(), torch.ones_like(loss)]))

    def take(self):
        s, n = self.sums.tolist()
        self.sums.zero_()
        return f"{sum(s) / max(1, sum(n)):.4f} [" + " ".join(f"{x / max(1, k):.4f}" for x, k in zip(s, n)) + "]"


class Trainer:
    def __init__(self, a):
        self.a, self.fam, self.video = a, a.family, a.family == "video"
        self.cuda = torch.cuda.is_available()
        self.dev = dev = "cuda" if self.cuda else "cpu"
        tok = load_tokenizer(a.data, self.fam)
        self.pool = pools(a, self.fam, dev)
        st, self.mean, self.std = start(a, self.pool[self.fam], dev)
        self.dit, self.text = build(self.fam, st, tok.get_vocab_size(), dev)
        self.batch = {self.fam: a.batch or BATCH[self.fam], "still": a.still_batch or BATCH["still"]}
        self.captions = VideoCaptions(self.text, tok, dev) if self.video else \
            ImageCaptions(self.text, tok, dev, self.batch[self.fam])
        if self.video and a.open_text and "opt" not in st:
            x, cond, sigma, _ = self.sample("still", 32 if self.cuda else 8, 0)
            log("words' share of cross-attention", *open_text(self.dit, x, sigma * 1000, cond))
        if a.compile and self.cuda:
            torch._dynamo.config.cache_size_limit = 128
            torch._dynamo.config.suppress_errors = True
            for blk in models.blocks(self.dit):
                blk.compile(dynamic=False)
            if self.video:
                self.captions.run = torch.compile(models.umt5_encode, dynamic=False)
        self.opt, self.params = optimizer(self.dit, self.text, a.lr, self.cuda, self.video)
        self.ema, self.step = EMA([self.dit, self.text], .999 if self.video else .998), 0
        if "opt" in st:
            self.opt.load_state_dict(st["opt"])
            for e, s in zip(self.ema.avg, st["ema"]):
                e.copy_(s)
            self.ema.steps = self.step = st["step"]
        log(self.fam, "transformer", models.count(self.dit) / 1e6, "M, text encoder", models.count(self.text) / 1e6,
            "M, from step", self.step)

    def autocast(self):
        return torch.autocast(self.dev, torch.bfloat16, enabled=self.cuda)

    def sample(self, kind, n, i):
        """Noisy latents, what goes with them, their noise levels, and what the transformer should say."""
        x0, src = self.pool[kind].pick(n)
        per = (1, -1) + (1,) * (x0.dim() - 2)
        x0 = (x0 - self.mean.view(per)) / self.std.view(per)
        noise, sigma = torch.randn_like(x0), noise_levels(n, SHIFT[self.fam], self.dev)
        s = sigma.view((-1,) + (1,) * (x0.dim() - 1))
        with self.autocast():
            cond = self.captions(self.pool[kind].words, src, i)
        return (1 - s) * x0 + s * noise, cond, sigma, noise - x0

    def train(self, kind, lr):
        """One step; returns every sample's noise level and loss."""
        x, cond, sigma, target = self.sample(kind, self.batch[kind], self.step)
        with self.autocast():
            v = self.dit(x, timestep=sigma * 1000, return_dict=False, **cond)[0]
        loss = (v.float() - target).square().flatten(1).mean(1)
        loss.mean().backward()
        for gp in self.opt.param_groups:
            gp["lr"] = lr * gp["rate"]
        torch.nn.utils.clip_grad_norm_(self.params, 1.0, foreach=True)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self.step += 1
        if self.step % 4 == 0:
            self.ema.update(4)
        return sigma, loss.detach()

    def save(self, tag):
        self.ema.swap()
        size, digest = save_parts({**prefixed(transformer=self.dit, text_encoder=self.text), "latent_mean": self.mean,
                                   "latent_std": self.std}, os.path.join(self.a.out, f"dit_{self.fam}"))
        self.ema.swap()
        log("saved", tag, size >> 10, "KiB", digest)

    def save_state(self):
        torch.save({"dit": self.dit.state_dict(), "text": self.text.state_dict(), "opt": self.opt.state_dict(),
                    "ema": self.ema.avg, "mean": self.mean, "std": self.std, "step": self.step}, self.a.state)

    def sheet(self):
        """Samples of the averaged weights; not worth a failure."""
        import sheet
        try:
            self.ema.swap()
            self.captions.run = models.umt5_encode
            for blk in models.blocks(self.dit):  # another shape would be compiled for as long as all else takes
                blk._compiled_call_impl = None
            torch.backends.cudnn.benchmark = False
            with self.autocast():
                sheet.draw(os.path.join(self.a.out, "sheet_gpu.png"), self.dit, self.pool["video"].vae, self.captions,
                           self.mean, self.std, self.dev, *((20, 20) if self.cuda else (2, 2)))
            log("samples drawn")
        except Exception as e:
            log("no samples:", repr(e))


def main():
    a = options()
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = a.family == "video"
    torch.backends.cudnn.benchmark_limit = 4
    torch.manual_seed(11 + int(a.span[0] * 1000))
    models.fast_glumb()
    t = Trainer(a)
    past, step0, saved, t_log, n_log = (time.time() - T0) / 60, t.step, 0.0, time.time(), 0
    log("set up in", round(past * 60, 1), "s")
    clock, losses = Clock(a.minutes - past - (SHEET_MINUTES if t.video and t.cuda else 0), a.span, warmup=200), Loss(t.dev)
    while not clock.over():
        only_stills = t.video and clock.progress() < a.stills
        kind = "still" if t.video and (only_stills or t.step % 4 == 3) else t.fam
        if t.cuda:
            refresh(t.pool, kind, t.step, only_stills)
        lr = a.lr * clock.lr(t.step - step0)
        sigma, loss = t.train(kind, lr)
        n_log += len(loss)
        if kind == t.fam or only_stills:
            losses.add(sigma, loss)
        if t.step == step0 + 1 or t.step % (200 if t.cuda else 5) == 0:
            log(f"{t.fam} step {t.step} {'stills' if only_stills else t.fam} {clock.elapsed():.2f} min",
                f"loss {losses.take()} lr {lr:.2e} {n_log / (time.time() - t_log):.0f}/s",
                "pool", *(p.filled for p in t.pool.values()))
            t_log, n_log = time.time(), 0
        if clock.elapsed() - saved > a.save_every:
            saved = clock.elapsed()
            t.save(f"at {saved:.1f} min")
    t.save("final")
    if a.state:
        t.save_state()
    if t.video:
        t.sheet()
    log(t.fam, t.step, "steps, total", round((time.time() - T0) / 60, 2), "min")


if __name__ == "__main__":
    main()
