#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hub/stop.h"

namespace swan::hub {

/// The folder of one model in the cache, in the layout that Python's huggingface_hub has:
///   models--org--name/blobs/<etag>                       content, once for all revisions
///   models--org--name/snapshots/<commit>/<path>          a relative link to it
///   models--org--name/refs/<revision>                    the commit that a branch or tag was last
///   models--org--name/.no_exist/<commit>/<path>          known not to be there
///   .locks/models--org--name/<etag>.lock                 held while a blob is written
/// Names that come in are checked before (names.h).
class CachedRepo {
 public:
  /// @param cache  an absolute folder, which need not exist;  @param symlinks  false: snapshots hold files
  CachedRepo(const std::string& cache, const std::string& repo, bool symlinks = true);

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  [[nodiscard]] std::string snapshot(const std::string& commit) const { return folder_ + "/snapshots/" + commit; }
  [[nodiscard]] std::string blob(const std::string& etag) const { return folder_ + "/blobs/" + etag; }
  [[nodiscard]] std::string lock_path(const std::string& etag) const { return locks_ + "/" + etag + ".lock"; }

  /// Makes the folders for blobs, locks and this snapshot. @throws Error kIo
  void prepare(const std::string& commit) const;

  [[nodiscard]] std::optional<std::string> ref(const std::string& revision) const;
  /// Notes what a branch or tag is. A cache that cannot be written is passed over: the files are what matters.
  void set_ref(const std::string& revision, const std::string& commit) const;

  [[nodiscard]] bool is_absent(const std::string& commit, const std::string& path) const;
  void set_absent(const std::string& commit, const std::string& path) const;

  /// Paths in a snapshot whose content is there; empty when there is no such snapshot.
  [[nodiscard]] std::set<std::string> files(const std::string& commit) const;
  [[nodiscard]] bool has(const std::string& commit, const std::string& path) const;
  /// Puts a path of a snapshot in front of a blob that is there. @param moves  where the file system has no links the
  /// blob itself may go there, as huggingface_hub has it, instead of a copy  @throws Error kIo
  void link(const std::string& commit, const std::string& path, const std::string& etag, bool moves = false) const;

 private:
  std::string cache_, folder_, locks_;
  bool symlinks_;
};

/// A lock as Python's filelock takes it: flock on a file that stays.
class FileLock {
 public:
  /// Waits for whoever has it. @param waiting  called once, when there is someone
  /// @throws Error kIo; kCancelled when `stop` is set meanwhile
  FileLock(const std::string& path, const Stop& stop, const std::function<void()>& waiting);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace swan::hub
