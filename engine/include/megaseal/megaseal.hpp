// megaseal for C++20: owning handles, std::span and exceptions over the C ABI of megaseal.h, which is the
// manual. Header-only, so that no C++ ABI is shared with the library. Everything here may be used as
// concurrently as the handle beneath it; objects themselves follow the rule of the standard library.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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

/// A secret key in guarded memory; copies share it.
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
  Messages() : offsets_(1, 0) {}
  void reserve(size_t num, size_t num_bytes) {
    offsets_.reserve(num + 1);
    bytes_.reserve(num_bytes);
  }
  void push_back(Bytes message) {
    bytes_.insert(bytes_.end(), message.begin(), message.end());
    offsets_.push_back(bytes_.size());
  }
  void push_back(std::string_view message) { push_back(as_bytes(message)); }
  void clear() {
    bytes_.clear();
    offsets_.assign(1, 0);
  }
  [[nodiscard]] size_t size() const noexcept { return offsets_.size() - 1; }
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
  friend class Engine;
  std::vector<uint8_t> bytes_;
  std::vector<uint64_t> offsets_;
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
};

class Engine {
 public:
  explicit Engine(const EngineOptions& options = {}) {
    megaseal_engine_options o{};
    o.struct_size = sizeof o;
    o.backend = options.backend.c_str();
    o.num_threads = options.num_threads;
    megaseal_engine* engine = nullptr;
    detail::check(megaseal_engine_create(&engine, &o));
    handle_.reset(engine);
  }

  [[nodiscard]] const char* backend_name(megaseal_operation operation) const {
    return megaseal_backend_name(handle_.get(), operation);
  }
  [[nodiscard]] size_t recommended_batch(megaseal_operation operation) const {
    return megaseal_recommended_batch(handle_.get(), operation);
  }

  /// HPKE, one recipient for all messages.
  [[nodiscard]] Result seal(const Recipient& recipient, const Messages& messages,
                            const HpkeParams& params = {}) const {
    const megaseal_recipient* handle = recipient.get();
    return hpke_seal(&handle, 0, messages, params);
  }
  /// HPKE, message i to recipients[i]. Throws std::invalid_argument when the numbers differ.
  [[nodiscard]] Result seal(std::span<const Recipient> recipients, const Messages& messages,
                            const HpkeParams& params = {}) const {
    same_size(recipients.size(), messages.size());
    std::vector<const megaseal_recipient*> handles;
    handles.reserve(recipients.size());
    for (const Recipient& r : recipients) handles.push_back(r.get());
    return hpke_seal(handles.data(), 1, messages, params);
  }
  /// HPKE, one key for all. Throws only when the call cannot run: a message that does not open has a status.
  [[nodiscard]] Result open(const SecretKey& key, const Messages& sealed,
                            const HpkeParams& params = {}) const {
    const megaseal_secret_key* handle = key.get();
    return hpke_open(&handle, 0, sealed, params);
  }
  /// HPKE, sealed message i with keys[i].
  [[nodiscard]] Result open(std::span<const SecretKey> keys, const Messages& sealed,
                            const HpkeParams& params = {}) const {
    same_size(keys.size(), sealed.size());
    std::vector<const megaseal_secret_key*> handles;
    handles.reserve(keys.size());
    for (const SecretKey& k : keys) handles.push_back(k.get());
    return hpke_open(handles.data(), 1, sealed, params);
  }

  /// For the calls that have no wrapper here: pointers, in place, AEADs, contexts, exports, sealed boxes.
  [[nodiscard]] megaseal_engine* get() const noexcept { return handle_.get(); }

 private:
  static void same_size(size_t a, size_t b) {
    if (a != b) throw std::invalid_argument("megaseal: as many keys as messages are needed");
  }
  // Result and batch for `in`, packed both ways; room for every item grown or shrunk by the overhead.
  static megaseal_batch prepare(Result& r, const Messages& in, bool seal) {
    const size_t overhead = megaseal_overhead(MEGASEAL_FORMAT_HPKE) * in.size();
    r.messages.bytes_.resize(seal ? in.bytes_.size() + overhead : in.bytes_.size());
    r.messages.offsets_.resize(in.size() + 1);
    r.statuses.resize(in.size());
    megaseal_batch b{};
    b.struct_size = sizeof b;
    b.num_items = in.size();
    b.in.base = in.bytes_.data();
    b.in.offsets = in.offsets_.data();
    b.out.base = r.messages.bytes_.data();
    b.out.capacity = r.messages.bytes_.size();
    b.out.offsets = r.messages.offsets_.data();
    b.out_statuses = r.statuses.data();
    return b;
  }
  static megaseal_hpke_params convert(const HpkeParams& p) {
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
  Result hpke_seal(const megaseal_recipient* const* handles, size_t step, const Messages& messages,
                   const HpkeParams& params) const {
    Result r;
    const megaseal_batch b = prepare(r, messages, true);
    const megaseal_hpke_params p = convert(params);
    const megaseal_recipients to{handles, step, nullptr, 0};
    detail::check(megaseal_hpke_seal_batch(handle_.get(), &r.num_failed, nullptr, &b, &p, &to));
    return r;
  }
  Result hpke_open(const megaseal_secret_key* const* handles, size_t step, const Messages& sealed,
                   const HpkeParams& params) const {
    Result r;
    const megaseal_batch b = prepare(r, sealed, false);
    const megaseal_hpke_params p = convert(params);
    detail::check(megaseal_hpke_open_batch(handle_.get(), &r.num_failed, nullptr, &b, &p, handles, step));
    r.messages.bytes_.resize(r.messages.offsets_.back());
    return r;
  }

  struct Destroy {
    void operator()(megaseal_engine* e) const { megaseal_engine_destroy(e); }
  };
  std::unique_ptr<megaseal_engine, Destroy> handle_;
};

}  // namespace megaseal
