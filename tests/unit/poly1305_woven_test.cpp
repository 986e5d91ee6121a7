// Poly1305 in portions: whatever the pieces, the order in which messages arrive and the moment the rounds end, tags are
// libsodium's.
#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>

#include "tests/support/bytes.hpp"

#define MEGASEAL_ISA woven_test
#include "backends/scalar/word64.hpp"
#include "kernels/poly1305_woven.hpp"

namespace megaseal::test {
namespace {

using namespace woven_test;
using Woven = Poly1305Woven<W64>;

TEST(Poly1305Woven, AnyPiecesInAnyOrderOfArrival) {
  Random random;
  for (size_t round = 0; round < 3000; round++) {
    constexpr size_t num = 12;
    Bytes texts[num], ends[num];
    Poly1305Piece pieces[num][Woven::max_pieces];
    u32 blocks[num];
    u8 keys[num][64], tags[num][16];
    u8* to[num];
    for (size_t i = 0; i < num; i++) {
      texts[i] = random.bytes(random.below(4) == 0 ? 0 : random.below(400));
      if (random.below(3) == 0) std::fill(texts[i].begin(), texts[i].end(), u8(0xff));
      const size_t whole = texts[i].size() / 16, rest = texts[i].size() % 16, cut = whole > 1 ? 1 + random.below(whole - 1) : 0;
      Poly1305Piece* piece = pieces[i];
      if (cut != 0) *piece++ = {texts[i].data(), u32(cut), false, false};
      if (whole != 0 || rest == 0) *piece++ = {texts[i].data() + 16 * cut, u32(whole - cut), rest == 0, false};
      if (rest != 0) {
        ends[i].assign(texts[i].end() - ptrdiff_t(rest), texts[i].end());
        ends[i].resize(16);
        ends[i][rest] = 1;
        *piece = {ends[i].data(), 1, true, true};
      }
      blocks[i] = u32(whole + 1);
      const Bytes key = random.bytes(32);
      std::copy(key.begin(), key.end(), keys[i]);
      to[i] = tags[i];
    }
    Woven woven{pieces, blocks, keys, to};
    woven.max_blocks = random.below(30);
    for (size_t turn = random.below(60); turn != 0; turn--) {
      if (woven.num_ready < num && random.below(2)) woven.num_ready++;
      woven.row<0, 2>();
      woven.row<1, 2>();
    }
    woven.end<Poly1305NotAlong>();
    for (size_t i = 0; i < woven.num_begun; i++) {
      Bytes expected(16);
      crypto_onetimeauth(expected.data(), texts[i].data(), texts[i].size(), keys[i]);
      EXPECT_EQ(Bytes(tags[i], tags[i] + 16), expected) << "message " << i << " of " << texts[i].size() << " bytes";
    }
  }
}

}  // namespace
}  // namespace megaseal::test
