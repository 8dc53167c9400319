"""Configurations and constructors of the two families, and faster forms of the library's layers for training."""
import torch
import torch.nn.functional as F

IMAGE_SIZE, VIDEO_SIZE, FRAMES = 256, 192, 17
TEXT_LEN = 48  # caption tokens seen in training (every caption of the grammar fits)
VIDEO_WORDS = 31  # the same for clips; with a row for the padding that makes 32, a size that attention likes

AE_IMAGE = dict(
    in_channels=3, latent_channels=32, attention_head_dim=32,
    encoder_block_types=["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
    decoder_block_types=["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
    encoder_block_out_channels=[16, 32, 64, 128, 128, 128], decoder_block_out_channels=[16, 32, 64, 128, 256, 256],
    encoder_layers_per_block=[1, 1, 1, 1, 1, 1], decoder_layers_per_block=[1, 1, 2, 2, 1, 1],
    encoder_qkv_multiscales=[[], [], [], [5], [5], [5]], decoder_qkv_multiscales=[[], [], [], [5], [5], [5]],
    upsample_block_type="interpolate", downsample_block_type="conv", decoder_norm_types="rms_norm",
    decoder_act_fns="silu", scaling_factor=1.0)
DIT_IMAGE = dict(
    in_channels=32, out_channels=32, num_attention_heads=9, attention_head_dim=32, num_layers=8,
    num_cross_attention_heads=9, cross_attention_head_dim=32, cross_attention_dim=288, caption_channels=192,
    mlp_ratio=2.5, attention_bias=False, sample_size=8, patch_size=1, norm_elementwise_affine=False, norm_eps=1e-6,
    interpolation_scale=None)
TEXT_IMAGE = dict(
    hidden_size=192, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
    head_dim=48, query_pre_attn_scalar=48, max_position_embeddings=1024, sliding_window=1024,
    attn_logit_softcapping=50.0, final_logit_softcapping=30.0, hidden_activation="gelu_pytorch_tanh",
    pad_token_id=0, eos_token_id=1, bos_token_id=2, tie_word_embeddings=True)
AE_VIDEO = dict(base_dim=16, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, attn_scales=[],
                temperal_downsample=[False, True, True], dropout=0.0)
DIT_VIDEO = dict(
    patch_size=[1, 2, 2], num_attention_heads=4, attention_head_dim=64, in_channels=16, out_channels=16, text_dim=192,
    freq_dim=256, ffn_dim=1024, num_layers=10, cross_attn_norm=True, qk_norm="rms_norm_across_heads", eps=1e-6,
    rope_max_seq_len=1024)
TEXT_VIDEO = dict(d_model=192, d_kv=48, d_ff=512, num_layers=4, num_heads=4, relative_attention_num_buckets=32,
                  relative_attention_max_distance=128, dropout_rate=0.0, feed_forward_proj="gated-gelu",
                  is_encoder_decoder=False, tie_word_embeddings=False, pad_token_id=0, eos_token_id=1)


def build_ae(family, **over):
    from diffusers import AutoencoderDC, AutoencoderKLWan
    return AutoencoderDC(**{**AE_IMAGE, **over}) if family == "image" else AutoencoderKLWan(**{**AE_VIDEO, **over})


def build_dit(family):
    from diffusers import SanaTransformer2DModel, WanTransformer3DModel
    return SanaTransformer2DModel(**DIT_IMAGE) if family == "image" else WanTransformer3DModel(**DIT_VIDEO)


def blocks(dit):
    return dit.blocks if hasattr(dit, "blocks") else dit.transformer_blocks


def build_text(family, vocab):
    import transformers
    if family == "image":
        c = transformers.Gemma2Config(vocab_size=vocab, **TEXT_IMAGE)
        c._attn_implementation = "eager"  # the soft cap of the logits is part of the model
        return transformers.Gemma2Model(c)
    c = transformers.UMT5Config(vocab_size=vocab, **TEXT_VIDEO)
    return transformers.UMT5EncoderModel(c)


CONV = "3d"  # how whole_clip computes causal convolutions: "3d", or "2d" with three frames side by side in the channels


def whole_clip():
    """Let the Wan autoencoder take a whole clip at once where no feature cache is given: the result of the library's
    pass in chunks, without its copies."""
    from diffusers.models.autoencoders import autoencoder_kl_wan as m
    chunked, chunked_conv = m.WanResample.forward, m.WanCausalConv3d.forward

    def resample(self, x, feat_cache=None, feat_idx=[0]):
        if feat_cache is not None:
            return chunked(self, x, feat_cache, feat_idx)
        b, c, t, h, w = x.shape
        if self.mode == "upsample3d" and t > 1:
            y = self.time_conv(x[:, :, 1:])
            y = y.reshape(b, 2, c, t - 1, h, w).permute(0, 2, 3, 1, 4, 5).reshape(b, c, 2 * (t - 1), h, w)
            x = torch.cat([x[:, :, :1], y], 2)
        t = x.shape[2]
        x = x.permute(0, 2, 1, 3, 4).reshape(b * t, c, h, w)
        x = self.resample(x)
        x = x.view(b, t, x.size(1), x.size(2), x.size(3)).permute(0, 2, 1, 3, 4)
        if self.mode == "downsample3d" and t > 1:
            x = torch.cat([x[:, :, :1], self.time_conv(x)], 2)
        return x

    def conv(self, x, cache_x=None):
        kt, kh, kw = self.kernel_size
        if cache_x is not None or self.stride != (1, 1, 1):
            return chunked_conv(self, x, cache_x)
        if kt == kh == 3 and CONV == "2d":
            b, c, t, h, w = x.shape
            p = F.pad(x.permute(0, 2, 3, 4, 1), (0, 0, 0, 0, 0, 0, 2, 0))
            p = torch.cat([p[:, :-2], p[:, 1:-1], p[:, 2:]], -1).view(b * t, h, w, 3 * c).permute(0, 3, 1, 2)
            k = self.weight.permute(0, 2, 1, 3, 4).reshape(-1, 3 * c, 3, 3).contiguous(memory_format=torch.channels_last)
            y = F.conv2d(p, k, self.bias, padding=1)
            return y.permute(0, 2, 3, 1).reshape(b, t, h, w, -1).permute(0, 4, 1, 2, 3)
        x = F.pad(x, (0, 0, 0, 0, self._padding[4], 0)) if self._padding[4] else x
        return F.conv3d(x, self.weight, self.bias, padding=(0, self._padding[2], self._padding[0]))
    m.WanResample.forward = resample
    m.WanCausalConv3d.forward = conv
    m.WanUpsample.forward = torch.nn.Upsample.forward  # nearest: exact in any precision


def fastest_conv(work):
    """Time `work` with both forms of the causal convolutions, keep the faster one, and return its name and times."""
    global CONV
    import time
    times = {}
    for CONV in ("2d", "3d"):
        for i in range(6):
            if i == 3:
                torch.cuda.synchronize()
                t = time.time()
            work()
        torch.cuda.synchronize()
        times[CONV] = round((time.time() - t) / 3 * 1e3, 1)
    CONV = min(times, key=times.get)
    return CONV, times


def compiled_norms():
    """The normalisations of AutoencoderDC as one compiled kernel (training only; same arithmetic)."""
    from diffusers.models import normalization as n

    def rms(x, weight, bias, eps):
        y = x.float()
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * weight
        return (y + bias if bias is not None else y).to(x.dtype)
    rms = torch.compile(rms, dynamic=False)
    n.RMSNorm.forward = lambda self, x: rms(x, self.weight, self.bias, self.eps)


def fast_glumb():
    """GLUMBConv as matrix products and shifted sums, which compile to a few fused kernels (the library's depthwise
    convolutions are slow for these shapes); same arithmetic."""
    from diffusers.models.transformers import sana_transformer as s

    def forward(self, x):
        t = x.permute(0, 2, 3, 1)
        h = F.silu(F.linear(t, self.conv_inverted.weight.flatten(1), self.conv_inverted.bias))
        n, m = h.shape[1], h.shape[2]
        p = F.pad(h, (0, 0, 1, 1, 1, 1))
        w = self.conv_depth.weight
        o = self.conv_depth.bias
        for i in range(3):
            for j in range(3):
                o = o + p[:, i:i + n, j:j + m] * w[:, 0, i, j]
        a, g = o.to(h.dtype).chunk(2, -1)
        y = F.linear(a * F.silu(g), self.conv_point.weight.flatten(1))
        if self.norm_type == "rms_norm":
            y = self.norm(y)
        y = y.permute(0, 3, 1, 2)
        return y + x if self.residual_connection else y
    s.GLUMBConv.forward = forward


def wan_encode(vae, x):
    """Moments of a whole clip."""
    return vae.quant_conv(vae.encoder(x))


def wan_decode(vae, z):
    return vae.decoder(vae.post_quant_conv(z))


def umt5_encode(text, ids, mask):
    """UMT5EncoderModel's result for captions of one length with a mask, as plain operations that compile to one graph."""
    x = text.shared(ids)
    hide = torch.zeros(mask.shape, device=x.device).masked_fill(~mask, -1e9)[:, None, None]
    for blk in text.encoder.block:
        att, ff = blk.layer[0].SelfAttention, blk.layer[1]
        y = blk.layer[0].layer_norm(x)
        q, k, v = (f(y).unflatten(2, (att.n_heads, -1)).transpose(1, 2) for f in (att.q, att.k, att.v))
        w = (q @ k.transpose(2, 3)).float() * att.scaling + att.compute_bias(ids.shape[1], ids.shape[1], x.device) + hide
        x = x + att.o((w.softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2))
        x = x + ff.DenseReluDense(ff.layer_norm(x))
    return text.encoder.final_layer_norm(x)


class PaddedCrossAttention:
    """WanPipeline pads the caption's embeddings with zeros to 512 rows and attends to all of them.  Equal padded rows
    have equal keys and values, so one row with the logarithm of their number added to its logit gives the same
    result; `bias` [B, 1, 1, L + 1] holds 0 for words, -inf for rows to skip, and log(count) for that last row."""
    bias = None

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):
        q = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1)).transpose(1, 2)
        k = attn.norm_k(attn.to_k(encoder_hidden_states)).unflatten(2, (attn.heads, -1)).transpose(1, 2)
        v = attn.to_v(encoder_hidden_states).unflatten(2, (attn.heads, -1)).transpose(1, 2)
        b = attention_mask if attention_mask is not None else PaddedCrossAttention.bias
        o = F.scaled_dot_product_attention(q, k, v, attn_mask=b.to(q.dtype).expand(-1, q.shape[1], q.shape[2], -1))
        return attn.to_out[1](attn.to_out[0](o.transpose(1, 2).flatten(2)))


class SelfAttention:
    """A whole-clip self-attention processor for Wan that compiles well (same arithmetic as WanAttnProcessor)."""
    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):
        q = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        k = attn.norm_k(attn.to_k(hidden_states)).unflatten(2, (attn.heads, -1))
        v = attn.to_v(hidden_states).unflatten(2, (attn.heads, -1))

        def rot(h):
            x1, x2 = h.float().unflatten(-1, (-1, 2)).unbind(-1)
            c, s = rotary_emb[0][..., 0::2].float(), rotary_emb[1][..., 1::2].float()
            return torch.stack([x1 * c - x2 * s, x1 * s + x2 * c], -1).flatten(-2).type_as(v)
        o = F.scaled_dot_product_attention(rot(q).transpose(1, 2), rot(k).transpose(1, 2), v.transpose(1, 2))
        return attn.to_out[1](attn.to_out[0](o.transpose(1, 2).flatten(2)))


def count(m):
    return sum(p.numel() for p in m.parameters())
