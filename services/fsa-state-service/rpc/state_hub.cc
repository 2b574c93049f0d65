#include "services/fsa-state-service/rpc/state_hub.h"

#include <utility>

#include "common/base/check.h"
#include "common/fsa/wire/fsa_codec.h"

namespace continuo::fsastate {
namespace {

namespace pb = fsa::v1;

constexpr uint32_t kStreamVersion = 1;

template <typename Files>
absl::StatusOr<std::vector<fsa::FileSnapshot>> DecodeFiles(const Files& from) {
  std::vector<fsa::FileSnapshot> files;
  for (const pb::FileState& state : from) {
    std::optional<fsa::FileSnapshot> file = fsa::Decode(state);
    if (!file) return absl::InvalidArgumentError("a file's state that no frontend wrote");
    files.push_back(std::move(*file));
  }
  return files;
}

struct MessageEncoder {
  pb::ServiceItem* to;
  void operator()(const ServeRemotely&) { to->mutable_serve_remotely(); }
  void operator()(const Offer&) { to->mutable_offer(); }
  void operator()(const Recall&) { to->mutable_recall(); }
  void operator()(const Download& from) {
    to->mutable_download()->set_is_last(from.is_last);
    for (const fsa::FileSnapshot& file : from.files) {
      fsa::Encode(file, to->mutable_download()->add_files());
    }
  }
  void operator()(const ListingRequest& from) {
    to->mutable_listing()->set_listing_id(from.listing_id);
    to->mutable_listing()->set_limit(from.limit);
  }
  void operator()(const fsa::Effect& from) { fsa::Encode(from, to->mutable_event()); }
  void operator()(const fsa::StreamLocks& from) { fsa::Encode(from, to->mutable_locks()); }
  void operator()(const ListingDone&) { CONTINUO_CHECK(false); }
};

}  // namespace

absl::Status StateHub::Attach(std::shared_ptr<FrontendStream> stream) {
  Outgoing out;
  {
    absl::MutexLock lock(&mutex_);
    if (stream_ != nullptr) return absl::AlreadyExistsError("a frontend is attached already");
    stream_ = stream;
    CONTINUO_RETURN_IF_ERROR(authority_.Attach(&out));
    Dispatch(&out);
  }
  stream->Flush();
  return absl::OkStatus();
}

absl::Status StateHub::Handle(FrontendStream* stream, const pb::AttachRequest& request) {
  Finished finished;
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    if (stream_.get() != stream) return absl::FailedPreconditionError("not the attached stream");
    Outgoing out;
    for (const pb::FrontendItem& item : request.items()) {
      status = HandleItem(item, &out);
      if (!status.ok()) break;
    }
    finished = Dispatch(&out);
  }
  stream->Flush();
  for (auto& [done, listing] : finished) done(std::move(listing));
  return status;
}

absl::Status StateHub::HandleItem(const pb::FrontendItem& item, Outgoing* out) {
  switch (item.kind_case()) {
    case pb::FrontendItem::kHello:
      return item.hello().version() == kStreamVersion
                 ? absl::OkStatus()
                 : absl::InvalidArgumentError("a version of the stream that is not known");
    case pb::FrontendItem::kOperation: {
      const std::optional<fsa::Request> request = fsa::Decode(item.operation());
      if (!request) return absl::InvalidArgumentError("an operation that no frontend wrote");
      return authority_.Operation(*request, out);
    }
    case pb::FrontendItem::kAccept: return authority_.Accepted(out);
    case pb::FrontendItem::kUpload: {
      CONTINUO_ASSIGN_OR_RETURN(const auto files, DecodeFiles(item.upload().files()));
      return authority_.Upload(files, item.upload().is_last(), out);
    }
    case pb::FrontendItem::kListing: {
      CONTINUO_ASSIGN_OR_RETURN(auto files, DecodeFiles(item.listing().files()));
      return authority_.Listing(item.listing().listing_id(), std::move(files),
                                item.listing().is_last(),
                                fsa::Decode(item.listing().counters()), out);
    }
    case pb::FrontendItem::KIND_NOT_SET: break;
  }
  return absl::InvalidArgumentError("an empty item");
}

void StateHub::Detach(FrontendStream* stream) {
  Finished finished;
  {
    absl::MutexLock lock(&mutex_);
    if (stream_.get() != stream) return;
    stream_ = nullptr;
    Outgoing out;
    authority_.Detach(&out);
    finished = Dispatch(&out);
  }
  for (auto& [done, listing] : finished) done(std::move(listing));
}

void StateHub::Want(Policy policy) {
  std::shared_ptr<FrontendStream> stream;
  Finished finished;
  {
    absl::MutexLock lock(&mutex_);
    Outgoing out;
    authority_.Want(policy, &out);
    finished = Dispatch(&out);
    stream = stream_;
  }
  if (stream != nullptr) stream->Flush();
  for (auto& [done, listing] : finished) done(std::move(listing));
}

uint64_t StateHub::List(uint64_t limit, ListingCallback done) {
  std::shared_ptr<FrontendStream> stream;
  Finished finished;
  uint64_t id = 0;
  {
    absl::MutexLock lock(&mutex_);
    id = ++last_listing_;
    listings_[id] = std::move(done);
    Outgoing out;
    authority_.StartListing(id, limit, &out);
    finished = Dispatch(&out);
    stream = stream_;
  }
  if (stream != nullptr) stream->Flush();
  for (auto& [callback, listing] : finished) callback(std::move(listing));
  return id;
}

StateHub::Finished StateHub::Dispatch(Outgoing* out) {
  Finished finished;
  for (Message& message : *out) {
    if (auto* listing = std::get_if<ListingDone>(&message)) {
      const auto it = listings_.find(listing->listing_id);
      CONTINUO_CHECK(it != listings_.end());
      finished.emplace_back(std::move(it->second), std::move(*listing));
      listings_.erase(it);
    } else if (stream_ != nullptr) {
      pb::ServiceItem item;
      std::visit(MessageEncoder{&item}, message);
      stream_->Append(std::move(item));
    }
  }
  return finished;
}

HubStatus StateHub::status() const {
  absl::MutexLock lock(&mutex_);
  return {authority_.state(), authority_.grants(), authority_.recalls()};
}

}  // namespace continuo::fsastate
