"""Prints issue 5's table as Markdown: Swan on a GPU against its bars and against the Python reference in the same run.

    swan_gpu_bench gemm-ceiling copy-ceiling sana-1.6b ... --weights DIR > swan.jsonl
    python3 bench/gpu/reference.py --ceilings > reference.jsonl
    python3 bench/gpu/reference.py --compile >> reference.jsonl
    python3 bench/gpu/table.py --swan swan.jsonl --reference reference.jsonl --kernels sana-1.6b=kernels.txt

Of lines with one name and mode the last counts. A ratio is Swan's time as a share of the reference's; the share of the
ceiling is of the product of 8192^3 that was measured (Swan's own, else torch's). Python's standard library only.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from kernel_classes import kernel_table


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    title: str
    bar_ms: float  # None: there is none
    reference: tuple = ()  # other names of the reference's, of which the fastest counts; default: the row's
    bar_gib: float = None  # default: the reference's peak

    @property
    def references(self):
        """Names of the reference's workloads."""
        return self.reference or (self.name,)


ROWS = [
    Row("sana-1.6b", "Sana 1.6B, one forward, batch 2, 1024x1024", 13),
    Row("sana-0.6b", "Sana 0.6B, the same", 8),
    Row("sprint-1.6b", "Sprint 1.6B, one forward, batch 1", 8),
    Row("sprint-0.6b", "Sprint 0.6B, the same", 5.5),
    Row("dcae-1024", "DC-AE decode, 1024x1024", 21),
    Row("dcae-4096", "DC-AE decode, 4096x4096 (reference: tiled, whole)", 450, ("dcae-4096", "dcae-4096-whole"), 6.0),
    Row("gemma-300", "Gemma-2-2B, 300 tokens", 8),
    Row("umt5-512", "UMT5-XXL, 512 tokens", 13),
    Row("sana-1.6b-20", "Sana 1.6B, 20 steps, decode included, text not", 290),
    Row("sana-0.6b-20", "Sana 0.6B, the same", 180),
    Row("sprint-1.6b-1", "Sprint 1.6B, 1 step, decode included, text not", 31),
    Row("sprint-0.6b-1", "Sprint 0.6B, the same", 28),
    Row("wan-1.3b-81", "Wan 1.3B, one forward, 480x832x81", 475),
    Row("wan-1.3b-81-fp8", "the same in FP8", 420, ("wan-1.3b-81",)),
    Row("wan-vae-81", "Wan VAE decode, 480x832x81, bf16", 950),
]
CEILINGS = ("gemm-ceiling", "copy-ceiling", "attention-wan")


def read_lines(paths):
    """The JSON lines of files; what else is there, such as warnings, is passed over."""
    lines = []
    for path in paths:
        for text in Path(path).read_text(encoding="utf-8").splitlines():
            if text.startswith("{"):
                lines.append(json.loads(text))
    return lines


def swan_results(lines):
    """Swan's lines by name; in other dtypes than bf16 by name-dtype."""
    results = {}
    for line in lines:
        dtype = line.get("dtype", "bf16")
        results[line["name"] if dtype == "bf16" else f"{line['name']}-{dtype}"] = line
    return results


def reference_results(lines):
    """The reference's lines by name and mode."""
    return {(line["name"], line["mode"]): line for line in lines if "name" in line}


def number(value, digits):
    """A cell."""
    return "" if value is None else f"{value:.{digits}f}"


def milliseconds(value):
    """A cell of about three digits."""
    return number(value, 0 if value and value >= 200 else 1 if value and value >= 20 else 2)


def best(results, row, mode):
    """The reference's fastest time of a row, or None."""
    times = [results[name, mode]["ms"] for name in row.references if "ms" in results.get((name, mode), {})]
    return min(times, default=None)


def cells(results, row, mode, key, form):
    """What the reference measured for a row, one value a name."""
    values = []
    for name in row.references:
        line = results.get((name, mode))
        if line:
            values.append("failed" if "error" in line else form(line.get(key)))
    return ", ".join(value for value in values if value)


def verdict(value, bar):
    """met or not; empty where one is not known."""
    if value is None or bar is None:
        return ""
    return "met" if value <= bar else "**missed**"


