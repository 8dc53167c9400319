// Times networks of full shape and whole runs on a GPU, and what the card reaches at most, and prints a JSON line for
// each: milliseconds, TFLOP/s or TB/s where they are counted, peak GPU memory, a whole run's stages. Weights are files
// of make_random_model --manifest, in one folder. table.py sets the lines against those of reference.py.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gpu/workloads.h"

namespace {

using namespace swan;
using namespace swan::bench;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// The last run's stages in milliseconds, as a member of the line's object.
std::string stages_of(const Workload& workload) {
  if (!workload.stages) return "";
  std::vector<std::string> members;
  for (const auto& [stage, seconds] : workload.stages())
    members.push_back(fmt::format("\"{}\":{:.1f}", stage, seconds * 1e3));
  return fmt::format(",\"stages_ms\":{{{}}}", fmt::join(members, ","));
}

// Each run is timed on the host from an idle device to an idle device; replayed ones are launched back to back too, as
// a loop does, and the shorter of the two is what a step costs.
void measure(const std::string& name, const Workload& workload, const std::string& dtype, int runs) {
  Device& device = *workload.device;
  device.trim();  // what the workload before left
  device.reset_peak();
  const auto cold = Clock::now();
  workload.run();
  device.synchronize();
  const double first = seconds_since(cold);
  for (int i = 0; i < 2; ++i) workload.run();  // the second records
  device.synchronize();
  std::vector<double> seconds = time_runs(runs, [&] {
    workload.run();
    device.synchronize();
  });
  const auto start = Clock::now();
  for (int i = 0; i < runs; ++i) workload.run();
  device.synchronize();
  const double loop = seconds_since(start) / runs;
  const double best = std::min(median(seconds), loop);
  const auto rate = [&](double amount) { return amount > 0 ? fmt::format("{:.2f}", amount / best / 1e12) : "null"; };
  fmt::print(
      "{{\"name\":\"{}\",\"dtype\":\"{}\",\"ms\":{:.3f},\"ms_single\":{:.3f},\"ms_loop\":{:.3f},\"first_ms\":{:.1f},"
      "\"tflops\":{},"
      "\"tb_per_s\":{},\"peak_gib\":{:.3f}{}}}\n",
      name, dtype, best * 1e3, median(seconds) * 1e3, loop * 1e3, first * 1e3, rate(workload.flops),
      rate(workload.bytes), static_cast<double>(device.peak_bytes()) / (1 << 30), stages_of(workload));
  std::fflush(stdout);
}

// How far `x` is from `exact`: the norm of the difference over the norm of the exact values; NaN if any is.
double relative_error(const Tensor& x, const Tensor& exact) {
  double difference = 0, size = 0;
  for (int64_t i = 0; i < exact.numel(); ++i) {
    const double a = x.data<float>()[i], b = exact.data<float>()[i];
    difference += (a - b) * (a - b);
    size += b * b;
  }
  return std::sqrt(difference / size);
}

// The same forward on the same inputs and weights in f32, bf16 and fp8, one after the other: a JSON line with the
// errors of the last two against the first.
void compare_quality(const std::string& name, Workload (*make)(const GpuOptions&), GpuOptions options) {
  const auto output = [&](DType dtype, bool f8) {
    options.dtype = dtype;
    options.f8 = f8;
    const Workload workload = make(options);
    if (!workload.output) throw std::runtime_error("quality is compared of transformers and decoders alone");
    const Tensor result = workload.output();
    workload.device->trim();
    return result;
  };
  const Tensor exact = output(DType::kF32, false);
  const double bf16 = relative_error(output(DType::kBF16, false), exact);
  const double fp8 = relative_error(output(DType::kBF16, true), exact);
  fmt::print("{{\"name\":\"{}-quality\",\"relative_error_bf16\":{:.3g},\"relative_error_fp8\":{:.3g}}}\n", name, bf16,
             fp8);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Workloads known = networks();
  known.merge(whole_runs());
  known.merge(ceilings());
  CLI::App app("Times networks and whole runs of full shape on a GPU; prints a JSON line each");
  GpuOptions options;
  std::vector<std::string> names;
  int runs = 10;
  std::string dtype = "bf16";
  std::vector<std::string> choices;
  for (const auto& [name, make] : known) choices.push_back(name);
  app.add_option("workloads", names, fmt::format("Which: {}", fmt::join(choices, ", ")))->required();
  app.add_option("--weights", options.weights, "Folder of the components' folders; ceilings need none");
  app.add_option("--runs", runs);
  bool quality = false;
  app.add_option("--dtype", dtype, "fp8: bf16 with the transformer's big products in e4m3")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "fp8"}));
  app.add_flag("--quality", quality,
               "Instead of timing, compare a network's output in bf16 and fp8 with that in f32: relative errors");
  app.add_option("--device", options.device, "Number of the GPU");
  CLI11_PARSE(app, argc, argv);
  options.f8 = dtype == "fp8";
  if (!options.f8) options.dtype = swan::parse_dtype(dtype);
  int failed = 0;
  for (const std::string& name : names) {
    try {
      if (!known.contains(name)) throw std::runtime_error("there is no such workload");
      if (quality) {
        compare_quality(name, known.at(name), options);
      } else {
        measure(name, known.at(name)(options), options.dtype_name(), runs);
      }
    } catch (const std::exception& e) {
      fmt::print(stderr, "swan_gpu_bench: {}: {}\n", name, e.what());
      failed = 1;
    }
  }
  return failed;
}
