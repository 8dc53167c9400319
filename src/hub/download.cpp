#include "hub/download.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/error.h"
#include "hub/digest.h"
#include "hub/partial_file.h"
#include "io/system.h"
#include "swan/progress.h"

namespace swan::hub {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostRange = uint64_t{64} << 20;

using Run = std::pair<uint64_t, uint64_t>;  // bytes [first, second)

// One content on its way, and the paths that want it.
struct Blob {
  enum class State {
    kWaiting,   // nobody has begun
    kProbing,   // one thread asks for the first run: whether ranges are answered is not known yet
    kRanges,    // any thread may take a run
    kWhole,     // the server sends everything or nothing: one thread
    kChecking,  // all is there
    kDone
  };

  RemoteFile file;  // the first path
  std::vector<std::string> paths;

  // Guarded by the download's mutex
  State state = State::kWaiting;
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<PartialFile> partial;
  std::string address;  // of the content, where a redirect led; empty: ask the hub
  int workers = 0;
  bool tried_again = false;  // after content that was wrong
};

class Download {
 public:
  Download(const Environment& env, Stop& stop, const CachedRepo& cache, const std::string& repo,
           const std::string& commit, const std::vector<RemoteFile>& files, ProgressMeter& progress)
      : env_(env), stop_(stop), cache_(cache), repo_(repo), commit_(commit), progress_(progress) {
    std::map<std::string, Blob*> by_etag;
    for (const RemoteFile& file : files) {
      Blob*& blob = by_etag[file.etag];
      if (blob == nullptr) {
        blobs_.push_back(std::make_unique<Blob>());
        blob = blobs_.back().get();
        blob->file = file;
      } else if (blob->file.size != file.size) {
        fail(ErrorCode::kCorruptFile, "cannot pull {}: the hub lists {} and {} as one content of two sizes.", repo,
             blob->file.path, file.path);
      }
      blob->paths.push_back(file.path);
    }
    // Small files first: what is wrong with a repository shows early.
    std::stable_sort(blobs_.begin(), blobs_.end(),
                     [](const auto& a, const auto& b) { return a->file.size < b->file.size; });
  }

