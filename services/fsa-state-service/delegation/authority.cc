#include "services/fsa-state-service/delegation/authority.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_format.h>

namespace continuo::fsastate {
namespace {

const char* NameOf(State state) {
  switch (state) {
    case State::kNoFrontend: return "no frontend";
    case State::kServing: return "serving";
    case State::kOffered: return "offered";
    case State::kDelegated: return "delegated";
    case State::kRecalling: return "recalling";
  }
  return "unknown";
}

absl::Status Impossible(const char* event, State state) {
  return absl::FailedPreconditionError(
      absl::StrFormat("%s while the delegation is %s", event, NameOf(state)));
}

std::unique_ptr<fsa::Files> NewFiles() {
  auto files = std::make_unique<fsa::Files>();
  files->TrackLocks();
  return files;
}

}  // namespace

Authority::Authority(Policy policy) : wanted_(policy), files_(NewFiles()) {}

absl::Status Authority::Attach(Outgoing* out) {
  if (state_ != State::kNoFrontend) return Impossible("attach", state_);
  state_ = State::kServing;
  if (wanted_ == Policy::kServe) out->push_back(ServeRemotely{});
  Advance(out);
  return absl::OkStatus();
}

absl::Status Authority::Operation(const fsa::Request& request, Outgoing* out) {
  if (state_ != State::kServing && state_ != State::kOffered) {
    return Impossible("operation", state_);
  }
  fsa::Effects effects;
  fsa::Apply(files_.get(), request, &effects);
  // Locks first: whoever hears of an answer knows the locks that it rests on.
  for (fsa::StreamLocks& locks : files_->TakeLockChanges()) out->push_back(std::move(locks));
  for (fsa::Effect& effect : effects) out->push_back(std::move(effect));
  return absl::OkStatus();
}

absl::Status Authority::Accepted(Outgoing* out) {
  if (state_ != State::kOffered) return Impossible("accept", state_);
  Download download;
  for (const fsa::FileKey& key : files_->Keys()) {
    if (download.files.size() == kFilesPerDownload) {
      out->push_back(std::exchange(download, Download()));
    }
    download.files.push_back(files_->Snapshot(key));
  }
  download.is_last = true;
  out->push_back(std::move(download));
  files_ = NewFiles();
  state_ = State::kDelegated;
  ++grants_;
  Advance(out);
  return absl::OkStatus();
}

absl::Status Authority::Upload(const std::vector<fsa::FileSnapshot>& files, bool is_last,
                               Outgoing* out) {
  if (state_ != State::kRecalling) return Impossible("upload", state_);
  for (const fsa::FileSnapshot& file : files) {
    if (!files_->Load(file)) return absl::InvalidArgumentError("upload contradicts itself");
  }
  if (!is_last) return absl::OkStatus();
  state_ = State::kServing;
  Advance(out);
  return absl::OkStatus();
}

void Authority::Detach(Outgoing* out) {
  state_ = State::kNoFrontend;
  files_ = NewFiles();
  for (const auto& [id, listing] : listings_) {
    out->push_back(ListingDone{.listing_id = id,
                               .status = absl::UnavailableError("the frontend went away"),
                               .files = {},
                               .counters = {}});
  }
  listings_.clear();
}

void Authority::Want(Policy policy, Outgoing* out) {
  wanted_ = policy;
  Advance(out);
}

void Authority::Advance(Outgoing* out) {
  if (state_ == State::kServing && wanted_ == Policy::kDelegate) {
    state_ = State::kOffered;
    out->push_back(Offer{});
  } else if (state_ == State::kDelegated && wanted_ == Policy::kServe) {
    state_ = State::kRecalling;
    ++recalls_;
    out->push_back(Recall{});
  }
  ServeListings(out);
}

void Authority::StartListing(uint64_t listing_id, uint64_t limit, Outgoing* out) {
  limit = std::min(limit, kListedFilesMax);
  if (listings_.size() >= kListingsMax || listings_.contains(listing_id)) {
    out->push_back(ListingDone{.listing_id = listing_id,
                               .status = absl::ResourceExhaustedError("too many listings wait"),
                               .files = {},
                               .counters = {}});
    return;
  }
  listings_.emplace(listing_id, WaitingListing{.limit = limit, .is_asked = false, .files = {}});
  ServeListings(out);
}

void Authority::CancelListing(uint64_t listing_id) { listings_.erase(listing_id); }

void Authority::ServeListings(Outgoing* out) {
  if (state_ == State::kRecalling) return;
  for (auto it = listings_.begin(); it != listings_.end();) {
    if (state_ != State::kDelegated) {
      // One that the frontend was asked is still answered by it: the answer is ahead of the upload.
      if (it->second.is_asked) {
        ++it;
        continue;
      }
      ListHere(it->first, it->second.limit, out);
      it = listings_.erase(it);
      continue;
    }
    if (!it->second.is_asked) {
      it->second.is_asked = true;
      out->push_back(ListingRequest{.listing_id = it->first, .limit = it->second.limit});
    }
    ++it;
  }
}

void Authority::ListHere(uint64_t listing_id, uint64_t limit, Outgoing* out) const {
  ListingDone done;
  done.listing_id = listing_id;
  done.counters = files_->counters();
  for (const fsa::FileKey& key : files_->Keys()) {
    if (done.files.size() == limit) break;
    done.files.push_back(files_->Snapshot(key));
  }
  out->push_back(std::move(done));
}

absl::Status Authority::Listing(uint64_t listing_id, std::vector<fsa::FileSnapshot> files,
                                bool is_last, const fsa::Counters& counters, Outgoing* out) {
  const auto it = listings_.find(listing_id);
  if (it == listings_.end()) return absl::OkStatus();  // Given up meanwhile.
  auto& listed = it->second.files;
  if (!it->second.is_asked || listed.size() + files.size() > kListedFilesMax) {
    return absl::InvalidArgumentError("a listing that was not asked for");
  }
  listed.insert(listed.end(), std::make_move_iterator(files.begin()),
                std::make_move_iterator(files.end()));
  if (!is_last) return absl::OkStatus();
  out->push_back(ListingDone{.listing_id = listing_id,
                             .status = absl::OkStatus(),
                             .files = std::move(listed),
                             .counters = counters});
  listings_.erase(it);
  return absl::OkStatus();
}

}  // namespace continuo::fsastate
