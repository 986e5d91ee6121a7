// Key streams and subkeys of AVX-512.
#include "backends/avx512/avx512.hpp"
#include "backends/avx512/suite.hpp"
#include "backends/scalar/word32.hpp"

namespace megaseal::avx512 {
namespace {

MEGASEAL_NOINLINE void stream_one(const StreamItem& item) {
  ChaCha20State state;
  chacha20_set_key(state, item.key);
  chacha20_set_nonce12(state, item.nonce);
  chacha20_stream_into<Suite::W, Suite::R>(item.out, item.len, state, item.counter);
  wipe(&state, sizeof state);
}

}  // namespace

void hchacha20(const HChaCha20Tile* tile) {
  hchacha20_packed<Suite::W, W32x4>(*tile);
  if (tile->num <= 3)  // row by row
    wipe_stack<Tuning::least_dead_bytes>();
  else
    wipe_stack<Tuning::one_dead_bytes>();
  wipe_registers();
}

void chacha20_stream(const StreamTile* tile) {
  for (u32 i = 0; i < tile->num; i++) stream_one(tile->items[i]);
  wipe_stack<Tuning::one_dead_bytes>();
  wipe_registers();
}

}  // namespace megaseal::avx512
