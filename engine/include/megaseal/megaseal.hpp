// megaseal for C++20: owning handles, std::span and exceptions over the C ABI of megaseal.h, which is the
// manual. Header-only, so that no C++ ABI is shared with the library. Everything here may be used as
// concurrently as the handle beneath it; objects themselves follow the rule of the standard library.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "megaseal/megaseal.h"

namespace megaseal {

/// A call that did not run. A single item's failure is never thrown: look at its status.
class Error : public std::runtime_error {
 public:
  explicit Error(megaseal_error code) : std::runtime_error(megaseal_error_string(code)), code_(code) {}
  megaseal_error code() const noexcept { return code_; }

 private:
  megaseal_error code_;
};

namespace detail {
class Batch;
inline void check(megaseal_error e) {
  if (e != MEGASEAL_ERROR_NONE) throw Error(e);
}
}  // namespace detail

/// A 32-byte X25519 key.
using Key = std::array<uint8_t, MEGASEAL_KEY_LEN>;
using Bytes = std::span<const uint8_t>;

/// The bytes of a text.
inline Bytes as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// A checked public key; copies share it.
class Recipient {
 public:
  /// Throws Error KEY_NONCANONICAL or KEY_LOW_ORDER.
  explicit Recipient(const Key& public_key) {
    detail::check(megaseal_recipient_create(&handle_, public_key.data()));
  }
  /// From text: bech32 "megaseal1…" or base64. Throws Error, also KEY_FORMAT.
  static Recipient from_text(std::string_view text) {
    Key key;
    detail::check(megaseal_public_key_from_text(key.data(), text.data(), text.size()));
    return Recipient(key);
  }
  Recipient(const Recipient& other) noexcept : handle_(megaseal_recipient_retain(other.handle_)) {}
  Recipient(Recipient&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Recipient& operator=(Recipient other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Recipient() { megaseal_recipient_release(handle_); }

  [[nodiscard]] Key public_key() const {
    Key key;
    megaseal_recipient_public_key(handle_, key.data());
    return key;
  }
  [[nodiscard]] std::string to_text() const {
    std::array<char, MEGASEAL_PUBLIC_KEY_TEXT_LEN> text;
    megaseal_public_key_to_text(text.data(), public_key().data());
    return text.data();
  }
  [[nodiscard]] const megaseal_recipient* get() const noexcept { return handle_; }

 private:
  megaseal_recipient* handle_ = nullptr;
};

/// A secret key in guarded memory; copies share it. In a child of fork() it is wiped, and calls that need it throw there,
/// unless it is inheritable().
class SecretKey {
 public:
  static SecretKey generate() {
    SecretKey key;
    detail::check(megaseal_secret_key_generate(&key.handle_));
    return key;
  }
  static SecretKey from_bytes(const Key& secret) {
    SecretKey key;
    detail::check(megaseal_secret_key_create(&key.handle_, secret.data()));
    return key;
  }
  static SecretKey from_pem(std::string_view pem) {
    SecretKey key;
    detail::check(megaseal_secret_key_from_pem(&key.handle_, nullptr, pem.data(), pem.size()));
    return key;
  }
  /// The same key for the children of fork() as well, for servers that load their keys before they fork.
  [[nodiscard]] SecretKey inheritable() const {
    SecretKey key;
    detail::check(megaseal_secret_key_create_inheritable(&key.handle_, handle_));
    return key;
  }
  SecretKey(const SecretKey& other) noexcept : handle_(megaseal_secret_key_retain(other.handle_)) {}
  SecretKey(SecretKey&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  SecretKey& operator=(SecretKey other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~SecretKey() { megaseal_secret_key_release(handle_); }

  [[nodiscard]] Key public_key() const {
    Key key;
    megaseal_secret_key_public_key(handle_, key.data());
    return key;
  }
  /// PKCS#8 in PEM. The caller keeps it secret.
  [[nodiscard]] std::string to_pem() const {
    std::string pem(MEGASEAL_SECRET_KEY_PEM_LEN, '\0');
    detail::check(megaseal_secret_key_to_pem(pem.data(), handle_));
    pem.resize(pem.find('\0'));
    return pem;
  }
  /// Who seals to this key.
  [[nodiscard]] Recipient recipient() const { return Recipient(public_key()); }
  [[nodiscard]] const megaseal_secret_key* get() const noexcept { return handle_; }

 private:
  SecretKey() = default;
  megaseal_secret_key* handle_ = nullptr;
};

/// Messages side by side in one buffer, message i at [offsets[i], offsets[i + 1]): the packed layout of
/// megaseal.h, with storage of its own.
class Messages {
 public:
  void reserve(size_t num, size_t num_bytes) {
    offsets_.reserve(num + 1);
    bytes_.reserve(num_bytes);
  }
  void push_back(Bytes message) {
    if (offsets_.empty()) offsets_.push_back(0);
    offsets_.push_back(bytes_.size() + message.size());
    try {
      bytes_.insert(bytes_.end(), message.begin(), message.end());
    } catch (...) {  // out of memory: neither of the two is there
      offsets_.pop_back();
      throw;
    }
  }
  void push_back(std::string_view message) { push_back(as_bytes(message)); }
  void clear() noexcept {
    bytes_.clear();
    offsets_.clear();
  }
  [[nodiscard]] size_t size() const noexcept { return offsets_.empty() ? 0 : offsets_.size() - 1; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] size_t num_bytes() const noexcept { return bytes_.size(); }
  [[nodiscard]] Bytes operator[](size_t i) const {
    return Bytes(bytes_).subspan(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }
  [[nodiscard]] std::string_view text(size_t i) const {
    const Bytes b = (*this)[i];
    return {reinterpret_cast<const char*>(b.data()), b.size()};
  }

 private:
  friend class detail::Batch;
  std::vector<uint8_t> bytes_;
  std::vector<uint64_t> offsets_;  // one more than messages; or, with no messages, none, as after a move
};

/// What a batch call gives back: one message and one status per item, in order.
struct Result {
  Messages messages;  // a failed item's is zeros
  std::vector<uint8_t> statuses;
  size_t num_failed = 0;
  [[nodiscard]] bool ok(size_t i) const { return statuses[i] == MEGASEAL_OK; }
};

/// What the items of an HPKE batch share.
struct HpkeParams {
  Bytes info{};
  Bytes psk{};
  Bytes psk_id{};
};

struct EngineOptions {
  std::string backend{};     // "": the best for each operation
  uint32_t num_threads = 0;  // 0: one per CPU
  /// Memory for tables of recipients; 0: none.
  size_t prepared_cache_bytes = MEGASEAL_PREPARED_CACHE_DEFAULT;
  /// The most memory for a GPU's work; 0: no GPU.
  size_t device_memory_bytes = MEGASEAL_DEVICE_MEMORY_DEFAULT;
};

namespace detail {

inline void same_size(size_t a, size_t b) {
  if (a != b) throw std::invalid_argument("megaseal: sizes differ");
}

// The C handles of one owner for all messages, or of one for each.
template <class Handle, class Owner>
std::vector<const Handle*> handles(std::span<const Owner> owners, size_t num_messages) {
  if (owners.size() != 1) same_size(owners.size(), num_messages);
  std::vector<const Handle*> list;
  list.reserve(owners.size());
  for (const Owner& o : owners) list.push_back(o.get());
  return list;
}

inline megaseal_hpke_params convert(const HpkeParams& p) {
  megaseal_hpke_params c{};
  c.struct_size = sizeof c;
  c.info = p.info.data();
  c.info_len = p.info.size();
  c.psk = p.psk.data();
  c.psk_len = p.psk.size();
  c.psk_id = p.psk_id.data();
  c.psk_id_len = p.psk_id.size();
  return c;
}

inline megaseal_aead_keys aead_keys(megaseal_format format, Bytes keys, Bytes nonces, size_t num) {
  const size_t nonce_len = format == MEGASEAL_FORMAT_XCHACHA20POLY1305 ? 24 : 12;
  if (keys.size() != MEGASEAL_KEY_LEN) same_size(keys.size(), MEGASEAL_KEY_LEN * num);
  if (nonces.size() != nonce_len) same_size(nonces.size(), nonce_len * num);
  return {keys.data(), keys.size() == MEGASEAL_KEY_LEN ? 0 : size_t(MEGASEAL_KEY_LEN), nonces.data(),
          nonces.size() == nonce_len ? 0 : nonce_len};
}

// A C batch over packed messages, and the result it writes to.
class Batch {
 public:
  Batch(megaseal_format format, bool seal, const Messages& in, const Messages& aad) {
    if (!aad.empty()) same_size(aad.size(), in.size());
    const size_t overhead = seal ? megaseal_overhead(format) * in.size() : 0;
    result_.messages.bytes_.resize(in.bytes_.size() + overhead);
    result_.messages.offsets_.resize(in.size() + 1);
    result_.statuses.resize(in.size());
    c.struct_size = sizeof c;
    c.num_items = in.size();
    c.in.base = in.bytes_.data();
    c.in.offsets = in.offsets_.data();
    if (!aad.empty()) {
      c.aad.base = aad.bytes_.data();
      c.aad.offsets = aad.offsets_.data();
    }
    c.out.base = result_.messages.bytes_.data();
    c.out.capacity = result_.messages.bytes_.size();
    c.out.offsets = result_.messages.offsets_.data();
    c.out_statuses = result_.statuses.data();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  size_t* num_failed() { return &result_.num_failed; }
  Result take() {
    result_.messages.bytes_.resize(result_.messages.offsets_.back());
    return std::move(result_);
  }
  megaseal_batch c{};

 private:
  Result result_;
};

}  // namespace detail

class Engine {
 public:
  explicit Engine(const EngineOptions& options = {}) {
    megaseal_engine_options o{};
    o.struct_size = sizeof o;
    o.backend = options.backend.c_str();
    o.num_threads = options.num_threads;
    o.prepared_cache_bytes =
        options.prepared_cache_bytes ? options.prepared_cache_bytes : MEGASEAL_PREPARED_CACHE_OFF;
    o.device_memory_bytes = options.device_memory_bytes ? options.device_memory_bytes : MEGASEAL_DEVICE_OFF;
    megaseal_engine* engine = nullptr;
    detail::check(megaseal_engine_create(&engine, &o));
    handle_.reset(engine);
  }

  /// NULL for an operation that no backend offers.
  [[nodiscard]] const char* backend_name(megaseal_operation operation) const {
    return megaseal_backend_name(handle_.get(), operation);
  }
  [[nodiscard]] size_t recommended_batch(megaseal_operation operation) const {
    return megaseal_recommended_batch(handle_.get(), operation);
  }

  /// The GPU that shares large batches; starts it, where that has not been done.
  [[nodiscard]] megaseal_device_info device_info() const {
    megaseal_device_info info{};
    info.struct_size = sizeof info;
    detail::check(megaseal_engine_device_info(handle_.get(), &info));
    return info;
  }
  /// Messages of `len` bytes a call from which `operation` is shared with it; 0: never.
  [[nodiscard]] size_t device_crossover(megaseal_operation operation, size_t len) const {
    return megaseal_device_crossover(handle_.get(), operation, len);
  }

  /// Makes tables for recipients before anything is sealed to them; the engine makes some by itself as well. Returns how
  /// many have one afterwards.
  size_t prepare(std::span<const Recipient> recipients,
                 megaseal_prepared_size size = MEGASEAL_PREPARED_AUTO) const {
    std::vector<Key> keys;
    keys.reserve(recipients.size());
    for (const Recipient& r : recipients) keys.push_back(r.public_key());
    return prepare(std::span<const Key>(keys), size);
  }
  size_t prepare(std::span<const Key> public_keys, megaseal_prepared_size size = MEGASEAL_PREPARED_AUTO) const {
    size_t prepared = 0;
    if (public_keys.empty()) return prepared;
    detail::check(megaseal_prepare_recipients(handle_.get(), &prepared, public_keys.size(), public_keys[0].data(),
                                              sizeof(Key), size));
    return prepared;
  }
  [[nodiscard]] megaseal_prepared_info prepared_info() const {
    megaseal_prepared_info info{};
    info.struct_size = sizeof info;
    detail::check(megaseal_engine_prepared_info(handle_.get(), &info));
    return info;
  }

  // HPKE, single-shot. One recipient (key) serves all messages, or there is one for each. `aad` is empty or has one
  // entry a message. A message that does not open has a status; only a call that cannot run throws.
  [[nodiscard]] Result seal(std::span<const Recipient> recipients, const Messages& messages,
                            const HpkeParams& params = {}, const Messages& aad = {}) const {
    return hpke_seal(detail::handles<megaseal_recipient>(recipients, messages.size()), messages, params, aad);
  }
  [[nodiscard]] Result seal(const Recipient& recipient, const Messages& messages,
                            const HpkeParams& params = {}, const Messages& aad = {}) const {
    return hpke_seal({recipient.get()}, messages, params, aad);
  }
  [[nodiscard]] Result open(std::span<const SecretKey> keys, const Messages& sealed,
                            const HpkeParams& params = {}, const Messages& aad = {}) const {
    return hpke_open(detail::handles<megaseal_secret_key>(keys, sealed.size()), sealed, params, aad);
  }
  [[nodiscard]] Result open(const SecretKey& key, const Messages& sealed, const HpkeParams& params = {},
                            const Messages& aad = {}) const {
    return hpke_open({key.get()}, sealed, params, aad);
  }

  // libsodium's sealed boxes; `format` is MEGASEAL_FORMAT_SEALEDBOX or _SEALEDBOX_SALSA.
  [[nodiscard]] Result sealedbox_seal(std::span<const Recipient> recipients, const Messages& messages,
                                      megaseal_format format = MEGASEAL_FORMAT_SEALEDBOX) const {
    const auto to = detail::handles<megaseal_recipient>(recipients, messages.size());
    detail::Batch b(format, true, messages, {});
    const megaseal_recipients r{to.data(), to.size() > 1, nullptr, 0};
    detail::check(megaseal_sealedbox_seal_batch(handle_.get(), b.num_failed(), &b.c, format, &r));
    return b.take();
  }
  [[nodiscard]] Result sealedbox_open(std::span<const SecretKey> keys, const Messages& sealed,
                                      megaseal_format format = MEGASEAL_FORMAT_SEALEDBOX) const {
    const auto with = detail::handles<megaseal_secret_key>(keys, sealed.size());
    detail::Batch b(format, false, sealed, {});
    detail::check(megaseal_sealedbox_open_batch(handle_.get(), b.num_failed(), &b.c, format, with.data(),
                                                with.size() > 1));
    return b.take();
  }

  // AEAD with the caller's keys (32 bytes each) and nonces (12 or 24 bytes each), side by side; one key serves all
  // or there is one a message, and so for nonces.
  [[nodiscard]] Result aead_seal(megaseal_format format, Bytes keys, Bytes nonces, const Messages& messages,
                                 const Messages& aad = {}) const {
    detail::Batch b(format, true, messages, aad);
    const megaseal_aead_keys k = detail::aead_keys(format, keys, nonces, messages.size());
    detail::check(megaseal_aead_seal_batch(handle_.get(), b.num_failed(), &b.c, format, &k));
    return b.take();
  }
  [[nodiscard]] Result aead_open(megaseal_format format, Bytes keys, Bytes nonces, const Messages& sealed,
                                 const Messages& aad = {}) const {
    detail::Batch b(format, false, sealed, aad);
    const megaseal_aead_keys k = detail::aead_keys(format, keys, nonces, sealed.size());
    detail::check(megaseal_aead_open_batch(handle_.get(), b.num_failed(), &b.c, format, &k));
    return b.take();
  }

  /// out[i] = X25519(secrets[i], points[i]); all three of one size. Returns how many results are all zeros.
  size_t x25519(std::span<Key> out, std::span<const Key> secrets, std::span<const Key> points) const {
    detail::same_size(out.size(), secrets.size());
    detail::same_size(out.size(), points.size());
    size_t failed = 0;
    if (out.empty()) return failed;
    detail::check(megaseal_x25519_batch(handle_.get(), out[0].data(), nullptr, &failed, out.size(),
                                        secrets[0].data(), sizeof(Key), points[0].data(), sizeof(Key)));
    return failed;
  }
  /// out[i] = the public key of secrets[i].
  void x25519_public(std::span<Key> out, std::span<const Key> secrets) const {
    detail::same_size(out.size(), secrets.size());
    if (out.empty()) return;
    detail::check(megaseal_x25519_public_batch(handle_.get(), out[0].data(), out.size(), secrets[0].data(),
                                               sizeof(Key)));
  }
  /// Fresh key pairs. The caller wipes the secrets.
  void keygen(std::span<Key> out_publics, std::span<Key> out_secrets) const {
    detail::same_size(out_publics.size(), out_secrets.size());
    if (out_publics.empty()) return;
    detail::check(megaseal_keygen_batch(handle_.get(), out_publics[0].data(), out_secrets[0].data(),
                                        out_publics.size()));
  }

  /// For what has no wrapper here: batches by pointers, in place, and single-shot exports.
  [[nodiscard]] megaseal_engine* get() const noexcept { return handle_.get(); }

 private:
  Result hpke_seal(const std::vector<const megaseal_recipient*>& to, const Messages& messages,
                   const HpkeParams& params, const Messages& aad) const {
    detail::Batch b(MEGASEAL_FORMAT_HPKE, true, messages, aad);
    const megaseal_hpke_params p = detail::convert(params);
    const megaseal_recipients r{to.data(), to.size() > 1, nullptr, 0};
    detail::check(megaseal_hpke_seal_batch(handle_.get(), b.num_failed(), nullptr, &b.c, &p, &r));
    return b.take();
  }
  Result hpke_open(const std::vector<const megaseal_secret_key*>& with, const Messages& sealed,
                   const HpkeParams& params, const Messages& aad) const {
    detail::Batch b(MEGASEAL_FORMAT_HPKE, false, sealed, aad);
    const megaseal_hpke_params p = detail::convert(params);
    detail::check(megaseal_hpke_open_batch(handle_.get(), b.num_failed(), nullptr, &b.c, &p, with.data(),
                                           with.size() > 1));
    return b.take();
  }

  struct Destroy {
    void operator()(megaseal_engine* e) const { megaseal_engine_destroy(e); }
  };
  std::unique_ptr<megaseal_engine, Destroy> handle_;
};

/// One side of an HPKE context; move-only. The engine must outlive it. In a child of fork() it is wiped, and calls throw.
class HpkeContext {
 public:
  [[nodiscard]] std::vector<uint8_t> export_secret(Bytes context, size_t len) const {
    std::vector<uint8_t> out(len);
    const void* ptr = context.data();
    const uint64_t context_len = context.size();
    const megaseal_inputs in{&ptr, &context_len, nullptr, nullptr};
    detail::check(megaseal_hpke_context_export_batch(handle_.get(), out.data(), engine_, 1, &in, len));
    return out;
  }
  [[nodiscard]] megaseal_hpke_context* get() const noexcept { return handle_.get(); }

 protected:
  HpkeContext(megaseal_engine* engine, megaseal_hpke_context* context) : engine_(engine), handle_(context) {}
  struct Destroy {
    void operator()(megaseal_hpke_context* c) const { megaseal_hpke_context_destroy(c); }
  };
  megaseal_engine* engine_;
  std::unique_ptr<megaseal_hpke_context, Destroy> handle_;
};

class HpkeSender : public HpkeContext {
 public:
  HpkeSender(const Engine& engine, const Recipient& recipient, const HpkeParams& params = {})
      : HpkeContext(engine.get(), nullptr) {
    const megaseal_hpke_params p = detail::convert(params);
    megaseal_hpke_context* context = nullptr;
    detail::check(megaseal_hpke_sender_create(&context, enc_.data(), engine_, &p, recipient.get()));
    handle_.reset(context);
  }
  /// What the receiver needs, once.
  [[nodiscard]] const Key& enc() const noexcept { return enc_; }
  /// Message i is sealed under *first + i.
  [[nodiscard]] Result seal(const Messages& messages, uint64_t* first = nullptr,
                            const Messages& aad = {}) const {
    detail::Batch b(MEGASEAL_FORMAT_HPKE_CONTEXT, true, messages, aad);
    detail::check(megaseal_hpke_context_seal_batch(handle_.get(), first, b.num_failed(), engine_, &b.c));
    return b.take();
  }

 private:
  Key enc_;
};

class HpkeReceiver : public HpkeContext {
 public:
  HpkeReceiver(const Engine& engine, const SecretKey& key, const Key& enc, const HpkeParams& params = {})
      : HpkeContext(engine.get(), nullptr) {
    const megaseal_hpke_params p = detail::convert(params);
    megaseal_hpke_context* context = nullptr;
    detail::check(megaseal_hpke_receiver_create(&context, engine_, &p, key.get(), enc.data()));
    handle_.reset(context);
  }
  /// Opens message i under sequences[i]. Detecting replay is the caller's.
  [[nodiscard]] Result open(const Messages& sealed, std::span<const uint64_t> sequences,
                            const Messages& aad = {}) const {
    detail::same_size(sealed.size(), sequences.size());
    detail::Batch b(MEGASEAL_FORMAT_HPKE_CONTEXT, false, sealed, aad);
    detail::check(
        megaseal_hpke_context_open_batch(handle_.get(), b.num_failed(), engine_, &b.c, sequences.data()));
    return b.take();
  }
};

}  // namespace megaseal
