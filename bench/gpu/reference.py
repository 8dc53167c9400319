"""Times the Python reference on a GPU, beside swan_gpu_bench: diffusers and transformers in bf16, eager or compiled.

Prints one JSON line a workload: name, mode ("eager" or "compiled"), ms (the median of --runs, by CUDA events) and
peak_gib (torch's allocations, weights included), or an error, which does not stop the others; before them a line of
versions and, with --ceilings, what the card reaches with torch alone. Weights are random; nothing is read or fetched.
table.py sets these lines against Swan's. Needs torch, diffusers, transformers and accelerate.

    python3 bench/gpu/reference.py --ceilings > reference.jsonl
    python3 bench/gpu/reference.py --compile >> reference.jsonl
"""

import argparse
import gc
import json
import os
import signal
import statistics
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from reference_workloads import WORKLOADS, Setup  # noqa: E402

# Compiling takes longer than all that is then measured: with --compile these, unless --only names others.
COMPILED = ["sana-1.6b", "dcae-1024", "wan-1.3b-81"]
WARM_UP = 2
GIB = 2**30


def emit(**line):
    """Prints a JSON line."""
    print(json.dumps(line), flush=True)


def timed(run, runs, device):
    """Milliseconds of each of `runs` calls, after a warm-up."""
    milliseconds = []
    for i in range(WARM_UP + runs):
        if device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            milliseconds.append(begin.elapsed_time(end))
        else:
            start = time.perf_counter()
            run()
            milliseconds.append((time.perf_counter() - start) * 1e3)
    return milliseconds[WARM_UP:]


def clean(device):
    """Gives the memory of the last workload back, so that the next one's peak is its own."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_gib(device):
    """The most that was allocated since clean()."""
    return round(torch.cuda.max_memory_allocated() / GIB, 3) if device.type == "cuda" else None


class Limit:
    """Raises TimeoutError in the block after so many seconds."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        def stop(_signal, _frame):
            raise TimeoutError(f"stopped after {self.seconds} s")

        signal.signal(signal.SIGALRM, stop)
        signal.alarm(self.seconds)

    def __exit__(self, *_exception):
        signal.alarm(0)


def attempt(name, mode, args, measure):
    """Prints what `measure` returns, or why it failed."""
    clean(args.device)
    try:
        with Limit(args.limit):
            line = measure()
        emit(name=name, mode=mode, **line, peak_gib=peak_gib(args.device))
    except Exception as error:  # whatever a network throws, the others are still measured
        emit(name=name, mode=mode, error=f"{type(error).__name__}: {str(error)[:500]}")


def measure_workload(name, args):
    """The median of a workload's runs."""
    run = WORKLOADS[name](Setup(device=args.device, compiled=args.compile, tiny=args.tiny))
    clean(args.device)  # networks are made in f32
    with torch.no_grad():
        milliseconds = timed(run, args.runs, args.device)
    return {
        "ms": round(statistics.median(milliseconds), 3),
        "ms_least": round(min(milliseconds), 3),
        "runs": len(milliseconds),
    }


def rate(run, args, **amounts):
    """The median time of `run` and what it is a second, e.g. tflops=1e12 * seconds' worth of operations."""
    ms = statistics.median(timed(run, max(args.runs, 10), args.device))
    return {"ms": round(ms, 4), **{name: round(amount / ms * 1e3, 3) for name, amount in amounts.items()}}


def measure_product(args):
    """A bf16 product of 8192^3."""
    n = 64 if args.tiny else 8192
    a, b = (torch.randn(n, n, device=args.device, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    return rate(lambda: torch.matmul(a, b, out=out), args, tflops=2 * n**3 / 1e12)


def measure_copy(args):
    """A copy within the device; bytes read and written count."""
    count = 2**16 if args.tiny else 2 * GIB
    a = torch.ones(count, device=args.device, dtype=torch.uint8)
    out = torch.empty_like(a)
    return rate(lambda: out.copy_(a), args, tb_per_s=2 * count / 1e12)


def measure_attention(args, backend):
    """Self-attention of Wan 1.3B at 480 x 832 x 81, by one of torch's backends."""
    heads, rows, dim = 12, 64 if args.tiny else 32760, 128
    q, k, v = (torch.randn(1, heads, rows, dim, device=args.device, dtype=torch.bfloat16) for _ in range(3))
    with torch.nn.attention.sdpa_kernel(backend), torch.no_grad():
        return rate(
            lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v),
            args,
            tflops=4 * heads * rows**2 * dim / 1e12,
        )


def measure_ceilings(args):
    """What the card reaches."""
    attempt("gemm-ceiling", "torch", args, lambda: measure_product(args))
    attempt("copy-ceiling", "torch", args, lambda: measure_copy(args))
    backends = torch.nn.attention.SDPBackend
    for name, backend in (("cudnn", backends.CUDNN_ATTENTION), ("flash", backends.FLASH_ATTENTION)):
        attempt("attention-wan", name, args, lambda backend=backend: measure_attention(args, backend))


def versions(args):
    """What is measured with."""
    import diffusers
    import transformers

    cuda = args.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "torch": torch.__version__,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }


def main():
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"these, with commas between: {', '.join(WORKLOADS)}")
    parser.add_argument("--compile", action="store_true", help="compile repeated blocks with torch.compile")
    parser.add_argument("--ceilings", action="store_true", help="measure products, copies and attention alone too")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limit", type=int, help="seconds for a workload (default: 60; 240 with --compile)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--tiny", action="store_true", help="small networks: a test of this program")
    args = parser.parse_args()
    args.limit = args.limit or (240 if args.compile else 60)
    names = args.only.split(",") if args.only else COMPILED if args.compile else list(WORKLOADS)
    for name in names:
        if name not in WORKLOADS:
            parser.error(f"there is no workload '{name}'; known: {', '.join(WORKLOADS)}")
    emit(versions=versions(args))
    if args.ceilings:
        measure_ceilings(args)
    for name in names:
        if args.compile:
            torch._dynamo.reset()
        attempt(name, "compiled" if args.compile else "eager", args, lambda name=name: measure_workload(name, args))


if __name__ == "__main__":
    sys.exit(main())
