#include "engine/cli/session.hpp"

#include <algorithm>

#include "engine/cli/files.hpp"

namespace megaseal::cli {
namespace {

// Why `name` cannot be used, and what could be instead.
[[noreturn]] void fail_backend(const std::string& name) {
  std::string known;
  for (size_t i = 0; i < megaseal_num_backends(); ++i) {
    megaseal_backend_info info{};
    info.struct_size = sizeof info;
    check(megaseal_get_backend_info(i, &info), "cannot list the backends");
    if (name == info.name) {
      throw Failure(Exit::no_backend, fmt::format("backend {} is not available: {}", name, info.reason));
    }
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  }
  throw Failure(Exit::no_backend, fmt::format("unknown backend {}; there are: {}", name, known));
}

}  // namespace

Engine make_engine(const std::string& backend, uint32_t num_threads, uint64_t cache_bytes) {
  megaseal_engine_options engine_options{};
  engine_options.struct_size = sizeof engine_options;
  engine_options.backend = backend.c_str();
  engine_options.num_threads = num_threads;
  engine_options.prepared_cache_bytes = cache_bytes ? cache_bytes : MEGASEAL_PREPARED_CACHE_OFF;
  megaseal_engine* engine = nullptr;
  const megaseal_error error = megaseal_engine_create(&engine, &engine_options);
  if (error == MEGASEAL_ERROR_BACKEND_UNAVAILABLE) fail_backend(backend);
  check(error, "cannot start the engine");
  return Engine(engine);
}

uint32_t num_threads(const Options& options) {
  if (options.threads != 0) return options.threads;
  return megaseal_engine_num_threads(make_engine("", 0).get());
}

// ---------------------------------------------------------------------------------------------------------
// Items
// ---------------------------------------------------------------------------------------------------------

void Items::clear() {
  in_.clear();
  in_lens_.clear();
  aad_.clear();
  aad_lens_.clear();
  capacities_.clear();
  out_len_ = 0;
  has_aad_ = false;
}

void Items::add(std::string_view in, std::string_view aad, uint64_t out_capacity) {
  in_.push_back(in.data());
  in_lens_.push_back(in.size());
  aad_.push_back(aad.data());
  aad_lens_.push_back(aad.size());
  capacities_.push_back(out_capacity);
  out_len_ += out_capacity;
  has_aad_ |= !aad.empty();
}

void Items::place() {
  arena_.grow(out_len_, 0);
  outs_.resize(size());
  out_lens_.resize(size());
  statuses_.resize(size());
  char* at = arena_.data();
  for (size_t i = 0; i < size(); ++i) {
    outs_[i] = at;
    at += capacities_[i];
  }
}

megaseal_batch Items::batch() {
  megaseal_batch batch{};
  batch.struct_size = sizeof batch;
  batch.num_items = size();
  batch.in.ptrs = in_.data();
  batch.in.lens = in_lens_.data();
  if (has_aad_) {
    batch.aad.ptrs = aad_.data();
    batch.aad.lens = aad_lens_.data();
  }
  batch.out.ptrs = outs_.data();
  batch.out.capacities = capacities_.data();
  batch.out.lens = out_lens_.data();
  batch.out_statuses = statuses_.data();
  return batch;
}

// ---------------------------------------------------------------------------------------------------------
// EngineCipher
// ---------------------------------------------------------------------------------------------------------

EngineCipher::EngineCipher(const Options& options)
    : engine_(make_engine(options.backend, 1, options.verb == Verb::seal ? options.prepared_cache : 0)),
      format_(options.format),
      info_(options.info),
      psk_id_(options.psk_id) {
  params_.struct_size = sizeof params_;
  params_.info = info_.data();
  params_.info_len = info_.size();
  if (options.psk_file.empty()) return;
  constexpr size_t kMinPskLen = 32;  // RFC 9180 §9.5
  psk_ = read_secret_file(options.psk_file, !options.quiet);
  if (psk_.size() < kMinPskLen) {
    fail("{}: a pre-shared key has at least {} bytes, this has {}", options.psk_file, kMinPskLen,
         psk_.size());
  }
  params_.psk = psk_.data();
  params_.psk_len = psk_.size();
  params_.psk_id = psk_id_.data();
  params_.psk_id_len = psk_id_.size();
}

size_t EngineCipher::block_len(megaseal_operation operation) const {
  // Enough records of a few hundred bytes to fill the widest tile some times over.
  const size_t wanted = 512 * megaseal_recommended_batch(engine_.get(), operation);
  return std::clamp(wanted, size_t{256} << 10, size_t{8} << 20);
}

void EngineCipher::seal(Items& items, const std::vector<PublicKey>& recipients) const {
  const megaseal_batch batch = items.batch();
  megaseal_recipients to{};
  to.public_keys = recipients.data()->data();
  to.stride = sizeof(PublicKey);
  check(format_ == MEGASEAL_FORMAT_HPKE
            ? megaseal_hpke_seal_batch(engine_.get(), nullptr, nullptr, &batch, &params_, &to)
            : megaseal_sealedbox_seal_batch(engine_.get(), nullptr, &batch, format_, &to),
        "cannot seal");
}

void EngineCipher::open(Items& items, const std::vector<const megaseal_secret_key*>& keys) const {
  const megaseal_batch batch = items.batch();
  check(format_ == MEGASEAL_FORMAT_HPKE
            ? megaseal_hpke_open_batch(engine_.get(), nullptr, nullptr, &batch, &params_, keys.data(), 1)
            : megaseal_sealedbox_open_batch(engine_.get(), nullptr, &batch, format_, keys.data(), 1),
        "cannot open");
}

}  // namespace megaseal::cli
