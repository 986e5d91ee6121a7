// What batch calls leave behind in the whole process: after they succeeded, failed or were cut short, no writable memory
// (heap, stacks of all threads, the engine's scratch) and no register of a waiting worker holds anything of the recipient's
// secret key, PSKs, ephemeral secrets, shared secrets, keys, base nonces, exporter secrets, exports, key streams or
// plaintexts.
#include <sodium.h>

#include <cstring>

#include "tests/allocation/own_malloc.hpp"
#include "tests/allocation/search.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

constexpr size_t num = 300, max_text_len = 4096, max_overhead = 48;

enum class Kind {
  sealedbox,
  salsa_box,
  hpke,
  hpke_psk,
  context,
  x25519,
  chacha20poly1305,
  xchacha20poly1305
};
constexpr bool is_aead(Kind kind) { return kind >= Kind::chacha20poly1305; }
/// What is but enciphered goes so fast that short texts would never be worth a worker's waking.
constexpr size_t text_len(Kind kind) { return is_aead(kind) || kind == Kind::context ? max_text_len : 100; }
constexpr size_t overhead(Kind kind) { return kind <= Kind::hpke_psk ? 48 : 16; }

/// What the batches are made of, in memory that is no one else's; secrets of it are wiped before the search. `secrets`
/// are the ephemeral ones, the AEADs' keys, and first of them the one that a context's sender draws.
uint8_t recipient_secret[32], psk_bytes[32], secrets[32 * num], texts[max_text_len * num], exports[32 * num];
uint8_t nonces[24 * num], points[32 * num], shared[32 * num], enc[32];
uint8_t sealed[(max_text_len + max_overhead) * num], opened[max_text_len * num];
const Bytes info = {'i', 'n', 'f', 'o'}, psk_id = {'n', 'a', 'm', 'e'}, exporter_context = {'e', 'x', 'p'};

void draw_inputs() {
  Random random(20260101);
  random.fill(recipient_secret);
  random.fill(psk_bytes);
  random.fill(secrets);
  random.fill(texts);
  random.fill(nonces);
  random.fill(points);
}

/// The test's own secrets.
void wipe_own() {
  sodium_memzero(recipient_secret, sizeof recipient_secret);
  sodium_memzero(psk_bytes, sizeof psk_bytes);
  sodium_memzero(secrets, sizeof secrets);
  sodium_memzero(texts, sizeof texts);
  sodium_memzero(exports, sizeof exports);
  sodium_memzero(shared, sizeof shared);
  sodium_memzero(opened, sizeof opened);
}

Bytes bytes_at(const uint8_t* p, size_t n) { return Bytes(p, p + n); }

// ---- What is sought: everything that the batches compute, in a child ----

void send_chacha(NeedleWriter& out, Kind kind, const Bytes& key, const Bytes& nonce) {
  out.send_ends(key_stream, reference::chacha20_stream(key, nonce, 0, 64 + text_len(kind)));
}

void send_xchacha(NeedleWriter& out, Kind kind, const Bytes& key, const Bytes& nonce) {
  Bytes sub(32), rest(4);
  crypto_core_hchacha20(sub.data(), nonce.data(), key.data(), nullptr);
  rest.insert(rest.end(), nonce.begin() + 16, nonce.end());
  out.send(message_key, key), out.send(subkey, sub);
  send_chacha(out, kind, sub, rest);
}

/// As crypto_box_curve25519xchacha20poly1305_seal does it, or crypto_box_seal.
void send_box(NeedleWriter& out, Kind kind, const Bytes& secret, const Bytes& dh, const Bytes& recipient) {
  const Bytes zeros(16);
  Bytes key(32), both = reference::x25519_public(secret), nonce(24);
  both.insert(both.end(), recipient.begin(), recipient.end());
  crypto_generichash(nonce.data(), 24, both.data(), 64, nullptr, 0);
  if (kind == Kind::sealedbox) {
    crypto_core_hchacha20(key.data(), zeros.data(), dh.data(), nullptr);
    return send_xchacha(out, kind, key, nonce);
  }
  Bytes sub(32), stream(64 + text_len(kind));
  crypto_core_hsalsa20(key.data(), zeros.data(), dh.data(), nullptr);
  crypto_core_hsalsa20(sub.data(), nonce.data(), key.data(), nullptr);
  crypto_stream_xsalsa20(stream.data(), stream.size(), nonce.data(), key.data());
  out.send(message_key, key), out.send(subkey, sub), out.send_ends(key_stream, stream);
}

