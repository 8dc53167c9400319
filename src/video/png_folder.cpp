#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>

#include "core/error.h"
#include "io/system.h"
#include "video/frame_sink.h"

namespace swan::video {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "frame_";
constexpr std::string_view kSuffix = ".png";
constexpr size_t kDigits = 4;

[[noreturn]] void failed(const std::string& path, int error) {
  fail(ErrorCode::kIo, "cannot write {}: {}; check the folder, its permissions and the free space.", path,
       io::system_message(error));
}

// The number in a frame's name, or -1.
int64_t frame_index(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size()) return -1;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return -1;
  int64_t index = 0;
  for (const char c : name.substr(kPrefix.size(), kDigits)) {
    if (c < '0' || c > '9') return -1;
    index = 10 * index + (c - '0');
  }
  return index;
}

// The highest number among the frames in a folder, or -1.
int64_t last_frame(const std::string& folder) {
  int64_t last = -1;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    last = std::max(last, frame_index(entry->path().filename().string()));
  if (error) failed(folder, error.value());
  return last;
}

// Refuses when frames of an earlier clip would stay after those of this one, `count` or an unknown number (0).
void check_no_mixture(const std::string& folder, int64_t count) {
  const int64_t last = last_frame(folder);
  if (last < 0 || last < count) return;
  fail(ErrorCode::kInvalidArgument,
       "cannot write frames to {}: it holds {} of another video, and the two would be mixed. Remove the old frames or "
       "name another folder.",
       folder, folder_frame_name(last));
}

class PngFolder final : public FrameSink {
 public:
  explicit PngFolder(const Clip& clip) : clip_(clip), folder_(clip.path) {
    while (folder_.size() > 1 && folder_.back() == '/') folder_.pop_back();
    exists_ = fs::is_directory(folder_);
    if (exists_) check_no_mixture(folder_, clip.options.num_frames);
    if (!exists_ && fs::exists(fs::symlink_status(folder_)))
      fail(ErrorCode::kIo, "cannot write frames to {}: it is not a folder; name another one.", folder_);
    // Inside the folder, or beside it: on the same disk, whence it can be renamed.
    static std::atomic<unsigned> counter{0};
    const fs::path place = exists_ ? fs::path(folder_) : fs::path(folder_).parent_path();
    bool made = false;
    for (std::error_code error; !made;) {
      temporary_ = (place / fmt::format(".swan-{}-{}.part", ::getpid(), counter++)).string();
      made = fs::create_directory(temporary_, error);
      if (error) failed(folder_, error.value());
    }
  }
  PngFolder(const PngFolder&) = delete;
  PngFolder& operator=(const PngFolder&) = delete;
  ~PngFolder() override {
    std::error_code ignored;
    if (!done_) fs::remove_all(temporary_, ignored);
  }

  void write(const Image& frame) override {
    if (count_ == kMaxFolderFrames) {
      fail(ErrorCode::kInvalidArgument,
           "cannot write more than {} frames to {}: their names have {} digits. Write .mp4 or .webm.", kMaxFolderFrames,
           folder_, kDigits);
    }
    try {
      save_image(temporary_ + "/" + folder_frame_name(count_), frame, clip_.metadata);
    } catch (const Error& error) {  // which names a place that the user has not heard of
      std::string message = error.what();
      if (const size_t at = message.find(temporary_); at != std::string::npos)
        message.replace(at, temporary_.size(), folder_);
      throw Error(error.code(), message);
    }
    ++count_;
  }

  void finish() override {
    if (exists_) {
      check_no_mixture(folder_, count_);
      for (int64_t i = 0; i < count_; ++i) {
        const std::string name = "/" + folder_frame_name(i);
        rename(temporary_ + name, folder_ + name);
      }
      if (::rmdir(temporary_.c_str()) != 0) failed(folder_, errno);
    } else {
      rename(temporary_, folder_);
    }
    done_ = true;
  }

 private:
  void rename(const std::string& from, const std::string& to) const {
    std::error_code error;
    fs::rename(from, to, error);
    if (error) failed(to, error.value());
  }

  const Clip clip_;
  std::string folder_, temporary_;
  bool exists_ = false;
  bool done_ = false;
  int64_t count_ = 0;
};

}  // namespace

std::string folder_frame_name(int64_t index) { return fmt::format("{}{:0{}}{}", kPrefix, index, kDigits, kSuffix); }

std::unique_ptr<FrameSink> open_png_folder(const Clip& clip) {
  if (clip.options.num_frames > kMaxFolderFrames) {
    fail(
        ErrorCode::kInvalidArgument,
        "cannot write {} frames to {}: a folder takes at most {}, for their names have {} digits. Write .mp4 or .webm.",
        clip.options.num_frames, clip.path, kMaxFolderFrames, kDigits);
  }
  return std::make_unique<PngFolder>(clip);
}

}  // namespace swan::video
