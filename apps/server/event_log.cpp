#include "server/event_log.h"

#include <algorithm>

namespace swan::server {

void EventLog::put(const std::string& name, std::string data) {
  std::erase_if(events_, [&](const Event& event) { return event.name == name; });
  events_.push_back({++last_, name, std::move(data)});
}

void EventLog::add(const std::string& name, std::string data) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    put(name, std::move(data));
  }
  changed_.notify_all();
}

void EventLog::close(const std::string& name, std::string data) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    // Previews are the largest part, and nobody who comes now needs one.
    std::erase_if(events_, [](const Event& event) { return event.name == "preview"; });
    put(name, std::move(data));
    closed_ = true;
  }
  changed_.notify_all();
}

EventLog::News EventLog::wait(uint64_t id, std::chrono::milliseconds most) const {
  std::unique_lock lock(mutex_);
  if (id > last_) id = 0;  // of a log before a restart: its listener has seen nothing of this one
  changed_.wait_for(lock, most, [&] { return closed_ || last_ > id; });
  News news;
  std::copy_if(events_.begin(), events_.end(), std::back_inserter(news.events),
               [&](const Event& event) { return event.id > id; });
  news.closed = closed_;
  return news;
}

}  // namespace swan::server
