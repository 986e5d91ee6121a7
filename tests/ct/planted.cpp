// Slots that leak on purpose: each kind of leak that the checkers in this directory must find.
#include <string.h>

#include "tests/ct/cases.hpp"

namespace megaseal::planted {

__attribute__((noinline)) void branch_on_secret(const HChaCha20Tile* tile) {
  for (uint32_t i = 0; i < tile->num; i++) {
    const uint8_t* key = tile->keys.base + i * tile->keys.stride;
    // The statement without effect keeps the compiler from making a mask of the branch.
    if (key[5] & 4) __asm__ volatile("nop" : : : "memory");
    memcpy(tile->out + 32 * i, key, 32);
  }
}

__attribute__((noinline)) void index_with_secret(const StreamTile* tile) {
  static const uint8_t table[256] = {1, 2, 3};
  for (uint32_t i = 0; i < tile->num; i++)
    for (uint64_t at = 0; at < tile->items[i].len; at++) {
      const uint8_t* entry = &table[tile->items[i].key[at % 32]];
      __asm__ volatile("" : "+r"(entry));
      tile->items[i].out[at] = *entry;
    }
}

__attribute__((noinline, used)) uint64_t divide_secrets(uint64_t a, uint64_t b) { return a / b; }

#if defined(__x86_64__)
__attribute__((noinline, used, target("avx2"))) void gather(void* out, const void* table) {
  __asm__ volatile(
      "vpcmpeqd %%ymm2, %%ymm2, %%ymm2\n\tvpgatherdd %%ymm2, (%1, %%ymm0, 4), %%ymm1\n\tvmovdqu %%ymm1, "
      "(%0)\n\t"
      "vzeroupper"
      :
      : "r"(out), "r"(table)
      : "memory");
}
__attribute__((noinline, used)) void jump_through_register(void (*to)()) {
  to();
  __asm__ volatile("" : : : "memory");
}
/// A jump on what a vector register held.
__attribute__((noinline, used)) int branch_on_vector(const void* secret) {
  int found = 1;
  __asm__ volatile goto("movdqu (%0), %%xmm0\n\tptest %%xmm0, %%xmm0\n\tjz %l1"
                        :
                        : "r"(secret)
                        : "cc"
                        : none);
  found = 2;
none:
  return found;
}
__attribute__((noinline, used)) int branch_on_mask(const void* secret) {
  int found = 1;
  __asm__ volatile goto("movdqu (%0), %%xmm0\n\tpmovmskb %%xmm0, %%eax\n\ttestl $4, %%eax\n\tjz %l1"
                        :
                        : "r"(secret)
                        : "cc", "rax"
                        : none);
  found = 2;
none:
  return found;
}
#endif

}  // namespace megaseal::planted

namespace megaseal::ct {
const KernelTable planted_table = {.name = "planted",
                                   .lanes = 1,
                                   .tile_items = 1,
                                   .chacha20poly1305_seal = nullptr,
                                   .chacha20poly1305_open = nullptr,
                                   .secretbox_seal = nullptr,
                                   .secretbox_open = nullptr,
                                   .hchacha20 = planted::branch_on_secret,
                                   .sealedbox_nonces = nullptr,
                                   .chacha20_stream = planted::index_with_secret,
                                   .x25519_shared = nullptr,
                                   .x25519_public = nullptr,
                                   .hkdf_extract = nullptr,
                                   .hkdf_expand = nullptr,
                                   .hpke_schedule = nullptr,
                                   .hpke_seal = nullptr,
                                   .hpke_open = nullptr,
                                   .sealedbox_seal = nullptr,
                                   .sealedbox_open = nullptr,
                                   .x25519_prepare = nullptr,
                                   .x25519_prepared = nullptr,
                                   .prepared_bytes = {}};
}  // namespace megaseal::ct