def main_rows(swan, reference, ceiling):
    """The table's lines below its head."""
    known = {row.name for row in ROWS}
    extra = [Row(name, f"`{name}`", None) for name in swan if name not in known and name not in CEILINGS]
    lines = []
    for row in ROWS + extra:
        ours = swan.get(row.name, {})
        ms, peak, tflops = ours.get("ms"), ours.get("peak_gib"), ours.get("tflops")
        eager, compiled = best(reference, row, "eager"), best(reference, row, "compiled")
        measured = any((name, mode) in reference for name in row.references for mode in ("eager", "compiled"))
        if not ours and (not measured or row.references[0] != row.name):
            continue
        peaks = [reference.get((name, "eager"), {}).get("peak_gib") for name in row.references]
        limit = row.bar_gib or min((p for p in peaks if p is not None), default=None)
        lines.append(
            [
                row.title,
                f"{row.bar_ms:g}" if row.bar_ms else "",
                milliseconds(ms),
                verdict(ms, row.bar_ms),
                cells(reference, row, "eager", "ms", milliseconds),
                cells(reference, row, "compiled", "ms", milliseconds),
                number(ms / eager if ms and eager else None, 2),
                number(ms / compiled if ms and compiled else None, 2),
                number(tflops, 0),
                f"{100 * tflops / ceiling:.0f} %" if tflops and ceiling else "",
                number(peak, 2),
                cells(reference, row, "eager", "peak_gib", lambda value: number(value, 2)),
                verdict(peak, limit),
            ]
        )
    return lines


HEAD = [
    "workload (ms)", "bar", "Swan", "", "eager", "compiled", "of eager", "of compiled", "TFLOP/s", "of the ceiling",
    "peak GiB", "reference's", "",
]  # fmt: skip


def remarks(swan, reference, lines):
    """What stands below the table: versions, ceilings, stages of whole runs, failures."""
    found = []
    versions = [line["versions"] for line in lines if "versions" in line]
    if versions:
        found.append("Reference: " + ", ".join(f"{key} {value}" for key, value in versions[-1].items()))
    for name, key, unit in (("gemm-ceiling", "tflops", "TFLOP/s"), ("copy-ceiling", "tb_per_s", "TB/s")):
        measured = [("Swan", swan.get(name, {}).get(key)), ("torch", reference.get((name, "torch"), {}).get(key))]
        text = ", ".join(f"{value:.{0 if value > 99 else 2}f} {unit} ({by})" for by, value in measured if value)
        if text:
            found.append(f"`{name}`: {text}")
    for (name, mode), line in reference.items():
        if name == "attention-wan" and "ms" in line:
            found.append(f"Attention alone at Wan's shape, {mode}: {line['ms']:.2f} ms, {line['tflops']:.0f} TFLOP/s")
    for name, line in swan.items():
        if "stages_ms" in line:
            stages = ", ".join(f"{stage} {value:.1f}" for stage, value in line["stages_ms"].items())
            found.append(f"`{name}`, ms of its stages: {stages}")
    for (name, mode), line in reference.items():
        if "error" in line:
            found.append(f"The reference's `{name}`, {mode}, failed: {line['error']}")
    return found


def report(swan_lines, reference_lines, profiles=None, profiled_runs=9):
    """All of the Markdown."""
    swan, reference = swan_results(swan_lines), reference_results(reference_lines)
    ceiling = swan.get("gemm-ceiling", reference.get(("gemm-ceiling", "torch"), {})).get("tflops")
    text = [f"| {' | '.join(HEAD)} |", "| --- " * len(HEAD) + "|"]
    text += [f"| {' | '.join(cells)} |" for cells in main_rows(swan, reference, ceiling)]
    text += [""] + [f"- {remark}" for remark in remarks(swan, reference, reference_lines)]
    if profiles:
        text += [""] + kernel_table(profiles, profiled_runs)
    return "\n".join(text) + "\n"


def main():
    """Reads the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swan", action="append", default=[], help="lines of swan_gpu_bench")
    parser.add_argument("--reference", action="append", default=[], help="lines of reference.py")
    parser.add_argument("--kernels", action="append", default=[], metavar="WORKLOAD=FILE", help="of kernel_times.cpp")
    parser.add_argument(
        "--profiled-runs",
        type=int,
        default=9,
        help="how often each profiled workload ran: swan_gpu_bench --runs N does 3 + 2 N (default: 9, of N = 3)",
    )
    args = parser.parse_args()
    profiles = {}
    for given in args.kernels:
        name, equals, path = given.partition("=")
        if not equals:
            parser.error(f"--kernels {given}: give WORKLOAD=FILE")
        profiles[name] = Path(path).read_text(encoding="utf-8")
    print(report(read_lines(args.swan), read_lines(args.reference), profiles, args.profiled_runs), end="")


if __name__ == "__main__":
    sys.exit(main())
