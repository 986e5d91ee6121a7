// The portable backend's ciphers: each slot walks its tile message by message, four blocks of a message at a
// time.
#include "backends/scalar/scalar.hpp"

#include "backends/scalar/word32.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/chacha20poly1305.hpp"
#include "kernels/wipe_registers.hpp"
#include "kernels/wipe_stack.hpp"
#include "kernels/xchacha_secretbox.hpp"

namespace megaseal::scalar {
namespace {
// Deeper than any chain of frames below a slot of this file, as -fstack-usage shows them.
constexpr size_t dead_bytes = 1024;

MEGASEAL_NOINLINE void stream_one(const StreamItem& item) {
  ChaCha20State state;
  chacha20_set_key(state, item.key);
  chacha20_set_nonce12(state, item.nonce);
  chacha20_stream_into<W32x4, W32x4>(item.out, item.len, state, item.counter);
  wipe(&state, sizeof state);
}
}  // namespace

void chacha20poly1305_seal(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++) aead_seal_one<W32x4, W32x4, W64>(tile->items[i]);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

void chacha20poly1305_open(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++)
    if (!aead_open_one<W32x4, W32x4, W64>(tile->items[i])) tile->status[i] = u8(ItemStatus::auth_failed);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

void secretbox_seal(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++) secretbox_seal_one<W32x4, W32x4, W64>(tile->items[i]);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

void secretbox_open(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++)
    if (!secretbox_open_one<W32x4, W32x4, W64>(tile->items[i])) tile->status[i] = u8(ItemStatus::auth_failed);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

void hchacha20(const HChaCha20Tile* tile) {
  u32 i = 0;
  for (; i + 3 <= tile->num; i += 3) hchacha20_rows<W32x4, 3>(tile->out, tile->keys, tile->nonces, i);
  hchacha20_each<W32>(*tile, i);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

void chacha20_stream(const StreamTile* tile) {
  for (u32 i = 0; i < tile->num; i++) stream_one(tile->items[i]);
  wipe_stack<dead_bytes>();
  wipe_registers();
}

}  // namespace megaseal::scalar
