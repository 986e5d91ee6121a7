// The engine as the command uses it: created from the options, sealing and opening in the chosen format.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/cli/buffer.hpp"
#include "engine/cli/handles.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

/// Throws Failure (no_backend) where the backend asked for is unknown or not usable here.
/// `cache_bytes`: for tables of recipients; 0: none.
Engine make_engine(const std::string& backend, uint32_t num_threads, uint64_t cache_bytes = 0);
inline Engine make_engine(const Options& options) { return make_engine(options.backend, options.threads); }

/// The items of one call: inputs by pointer, results one after the other in an arena of our own. Reused.
class Items {
 public:
  void clear();
  void add(std::string_view in, std::string_view aad, uint64_t out_capacity);
  /// Gives every item its place in the arena; call once, after the last add().
  void place();
  /// Gives memory back that large items took.
  void release() { arena_.release(); }

  size_t size() const { return in_.size(); }
  uint64_t out_len() const { return out_len_; }
  bool has_aad() const { return has_aad_; }
  megaseal_batch batch();

  megaseal_status status(size_t i) const { return static_cast<megaseal_status>(statuses_[i]); }
  std::string_view result(size_t i) const {
    return {static_cast<const char*>(outs_[i]), static_cast<size_t>(out_lens_[i])};
  }

 private:
  std::vector<const void*> in_;
  std::vector<uint64_t> in_lens_;
  std::vector<const void*> aad_;
  std::vector<uint64_t> aad_lens_;
  std::vector<void*> outs_;
  std::vector<uint64_t> capacities_;
  std::vector<uint64_t> out_lens_;
  std::vector<uint8_t> statuses_;
  Buffer arena_;
  uint64_t out_len_ = 0;
  bool has_aad_ = false;
};

/// What seals and opens. Any number of threads may use it at once.
class Cipher {
 public:
  virtual ~Cipher() = default;
  /// One recipient per item.
  virtual void seal(Items& items, const std::vector<PublicKey>& recipients) const = 0;
  /// One key per item.
  virtual void open(Items& items, const std::vector<const megaseal_secret_key*>& keys) const = 0;
};

/// The engine, in the format that the options ask for. A call does its work on the thread that makes it: the
/// command has a thread for each block of records already.
class EngineCipher : public Cipher {
 public:
  explicit EngineCipher(const Options& options);
  EngineCipher(const EngineCipher&) = delete;  // params_ points into this object
  EngineCipher& operator=(const EngineCipher&) = delete;

  void seal(Items& items, const std::vector<PublicKey>& recipients) const override;
  void open(Items& items, const std::vector<const megaseal_secret_key*>& keys) const override;

  /// Bytes of input to read at a time, for an operation that likes batches of some size.
  size_t block_len(megaseal_operation operation) const;
  const char* backend(megaseal_operation operation) const {
    return megaseal_backend_name(engine_.get(), operation);
  }

 private:
  Engine engine_;
  megaseal_format format_;
  std::string info_;
  std::string psk_id_;
  SecretBytes psk_;
  megaseal_hpke_params params_{};
};

/// --threads, or the CPUs that the process may use.
uint32_t num_threads(const Options& options);

}  // namespace megaseal::cli
