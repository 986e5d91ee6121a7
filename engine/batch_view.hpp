// A caller's megaseal_batch seen item by item: arguments checked, layouts resolved, nothing copied.
#pragma once
#include <cstdint>

#include "kernels/table.hpp"
#include "megaseal/megaseal.h"

namespace megaseal {

/// Where a format keeps its parts. Sealed item: `front` bytes, ciphertext, `back` bytes.
struct FormatTraits {
  uint32_t front;     // HPKE: enc; sealed boxes: epk and tag; AEADs: nothing
  uint32_t back;      // the tag, but for sealed boxes
  uint64_t max_len;   // longest plaintext
  bool tag_in_front;  // the tag is the last 16 bytes of the front
  uint64_t overhead() const { return front + back; }
};
/// Null for an unknown format.
const FormatTraits* format_traits(megaseal_format format);

/// Whether items of `len` bytes at multiples of `stride` are ones that a caller can mean: one for all, or apart.
inline bool stride_ok(size_t stride, size_t len, uint64_t num_items) {
  uint64_t extent;
  return stride == 0 || (stride >= len && !__builtin_mul_overflow(uint64_t(stride), num_items, &extent) &&
                         extent <= PTRDIFF_MAX);
}

/// Item i of one side, bytes [data, data + len).
struct Bytes {
  const uint8_t* data;
  uint64_t len;
};

/// Resolves megaseal_inputs. Also serves lists that are not part of a batch (exporter contexts).
class InputView {
 public:
  /// ARGUMENT when neither or both layouts are given, or packed offsets decrease.
  megaseal_error set(const megaseal_inputs& inputs, uint64_t num_items);
  Bytes operator[](uint64_t i) const {
    if (offsets_) return {base_ + offsets_[i], offsets_[i + 1] - offsets_[i]};
    if (ptrs_) return {static_cast<const uint8_t*>(ptrs_[i]), lens_[i]};
    return {nullptr, 0};
  }
  bool unset() const { return offsets_ == nullptr && ptrs_ == nullptr; }
  bool packed() const { return offsets_ != nullptr; }
  /// Bytes of all items together; for pointers only while adding them up is cheap, else 0.
  uint64_t total(uint64_t num_items) const;

 private:
  const uint8_t* base_ = nullptr;
  const uint64_t* offsets_ = nullptr;
  const void* const* ptrs_ = nullptr;
  const uint64_t* lens_ = nullptr;
};

class BatchView {
 public:
  enum class Direction { seal, open };

  /// Checks the batch and, for a packed output, writes its offsets.
  megaseal_error set(const megaseal_batch* batch, const FormatTraits& format, Direction direction,
                     bool aad_allowed);

  uint32_t num_items() const { return num_; }
  uint64_t num_bytes() const { return in_.total(num_); }

  /// Checks item i. OK: `out` names everything but key and nonce, which stay as they are. Otherwise the item is finished as failed.
  megaseal_status prepare(uint32_t i, AeadItem* out) const {
    // Everything packed: set() has seen that no item's output meets any input, so that lengths and room are all that
    // is left to check. Where they are not in order, or for one message alone, the long way says what is wrong.
    if (packed_apart_) {
      const Bytes in = in_[i], aad = aad_[i];
      const bool seal = direction_ == Direction::seal;
      const uint64_t overhead = format_.overhead(), len = seal ? in.len : in.len - overhead;
      const uint64_t need = seal ? len + overhead : len, at = out_.offsets[i];
      if ((seal || in.len >= overhead) && len <= format_.max_len && at <= out_.capacity &&
          need <= out_.capacity - at) {
        fill(in, aad, static_cast<uint8_t*>(out_.base) + at, len, out);
        return MEGASEAL_OK;
      }
    }
    return prepare_any(i, out);
  }

  /// The `front` bytes of a prepared item's sealed form.
  uint8_t* front(const AeadItem& item) const {
    return (direction_ == Direction::seal ? item.out : const_cast<uint8_t*>(item.in)) - format_.front;
  }

  /// Marks item i as done, or as failed: then its output is cleared as megaseal.h says.
  void succeed(uint32_t i) const {
    if (statuses_) statuses_[i] = MEGASEAL_OK;
    if (!out_.lens) return;
    const uint64_t len = in_[i].len, overhead = format_.overhead();
    out_.lens[i] = direction_ == Direction::seal ? len + overhead : len - overhead;
  }
  void fail(uint32_t i, megaseal_status status) const;

 private:
  /// How an item's output lies to what it is made from.
  enum class Relation { apart, in_place, overlapping };
  struct Item {
    Bytes in;
    uint8_t* out;
    uint64_t room;  // bytes at out that may be written, at most what the item needs
    uint64_t need;
    uint64_t len;  // of the plaintext
    Relation relation;
  };
  megaseal_status describe(uint32_t i, Item* item) const;
  megaseal_status prepare_any(uint32_t i, AeadItem* out) const;

  /// Sealing writes the ciphertext behind the front; opening reads it from there. The tile reads tags through a pointer
  /// that sealing writes through, hence the cast.
  void fill(Bytes in, Bytes aad, uint8_t* to, uint64_t len, AeadItem* out) const {
    const bool seal = direction_ == Direction::seal;
    uint8_t* ct = (seal ? to : const_cast<uint8_t*>(in.data)) + format_.front;
    out->aad = aad.data;
    out->aad_len = aad.len;
    out->in = seal ? in.data : ct;
    out->out = seal ? ct : to;
    out->len = len;
    out->tag = format_.tag_in_front ? ct - 16 : ct + len;
  }

  FormatTraits format_;
  Direction direction_;
  uint32_t num_ = 0;
  InputView in_, aad_;
  megaseal_outputs out_{};
  uint8_t* statuses_ = nullptr;
  bool packed_apart_ = false;  // inputs, aad and output packed or absent, and apart from one another
};

}  // namespace megaseal
