#include "hub/upload.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "core/error.h"
#include "io/system.h"

namespace swan::hub {

namespace {

constexpr size_t kBatch = 100;                  // objects in one request, as git-lfs has it
constexpr std::chrono::seconds kPatience(120);  // for a server that puts parts together

const nlohmann::json* member(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}
std::string text(const nlohmann::json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

[[noreturn]] void senseless(const LocalFile& file, const char* what) {
  fail(ErrorCode::kIo, "cannot push {}: the hub's instructions for it make no sense ({}); try again later.", file.path,
       what);
}

// A number in text, or 0.
uint64_t number(const std::string& digits) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? value : 0;
}

// One large file on its way.
struct Upload {
  const LocalFile* file = nullptr;
  UploadPlan plan;
  std::vector<std::string> etags;  // of parts that are there
  size_t left = 0;                 // parts
};

class Uploading {
 public:
  Uploading(const Environment& env, Stop& stop, HubApi& api, std::vector<Upload> uploads, ProgressMeter& progress)
      : env_(env), stop_(stop), repo_(api.repo()), uploads_(std::move(uploads)), progress_(progress) {
    for (Upload& upload : uploads_) {
      upload.left = upload.plan.parts.size();
      upload.etags.resize(upload.left);
      for (size_t part = 0; part < upload.left; ++part) work_.emplace_back(&upload, part);
    }
  }

  void run() {
    std::vector<std::thread> threads;
    const size_t count = std::min(static_cast<size_t>(env_.connections), work_.size());
    for (size_t i = 1; i < count; ++i) threads.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : threads) thread.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void work() {
    try {
      HubApi api(env_, stop_, repo_, "push", [this](const std::string& why) { progress_.waiting(why); });
      while (!stop_) {
        const size_t next = next_++;
        if (next >= work_.size()) return;
        const auto [upload, part] = work_[next];
        send(api, *upload, part);
      }
      if (stop_.cancelled())
        fail(ErrorCode::kCancelled, "cancelled; files that are complete at the hub are not sent again.");
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stop_.failed = true;
    }
  }

  void send(HubApi& api, Upload& upload, size_t index) {
    const UploadPart& part = upload.plan.parts[index];
    const LocalFile& file = *upload.file;
    progress_.begin_file(file.path);
    const io::OpenFile open = io::open_file(file.disk);
    uint64_t counted = 0;  // of an attempt that is made again only what is new
    HttpRequest request;
    request.method = "PUT";
    request.url = part.address;
    request.signed_address = true;
    if (upload.plan.parts.size() == 1) request.headers = upload.plan.headers;
    request.upload_bytes = part.size;
    request.silence = kPatience;
    request.upload = [&](uint64_t offset, char* data, size_t bytes) {
      const std::string read = io::read_at(open, file.disk, static_cast<size_t>(part.begin + offset), bytes);
      std::copy(read.begin(), read.end(), data);
      if (offset + bytes > counted) progress_.add(offset + bytes - std::exchange(counted, offset + bytes));
    };
    const HttpAnswer answer = api.send(request);
    if (answer.status < 200 || answer.status >= 300)
      fail(ErrorCode::kIo,
           "cannot push {}: the hub's storage answered with status {}; push again: files that are complete there are "
           "not "
           "sent again.",
           file.path, answer.status);
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      upload.etags[index] = std::string(header(answer.headers, "etag"));
      last = --upload.left == 0;
    }
    if (last) finish(api, upload);
  }

  // All parts are there.
  void finish(HubApi& api, const Upload& upload) {
    const LocalFile& file = *upload.file;
    const auto post = [&](const std::string& address, const nlohmann::json& body) {
      HttpRequest request;
      request.method = "POST";
      request.url = address;
      request.body = body.dump();
      request.silence = kPatience;
      request.signed_address = true;
      request.headers = {{"Accept", "application/vnd.git-lfs+json"}, {"Content-Type", "application/vnd.git-lfs+json"}};
      const HttpAnswer answer = api.send(request);
      if (answer.status < 200 || answer.status >= 300) api.refuse(answer, "", file.path);
    };
    if (!upload.plan.complete.empty()) {
      nlohmann::json parts = nlohmann::json::array();
      for (size_t i = 0; i < upload.etags.size(); ++i) {
        if (upload.etags[i].empty()) senseless(file, "a part that arrived has no ETag");
        parts.push_back({{"partNumber", i + 1}, {"etag", upload.etags[i]}});
      }
      post(upload.plan.complete, {{"oid", file.digest}, {"parts", std::move(parts)}});
    }
    if (!upload.plan.verify.empty()) post(upload.plan.verify, {{"oid", file.digest}, {"size", file.size}});
    progress_.end_file();
  }

