"""bench/gpu/table.py and kernel_classes.py on lines as swan_gpu_bench, reference.py and kernel_times.cpp print them."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

import kernel_classes
import table

STAGES = {"denoise": 262.0, "decode": 26.0}
SWAN = [
    {"name": "gemm-ceiling", "dtype": "bf16", "ms": 1.4, "tflops": 780.0, "tb_per_s": None, "peak_gib": 0.5},
    {"name": "sana-1.6b", "dtype": "bf16", "ms": 12.6, "tflops": 450.0, "peak_gib": 3.56},
    {"name": "wan-1.3b-81", "dtype": "bf16", "ms": 516.6, "tflops": 547.0, "peak_gib": 4.4},
    {"name": "wan-1.3b-81", "dtype": "fp8", "ms": 410.0, "tflops": 690.0, "peak_gib": 4.4},
    {"name": "wan-1.3b-5", "dtype": "bf16", "ms": 9.5, "tflops": 400.0, "peak_gib": 3.1},
    {"name": "dcae-4096", "dtype": "bf16", "ms": 460.0, "tflops": None, "peak_gib": 6.5},
    {"name": "sana-1.6b-20", "dtype": "bf16", "ms": 289.0, "peak_gib": 4.2, "stages_ms": STAGES},
]
REFERENCE = [
    {"versions": {"device": "NVIDIA H100", "torch": "2.11.0"}},
    {"name": "gemm-ceiling", "mode": "torch", "ms": 1.39, "tflops": 790.0, "peak_gib": 0.4},
    {"name": "attention-wan", "mode": "cudnn", "ms": 11.4, "tflops": 577.0, "peak_gib": 0.4},
    {"name": "sana-1.6b", "mode": "eager", "ms": 50.4, "peak_gib": 3.4},
    {"name": "sana-1.6b", "mode": "compiled", "ms": 31.5, "peak_gib": 3.4},
    {"name": "wan-1.3b-81", "mode": "eager", "ms": 652.0, "peak_gib": 5.8},
    {"name": "dcae-4096", "mode": "eager", "ms": 1422.0, "peak_gib": 2.4},
    {"name": "dcae-4096-whole", "mode": "eager", "ms": 920.0, "peak_gib": 26.7},
    {"name": "umt5-512", "mode": "eager", "error": "OutOfMemoryError: 11 GiB"},
]
# Of a Sana 1.6B forward on an H100, but for the last line.
PROFILE = """196.500 ms in all
    82.301 ms  41.9 %    421 x    195.49 us  copy to or from the host
    42.146 ms  21.4 %    720 x     58.54 us  nvjet_sm90_tst_192x192_64x4_2x1_v_bz_coopB_bias_TNN
    28.294 ms  14.4 %    720 x     39.30 us  nvjet_sm90_tst_192x192_64x4_2x1_v_bz_coopB_TNN
     6.858 ms   3.5 %    180 x     38.10 us  cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128
     0.900 ms   0.1 %      9 x    100.00 us  void somebody_elses<float>(float*)
"""
# One kernel of each kind that profiles on an H100 hold, shortened; {swan} is where ours are.
KINDS = {
    "nvjet_sm90_tst_256x128_64x4_1x2_h_bz_coopA_TNT": "products",
    "void cublasLt::splitKreduce_kernel<32, 16, int, float, __nv_bfloat16>": "products",
    "std::enable_if<!(false), void>::type internal::gemvx::kernel<int, int, float>": "products",
    "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128": "softmax attention",
    "void {swan}::softmax_in_passes<__nv_bfloat16, 256>(float*": "softmax attention",
    "void {swan}::states_32<__nv_bfloat16>(__nv_bfloat16 const*": "linear attention",
    "cudnn_generated_fort_native_sm90_convFwd_pointwise_knob_23_128x128x32_10_0": "convolution",
    "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x64": "convolution",
    "void {swan}::grouped_pointwise_kernel<__nv_bfloat16>": "grouped 1x1 convolution",
    "void {swan}::depthwise_conv_kernel<__nv_bfloat16, 8, 5, 4>": "depthwise convolution",
    "void {swan}::norm_kernel<true, 32, 6, __nv_bfloat16, float>": "norms",
    "void {swan}::activate_vectors<__nv_bfloat16, 8>": "activations",
    "void swan::backends::cuda::map_kernel<__nv_bfloat16, 8, {swan}::Activate<float, 8> >": "activations",
    "void swan::backends::cuda::map_kernel<__nv_bfloat16, 8, {swan}::AddGated<float, 8> >": "elementwise",
    "void swan::backends::cuda::gather_kernel<uint4, {swan}::SliceChannels<uint4> >": "copies on the device",
    "copy on the device": "copies on the device",
    "copy to or from the host": kernel_classes.HOST,
    "void {swan}::pack_weights_kernel<float, __nv_bfloat16>": "packing of weights",
}


def rows(text):
    """The first table's lines by their first cell."""
    table_lines = [line for line in text.splitlines() if line.startswith("|")]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table_lines]
    return {line[0]: dict(zip(range(len(line)), line)) for line in lines}


