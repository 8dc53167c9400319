#pragma once

namespace swan::cli {

// What stands at the end of each command's help.

inline constexpr const char* kProgramExamples = R"(Examples:
  swan image "three strawberries on a blue background"
  swan video "a red ball rolls over the grass"
  swan image --help
  swan info models/swan-emoji-256
  swan pull Efficient-Large-Model/Sana_600M_512px_diffusers
  source <(swan completion bash))";

inline constexpr const char* kImageExamples = R"(Examples:
  swan image "three strawberries on a blue background"
  swan image "一只红色的狐狸" --seed 7 -o fox.webp
  swan image "a lighthouse at dusk" --model ~/models/Sana_1600M_1024px_diffusers --steps 20 --guidance-scale 4.5
  swan image "a green apple" -n 4 -o apple.png          four pictures: apple_0.png ... apple_3.png
  swan image --prompt "a cat" --prompt "a dog" -o pet.png   one picture of each
  swan image --prompts list.txt --seed 7 -o item.png    a picture of each line, all with seed 7
  swan image "a cat" --prompt-to "a dog" --interpolate 5    from one to the other: out_0.png ... out_4.png
  swan image "a cute pink bear" --model ~/models/Sana_Sprint_1.6B_1024px_diffusers --image fox.png --strength 0.6
  swan image "a lighthouse" --model ~/models/Sana_1600M_1024px_diffusers --lora style.safetensors:0.8
  swan image "a glass house" --model DIR --controlnet DIR --control-image house.jpg --control-preprocess canny
  swan image --from fox.webp -o again.png               the very same picture
  swan image --from fox.webp --seed 8                   its settings with another seed
  swan image "a red car" --json | jq -r '.files[0]'
  swan image "a lighthouse" --config sana-1.6b-1024 --set sampling.seed=7    a preset, see swan config --help

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.
Without --model the embedded emoji model is used; SWAN_MODELS names a folder to find it in.)";

inline constexpr const char* kVideoExamples = R"(Examples:
  swan video "a red ball rolls over the grass"          out.mp4
  swan video "一只红色的狐狸在雪地里奔跑" --seed 7 -o fox.webm
  swan video "a cat and a dog" --model ~/models/Wan2.1-T2V-1.3B-Diffusers --num-frames 81 --flow-shift 8
  swan video "a wave" --fps 24 --crf 12 -o wave.mp4     faster, and of better quality
  swan video "a wave" -o frames/                        frames/frame_0000.png, ...
  swan video "a wave" -n 2 -o wave.gif                  wave_0.gif and wave_1.gif
  swan video --from fox.webm -o again.webm              the very same video
  swan video "a wave" --json | jq -r '.files[0]'

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.
Without --model the embedded emoji model is used; SWAN_MODELS names a folder to find it in.)";

inline constexpr const char* kEmbedExamples = R"(Examples:
  swan embed "a red fox" -o fox.safetensors
  swan image --prompt-embeds fox.safetensors            the picture of "a red fox", without the text encoder
  swan embed "a cat" "a dog" --negative-prompt "blurry" -o pets.safetensors
  swan embed "a wave" --model ~/models/Wan2.1-T2V-1.3B-Diffusers -o wave.safetensors
  swan embed "a wave" --kind video -o wave.safetensors  with the embedded model of videos

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.)";

inline constexpr const char* kInfoExamples = R"(Examples:
  swan info models/swan-emoji-256
  swan info ~/models/Sana_600M_512px_diffusers --variant fp16
  swan info models/swan-emoji-256 --json
  swan info wan2.1_t2v_1.3B_fp16.safetensors            what a file is, and which option takes it

Exit codes: 0 complete, 1 something is missing or damaged, 2 wrong usage.)";

inline constexpr const char* kConvertExamples = R"(Examples:
  swan convert Wan2.1_VAE.pth vae/                      the folder of one network, for --vae or diffusers
  swan convert wan2.1_t2v_1.3B_fp16.safetensors wan/ --vae wan_2.1_vae.safetensors \
      --text-encoder umt5_xxl_fp16.safetensors          a whole repository; this encoder brings its tokenizer
  swan convert ~/models/Sana_600M_512px_diffusers sana-bf16/ --dtype bf16
  swan convert wan/transformer wan.safetensors --to original

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.)";

inline constexpr const char* kPullExamples = R"(Examples:
  swan pull Efficient-Large-Model/Sana_600M_512px_diffusers --variant fp16
  swan image "a lighthouse" --model Efficient-Large-Model/Sana_600M_512px_diffusers --variant fp16
  swan pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers --dry-run  what it is and how large
  swan pull org/name@v1.0 other/model                   several, of a tag and of main
  swan pull city96/Wan2.1-T2V-14B-gguf/wan2.1-t2v-14b-Q4_K_M.gguf   one file
  swan pull org/name --include '*.json' --exclude 'vae/*'

Models go into the cache of Python's huggingface_hub; HF_HOME and HF_HUB_CACHE say where, HF_TOKEN opens private ones.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled; what is cut off goes on where it was.)";

inline constexpr const char* kPushExamples = R"(Examples:
  swan convert wan2.1_t2v_1.3B_fp16.safetensors wan/ --vae vae.safetensors --text-encoder umt5_xxl_fp16.safetensors
  swan card wan/ --license apache-2.0 --base-model Wan-AI/Wan2.1-T2V-1.3B-Diffusers --sample "a wave"
  swan push wan/ org/wan --private
  swan push wan/ org/wan@refined --message "Another autoencoder" --include 'vae/*'
  swan push wan/ org/wan --create-pr

HF_TOKEN, or hf auth login, says who you are; the token needs the right to write.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled; large files that arrived are not sent again.)";

inline constexpr const char* kCardExamples = R"(Examples:
  swan card models/swan-emoji-256 --license apache-2.0 -o card.md
  swan card wan/ --license apache-2.0 --base-model Wan-AI/Wan2.1-T2V-1.3B-Diffusers --repo org/wan
  swan card sana/ --license other --sample "a red fox" --sample "a lighthouse at dusk" --force

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.)";

inline constexpr const char* kConfigExamples = R"(Examples:
  swan config init                                      swan.yaml, with every key explained
  swan config validate swan.yaml
  swan config show --config swan.yaml --env prod --origin
  swan config show --config sana-1.6b-1024 --set sampling.guidance_scale=3.5 --format json
  swan config schema > swan.schema.json                 for editors

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.)";

inline constexpr const char* kServeExamples = R"(Examples:
  swan serve                                            the embedded models, on http://127.0.0.1:7860
  swan serve --model sana=~/models/Sana_1600M_1024px_diffusers --model wan=~/models/Wan2.1-T2V-1.3B-Diffusers
  swan serve --host 0.0.0.0 --api-key-file keys.txt     other machines may use it, with a key
  curl http://127.0.0.1:7860/v1/jobs -H 'Content-Type: application/json' -d '{"prompt": "a red apple"}'

Exit codes: 0 stopped by SIGINT or SIGTERM, 1 failed, 2 wrong usage.)";

inline constexpr const char* kCompletionExamples = R"(Examples:
  source <(swan completion bash)                                   this session; put it in ~/.bashrc to keep it
  swan completion zsh > "${fpath[1]}/_swan"                        zsh, once
  swan completion fish > ~/.config/fish/completions/swan.fish      fish, once)";

}  // namespace swan::cli
