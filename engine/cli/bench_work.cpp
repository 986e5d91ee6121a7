#include "engine/cli/bench_work.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/cli/handles.hpp"

namespace megaseal::cli {
namespace {

constexpr size_t kKeyLen = MEGASEAL_KEY_LEN;
constexpr size_t kNonceLen = 24;  // of the longer kind; ChaCha20 uses the first 12

using Bytes = std::vector<uint8_t, WipingAllocator<uint8_t>>;

Bytes random_bytes(size_t len) {
  Bytes bytes(
      std::max<size_t>(len, 1));  // never empty: data() is a real address for messages of no bytes, too
  randombytes_buf(bytes.data(), len);
  return bytes;
}

// Offsets of num_items items of `len` bytes each.
std::vector<uint64_t> even_offsets(size_t num_items, size_t len) {
  std::vector<uint64_t> offsets(num_items + 1);
  for (size_t i = 0; i < offsets.size(); ++i) offsets[i] = i * len;
  return offsets;
}

struct KeyPairs {
  KeyPairs(megaseal_engine* engine, size_t num) : publics(num * kKeyLen), secrets(num * kKeyLen) {
    check(megaseal_keygen_batch(engine, publics.data(), secrets.data(), num), "keygen");
  }
  Bytes publics;
  Bytes secrets;
};

SecretKey secret_key(const uint8_t* secret) {
  megaseal_secret_key* key = nullptr;
  check(megaseal_secret_key_create(&key, secret), "cannot make a key");
  return SecretKey(key);
}

// Sealing and opening, with the AEADs and to public keys.
class MessageWork : public Work {
 public:
  MessageWork(megaseal_engine* engine, megaseal_format format, bool opening, size_t num_items, size_t len)
      : engine_(engine),
        format_(format),
        opening_(opening),
        messages_(random_bytes(num_items * len)),
        sealed_(num_items * (len + megaseal_overhead(format))),
        opened_(messages_.size()),
        message_offsets_(even_offsets(num_items, len)),
        sealed_offsets_(num_items + 1),
        opened_offsets_(num_items + 1),
        statuses_(num_items),
        pairs_(engine, num_items),
        nonces_(random_bytes(num_items * kNonceLen)),
        aead_keys_{pairs_.secrets.data(), kKeyLen, nonces_.data(), kNonceLen} {
    recipients_.public_keys = pairs_.publics.data();
    recipients_.stride = kKeyLen;
    if (is_aead()) return;
    for (size_t i = 0; i < num_items; ++i) {
      handles_.push_back(secret_key(pairs_.secrets.data() + i * kKeyLen));
      keys_.push_back(handles_.back().get());
    }
  }

  size_t run() override { return opening_ ? open() : seal(); }

  bool right() override {
    return seal() == 0 && open() == 0 && opened_offsets_ == message_offsets_ &&
           std::memcmp(opened_.data(), messages_.data(), message_offsets_.back()) == 0;
  }

 private:
  bool is_aead() const { return format_ < MEGASEAL_FORMAT_HPKE; }

  size_t seal() {
    const megaseal_batch items = batch(messages_, message_offsets_, sealed_, sealed_offsets_);
    size_t num_failed = 0;
    check(is_aead() ? megaseal_aead_seal_batch(engine_, &num_failed, &items, format_, &aead_keys_)
          : format_ == MEGASEAL_FORMAT_HPKE
              ? megaseal_hpke_seal_batch(engine_, &num_failed, nullptr, &items, nullptr, &recipients_)
              : megaseal_sealedbox_seal_batch(engine_, &num_failed, &items, format_, &recipients_),
          "cannot seal");
    return num_failed;
  }

  size_t open() {
    const megaseal_batch items = batch(sealed_, sealed_offsets_, opened_, opened_offsets_);
    size_t num_failed = 0;
    check(is_aead() ? megaseal_aead_open_batch(engine_, &num_failed, &items, format_, &aead_keys_)
          : format_ == MEGASEAL_FORMAT_HPKE
              ? megaseal_hpke_open_batch(engine_, &num_failed, nullptr, &items, nullptr, keys_.data(), 1)
              : megaseal_sealedbox_open_batch(engine_, &num_failed, &items, format_, keys_.data(), 1),
          "cannot open");
    return num_failed;
  }

