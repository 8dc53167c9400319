#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "core/error.h"
#include "hub/api.h"
#include "hub/digest.h"
#include "hub/environment.h"
#include "hub/names.h"
#include "hub/progress.h"
#include "hub/selection.h"
#include "hub/upload.h"
#include "io/system.h"
#include "swan/hub.h"

namespace swan {

namespace {

namespace fs = std::filesystem;
using hub::HttpAnswer;
using hub::HttpRequest;
using hub::LocalFile;
using nlohmann::json;

constexpr size_t kSample = 512;  // bytes of a file by which a hub chooses how to keep it
constexpr uint64_t kMostRegular = uint64_t{64} << 20;

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U; };
    const unsigned group = byte(0) << 16U | byte(1) << 8U | byte(2);
    for (unsigned k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : kDigits[(group >> (18U - 6U * k)) & 63U];
  }
  return out;
}

// What a download or a system leaves in folders, and what is hidden.
bool is_litter(const std::string& name) {
  constexpr std::array<std::string_view, 4> kEndings = {".incomplete", ".swan.pieces", ".part", ".lock"};
  return name.starts_with('.') || name == "__pycache__" ||
         std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view e) { return name.ends_with(e); });
}

// Links are followed: the snapshots of a cache consist of them.
std::vector<LocalFile> files_of(const std::string& folder, const PushOptions& options) {
  constexpr size_t kMostFiles = 20'000;
  constexpr int kDeepest = 32;
  std::error_code error;
  if (!fs::is_directory(folder, error))
    fail(ErrorCode::kNotFound, "cannot push {}: there is no such folder; check the path.", folder);
  std::map<std::string, LocalFile> files;
  std::set<std::string> paths;
  for (fs::recursive_directory_iterator it(folder, fs::directory_options::follow_directory_symlink, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (is_litter(it->path().filename().string())) {
      if (it->is_directory(ignored)) it.disable_recursion_pending();
      continue;
    }
    if (it.depth() > kDeepest || files.size() > kMostFiles)
      fail(ErrorCode::kInvalidArgument,
           "cannot push {}: it holds more than {} files, or folders {} deep; name a model's.", folder, kMostFiles,
           kDeepest);
    if (!it->is_regular_file(ignored)) continue;
    LocalFile file;
    file.path = it->path().lexically_relative(folder).generic_string();
    file.disk = it->path().string();
    if (const std::string problem = hub::path_problem(file.path); !problem.empty())
      fail(ErrorCode::kInvalidArgument, "cannot push {}: no hub takes that name, for {}; rename it.", file.disk,
           problem);
    file.size = fs::file_size(it->path(), error);
    paths.insert(file.path);
    files.emplace(file.path, std::move(file));
  }
  if (error) fail(ErrorCode::kIo, "cannot list the folder {}: {}.", folder, error.message());
  std::vector<LocalFile> chosen;
  for (const std::string& path : hub::filtered(paths, options.include, options.exclude))
    chosen.push_back(std::move(files.at(path)));
  if (chosen.empty())
    fail(ErrorCode::kInvalidArgument,
         "cannot push {}: there is no file to push in it; check the path and the patterns.", folder);
  return chosen;
}

class Push {
 public:
  Push(const std::string& folder, const std::string& name, const PushOptions& options, const HubOptions& hub,
       const HubCallbacks& callbacks)
      : folder_(folder), options_(options), callbacks_(callbacks), env_(hub::read_environment(hub)) {
    stop_.cancel = callbacks.cancel;
    const auto parsed = hub::parse_hub_name(name, env_.endpoint.place());
    if (!parsed || !parsed->file.empty())
      fail(ErrorCode::kInvalidArgument,
           "'{}' is not the name of a repository; it should be org/name, or org/name@branch.", name);
    branch_ = !parsed->revision.empty() ? parsed->revision : !hub.revision.empty() ? hub.revision : "main";
    if (!hub.revision.empty() && hub.revision != branch_)
      fail(ErrorCode::kInvalidArgument, "'{}' names the branch {}, but {} is asked for too; give one of them.", name,
           branch_, hub.revision);
    if (hub::is_commit(branch_) || !hub::is_revision(branch_))
      fail(ErrorCode::kInvalidArgument, "'{}' is not a branch; it should be a name such as main.", branch_);
    result_.repo = parsed->repo;
    if (env_.offline)
      fail(ErrorCode::kInvalidArgument,
           "cannot push {}: --offline or HF_HUB_OFFLINE keeps Swan from the network; take it away.", result_.repo);
    if (env_.token.empty())
      fail(ErrorCode::kIo, "cannot push {}: a token is needed that may write; log in (hf auth login), or set HF_TOKEN.",
           result_.repo);
    api_.emplace(env_, stop_, result_.repo, "push", [this](const std::string& why) {
      if (callbacks_.waiting) callbacks_.waiting(why);
    });
  }

  PushResult run() {
    files_ = files_of(folder_, options_);
    make_repository();
    ask_how();
    digest();
    std::vector<const LocalFile*> large;
    uint64_t bytes = 0;
    for (const LocalFile& file : files_) {
      if (!file.large || file.present) continue;
      large.push_back(&file);
      bytes += file.size;
    }
    if (!large.empty()) {
      hub::ProgressMeter progress(callbacks_, "upload", static_cast<int>(large.size()), bytes);
      result_.uploaded_bytes = hub::upload_files(env_, stop_, *api_, branch_, large, progress);
      progress.finish();
    }
    commit();
    result_.url = api_->page();
    for (const LocalFile& file : files_)
      result_.files.push_back({.path = file.path, .bytes = file.size, .cached = file.present});
    return std::move(result_);
  }

 private:
  HttpAnswer post(const std::string& address, const json& body) {
    HttpRequest request;
    request.method = "POST";
    request.url = address;
    request.body = body.dump();
    request.headers = {{"Content-Type", "application/json"}};
    request.silence = std::chrono::seconds(60);
    return api_->send(request);
  }
  static bool is_good(const HttpAnswer& answer) { return answer.status >= 200 && answer.status < 300; }

  void make_repository() {
    HttpRequest request;
    request.url = api_->api_address("/revision/" + hub::url_escaped(branch_, false));
    request.answer_soon = true;
    HttpAnswer answer = api_->send(request);
    const auto code = [&] { return std::string(hub::header(answer.headers, "x-error-code")); };
    if (is_good(answer)) {
      const json info = api_->parsed(answer, "the info of " + result_.repo);
      if (info.is_object() && info.contains("sha") && info["sha"].is_string()) head_ = info["sha"].get<std::string>();
      return;
    }
    if (code() != "RevisionNotFound") {
      // Of a stranger's private model the hub says the same as of one that is not there: creating it tells.
      if (code() != "RepoNotFound") api_->refuse(answer, branch_, "");
      const size_t slash = result_.repo.find('/');
      json body = {
          {"name", result_.repo.substr(slash + 1)}, {"organization", result_.repo.substr(0, slash)}, {"type", "model"}};
      if (options_.make_private) {
        body["private"] = true;  // of older hubs and mirrors
        body["visibility"] = "private";
      }
      const std::string base = env_.endpoint.str();
      answer = post((base.ends_with('/') ? base : base + "/") + "api/repos/create", body);
      constexpr int kConflict = 409;  // somebody was quicker
      if (!is_good(answer) && answer.status != kConflict) api_->refuse(answer, branch_, "");
      result_.created = is_good(answer);
      if (branch_ == "main") return;
    }
    answer = post(api_->api_address("/branch/" + hub::url_escaped(branch_, false)), json::object());
    constexpr int kConflict = 409;
    if (!is_good(answer) && answer.status != kConflict) api_->refuse(answer, branch_, "");
  }

  [[nodiscard]] std::string query() const { return options_.create_pr ? "?create_pr=1" : ""; }

  // Which files the hub wants in its storage of large files, which it leaves out, and which it has.
  void ask_how() {
    constexpr size_t kAtOnce = 256;
    for (size_t begin = 0; begin < files_.size(); begin += kAtOnce) {
      const size_t end = std::min(begin + kAtOnce, files_.size());
      json list = json::array();
      for (size_t i = begin; i < end; ++i) {
        const io::OpenFile open = io::open_file(files_[i].disk);
        const std::string sample = io::read_at(open, files_[i].disk, 0, std::min(kSample, open.bytes));
        list.push_back({{"path", files_[i].path}, {"sample", base64(sample)}, {"size", files_[i].size}});
      }
      const HttpAnswer answer = post(api_->api_address("/preupload/" + hub::url_escaped(branch_, false)) + query(),
                                     {{"files", std::move(list)}});
      if (!is_good(answer)) api_->refuse(answer, branch_, "");
      const json said = api_->parsed(answer, "the hub's answer about files");
      const json none = json::array();
      const json& entries =
          said.is_object() && said.contains("files") && said["files"].is_array() ? said["files"] : none;
      for (const json& entry : entries) {
        if (!entry.is_object() || !entry.contains("path")) continue;
        const auto file =
            std::find_if(files_.begin(), files_.end(), [&](const LocalFile& f) { return entry["path"] == f.path; });
        if (file == files_.end()) continue;
        const json mode = entry.value("uploadMode", json());
        if (mode != "lfs" && mode != "regular") continue;
        file->large = mode == "lfs" && file->size > 0;  // storages take no empty files
        answered_.insert(file->path);
        if (entry.value("shouldIgnore", json()) == true) ignored_.insert(file->path);
        if (const json oid = entry.value("oid", json()); oid.is_string()) known_[file->path] = oid.get<std::string>();
      }
    }
    std::erase_if(files_, [&](const LocalFile& file) { return ignored_.contains(file.path); });
    for (const LocalFile& file : files_) {
      if (!answered_.contains(file.path))
        fail(ErrorCode::kIo, "cannot push {}: the hub does not say how it wants it; try again later.", file.path);
      if (!file.large && file.size > kMostRegular)
        fail(ErrorCode::kIo,
             "cannot push {}: the hub wants its {} bytes as an ordinary file; name it in .gitattributes.", file.path,
             file.size);
    }
  }

  void digest() {
    uint64_t bytes = 0;
    for (const LocalFile& file : files_) bytes += file.size;
    hub::ProgressMeter progress(callbacks_, "hash", static_cast<int>(files_.size()), bytes);
    for (LocalFile& file : files_) {
      progress.begin_file(file.path);
      constexpr uint64_t kBlock = uint64_t{4} << 20;
      const io::OpenFile open = io::open_file(file.disk);
      hub::Digest digest(file.large ? hub::DigestKind::kSha256 : hub::DigestKind::kGitBlob, file.size);
      for (uint64_t at = 0; at < file.size; at += kBlock) {
        if (stop_) fail(ErrorCode::kCancelled, "cancelled; nothing was pushed.");
        const std::string block = io::read_at(open, file.disk, at, std::min(kBlock, file.size - at));
        digest.update(block.data(), block.size());
        progress.add(block.size());
      }
      file.digest = digest.finish();
      const auto known = known_.find(file.path);
      file.present = known != known_.end() && known->second == file.digest;
      progress.end_file();
    }
    progress.finish();
  }

  // One line of JSON for the message, one for each file.
  [[nodiscard]] std::string commit_lines() const {
    const std::string name = fs::absolute(folder_).lexically_normal().filename().string();
    const std::string message = !options_.message.empty() ? printable_utf8(options_.message)
                                : name.empty()            ? "Upload with Swan"
                                                          : "Upload of " + printable_utf8(name) + " with Swan";
    std::string lines = json{{"key", "header"}, {"value", {{"summary", message}, {"description", ""}}}}.dump() + "\n";
    for (const LocalFile& file : files_) {
      if (file.present) continue;
      if (file.large) {
        lines += json{{"key", "lfsFile"},
                      {"value", {{"path", file.path}, {"algo", "sha256"}, {"oid", file.digest}, {"size", file.size}}}}
                     .dump();
      } else {
        const std::string content = io::read_file(file.disk, kMostRegular);
        lines += json{{"key", "file"},
                      {"value", {{"path", file.path}, {"encoding", "base64"}, {"content", base64(content)}}}}
                     .dump();
      }
      lines += "\n";
    }
    return lines;
  }

  void commit() {
    if (std::all_of(files_.begin(), files_.end(), [](const LocalFile& file) { return file.present; })) {
      result_.unchanged = true;
      result_.commit = head_;
      return;
    }
    HttpRequest request;
    request.method = "POST";
    request.url = api_->api_address("/commit/" + hub::url_escaped(branch_, false)) + query();
    request.headers = {{"Content-Type", "application/x-ndjson"}};
    request.body = commit_lines();
    request.silence = std::chrono::minutes(5);
    HttpAnswer answer;
    try {
      // Once: when the answer is lost, the commit may have been made.
      answer = api_->client().send(request);
    } catch (const hub::ConnectionError& e) {
      throw hub::ConnectionError(fmt::format(
          "cannot push {}: whether the commit arrived is not known ({}); push again, which sends nothing twice.",
          result_.repo, e.what()));
    }
    if (!is_good(answer)) api_->refuse(answer, branch_, "");
    const json said = api_->parsed(answer, "the hub's answer to the commit");
    const auto text = [&](const char* key) {
      return said.is_object() && said.contains(key) && said[key].is_string() ? said[key].get<std::string>() : "";
    };
    result_.commit = text("commitOid");
    result_.pull_request = text("pullRequestUrl");
  }

  const std::string& folder_;
  const PushOptions& options_;
  const HubCallbacks& callbacks_;
  hub::Environment env_;
  hub::Stop stop_;
  std::optional<hub::HubApi> api_;
  std::string branch_, head_;
  std::vector<LocalFile> files_;
  std::set<std::string> ignored_, answered_;
  std::map<std::string, std::string> known_;  // content that the hub has under a path
  PushResult result_;
};

}  // namespace

PushResult push_model(const std::string& folder, const std::string& name, const PushOptions& options,
                      const HubOptions& hub, const HubCallbacks& callbacks) {
  return Push(folder, name, options, hub, callbacks).run();
}

}  // namespace swan
