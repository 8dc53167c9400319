"""Train a diffusion transformer and its text encoder together on the latents of a trained autoencoder.

    python train_dit.py --family image|video --minutes 9 --data DATA --ae AE_PARTS --out OUT
                        [--span 0 .55 --state FILE] [--resume PARTS]

Flow matching as the pipelines assume it: x_t = (1 - s) x0 + s noise, timestep 1000 s, target noise - x0.
Writes OUT/dit_FAMILY.000, .001, ...: the averaged weights of both, and the mean and deviation of the latents.
"""
import argparse
import os
import time

import torch

import models
from common import EMA, Clock, load_autoencoder, load_module, load_parts, log, part_of, prefixed, save_parts
from compose import Compositor
from scenes import chi_prefix, load_tokenizer, scene_pool, take

CAP = {"image": 200000, "video": 40000}  # latents kept
FIRST = {"image": 24000, "video": 1600}  # latents before the first step
FRESH = {"image": 128, "video": 16}  # new latents in every second step
SHIFT = {"image": 1.5, "video": 2.5}  # of the noise levels, towards more noise


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--family", required=True, choices=["image", "video"])
    ap.add_argument("--minutes", type=float, required=True, help="of the whole script but its last save")
    ap.add_argument("--span", type=float, nargs=2, default=(0.0, 1.0), help="the part of the schedule that this run is")
    ap.add_argument("--data", required=True)
    ap.add_argument("--ae", required=True, help="the autoencoder (parts)")
    ap.add_argument("--out", required=True)
    ap.add_argument("--state", default="", help="full training state, read where present and written at the end")
    ap.add_argument("--resume", default="", help="weights to start from (parts)")
    ap.add_argument("--batch", type=int, default=0)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--scenes", type=int, default=0)
    ap.add_argument("--procs", type=int, default=14)
    ap.add_argument("--compile", type=int, default=1)
    ap.add_argument("--save-every", type=float, default=4)
    a = ap.parse_args()
    t_start = time.time()
    fam, video = a.family, a.family == "video"
    cuda = torch.cuda.is_available()
    dev = "cuda" if cuda else "cpu"
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = video
    torch.backends.cudnn.benchmark_limit = 4
    torch.manual_seed(11 + int(a.span[0] * 1000))
    batch = a.batch or (128 if video else 1024)
    nscene = a.scenes or (160000 if video else 400000)
    pool = scene_pool(a.data, fam, nscene, f"dit-{fam}-{a.span[0]}", a.procs)
    log("scenes drawn in", round(time.time() - t_start, 1), "s")
    pix = ("slots", "motion", "rgb", "dir")
    words = {k: v.to(dev) for k, v in pool.items() if k not in pix}
    pool = {k: pool[k] for k in pix}
    comp = Compositor(a.data, dev)
    models.whole_clip()
    models.fast_glumb()
    tok = load_tokenizer(a.data, fam)
    L = models.TEXT_LEN

    # ---- the frozen encoder and a pool of latents ---------------------------------------------------------------
    vae = load_autoencoder(models.build_ae(fam), a.ae)
    if cuda and video:
        import fused
        fused.fuse(vae)
    elif cuda:
        models.compiled_norms()
    vae = vae.to(dev).eval().requires_grad_(False)
    if video:
        for p in vae.parameters():
            if p.dim() >= 4:
                p.data = p.data.contiguous(memory_format=torch.channels_last if p.dim() == 4 else torch.channels_last_3d)
    else:
        vae = vae.to(memory_format=torch.channels_last)
    autocast = lambda: torch.autocast(dev, torch.bfloat16, enabled=cuda)
    shape = (16, 5, models.VIDEO_SIZE // 8, models.VIDEO_SIZE // 8) if video else (32, 8, 8)
    cap = CAP[fam] if cuda else 64
    lat = torch.empty(cap, *shape, dtype=torch.bfloat16, device=dev)
    src = torch.zeros(cap, dtype=torch.long, device=dev)
    filled, head, cursor = 0, 0, 0

    @torch.no_grad()
    def latents(idx):
        sc = take(pool, idx)
        with autocast():
            if video:
                x, _ = comp.videos(sc, models.VIDEO_SIZE)
                return models.wan_encode(vae, x.to(memory_format=torch.channels_last_3d))[:, :16]
            x, _ = comp.images(sc, models.IMAGE_SIZE)
            return vae.encoder(x.to(memory_format=torch.channels_last))

    def encode(n):
        nonlocal filled, head, cursor
        idx = torch.arange(cursor, cursor + n) % nscene
        cursor += n
        at = (torch.arange(head, head + n) % cap).to(dev)
        lat[at] = latents(idx).to(lat.dtype)
        src[at] = idx.to(dev)
        head = (head + n) % cap
        filled = min(cap, filled + n)

    chunk = FRESH[fam] if cuda else 2
    if cuda and video:
        log("convolutions", models.fastest_conv(lambda: latents(torch.arange(chunk))))
    while filled < (FIRST[fam] if cuda else 16):
        encode(chunk)
    # channel statistics decide the normalisation that the pipeline undoes
    if a.state and os.path.exists(a.state):
        st = torch.load(a.state, map_location=dev)
    elif a.resume:
        w = load_parts(a.resume)
        st = {"dit": part_of(w, "transformer"), "text": part_of(w, "text_encoder"), "mean": w["latent_mean"],
              "std": w["latent_std"]}
    else:
        st = None
    if st is not None:
        mean, std = st["mean"].float().to(dev), st["std"].float().to(dev)
    else:
        flat = lat[:min(filled, 4000)].transpose(0, 1).flatten(1).float()
        mean, std = (flat.mean(1), flat.std(1)) if video else (torch.zeros(32, device=dev),
                                                             flat.square().mean().sqrt().expand(32).clone())
    cshape = (1, -1) + (1,) * (len(shape) - 1)
    mean_, std_ = mean.view(cshape), std.view(cshape)
    log(fam, "latents", filled, "std", [round(float(s), 3) for s in std[:4]])

    # ---- models ---------------------------------------------------------------------------------------------------
    dit, text = models.build_dit(fam), models.build_text(fam, tok.get_vocab_size())
    if not video:
        text.embed_tokens.weight.data.normal_(0, .02 * 3)
    if st is not None:
        load_module(dit, st["dit"])
        load_module(text, st["text"])
    else:
        torch.nn.init.zeros_(dit.proj_out.weight)
        torch.nn.init.zeros_(dit.proj_out.bias)
    dit, text = dit.to(dev).train(), text.to(dev).train()
    if video:
        self_attention, cross_attention = models.SelfAttention(), models.PaddedCrossAttention()
        for blk in dit.blocks:
            blk.attn1.processor, blk.attn2.processor = self_attention, cross_attention
    if a.compile and cuda:
        torch._dynamo.config.cache_size_limit = 128
        torch._dynamo.config.suppress_errors = True
        for blk in (dit.blocks if video else dit.transformer_blocks):
            blk.compile(dynamic=False)
    decay = [p for m in (dit, text) for n, p in m.named_parameters() if p.dim() >= 2 and "embed_tokens" not in n]
    ids_ = {id(p) for p in decay}
    rest = [p for m in (dit, text) for p in m.parameters() if id(p) not in ids_]
    params = decay + rest
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": .02}, {"params": rest, "weight_decay": 0.}], lr=a.lr,
                            betas=(.9, .97), eps=1e-8, fused=cuda)
    ema = EMA([dit, text], .999 if video else .998)
    step0 = 0
    if st is not None and "opt" in st:
        opt.load_state_dict(st["opt"])
        for e, s in zip(ema.avg, st["ema"]):
            e.copy_(s)
        ema.steps = step0 = st["step"]
    log(fam, "transformer", models.count(dit) / 1e6, "M, text encoder", models.count(text) / 1e6, "M, from step", step0)

    # ---- text -----------------------------------------------------------------------------------------------------
    empty = torch.zeros(L, dtype=torch.long, device=dev)
    empty[0] = 1 if video else 2  # T5 ends a caption with </s>, Gemma begins it with <bos>
    if not video:
        prefix = torch.tensor(chi_prefix(tok), device=dev)
        n_chi = max(1, batch // 16)  # captions behind the instruction, in every fourth step
        causal = lambda n: torch.full((n, n), torch.finfo(torch.float32).min, device=dev).triu(1)[None, None]
        mask_plain, mask_chi = causal(L), causal(len(prefix) + L - 1)

        def gemma(ids, m):
            m = m.expand(ids.shape[0], -1, -1, -1)
            return text(ids, attention_mask={"full_attention": m, "sliding_attention": m}, use_cache=False)[0]

    def captions(which):
        n = which.shape[0]
        zh = torch.rand(n, device=dev) < .38
        ids = torch.where(zh[:, None], words["zh"][which], words["en"][which]).long()
        num = torch.where(zh, words["zh_n"][which], words["en_n"][which]).long()
        drop = torch.rand(n, device=dev) < .1
        if not video:
            drop[:n_chi] = False
        return torch.where(drop[:, None], empty, ids), torch.where(drop, 1, num)

    ar = torch.arange(L, device=dev)

    def condition(which, with_chi):
        ids, num = captions(which)
        if video:
            mask = ar < num[:, None]
            h = text(input_ids=ids, attention_mask=mask.long())[0] * mask[..., None]
            pads = torch.full_like(num, 512)
            pads = torch.where(torch.rand(num.shape, device=dev) < .15, 226, pads) - num
            bias = torch.zeros(len(num), 1, 1, L + 1, device=dev)
            bias[:, 0, 0, :L].masked_fill_(~mask, float("-inf"))
            bias[:, 0, 0, L] = pads.float().log()
            models.PaddedCrossAttention.bias = bias
            return torch.cat([h, h.new_zeros(h.shape[0], 1, h.shape[2])], 1), None
        if not with_chi:
            return gemma(ids, mask_plain), (ar < num[:, None])
        # a sixteenth of the batch has SanaPipeline's instruction in front of the caption
        c = words["chi"][which[:n_chi]].long()[:, :L - 1]
        full = torch.cat([prefix.expand(n_chi, -1), c], 1)
        hc = gemma(full, mask_chi)
        hc = torch.cat([hc[:, :1], hc[:, 1 - L:]], 1)
        nc = (words["chi_n"][which[:n_chi]].long() + 1).clamp(max=L)
        hp = gemma(ids[n_chi:], mask_plain)
        num = torch.cat([nc, num[n_chi:]])
        return torch.cat([hc, hp]), (ar < num[:, None])

    def loss_of(x0, noise, sigma, h, mask):
        s = sigma.view(-1, *([1] * (x0.dim() - 1)))
        xt = (1 - s) * x0 + s * noise
        kw = {} if video else {"encoder_attention_mask": mask}
        v = dit(xt, encoder_hidden_states=h, timestep=sigma * 1000, return_dict=False, **kw)[0]
        return (v.float() - (noise - x0)).square().mean()

    def save(tag):
        ema.swap()
        size, hsh = save_parts({**prefixed(transformer=dit, text_encoder=text), "latent_mean": mean,
                                "latent_std": std}, os.path.join(a.out, f"dit_{fam}"))
        ema.swap()
        log("saved", tag, size >> 10, "KiB", hsh)

    log("set up in", round(time.time() - t_start, 1), "s")
    clock = Clock(a.minutes - (time.time() - t_start) / 60, a.span, warmup=200)
    i, saved, acc, t_log, n_log = step0, 0.0, [], time.time(), 0
    while not clock.over():
        if cuda and i % 2 == 0:
            encode(FRESH[fam])
        pick = torch.randint(filled, (batch,), device=dev)
        x0 = (lat[pick].float() - mean_) / std_
        u = torch.randn(batch, device=dev).sigmoid()
        u = torch.where(torch.rand(batch, device=dev) < .3, torch.rand(batch, device=dev), u)
        sigma = SHIFT[fam] * u / (1 + (SHIFT[fam] - 1) * u)
        with autocast():
            h, mask = condition(src[pick], i % 4 == 0)
            loss = loss_of(x0, torch.randn_like(x0), sigma, h, mask)
        loss.backward()
        lr = a.lr * clock.lr(i - step0 + (100 if step0 else 0))
        for gp in opt.param_groups:
            gp["lr"] = lr
        torch.nn.utils.clip_grad_norm_(params, 1.0, foreach=True)
        opt.step()
        opt.zero_grad(set_to_none=True)
        i += 1
        n_log += batch
        if i % 4 == 0:
            ema.update(4)
        if i % 10 == 0:
            acc.append(loss.detach())
        if i == step0 + 1 or i % 200 == 0:
            v = float(torch.stack(acc).mean()) if acc else float(loss.detach())
            log(f"{fam} step {i} {clock.elapsed():.2f} min loss {v:.4f} lr {lr:.2e}",
                f"{n_log / (time.time() - t_log):.0f}/s pool {filled}")
            acc, t_log, n_log = [], time.time(), 0
        if clock.elapsed() - saved > a.save_every:
            saved = clock.elapsed()
            save(f"at {saved:.1f} min")
    if a.state:
        torch.save({"dit": dit.state_dict(), "text": text.state_dict(), "opt": opt.state_dict(), "ema": ema.avg,
                    "mean": mean, "std": std, "step": i}, a.state)
    save("final")
    log(fam, i, "steps,", (i - step0) * batch, "samples, total", round((time.time() - t_start) / 60, 2), "min")


if __name__ == "__main__":
    main()