  megaseal_batch batch(const Bytes& in, const std::vector<uint64_t>& in_offsets, Bytes& out,
                       std::vector<uint64_t>& out_offsets) {
    megaseal_batch batch{};
    batch.struct_size = sizeof batch;
    batch.num_items = statuses_.size();
    batch.in.base = in.data();
    batch.in.offsets = in_offsets.data();
    batch.out.base = out.data();
    batch.out.capacity = out.size();
    batch.out.offsets = out_offsets.data();
    batch.out_statuses = statuses_.data();
    return batch;
  }

  megaseal_engine* engine_;
  megaseal_format format_;
  bool opening_;
  Bytes messages_;
  Bytes sealed_;
  Bytes opened_;
  std::vector<uint64_t> message_offsets_;
  std::vector<uint64_t> sealed_offsets_;
  std::vector<uint64_t> opened_offsets_;
  std::vector<uint8_t> statuses_;
  KeyPairs pairs_;
  Bytes nonces_;
  megaseal_aead_keys aead_keys_;
  megaseal_recipients recipients_{};
  std::vector<SecretKey> handles_;
  std::vector<const megaseal_secret_key*> keys_;
};

// X25519 alone: shared secrets, public keys, key pairs.
class KeyWork : public Work {
 public:
  KeyWork(megaseal_engine* engine, megaseal_operation operation, size_t num)
      : engine_(engine),
        operation_(operation),
        num_(num),
        ours_(engine, num),
        theirs_(engine, num),
        shared_(num * kKeyLen) {}

  size_t run() override {
    if (operation_ == MEGASEAL_OP_X25519_SHARED) {
      return agree(shared_, ours_.secrets, theirs_.publics.data(), kKeyLen);
    }
    if (operation_ == MEGASEAL_OP_X25519_PREPARED) {
      return agree(shared_, ours_.secrets, theirs_.publics.data(), 0);
    }
    uint8_t* const publics = ours_.publics.data();
    uint8_t* const secrets = ours_.secrets.data();
    check(operation_ == MEGASEAL_OP_KEYGEN
              ? megaseal_keygen_batch(engine_, publics, secrets, num_)
              : megaseal_x25519_public_batch(engine_, publics, num_, secrets, kKeyLen),
          "cannot make keys");
    return 0;
  }

  bool right() override {
    if (run() != 0) return false;
    Bytes expected(num_ * kKeyLen);
    if (operation_ == MEGASEAL_OP_X25519_SHARED) {
      return agree(expected, theirs_.secrets, ours_.publics.data(), kKeyLen) == 0 && expected == shared_;
    }
    if (operation_ == MEGASEAL_OP_X25519_PREPARED) {  // by libsodium
      for (size_t i = 0; i < num_; ++i) {
        if (::crypto_scalarmult(&expected[i * kKeyLen], &ours_.secrets[i * kKeyLen], theirs_.publics.data()) != 0)
          return false;
      }
      return expected == shared_;
    }
    const uint8_t base_point[kKeyLen] = {9};  // public keys by the other road, the ladder
    return agree(expected, ours_.secrets, base_point, 0) == 0 && expected == ours_.publics;
  }

 private:
  size_t agree(Bytes& out, const Bytes& secrets, const uint8_t* points, size_t stride) {
    size_t num_failed = 0;
    check(megaseal_x25519_batch(engine_, out.data(), nullptr, &num_failed, num_, secrets.data(), kKeyLen,
                                points, stride),
          "cannot agree on keys");
    return num_failed;
  }

  megaseal_engine* engine_;
  megaseal_operation operation_;
  size_t num_;
  KeyPairs ours_;
  KeyPairs theirs_;
  Bytes shared_;
};

// Exports of 32 bytes from one context, each under an exporter context of its own.
class ExportWork : public Work {
 public:
  using Context = std::unique_ptr<megaseal_hpke_context, Releaser<megaseal_hpke_context_destroy>>;