void send_item(NeedleWriter& out, Kind kind, size_t i, const Bytes& recipient, reference::HpkeKeys& keys) {
  const Bytes secret = bytes_at(secrets + 32 * i, 32), nonce = bytes_at(nonces + 24 * i, 24);
  if (kind == Kind::x25519) {
    out.send(ephemeral_secret, secret);
    out.send(shared_secret, reference::x25519(secret, recipient));
    out.send(shared_secret, reference::x25519(secret, bytes_at(points + 32 * i, 32)));
    return;
  }
  out.send_ends(plaintext, bytes_at(texts + text_len(kind) * i, text_len(kind)));
  if (kind == Kind::xchacha20poly1305) return send_xchacha(out, kind, secret, nonce);
  if (kind == Kind::chacha20poly1305) {
    out.send(message_key, secret);
    return send_chacha(out, kind, secret, Bytes(nonce.begin(), nonce.begin() + 12));
  }
  if (i == 0 || kind != Kind::context) {
    const Bytes dh = reference::x25519(secret, recipient);
    out.send(ephemeral_secret, secret), out.send(shared_secret, dh);
    if (kind <= Kind::salsa_box) return send_box(out, kind, secret, dh, recipient);
    reference::HpkeParams params;
    if (kind == Kind::hpke_psk) params = {info, bytes_at(psk_bytes, 32), psk_id};
    keys = reference::hpke_schedule(params, dh, reference::x25519_public(secret), recipient);
    out.send(message_key, keys.key), out.send(base_nonce, keys.base_nonce);
    out.send(exporter_secret, keys.exporter_secret);
  }
  send_chacha(out, kind, keys.key, kind == Kind::context ? reference::hpke_nonce(keys, i) : keys.base_nonce);
  if (kind == Kind::context) out.send(exported, reference::hpke_export(keys, nonce, 32));
  if (kind == Kind::hpke_psk) out.send(exported, reference::hpke_export(keys, exporter_context, 32));
}

Needles needles_for(Kind kind) {
  return needles_of([kind](NeedleWriter& out) {
    draw_inputs();
    Bytes secret = bytes_at(recipient_secret, 32);
    const Bytes recipient = reference::x25519_public(secret);
    out.send(secret_key, secret);
    secret[0] &= 0xf8, secret[31] = uint8_t((secret[31] & 0x7f) | 0x40);  // as X25519 uses it
    out.send(secret_key, secret);
    if (kind == Kind::hpke_psk) out.send(psk, bytes_at(psk_bytes, 32));
    out.next_item();
    reference::HpkeKeys keys;
    for (size_t i = 0; i < num; i++) send_item(out, kind, i, recipient, keys), out.next_item();
  });
}

// ---- The batches ----

