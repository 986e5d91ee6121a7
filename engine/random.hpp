// Randomness for keys.
//
// Every batch call that needs secrets draws one 32-byte seed from the system and stretches it with ChaCha20,
// tile by tile, nonce = tile number. The seed lives for the call alone: no generator state survives between
// calls, so there is none to leak later, none that a fork or a virtual machine's snapshot could duplicate,
// and a failing system generator is found before any work is done.
#pragma once
#include <cstddef>
#include <cstdint>

namespace megaseal {

/// Fills `out` from the system's generator, blocking until it is seeded. False when there is none.
[[nodiscard]] bool system_random(void* out, size_t len);

}  // namespace megaseal
