"""Writes known_values.h: what torch computes, in f64 from f32 inputs, for the cases of known_values_test.cpp.

    python known_values.py > known_values.h    # torch 2.15.0, diffusers 0.42.1
"""

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.models.embeddings import get_timestep_embedding


def wave(*shape, phase):
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    return torch.from_numpy(np.sin(0.7 * i + phase).astype(np.float32).reshape(shape)).double()


def show(name, tensor):
    values = ", ".join(f"{v:.9g}" for v in tensor.flatten().tolist())
    values = ", ".join(v if any(c in v for c in ".en") else v + ".0" for v in values.split(", "))
    values = ", ".join(v + "F" for v in values.split(", "))
    print(f"inline constexpr float {name}[] = {{{values}}};")


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def nchw(x):
    return x.permute(0, 3, 1, 2)


def attention(q, k, v, heads, kv_heads, scale, cap, bias):
    q = q.unflatten(-1, (heads, -1)).transpose(1, 2)
    k = k.unflatten(-1, (kv_heads, -1)).transpose(1, 2)
    v = v.unflatten(-1, (kv_heads, -1)).transpose(1, 2)
    if cap == 0:
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale, enable_gqa=True)
        return y.transpose(1, 2).flatten(2)
    k, v = (t.repeat_interleave(heads // kv_heads, dim=1) for t in (k, v))
    scores = torch.tanh(torch.einsum("bhid,bhjd->bhij", q, k) * scale / cap) * cap
    return torch.einsum("bhij,bhjd->bhid", torch.softmax(scores + bias, -1), v).transpose(1, 2).flatten(2)


def linear_attention(q, k, v, eps):  # [B, H, N, D], as SanaLinearAttnProcessor2_0 does it
    q, k, v = F.relu(q).mT, F.relu(k), v.mT
    v = F.pad(v, (0, 0, 0, 1), mode="constant", value=1.0)
    y = torch.matmul(torch.matmul(v, k), q)
    return (y[:, :, :-1] / (y[:, :, -1:] + eps)).mT


print("#pragma once\n")
print("// Written by known_values.py; do not edit.")
print("// clang-format off")
print("namespace swan::ops::testing::known {\n")

x, w, b = wave(2, 2, 3, phase=0.1), wave(4, 3, phase=0.2), wave(4, phase=0.3)
y = F.linear(x, w, b)
show("kLinear", y)
show("kLinearNoBias", F.linear(x, w))
show("kLinearRelu", F.relu(y))
show("kLinearSilu", F.silu(y))
show("kLinearGelu", F.gelu(y, approximate="tanh"))
show("kLinearBf16", F.linear(x, w.bfloat16().double(), b))
show("kLinearF16", F.linear(x, w.half().double(), b))

x, w, b = wave(2, 4, 3, 4, phase=0.1), wave(6, 2, 3, 3, phase=0.2), wave(6, phase=0.3)
show("kConvGroupsStride", nhwc(F.conv2d(nchw(x), w, b, stride=2, padding=1, groups=2)))
x, w = wave(1, 3, 2, 2, phase=0.1), wave(2, 2, 5, 5, phase=0.2)
show("kConv5Silu", nhwc(F.silu(F.conv2d(nchw(x), w, padding=2))))
x, w, b = wave(1, 3, 2, 6, phase=0.1), wave(6, 1, 3, 3, phase=0.2), wave(6, phase=0.3)
d, gate = torch.chunk(F.conv2d(nchw(x), w, b, padding=1, groups=6), 2, dim=1)
show("kDepthwiseGlu", nhwc(d * F.silu(gate)))

x, w, b, r = wave(2, 5, phase=0.1), wave(5, phase=0.2), wave(5, phase=0.3), wave(2, 5, phase=0.4)
n = F.rms_norm(x, (5,), eps=0.1)
show("kRmsNorm", n)
show("kRmsNormWeight", F.rms_norm(x, (5,), w, eps=0.1))
show("kRmsNormPlusOne", n * (1 + w))
show("kRmsNormAll", F.relu(n * w + b) + r)
x, scale, shift = wave(2, 2, 5, phase=0.1), wave(2, 5, phase=0.2), wave(2, 5, phase=0.3)
show("kLayerNormModulate", F.layer_norm(x, (5,), eps=0.1) * (1 + scale[:, None]) + shift[:, None])

q, k, v = wave(2, 2, 4, phase=0.1), wave(2, 3, 2, phase=0.2), wave(2, 3, 2, phase=0.3)
show("kAttention", attention(q, k, v, 2, 1, 0.5, 0, None))
show("kAttentionKeyBias", attention(q, k, v, 2, 1, 0.5, 0, wave(2, 3, phase=0.4)[:, None, None]))
show("kAttentionCapBias", attention(q, k, v, 2, 1, 3.0, 2.0, wave(2, 2, 3, phase=0.4)[:, None]))
q, k, v = (wave(2, 3, 4, phase=p) for p in (0.1, 0.2, 0.3))
split = lambda t: t.unflatten(-1, (2, -1)).transpose(1, 2)
show("kLinearAttention", linear_attention(split(q), split(k), split(v), 1e-3).transpose(1, 2).flatten(2))
qkv = wave(1, 3, 12, phase=0.1).unflatten(-1, (2, 3, 2))  # B, N, groups, (q k v), D
q, k, v = (qkv[:, :, :, i].transpose(1, 2) for i in range(3))
show("kLinearAttentionPacked", linear_attention(q, k, v, 1e-3).transpose(1, 2).flatten(2))
x, cos, sin = wave(1, 2, 8, phase=0.1), wave(2, 2, phase=0.2), wave(2, 2, phase=0.3)
h = x.unflatten(-1, (2, 4))
half = torch.cat([-h[..., 2:], h[..., :2]], -1)  # rotate_half
wide = lambda t: torch.cat([t, t], -1)[None, :, None]
show("kRope", (h * wide(cos) + half * wide(sin)).flatten(2))

x, gate, y = wave(2, 2, 3, phase=0.1), wave(2, 3, phase=0.2), wave(2, 2, 3, phase=0.3)
show("kAddSuffix", x + wave(2, 3, phase=0.2))
show("kAddGated", x + gate[:, None] * y)
points = torch.tensor([-30, -5, -1.5, -0.5, 0, 0.25, 1, 3, 30], dtype=torch.float64)
show("kPoints", points)
show("kReluPoints", F.relu(points))
show("kSiluPoints", F.silu(points))
show("kGeluPoints", F.gelu(points, approximate="tanh"))
show("kGatedGelu", F.gelu(wave(7, phase=0.1), approximate="tanh") * wave(7, phase=0.2))
show("kCombination", 0.5 * wave(4, phase=0.1) - 2 * wave(4, phase=0.2) + 3 * wave(4, phase=0.3))
show("kTimesteps", get_timestep_embedding(torch.tensor([0, 1.5, 999.0]), 8, flip_sin_to_cos=True, downscale_freq_shift=0))

i = torch.arange(2 * 2 * 3 * 8).reshape(2, 2, 3, 8)
show("kPixelShuffle", nhwc(F.pixel_shuffle(nchw(i), 2)))
i = torch.arange(2 * 4 * 2 * 2).reshape(2, 4, 2, 2)
show("kPixelUnshuffle", nhwc(F.pixel_unshuffle(nchw(i), 2)))
i = torch.arange(2 * 2 * 1 * 3).reshape(2, 2, 1, 3)
show("kUpsample", nhwc(F.interpolate(nchw(i).float(), scale_factor=2, mode="nearest")))
i = torch.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
show("kToNhwc", nhwc(i))
show("kToNchw", nchw(i))
i = torch.arange(1 * 6 * 8).reshape(1, 6, 8)  # height 2, width 3, patch 2, channels 2
show("kUnpatchify", torch.einsum("bhwpqc->bchpwq", i.reshape(1, 2, 3, 2, 2, 2)).flatten())
print("\n}  // namespace swan::ops::testing::known")
