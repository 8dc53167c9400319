#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include "core/error.h"
#include "core/log.h"
#include "hub/api.h"
#include "hub/cache.h"
#include "hub/download.h"
#include "hub/environment.h"
#include "hub/names.h"
#include "hub/partial_file.h"
#include "hub/progress.h"
#include "hub/selection.h"
#include "swan/hub.h"
#include "swan/progress.h"

namespace swan {

namespace {

namespace fs = std::filesystem;
using hub::HubName;
using hub::RemoteFile;

std::string short_commit(const std::string& commit) { return commit.substr(0, 12); }

HubName require_name(const std::string& text, const HubOptions& options, const hub::Environment& env) {
  std::optional<HubName> name = hub::parse_hub_name(text, env.endpoint.place());
  if (!name)
    fail(ErrorCode::kInvalidArgument,
         "'{}' is not the name of a model; it should be org/name, with @revision after it for a branch, tag or commit, "
         "and a file in it as org/name/file.gguf.",
         text);
  if (name->revision.empty()) {
    name->revision = options.revision.empty() ? "main" : options.revision;
  } else if (!options.revision.empty() && options.revision != name->revision) {
    fail(ErrorCode::kInvalidArgument, "'{}' names the revision {}, but {} is asked for too; give one of them.", text,
         name->revision, options.revision);
  }
  if (!hub::is_revision(name->revision))
    fail(ErrorCode::kInvalidArgument, "'{}' is not a revision; it should be a branch, a tag, a commit or refs/pr/N.",
         name->revision);
  return std::move(*name);
}

void check_free_space(const std::string& folder, uint64_t needed) {
  struct statvfs status {};
  if (needed == 0 || ::statvfs(folder.c_str(), &status) != 0) return;
  const auto free = static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
  if (free < needed)
    fail(ErrorCode::kIo,
         "cannot download {} to {}: {} are free; make room, or name a folder on another disk in HF_HUB_CACHE.",
         format_bytes(static_cast<double>(needed)), folder, format_bytes(static_cast<double>(free)));
}

// One pull, from the name to the files.
class Pull {
 public:
  Pull(const std::string& name, const PullOptions& options, const HubOptions& hub, const HubCallbacks& callbacks)
      : options_(options),
        callbacks_(callbacks),
        env_(hub::read_environment(hub)),
        name_(require_name(name, hub, env_)),
        cache_(env_.cache, name_.repo, env_.symlinks) {
    stop_.cancel = callbacks.cancel;
  }

  PullResult run() {
    const std::string& revision = name_.revision;
    if (hub::is_commit(revision)) {
      if (auto found = cached(revision, !env_.offline)) return *std::move(found);
      if (env_.offline) offline_and_incomplete(revision);
      return from_hub(revision);
    }
    const std::optional<std::string> known = cache_.ref(revision);
    if (env_.offline) {
      if (!known)
        fail(ErrorCode::kNotFound,
             "cannot open {}: revision '{}' of it is not in the cache {}, and --offline or HF_HUB_OFFLINE keeps Swan "
             "from "
             "the network; pull it first, or name a folder.",
             name_.repo, revision, env_.cache);
      if (auto found = cached(*known, false)) return *std::move(found);
      offline_and_incomplete(*known);
    }
    // Where there is something to fall back on, nobody waits for a hub that is away.
    auto found_before = known ? cached(*known, false) : std::nullopt;
    std::string commit;
    try {
      commit = ask_commit(!found_before);
    } catch (const hub::UnavailableError& e) {
      if (!found_before) throw;
      log(LogLevel::kWarning, "{} Using {}@{}, which '{}' was when it was last looked up.", e.what(), name_.repo,
          short_commit(*known), revision);
      return *std::move(found_before);
    }
    if (auto found = cached(commit, true)) {
      cache_.set_ref(revision, commit);
      return *std::move(found);
    }
    return from_hub(commit);
  }

 private:
  hub::HubApi& api() {
    if (!api_)
      api_.emplace(env_, stop_, name_.repo, "pull", [this](const std::string& why) {
        if (callbacks_.waiting) callbacks_.waiting(why);
      });
    return *api_;
  }

  // One small request: which commit the revision is. Any file tells it, even one that is not there.
  std::string ask_commit(bool patiently) {
    const hub::FileHead head = api().head(name_.revision, "model_index.json", patiently);
    if (!head.commit.empty()) return head.commit;
    return api().commit_of(name_.revision);  // a mirror that does not say so
  }

