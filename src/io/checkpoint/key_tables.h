#pragma once

#include "io/checkpoint/key_map.h"

namespace swan::io {

/// How the networks' publishers name the tensors of what diffusers names otherwise. One table a format; each is made at
/// its first use.

/// Wan-AI's own checkpoints, ComfyUI's and GGUF files of WanTransformer3DModel. Ref: Wan2.1 wan/modules/model.py
[[nodiscard]] const KeyMap& wan_transformer_keys();
/// Of AutoencoderKLWan (Wan2.1_VAE.pth, wan_2.1_vae.safetensors). Ref: Wan2.1 wan/modules/vae.py
[[nodiscard]] const KeyMap& wan_vae_keys();
/// Of UMT5EncoderModel by Wan-AI (models_t5_umt5-xxl-enc-bf16.pth). Ref: Wan2.1 wan/modules/t5.py
[[nodiscard]] const KeyMap& wan_umt5_keys();
/// Of UMT5EncoderModel in GGUF files. Ref: llama.cpp gguf-py, tensor_mapping.py, T5
[[nodiscard]] const KeyMap& gguf_umt5_keys();
/// NVlabs' checkpoints of SanaTransformer2DModel, 1.5 included. Ref: Sana diffusion/model/nets/sana_multi_scale.py
[[nodiscard]] const KeyMap& sana_keys();
/// The same of Sana-Sprint.
[[nodiscard]] const KeyMap& sana_sprint_keys();
/// mit-han-lab's checkpoints of AutoencoderDC for Sana. Ref: efficientvit models/efficientvit/dc_ae.py
[[nodiscard]] const KeyMap& dc_ae_keys();

}  // namespace swan::io
