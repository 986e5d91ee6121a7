// Keys as objects: recipients (public) and secret keys.
#pragma once
#include <atomic>
#include <cstdint>

#include "engine/secret_memory.hpp"
#include "megaseal/megaseal.h"

struct megaseal_recipient {
  std::atomic<uint32_t> references{1};
  uint8_t public_key[32];
};

struct megaseal_secret_key {
  /// Takes over a slot of keys().
  megaseal_secret_key(megaseal::SecretSlab& from, uint8_t* slot) : slab(from), secret(slot) {}
  ~megaseal_secret_key() { slab.give_back(const_cast<uint8_t*>(secret)); }
  megaseal_secret_key(const megaseal_secret_key&) = delete;
  megaseal_secret_key& operator=(const megaseal_secret_key&) = delete;

  /// Not in a child of the process that made it, unless it is inheritable. Who wants `secret` asks this first.
  bool is_here() const { return slab.holds(secret); }

  std::atomic<uint32_t> references{1};
  uint8_t public_key[32];
  megaseal::SecretSlab& slab;
  const uint8_t* const secret;  // 32 bytes of the slab
};

namespace megaseal {

/// NONE, KEY_NONCANONICAL (u >= 2^255 - 19, or the high bit set) or KEY_LOW_ORDER. Public keys are public:
/// the time this takes depends on them.
megaseal_error check_public_key(const uint8_t key[32]);

}  // namespace megaseal
