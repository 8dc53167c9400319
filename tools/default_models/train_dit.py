"""Train a diffusion transformer and its text encoder together on the latents of a trained autoencoder.

    python train_dit.py --family image|video --minutes 9 --data DATA --ae AE_PARTS --out OUT
                        [--stills .58] [--span 0 .55 --state FILE] [--resume PARTS]

Flow matching as the pipelines assume it: x_t = (1 - s) x0 + s noise, timestep 1000 s, target noise - x0.
A video model first learns its objects from still pictures (clips of one frame, a fifth of the work), then whole clips
with a still batch in every fourth step.  Its latents are all made before the first step, and its step of either kind is
one CUDA graph: nothing in Trainer.body may wait for the device or depend on its numbers.
Writes OUT/dit_FAMILY.000, .001, ...: the averaged weights of both, and the mean and deviation of the latents.
"""
import time

T0 = time.time()  # the time limit holds for the slow imports too

import argparse
import os
import sys
import traceback

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import models
from common import EMA, Clock, load_module, load_parts, log, part_of, prefixed, save_parts
from compose import Compositor, load_objects
from conditioning import ImageCaptions, VideoCaptions, open_text
from config_section import parse_args
from grammar import STILL_KINDS, VIDEO_OBJECTS
from latents import LatentPool, frozen_encoder
from scenes import load_tokenizer, scene_pool

SHIFT = {"image": 1.5, "video": 3.0}  # of the noise levels, towards more noise
SCENES = {"image": 400000, "video": 9216, "still": 61440}
CAP = {"image": 200000, "video": 9216, "still": 61440}  # latents kept
CHUNK = {"image": 128, "video": 32, "still": 512}  # latents computed at once
FIRST = {"image": 24000, "video": 9216, "still": 61440}  # latents before the first step
FILL = 32  # seconds at most for those of a kind
BATCH = {"image": 1024, "video": 128, "still": 256}
SHEET_MINUTES = .25  # kept free for the samples at the end
BINS = (.3, .7)  # of the noise levels in the log
WARM = 8  # steps before one is recorded


def options():
    ap = argparse.ArgumentParser()
    ap.add_argument("--family", required=True, choices=["image", "video"])
    ap.add_argument("--minutes", type=float, required=True, help="of the whole script")
    ap.add_argument("--span", type=float, nargs=2, default=(0.0, 1.0), help="the part of the schedule that this run is")
    ap.add_argument("--stills", type=float, default=.58, help="the part of a video schedule that sees still pictures only")
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
    ap.add_argument("--graph", type=int, default=1, help="a video step as one CUDA graph")
    ap.add_argument("--open-text", type=int, default=0, help="see conditioning.open_text (video, without a state)")
    ap.add_argument("--save-every", type=float, default=4)
    return parse_args(ap, "training")


def pools(a, fam, dev):
    """The latents that the steps draw from: {"image"}, or {"still", "video"}."""
    cuda, out = dev == "cuda", {}
    scenes = {kind: scene_pool(a.data, fam, a.scenes or SCENES[kind], f"dit-{kind}-{a.span[0]}", a.procs,
                               kinds=STILL_KINDS if kind == "still" else None)  # forks: before the device is touched
              for kind in (("still", "video") if fam == "video" else ("image",))}
    log("scenes", {kind: len(s["motion"]) for kind, s in scenes.items()})
    only = {o["index"] for o in load_objects(a.data) if o["en"] in VIDEO_OBJECTS} if fam == "video" else None
    comp, vae = Compositor(a.data, dev, only), frozen_encoder(fam, a.ae, dev)
    for kind, s in scenes.items():
        frames = {"image": 0, "still": 1, "video": models.FRAMES}[kind]
        out[kind] = LatentPool(fam, frames, s, comp, vae, CAP[kind] if cuda else 64, CHUNK[kind] if cuda else 4, dev)
        out[kind].fill(FIRST[kind] if cuda else 8, FILL)
        log(kind, "latents", out[kind].filled)
    return out


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
        models.linear_patches(dit)
    return dit, text


