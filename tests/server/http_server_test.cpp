// Sockets: clients that are slow, greedy, wrong or gone.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "server/http/clock.h"
#include "server/http/server.h"

namespace swan::server {
namespace {

// Answers with the method, the path and the body.
class Echo final : public HttpHandler {
 public:
  std::optional<Response> before_body(Request& request) override {
    if (request.path != "/early") return std::nullopt;
    return Response{.status = 401, .body = "no"};
  }
  Response handle(const Request& request) override {
    if (request.path == "/stream") {
      Response response;
      response.stream = [this](StreamWriter& writer) {
        while (writer.write("event\n")) {
          if (writer.gone()) break;
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        ++streams_ended;
      };
      return response;
    }
    if (request.path == "/file") return {.file = file, .offset = 10, .length = 99'990};
    if (request.path == "/last") {
      Response response;
      response.stream = [this](StreamWriter& writer) {
        (void)writer.write("first\n");
        while (!finish) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (!writer.gone()) (void)writer.write("last\n");
      };
      return response;
    }
    if (request.path == "/wait") {
      while (!request.client_gone()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++waits_ended;
    }
    return {.body = request.method + " " + request.path + " " + request.body};
  }
  Response refuse(const HeadError& error, const Request*) override {
    return {.status = error.status, .body = error.message};
  }
  void finished(const Request*, const Response&, uint64_t, double) override { ++answered; }

  std::atomic<int> answered{0}, streams_ended{0}, waits_ended{0};
  std::atomic<bool> finish{false};
  std::shared_ptr<const OpenFile> file;
};

class Client {
 public:
  explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval timeout = {.tv_sec = 10, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  ~Client() { hang_up(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& bytes) const { (void)::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Everything until the server closes.
  std::string rest() const {
    std::string all;
    while (true) {
      const std::string more = some();
      if (more.empty()) return all;
      all += more;
    }
  }
  std::string some() const {
    char bytes[4096];
    const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
    return count > 0 ? std::string(bytes, static_cast<size_t>(count)) : "";
  }
  // Until this text has come.
  std::string until(const std::string& text) const {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const std::string more = some();
      if (more.empty()) break;
      all += more;
    }
    return all;
  }
  void hang_up() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

 private:
  int socket_;
};

class HttpServerTest : public testing::Test {
 protected:
  void start(HttpLimits limits = {}) {
    server_ = std::make_unique<HttpServer>(echo_, limits);
    port_ = server_->listen("127.0.0.1", 0);
    server_->start();
  }
  [[nodiscard]] std::string ask(const std::string& bytes) const {
    const Client client(port_);
    client.send(bytes);
    return client.rest();
  }
  template <typename Condition>
  static bool soon(const Condition& condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return condition();
  }
  Echo echo_;
  std::unique_ptr<HttpServer> server_;
  int port_ = 0;
};

const std::string kHost = " HTTP/1.1\r\nHost: a\r\n";
const std::string kLast = kHost + "Connection: close\r\n";

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  const std::string answers = ask("POST /a" + kHost + "Content-Length: 3\r\n\r\nxyzGET /b" + kHost + "\r\nHEAD /c" +
                                  kHost + "\r\nGET /d" + kLast + "\r\n");
  const size_t a = answers.find("POST /a xyz");
  const size_t b = answers.find("GET /b ");
  EXPECT_LT(a, b);
  EXPECT_LT(b, answers.find("GET /d "));
  EXPECT_EQ(answers.find("HEAD /c"), std::string::npos) << "HEAD has no body";
  EXPECT_EQ(echo_.answered, 4);
}

TEST_F(HttpServerTest, AGarbageRequestEndsTheConnection) {
  start();
  const std::string answers = ask("GET /a" + kHost + "\r\n\x01\x02 garbage\r\n\r\nGET /b" + kHost + "\r\n");
  EXPECT_NE(answers.find("GET /a"), std::string::npos);
  EXPECT_NE(answers.find("HTTP/1.1 400"), std::string::npos);
  EXPECT_EQ(answers.find("GET /b"), std::string::npos);
}

TEST_F(HttpServerTest, LargeBodiesAreRefusedUnread) {
  start({.body_bytes = 10});
  EXPECT_NE(ask("POST /a" + kHost + "Content-Length: 11\r\n\r\n").find("HTTP/1.1 413"), std::string::npos);
  EXPECT_NE(ask("POST /a" + kHost + "Content-Length: 18446744073709551615\r\n\r\n").find("HTTP/1.1 413"),
            std::string::npos);
}

TEST_F(HttpServerTest, TakesBodiesInChunks) {
  start({.body_bytes = 10});
  const std::string begin = "POST /a" + kLast + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_NE(ask(begin + "4\r\nabcd\r\n6;x=y\r\nefghij\r\n0\r\nTrailer: t\r\n\r\n").find("POST /a abcdefghij"),
            std::string::npos);
  EXPECT_NE(ask(begin + "4\r\nabcd\r\n7\r\n").find("HTTP/1.1 413"), std::string::npos) << "more than the limit";
  EXPECT_NE(ask(begin + "4\r\nabcd; no end of the chunk\r\n").find("HTTP/1.1 400"), std::string::npos);
  EXPECT_NE(ask(begin + "4;" + std::string(70'000, 'x')).find("HTTP/1.1 4"), std::string::npos);
  EXPECT_EQ(echo_.answered, 4);
}

TEST_F(HttpServerTest, StreamsToHttp10EndWithTheConnection) {
  start();
  echo_.finish = true;
  const std::string answer = ask("GET /last HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer.find("chunked"), std::string::npos);
  EXPECT_EQ(answer.substr(answer.find("\r\n\r\n")), "\r\n\r\nfirst\nlast\n");
}

TEST_F(HttpServerTest, FilesEndBeforeTheirLengthWhereTheyWereCut) {
  start();
  const std::string file = testing::TempDir() + "swan_http_server_test_file";
  std::ofstream(file) << std::string(100'000, 'f');
  echo_.file = std::make_shared<OpenFile>(file);
  const std::string request = "GET /file" + kLast + "\r\n";
  EXPECT_NE(ask(request).find("\r\n\r\n" + std::string(99'990, 'f')), std::string::npos);
  std::filesystem::resize_file(file, 80'000);
  const std::string answer = ask(request);
  EXPECT_NE(answer.find("Content-Length: 99990"), std::string::npos);
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 79'990U);
  std::filesystem::remove(file);
}

TEST_F(HttpServerTest, HeadsWithoutEndAreRefused) {
  start();
  EXPECT_NE(ask("GET /a" + kHost + "X: " + std::string(40'000, 'x')).find("HTTP/1.1 431"), std::string::npos);
}

TEST_F(HttpServerTest, SlowHeadsAndBodiesTimeOut) {
  start({.head_time = std::chrono::milliseconds(50),
         .body_time = std::chrono::milliseconds(50),
         .idle_time = std::chrono::milliseconds(50)});
  EXPECT_EQ(ask(""), "") << "nothing came: nothing is said";
  EXPECT_NE(ask("GET /a HT").find("HTTP/1.1 408"), std::string::npos);
  EXPECT_NE(ask("POST /a" + kHost + "Content-Length: 5\r\n\r\nab").find("HTTP/1.1 408"), std::string::npos);
}

TEST_F(HttpServerTest, ADripOfBytesDoesNotExtendTheTime) {
  start({.head_time = std::chrono::milliseconds(100)});
  const Client client(port_);
  const auto began = Clock::now();
  std::thread drip([&] {
    for (int i = 0; i < 40; ++i) {
      client.send("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  EXPECT_NE(client.rest().find("HTTP/1.1 408"), std::string::npos);
  drip.join();
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(5));
}

TEST_F(HttpServerTest, ExpectationsAreAnsweredBeforeTheBody) {
  start();
  const Client client(port_);
  client.send("POST /a" + kLast + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_NE(client.rest().find("POST /a ok"), std::string::npos);
}

TEST_F(HttpServerTest, AnEarlyAnswerNeedsNoBody) {
  start();
  const std::string answers = ask("POST /early" + kHost + "Content-Length: 100000\r\n\r\n" + std::string(50'000, 'x'));
  EXPECT_NE(answers.find("HTTP/1.1 401"), std::string::npos);
  EXPECT_NE(ask("POST /early" + kHost + "Content-Length: 1\r\n\r\nxGET /b" + kLast + "\r\n").find("GET /b"),
            std::string::npos)
      << "a whole body is passed over";
}

TEST_F(HttpServerTest, ConnectionsAreBounded) {
  start({.connections = 2});
  Client first(port_);
  Client second(port_);
  first.send("GET /a" + kHost + "\r\n");
  second.send("GET /a" + kHost + "\r\n");
  EXPECT_NE(first.until("GET /a").find("200 OK"), std::string::npos);
  EXPECT_NE(second.until("GET /a").find("200 OK"), std::string::npos);
  const Client third(port_);
  EXPECT_NE(third.rest().find("HTTP/1.1 503"), std::string::npos);
  first.hang_up();
  EXPECT_TRUE(soon([&] { return server_->connections() == 1; }));
  EXPECT_NE(ask("GET /a" + kLast + "\r\n").find("200 OK"), std::string::npos);
}

TEST_F(HttpServerTest, StreamsEndWithTheirListener) {
  start();
  Client client(port_);
  client.send("GET /stream" + kHost + "\r\n");
  EXPECT_NE(client.until("6\r\nevent\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  client.hang_up();
  EXPECT_TRUE(soon([&] { return echo_.streams_ended == 1; }));
}

TEST_F(HttpServerTest, AStreamToAReaderThatTakesNothingEnds) {
  start({.write_time = std::chrono::milliseconds(50)});
  const Client client(port_);
  client.send("GET /stream" + kHost + "\r\n");
  // The handler writes until the socket's buffers are full; a client with tiny windows would take long to fill here.
  EXPECT_NE(client.until("event").size(), 0U);
  server_->stop(std::chrono::milliseconds(1000));
  EXPECT_EQ(echo_.streams_ended, 1);
}

TEST_F(HttpServerTest, WaitingHandlersHearThatTheClientIsGone) {
  start();
  Client client(port_);
  client.send("GET /wait" + kHost + "\r\n");
  EXPECT_TRUE(soon([&] { return server_->connections() == 1; }));
  client.hang_up();
  EXPECT_TRUE(soon([&] { return echo_.waits_ended == 1; }));
}

TEST_F(HttpServerTest, StoppingEndsIdleConnectionsAtOnce) {
  start();
  const Client idle(port_);
  idle.send("GET /a" + kHost + "\r\n");
  EXPECT_NE(idle.until("GET /a").find("keep-alive"), std::string::npos);
  const auto began = Clock::now();
  server_->stop(std::chrono::seconds(10));
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(5));
  EXPECT_EQ(idle.rest(), "");
}

TEST_F(HttpServerTest, StoppingWaitsForTheLastWordOfAStream) {
  start();
  const Client client(port_);
  client.send("GET /last" + kHost + "\r\n");
  EXPECT_NE(client.until("first").find("200 OK"), std::string::npos);
  std::thread stopping([&] { server_->stop(std::chrono::seconds(10)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  echo_.finish = true;
  EXPECT_NE(client.rest().find("last\n\r\n0\r\n\r\n"), std::string::npos);
  stopping.join();
}

}  // namespace
}  // namespace swan::server
