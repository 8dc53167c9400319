#pragma once

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/convert.h"
#include "core/device.h"
#include "core/error.h"
#include "core/memory_pool.h"

namespace swan::support {

/// Memory of the host that counts what it hands out and has an end.
class CountingSource final : public MemorySource {
 public:
  explicit CountingSource(size_t capacity = SIZE_MAX) : capacity_(capacity) {}
  void* take(size_t bytes) override {
    if (bytes > capacity_ - out_) return nullptr;
    ++taken;
    out_ += bytes;
    void* memory = std::malloc(bytes);
    sizes_[memory] = bytes;
    return memory;
  }
  void give_back(void* memory) noexcept override {
    out_ -= sizes_[memory];
    sizes_.erase(memory);
    std::free(memory);
  }
  void settle() noexcept override { ++settled; }

  [[nodiscard]] size_t out() const noexcept { return out_; }
  int taken = 0, settled = 0;

 private:
  size_t capacity_, out_ = 0;
  std::map<void*, size_t> sizes_;
};

/// A device whose memory is the host's, so that what manages devices can be tested without one. It does all at once.
/// What it records is done again by what after_recording gives.
class FakeDevice final : public Device {
 public:
  explicit FakeDevice(size_t capacity = SIZE_MAX)
      : pool_(std::make_shared<MemoryPool>(std::make_unique<CountingSource>(capacity))) {}
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  void activate() override {}
  [[nodiscard]] std::shared_ptr<void> allocate(size_t bytes) override {
    for (;;) {
      if (auto memory = pool_->allocate(bytes, DeviceCopies::making())) return memory;
      if (!idle_replays().drop_all() && !copies().drop_one())
        fail(ErrorCode::kOutOfMemory, "fake: no memory for {} bytes.", bytes);
    }
  }
  void upload(void* to, const void* from, size_t bytes) override {
    ++uploads;
    std::memcpy(to, from, bytes);
  }
  void download(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void copy(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t row_bytes,
                 size_t rows) override {
    for (size_t row = 0; row < rows; ++row)
      std::memcpy(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch,
                  row_bytes);
  }
  void convert(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t count) override {
    swan::convert(from, from_dtype, to, to_dtype, count);
  }
  void synchronize() override {}
  [[nodiscard]] std::unique_ptr<Mark> mark() override {
    struct Done final : Mark {
      explicit Done(int& count) : waits(count) {}
      void wait() override { ++waits; }
      int& waits;
    };
    return std::make_unique<Done>(waits);
  }
  [[nodiscard]] std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    if (!after_recording) return nullptr;
    struct Recorded final : Recording {
      Recorded(FakeDevice& device, std::shared_ptr<void> memory) : device(device), memory(std::move(memory)) {
        ++device.recordings;
      }
      ~Recorded() override { --device.recordings; }
      void launch() override {
        ++device.launches;
        again();
      }
      [[nodiscard]] size_t bytes() const override { return device.recording_bytes; }
      FakeDevice& device;
      std::shared_ptr<void> memory;
      std::function<void()> again;
    };
    auto recorded = std::make_unique<Recorded>(*this, allocate(recording_bytes));
    work();
    recorded->again = after_recording();
    return recorded;
  }
  void trim() override { pool_->trim(); }
  void set_memory_limit(size_t bytes) override { pool_->set_limit(bytes); }
  [[nodiscard]] size_t peak_bytes() const override { return pool_->peak_bytes(); }
  void reset_peak() override { pool_->reset_peak(); }

  [[nodiscard]] MemoryPool& pool() noexcept { return *pool_; }
  int uploads = 0, waits = 0, launches = 0;
  int recordings = 0;          ///< that exist
  size_t recording_bytes = 1;  ///< that each takes
  /// Called when work has been recorded: what does it again. Empty: nothing can be recorded.
  std::function<std::function<void()>()> after_recording;

 private:
  std::string name_ = "fake:0";
  std::shared_ptr<MemoryPool> pool_;
};

}  // namespace swan::support
