"""Captions to what the transformer attends to, with the text encoders in their training forms."""
import math

import torch

import models
from scenes import chi_prefix


def drawn(words, which, limit, empty, keep=0):
    """Tokens and lengths of captions in either language; a tenth, but none of the first `keep`, becomes empty."""
    n, dev = len(which), which.device
    en, zh = words["en_n"][which].long(), words["zh_n"][which].long()
    chinese = (torch.rand(n, device=dev) < .38) | (en > limit)
    ids = torch.where(chinese[:, None], words["zh"][which], words["en"][which])[:, :limit].long()
    num = torch.where(chinese, zh, en).clamp(max=limit)
    drop = torch.rand(n, device=dev) < .1
    drop[:keep] = False
    return torch.where(drop[:, None], empty, ids), torch.where(drop, 1, num)


class VideoCaptions:
    """UMT5's rows for the words, and one row of zeros for WanPipeline's padding (models.PaddedCrossAttention)."""
    def __init__(self, text, tok, dev):
        self.text, self.tok, self.dev, self.limit = text, tok, dev, models.VIDEO_WORDS
        self.run = models.umt5_encode
        self.empty = torch.zeros(self.limit, dtype=torch.long, device=dev)
        self.empty[0] = 1  # T5 ends a caption with </s>

    def encode(self, ids, num, pads):
        mask = torch.arange(self.limit, device=self.dev) < num[:, None]
        h = self.run(self.text, ids, mask) * mask[..., None]
        bias = torch.zeros(len(num), 1, 1, self.limit + 1, device=self.dev)
        bias[:, 0, 0, :-1].masked_fill_(~mask, float("-inf"))
        bias[:, 0, 0, -1] = (pads - num).float().log()
        models.PaddedCrossAttention.bias = bias
        return torch.cat([h, h.new_zeros(len(h), 1, h.shape[2])], 1)

    def __call__(self, words, which, step):
        ids, num = drawn(words, which, self.limit, self.empty)
        # WanPipeline pads to 512, and to 226 for those who ask for it
        pads = torch.where(torch.rand(num.shape, device=self.dev) < .15, 226, 512)
        return {"encoder_hidden_states": self.encode(ids, num, pads)}

    def prompts(self, texts):
        ids = [self.tok.encode(t).ids[:self.limit] for t in texts]
        num = torch.tensor([len(i) for i in ids], device=self.dev)
        ids = torch.tensor([i + [0] * (self.limit - len(i)) for i in ids], device=self.dev)
        return self.encode(ids, num, torch.full_like(num, 512))


class ImageCaptions:
    """Gemma's rows; in every fourth step a sixteenth of the captions stands behind SanaPipeline's instruction."""
    def __init__(self, text, tok, dev, batch):
        self.text, self.limit, self.front = text, models.TEXT_LEN, max(1, batch // 16)
        self.empty = torch.zeros(self.limit, dtype=torch.long, device=dev)
        self.empty[0] = 2  # Gemma begins a caption with <bos>
        self.prefix = torch.tensor(chi_prefix(tok), device=dev)
        causal = lambda n: torch.full((n, n), torch.finfo(torch.float32).min, device=dev).triu(1)[None, None]
        self.plain, self.behind = causal(self.limit), causal(len(self.prefix) + self.limit - 1)
        self.at = torch.arange(self.limit, device=dev)

    def gemma(self, ids, mask):
        mask = mask.expand(ids.shape[0], -1, -1, -1)
        return self.text(ids, attention_mask={"full_attention": mask, "sliding_attention": mask}, use_cache=False)[0]

    def __call__(self, words, which, step):
        ids, num = drawn(words, which, self.limit, self.empty, self.front)
        if step % 4:
            h = self.gemma(ids, self.plain)
        else:
            n, limit = self.front, self.limit
            chi = words["chi"][which[:n]].long()[:, :limit - 1]
            h = self.gemma(torch.cat([self.prefix.expand(n, -1), chi], 1), self.behind)
            h = torch.cat([torch.cat([h[:, :1], h[:, 1 - limit:]], 1), self.gemma(ids[n:], self.plain)])
            num = torch.cat([(words["chi_n"][which[:n]].long() + 1).clamp(max=limit), num[n:]])
        return {"encoder_hidden_states": h, "encoder_attention_mask": self.at < num[:, None]}


@torch.no_grad()
def open_text(dit, x, timestep, cond, words_share=.5):
    """Let every cross-attention look at the words.

    WanPipeline's 500 equal rows of padding take nearly all of the attention of a new transformer, and after 6,400 steps
    still 97 % in most heads: little gradient reaches the words.  This turns the queries' biases away from the padding's
    key until the words have about `words_share` in every head that gave them less.  Returns every layer's mean share
    before and after."""
    before, after = [], []

    def turn(attn, args, kwargs):
        hidden, rows = args[0], args[1] if len(args) > 1 else kwargs["encoder_hidden_states"]
        heads = lambda t: t.unflatten(2, (attn.heads, -1)).transpose(1, 2)
        y, k = attn.to_q(hidden), heads(attn.norm_k(attn.to_k(rows)))
        away = (attn.norm_q.weight * k[0, :, -1].flatten()).unflatten(0, (attn.heads, -1))
        away = -away / away.square().mean(1, keepdim=True).sqrt() * y.square().mean().sqrt()
        beta = torch.zeros(attn.heads, device=y.device)
        for i in range(81):
            q = heads(attn.norm_q(y + (beta[:, None] * away).flatten()))
            logits = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]) + models.PaddedCrossAttention.bias
            odds = (logits[..., :-1].logsumexp(-1) - logits[..., -1]).mean((0, 2))
            if i == 0:
                before.append(round(float(odds.sigmoid().mean()), 3))
            gap = math.log(words_share / (1 - words_share)) - odds
            beta = (beta + .05 * gap.clamp(-1, 1)).clamp(0, 2)
        after.append(round(float(odds.sigmoid().mean()), 3))
        attn.to_q.bias += (beta[:, None] * away).flatten()

    hooks = [b.attn2.register_forward_pre_hook(turn, with_kwargs=True) for b in dit.blocks]
    dit(x, timestep=timestep, return_dict=False, **cond)
    for h in hooks:
        h.remove()
    return before, after