class Table(unittest.TestCase):
    def setUp(self):
        self.text = table.report(SWAN, REFERENCE)
        self.rows = rows(self.text)

    def test_a_workload_stands_against_its_bar_and_the_reference(self):
        row = list(self.rows["Sana 1.6B, one forward, batch 2, 1024x1024"].values())
        self.assertEqual(row[1:10], ["13", "12.60", "met", "50.4", "31.5", "0.25", "0.40", "450", "58 %"])
        self.assertEqual(row[10:], ["3.56", "3.40", "**missed**"], "memory is never above the reference's")

    def test_times_above_the_bar_are_missed(self):
        self.assertEqual(self.rows["Wan 1.3B, one forward, 480x832x81"][3], "**missed**")

    def test_another_dtype_is_another_row_against_the_same_reference(self):
        row = self.rows["the same in FP8"]
        self.assertEqual((row[1], row[2], row[3], row[4], row[6]), ("420", "410", "met", "652", "0.63"))
        without = rows(table.report([line for line in SWAN if line.get("dtype") != "fp8"], REFERENCE))
        self.assertNotIn("the same in FP8", without)

    def test_the_fastest_of_several_references_counts(self):
        row = self.rows["DC-AE decode, 4096x4096 (reference: tiled, whole)"]
        self.assertEqual((row[4], row[6]), ("1422, 920", "0.50"))
        self.assertEqual((row[10], row[11], row[12]), ("6.50", "2.40, 26.70", "**missed**"), "the bar is 6 GiB")

    def test_failures_are_told(self):
        self.assertEqual(self.rows["UMT5-XXL, 512 tokens"][4], "failed")
        self.assertIn("`umt5-512`, eager, failed: OutOfMemoryError: 11 GiB", self.text)

    def test_what_has_no_bar_is_listed_and_what_nobody_measured_is_not(self):
        self.assertEqual((self.rows["`wan-1.3b-5`"][1], self.rows["`wan-1.3b-5`"][3]), ("", ""))
        self.assertNotIn("Gemma-2-2B, 300 tokens", self.rows)
        self.assertNotIn("`gemm-ceiling`", self.rows)

    def test_remarks_hold_versions_ceilings_and_stages(self):
        self.assertIn("device NVIDIA H100, torch 2.11.0", self.text)
        self.assertIn("`gemm-ceiling`: 780 TFLOP/s (Swan), 790 TFLOP/s (torch)", self.text)
        self.assertIn("cudnn: 11.40 ms, 577 TFLOP/s", self.text)
        self.assertIn("`sana-1.6b-20`, ms of its stages: denoise 262.0, decode 26.0", self.text)

    def test_without_swans_ceiling_torchs_counts(self):
        found = rows(table.report(SWAN[1:], REFERENCE))
        self.assertEqual(found["Sana 1.6B, one forward, batch 2, 1024x1024"][9], "57 %")

    def test_a_last_line_of_a_name_counts_and_other_output_is_passed_over(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "swan.jsonl"
            again = {**SWAN[1], "ms": 13.5}
            path.write_text(f"warning: x\n{json.dumps(SWAN[1])}\n{json.dumps(again)}\n", encoding="utf-8")
            profile = pathlib.Path(folder) / "kernels.txt"
            profile.write_text(PROFILE, encoding="utf-8")
            out = io.StringIO()
            with mock.patch("sys.argv", ["table.py", "--swan", str(path), "--kernels", f"sana-1.6b={profile}"]):
                with contextlib.redirect_stdout(out):
                    table.main()
        self.assertIn("| 13.50 | **missed** |", out.getvalue())
        self.assertIn("| products | 7.83 |", out.getvalue())


class KernelClasses(unittest.TestCase):
    def test_kinds(self):
        for kernel, kind in KINDS.items():
            name = kernel.replace("{swan}", "swan::backends::cuda::(anonymous namespace)")
            self.assertEqual(kernel_classes.class_of(name), kind, name)
        kinds = {name for name, _ in kernel_classes.CLASSES}
        self.assertEqual(kinds - {kernel_classes.HOST}, set(kernel_classes.ORDER))

    def test_times_are_of_one_run_and_nothing_is_dropped(self):
        text = "\n".join(kernel_classes.kernel_table({"sana-1.6b": PROFILE}, runs=9))
        self.assertIn("| products | 7.83 |", text)
        self.assertIn("| softmax attention | 0.76 |", text)
        self.assertIn("| kernels of no class, below | 0.10 |", text)
        self.assertIn("| **a run** | 8.69 |", text)
        self.assertIn("| in all 9 runs: to and from the host | 82.3 |", text)
        self.assertIn("No class, `sana-1.6b`: 0.100 ms a run of `void somebody_elses<float>(float*)`", text)
        self.assertNotIn("convolution", text)

    def test_a_file_that_is_no_profile_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "the profile of sana-1.6b"):
            kernel_classes.kernel_table({"sana-1.6b": "nothing\n"}, runs=9)


if __name__ == "__main__":
    unittest.main()
