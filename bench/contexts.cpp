// HPKE contexts: many messages under one encapsulation, which was made before. What is left of a message is its nonce and
// the cipher, so the figures to compare with are those of chacha20poly1305_…/shared.
#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "bench/data.hpp"
#include "bench/suites.hpp"

namespace megaseal::bench {
namespace {

struct DestroyContext {
  void operator()(megaseal_hpke_context* c) const { megaseal_hpke_context_destroy(c); }
};
using Context = std::unique_ptr<megaseal_hpke_context, DestroyContext>;

class ContextWork {
 public:
  ContextWork(bool seal, const Shape& shape, megaseal_engine* e)
      : seal_(seal),
        messages_(shape, megaseal_overhead(MEGASEAL_FORMAT_HPKE_CONTEXT)),
        sealing_(messages_, true),
        opening_(messages_, false),
        engine_(e),
        sequences_(shape.batch) {
    const KeyPairs& pairs = key_pairs();
    megaseal_recipient* to = nullptr;
    check(megaseal_recipient_create(&to, pairs.publics.data()));
    megaseal_hpke_context* made = nullptr;
    uint8_t enc[32];
    check(megaseal_hpke_sender_create(&made, enc, e, nullptr, to));
    sender_.reset(made);
    megaseal_recipient_release(to);
    check(megaseal_hpke_receiver_create(&made, engine("scalar", 1), nullptr, pairs.handles[0], enc));
    by_scalar_.reset(made);
    check(megaseal_hpke_receiver_create(&made, e, nullptr, pairs.handles[0], enc));
    receiver_.reset(made);
    // Both directions before anything is timed: ours seal, the scalar backend opens, and ours open that.
    const Bytes plain = messages_.plain;
    seal_all();
    for (const Context* by : {&by_scalar_, &receiver_}) {
      std::fill(messages_.plain.begin(), messages_.plain.end(), uint8_t(0));
      open_all(by->get(), by == &receiver_ ? e : engine("scalar", 1));
      require(messages_.plain == plain, "wrong bytes");
    }
  }
  ContextWork(const ContextWork&) = delete;
  ContextWork& operator=(const ContextWork&) = delete;

  void run() { seal_ ? seal_all() : open_all(receiver_.get(), engine_); }
  double num_bytes() const { return double(messages_.num_bytes()); }

 private:
  void seal_all() {
    uint64_t first = 0;
    size_t failed = 0;
    check(megaseal_hpke_context_seal_batch(sender_.get(), &first, &failed, engine_, sealing_.get()), failed);
    std::iota(sequences_.begin(), sequences_.end(), first);
  }
  void open_all(const megaseal_hpke_context* context, megaseal_engine* e) {
    size_t failed = 0;
    check(megaseal_hpke_context_open_batch(context, &failed, e, opening_.get(), sequences_.data()), failed);
  }

  const bool seal_;
  Messages messages_;
  PackedBatch sealing_, opening_;
  megaseal_engine* engine_;
  std::vector<uint64_t> sequences_;
  Context sender_, receiver_, by_scalar_;
};

void add_direction(bool seal, const Shape& shape) {
  const megaseal_operation cipher =
      seal ? MEGASEAL_OP_CHACHA20POLY1305_SEAL : MEGASEAL_OP_CHACHA20POLY1305_OPEN;
  for (const std::string& backend : backends_for(cipher))
    add(seal ? "hpke_context_seal" : "hpke_context_open", backend, shape, [seal, backend](const Shape& s) {
      const auto work = std::make_shared<ContextWork>(seal, s, engine(backend, s.threads));
      return Case{{[work] { work->run(); }, ""}, double(s.batch), work->num_bytes()};
    });
}

}  // namespace

void add_contexts() {
  for (const bool seal : {true, false}) {
    for (const size_t bytes : {64, 256, 1024}) add_direction(seal, {.bytes = bytes});
    for (const size_t batch : {1, 4, 16, 64}) add_direction(seal, {.bytes = 256, .batch = batch});
    for (const unsigned threads : thread_counts()) add_direction(seal, {.bytes = 256, .threads = threads});
  }
}

}  // namespace megaseal::bench
