#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/idle_replays.h"
#include "core/log.h"
#include "io/repository.h"
#include "pipelines/compute.h"

namespace swan::pipelines {

/// A component's network, opened when it is first needed. On the host it stays between runs if its weights are small,
/// and leaves memory with release() if they are large. Computing on a device it stays: its weights there leave when the
/// memory is needed (core/device_copies.h), and on the host they are mapped files that were read once.
template <typename Network>
class ResidentNetwork {
 public:
  /// @param make  called with the component's weights when the network is not there; claims what it needs of them
  /// @throws Error as Repository::open_weights and Weights::finish; the network is then not there
  template <typename Make>
  Network& open(const io::Repository& repository, const std::string& component, const std::string& variant,
                const Compute& compute, const Make& make) {
    return open(
        component, compute, [&] { return repository.open_weights(component, variant); }, make);
  }
  /// The same of weights that are elsewhere. @param open_weights  called when the network is not there
  template <typename OpenWeights, typename Make>
  Network& open(const std::string& component, const Compute& compute, const OpenWeights& open_weights,
                const Make& make) {
    if (!network_) {
      compute.trim();
      const std::shared_ptr<io::Weights> weights = open_weights();
      std::unique_ptr<Network> network = make(weights);
      weights->finish();
      log(LogLevel::kDebug, "{}: {}", component, weights->description());
      bytes_ = weights->bytes();
      dtype_ = weights->dtype();
      network_ = std::move(network);
    }
    return *network_;
  }
  /// Gives the network's memory on the host back, if it is large.
  void release(const Compute& compute) {
    if (compute.device() == nullptr && bytes_ > kResidentBytes) network_.reset();
  }

  /// Gives the network up: it is made anew when it is next opened.
  void close() noexcept {
    replays_.drop();
    network_.reset();
  }

  /// What recordings of its work belong to.
  [[nodiscard]] ReplayHome& replays() noexcept { return replays_; }

  /// The dtype that most of the weights are stored in, once the network has been opened.
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }

  Network* operator->() const noexcept { return network_.get(); }
  Network& operator*() const noexcept { return *network_; }

 private:
  std::unique_ptr<Network> network_;
  ReplayHome replays_;
  DType dtype_ = DType::kF32;
  size_t bytes_ = 0;  // of the weights' files
};

}  // namespace swan::pipelines
