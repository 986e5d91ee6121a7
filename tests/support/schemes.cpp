#include "tests/support/schemes.hpp"

#include <map>
#include <mutex>
#include <numeric>

namespace megaseal::test {

namespace {

/// Bytes that depend on nothing but an item's number and what they are for.
Bytes fixed(size_t item, uint64_t purpose, size_t len) { return Random(item * 64 + purpose).bytes(len); }

constexpr uint64_t key_purpose = 1, nonce_purpose = 2, ephemeral_purpose = 3, text_purpose = 4,
                   aad_purpose = 5, recipient_purpose = 6;
constexpr size_t num_recipients = 5;

Bytes gather(const std::vector<size_t>& items, uint64_t purpose, size_t len) {
  Bytes out;
  for (const size_t item : items) {
    const Bytes bytes = fixed(item, purpose, len);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

class AeadScheme : public Scheme {
 public:
  AeadScheme(std::string name, megaseal_format format, size_t nonce_len)
      : Scheme(std::move(name), format), nonce_len_(nonce_len) {}
  megaseal_operation seal_operation() const override {
    return nonce_len_ == 24 ? MEGASEAL_OP_XCHACHA20POLY1305_SEAL : MEGASEAL_OP_CHACHA20POLY1305_SEAL;
  }
  megaseal_operation open_operation() const override {
    return nonce_len_ == 24 ? MEGASEAL_OP_XCHACHA20POLY1305_OPEN : MEGASEAL_OP_CHACHA20POLY1305_OPEN;
  }
  megaseal_error seal(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    const Bytes keys = gather(items, key_purpose, 32), nonces = gather(items, nonce_purpose, nonce_len_);
    const megaseal_aead_keys aead = {keys.data(), 32, nonces.data(), nonce_len_};
    return megaseal_aead_seal_batch(engine, out_num_failed, batch, format(), &aead);
  }
  megaseal_error open(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    const Bytes keys = gather(items, key_purpose, 32), nonces = gather(items, nonce_purpose, nonce_len_);
    const megaseal_aead_keys aead = {keys.data(), 32, nonces.data(), nonce_len_};
    return megaseal_aead_open_batch(engine, out_num_failed, batch, format(), &aead);
  }

 private:
  size_t nonce_len_;
};

/// Schemes with recipients: item k goes to recipient k mod num_recipients.
class RecipientScheme : public Scheme {
 public:
  RecipientScheme(std::string name, megaseal_format format) : Scheme(std::move(name), format) {
    for (size_t i = 0; i < num_recipients; ++i) {
      keys_.push_back(make_secret_key(fixed(i, recipient_purpose, 32)));
      recipients_.push_back(make_recipient(public_key_of(keys_.back().get())));
    }
  }

 protected:
  std::vector<const megaseal_recipient*> recipients(const std::vector<size_t>& items) const {
    std::vector<const megaseal_recipient*> out;
    for (const size_t item : items) out.push_back(recipients_[item % num_recipients].get());
    return out;
  }
  std::vector<const megaseal_secret_key*> keys(const std::vector<size_t>& items) const {
    std::vector<const megaseal_secret_key*> out;
    for (const size_t item : items) out.push_back(keys_[item % num_recipients].get());
    return out;
  }
  const megaseal_recipient* recipient(size_t i) const { return recipients_[i].get(); }
  const megaseal_secret_key* key(size_t i) const { return keys_[i].get(); }

 private:
  std::vector<SecretKey> keys_;
  std::vector<Recipient> recipients_;
};

class HpkeScheme : public RecipientScheme {
 public:
  HpkeScheme(std::string name, Bytes psk, Bytes psk_id)
      : RecipientScheme(std::move(name), MEGASEAL_FORMAT_HPKE),
        psk_(std::move(psk)),
        psk_id_(std::move(psk_id)) {}
  megaseal_operation seal_operation() const override { return MEGASEAL_OP_HPKE_SEAL; }
  megaseal_operation open_operation() const override { return MEGASEAL_OP_HPKE_OPEN; }
  megaseal_error seal(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    const std::vector<const megaseal_recipient*> handles = recipients(items);
    const megaseal_recipients to = {handles.data(), 1, nullptr, 0};
    const megaseal_hpke_params params = hpke_params(info_, psk_, psk_id_);
    const Bytes ephemerals = gather(items, ephemeral_purpose, 32);
    return testing::hpke_seal_batch(engine, out_num_failed, nullptr, batch, &params, &to, ephemerals.data());
  }
  megaseal_error open(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    const std::vector<const megaseal_secret_key*> handles = keys(items);
    const megaseal_hpke_params params = hpke_params(info_, psk_, psk_id_);
    return megaseal_hpke_open_batch(engine, out_num_failed, nullptr, batch, &params, handles.data(), 1);
  }

 private:
  Bytes info_ = bytes_of("what the messages are for"), psk_, psk_id_;
};

/// An item's number is its sequence number; sealing takes runs of consecutive items to a sender that starts there.
class ContextScheme : public RecipientScheme {
 public:
  ContextScheme() : RecipientScheme("HpkeContext", MEGASEAL_FORMAT_HPKE_CONTEXT) {}
  megaseal_operation seal_operation() const override { return MEGASEAL_OP_CHACHA20POLY1305_SEAL; }
  megaseal_operation open_operation() const override { return MEGASEAL_OP_CHACHA20POLY1305_OPEN; }

  bool any_order() const override { return false; }
  megaseal_error seal(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    Bytes enc(32);
    const Context sender = make_sender(engine, items.empty() ? 0 : items[0], enc);
    return megaseal_hpke_context_seal_batch(sender.get(), nullptr, out_num_failed, engine, batch);
  }
  megaseal_error open(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    Bytes enc(32);
    make_sender(engine, 0, enc);
    megaseal_hpke_context* receiver = nullptr;
    throw_on(megaseal_hpke_receiver_create(&receiver, engine, nullptr, key(0), enc.data()), "receiver");
    const Context owner(receiver);
    const std::vector<uint64_t> sequences(items.begin(), items.end());
    return megaseal_hpke_context_open_batch(receiver, out_num_failed, engine, batch, sequences.data());
  }

 private:
  Context make_sender(megaseal_engine* engine, uint64_t first, Bytes& enc) const {
    megaseal_hpke_context* sender = nullptr;
    const Bytes ephemeral = fixed(0, ephemeral_purpose, 32);
    throw_on(testing::hpke_sender_create(&sender, enc.data(), engine, nullptr, recipient(0), ephemeral.data(),
                                         first),
             "sender");
    return Context(sender);
  }
};

class SealedBoxScheme : public RecipientScheme {
 public:
  using RecipientScheme::RecipientScheme;
  megaseal_operation seal_operation() const override { return MEGASEAL_OP_SEALEDBOX_SEAL; }
  megaseal_operation open_operation() const override { return MEGASEAL_OP_SEALEDBOX_OPEN; }
  megaseal_error seal(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    const std::vector<const megaseal_recipient*> handles = recipients(items);
    const megaseal_recipients to = {handles.data(), 1, nullptr, 0};
    const Bytes ephemerals = gather(items, ephemeral_purpose, 32);
    return testing::sealedbox_seal_batch(engine, out_num_failed, batch, format(), &to, ephemerals.data());
  }
  megaseal_error open(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                      const std::vector<size_t>& items) const override {
    const std::vector<const megaseal_secret_key*> handles = keys(items);
    return megaseal_sealedbox_open_batch(engine, out_num_failed, batch, format(), handles.data(), 1);
  }
};

}  // namespace

Bytes Scheme::text(size_t item) const {
  // Lengths from nothing to a few hundred bytes, and now and then a longer one.
  const size_t len = item % 11 == 10 ? 3000 + item % 7 : (item * item * 7 + item) % 300;
  return fixed(item, text_purpose, len);
}

Messages Scheme::plaintexts(const std::vector<size_t>& items) const {
  std::vector<Bytes> texts;
  for (const size_t item : items) texts.push_back(text(item));
  return with_aad(items, texts);
}

Messages Scheme::with_aad(const std::vector<size_t>& items, const std::vector<Bytes>& texts) const {
  Messages messages = {texts, {}};
  if (has_aad())
    for (const size_t item : items) messages.aad.push_back(fixed(item, aad_purpose, item % 40));
  return messages;
}

Results Scheme::seal(megaseal_engine* engine, Layout layout, const std::vector<size_t>& items) const {
  return test::seal(layout, shape(), plaintexts(items),
                    [&](size_t* out_num_failed, const megaseal_batch* batch) {
                      return seal(engine, out_num_failed, batch, items);
                    });
}

Results Scheme::open(megaseal_engine* engine, Layout layout, const std::vector<size_t>& items,
                     const std::vector<Bytes>& sealed) const {
  return test::open(layout, shape(), with_aad(items, sealed),
                    [&](size_t* out_num_failed, const megaseal_batch* batch) {
                      return open(engine, out_num_failed, batch, items);
                    });
}

std::vector<std::shared_ptr<const Scheme>> make_schemes() {
  return {
      std::make_shared<AeadScheme>("ChaCha20Poly1305", MEGASEAL_FORMAT_CHACHA20POLY1305, 12),
      std::make_shared<AeadScheme>("XChaCha20Poly1305", MEGASEAL_FORMAT_XCHACHA20POLY1305, 24),
      std::make_shared<HpkeScheme>("Hpke", Bytes(), Bytes()),
      std::make_shared<HpkeScheme>("HpkePsk", fixed(0, 7, 32), bytes_of("psk id")),
      std::make_shared<ContextScheme>(),
      std::make_shared<SealedBoxScheme>("SealedBox", MEGASEAL_FORMAT_SEALEDBOX),
      std::make_shared<SealedBoxScheme>("SealedBoxSalsa", MEGASEAL_FORMAT_SEALEDBOX_SALSA),
  };
}

const std::vector<std::shared_ptr<const Scheme>>& all_schemes() {
  static const std::vector<std::shared_ptr<const Scheme>> schemes = make_schemes();
  return schemes;
}

std::vector<std::shared_ptr<const Scheme>> schemes_that(bool (*wanted)(const Scheme&)) {
  std::vector<std::shared_ptr<const Scheme>> out;
  for (const auto& scheme : all_schemes())
    if (wanted(*scheme)) out.push_back(scheme);
  return out;
}

std::vector<size_t> first_items(size_t n) {
  std::vector<size_t> items(n);
  std::iota(items.begin(), items.end(), size_t(0));
  return items;
}

}  // namespace megaseal::test
