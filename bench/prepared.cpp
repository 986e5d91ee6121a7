// Recipients to whom much is sealed: X25519 alone and HPKE end to end by tables, each case with an engine of its own. What
// a call takes for the engine to look its recipients up, and to bring them together, is part of every figure.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <utility>

#include "bench/data.hpp"
#include "bench/suites.hpp"

namespace megaseal::bench {
namespace {

constexpr size_t plain_recipients = 32, zipf_recipients = 10'000;

size_t num_recipients(const Shape& shape) {
  return shape.zipf ? zipf_recipients : shape.recipients ? shape.recipients : plain_recipients;
}

// Who the messages of some batches in turn go to, and the engine that is prepared for them.
class Recipients {
 public:
  Recipients(const std::string& backend, const Shape& shape) : shape_(shape), num_(num_recipients(shape)) {
    secrets_.resize(32 * num_);
    publics_.resize(32 * num_);
    check(megaseal_keygen_batch(engine("scalar", 1), publics_.data(), secrets_.data(), num_));
    choose();
    // Tables of the size that was asked for have all the room they need; the engine's own choice has what it has.
    megaseal_prepared_info info{};
    info.struct_size = sizeof info;
    engine_ = engine_with_tables(backend, 0, shape.threads);
    check(megaseal_engine_prepared_info(engine_.get(), &info));
    if (shape.table)
      engine_ =
          engine_with_tables(backend, (num_ + 64) * info.table_bytes[shape.table - 1] * 9 / 8, shape.threads);
    if (shape.zipf) return;
    size_t prepared = 0;
    check(megaseal_prepare_recipients(engine_.get(), &prepared, num_, publics_.data(), 32,
                                      megaseal_prepared_size(shape.table)));
    require(prepared == num_ || !shape.table, "a recipient has no table");
  }
  Recipients(const Recipients&) = delete;
  Recipients& operator=(const Recipients&) = delete;

  megaseal_engine* get() const { return engine_.get(); }
  /// The public keys, and the secrets, of the present batch.
  const uint8_t* publics() const { return keys_.data() + at_ * 32 * shape_.batch; }
  const uint8_t* secret(size_t i) const { return secrets_.data() + 32 * to_[at_ * shape_.batch + i]; }
  void advance() { at_ = (at_ + 1) % num_batches_; }
  /// Calls until the engine has settled on whom it prepares for.
  void settle(const std::function<void()>& call) {
    if (!shape_.zipf) return;
    for (size_t i = 0; i < 12 * num_batches_; i++) call();
  }
  /// What the calls that are timed will go by: every batch once.
  std::string note(const std::function<void()>& call) const {
    const auto counted = [&] {
      megaseal_prepared_info info{};
      info.struct_size = sizeof info;
      check(megaseal_engine_prepared_info(engine_.get(), &info));
      return info;
    };
    const megaseal_prepared_info before = counted();
    for (size_t i = 0; i < num_batches_; i++) call();
    const megaseal_prepared_info after = counted();
    const uint64_t hits = after.num_hits - before.num_hits, misses = after.num_misses - before.num_misses;
    if (misses == 0) return "";
    return std::to_string(100 * hits / (hits + misses)) + " % by table";
  }

 private:
  // In turn; or by Zipf's law with exponent 1, recipient k as often as 1 / (k + 1).
  void choose() {
    const size_t to_all = (num_ + shape_.batch - 1) / shape_.batch;
    num_batches_ = shape_.zipf ? 32 : to_all;
    std::mt19937_64 random(1);
    std::vector<double> weights(num_);
    for (size_t k = 0; k < num_; k++) weights[k] = 1.0 / double(k + 1);
    std::discrete_distribution<size_t> zipf(weights.begin(), weights.end());
    for (size_t i = 0; i < num_batches_ * shape_.batch; i++) {
      to_.push_back(shape_.zipf ? zipf(random) : i % num_);
      const auto key = publics_.begin() + std::ptrdiff_t(32 * to_.back());
      keys_.insert(keys_.end(), key, key + 32);
    }
  }