  // What is on disk, if it is all that is needed. With patterns that cannot be told from the files alone.
  // @param surely  false: what is not there is taken for what the repository has not
  std::optional<PullResult> cached(const std::string& commit, bool surely) {
    hub::Shelf shelf{.model = name_.repo, .files = cache_.files(commit), .fetch = [&](const std::string& path) {
                       return cache_.snapshot(commit) + "/" + path;
                     }};
    if (surely) shelf.lacks = [&](const std::string& path) { return cache_.is_absent(commit, path); };
    if (shelf.files.empty() || (!options_.include.empty() && !env_.offline)) return std::nullopt;
    std::set<std::string> needed;
    try {
      needed = hub::needed_files(shelf, name_.file, options_);
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kInvalidArgument) throw;
      missing_ = e.what();
      return std::nullopt;
    }
    PullResult result = result_of(commit);
    for (const std::string& path : needed) {
      std::error_code error;
      const uintmax_t bytes = fs::file_size(cache_.snapshot(commit) + "/" + path, error);
      result.files.push_back({.path = path, .bytes = error ? 0 : bytes, .cached = true});
    }
    return result;
  }

  [[noreturn]] void offline_and_incomplete(const std::string& commit) {
    fail(ErrorCode::kNotFound,
         "cannot open {}: revision {} in the cache {} is not complete{}{}; pull it again without --offline and "
         "HF_HUB_OFFLINE.",
         name_.repo, short_commit(commit), env_.cache, missing_.empty() ? "" : ": ", missing_);
  }

  PullResult result_of(const std::string& commit) const {
    std::string path = cache_.snapshot(commit);
    if (!name_.file.empty()) path += "/" + name_.file;
    return {.repo = name_.repo, .commit = commit, .path = std::move(path), .files = {}};
  }

  PullResult from_hub(const std::string& commit) {
    if (!name_.file.empty() && cache_.is_absent(commit, name_.file)) no_such_file(commit);
    // What other programs fetched may be all there is, which only the hub knows.
    auto enough = cached(commit, false);
    std::map<std::string, RemoteFile> listed;
    try {
      for (RemoteFile& file : api().tree(commit, !enough)) listed.emplace(file.path, std::move(file));
    } catch (const hub::UnavailableError& e) {
      if (!enough) throw;
      log(LogLevel::kWarning, "{} Using what is cached of {}@{}.", e.what(), name_.repo, short_commit(commit));
      return *std::move(enough);
    }
    hub::Shelf shelf{.model = name_.repo, .files = {}, .fetch = {}};
    for (const auto& [path, file] : listed) shelf.files.insert(path);
    shelf.fetch = [&](const std::string& path) {
      constexpr uint64_t kMostIndexBytes = uint64_t{64} << 20;
      if (listed.at(path).size > kMostIndexBytes)
        fail(ErrorCode::kCorruptFile, "cannot pull {}: {} has {} bytes, which no index has.", name_.repo, path,
             listed.at(path).size);
      if (!cache_.has(commit, path)) fetched_.insert(path);
      download(commit, {listed.at(path)}, false);
      return cache_.snapshot(commit) + "/" + path;
    };
    // What is not there is noted, as huggingface_hub does, and not asked for again.
    std::set<std::string> absent;
    shelf.lacks = [&](const std::string& path) { return absent.insert(path), true; };
    const std::string folder = name_.file + "/";
    const bool there = name_.file.empty() || shelf.files.contains(name_.file) ||
                       std::any_of(shelf.files.begin(), shelf.files.end(),
                                   [&](const std::string& path) { return path.starts_with(folder); });
    if (!there) {
      cache_.set_absent(commit, name_.file);
      no_such_file(commit);
    }
    const std::set<std::string> needed = hub::needed_files(shelf, name_.file, options_);
    std::vector<RemoteFile> files;
    PullResult result = result_of(commit);
    for (const std::string& path : needed) {
      RemoteFile& file = listed.at(path);
      if (file.etag.empty()) ask_etag(commit, file);
      result.files.push_back(
          {.path = path, .bytes = file.size, .cached = cache_.has(commit, path) && !fetched_.contains(path)});
      files.push_back(file);
    }
    if (options_.dry_run) return result;
    for (const std::string& path : absent) cache_.set_absent(commit, path);
    if (callbacks_.begin && result.missing_bytes() > 0) callbacks_.begin(result);
    download(commit, std::move(files), true);
    cache_.set_ref(name_.revision, commit);
    return result;
  }

  [[noreturn]] void no_such_file(const std::string& commit) const {
    fail(ErrorCode::kNotFound, "cannot pull {}: revision {} ({}) has no file or folder '{}'; check the name.",
         name_.repo, name_.revision, short_commit(commit), name_.file);
  }