class ProcessLeftovers : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!own_malloc::is_here) GTEST_SKIP() << "sanitizers' shadow memory is too large to search";
    needles_ = needles_for(GetParam());
    draw_inputs();
    megaseal_secret_key* key = nullptr;
    throw_on(megaseal_secret_key_create(&key, recipient_secret), "megaseal_secret_key_create");
    key_.reset(key);
    megaseal_secret_key_public_key(key, recipient_public_);
    recipient_ = make_recipient(bytes_at(recipient_public_, 32));
    recipient_handle_ = recipient_.get(), key_handle_ = key;
    wipe_own(), wipe_dead_stack(), wipe_taken_stack();
    // The key is where its handle keeps it, whole, and nowhere else.
    const std::vector<Found> found = search_memory(needles_);
    ASSERT_EQ(found.size(), 4u) << describe(found);
    for (size_t i = 0; i < 4; i++) ASSERT_EQ(found[i].at, found[0].at + 8 * i) << describe(found);
    key_at_ = found[0].at;
  }

  megaseal_batch batch_of(const void* in, size_t in_len, void* out, size_t out_len) {
    for (size_t i = 0; i < count_; i++) {
      ins_[i] = static_cast<const uint8_t*>(in) + in_len * i, in_lens_[i] = in_len;
      outs_[i] = static_cast<uint8_t*>(out) + out_len * i, out_lens_[i] = out_len;
    }
    megaseal_batch batch = {};
    batch.struct_size = sizeof batch;
    batch.num_items = count_;
    batch.in.ptrs = ins_, batch.in.lens = in_lens_;
    batch.out.ptrs = outs_, batch.out.capacities = out_lens_;
    batch.out_statuses = statuses_;
    return batch;
  }
  megaseal_hpke_params params() const {
    megaseal_hpke_params p = {};
    p.struct_size = sizeof p;
    if (GetParam() != Kind::hpke_psk) return p;
    p.info = info.data(), p.info_len = info.size();
    p.psk = psk_bytes, p.psk_len = sizeof psk_bytes;
    p.psk_id = psk_id.data(), p.psk_id_len = psk_id.size();
    p.exporter_context = exporter_context.data(), p.exporter_context_len = exporter_context.size();
    p.export_len = 32;
    return p;
  }
  megaseal_format format() const {
    switch (GetParam()) {
      case Kind::sealedbox:
        return MEGASEAL_FORMAT_SEALEDBOX;
      case Kind::salsa_box:
        return MEGASEAL_FORMAT_SEALEDBOX_SALSA;
      case Kind::chacha20poly1305:
        return MEGASEAL_FORMAT_CHACHA20POLY1305;
      default:
        return MEGASEAL_FORMAT_XCHACHA20POLY1305;
    }
  }

  /// Or shared secrets with one who is prepared for.
  megaseal_error seal(megaseal_engine* engine) {
    const Kind kind = GetParam();
    const megaseal_batch batch = batch_of(texts, text_len(kind), sealed, text_len(kind) + overhead(kind));
    const megaseal_recipients to = to_one(&recipient_handle_);
    const megaseal_hpke_params p = params();
    switch (kind) {
      case Kind::sealedbox:
      case Kind::salsa_box:
        return testing::sealedbox_seal_batch(engine, nullptr, &batch, format(), &to, secrets);
      case Kind::hpke:
      case Kind::hpke_psk:
        return testing::hpke_seal_batch(engine, nullptr, exports, &batch, &p, &to, secrets);
      case Kind::context: {
        megaseal_hpke_context* context = nullptr;
        megaseal_error error =
            testing::hpke_sender_create(&context, enc, engine, nullptr, recipient_handle_, secrets, 0);
        if (error == MEGASEAL_ERROR_NONE)
          error = megaseal_hpke_context_seal_batch(context, nullptr, nullptr, engine, &batch);
        if (error == MEGASEAL_ERROR_NONE) error = export_all(context, engine);
        megaseal_hpke_context_destroy(context);
        return error;
      }
      case Kind::x25519:
        return megaseal_x25519_batch(engine, shared, statuses_, nullptr, count_, secrets, 32,
                                     recipient_public_, 0);
      default:
        return megaseal_aead_seal_batch(engine, nullptr, &batch, format(), &aead_keys_);
    }
  }
  /// Or shared secrets with many.
  megaseal_error open(megaseal_engine* engine, size_t* num_failed) {
    const Kind kind = GetParam();
    const megaseal_batch batch = batch_of(sealed, text_len(kind) + overhead(kind), opened, text_len(kind));
    const megaseal_hpke_params p = params();
    switch (kind) {
      case Kind::sealedbox:
      case Kind::salsa_box:
        return megaseal_sealedbox_open_batch(engine, num_failed, &batch, format(), &key_handle_, 0);
      case Kind::hpke:
      case Kind::hpke_psk:
        return megaseal_hpke_open_batch(engine, num_failed, exports, &batch, &p, &key_handle_, 0);
      case Kind::context: {
        megaseal_hpke_context* context = nullptr;
        megaseal_error error = megaseal_hpke_receiver_create(&context, engine, nullptr, key_handle_, enc);
        for (size_t i = 0; i < count_; i++) sequences_[i] = i;
        if (error == MEGASEAL_ERROR_NONE)
          error = megaseal_hpke_context_open_batch(context, num_failed, engine, &batch, sequences_);
        if (error == MEGASEAL_ERROR_NONE) error = export_all(context, engine);
        megaseal_hpke_context_destroy(context);
        return error;
      }
      case Kind::x25519:
        return megaseal_x25519_batch(engine, shared, statuses_, num_failed, count_, secrets, 32, points, 32);
      default:
        return megaseal_aead_open_batch(engine, num_failed, &batch, format(), &aead_keys_);
    }
  }
  megaseal_error export_all(const megaseal_hpke_context* context, megaseal_engine* engine) {
    for (size_t i = 0; i < count_; i++) ins_[i] = nonces + 24 * i, in_lens_[i] = 24;
    megaseal_inputs inputs = {};
    inputs.ptrs = ins_, inputs.lens = in_lens_;
    return megaseal_hpke_context_export_batch(context, exports, engine, count_, &inputs, 32);
  }

  /// Makes two thirds of what was sealed fail, some by key agreement; or of the points.
  void spoil() {
    for (size_t i = 0; i < num; i++) {
      uint8_t* const message = &sealed[(text_len(GetParam()) + overhead(GetParam())) * i];
      if (i % 3 == 0) continue;
      if (GetParam() == Kind::x25519)
        std::memset(points + 32 * i, 0, 32);
      else if (i % 2 == 0)
        std::memset(message, 0, 32);  // where it is an enc, it is of low order
      else
        message[40] ^= 1;
    }
  }

  /// call(), and what it leaves on this thread's stack is kept to be searched.
  template <class Call>
  megaseal_error leaving_traces(const Call& call) {
    wipe_dead_stack();
    const megaseal_error error = call_below(call);
    take_dead_stack();
    return error;
  }
  void expect_nothing_left(const char* after) {
    wipe_own();
    std::vector<Found> found = search_memory(needles_);
    std::erase_if(found, [&](const Found& f) { return f.at - key_at_ < 32 && f.piece == secret_key; });
    EXPECT_TRUE(found.empty()) << after << ": " << describe(found);
    EXPECT_LE(search_registers_of_others(needles_), 0) << after;
    wipe_taken_stack();
  }
  /// Has a batch done, one of more than a message until a worker has done some of it, and looks for what is left.
  template <class Call>
  void expect_nothing_left_of(const char* after, bool spoiled, const Call& call) {
    for (int turn = 0;; turn++) {
      ASSERT_LT(turn, 1000) << after << ": no worker ever took part";
      draw_inputs();
      if (spoiled && GetParam() == Kind::x25519) spoil();
      const int64_t before = time_of_others();
      ASSERT_EQ(leaving_traces(call), MEGASEAL_ERROR_NONE) << after;
      // Waking up takes a worker some microseconds, a tile tens of them.
      if (count_ == 1 || time_of_others() - before > 50'000) break;
    }
    if (GetParam() != Kind::x25519) {
      ASSERT_TRUE(streams_are_sought());
    }
    expect_nothing_left(after);
  }

  /// What the texts are enciphered with is among what is sought. A child looks, whose own traces end with it.
  bool streams_are_sought() const {
    const pid_t child = fork();
    if (child == 0) {
      const Kind kind = GetParam();
      const size_t at = kind <= Kind::salsa_box ? 48 : kind <= Kind::hpke_psk ? 32 : 0;
      draw_inputs();
      size_t num_sought = 0, num_whole = 0;
      for (size_t i = 0; i < count_; i++) {
        const uint8_t* const message = sealed + (text_len(kind) + overhead(kind)) * i;
        uint8_t word[8];
        for (size_t b = 0; b < 8; b++) word[b] = texts[text_len(kind) * i + b] ^ message[at + b];
        num_sought += needles_.find(word) == key_stream;
        num_whole += i % 3 == 0;
      }
      _exit(num_sought < num_whole);
    }
    int status = -1;
    return waitpid(child, &status, 0) == child && status == 0;
  }

  Needles needles_;
  size_t count_ = num;  // of messages in a batch
  uintptr_t key_at_ = 0;
  const megaseal_aead_keys aead_keys_ = {secrets, 32, nonces, 24};
  SecretKey key_;
  Recipient recipient_;
  uint8_t recipient_public_[32];
  const megaseal_secret_key* key_handle_ = nullptr;
  const megaseal_recipient* recipient_handle_ = nullptr;
  const void* ins_[num];
  void* outs_[num];
  uint64_t in_lens_[num], out_lens_[num], sequences_[num];
  uint8_t statuses_[num];
};

