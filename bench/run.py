"""Swan against the Python reference, on the same weights, in one run: ./dev bench [--quick].

(a) the embedded model from a cold process start; (b) the same model warm, per denoising step; (c) Sana 0.6B of the
published shapes with random weights at 1024 x 1024: one transformer forward and one decode, f32; (d), (e) as (a), (b)
with the embedded video model; (f) Wan 2.1 1.3B of the published shapes at 480 x 832 x 5, likewise. Prints medians, ratios
and peak memory, and writes every number as JSON. Python's standard library only; the reference runs in --python, which
needs torch, diffusers and transformers.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import config_section  # noqa: E402

def run(command, **kwargs):
    """Runs a command; returns its output, wall seconds and peak resident bytes."""
    start = time.perf_counter()
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True, **kwargs) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} failed with {process.returncode}")
    return output, seconds, usage.ru_maxrss * 1024


def lines(output):
    """The JSON lines of a program's output."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


class Table:
    """Collects rows and prints them as they come."""

    def __init__(self):
        self.rows = []
        print(f"{'':44} {'Swan':>10} {'reference':>10} {'ratio':>7} {'bar':>6}   peak memory: Swan, reference, ratio")

    def add(self, name, swan, reference, bar, swan_peak, reference_peak):
        """Adds medians of two lists of seconds and two peaks in bytes."""
        a, b = statistics.median(swan), statistics.median(reference)
        row = {
            "name": name,
            "swan_seconds": swan,
            "reference_seconds": reference,
            "swan_median": a,
            "reference_median": b,
            "ratio": a / b,
            "bar": bar,
            "swan_peak_bytes": swan_peak,
            "reference_peak_bytes": reference_peak,
            "peak_ratio": swan_peak / reference_peak,
        }
        self.rows.append(row)
        gib = 2**30
        limit = f"{bar:.2f}" if bar else "-"
        print(
            f"{name:44} {a:9.3f}s {b:9.3f}s {a / b:7.3f} {limit:>6}   "
            f"{swan_peak / gib:.2f} GiB, {reference_peak / gib:.2f} GiB, {swan_peak / reference_peak:.2f}",
            flush=True,
        )


def cold_start(args, table, reference, name, part, model, prompt, extension):
    """(a) and (d)"""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs, our_peak, their_peak = [], [], 0, 0
        for i in range(args.runs + 1):  # the first fills the file cache
            _, seconds, peak = run(
                [args.swan, part, prompt, "--seed", 1, "--steps", 20, "--quiet", "--threads", args.threads,
                 "--embed-cache", "off", "-o", f"{folder}/a.{extension}"]  # fmt: skip
            )
            _, other, other_peak = run(
                [*reference, part, "--model", model, "--threads", args.threads, "--output", f"{folder}/b.{extension}"]
            )
            if i == 0:
                continue
            ours.append(seconds)
            theirs.append(other)
            our_peak, their_peak = max(our_peak, peak), max(their_peak, other_peak)
    table.add(f"{name}, cold start, 20 steps", ours, theirs, 0.35, our_peak, their_peak)


def warm_steps(args, table, reference, name, part, model, bar):
    """(b) and (e)"""
    options = [part, "--model", model, "--runs", args.runs, "--threads", args.threads]
    ours = lines(run([args.swan_bench, *options])[0])[0]
    theirs = lines(run([*reference, *options])[0])[0]
    table.add(
        f"{name}, warm, a denoising step",
        ours["seconds"],
        theirs["seconds"],
        bar,
        ours["peak_bytes"],
        theirs["peak_bytes"],
    )


