#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/recording.h"
#include "swan/tensor.h"

namespace swan {

class Device;

/// What a Replay knows of its work: kept between runs, it makes the next run of the same shapes one launch a call.
struct ReplayState {
  int calls = 0;                         ///< of the work, in all runs
  std::vector<Tensor> inputs;            ///< the recording's own, where the device's kernels read them
  std::unique_ptr<Recording> recording;  ///< null: none yet
  Tensor output;                         ///< after the recording, so that it goes first: its memory is the recording's

  [[nodiscard]] size_t bytes() const;
};

/// The recordings of one device that wait for another run. The ones that waited longest leave where there would be more
/// than a few, or whose memory is large; and all of them where the device has no memory left. Thread-safe.
class IdleReplays {
 public:
  /// Memory of the recordings and of their inputs that may wait; it is not there for the stages that follow. A step of
  /// Sana 1.6B at 1024 x 1024 takes about 0.4 GiB.
  static constexpr size_t kMostBytes = size_t{512} << 20;
  static constexpr size_t kMost = 8;

  /// @param owner  of ReplayHome;  @param key  what the work is and the shapes of its inputs
  void put(uint64_t owner, std::string key, ReplayState state);
  /// @return  nothing: none waits, or it has left
  [[nodiscard]] std::optional<ReplayState> take(uint64_t owner, const std::string& key);
  void drop(uint64_t owner);
  /// @return  whether there were any with a recording
  bool drop_all();

 private:
  struct Entry {
    uint64_t owner;
    std::string key;
    ReplayState state;
  };
  using Entries = std::list<Entry>;
  Entries leaving();

  std::mutex mutex_;
  Entries entries_;  // the latest last
};

/// What recordings of a network belong to: with it they go. Made anew for each network; neither copied nor moved.
class ReplayHome {
 public:
  ReplayHome();
  ReplayHome(const ReplayHome&) = delete;
  ReplayHome& operator=(const ReplayHome&) = delete;
  ~ReplayHome() { drop(); }
  /// To be called when what the work reads besides its inputs, such as weights, is about to change.
  void drop() noexcept;

 private:
  friend class Replay;

  uint64_t id_;
  Device* device_ = nullptr;  // that recordings of it may wait on
};

}  // namespace swan
