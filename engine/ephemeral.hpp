// Where the ephemeral secrets of a batch come from.
#pragma once
#include <cstdint>
#include <cstring>

#include "engine/dispatch.hpp"
#include "engine/engine.hpp"
#include "engine/random.hpp"
#include "engine/secret_memory.hpp"
#include "engine/tiles.hpp"

namespace megaseal {

/// One per call. Draws a seed from the system and stretches it tile by tile (see random.hpp), or hands out
/// secrets that a known-answer test fixed.
class Ephemerals {
 public:
  /// `holder`: a workspace that the call holds for longer than this, in whose pages the seed lies: on the stack of a thread it
  /// would stay for good in a child that is forked meanwhile and does not have that thread. `fixed`: 32 bytes per item of the
  /// batch, or null.
  Ephemerals(Workspace& holder, const uint8_t* fixed) : fixed_(fixed), seed_(holder.call_seed) {}
  ~Ephemerals() {
    wipe(seed_, seed_len);
    wipe_vector_registers();
  }
  Ephemerals(const Ephemerals&) = delete;
  Ephemerals& operator=(const Ephemerals&) = delete;

  /// RANDOM when the system has none. Before the first fill().
  megaseal_error draw_seed() {
    return fixed_ || system_random(seed_, seed_len) ? MEGASEAL_ERROR_NONE : MEGASEAL_ERROR_RANDOM;
  }

  /// 32 bytes for each of `num` items: fresh ones for tile `number`, or the fixed ones of the items in `index`.
  /// Each tile number may be used once.
  void fill(const Dispatch& dispatch, uint8_t* out, uint32_t number, const uint32_t* index,
            uint32_t num) const {
    if (!fixed_) return stretch(dispatch, out, number, num);
    for (uint32_t k = 0; k < num; k++) std::memcpy(out + 32 * size_t(k), fixed_ + 32 * size_t(index[k]), 32);
  }

  bool fixed() const { return fixed_ != nullptr; }
  /// What fill() would make tile `number`'s secrets from, for who makes them elsewhere. Not where they are fixed.
  EphemeralSeed seed(uint32_t number, uint8_t* room) const { return {seed_, number, room}; }

  /// Fresh ones, whatever is fixed.
  void stretch(const Dispatch& dispatch, uint8_t* out, uint32_t number, uint32_t num) const {
    make_ephemerals(dispatch, seed(number, out), num);
  }

 private:
  static constexpr size_t seed_len = 32;
  const uint8_t* fixed_;
  uint8_t* const seed_;
};

}  // namespace megaseal
