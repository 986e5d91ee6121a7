// The engine as the command uses it: created from the options, sealing and opening in the chosen format.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/cli/handles.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

/// Throws Failure (no_backend) where the backend asked for is unknown or not usable here.
Engine make_engine(const Options& options);

/// The items of one call: inputs by pointer, results one after the other in an arena of our own. Reused.
class Items {
 public:
  void clear();
  void add(std::string_view in, std::string_view aad, uint64_t out_capacity);
  /// Gives every item its place in the arena; call once, after the last add().
  void place();

  size_t size() const { return in_.size(); }
  uint64_t out_len() const { return out_len_; }
  bool has_aad() const { return has_aad_; }
  megaseal_batch batch(size_t first, size_t num);

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
  std::vector<char> arena_;
  uint64_t out_len_ = 0;
  bool has_aad_ = false;
};

class Session {
 public:
  explicit Session(const Options& options);
  Session(const Session&) = delete;  // params_ points into this object
  Session& operator=(const Session&) = delete;

  /// One recipient per item.
  void seal(Items& items, const std::vector<const megaseal_recipient*>& recipients);
  /// One key per item.
  void open(Items& items, const std::vector<const megaseal_secret_key*>& keys);

  megaseal_engine* engine() const { return engine_.get(); }
  uint64_t overhead() const { return megaseal_overhead(format_); }
  /// Whether the format can bind associated data.
  bool takes_aad() const { return format_ == MEGASEAL_FORMAT_HPKE; }
  /// Bytes of input to read at a time, for an operation that likes large batches.
  size_t block_len(megaseal_operation operation) const;

 private:
  Engine engine_;
  megaseal_format format_;
  std::string info_;
  std::string psk_id_;
  SecretBytes psk_;
  megaseal_hpke_params params_{};
};

}  // namespace megaseal::cli
