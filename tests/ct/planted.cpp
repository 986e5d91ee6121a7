// Functions that leak on purpose: each kind of leak that the checkers in this directory must find. Those that leak by a jump
// or an index have no other, so that nothing public is found in their place.
#include <string.h>

#define MEGASEAL_ISA planted
#include "kernels/base.hpp"
#include "tests/ct/cases.hpp"

namespace megaseal::planted {

__attribute__((noinline)) void branch_on_secret(const uint8_t* key) {
  // The statement without effect keeps the compiler from making a mask of the branch.
  if (key[5] & 4) __asm__ volatile("nop" : : : "memory");
}

__attribute__((noinline)) uint8_t index_with_secret(const uint8_t* table, uint8_t secret) {
  return table[secret];
}

/// What no list of instructions tells: the address has neither index nor jump.
__attribute__((noinline)) uint8_t touch_secret_address(const uint8_t* table, uint8_t secret) {
  const uint8_t* entry = &table[secret];
  __asm__ volatile("" : "+r"(entry));
  return *entry;
}

__attribute__((noinline)) void each_key(const HChaCha20Tile* tile) {
  for (uint32_t i = 0; i < tile->num; i++) {
    const uint8_t* key = tile->keys.base + i * tile->keys.stride;
    branch_on_secret(key);
    memcpy(tile->out + 32 * i, key, 32);
  }
}

/// One leak for short streams and the other for longer ones: of a case, trace.py hears of the first difference alone.
__attribute__((noinline)) void each_byte(const StreamTile* tile) {
  static const uint8_t table[256] = {1, 2, 3};
  for (uint32_t i = 0; i < tile->num; i++) {
    const StreamItem& item = tile->items[i];
    for (uint64_t at = 0; at < item.len; at++) {
      const uint8_t secret = item.key[at % 32];
      item.out[at] = item.len < 64 ? touch_secret_address(table, secret) : index_with_secret(table, secret);
    }
  }
}

/// A verdict that nobody reviewed.
__attribute__((noinline, used)) bool make_public(uint64_t secret) { return is_zero_made_public(secret); }

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
                                   .hchacha20 = planted::each_key,
                                   .sealedbox_nonces = nullptr,
                                   .chacha20_stream = planted::each_byte,
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
