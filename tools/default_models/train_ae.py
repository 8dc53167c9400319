"""Train an autoencoder for a given time.

    python train_ae.py --family image|video --minutes 9 --data DATA --out OUT [--resume PARTS] [--decoder-only 1]

Writes OUT/ae_FAMILY.000 (and .001, ... where it is large) and OUT/recon_FAMILY.png: held-out scenes above their
reconstructions.  The video autoencoder sees whole 17-frame clips: small crops first, whole frames at the end.
"""
import argparse
import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import models
from common import EMA, Clock, load_autoencoder, log, save_parts
from compose import Compositor
from config_section import parse_args
from scenes import scene_pool, take

KL = {"image": 3e-3, "video": 3e-4}
CROP = 96  # of the video family's first steps


def reconstruction_loss(y, x, weight):
    """Weighted L1 and L2; differences between neighbours at two scales keep edges crisp."""
    d = y - x
    pixel = (d.abs() * weight).mean() + .5 * (d.square() * weight).mean()
    edges = 0
    for _ in range(2):
        edges = edges + (d[..., :, 1:] - d[..., :, :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()
        d = F.avg_pool2d(d, 2)
    return pixel, edges


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--family", required=True, choices=["image", "video"])
    ap.add_argument("--minutes", type=float, required=True, help="of the whole script but its last statistics")
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--resume", default="", help="weights to start from (parts)")
    ap.add_argument("--decoder-only", type=int, default=0, help="leave the encoder, so that latents keep their meaning")
    ap.add_argument("--batch", type=int, default=0)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--scenes", type=int, default=100000)
    ap.add_argument("--whole", type=float, default=.35, help="part of the time on whole frames (video)")
    ap.add_argument("--procs", type=int, default=14)
    ap.add_argument("--save-every", type=float, default=2.5)
    a = parse_args(ap, "training")
    t_start = time.time()
    cuda = torch.cuda.is_available()
    dev = "cuda" if cuda else "cpu"
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = 6
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(1)
    video = a.family == "video"
    pool = scene_pool(a.data, a.family, a.scenes, f"ae-{a.family}-{a.lr}", a.procs)
    held = scene_pool(a.data, a.family, 192 if cuda else 4, f"ae-{a.family}-held-out", 1)
    log("scenes drawn in", round(time.time() - t_start, 1), "s")
    comp = Compositor(a.data, dev)
    models.whole_clip()
    vae = models.build_ae(a.family)
    if a.resume:
        load_autoencoder(vae, a.resume)
    if cuda and video:
        import fused
        fused.fuse(vae)
    elif cuda:
        models.compiled_norms()
    fmt = torch.channels_last_3d if video else torch.channels_last
    vae = vae.to(dev).train()
    for p in vae.parameters():
        if p.dim() >= 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last if p.dim() == 4 else torch.channels_last_3d)
    if a.decoder_only:
        for m in (vae.encoder, getattr(vae, "quant_conv", None)):
            if m is not None:
                m.requires_grad_(False)
    batch = a.batch or (12 if video else 64)
    params = [p for p in vae.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=a.lr, betas=(.9, .95), weight_decay=1e-4, fused=cuda)
    ema = EMA([vae], .998)
    frame_weight = torch.ones(models.FRAMES, device=dev)
    frame_weight[0] = 3  # the first frame has a path of its own through the causal convolutions
    frame_weight = (frame_weight / frame_weight.mean()).view(1, 1, -1, 1, 1)

    def sample(n, crop, scenes=pool):
        sc = take(scenes, torch.randint(len(scenes["motion"]), (n,)))
        if not video:
            x, c = comp.images(sc, models.IMAGE_SIZE)
            return x.to(memory_format=fmt), c
        x, c = comp.videos(sc, models.VIDEO_SIZE)
        if crop < models.VIDEO_SIZE:
            oy, ox = ((torch.randint((models.VIDEO_SIZE - crop) // 8 + 1, (n, 1)) * 8 + torch.arange(crop)).to(dev)
                      for _ in range(2))
            b = torch.arange(n, device=dev)[:, None, None]
            x, c = (t[b, :, :, oy[:, :, None], ox[:, None, :]].permute(0, 3, 4, 1, 2) for t in (x, c))
        return x.to(memory_format=fmt), c

    def loss_of(x, cover):
        with torch.autocast(dev, torch.bfloat16, enabled=cuda):
            if video:
                with torch.set_grad_enabled(not a.decoder_only):
                    mean, logvar = models.wan_encode(vae, x).float().chunk(2, 1)
                logvar = logvar.clamp(-30, 20)
                kl = .5 * (mean ** 2 + logvar.exp() - 1 - logvar).mean()
                y = models.wan_decode(vae, mean + (.5 * logvar).exp() * torch.randn_like(mean))
            else:
                with torch.set_grad_enabled(not a.decoder_only):
                    mean = vae.encoder(x).float()
                flat = mean.transpose(0, 1).flatten(1)
                # every channel near zero mean and unit deviation, so that the noise below has a fixed meaning
                kl = flat.mean(1).square().mean() + (flat.std(1) - 1).square().mean()
                y = vae.decoder(mean + .05 * torch.randn_like(mean))
        y, x, weight = y.float(), x.float(), 1 + 3 * cover.float()
        if video:
            weight = weight * frame_weight
            y, x, weight = (t.transpose(1, 2).flatten(0, 1) for t in (y, x, weight))
        pixel, edges = reconstruction_loss(y, x, weight)
        return pixel + edges + KL[a.family] * kl, torch.stack([pixel, edges, kl]).detach()

    def save(tag):
        ema.swap()
        size, h = save_parts(vae.state_dict(), os.path.join(a.out, f"ae_{a.family}"))
        ema.swap()
        log("saved", tag, size >> 10, "KiB", h)

    def shape(progress):
        """batch and crop"""
        if not video or progress < 1 - a.whole:
            return batch, CROP
        return max(1, batch // 3), models.VIDEO_SIZE

    if cuda and video:
        x, c = sample(batch, CROP)
        log("convolutions", models.fastest_conv(lambda: loss_of(x, c)[0].backward()))
        opt.zero_grad(set_to_none=True)
    log(a.family, "autoencoder", models.count(vae) / 1e6, "M parameters; set up in", round(time.time() - t_start, 1), "s")
    clock = Clock(a.minutes - (time.time() - t_start) / 60, warmup=200)
    i = seen = n_log = 0
    saved, sums, t_log = 0.0, [], time.time()
    while not clock.over():
        n, crop = shape(clock.elapsed() / clock.minutes)
        x, cover = sample(n, crop)
        lr = a.lr * clock.lr(i)
        for group in opt.param_groups:
            group["lr"] = lr
        loss, terms = loss_of(x, cover)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0, foreach=True)
        opt.step()
        opt.zero_grad(set_to_none=True)
        i, seen, n_log = i + 1, seen + n, n_log + n
        if i % 4 == 0:
            ema.update(4)
        if i % 20 == 0:
            sums.append(terms)
        if i == 1 or i % 500 == 0:
            v = (torch.stack(sums).mean(0) if sums else terms).tolist()
            log(f"{a.family} step {i} {clock.elapsed():.2f} min, pixel/edges/kl", [round(t, 4) for t in v],
                f"lr {lr:.2e} crop {crop} {n_log / (time.time() - t_log):.0f}/s")
            sums, t_log, n_log = [], time.time(), 0
        if clock.elapsed() - saved > a.save_every:
            saved = clock.elapsed()
            save(f"at {saved:.1f} min")
    # the averaged weights: what is kept
    ema.swap()
    vae.eval()
    size, h = save_parts(vae.state_dict(), os.path.join(a.out, f"ae_{a.family}"))
    log("final", a.family, i, "steps", seen, "samples", size >> 10, "KiB", h, "total",
        round((time.time() - t_start) / 60, 2), "min")
    psnr, first, sums = [], [], 0
    n = (4 if video else 64) if cuda else 2
    with torch.no_grad(), torch.autocast(dev, torch.bfloat16, enabled=cuda):
        for k in range(0, len(held["motion"]), n):
            sc = take(held, slice(k, k + n))
            x, _ = comp.videos(sc) if video else comp.images(sc)
            x = x.to(memory_format=fmt)
            z = models.wan_encode(vae, x)[:, :16] if video else vae.encoder(x)
            y = (models.wan_decode(vae, z) if video else vae.decoder(z)).clamp(-1, 1).float()
            x = x.float()
            db = lambda s: 10 * torch.log10(4 / (y - x)[s].square().flatten(1).mean(1).clamp(min=1e-9))
            psnr.append(db(slice(None)))
            if video:
                first.append(db((slice(None), slice(None), 0)))
            z = z.float().transpose(0, 1).flatten(1)
            sums = sums + torch.stack([z.mean(1), z.square().mean(1)]) * len(x)
    mean, square = sums / len(held["motion"])
    log("PSNR", round(float(torch.cat(psnr).mean()), 2), "of first frames",
        round(float(torch.cat(first).mean()), 2) if video else "-", "over", len(held["motion"]), "held-out scenes")
    log("latents: mean", [round(float(t), 3) for t in mean],
        "std", [round(float(t), 3) for t in (square - mean ** 2).sqrt()])
    from PIL import Image
    if video:
        strip = lambda t: torch.cat([torch.cat(list(c[:, ::4].unbind(1)), -1) for c in t], 1)
        sheet = torch.cat([strip(x), strip(y)], 2)
    else:
        sheet = torch.cat([torch.cat(list(t[k:k + 8]), -1) for k in range(0, min(16, len(x)), 8) for t in (x, y)], 1)
    Image.fromarray(((sheet + 1) * 127.5).clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()).save(
        os.path.join(a.out, f"recon_{a.family}.png"))


if __name__ == "__main__":
    main()
