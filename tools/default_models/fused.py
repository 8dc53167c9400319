"""WanRMS_norm and the SiLU that follows it as one Triton kernel each way (training only; the library's arithmetic).

The library's form reads and writes the activations several times in float32; at 16 to 64 channels that costs more
than the convolutions.  `TRITON_INTERPRET=1` runs the kernels on the CPU.
"""
import torch
import triton
import triton.language as tl

ELEMENTS = 4096  # of a program's tile


@triton.jit
def _forward(X, G, Y, n, scale, C: tl.constexpr, R: tl.constexpr, ACT: tl.constexpr):
    rows, cols = tl.program_id(0) * R + tl.arange(0, R), tl.arange(0, C)
    at, ok = rows[:, None] * C + cols[None, :], (rows < n)[:, None]
    x = tl.load(X + at, mask=ok, other=0.).to(tl.float32)
    inv = 1. / tl.maximum(tl.sqrt(tl.sum(x * x, 1)), 1e-12)
    y = x * inv[:, None] * (tl.load(G + cols).to(tl.float32) * scale)[None, :]
    if ACT:
        y = y * tl.sigmoid(y)
    tl.store(Y + at, y.to(Y.dtype.element_ty), mask=ok)


@triton.jit
def _backward(X, G, DY, DX, DG, n, scale, C: tl.constexpr, R: tl.constexpr, ACT: tl.constexpr):
    rows, cols = tl.program_id(0) * R + tl.arange(0, R), tl.arange(0, C)
    at, ok = rows[:, None] * C + cols[None, :], (rows < n)[:, None]
    x = tl.load(X + at, mask=ok, other=0.).to(tl.float32)
    d = tl.load(DY + at, mask=ok, other=0.).to(tl.float32)
    g = (tl.load(G + cols).to(tl.float32) * scale)[None, :]
    inv = (1. / tl.maximum(tl.sqrt(tl.sum(x * x, 1)), 1e-12))[:, None]
    u = x * inv
    if ACT:
        y = u * g
        s = tl.sigmoid(y)
        d = d * s * (1 + y * (1 - s))
    tl.store(DG + tl.program_id(0) * C + cols, tl.sum(d * u, 0) * scale)
    t = d * g
    dx = inv * (t - u * tl.sum(t * u, 1)[:, None])
    tl.store(DX + at, dx.to(DX.dtype.element_ty), mask=ok)


class NormAct(torch.autograd.Function):
    """x [B, C, ...] in channels-last memory, gamma with C elements."""
    @staticmethod
    def forward(ctx, x, gamma, scale, act):
        x = x.movedim(1, -1).contiguous()
        c = x.shape[-1]
        n, r = x.numel() // c, ELEMENTS // c
        y = torch.empty_like(x)
        _forward[((n + r - 1) // r,)](x, gamma, y, n, scale, C=c, R=r, ACT=act)
        ctx.save_for_backward(x, gamma)
        ctx.scale, ctx.act = scale, act
        return y.movedim(-1, 1)

    @staticmethod
    def backward(ctx, d):
        x, gamma = ctx.saved_tensors
        d = d.movedim(1, -1).contiguous()
        c = x.shape[-1]
        n, r = x.numel() // c, ELEMENTS // c
        blocks = (n + r - 1) // r
        dx, dg = torch.empty_like(x), torch.empty(blocks, c, device=x.device, dtype=torch.float32)
        _backward[(blocks,)](x, gamma, d, dx, dg, n, ctx.scale, C=c, R=r, ACT=ctx.act)
        return dx.movedim(-1, 1), dg.sum(0).view(gamma.shape).to(gamma.dtype), None, None


def fuse(vae):
    """Put the fused form into the norms of an AutoencoderKLWan, and drop the activations that they take in."""
    from diffusers.models.autoencoders import autoencoder_kl_wan as m
    m.WanRMS_norm.forward = lambda self, x: NormAct.apply(x, self.gamma, self.scale, getattr(self, "act", False))
    for mod in vae.modules():
        norms = [n for n in ("norm1", "norm2", "norm_out") if hasattr(mod, n)]
        if norms and hasattr(mod, "nonlinearity"):
            mod.nonlinearity = torch.nn.Identity()
            for n in norms:
                getattr(mod, n).act = True
