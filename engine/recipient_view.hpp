// The recipients and secret keys of a batch, item by item.
#pragma once
#include <cstring>

#include "engine/batch_view.hpp"
#include "engine/recipient.hpp"
#include "engine/workspace.hpp"
#include "kernels/table.hpp"

namespace megaseal {

/// megaseal_recipients, checked.
class RecipientView {
 public:
  megaseal_error set(const megaseal_recipients* r, uint32_t num_items) {
    if (num_items == 0) return MEGASEAL_ERROR_NONE;
    if (!r || (r->handles == nullptr) == (r->public_keys == nullptr)) return MEGASEAL_ERROR_ARGUMENT;
    if (r->handles ? r->step > 1 || r->stride : r->step || !stride_ok(r->stride, 32, num_items))
      return MEGASEAL_ERROR_ARGUMENT;
    if (r->handles)
      for (uint32_t i = 0; i < (r->step ? num_items : 1); i++)
        if (!r->handles[i]) return MEGASEAL_ERROR_ARGUMENT;
    r_ = *r;
    if (r_.public_keys && r_.stride == 0) shared_ = check(r_.public_keys);
    return MEGASEAL_ERROR_NONE;
  }

  /// OK, or why item i cannot be sealed to its recipient.
  megaseal_status status(uint32_t i) const {
    if (r_.handles) return MEGASEAL_OK;
    return r_.stride ? check(r_.public_keys + i * r_.stride) : shared_;
  }

  bool one_for_all() const { return r_.handles ? r_.step == 0 : r_.stride == 0; }

  /// The public key of item i.
  const uint8_t* key(uint32_t i) const {
    return r_.handles ? r_.handles[i * r_.step]->public_key : r_.public_keys + i * r_.stride;
  }

  /// The keys of the tile's valid items (w.index), gathered unless all share one.
  Strided gather(Workspace& w, uint32_t num) const {
    if (one_for_all()) return {key(0), 0};
    for (uint32_t k = 0; k < num; k++) std::memcpy(w.recipients + 32 * size_t(k), key(w.index[k]), 32);
    return {w.recipients, 32};
  }

 private:
  static megaseal_status check(const uint8_t* key) {
    switch (check_public_key(key)) {
      case MEGASEAL_ERROR_NONE:
        return MEGASEAL_OK;
      case MEGASEAL_ERROR_KEY_NONCANONICAL:
        return MEGASEAL_NONCANONICAL;
      default:
        return MEGASEAL_LOW_ORDER;
    }
  }

  megaseal_recipients r_{};
  megaseal_status shared_ = MEGASEAL_OK;
};

/// The keys that open a batch.
class SecretKeyView {
 public:
  megaseal_error set(const megaseal_secret_key* const* keys, size_t step, uint32_t num_items) {
    if (num_items == 0) return MEGASEAL_ERROR_NONE;
    if (!keys || step > 1) return MEGASEAL_ERROR_ARGUMENT;
    for (uint32_t i = 0; i < (step ? num_items : 1); i++) {
      if (!keys[i]) return MEGASEAL_ERROR_ARGUMENT;
      if (!keys[i]->is_here()) return MEGASEAL_ERROR_FORKED;
    }
    keys_ = keys;
    step_ = step;
    return MEGASEAL_ERROR_NONE;
  }

  /// Secrets and public keys of the tile's valid items (w.index), gathered into w unless all share one.
  void gather(Workspace& w, uint32_t num, Strided* secrets, Strided* publics) const {
    if (step_ == 0) {
      *secrets = {keys_[0]->secret, 0};
      *publics = {keys_[0]->public_key, 0};
      return;
    }
    for (uint32_t k = 0; k < num; k++) {
      const megaseal_secret_key* key = keys_[w.index[k]];
      std::memcpy(w.secrets + 32 * size_t(k), key->secret, 32);
      std::memcpy(w.recipients + 32 * size_t(k), key->public_key, 32);
    }
    *secrets = {w.secrets, 32};
    *publics = {w.recipients, 32};
  }

 private:
  const megaseal_secret_key* const* keys_ = nullptr;
  size_t step_ = 0;
};

/// Gathers the valid ones of items item_at(begin) … item_at(end - 1) into w.items and w.index; those that are not valid
/// are finished as failed. `also(i, item)` says what else must be OK, and may set the item's key and nonce. Returns how
/// many are valid.
template <class ItemAt, class Also>
uint32_t gather_items_at(const BatchView& view, Workspace& w, uint32_t begin, uint32_t end,
                         const ItemAt& item_at, const Also& also) {
  uint32_t num = 0;
  for (uint32_t position = begin; position < end; position++) {
    const uint32_t i = item_at(position);
    if (const megaseal_status status = also(i, w.items[num]); status != MEGASEAL_OK) {
      view.fail(i, status);
      continue;
    }
    if (view.prepare(i, &w.items[num]) != MEGASEAL_OK) continue;
    w.index[num] = i;
    w.status[num] = uint8_t(ItemStatus::ok);
    num++;
  }
  return num;
}
/// Of items [begin, end).
template <class Also>
uint32_t gather_items(const BatchView& view, Workspace& w, uint32_t begin, uint32_t end, const Also& also) {
  return gather_items_at(
      view, w, begin, end, [](uint32_t position) { return position; }, also);
}
inline uint32_t gather_items(const BatchView& view, Workspace& w, uint32_t begin, uint32_t end) {
  return gather_items(view, w, begin, end, [](uint32_t, AeadItem&) { return MEGASEAL_OK; });
}

}  // namespace megaseal
