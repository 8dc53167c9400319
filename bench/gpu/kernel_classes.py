"""Sums a profile by kind of work: what bench/gpu/kernel_times.cpp printed, by kernels' names."""

import re

HOST = "to and from the host"

# The first pattern that is found in a kernel's name decides. Names are those of cuBLASLt, cuDNN and src/backends/cuda.
CLASSES = [
    (HOST, r"^copy to or from the host$"),
    ("softmax attention", r"sdpa|flash|softmax_in_|bias_kernel"),
    ("linear attention", r"::states_(32|any)<|::apply_(32|any)<"),
    ("depthwise convolution", r"depthwise_(3x3|any|conv_kernel)<"),
    ("grouped 1x1 convolution", r"grouped_pointwise_kernel<"),
    ("packing of weights", r"pack_(weights|phase|depthwise)_kernel<"),
    ("convolution", r"convFwd|_fprop_|implicit_gemm|direct_conv_kernel<|cudnn.*conv|conv.*cudnn|winograd"),
    ("quantization", r"quantize_(loop_)?kernel<"),
    ("products", r"^nvjet|gemm|gemv|cublasLt|cutlass.*mma|splitKreduce"),
    ("norms", r"::norm_(loop_)?kernel<"),
    ("activations", r"activate_vectors<|::Activate<|::GatedActivation<"),
    ("copies on the device", r"^copy on the device$|gather_kernel<|shuffle2_kernel<|transpose_(few_)?kernel<"),
    ("copies on the device", r"join_channels_kernel<|repeat_rows_kernel<|nchwToNhwc|nhwcToNchw"),
    ("elementwise", r"map_kernel<|::convert<|count_kernel|finish_kernel|pack_rgb_kernel<"),
]
_PATTERNS = [(name, re.compile(pattern)) for name, pattern in CLASSES]
ORDER = [
    "products", "softmax attention", "linear attention", "convolution", "grouped 1x1 convolution",
    "depthwise convolution", "norms", "activations", "elementwise", "quantization", "copies on the device",
    "packing of weights",
]  # fmt: skip
_LINE = re.compile(r"^\s*([\d.]+) ms\s+[\d.]+ %\s+(\d+) x\s+[\d.]+ us  (.*)$")


def class_of(kernel):
    """The kind of work, or None for a kernel that no pattern knows."""
    return next((name for name, pattern in _PATTERNS if pattern.search(kernel)), None)


def read_profile(text):
    """Milliseconds by class, and by name of the kernels that have none: what all runs together took."""
    classes, unknown = {}, {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if not match:
            continue
        milliseconds, kernel = float(match[1]), match[3]
        name = class_of(kernel)
        sums, key = (classes, name) if name else (unknown, kernel)
        sums[key] = sums.get(key, 0.0) + milliseconds
    if not classes and not unknown:
        raise ValueError("it holds no line of kernel_times.cpp")
    return classes, unknown


def kernel_table(profiles, runs):
    """Markdown lines. profiles: {workload: the text of its file}; runs: how often each was run under the profiler."""
    read = {}
    for name, text in profiles.items():
        try:
            read[name] = read_profile(text)
        except ValueError as error:
            raise ValueError(f"the profile of {name}: {error}") from error
    lines = [
        "| ms a run | " + " | ".join(f"`{name}`" for name in read) + " |",
        "| --- |" + " --- |" * len(read),
    ]

    def row(title, values, digits=2):
        cells = [f"{value:.{digits}f}" if value >= 0.5 * 10**-digits else "" for value in values]
        if any(cells):
            lines.append(f"| {title} | " + " | ".join(cells) + " |")

    for kind in ORDER:
        row(kind, [classes.get(kind, 0.0) / runs for classes, _ in read.values()])
    row("kernels of no class, below", [sum(unknown.values()) / runs for _, unknown in read.values()])
    device = [
        (sum(classes.values()) - classes.get(HOST, 0.0) + sum(unknown.values())) / runs
        for classes, unknown in read.values()
    ]
    row("**a run**", device)
    row(f"in all {runs} runs: {HOST}", [classes.get(HOST, 0.0) for classes, _ in read.values()], 1)
    for name, (_, unknown) in read.items():
        for kernel, milliseconds in sorted(unknown.items(), key=lambda item: -item[1]):
            lines.append(f"\nNo class, `{name}`: {milliseconds / runs:.3f} ms a run of `{kernel}`")
    return lines
