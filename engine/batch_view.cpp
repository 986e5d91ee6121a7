#include "engine/batch_view.hpp"

#include <algorithm>
#include <cstring>

namespace megaseal {
namespace {

// RFC 8439 §2.8: the 32-bit block counter leaves 2^32 - 1 blocks of 64 bytes.
constexpr uint64_t aead_max = (uint64_t(1) << 38) - 64;
// The sealed box's message starts in the second half of block 0, and the tile's limit holds for whole blocks.
constexpr uint64_t secretbox_max = (uint64_t(1) << 38) - 96;

bool overlap(const uint8_t* a, uint64_t a_len, const uint8_t* b, uint64_t b_len) {
  if (a_len == 0 || b_len == 0) return false;
  const auto x = reinterpret_cast<uintptr_t>(a), y = reinterpret_cast<uintptr_t>(b);
  return x < y ? y - x < a_len : x - y < b_len;
}

}  // namespace

const FormatTraits* format_traits(megaseal_format format) {
  static constexpr FormatTraits aead{0, 16, aead_max, false};
  static constexpr FormatTraits hpke{32, 16, aead_max, false};
  static constexpr FormatTraits sealedbox{48, 0, secretbox_max, true};
  switch (format) {
    case MEGASEAL_FORMAT_CHACHA20POLY1305:
    case MEGASEAL_FORMAT_XCHACHA20POLY1305:
    case MEGASEAL_FORMAT_HPKE_CONTEXT:
      return &aead;
    case MEGASEAL_FORMAT_HPKE:
      return &hpke;
    case MEGASEAL_FORMAT_SEALEDBOX:
    case MEGASEAL_FORMAT_SEALEDBOX_SALSA:
      return &sealedbox;
    case MEGASEAL_FORMAT_INT_:
      break;
  }
  return nullptr;
}

megaseal_error InputView::set(const megaseal_inputs& inputs, uint64_t num_items) {
  if (inputs.ptrs || inputs.lens) {
    if (!inputs.ptrs || !inputs.lens || inputs.base || inputs.offsets) return MEGASEAL_ERROR_ARGUMENT;
    ptrs_ = inputs.ptrs;
    lens_ = inputs.lens;
    return MEGASEAL_ERROR_NONE;
  }
  if (!inputs.offsets) return inputs.base ? MEGASEAL_ERROR_ARGUMENT : MEGASEAL_ERROR_NONE;
  const uint64_t* o = inputs.offsets;
  bool falling = false;
  for (uint64_t i = 0; i < num_items; i++) falling |= o[i + 1] < o[i];
  if (falling || (!inputs.base && o[num_items] != o[0])) return MEGASEAL_ERROR_ARGUMENT;
  base_ = static_cast<const uint8_t*>(inputs.base);
  offsets_ = o;
  return MEGASEAL_ERROR_NONE;
}

uint64_t InputView::total(uint64_t num_items) const {
  if (offsets_) return offsets_[num_items] - offsets_[0];
  uint64_t sum = 0;
  if (ptrs_ && num_items <= 4096)
    for (uint64_t i = 0; i < num_items; i++) sum += std::min<uint64_t>(lens_[i], uint64_t(1) << 40);
  return sum;
}

megaseal_error BatchView::set(const megaseal_batch* batch, const FormatTraits& format, Direction direction,
                              bool aad_allowed) {
  if (!batch || batch->struct_size < sizeof(megaseal_batch) || batch->num_items > UINT32_MAX)
    return MEGASEAL_ERROR_ARGUMENT;
  format_ = format;
  direction_ = direction;
  num_ = uint32_t(batch->num_items);
  out_ = batch->out;
  statuses_ = batch->out_statuses;
  if (num_ == 0) {
    if (out_.offsets) out_.offsets[0] = 0;
    return MEGASEAL_ERROR_NONE;
  }
  if (direction == Direction::open && !statuses_) return MEGASEAL_ERROR_ARGUMENT;
  if (megaseal_error e = in_.set(batch->in, num_)) return e;
  if (megaseal_error e = aad_.set(batch->aad, num_)) return e;
  if (!aad_allowed && !aad_.unset()) return MEGASEAL_ERROR_ARGUMENT;

  if (out_.lens && (out_.lens == batch->in.lens || out_.lens == batch->aad.lens))
    return MEGASEAL_ERROR_ARGUMENT;

  if (out_.ptrs || out_.capacities) {
    const bool ok = out_.ptrs && out_.capacities && !out_.base && !out_.offsets && !out_.capacity;
    return ok ? MEGASEAL_ERROR_NONE : MEGASEAL_ERROR_ARGUMENT;
  }
  if (!out_.offsets || (!out_.base && out_.capacity)) return MEGASEAL_ERROR_ARGUMENT;
  if (out_.offsets == batch->in.offsets || out_.offsets == batch->aad.offsets) return MEGASEAL_ERROR_ARGUMENT;

  uint64_t at = 0;
  const uint64_t overhead = format.overhead();
  for (uint32_t i = 0; i < num_; i++) {
    out_.offsets[i] = at;
    const uint64_t len = in_[i].len;
    const uint64_t need = direction == Direction::seal ? len + overhead : len - std::min(len, overhead);
    if (need < len && direction == Direction::seal) return MEGASEAL_ERROR_ARGUMENT;
    if (at + need < at) return MEGASEAL_ERROR_ARGUMENT;
    at += need;
  }
  out_.offsets[num_] = at;
  for (const InputView* packed : {&in_, &aad_}) {
    if (!packed->packed() || num_ == 1) continue;  // one item alone may be in place
    const Bytes all{(*packed)[0].data, packed->total(num_)};
    if (overlap(all.data, all.len, static_cast<uint8_t*>(out_.base), std::min(at, out_.capacity)))
      return MEGASEAL_ERROR_ARGUMENT;
  }
  packed_apart_ = num_ > 1 && in_.packed() && (aad_.packed() || aad_.unset()) && out_.base != nullptr;
  return MEGASEAL_ERROR_NONE;
}

megaseal_status BatchView::describe(uint32_t i, Item* item) const {
  const Bytes in = in_[i], aad = aad_[i];
  const bool seal = direction_ == Direction::seal;
  const uint64_t overhead = format_.overhead();
  *item = {.in = in, .out = nullptr, .room = 0, .need = 0, .len = 0, .relation = Relation::apart};
  if (!seal && in.len < overhead) return MEGASEAL_TRUNCATED;
  const uint64_t len = seal ? in.len : in.len - overhead;
  if (len > format_.max_len) return MEGASEAL_TOO_LONG;
  item->len = len;
  item->need = seal ? len + overhead : len;

  uint64_t capacity;
  if (out_.ptrs) {
    item->out = static_cast<uint8_t*>(out_.ptrs[i]);
    capacity = item->out ? out_.capacities[i] : 0;
  } else {
    const uint64_t at = out_.offsets[i];
    item->out = out_.base ? static_cast<uint8_t*>(out_.base) + at : nullptr;
    capacity = at < out_.capacity ? out_.capacity - at : 0;
  }
  item->room = std::min(capacity, item->need);
  // Bytes that are said to be there and are not.
  if ((!in.data && in.len > 0) || (!aad.data && aad.len > 0)) return MEGASEAL_TRUNCATED;

  // The plaintext and ciphertext of an item may be the same bytes exactly; nothing else may be shared.
  const auto out_at = reinterpret_cast<uintptr_t>(item->out), in_at = reinterpret_cast<uintptr_t>(in.data);
  const bool same = seal ? out_at + format_.front == in_at : in_at + format_.front == out_at;
  if (overlap(item->out, item->room, aad.data, aad.len))
    item->relation = Relation::overlapping;
  else if (overlap(item->out, item->room, in.data, in.len))
    item->relation = same ? Relation::in_place : Relation::overlapping;
  if (item->relation == Relation::overlapping) return MEGASEAL_OVERLAP;
  return capacity < item->need ? MEGASEAL_BUFFER_TOO_SMALL : MEGASEAL_OK;
}

megaseal_status BatchView::prepare_any(uint32_t i, AeadItem* out) const {
  Item item;
  if (const megaseal_status status = describe(i, &item); status != MEGASEAL_OK) {
    fail(i, status);
    return status;
  }
  fill(item.in, aad_[i], item.out, item.len, out);
  return MEGASEAL_OK;
}

void BatchView::fail(uint32_t i, megaseal_status status) const {
  if (statuses_) statuses_[i] = uint8_t(status);
  Item item;
  describe(i, &item);
  if (out_.lens) out_.lens[i] = 0;  // now that nobody needs the capacity, which may stand in the same place
  if (status == MEGASEAL_OVERLAP || status == MEGASEAL_TOO_LONG) return;
  if (item.relation == Relation::apart && item.room > 0) std::memset(item.out, 0, item.room);
}

}  // namespace megaseal
