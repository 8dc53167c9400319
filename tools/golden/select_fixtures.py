#!/usr/bin/env python3
"""Chooses the part of Swan's golden fixtures that the project carries in tests/golden.

usage: select_fixtures.py FIXTURES_DIR [GOLDEN_DIR]

FIXTURES_DIR is the full set (its README.md says what each file holds and which versions wrote it). Everything below
GOLDEN_DIR except tokenizers/, derived/ and README.md is written anew; running it twice gives the same bytes. What a
small project does not need twice is left out: values that others imply, most of what is recorded between the stages, pictures
of a batch beyond the first, and weights that another file holds, which become links. MANIFEST.json lists the result.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import sys

import safetensors_file

BUDGET_BYTES = 12_000_000
WAN_BUDGET_BYTES = 7_500_000  # beside it, for what only the video pipelines need
LORA_BUDGET_BYTES = 350_000  # likewise for adapters
LORA_FILES = r"(models|pipelines)/lora_.*"
WAN_FILES = r"schedulers/unipc_.*|(components|models|pipelines)/(umt5|wan).*"

# Components: the tensors (regular expressions on their whole names) and cases that are left out.
COMPONENTS = {
    "gemma2": {"tensors": [r"mid\..*self_attn\.1"]},  # attention probabilities, which fused attention never forms
    "sana_transformer": {"case_01.safetensors": [r"mid\..*\.conv_(depth|inverted)"], "case_04.safetensors": None},
    "sana_transformer_p2_pos": {},
    "sana_transformer_sprint": {"tensors": [r"mid\..*\.conv_(depth|inverted)"], "case_01.safetensors": None},
    "sana_controlnet": {},
    "sana_pag_cfg": {},  # with the weights of sana_transformer
    "sana_pag_nocfg": {},
    "dcae_f32": {
        "case_00.safetensors": [r"mid\.decoder\.up_blocks\.1"],
        "case_01.safetensors": [r"output\.sample"],  # its subject, quadratic attention, is over after the first stage
        "case_04.safetensors": None,  # a second plain encode
        "case_05.safetensors": None,  # tiled decodes beside case_07
        "case_08.safetensors": None,
    },
    "dcae_shuffle": {},
    "umt5": {"case_01.safetensors": [r"mid\.encoder\.block\.[01]"]},
    "wan_transformer": {"case_01.safetensors": [r"mid\.blocks\.[01]\..*"]},
    "wan_vae": {
        "case_02.safetensors": None,  # longer clips beside case_01; those of the pipelines are longer still
        "case_03.safetensors": None,
        "case_07.safetensors": None,  # longer encodes beside case_06
        "case_08.safetensors": None,
    },
}

MODELS = ["sana", "sana15_sharded", "sana_bf16_euler", "sana_sprint", "sana_controlnet", "wan"]

LORAS = ["lora_plain", "lora_with_metadata"]  # each one file

# Which of tokenizers/ a repository's tokenizer is.
TOKENIZERS = {"wan": "umt5"}  # gemma for the others

# Folders of a repository that hold, in other shards, the very values of another repository's folder.
SHARED_FOLDERS = {
    "models/sana15_sharded/text_encoder": "models/sana/text_encoder",
    "models/sana15_sharded/vae": "models/sana/vae",
    "models/sana_sprint/text_encoder": "models/sana/text_encoder",
    "models/sana_sprint/vae": "models/sana/vae",
    "models/sana_controlnet/text_encoder": "models/sana/text_encoder",
    "models/sana_controlnet/transformer": "models/sana/transformer",
    "models/sana_controlnet/vae": "models/sana/vae",
}

# Pipeline cases, with the prompt embeddings that stay.
PIPELINES = {
    "sana_basic": ["prompt_embeds", "negative_prompt_embeds"],
    "sana_chi": ["prompt_embeds"],
    "sana_negative_nonsquare_x2": [],
    "sana_no_guidance": [],
    "sana_two_prompts_x2": [],
    "sana_generator_list": [],
    "sana_binning": [],
    "sana_20_steps": [],
    "sana_tiled_vae": [],
    "sana_max_length": [],
    "sana15_sharded": [],
    "sana_bf16_weights_fp32_compute": ["prompt_embeds"],
    "sana_bf16_compute": [],
    "sprint_2_steps": [],
    "sprint_1_step": [],
    "sprint_4_steps_x2": [],
    "sprint_img2img": [],
    "sprint_img2img_half": [],
    "lora_scale_1": [],
    "lora_scale_half": [],
    "lora_metadata_scale_1": [],
    "sana_pag": [],
    "sana_pag_no_cfg": [],
    "sana_pag_adaptive": [],
    "controlnet": [],
    "controlnet_scale_half_x2": [],
    "wan_9_frames": [],
    "wan_zh_5_frames": ["prompt_embeds"],
    "wan_17_frames": [],
    "wan_1_frame_no_cfg_shift5": [],
    "wan_x2_max_length": ["prompt_embeds", "negative_prompt_embeds"],
}
PIPELINE_TENSORS = [
    "initial_latents",
    "timesteps",
    "sigmas",
    "prompt_attention_mask",
    "negative_prompt_attention_mask",
    "transformer_call_0.hidden_states",
    "transformer_call_0.timestep",
    "transformer_call_0.guidance",
    "transformer_call_0.output",
    "vae_encode_latent",
    "frames_uint8",
]
EVERY_STEP = ["sana_basic", "sana_20_steps"]  # the others keep the latents after the first and the last step

# Schedulers: all counts of steps up to 20, and 50 for these.
FIFTY_STEPS = ["dpm_sana", "dpm_order3", "euler_shift3", "unipc_wan_shift3"]

RNG_LEFT_OUT = r"scalar_path\..*|random_int64|seed_(?!42\.).*\.1x8x3x12x20"


def left_out(name, patterns):
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def link(target, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def select_component(source, golden, name, rules):
    folder, target = source / "components" / name, golden / "components" / name
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    kept_cases = []
    for case in cases["cases"]:
        if rules.get(case["file"], []) is None:
            continue
        patterns = rules.get("tensors", []) + rules.get(case["file"], [])
        tensors, metadata = safetensors_file.read(folder / case["file"])
        outputs = {data for key, (_, _, data) in tensors.items() if key.startswith("output.")}
        kept = {
            key: value
            for key, value in tensors.items()
            if not left_out(key, patterns) and not (key.startswith("mid.") and value[2] in outputs)
        }
        safetensors_file.write(target / case["file"], kept, metadata)
        kept_cases.append({**case, "captured": [key for key in case["captured"] if key in kept]})
    write_json(target / "cases.json", {**cases, "cases": kept_cases})
    shared = {case["params"]["weights"] for case in kept_cases if "weights" in case["params"]}
    for other in shared:  # of which there is one
        for path in (golden / other).glob("*"):
            if path.name == "config.json" or path.name.endswith("model.safetensors"):
                link(path, target / path.name)
        return
    copy(folder / "config.json", target / "config.json")
    for weights in folder.glob("*model.safetensors"):
        twin = next((p for p in sorted(golden.glob("models/*/*/*.safetensors"))
                     if not p.is_symlink() and p.read_bytes() == weights.read_bytes()), None)  # fmt: skip
        if twin:
            link(twin, target / weights.name)
        else:
            copy(weights, target / weights.name)


def all_tensors(folder):
    merged = {}
    for path in folder.glob("*.safetensors"):
        merged.update(safetensors_file.read(path)[0])
    return merged


def select_model(source, golden, name):
    folder, target = source / "models" / name, golden / "models" / name
    copy(folder / "model_index.json", target / "model_index.json")
    for part in sorted(p for p in folder.iterdir() if p.is_dir()):
        key = f"models/{name}/{part.name}"
        if part.name == "tokenizer":
            tokenizer = source / "tokenizers" / TOKENIZERS.get(name, "gemma")
            for path in part.iterdir():
                if path.read_bytes() != (tokenizer / path.name).read_bytes():
                    raise SystemExit(f"{path} is not the tokenizer in {tokenizer}")
            link(golden / "tokenizers" / TOKENIZERS.get(name, "gemma"), target / part.name)
        elif key in SHARED_FOLDERS:
            twin = source / SHARED_FOLDERS[key]
            if all_tensors(part) != all_tensors(twin) or (part / "config.json").read_bytes() != (
                twin / "config.json"
            ).read_bytes():
                raise SystemExit(f"{part} and {twin} differ")
            link(golden / SHARED_FOLDERS[key], target / part.name)
        else:
            for path in part.iterdir():
                copy(path, target / part.name / path.name)


def select_pipelines(source, golden):
    cases = json.loads((source / "pipelines" / "cases.json").read_text(encoding="utf-8"))
    by_name = {case["name"]: case for case in cases["cases"]}
    chosen = []
    for name, embeds in PIPELINES.items():
        case = by_name[name]
        tensors, metadata = safetensors_file.read(source / case["tensors"])
        steps = sorted(key for key in tensors if key.startswith("latents_after_step_"))
        names = PIPELINE_TENSORS + embeds + (steps if name in EVERY_STEP else [steps[0], steps[-1]])
        kept = {key: value for key, value in tensors.items() if key in names}
        safetensors_file.write(golden / case["tensors"], kept, metadata)
        images = [] if "frames_uint8" in kept else case["images"][:1]
        for image in images:
            copy(source / image, golden / image)
        for given in ("image", "control_image"):
            if given in case["call"]:
                copy(source / case["call"][given], golden / case["call"][given])
        chosen.append({**case, "images": images})
    write_json(golden / "pipelines" / "cases.json", {**cases, "cases": chosen})


def select_schedulers(source, golden):
    for path in sorted((source / "schedulers").glob("*.json")):
        if not re.match(r"(dpm|euler|scm|unipc)_", path.name):
            continue
        description = json.loads(path.read_text(encoding="utf-8"))
        tensors, metadata = safetensors_file.read(path.with_suffix(".safetensors"))
        if path.stem not in FIFTY_STEPS:
            del description["steps"]["50"]
            tensors = {key: value for key, value in tensors.items() if not key.startswith("steps_50.")}
        write_json(golden / "schedulers" / path.name, description)
        safetensors_file.write(golden / "schedulers" / f"{path.stem}.safetensors", tensors, metadata)


def select_rng(source, golden):
    description = json.loads((source / "rng" / "rng.json").read_text(encoding="utf-8"))
    tensors, metadata = safetensors_file.read(source / "rng" / "rng.safetensors")
    kept = {key: value for key, value in tensors.items() if not re.fullmatch(RNG_LEFT_OUT, key)}
    description["draws"] = [draw for draw in description["draws"] if draw["key"] in kept]
    write_json(golden / "rng" / "rng.json", description)
    safetensors_file.write(golden / "rng" / "rng.safetensors", kept, metadata)


def write_manifest(source, golden):
    readme = (source / "README.md").read_text(encoding="utf-8")
    versions = dict(re.findall(r"(diffusers|transformers|torch) (\d+(?:\.\d+)+)", readme))
    files, links = {}, {}
    for folder, folders, names in os.walk(golden):
        for name in sorted(folders + names):
            path = pathlib.Path(folder) / name
            key = path.relative_to(golden).as_posix()
            if path.is_symlink():
                links[key] = os.readlink(path)
            elif path.is_file() and key not in ("MANIFEST.json", "README.md") and not key.startswith("tokenizers/"):
                data = path.read_bytes()
                files[key] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    wan = sum(entry["bytes"] for key, entry in files.items() if re.fullmatch(WAN_FILES, key))
    loras = sum(entry["bytes"] for key, entry in files.items() if re.fullmatch(LORA_FILES, key))
    total = sum(entry["bytes"] for entry in files.values()) - wan - loras
    write_json(
        golden / "MANIFEST.json",
        {
            "versions": versions,
            "written_by": "tools/golden/select_fixtures.py",
            "bytes_without_tokenizers": total,
            "bytes_for_wan": wan,
            "bytes_for_loras": loras,
            "files": dict(sorted(files.items())),
            "links": dict(sorted(links.items())),
        },
    )
    print(f"{total} bytes, {wan} for Wan and {loras} for LoRAs in {len(files)} files, {len(links)} links")
    if total > BUDGET_BYTES or wan > WAN_BUDGET_BYTES or loras > LORA_BUDGET_BYTES:
        raise SystemExit(
            f"that is above the budget of {BUDGET_BYTES}, {WAN_BUDGET_BYTES} and {LORA_BUDGET_BYTES} bytes: choose less"
        )


def main():
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    source = pathlib.Path(sys.argv[1])
    project = pathlib.Path(__file__).resolve().parents[2]
    golden = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else project / "tests" / "golden"
    for folder in ("components", "models", "pipelines", "schedulers", "rng"):
        shutil.rmtree(golden / folder, ignore_errors=True)
    for name in ("gemma", "umt5"):
        if not (golden / "tokenizers" / name).exists():
            for path in (source / "tokenizers" / name).iterdir():
                copy(path, golden / "tokenizers" / name / path.name)
    for name in MODELS:
        select_model(source, golden, name)
    for name in LORAS:
        file = pathlib.Path("models") / name / "pytorch_lora_weights.safetensors"
        copy(source / file, golden / file)
    for name, rules in COMPONENTS.items():
        select_component(source, golden, name, rules)
    select_pipelines(source, golden)
    select_schedulers(source, golden)
    select_rng(source, golden)
    write_manifest(source, golden)


if __name__ == "__main__":
    main()
