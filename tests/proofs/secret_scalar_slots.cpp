// The slots of the portable backend, as backends/scalar has them, over words that keep secrets. That this file compiles is
// the proof.
#define MEGASEAL_ISA proof
#include "secret_slots.hpp"

#include "backends/scalar/field.hpp"
#include "edwards25519_base_w4.hpp"
#include "kernels/edwards25519_comb.hpp"
#include "kernels/hpke_schedule.hpp"
#include "kernels/prepared_shapes.hpp"
#include "kernels/x25519.hpp"
#include "kernels/x25519_prepared.hpp"
#include "kernels/xchacha_secretbox.hpp"
#include "secret_word.hpp"

namespace megaseal::proof {
namespace {

using W = SecretWord64<1>;
using Lanes4 = SecretWord32<4>;
using SecretField = FieldOver<W>;
using BaseComb = Comb<SecretField, 4, 64>;
constexpr BaseComb::Table base_table = BaseComb::pack(edwards25519_base_w4);

struct Groups {
  using First = Sha256Lanes<SecretWord32<1>, SecretWord32<1>>;
  using Four = Sha256Lanes<Lanes4, SecretWord32<1>>;
  template <class Run>
  static void each(u32 num, const Run& run) {
    u32 i = 0;
    for (; num - i >= 2; i += num - i < 4 ? num - i : 4)
      run.template operator()<Four>(i, num - i < 4 ? num - i : 4);
    if (i < num) run.template operator()<First>(i, 1);
  }
};

void seal(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++) aead_seal_one<Lanes4, Lanes4, W>(tile->items[i]);
}
void open(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++)
    if (!aead_open_one<Lanes4, Lanes4, W>(tile->items[i])) tile->status[i] = u8(ItemStatus::auth_failed);
}
void box_seal(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++) secretbox_seal_one<Lanes4, Lanes4, W>(tile->items[i]);
}
void box_open(const AeadTile* tile) {
  for (u32 i = 0; i < tile->num; i++)
    if (!secretbox_open_one<Lanes4, Lanes4, W>(tile->items[i])) tile->status[i] = u8(ItemStatus::auth_failed);
}
void subkeys(const HChaCha20Tile* tile) {
  u32 i = 0;
  for (; i + 3 <= tile->num; i += 3) hchacha20_rows<Lanes4, 3>(tile->out, tile->keys, tile->nonces, i);
  hchacha20_each<SecretWord32<1>>(*tile, i);
}
void stream(const StreamTile* tile) {
  for (u32 i = 0; i < tile->num; i++) {
    const StreamItem& item = tile->items[i];
    ChaCha20State state;
    chacha20_set_key(state, item.key);
    chacha20_set_nonce12(state, item.nonce);
    chacha20_stream_into<Lanes4, Lanes4>(item.out, item.len, state, item.counter);
  }
}
void shared(const X25519Tile* tile) { x25519_shared_tile<SecretField, 4>(*tile); }
void publics(const X25519Tile* tile) { x25519_public_tile<SecretField, BaseComb, 4>(*tile, base_table); }
void prepare(const X25519PrepareTile* tile) { x25519_prepare_tile<SecretField>(*tile); }
void prepared(const X25519PreparedTile* tile) { x25519_prepared_tile<SecretField, 4>(*tile); }
void extract(const HkdfExtractTile* tile) { hkdf_extract_tile<Groups>(*tile); }
void expand(const HkdfExpandTile* tile) { hkdf_expand_tile<Groups>(*tile); }
void schedule(const HpkeScheduleTile* tile) { hpke_schedule_tile<Groups>(*tile); }

}  // namespace

const KernelTable secret_scalar = {"scalar",
                                   4,
                                   64,
                                   seal,
                                   open,
                                   box_seal,
                                   box_open,
                                   subkeys,
                                   nullptr,  // nonces of sealed boxes: nothing is secret
                                   stream,
                                   shared,
                                   publics,
                                   extract,
                                   expand,
                                   schedule,
                                   nullptr,  // whole tiles
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   prepare,
                                   prepared,
                                   MEGASEAL_PREPARED_BYTES};

}  // namespace megaseal::proof