def optimizer(dit, text, lr, cuda, video):
    """UMT5's embeddings are of size 1: they get larger steps, and its encoder learns twice as fast as the transformer.
    `rate` multiplies the schedule's learning rate, which stands in a tensor on the device."""
    def kind(n, p):  # decay, rate
        if "embed_tokens" in n or n == "shared.weight":
            return 0., 4. if video else 1.
        return .02 if p.dim() >= 2 else 0., 1.
    groups = {}
    for module, rate in ((dit, 1.), (text, 2. if video else 1.)):
        for n, p in module.named_parameters():
            d, r = kind(n, p)
            groups.setdefault((d, max(r, rate)), []).append(p)
    groups = [{"params": ps, "weight_decay": d, "rate": r,
               "lr": torch.tensor(lr, device=ps[0].device) if cuda else lr} for (d, r), ps in groups.items()]
    return (torch.optim.AdamW(groups, betas=(.9, .97), eps=1e-8, fused=cuda, capturable=cuda),
            [p for g in groups for p in g["params"]])


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
        """The mean, the same in words, and the number of samples."""
        s, n = self.sums.tolist()
        self.sums.zero_()
        mean = sum(s) / max(1, sum(n))
        return mean, f"{mean:.4f} [" + " ".join(f"{x / max(1, k):.4f}" for x, k in zip(s, n)) + "]", sum(n)


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
        self.losses, self.graphs, self.events = {k: Loss(dev) for k in self.pool}, {}, []
        self.side = torch.cuda.Stream() if self.cuda else None
        if "opt" in st:
            self.opt.load_state_dict(st["opt"])
            for e, s in zip(self.ema.avg, st["ema"]):
                e.copy_(s)
            self.ema.steps = self.step = st["step"]
        log(self.fam, "transformer", models.count(self.dit) / 1e6, "M, text encoder", models.count(self.text) / 1e6,
            "M, from step", self.step)

    def autocast(self):
        return torch.autocast(self.dev, torch.bfloat16, enabled=self.cuda, cache_enabled=False)

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

    def body(self, kind):
        """One step."""
        x, cond, sigma, target = self.sample(kind, self.batch[kind], self.step)
        with self.autocast():
            v = self.dit(x, timestep=sigma * 1000, return_dict=False, **cond)[0]
        loss = (v.float() - target).square().flatten(1).mean(1)
        loss.mean().backward()
        torch.nn.utils.clip_grad_norm_(self.params, 1.0, foreach=True)
        self.opt.step()
        self.opt.zero_grad(set_to_none=True)
        self.ema.follow()
        self.losses[kind].add(sigma, loss.detach())

    def rates(self, lr):
        for gp in self.opt.param_groups:
            if self.cuda:
                gp["lr"].fill_(lr * gp["rate"])
            else:
                gp["lr"] = lr * gp["rate"]

    def prepare(self, kind):
        """Compile the step of a kind and record it as a graph; where that fails it runs as it is.  Nothing is learned."""
        t0 = time.time()
        self.rates(0.)
        self.ema.part.zero_()
        self.side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.side):
            for _ in range(WARM):
                self.body(kind)
        torch.cuda.synchronize()
        eager, t1 = self.losses[kind].take()[0], time.time()
        with torch.cuda.stream(self.side):
            for _ in range(WARM):
                self.body(kind)
        torch.cuda.synchronize()
        eager = (eager + self.losses[kind].take()[0]) / 2
        log(kind, f"compiled in {t1 - t0:.1f} s, a step takes {(time.time() - t1) / WARM * 1e3:.1f} ms, loss {eager:.4f}")
        if not self.a.graph:
            return
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.side, capture_error_mode="thread_local"):
                self.body(kind)
            torch.cuda.synchronize()
            self.losses[kind].sums.zero_()
            t1 = time.time()
            for _ in range(WARM):
                graph.replay()
            torch.cuda.synchronize()
            took, (mean, text, n) = (time.time() - t1) / WARM * 1e3, self.losses[kind].take()
            log(kind, f"graph: {took:.1f} ms, loss {text} of {n:.0f}")
            if not abs(mean - eager) < .3 * eager:
                raise RuntimeError("the graph computes something else")
            self.graphs[kind] = graph
        except Exception:
            traceback.print_exc()
            log(kind, "steps stay eager")
            try:  # a capture that failed leaves the generator waiting for its end
                generator.graphsafe_set_state(torch.Generator("cuda").manual_seed(5).graphsafe_get_state())
            except Exception as e:
                log("generator:", repr(e))
            self.opt.zero_grad(set_to_none=True)
            self.losses[kind].sums.zero_()

    def train(self, kind, lr):
        self.rates(lr)
        self.ema.count()
        if kind in self.graphs:
            self.graphs[kind].replay()
        else:
            self.body(kind)
        self.step += 1
        if self.cuda and self.step % 8 == 0:  # at most 16 steps ahead of the device, for the clock to be right
            e = torch.cuda.Event()
            e.record()
            self.events.append(e)
            if len(self.events) > 1:
                self.events.pop(0).synchronize()

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
        self.ema.swap()
        try:
            import sheet
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
        self.ema.swap()


def main():
    a = options()
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = a.family == "video"
    torch.backends.cudnn.benchmark_limit = 4
    torch.manual_seed(11 + int(a.span[0] * 1000))
    models.fast_glumb()
    t = Trainer(a)
    log("set up in", round(time.time() - T0, 1), "s")
    if t.video and t.cuda:
        for kind in t.pool:
            t.prepare(kind)
    past, step0, saved, t_log, n_log, stills_before = (time.time() - T0) / 60, t.step, 0.0, time.time(), 0, True
    log("first step after", round(past * 60, 1), "s")
    clock = Clock(a.minutes - past - (SHEET_MINUTES if t.video and t.cuda else 0), a.span, warmup=200)
    middle = a.stills if t.video and 0 < a.stills < 1 else .5
    while not clock.over():
        only_stills = t.video and clock.progress() < a.stills
        kind = "still" if t.video and (only_stills or t.step % 4 == 3) else t.fam
        if t.video and stills_before and not only_stills and t.step > step0:
            t.save("after the stills")
        stills_before = only_stills
        if t.cuda and not t.video and t.step % 2 == 0:
            t.pool["image"].encode()
        lr = a.lr * clock.lr(t.step - step0, middle)
        t.train(kind, lr)
        n_log += t.batch[kind]
        if t.step == step0 + 1 or t.step % (200 if t.cuda else 5) == 0:
            log(f"{t.fam} step {t.step} {'stills' if only_stills else t.fam} {clock.elapsed():.2f} min",
                *(f"{k} loss {x.take()[1]}" for k, x in t.losses.items() if k != "video" or not only_stills),
                f"lr {lr:.2e} {n_log / (time.time() - t_log):.0f}/s")
            t_log, n_log = time.time(), 0
        if clock.elapsed() - saved > a.save_every:
            saved = clock.elapsed()
            t.save(f"at {saved:.1f} min")
    t.save("final")
    if t.video:
        t.sheet()
    if a.state:
        t.save_state()
    log(t.fam, t.step, "steps, total", round((time.time() - T0) / 60, 2), "min")


if __name__ == "__main__":
    main()
