// Times parts of Swan on a repository's weights and prints a JSON line for each. bench/run.py calls it beside the
// Python reference.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "swan/pipeline.h"
#include "timing.h"

int main(int argc, char** argv) {
  using namespace swan::bench;
  const std::map<std::string, void (*)(const Options&)> known = {
      {"steps", image_steps},       {"forward", sana_forward},    {"decode", sana_decode},
      {"video-steps", video_steps}, {"wan-forward", wan_forward}, {"wan-decode", wan_decode}};
  CLI::App app("Times parts of Swan; prints a JSON line each");
  Options options;
  int threads = 0;
  std::vector<std::string> parts;
  app.add_option("parts", parts, "Which parts")->required()->check(CLI::IsMember(known));
  app.add_option("--model", options.model, "Repository")->required();
  app.add_option("--runs", options.runs);
  app.add_option("--steps", options.steps);
  app.add_option("--size", options.size, "Pixels of a side, for images");
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);
  swan::set_threads(threads);
  try {
    for (const std::string& part : parts) known.at(part)(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "swan_bench: {}\n", e.what());
    return 1;
  }
  return 0;
}