def full_shape(args, table, reference, name, preset, given, parts, one_process):
    """(c) and (f). `parts`: each part and the bar on its time; in one process or each in its own."""
    with tempfile.TemporaryDirectory(prefix="swan-bench-", dir=args.scratch) as folder:
        model = Path(given) if given else Path(folder) / preset[0]
        if not model.exists():
            run([args.make_random_model, *preset, "--output", model])
        options = ["--model", model, "--runs", args.full_runs, "--threads", args.threads]
        groups = [list(parts)] if one_process else [[part] for part in parts]
        ours, theirs = [], []
        for group in groups:
            ours += lines(run([args.swan_bench, *group, *options])[0])
            theirs += lines(run([*reference, *group, *options])[0])
        for mine, other, bar in zip(ours, theirs, parts.values()):
            table.add(
                f"{name}: {mine['name']}",
                mine["seconds"],
                other["seconds"],
                bar,
                mine["peak_bytes"],
                other["peak_bytes"],
            )
        if one_process:
            table.add(
                f"{name}: both, one process",
                [sum(statistics.median(part["seconds"]) for part in ours)],
                [sum(statistics.median(part["seconds"]) for part in theirs)],
                None,
                max(part["peak_bytes"] for part in ours),
                max(part["peak_bytes"] for part in theirs),
            )


def all_parts(args, table, reference):
    """The parts by their letter."""
    picture, clip = ROOT / "models/swan-emoji-256", ROOT / "models/swan-emoji-video"
    return {
        "a": lambda: cold_start(
            args, table, reference, "(a) embedded model", "image", picture, "three strawberries on a blue background", "png"
        ),
        "b": lambda: warm_steps(args, table, reference, "(b) embedded model", "steps", picture, 0.9),
        "c": lambda: full_shape(
            args, table, reference, "(c) Sana 0.6B at 1024", ["sana-0.6b", "--dtype", "f32"], args.full_model,
            {"forward": 1.0, "decode": 1.0}, True,
        ),
        "d": lambda: cold_start(
            args, table, reference, "(d) embedded video model", "video", clip, "a rocket moving up", "mp4"
        ),
        "e": lambda: warm_steps(args, table, reference, "(e) embedded video model", "video-steps", clip, None),
        "f": lambda: full_shape(
            args, table, reference, "(f) Wan 1.3B at 480 x 832 x 5", ["wan2.1-1.3b", "--dtype", "f32"],
            args.full_video_model, {"wan-forward": 0.9, "wan-decode": 0.8}, False,
        ),
    }  # fmt: skip


def processor():
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()


def main():
    """Parses the options and runs the parts."""
    build = ROOT / "build/release"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=os.environ.get("SWAN_BENCH_PYTHON", "python3"))
    parser.add_argument("--swan", default=build / "swan")
    parser.add_argument("--swan-bench", default=build / "bench/swan_bench")
    parser.add_argument("--make-random-model", default=build / "tools/make_random_model/make_random_model")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--full-runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", help="folder for the 13 GB of random weights; default: the system's temporary one")
    parser.add_argument("--full-model", help="a Sana 0.6B repository to use for (c) instead of making one")
    parser.add_argument("--full-video-model", help="a Wan 2.1 1.3B repository to use for (f) instead of making one")
    parser.add_argument("--only", choices=list("abcdef"), action="append")
    parser.add_argument("--output", default=ROOT / "build/bench.json")
    args = config_section.parse_args(parser, "evaluation", os.environ.get("SWAN_PROGRAM", str(build / "swan")))
    if shutil.which(args.python) is None or subprocess.run(
        [args.python, "-c", "import torch, diffusers, transformers"], check=False, stderr=subprocess.DEVNULL
    ).returncode:
        sys.exit(
            "bench: the reference needs a Python with torch, diffusers and transformers: make a virtual environment, "
            "pip install torch diffusers transformers there, and give its python with --python or SWAN_BENCH_PYTHON."
        )
    reference = [args.python, Path(__file__).parent / "reference.py"]
    print(f"{processor()}, {args.threads} threads", flush=True)
    table = Table()
    for name, part in all_parts(args, table, reference).items():
        if args.only is None or name in args.only:
            part()
    args.output = Path(args.output)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps({"processor": processor(), "threads": args.threads, "rows": table.rows}, indent=1))
    print(f"every number: {args.output}")


if __name__ == "__main__":
    main()