  ~Download() {
    // What is left without anything in it is of no use to the next attempt.
    for (const auto& blob : blobs_)
      if (blob->partial && blob->partial->done_bytes() == 0) blob->partial->remove();
  }
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  void run() {
    std::vector<std::thread> threads;
    const uint64_t pieces = std::max<uint64_t>(total_pieces(), 1);
    const auto count = static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(env_.connections), pieces));
    for (size_t i = 1; i < count; ++i) threads.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : threads) thread.join();
    if (error_) std::rethrow_exception(error_);
    if (stop_.cancelled()) fail(ErrorCode::kCancelled, "cancelled; what has been downloaded is kept.");
    progress_.finish();
  }

 private:
  [[nodiscard]] uint64_t total_pieces() const {
    uint64_t pieces = 0;
    for (const auto& blob : blobs_) pieces += blob->file.size / PartialFile::kPiece + 1;
    return pieces;
  }

  // A thread: takes what there is to do until all is done or something failed.
  void work() {
    try {
      HubApi api(env_, stop_, repo_, "pull", [this](const std::string& why) { progress_.waiting(why); });
      while (step(api)) {
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stop_.failed = true;
    }
    changed_.notify_all();
  }

  bool step(HubApi& api) {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      bool open = false;
      for (const auto& blob : blobs_) {
        if (blob->state == Blob::State::kWaiting) {
          blob->state = Blob::State::kProbing;
          lock.unlock();
          start(*blob, api);
          return true;
        }
        if (blob->state == Blob::State::kRanges) {
          if (const auto run = take_run(*blob)) {
            ++blob->workers;
            lock.unlock();
            fetch(*blob, *run, api);
            return true;
          }
        }
        open = open || blob->state != Blob::State::kDone;
      }
      if (!open) return false;
      changed_.wait_for(lock, std::chrono::milliseconds(200));  // a cancel does not notify
    }
    return false;
  }

  // With the mutex held. Runs get shorter towards the end, so that no thread is left with a long one.
  std::optional<Run> take_run(Blob& blob) const {
    const uint64_t left = blob.file.size - std::min(blob.file.size, blob.partial->done_bytes());
    return blob.partial->take(
        std::clamp(left / (2 * static_cast<uint64_t>(env_.connections)), PartialFile::kPiece, kMostRange));
  }

  // Takes the blob's lock, looks what is there, and asks for its first run.
  void start(Blob& blob, HubApi& api) {
    progress_.begin_file(blob.file.path);
    auto lock = std::make_unique<FileLock>(cache_.lock_path(blob.file.etag), stop_, [&] {
      progress_.waiting(fmt::format("another process downloads {}; waiting for it", blob.file.path));
    });
    const std::string path = cache_.blob(blob.file.etag);
    std::error_code error;
    // Another process may have brought it meanwhile, and where there are no links, into the snapshot.
    const bool linked = std::all_of(blob.paths.begin(), blob.paths.end(),
                                    [&](const std::string& name) { return cache_.has(commit_, name); });
    if (linked || fs::is_regular_file(path, error)) {
      progress_.add_present(blob.file.size);
      finish(blob, linked, false);
      return;
    }
    auto partial = std::make_unique<PartialFile>(path, blob.file.size);
    progress_.add_present(partial->done_bytes());
    std::optional<Run> run;
    {
      const std::lock_guard guard(mutex_);
      blob.lock = std::move(lock);
      blob.partial = std::move(partial);
      run = take_run(blob);
      if (run) ++blob.workers;
    }
    if (run) {
      fetch(blob, *run, api);
    } else {
      check(blob);  // all is there, or it is empty
    }
  }

  // Brings one run, however often the connection breaks.
  void fetch(Blob& blob, Run run, HubApi& api) {
    uint64_t at = run.first;  // the next byte to come
    Retries retries(env_.retry_delay, kAttempts);
    while (at < run.second) {
      const uint64_t before = at;
      std::string why;
      std::optional<HttpAnswer> refused;
      std::optional<std::chrono::seconds> asked;  // to wait
      try {
        HttpAnswer answer = request(blob, run, at, api);
        if (at >= run.second) break;
        if (answer.status < 300) {
          why = fmt::format("{} ended after {} of {} bytes", blob.file.path, at - run.first, run.second - run.first);
        } else {
          // Of the hub itself no is no. Elsewhere a signed address may have expired: the hub makes a new one.
          const auto url = parse_url(answer.url);
          const bool of_hub = url && url->same_origin(env_.endpoint);
          if (of_hub && !answer.retryable()) api.refuse(answer, commit_, blob.file.path);
          forget_address(blob);
          why = fmt::format("{} was answered with status {}", blob.file.path, answer.status);
          if (answer.retryable()) asked = retry_after(answer.headers, std::time(nullptr));
          if (asked) why += fmt::format(", and asked to wait {} s", asked->count());
          if (of_hub) refused = std::move(answer);
        }
      } catch (const ConnectionError& e) {
        forget_address(blob);
        why = e.what();
      }
      // A server that gives a byte and cuts, again and again, is not waited for without end.
      if (at - before >= PartialFile::kPiece) retries.reset();
      const auto pause = retries.next(asked);
      if (!pause && refused) api.refuse(*refused, commit_, blob.file.path);
      if (!pause) {
        throw ConnectionError(fmt::format(
            "cannot pull {}: {} does not come through ({}), tried {} times; check the network and try again: "
            "what has come is kept.",
            repo_, blob.file.path, why, kAttempts));
      }
      if (*pause >= std::chrono::seconds(2))
        progress_.waiting(fmt::format("{}; trying again in {} s", why, pause->count() / 1000));
      wait_unless(stop_, *pause);
    }
    bool complete = false;
    {
      const std::lock_guard guard(mutex_);
      --blob.workers;
      complete = blob.workers == 0 && blob.partial->complete();
      if (complete) blob.state = Blob::State::kChecking;
    }
    changed_.notify_all();
    if (complete) check(blob);
  }

  // One request for what is left of a run. Moves `at`, and `run` where the server sends all or nothing.
  HttpAnswer request(Blob& blob, Run& run, uint64_t& at, HubApi& api) {
    HttpRequest request;
    bool from_hub = false, whole = false;
    {
      const std::lock_guard guard(mutex_);
      from_hub = blob.address.empty();
      request.url = from_hub ? api.resolve_address(commit_, blob.file.path) : blob.address;
      whole = blob.state == Blob::State::kWhole;
    }
    request.signed_address = !from_hub;
    if (!whole) request.headers.emplace_back("Range", fmt::format("bytes={}-{}", at, run.second - 1));
    uint64_t skip = 0;
    request.begin = [&](const HttpAnswer& answer) {
      if (answer.status == 206) {
        const auto range = parse_content_range(header(answer.headers, "content-range"));
        if (!range || range->begin != at || range->end > run.second || (range->size && *range->size != blob.file.size))
          fail(ErrorCode::kCorruptFile,
               "cannot pull {}: of {} bytes {}-{} of {} were asked for, but '{}' came; try again later, or without a "
               "proxy "
               "between.",
               repo_, blob.file.path, at, run.second - 1, blob.file.size, header(answer.headers, "content-range"));
        open_for_all(blob, answer, from_hub);
        return true;
      }
      return whole_comes(blob, run, at, skip, answer);
    };
    request.data = [&](const char* data, size_t bytes) {
      if (skip > 0) {  // of a whole that comes again: what is there already
        const size_t skipped = static_cast<size_t>(std::min<uint64_t>(skip, bytes));
        skip -= skipped;
        data += skipped;
        bytes -= skipped;
      }
      if (bytes == 0) return true;
      if (bytes > run.second - at)
        fail(ErrorCode::kCorruptFile,
             "cannot pull {}: of {} more comes than the {} bytes that were asked for; try again later, or another "
             "mirror.",
             repo_, blob.file.path, run.second - run.first);
      blob.partial->write(at, data, bytes);
      at += bytes;
      {
        const std::lock_guard guard(mutex_);
        blob.partial->done(run.first, at);
      }
      progress_.add(bytes);
      return true;
    };
    return api.client().send(request);
  }

  // The server answers ranges: others may join.
  void open_for_all(Blob& blob, const HttpAnswer& answer, bool from_hub) {
    const std::lock_guard guard(mutex_);
    const auto url = parse_url(answer.url);
    if (from_hub && url && !url->same_origin(env_.endpoint)) blob.address = answer.url;
    if (blob.state == Blob::State::kProbing) {
      blob.state = Blob::State::kRanges;
      changed_.notify_all();
    }
  }

  // 200 to a request for a range: everything comes from the start. The thread that asked first takes it all, unless
  // others are at it with ranges, which a server that changes its mind must not disturb.
  bool whole_comes(Blob& blob, Run& run, uint64_t& at, uint64_t& skip, const HttpAnswer& answer) {
    if (const auto size = parse_size(header(answer.headers, "content-length")); size && *size != blob.file.size)
      fail(ErrorCode::kCorruptFile,
           "cannot pull {}: {} has {} bytes, but the hub lists {}; try again later, or another mirror.", repo_,
           blob.file.path, *size, blob.file.size);
    const std::lock_guard guard(mutex_);
    if (blob.state == Blob::State::kRanges) return false;
    if (blob.state == Blob::State::kProbing) {
      blob.state = Blob::State::kWhole;
      progress_.subtract(blob.partial->done_bytes());
      blob.partial->restart();
      (void)blob.partial->take(blob.file.size);
      run = {0, blob.file.size};
      at = 0;
    }
    skip = at;  // of a second attempt
    return true;
  }

  void forget_address(Blob& blob) {
    const std::lock_guard guard(mutex_);
    blob.address.clear();
  }

  // All bytes are there: are they the right ones?
  void check(Blob& blob) {
    DigestKind kind{};
    if (digest_kind(blob.file.etag, kind)) {
      const std::string found = digest_of_file(blob, kind);
      if (found != blob.file.etag) {
        if (std::exchange(blob.tried_again, true)) {
          blob.partial->remove();
          fail(ErrorCode::kCorruptFile,
               "cannot pull {}: the content of {} is not what the hub lists, twice ({} is {}, expected {}); try again "
               "later, or another mirror.",
               repo_, blob.file.path, kind == DigestKind::kSha256 ? "SHA-256" : "git's SHA-1", found, blob.file.etag);
        }
        progress_.waiting(fmt::format("the content of {} is not what the hub lists; getting it again", blob.file.path));
        progress_.subtract(blob.file.size);
        blob.partial->restart();
        const std::lock_guard guard(mutex_);
        blob.address.clear();
        blob.lock.reset();  // start takes it again
        blob.partial.reset();
        blob.state = Blob::State::kWaiting;
        return;
      }
    }
    blob.partial->commit();
    finish(blob, false, true);
  }

  std::string digest_of_file(const Blob& blob, DigestKind kind) {
    constexpr size_t kBlock = size_t{4} << 20;
    if (blob.file.size > (uint64_t{256} << 20)) progress_.stage("check", blob.file.path);
    const io::OpenFile file = io::open_file(blob.partial->path());
    Digest digest(kind, blob.file.size);
    for (uint64_t at = 0; at < blob.file.size; at += kBlock) {
      if (stop_) fail(ErrorCode::kCancelled, "cancelled; what has been downloaded is kept.");
      const std::string block = io::read_at(file, blob.partial->path(), at,
                                            static_cast<size_t>(std::min<uint64_t>(kBlock, blob.file.size - at)));
      digest.update(block.data(), block.size());
    }
    progress_.stage("download", blob.file.path);
    return digest.finish();
  }

  // The blob is there: the snapshot gets its paths. @param fresh  nobody else can have found it yet
  void finish(Blob& blob, bool linked, bool fresh) {
    for (const std::string& path : blob.paths) {
      if (!linked) cache_.link(commit_, path, blob.file.etag, fresh && path == blob.paths.back());
      progress_.end_file();
    }
    {
      const std::lock_guard guard(mutex_);
      blob.lock.reset();
      blob.partial.reset();
      blob.state = Blob::State::kDone;
    }
    changed_.notify_all();
  }

  const Environment& env_;
  Stop& stop_;
  const CachedRepo& cache_;
  const std::string &repo_, &commit_;
  ProgressMeter& progress_;
  std::vector<std::unique_ptr<Blob>> blobs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr error_;
};

}  // namespace

void download_files(const Environment& env, Stop& stop, const CachedRepo& cache, const std::string& repo,
                    const std::string& commit, const std::vector<RemoteFile>& files, ProgressMeter& progress) {
  Download(env, stop, cache, repo, commit, files, progress).run();
}

}  // namespace swan::hub