  const Shape shape_;
  const size_t num_;
  Bytes secrets_, publics_, keys_;
  std::vector<size_t> to_;  // of each message of all batches
  size_t num_batches_ = 1, at_ = 0;
  OwnEngine engine_{nullptr, megaseal_engine_destroy};
};

struct CurveWork {
  CurveWork(const std::string& backend, const Shape& shape)
      : to(backend, shape), num(shape.batch), secrets(random_bytes(32 * num)), out(32 * num) {}
  void run_on(megaseal_engine* e) {
    size_t failed = 0;
    check(megaseal_x25519_batch(e, out.data(), nullptr, &failed, num, secrets.data(), 32, to.publics(), 32),
          failed);
  }
  void run() {
    run_on(to.get());
    to.advance();
  }
  void verify() {
    run_on(to.get());
    const Bytes got = out;
    run_on(engine("scalar", 1));
    require(got == out, "wrong bytes");
  }

  Recipients to;
  const size_t num;
  Bytes secrets, out;
};

struct SealWork {
  SealWork(const std::string& backend, const Shape& shape)
      : to(backend, shape),
        messages(shape, megaseal_overhead(MEGASEAL_FORMAT_HPKE)),
        sealing(messages, true),
        opening(messages, false) {}
  void seal() {
    megaseal_recipients recipients{};
    recipients.public_keys = to.publics();
    recipients.stride = 32;
    size_t failed = 0;
    check(megaseal_hpke_seal_batch(to.get(), &failed, nullptr, sealing.get(), nullptr, &recipients), failed);
  }
  void run() {
    seal();
    to.advance();
  }
  // Opened by our scalar backend.
  void verify() {
    seal();
    std::vector<megaseal_secret_key*> keys(messages.num());
    for (size_t i = 0; i < keys.size(); i++) check(megaseal_secret_key_create(&keys[i], to.secret(i)));
    const Bytes plain = messages.plain;
    std::fill(messages.plain.begin(), messages.plain.end(), uint8_t(0));
    size_t failed = 0;
    check(megaseal_hpke_open_batch(engine("scalar", 1), &failed, nullptr, opening.get(), nullptr, keys.data(),
                                   1),
          failed);
    require(messages.plain == plain, "wrong bytes");
    for (megaseal_secret_key* key : keys) megaseal_secret_key_release(key);
  }

  Recipients to;
  Messages messages;
  PackedBatch sealing, opening;
};

template <class Work>
void add_ours(const char* name, const Shape& shape) {
  for (const std::string& backend : backends_for(MEGASEAL_OP_X25519_PREPARED))
    add(name, backend, shape, [backend](const Shape& s) {
      const auto work = std::make_shared<Work>(backend, s);
      work->to.settle([&] { work->run(); });
      work->verify();
      const double bytes = double(s.bytes * s.batch);
      const auto call = [work] { work->run(); };
      return Case{{call, work->to.note(call)}, double(s.batch), bytes};
    });
}

}  // namespace

void add_prepared() {
  add_ours<CurveWork>("x25519_prepared", {.bytes = 32});
  for (const size_t recipients : {1, 32, 1000, 10000})
    for (const int table : {MEGASEAL_PREPARED_SMALL, MEGASEAL_PREPARED_MEDIUM, MEGASEAL_PREPARED_LARGE})
      add_ours<CurveWork>("x25519_prepared", {.bytes = 32, .recipients = recipients, .table = table});
  for (const size_t batch : {1, 4, 16, 64})
    add_ours<CurveWork>("x25519_prepared", {.bytes = 32, .batch = batch});
  for (const size_t bytes : {64, 256, 1024}) add_ours<SealWork>("hpke_seal_prepared", {.bytes = bytes});
  for (const size_t recipients : {1, 1000, 10000})
    add_ours<SealWork>("hpke_seal_prepared", {.bytes = 256, .recipients = recipients});
  add_ours<SealWork>("hpke_seal_prepared", {.bytes = 256, .zipf = true});
  for (const size_t batch : {1, 4, 16, 64})
    add_ours<SealWork>("hpke_seal_prepared", {.bytes = 256, .batch = batch});
  for (const unsigned threads : thread_counts())
    add_ours<SealWork>("hpke_seal_prepared", {.bytes = 256, .threads = threads});
}

}  // namespace megaseal::bench
