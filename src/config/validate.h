#pragma once

#include <memory>

#include "config/problems.h"
#include "config/schema.h"
#include "config/value.h"

namespace swan::config {

/// Checks configurations against the JSON Schema of a Schema.
class Validator {
 public:
  explicit Validator(const Schema& schema);
  ~Validator();
  Validator(const Validator&) = delete;
  Validator& operator=(const Validator&) = delete;

  /// Adds what is wrong with `root`, a whole file or what several give together: every key that is unknown, with the
  /// nearest that is known, and every value that is not what its key takes. Typed options are not looked at: they are
  /// checked where they are used.
  void check(const Value& root, Problems& problems) const;

 private:
  struct Impl;
  const Schema& schema_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace swan::config
