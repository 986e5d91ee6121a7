#include "bench/data.hpp"

#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <thread>

#include "backends/registry.hpp"
namespace megaseal::bench {
namespace {

// Several times the last-level cache of any processor this is likely to meet.
constexpr uint64_t cold_bytes = uint64_t(256) << 20;

struct DestroyEngine {
  void operator()(megaseal_engine* e) const { megaseal_engine_destroy(e); }
};

}  // namespace

Bytes random_bytes(size_t len) {
  // Stretched from a seed: the system's own generator would need seconds for the large working sets.
  uint8_t seed[randombytes_SEEDBYTES];
  randombytes_buf(seed, sizeof seed);
  Bytes bytes(len);
  randombytes_buf_deterministic(bytes.data(), len, seed);
  return bytes;
}

namespace {
megaseal_engine* make_engine(const std::string& backend, unsigned threads, size_t cache_bytes) {
  megaseal_engine_options options{};
  options.struct_size = sizeof options;
  options.backend = backend.c_str();
  options.num_threads = threads;
  options.prepared_cache_bytes = cache_bytes;
  megaseal_engine* made = nullptr;
  check(megaseal_engine_create(&made, &options));
  return made;
}
}  // namespace

megaseal_engine* engine(const std::string& backend, unsigned threads) {
  static std::map<std::pair<std::string, unsigned>, std::unique_ptr<megaseal_engine, DestroyEngine>> engines;
  auto& slot = engines[{backend, threads}];
  if (!slot) slot.reset(make_engine(backend, threads, MEGASEAL_PREPARED_CACHE_OFF));
  return slot.get();
}

OwnEngine engine_with_tables(const std::string& backend, size_t cache_bytes, unsigned threads) {
  return {make_engine(backend, threads, cache_bytes), megaseal_engine_destroy};
}

std::vector<std::string> backends_for(megaseal_operation operation) {
  std::vector<std::string> names;
  for (size_t i = 0; i < megaseal_num_backends(); i++) {
    megaseal_backend_info info{};
    info.struct_size = sizeof info;
    check(megaseal_get_backend_info(i, &info));
    if (info.state != MEGASEAL_BACKEND_AVAILABLE) continue;
    // A forced backend leaves to scalar what it does not offer; figures of scalar under its name would mislead.
    const char* const serves = megaseal_backend_name(engine(info.name, 1), operation);
    if (serves == nullptr) continue;  // nobody does
    const std::string all = '+' + std::string(serves) + '+';
    if (all.find('+' + std::string(info.name) + '+') != std::string::npos) names.emplace_back(info.name);
  }
  return names;
}

std::vector<std::string> cpu_backends_for(megaseal_operation operation) {
  std::vector<std::string> names = backends_for(operation);
  for (const BackendRow& row : backend_rows())
    if (row.device) std::erase(names, row.name);
  return names;
}

std::vector<unsigned> thread_counts() {
  const unsigned cpus = std::max(1u, std::thread::hardware_concurrency());
  std::vector<unsigned> counts;
  for (unsigned n = 2; n < cpus; n *= 2) counts.push_back(n);
  if (cpus > 1) counts.push_back(cpus);
  return counts;
}

std::string note_of(const megaseal_engine* engine, megaseal_operation operation) {
  const char* const name = megaseal_backend_name(engine, operation);
  return name == nullptr || std::string_view(name).find('+') == std::string_view::npos ? "" : name;
}

void check(megaseal_error error, size_t num_failed) {
  require(error == MEGASEAL_ERROR_NONE, megaseal_error_string(error));
  require(num_failed == 0, "an item failed");
}

Messages::Messages(const Shape& shape, uint64_t overhead) : plain_offsets(1), sealed_offsets(1) {
  // The same lengths for everybody: a mean that differs by some percent would be read as a difference in speed.
  std::mt19937_64 random(1);
  std::lognormal_distribution<> lengths(std::log(double(shape.bytes)), 1);
  for (size_t i = 0; i < shape.batch; i++) {
    const uint64_t len = shape.mix ? uint64_t(std::clamp(lengths(random), 16.0, 16384.0)) : shape.bytes;
    plain_offsets.push_back(plain_offsets.back() + len);
    sealed_offsets.push_back(sealed_offsets.back() + len + overhead);
  }
  const uint64_t both = plain_offsets.back() + sealed_offsets.back();
  copies = shape.cold ? size_t(cold_bytes / both + 1) : 1;
  plain.resize(copies * plain_offsets.back());
  sealed.resize(copies * sealed_offsets.back());
  const Bytes fresh = random_bytes(plain_offsets.back());
  std::copy(fresh.begin(), fresh.end(), plain.begin());
}

void Messages::spread_plain() {
  const size_t len = plain_offsets.back();
  for (size_t c = 1; c < copies; c++) std::memcpy(plain.data() + c * len, plain.data(), len);
}

void Messages::spread_sealed() {
  const size_t len = sealed_offsets.back();
  for (size_t c = 1; c < copies; c++) std::memcpy(sealed.data() + c * len, sealed.data(), len);
}

PackedBatch::PackedBatch(Messages& messages, bool seal)
    : messages_(messages), seal_(seal), out_offsets_(messages.num() + 1), statuses_(messages.num()) {
  batch_.struct_size = sizeof batch_;
  batch_.num_items = messages.num();
  batch_.in.offsets = (seal ? messages.plain_offsets : messages.sealed_offsets).data();
  batch_.out.offsets = out_offsets_.data();
  batch_.out.capacity = (seal ? messages.sealed_offsets : messages.plain_offsets).back();
  batch_.out_statuses = statuses_.data();
}

const megaseal_batch* PackedBatch::get() {
  batch_.in.base = seal_ ? messages_.plain_at() : messages_.sealed_at();
  batch_.out.base = seal_ ? messages_.sealed_at() : messages_.plain_at();
  return &batch_;
}

const KeyPairs& key_pairs() {
  static const KeyPairs pairs = [] {
    constexpr size_t num = 1024;
    KeyPairs made{random_bytes(32 * num), Bytes(32 * num), std::vector<megaseal_secret_key*>(num)};
    for (size_t i = 0; i < num; i++) {
      check(megaseal_secret_key_create(&made.handles[i], made.secrets.data() + 32 * i));
      megaseal_secret_key_public_key(made.handles[i], made.publics.data() + 32 * i);
    }
    return made;
  }();
  return pairs;
}

}  // namespace megaseal::bench