  // Of a mirror whose list does not name contents.
  void ask_etag(const std::string& commit, RemoteFile& file) {
    const hub::FileHead head = api().head(commit, file.path);
    file.etag = head.etag;
    if (head.size) file.size = *head.size;
    if (file.etag.empty())
      fail(ErrorCode::kIo, "cannot pull {}: {} says neither a hash nor an ETag of {}; use another mirror.", name_.repo,
           env_.endpoint.origin(), file.path);
  }

  void download(const std::string& commit, std::vector<RemoteFile> files, bool tell) {
    std::erase_if(files, [&](const RemoteFile& file) { return cache_.has(commit, file.path); });
    if (files.empty()) return;  // the cache need not be one that can be written
    cache_.prepare(commit);
    uint64_t bytes = 0, to_come = 0;
    for (const RemoteFile& file : files) {
      bytes += file.size;
      std::error_code error;
      if (fs::exists(cache_.blob(file.etag), error)) continue;
      // What an earlier run left has its room already. Blocks are counted, since the file has holes.
      to_come += file.size - std::min(file.size, hub::bytes_on_disk(cache_.blob(file.etag) + ".swan.incomplete"));
    }
    check_free_space(cache_.folder(), to_come);
    HubCallbacks callbacks = callbacks_;
    if (!tell) callbacks.progress = {};
    hub::ProgressMeter progress(callbacks, "download", static_cast<int>(files.size()), bytes);
    hub::download_files(env_, stop_, cache_, name_.repo, commit, files, progress);
  }

  const PullOptions& options_;
  const HubCallbacks& callbacks_;
  hub::Environment env_;
  HubName name_;
  hub::CachedRepo cache_;
  hub::Stop stop_;
  std::optional<hub::HubApi> api_;
  std::string missing_;            // why what is cached does not do
  std::set<std::string> fetched_;  // indexes that the choice of files needed
};

}  // namespace

uint64_t PullResult::bytes() const {
  uint64_t sum = 0;
  for (const HubFile& file : files) sum += file.bytes;
  return sum;
}

uint64_t PullResult::missing_bytes() const {
  uint64_t sum = 0;
  for (const HubFile& file : files) sum += file.cached ? 0 : file.bytes;
  return sum;
}

bool is_hub_name(const std::string& name, const HubOptions& hub) {
  std::error_code error;
  if (name.empty() || fs::exists(name, error)) return false;
  std::string endpoint;
  if (name.starts_with("http")) endpoint = hub::read_environment(hub).endpoint.place();
  return hub::parse_hub_name(name, endpoint).has_value();
}

void pull_models(std::string& model, LoadOptions& load, const HubOptions& hub, const HubCallbacks& callbacks) {
  HubOptions parts = hub;
  parts.revision.clear();  // it is the model's
  const auto pull = [&](std::string& path, const HubOptions& options, PullOptions wanted) {
    std::string name = path;
    HubOptions of_name = options;
    if (const std::string kept = hub::name_of_snapshot(path); !kept.empty()) {
      name = kept;  // its commit is what counts
      of_name.revision.clear();
    }
    if (!is_hub_name(name, of_name)) return;
    wanted.variant = load.variant;
    try {
      path = pull_model(name, wanted, of_name, callbacks).path;
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kNotFound && e.code() != ErrorCode::kIo) throw;
      // It may have been meant as a path.
      fail(e.code(), "there is no file or folder '{}', and as a model of a hub: {}", path, e.what());
    }
  };
  // The vae is left out never: beside a tiny decoder it is still asked for what latents are, and encodes pictures.
  PullOptions whole;
  if (!load.transformer.empty()) whole.weightless.emplace_back("transformer");
  if (!load.text_encoder.empty()) whole.weightless.emplace_back("text_encoder");
  if (!load.tokenizer.empty()) whole.weightless.emplace_back("tokenizer");
  pull(model, hub, whole);
  pull(load.transformer, parts, {.components = {"transformer"}});
  pull(load.text_encoder, parts, {.components = {"text_encoder"}});
  pull(load.vae, parts, {.components = {"vae"}});
  pull(load.tokenizer, parts, {.components = {"tokenizer"}});
  pull(load.controlnet, parts, {.components = {"controlnet"}});
  for (Lora& lora : load.lora) pull(lora.path, parts, {});
}

PullResult pull_model(const std::string& name, const PullOptions& options, const HubOptions& hub,
                      const HubCallbacks& callbacks) {
  return Pull(name, options, hub, callbacks).run();
}

}  // namespace swan
