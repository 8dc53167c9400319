// Times networks of full shape and whole runs on a GPU, and what the card reaches at most, and prints a JSON line for
// each: milliseconds, TFLOP/s or TB/s where they are counted, peak GPU memory, a whole run's stages. Weights are files
// of make_random_model --manifest, in one folder. table.py sets the lines against those of reference.py.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
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
void measure(const std::string& name, const Workload& workload, DType dtype, int runs) {
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
      name, dtype_name(dtype), best * 1e3, median(seconds) * 1e3, loop * 1e3, first * 1e3, rate(workload.flops),
      rate(workload.bytes), static_cast<double>(device.peak_bytes()) / (1 << 30), stages_of(workload));
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
  app.add_option("--dtype", dtype)->check(CLI::IsMember({"f32", "bf16", "f16"}));
  app.add_option("--device", options.device, "Number of the GPU");
  CLI11_PARSE(app, argc, argv);
  options.dtype = swan::parse_dtype(dtype);
  int failed = 0;
  for (const std::string& name : names) {
    try {
      if (!known.contains(name)) throw std::runtime_error("there is no such workload");
      measure(name, known.at(name)(options), options.dtype, runs);
    } catch (const std::exception& e) {
      fmt::print(stderr, "swan_gpu_bench: {}: {}\n", name, e.what());
      failed = 1;
    }
  }
  return failed;
}
