"""Writes small weight files in other programs' formats, and what they hold, for the tests of Swan's readers.

    python3 tools/golden/weight_files.py [GOLDEN_DIR]        (default: tests/golden)

derived/gguf/ has a file with some blocks of every type that Swan reads, written by llama.cpp's gguf package, and in
expected.safetensors the values that the package gives for them. derived/torch/ has files of torch.save: in its zip format, in the legacy one, and one that runs a command when Python's
pickle loads it; expected.safetensors has the tensors of the first two. Seeds of the fuzz tests, in tests/fuzz/corpus, are
written too. MANIFEST.json learns of the files. Needs
torch, gguf and safetensors; select_fixtures.py keeps the folder. Nothing here loads the hostile file. The storages of legacy.pth
are named by addresses, so that its bytes change from run to run.
"""

import argparse
import collections
import io
import os
import pathlib
import sys
import zipfile

import gguf
import numpy
import safetensors.numpy
import safetensors.torch
import torch

import derived


def state_dict():
    """What is found in checkpoints: parameters, buffers, shared and strided storage, kinds of numbers."""
    generator = torch.Generator().manual_seed(6)
    base = torch.randn(24, generator=generator)
    tensors = collections.OrderedDict(
        {
            "blocks.0.weight": torch.nn.Parameter(torch.randn(3, 5, generator=generator).bfloat16()),
            "blocks.0.bias": torch.nn.Parameter(torch.randn(3, generator=generator), requires_grad=False),
            "half": torch.randn(2, 3, generator=generator).half(),
            "transposed": torch.randn(3, 4, generator=generator).t(),
            "permuted": torch.randn(2, 3, 4, generator=generator).half().permute(2, 0, 1),
            "column": torch.arange(12, dtype=torch.uint8).reshape(3, 4)[:, 1],
            "shared": base.reshape(4, 6),
            "shared_window": base[5:17].reshape(3, 4),
            "scalar": torch.tensor(-7, dtype=torch.int64),
            "whole": torch.arange(-2, 3, dtype=torch.int32),
            "bytes": torch.arange(-2, 3, dtype=torch.int8),
            "empty": torch.zeros(0, 3),
            "double": torch.ones(2, dtype=torch.float64),  # Swan has no f64
        }
    )
    tensors._metadata = collections.OrderedDict({"": {"version": 1}, "blocks.0": {"version": 1}})
    return tensors


class Hostile:
    """Loading it with Python's pickle runs a command."""

    def __reduce__(self):
        return os.system, ("echo this file has run a command",)


def write_torch(folder):
    folder.mkdir(parents=True, exist_ok=True)
    tensors = state_dict()
    beside = {"epoch": 3, "loss": [0.5, 0.25], "args": argparse.Namespace(lr=1e-4, name="x"), "device": torch.device("cpu")}
    floats8 = {  # the legacy format loses their dtype
        "f8_e4m3": torch.arange(-3, 3).float().to(torch.float8_e4m3fn),
        "f8_e5m2": torch.arange(-3, 3).float().to(torch.float8_e5m2),
    }
    archive = collections.OrderedDict(tensors, **floats8)
    archive._metadata = tensors._metadata
    torch.save({"state_dict": archive, **beside}, folder / "archive.pth")
    torch.save(tensors, folder / "protocol4.pt", pickle_protocol=4)
    torch.save({"model": tensors, **beside}, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": {"weight": torch.ones(2)}, "extra": Hostile()}, folder / "hostile.pth")
    with zipfile.ZipFile(folder / "archive.pth") as original:  # as other programs pack it again
        with zipfile.ZipFile(folder / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as packed:
            for name in ("archive/data.pkl", "archive/data/0"):
                packed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), original.read(name), zipfile.ZIP_DEFLATED)
    expected = {name: t.detach().contiguous().clone() for name, t in archive.items() if t.dtype != torch.float64}
    safetensors.torch.save_file(expected, folder / "expected.safetensors")
    return sorted(folder.iterdir())