  ExportWork(megaseal_engine* engine, size_t num)
      : engine_(engine),
        exporter_contexts_(random_bytes(num * kKeyLen)),
        offsets_(even_offsets(num, kKeyLen)),
        out_(num * kKeyLen) {
    const KeyPairs pair(engine, 1);
    const SecretKey key = secret_key(pair.secrets.data());
    megaseal_recipient* recipient = nullptr;
    check(megaseal_recipient_create(&recipient, pair.publics.data()), "cannot make a key");
    const Recipient to(recipient);
    uint8_t enc[kKeyLen];
    megaseal_hpke_context* context = nullptr;
    check(megaseal_hpke_sender_create(&context, enc, engine, nullptr, to.get()), "cannot make a context");
    sender_.reset(context);
    check(megaseal_hpke_receiver_create(&context, engine, nullptr, key.get(), enc), "cannot make a context");
    receiver_.reset(context);
  }
  size_t run() override { return export_from(sender_.get(), out_); }
  bool right() override {
    Bytes other_side(out_.size());
    return run() == 0 && export_from(receiver_.get(), other_side) == 0 && other_side == out_;
  }

 private:
  size_t export_from(const megaseal_hpke_context* context, Bytes& out) {
    megaseal_inputs inputs{};
    inputs.base = exporter_contexts_.data();
    inputs.offsets = offsets_.data();
    check(megaseal_hpke_context_export_batch(context, out.data(), engine_, offsets_.size() - 1, &inputs,
                                             kKeyLen),
          "cannot export");
    return 0;
  }

  megaseal_engine* engine_;
  Bytes exporter_contexts_;
  std::vector<uint64_t> offsets_;
  Bytes out_;
  Context sender_;
  Context receiver_;
};

}  // namespace

bool takes_messages(megaseal_operation operation) {
  return operation != MEGASEAL_OP_X25519_SHARED && operation != MEGASEAL_OP_X25519_PREPARED && operation != MEGASEAL_OP_X25519_PUBLIC &&
         operation != MEGASEAL_OP_KEYGEN && operation != MEGASEAL_OP_HPKE_EXPORT;
}

std::unique_ptr<Work> make_work(megaseal_engine* engine, megaseal_operation operation, size_t num_items,
                                size_t len) {
  const auto messages = [&](megaseal_format format, bool opening) {
    return std::make_unique<MessageWork>(engine, format, opening, num_items, len);
  };
  switch (operation) {
    case MEGASEAL_OP_CHACHA20POLY1305_SEAL:
    case MEGASEAL_OP_CHACHA20POLY1305_OPEN:
      return messages(MEGASEAL_FORMAT_CHACHA20POLY1305, operation == MEGASEAL_OP_CHACHA20POLY1305_OPEN);
    case MEGASEAL_OP_XCHACHA20POLY1305_SEAL:
    case MEGASEAL_OP_XCHACHA20POLY1305_OPEN:
      return messages(MEGASEAL_FORMAT_XCHACHA20POLY1305, operation == MEGASEAL_OP_XCHACHA20POLY1305_OPEN);
    case MEGASEAL_OP_HPKE_SEAL:
    case MEGASEAL_OP_HPKE_OPEN:
      return messages(MEGASEAL_FORMAT_HPKE, operation == MEGASEAL_OP_HPKE_OPEN);
    case MEGASEAL_OP_SEALEDBOX_SEAL:
    case MEGASEAL_OP_SEALEDBOX_OPEN:
      return messages(MEGASEAL_FORMAT_SEALEDBOX, operation == MEGASEAL_OP_SEALEDBOX_OPEN);
    case MEGASEAL_OP_X25519_SHARED:
    case MEGASEAL_OP_X25519_PUBLIC:
    case MEGASEAL_OP_KEYGEN:
    case MEGASEAL_OP_X25519_PREPARED:
      return std::make_unique<KeyWork>(engine, operation, num_items);
    case MEGASEAL_OP_HPKE_EXPORT:
      return std::make_unique<ExportWork>(engine, num_items);
    case MEGASEAL_OP_COUNT_:
    case MEGASEAL_OP_INT_:
      break;
  }
  fail("no benchmark for operation {}", static_cast<int>(operation));
}

}  // namespace megaseal::cli
