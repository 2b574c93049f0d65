// Goal: listings collect all pages, verbs report what was not found, and each failure has its exit
// code. Method: a server on a Unix socket in a directory of its own plays smb-frontend.
#include <catch2/catch.hpp>

#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <sstream>

#include <grpcpp/grpcpp.h>

#include "continuo/frontend/v1/frontend_admin_service.grpc.pb.h"
#include "tools/continuoctl/listings.h"

namespace continuo::ctl {
namespace {

namespace pb = continuo::frontend::v1;

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_("/tmp/ctlXXXXXX") { REQUIRE(mkdtemp(path_.data()) != nullptr); }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Collects what is written to a stream while it lives.
class Captured {
 public:
  explicit Captured(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
  ~Captured() { stream_.rdbuf(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostream& stream_;
  std::ostringstream text_;
  std::streambuf* before_;
};

// Three sessions on three pages; one of them can be closed.
class FakeFrontend final : public pb::FrontendAdminService::Service {
 public:
  grpc::Status ListSessions(grpc::ServerContext*, const pb::ListSessionsRequest* request,
                            pb::ListSessionsResponse* response) override {
    const int page = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    pb::Session* session = response->add_sessions();
    session->set_session_id(static_cast<uint64_t>(page + 1));
    session->set_user_name("user" + std::to_string(page));
    session->set_is_signed(true);
    if (page < 2) response->set_next_page_token(std::to_string(page + 1));
    return grpc::Status::OK;
  }
  grpc::Status CloseSession(grpc::ServerContext*, const pb::CloseSessionRequest* request,
                            pb::CloseSessionResponse* response) override {
    response->set_found(request->session_id() == 2);
    return grpc::Status::OK;
  }
  grpc::Status ListShares(grpc::ServerContext*, const pb::ListSharesRequest*,
                          pb::ListSharesResponse*) override {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no");
  }
};

struct FakeNode {
  TemporaryDirectory directory;
  FakeFrontend frontend;
  std::unique_ptr<grpc::Server> server;
  Context context;

  FakeNode() {
    context.run_dir = directory.path();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + directory.path() + "/smb-frontend.sock",
                             grpc::InsecureServerCredentials());
    builder.RegisterService(&frontend);
    server = builder.BuildAndStart();
    REQUIRE(server != nullptr);
  }
};

TEST_CASE("sessions: all pages are listed", "[unit][continuoctl]") {
  FakeNode node;
  const Captured out(std::cout);
  CHECK(ListSessions(node.context) == kExitOk);
  for (const char* name : {"user0", "user1", "user2", "signed"}) {
    CHECK(out.text().find(name) != std::string::npos);
  }
}

TEST_CASE("verbs: what is not there is exit code 1", "[unit][continuoctl]") {
  FakeNode node;
  const Captured err(std::cerr);
  CHECK(CloseSession(node.context, 2) == kExitOk);
  CHECK(CloseSession(node.context, 3) == kExitFailure);
  CHECK(CloseOpen(node.context, "12") == kExitUsage);
  CHECK(CloseOpen(node.context, "1:xyz") == kExitUsage);
}

TEST_CASE("refused and unreachable daemons have their exit codes", "[unit][continuoctl]") {
  FakeNode node;
  const Captured err(std::cerr);
  CHECK(ListShares(node.context) == kExitFailure);
  CHECK(err.text().find("continuo-admin") != std::string::npos);
  node.context.run_dir = node.directory.path() + "/nowhere";
  CHECK(ListShares(node.context) == kExitUnreachable);
}

}  // namespace
}  // namespace continuo::ctl