def write_torch_seeds(corpus):
    """Files with few tensors, and the pickles of archives alone."""
    for name in ("torch", "pickle"):
        (corpus / name).mkdir(parents=True, exist_ok=True)
    tensors = state_dict()
    few = {name: tensors[name] for name in ("blocks.0.weight", "transposed", "shared", "shared_window")}
    torch.save({"state_dict": few, "epoch": 3}, corpus / "torch/archive.pth")
    torch.save(few, corpus / "torch/legacy.pth", _use_new_zipfile_serialization=False)
    for name, protocol in (("protocol2", 2), ("protocol4", 4)):
        file = io.BytesIO()
        torch.save({"state_dict": tensors, "args": argparse.Namespace(x=1)}, file, pickle_protocol=protocol)
        with zipfile.ZipFile(file) as archive:
            (corpus / f"pickle/{name}.pkl").write_bytes(archive.read("archive/data.pkl"))


QUANTISED = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")
SCALES = {  # bytes of a block at which there is an f16
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}  # fmt: skip


def random_blocks(random, name, count):
    """Blocks of random bits, but for scales as weights have them."""
    block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
    blocks = random.integers(0, 256, (count, block_bytes), dtype=numpy.uint8)
    for offset in SCALES[name]:
        scales = random.uniform(-0.01, 0.01, (count, 1)).astype(numpy.float16)
        blocks[:, offset : offset + 2] = scales.view(numpy.uint8)
    return blocks


def write_gguf(path, types, rows):
    """A GGUF file, and the values of its tensors."""
    random = numpy.random.default_rng(6)
    writer = gguf.GGUFWriter(path, "wan")
    writer.add_quantization_version(2)
    writer.add_array("some.list", ["a", "bc"])
    writer.add_array("comfy.gguf.orig_shape.reshaped", [4, 2, 1, 4])
    writer.add_float32("some.number", 0.5)
    expected = {}
    for name in types:
        kind = gguf.GGMLQuantizationType[name]
        blocks_a_row = 1 if gguf.GGML_QUANT_SIZES[kind][0] == gguf.QK_K else 2
        blocks = random_blocks(random, name, rows * blocks_a_row).reshape(rows, -1)
        writer.add_tensor(f"blocks.{name}.weight", blocks, raw_dtype=kind)
        expected[f"blocks.{name}.weight"] = gguf.quants.dequantize(blocks, kind)
    plain = random.standard_normal((2, 16)).astype(numpy.float32)
    writer.add_tensor("reshaped", plain)
    expected["reshaped"] = plain.reshape(4, 2, 1, 4)
    writer.add_tensor("half", plain.astype(numpy.float16))
    expected["half"] = plain.astype(numpy.float16)
    writer.add_tensor("whole", numpy.arange(5, dtype=numpy.int32))
    expected["whole"] = numpy.arange(5, dtype=numpy.int32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def write_ggufs(folder):
    folder.mkdir(parents=True, exist_ok=True)
    expected = write_gguf(folder / "types.gguf", QUANTISED, rows=2)
    safetensors.numpy.save_file(expected, folder / "expected.safetensors")
    return sorted(folder.iterdir())


def main():
    if len(sys.argv) > 2:
        raise SystemExit(__doc__)
    golden = pathlib.Path(sys.argv[1] if len(sys.argv) == 2 else pathlib.Path(__file__).parents[2] / "tests/golden")
    write_torch_seeds(golden.parent / "fuzz/corpus")
    (golden.parent / "fuzz/corpus/gguf").mkdir(exist_ok=True)
    write_gguf(golden.parent / "fuzz/corpus/gguf/types.gguf", ("Q8_0", "Q4_0", "Q4_K", "Q6_K"), rows=1)
    derived.enter_in_manifest(golden, write_torch(golden / "derived/torch") + write_ggufs(golden / "derived/gguf"))


if __name__ == "__main__":
    main()