TEST_P(ProcessLeftovers, NoneAfterBatches) {
  ASSERT_GE(needles_.size(), num * 16);
  for (const auto& row : backend_rows()) {
    SCOPED_TRACE(row.name);
    const Engine engine = [&] {
      try {
        return make_engine(row.name, 4);
      } catch (const std::runtime_error&) {
        return Engine();  // cannot run here
      }
    }();
    if (!engine) continue;
    for (const size_t count : {num, size_t(1)}) {
      SCOPED_TRACE(count);
      count_ = count;
      expect_nothing_left_of("sealing", false, [&] { return seal(engine.get()); });
      size_t num_failed = 0;
      const auto open_all = [&] { return open(engine.get(), &num_failed); };
      expect_nothing_left_of("opening", false, open_all);
      ASSERT_EQ(num_failed, 0u);
      if (count == 1) continue;
      spoil();
      expect_nothing_left_of("opening what fails", true, open_all);
      ASSERT_GT(num_failed, num / 2);
    }
  }
}

TEST_P(ProcessLeftovers, NoneAfterBatchesCutShort) {
  {
    const Engine engine = make_engine("", 4);
    draw_inputs();
    ASSERT_EQ(seal(engine.get()), MEGASEAL_ERROR_NONE);  // something to open
  }
  for (const bool opens : {false, true}) {
    bool cut = true;
    for (size_t n = 1; cut; n++) {
      const Engine engine = make_engine("", 4);
      draw_inputs();
      const megaseal_error error = leaving_traces([&] {
        size_t num_failed = 0;
        own_malloc::fail(n);
        const megaseal_error e = opens ? open(engine.get(), &num_failed) : seal(engine.get());
        cut = own_malloc::failed();
        return e;
      });
      EXPECT_TRUE(error == MEGASEAL_ERROR_NONE || error == MEGASEAL_ERROR_MEMORY);
      expect_nothing_left(opens ? "opening cut short" : "sealing cut short");
    }
  }
}