  const Environment& env_;
  Stop& stop_;
  const std::string repo_;
  std::vector<Upload> uploads_;
  ProgressMeter& progress_;
  std::vector<std::pair<Upload*, size_t>> work_;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

UploadPlan parse_upload_plan(const nlohmann::json& object, const LocalFile& file) {
  constexpr uint64_t kMostParts = 10'000;
  if (const nlohmann::json* error = member(object, "error"))
    fail(ErrorCode::kIo, "cannot push {}: the hub refuses it: {}.", file.path,
         text(member(*error, "message")).substr(0, 300));
  UploadPlan plan;
  const nlohmann::json* actions = member(object, "actions");
  if (actions == nullptr) return plan;
  const nlohmann::json* upload = member(*actions, "upload");
  if (upload == nullptr) return plan;
  const std::string address = text(member(*upload, "href"));
  if (!parse_url(address)) senseless(file, "no address");
  if (const nlohmann::json* verify = member(*actions, "verify")) {
    plan.verify = text(member(*verify, "href"));
    if (!parse_url(plan.verify)) senseless(file, "no address to verify it at");
  }
  const nlohmann::json none = nlohmann::json::object();
  const nlohmann::json* headers = member(*upload, "header");
  if (headers == nullptr) headers = &none;
  const nlohmann::json* chunk = member(*headers, "chunk_size");
  if (chunk == nullptr) {
    plan.parts.push_back({.address = address, .begin = 0, .size = file.size});
    for (const auto& [name, value] : headers->items()) {
      const std::string line = text(&value);
      const auto clean = [](const std::string& s) { return s.find_first_of("\r\n") == std::string::npos; };
      if (!value.is_string() || !clean(name) || !clean(line)) senseless(file, "a header that is none");
      plan.headers.emplace_back(name, line);
    }
    return plan;
  }
  // The addresses of the parts are under their numbers, from 1 on.
  const uint64_t size = chunk->is_number_unsigned() ? chunk->get<uint64_t>() : number(text(chunk));
  if (size == 0 || (file.size + size - 1) / size > kMostParts) senseless(file, "the size of the parts");
  std::map<uint64_t, std::string> addresses;
  for (const auto& [name, value] : headers->items())
    if (const uint64_t index = number(name); index > 0) addresses.emplace(index, text(&value));
  for (uint64_t begin = 0, index = 1; begin < file.size; begin += size, ++index) {
    const auto it = addresses.find(index);
    if (it == addresses.end() || !parse_url(it->second)) senseless(file, "the addresses of the parts");
    plan.parts.push_back({.address = it->second, .begin = begin, .size = std::min(size, file.size - begin)});
  }
  if (addresses.size() != plan.parts.size()) senseless(file, "the number of parts");
  plan.complete = address;
  return plan;
}

uint64_t upload_files(const Environment& env, Stop& stop, HubApi& api, const std::string& revision,
                      const std::vector<const LocalFile*>& files, ProgressMeter& progress) {
  std::vector<Upload> uploads;
  uint64_t sent = 0;
  for (size_t begin = 0; begin < files.size(); begin += kBatch) {
    const size_t end = std::min(begin + kBatch, files.size());
    std::map<std::string, const LocalFile*> by_digest;
    nlohmann::json objects = nlohmann::json::array();
    for (size_t i = begin; i < end; ++i)
      if (by_digest.emplace(files[i]->digest, files[i]).second)
        objects.push_back({{"oid", files[i]->digest}, {"size", files[i]->size}});
    HttpRequest request;
    request.method = "POST";
    request.url = api.page() + ".git/info/lfs/objects/batch";
    request.headers = {{"Accept", "application/vnd.git-lfs+json"}, {"Content-Type", "application/vnd.git-lfs+json"}};
    request.body = nlohmann::json{{"operation", "upload"},
                                  {"transfers", {"basic", "multipart"}},
                                  {"objects", std::move(objects)},
                                  {"hash_algo", "sha256"},
                                  {"ref", {{"name", revision}}}}
                       .dump();
    const nlohmann::json answer = api.json_of(request, revision);
    const nlohmann::json* planned = member(answer, "objects");
    if (planned == nullptr || !planned->is_array())
      fail(ErrorCode::kIo, "cannot push {}: the hub does not say how it wants large files; try again later.",
           api.repo());
    for (const nlohmann::json& object : *planned) {
      const auto it = by_digest.find(text(member(object, "oid")));
      if (it == by_digest.end()) continue;
      const LocalFile* file = it->second;
      by_digest.erase(it);
      UploadPlan plan = parse_upload_plan(object, *file);
      if (plan.parts.empty()) {
        progress.add_present(file->size);
        progress.end_file();
        continue;
      }
      sent += file->size;
      uploads.push_back({.file = file, .plan = std::move(plan), .etags = {}});
    }
    if (!by_digest.empty()) senseless(*by_digest.begin()->second, "it is not among them");
  }
  Uploading(env, stop, api, std::move(uploads), progress).run();
  return sent;
}

}  // namespace swan::hub
