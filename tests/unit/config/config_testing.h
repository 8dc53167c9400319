#pragma once

#include <gtest/gtest.h>

#include <string>

#include "config/configuration.h"
#include "config/files.h"
#include "config/print.h"
#include "config/schema.h"
#include "config/yaml.h"
#include "support/temp_dir.h"
#include "swan/error.h"

namespace swan::config {

/// A small schema with a key of every type.
inline Schema test_schema() {
  return Schema({{"variables", ""}, {"sampling", ""}, {"model", ""}, {"output", ""}},
                {{.path = "variables", .type = Type::kMap},
                 {.path = "sampling.steps",
                  .type = Type::kInteger,
                  .minimum = 1,
                  .maximum = 1000,
                  .yields_to = {"sampling.sigmas"}},
                 {.path = "sampling.sigmas", .type = Type::kNumbers, .yields_to = {"sampling.steps"}},
                 {.path = "sampling.guidance_scale", .type = Type::kNumber},
                 {.path = "sampling.seed", .type = Type::kIntegers, .minimum = 0},
                 {.path = "sampling.width", .type = Type::kInteger, .minimum = 1},
                 {.path = "sampling.height", .type = Type::kInteger, .minimum = 1},
                 {.path = "sampling.angle", .type = Type::kNumber, .choices = {"none"}},
                 {.path = "model.model"},
                 {.path = "model.dtype", .choices = {"auto", "f32", "bf16"}, .standard = "auto"},
                 {.path = "model.lora", .type = Type::kTexts},
                 {.path = "model.memory_budget", .type = Type::kSize},
                 {.path = "model.fuse", .type = Type::kFlag},
                 {.path = "model.key"},
                 {.path = "model.parts.vae"},
                 {.path = "output.image", .standard = "out.png"}});
}

/// A folder of configuration files, and what they give.
class ConfigTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const { return dir_.write(name, text); }
  /// What one file gives.
  Configuration resolved(const std::string& text) {
    inputs_.files = {write("config.yaml", text)};
    return resolve(inputs_, schema_);
  }
  /// What is wrong with it; empty: nothing. The folder's name is left out.
  std::string refused(const std::string& text) {
    inputs_.files = {write("config.yaml", text)};
    return refused();
  }
  std::string refused() {
    try {
      static_cast<void>(resolve(inputs_, schema_));
    } catch (const Error& e) {
      code_ = e.code();
      std::string message = e.what();
      const std::string folder = dir_.path() + "/";
      for (size_t at = message.find(folder); at != std::string::npos; at = message.find(folder)) {
        message.erase(at, folder.size());
      }
      return message;
    }
    return "";
  }
  static std::string text(const Configuration& c, const std::string& path) {
    const Value* value = c.find(path);
    return value == nullptr ? "(none)" : value->text;
  }
  std::string origin(const Configuration& c, const std::string& path) const {
    const Value* value = c.find(path);
    if (value == nullptr) return "(none)";
    std::string origin = value->origin.str();
    const std::string folder = dir_.path() + "/";
    return origin.starts_with(folder) ? origin.substr(folder.size()) : origin;
  }

  support::TempDir dir_;
  Schema schema_ = test_schema();
  Inputs inputs_;
  ErrorCode code_ = ErrorCode::kInternal;
};

}  // namespace swan::config
