"""Reading and writing safetensors files with nothing but Python's standard library."""

import json
import struct

_ALIGNMENT = 8


def read(path):
    """The tensors of a file, {name: (dtype, shape, bytes)}, in the file's order, and its metadata."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = (entry["dtype"], entry["shape"], data[begin:end])
    return tensors, metadata


def write(path, tensors, metadata=None):
    """Writes {name: (dtype, shape, bytes)}; widest elements first, as other writers do, so that all are aligned."""
    order = sorted(tensors, key=lambda name: (-_element_size(tensors[name]), name))
    header, offset = ({"__metadata__": metadata} if metadata else {}), 0
    for name in order:
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in order:
            file.write(tensors[name][2])


def _element_size(tensor):
    sizes = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1, "BOOL": 1}
    return sizes[tensor[0]]