std::string name_of_kind(const ::testing::TestParamInfo<Kind>& kind) {
  constexpr const char* names[] = {"SealedBox",        "SealedBoxXSalsa20", "Hpke",
                                   "HpkePsk",          "HpkeContext",       "X25519",
                                   "ChaCha20Poly1305", "XChaCha20Poly1305"};
  return names[size_t(kind.param)];
}
INSTANTIATE_TEST_SUITE_P(Formats, ProcessLeftovers,
                         ::testing::Values(Kind::sealedbox, Kind::salsa_box, Kind::hpke, Kind::hpke_psk,
                                           Kind::context, Kind::x25519, Kind::chacha20poly1305,
                                           Kind::xchacha20poly1305),
                         name_of_kind);

// Keys that a call draws are known only afterwards.
TEST(ProcessLeftoversOfKeygen, OnlyWhatTheCallerGets) {
  if (!own_malloc::is_here) GTEST_SKIP() << "sanitizers' shadow memory is too large to search";
  for (const char* name : {"", "scalar"}) {
    const Engine engine = make_engine(name, 4);
    for (int turn = 0;; turn++) {
      ASSERT_LT(turn, 1000) << "no worker ever took part";
      const int64_t before = time_of_others();
      wipe_dead_stack();
      ASSERT_EQ(call_below([&] { return megaseal_keygen_batch(engine.get(), shared, secrets, num); }),
                MEGASEAL_ERROR_NONE);
      take_dead_stack();
      if (time_of_others() - before > 50'000) break;
    }
    const Needles needles = needles_of([](NeedleWriter& out) {
      for (size_t i = 0; i < num; i++)
        out.send(ephemeral_secret, bytes_at(secrets + 32 * i, 32)), out.next_item();
    });
    ASSERT_EQ(search_memory(needles, 4 * num + 1).size() >= 4 * num, true);
    wipe_own();
    const std::vector<Found> found = search_memory(needles);
    EXPECT_TRUE(found.empty()) << describe(found);
    EXPECT_EQ(search_registers_of_others(needles), 0);
    wipe_taken_stack();
  }
}

}  // namespace
}  // namespace megaseal::test
