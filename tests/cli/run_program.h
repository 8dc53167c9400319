#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cli/program.h"
#include "fake_engine.h"

namespace swan::cli {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

/// The whole program, in this process.
inline Outcome run_swan(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {"swan"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run(static_cast<int>(argv.size()), argv.data());
  Outcome outcome{.code = code, .out = {}, .err = {}};
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

/// Each test gets a fresh engine and an empty folder.
class ProgramFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    fake_engine() = {};
    folder_ = std::filesystem::temp_directory_path() / ("swan_program_test_" + std::to_string(getpid()));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string content(const std::string& name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return path(name);
  }
  size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {})); }

  std::filesystem::path folder_;
};

}  // namespace swan::cli
