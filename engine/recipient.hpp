// Keys as objects: recipients (public) and secret keys.
#pragma once
#include <atomic>
#include <cstdint>

#include "megaseal/megaseal.h"

struct megaseal_recipient {
  std::atomic<uint32_t> references{1};
  uint8_t public_key[32];
};

struct megaseal_secret_key {
  std::atomic<uint32_t> references{1};
  uint8_t public_key[32];
  const uint8_t* secret;  // 32 bytes of the key slab
};

namespace megaseal {

/// NONE, KEY_NONCANONICAL (u >= 2^255 - 19, or the high bit set) or KEY_LOW_ORDER. Public keys are public:
/// the time this takes depends on them.
megaseal_error check_public_key(const uint8_t key[32]);

}  // namespace megaseal
