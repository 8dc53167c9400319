#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <vector>

#include "swan/tensor.h"

namespace swan {

class DeviceCopies;

/// A tensor on a device that can be made again from what the host has, such as a weight: it stays there until its
/// device runs out of memory and takes it back. Its device must outlive it.
class DeviceCopy {
 public:
  DeviceCopy() = default;
  DeviceCopy(const DeviceCopy&) = delete;
  DeviceCopy& operator=(const DeviceCopy&) = delete;
  ~DeviceCopy() { reset(); }

  /// The tensor, or an undefined one when it was never set or has been taken back. Whoever holds it keeps it there.
  [[nodiscard]] Tensor get();
  /// @param tensor  on a device
  void set(Tensor tensor);
  void reset();

 private:
  friend class DeviceCopies;

  DeviceCopies* home_ = nullptr;
  Tensor tensor_;  // undefined: not in home_'s list
  uint64_t pass_ = 0;
  std::list<DeviceCopy*>::iterator place_;
};

/// The copies on one device, and which of them goes first. Networks are passed through from one end to the other, time
/// and again: what the passes before the last one used belongs to another network and goes first, oldest first. When
/// one network alone does not fit, the weight that was used last is the one that is needed again last, so it goes.
/// (Least recently used first would drop each weight just before its turn.) Thread-safe.
class DeviceCopies {
 public:
  /// While one lives, its thread is making a copy: what a device then allocates is here to stay.
  class Making {
   public:
    Making() noexcept : before_(making_) { making_ = true; }
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;
    ~Making() { making_ = before_; }

   private:
    bool before_;
  };
  [[nodiscard]] static bool making() noexcept { return making_; }

  /// A network is about to be passed through again, or another one for the first time.
  void begin_pass();
  /// Takes one copy back that nobody holds. @return false when there is none
  bool drop_one();
  /// From here to release_held every copy that is used is held too: a recording reads it at each launch.
  void hold_used();
  [[nodiscard]] std::vector<Tensor> release_held();
  /// Bytes of the copies that are there.
  [[nodiscard]] size_t bytes() const;

 private:
  friend class DeviceCopy;

  void touch(DeviceCopy& copy);
  void remove(DeviceCopy& copy);

  static thread_local bool making_;

  mutable std::mutex mutex_;
  std::list<DeviceCopy*> copies_;  // least recently used first
  uint64_t pass_ = 1;
  bool holding_ = false;
  std::vector<Tensor> held_;
};

}  // namespace swan
