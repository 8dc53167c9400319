#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/device.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// Components up to this size stay in the host's memory between runs; larger ones leave after their stage, so that only
/// one of them is there at a time. Their files remain in the system's cache: opening them again is cheap.
inline constexpr size_t kResidentBytes = size_t{256} << 20;

/// What a pipeline computes with: the backend and the dtypes that LoadOptions asks for.
class Compute {
 public:
  /// @throws Error kInvalidArgument for an unknown name; kUnsupported for a device that is not there, saying why, and
  ///         for fp8 on one that cannot multiply so
  explicit Compute(const LoadOptions& options);

  /// Null: the host.
  [[nodiscard]] Device* device() const noexcept { return device_; }
  [[nodiscard]] bool on_host() const noexcept { return device_ == nullptr; }
  /// "cpu" or "cuda:0"
  [[nodiscard]] std::string device_name() const { return device_ == nullptr ? "cpu" : device_->name(); }
  /// The dtype that the host keeps weights in; nothing: as stored. Devices convert what they are given themselves.
  [[nodiscard]] std::optional<DType> storage() const;
  /// In f32. The device keeps to LoadOptions::memory_budget from here on.
  [[nodiscard]] Context context(const std::atomic<bool>* cancel) const;
  enum class Part { kNetwork, kVae };
  /// The dtype that a component with weights of that dtype computes in: f32 on the host. On a device the one asked for,
  /// else that of the weights, but bf16 for a network stored in f32 (not for a vae: it shows there).
  [[nodiscard]] DType activations(DType stored, Part part = Part::kNetwork) const;
  /// Whether big linear layers of transformers multiply in e4m3 (nn::Scope::f8); the rest is then as in auto.
  [[nodiscard]] bool f8() const noexcept { return f8_; }
  /// Gives the host's cached memory back: between stages, whose blocks differ. A device's stays, for the next run,
  /// until something else needs it.
  void end_stage() const;
  /// Gives cached memory of the host and the device back: before a network comes for the first time.
  void trim() const;

 private:
  uint64_t memory_budget_;
  std::optional<DType> dtype_;  // asked for
  bool f8_ = false;
  Device* device_ = nullptr;
};

/// Checks many tensors for NaN and infinity without waiting for each: on a device the counts are read at the end.
class FiniteChecks {
 public:
  explicit FiniteChecks(Context& ctx) : ctx_(ctx) {}
  /// On the host @throws Error kNumerical at once, as check_finite
  void add(const Tensor& x, const std::string& where);
  /// @throws Error kNumerical naming the first place
  void verify();

 private:
  struct Pending {
    Tensor count;
    int64_t values;
    std::string where;
  };
  Context& ctx_;
  std::vector<Pending> pending_;
};

/// @param x      f32 on the host, or any floating dtype on the context's device
/// @param where  the stage, for the message: "denoising step 3 of 20 (transformer)"
/// @throws Error kNumerical naming it, how many values are bad, and the remedy, when x holds NaN or infinity
void check_finite(const Tensor& x, const std::string& where, Context& ctx);

}  // namespace swan::pipelines
