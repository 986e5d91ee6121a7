// The slots of the vector backends, as backends/avx2, avx512 and avx512ifma have them, over words that keep secrets. That
// this file compiles is the proof. The words themselves, and rounds of ChaCha20 that a backend writes by hand, are not
// among it.
#define MEGASEAL_ISA proof
#include "secret_slots.hpp"
#include "secret_word.hpp"

#include "edwards25519_base_w5.hpp"
#include "edwards25519_base_w6.hpp"
#include "kernels/aead_few.hpp"
#include "kernels/chacha20_message.hpp"
#include "kernels/field_5x51_fma.hpp"
#include "kernels/field_5x51_madd.hpp"
#include "kernels/hash_groups.hpp"
#include "kernels/lane_inversion.hpp"
#include "kernels/poly1305_field26.hpp"
#include "kernels/poly1305_field44.hpp"
#include "kernels/prepared_shapes.hpp"
#include "kernels/x25519_across.hpp"
#include "kernels/x25519_pair.hpp"
#include "kernels/x25519_prepared.hpp"

namespace megaseal::proof {
namespace {

using P = SecretWord64<1>;
using One = SecretWord32<1>;
using Four = SecretWord32<4>;

/// Two groups side by side, where a backend says so.
template <class Word, class Finder>
void chacha20_rounds_pair(Word (&x)[16], Word (&y)[16], Finder& finder) {
  chacha20_rounds(x);
  chacha20_rounds(y);
  for (int i = 0; i < 40; i++) finder.turn();
}

struct CipherTuning {
  static constexpr u64 max_sealed_len = 16384, max_opened_len = 4096;
  static constexpr u32 min_messages = 4, min_opened = 6;
  static constexpr u32 min_items_of_three = 13, max_items_of_three = 27;
  static constexpr u64 max_short_len = 448;
  static constexpr u64 max_horner_len = 200;
  static constexpr int woven_blocks = 2;
  static constexpr u32 horner_groups = 2;
  static constexpr size_t least_dead_bytes = 64, short_dead_bytes = 64, one_dead_bytes = 64;
  static constexpr size_t along_dead_bytes = 64, few_dead_bytes = 64, many_dead_bytes = 64;
};
struct Woven : CipherTuning {
  using Row = ChaCha20VectorRow;
  static constexpr bool in_pairs = false, is_woven = true;
};
struct InPairs : CipherTuning {
  using Row = ChaCha20ScalarRow;
  static constexpr bool in_pairs = true, is_woven = false;
};
struct HashTuning {
  static constexpr u32 max_few = 4;
  static constexpr size_t one_dead_bytes = 64, few_dead_bytes = 64, many_dead_bytes = 64;
};

/// W of the cipher and of the hash, R and N its rows, M the MAC's field.
template <class W, class R, class N, class M, class Tuning>
struct Ciphers {
  using Few = AeadFew<AeadPacked<W, R, P, M, Tuning>, N, Tuning>;
  using Groups = LaneGroups<One, Four, W, HashTuning>;
  template <bool kBox, bool kSeal>
  static void run(const AeadTile* tile) {
    Few::template run<kBox, kSeal>(*tile);
  }
  static void subkeys(const HChaCha20Tile* tile) { hchacha20_packed<W, Four>(*tile); }
  static void stream(const StreamTile* tile) {
    for (u32 i = 0; i < tile->num; i++) {
      const StreamItem& item = tile->items[i];
      ChaCha20State state;
      chacha20_set_key(state, item.key);
      chacha20_set_nonce12(state, item.nonce);
      chacha20_stream_into<W, R>(item.out, item.len, state, item.counter);
    }
  }
  static void extract(const HkdfExtractTile* tile) {
    hkdf_extract_tile<Groups>(*tile);
    Groups::wipe_dead(tile->num);
  }
  static void expand(const HkdfExpandTile* tile) {
    hkdf_expand_tile<Groups>(*tile);
    Groups::wipe_dead(tile->num);
  }
  static void schedule(const HpkeScheduleTile* tile) {
    hpke_schedule_tile<Groups>(*tile);
    Groups::wipe_dead(tile->num);
  }
};

template <class F, class Ladders = LadderSingly<F>>
struct Curves {
  static void shared(const X25519Tile* tile) { x25519_shared_tile<F, 2, Ladders>(*tile); }
  template <class C>
  static void publics(const X25519Tile* tile, const typename C::Table& table) {
    x25519_public_tile<F, C, 2>(*tile, table);
  }
  static void prepare(const X25519PrepareTile* tile) { x25519_prepare_tile<F>(*tile); }
  static void prepared(const X25519PreparedTile* tile) { x25519_prepared_tile<F, 2>(*tile); }
};

using Fma4 = WithLaneInversion<Field5x51Fma<SecretWord64<4>, SecretReal<4>>>;
using Fma8 = WithLaneInversion<Field5x51Fma<SecretWord64<8>, SecretReal<8>>>;
using Madd8 = WithLaneInversion<Field5x51Madd<SecretWord64<8>>>;

using Comb4 = Comb<Fma4, 5, 51>;
using Comb8 = Comb<Fma8, 6, 43>;
using CombMadd = Comb<Madd8, 6, 43>;
constexpr Comb4::Table table4 = Comb4::pack(edwards25519_base_w5);
constexpr Comb8::Table table8 = Comb8::pack(edwards25519_base_w6);
constexpr CombMadd::Table table_madd = CombMadd::pack(edwards25519_base_w6);

// Three items or fewer one by one, across lanes.
void shared4(const X25519Tile* tile) {
  if (tile->num > 3) return Curves<Fma4>::shared(tile);
  for (u32 i = 0; i < tile->num; i++) x25519_shared_across<Fma4>(*tile, i);
}
void public4(const X25519Tile* tile) { Curves<Fma4>::publics<Comb4>(tile, table4); }
void public8(const X25519Tile* tile) { Curves<Fma8>::publics<Comb8>(tile, table8); }
void public_madd(const X25519Tile* tile) { Curves<Madd8>::publics<CombMadd>(tile, table_madd); }

template <class C, class X>
constexpr KernelTable table_of(const char* name, void (*shared)(const X25519Tile*),
                               void (*publics)(const X25519Tile*)) {
  return {name,
          8,
          64,
          C::template run<false, true>,
          C::template run<false, false>,
          C::template run<true, true>,
          C::template run<true, false>,
          C::subkeys,
          nullptr,  // nonces of sealed boxes: nothing is secret
          C::stream,
          shared,
          publics,
          C::extract,
          C::expand,
          C::schedule,
          nullptr,  // whole tiles
          nullptr,
          nullptr,
          nullptr,
          X::prepare,
          X::prepared,
          MEGASEAL_PREPARED_BYTES};
}

using Ciphers8 =
    Ciphers<SecretWord32<8>, SecretWord32<4, 2>, SecretWord32<4, 2>, Poly1305Field26<SecretWord64<4>>, Woven>;
using Ciphers16 = Ciphers<SecretWord32<16, 1, 32>, SecretWord32<4, 4>, SecretWord32<4, 2>,
                          Poly1305Field26<SecretWord64<8, 32>>, Woven>;
using CiphersInPairs = Ciphers<SecretWord32<16, 1, 32>, SecretWord32<4, 4>, SecretWord32<4, 2>,
                               Poly1305Field44<SecretWord64<8, 32>>, InPairs>;

}  // namespace

const KernelTable secret_avx2 = table_of<Ciphers8, Curves<Fma4>>("avx2", shared4, public4);
const KernelTable secret_avx512 = table_of<Ciphers16, Curves<Fma8>>("avx512", Curves<Fma8>::shared, public8);
const KernelTable secret_avx512ifma = table_of<CiphersInPairs, Curves<Madd8>>(
    "avx512ifma", Curves<Madd8, LaddersPaired<Madd8>>::shared, public_madd);

}  // namespace megaseal::proof
