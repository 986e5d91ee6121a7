// The AEAD and secretbox slots against libsodium: every length, ragged tiles, in place, misaligned, failures.
#include <sodium.h>

#include <algorithm>

#include "tests/support/backends.hpp"
#include "tests/support/slots.hpp"

namespace megaseal::test {
namespace {

enum class Cipher { chacha20poly1305, secretbox };

AeadSlot seal_slot(const KernelTable& table, Cipher cipher) {
  return cipher == Cipher::secretbox ? table.secretbox_seal : table.chacha20poly1305_seal;
}
AeadSlot open_slot(const KernelTable& table, Cipher cipher) {
  return cipher == Cipher::secretbox ? table.secretbox_open : table.chacha20poly1305_open;
}

/// An item and what libsodium makes of it. The secretbox slot takes the subkey of HChaCha20 and the nonce's tail.
struct Case {
  AeadInput input;
  AeadResult expected;
};

Case make_case(Random& random, Cipher cipher, size_t len, size_t aad_len) {
  Case out;
  out.input.in = random.bytes(len);
  out.expected.out.reserve(len + 1);  // libsodium wants an address even for no bytes
  out.expected.out.resize(len);
  out.expected.tag.resize(16);
  const Bytes key = random.bytes(32);
  if (cipher == Cipher::secretbox) {
    const Bytes nonce = random.bytes(24);
    out.input.key.resize(32);
    crypto_core_hchacha20(out.input.key.data(), nonce.data(), key.data(), nullptr);
    out.input.nonce.assign(nonce.begin() + 16, nonce.end());
    crypto_secretbox_xchacha20poly1305_detached(out.expected.out.data(), out.expected.tag.data(),
                                                out.input.in.data(), len, nonce.data(), key.data());
  } else {
    out.input.key = key;
    out.input.nonce = random.bytes(12);
    out.input.aad = random.bytes(aad_len);
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        out.expected.out.data(), out.expected.tag.data(), nullptr, out.input.in.data(), len,
        out.input.aad.data(), aad_len, nullptr, out.input.nonce.data(), key.data());
  }
  return out;
}

std::vector<AeadInput> inputs_of(const std::vector<Case>& cases) {
  std::vector<AeadInput> out;
  for (const Case& c : cases) out.push_back(c.input);
  return out;
}

class AeadSlots : public BackendTest {
 protected:
  /// Seals and opens `cases` as one tile and compares both ways.
  void check_tile(Cipher cipher, const std::vector<Case>& cases) {
    const std::vector<AeadInput> inputs = inputs_of(cases);
    const std::vector<AeadResult> sealed = seal_tile(seal_slot(table(), cipher), inputs);
    const std::vector<AeadResult> opened = open_tile(open_slot(table(), cipher), inputs, sealed);
    for (size_t i = 0; i < cases.size(); ++i) {
      SCOPED_TRACE("item " + std::to_string(i) + " of " + std::to_string(cases.size()) + ", " +
                   std::to_string(inputs[i].in.size()) + " bytes, aad " +
                   std::to_string(inputs[i].aad.size()));
      ASSERT_EQ(sealed[i].out, cases[i].expected.out);
      ASSERT_EQ(sealed[i].tag, cases[i].expected.tag);
      ASSERT_EQ(opened[i].status, ItemStatus::ok);
      ASSERT_EQ(opened[i].out, inputs[i].in);
    }
  }

  /// One tile with a failure in each position in turn: only that item is refused.
  void check_corruption(Cipher cipher) {
    Random random;
    const size_t num = 2 * std::max<size_t>(table().lanes, 4) + 1;
    std::vector<Case> cases;
    for (size_t i = 0; i < num; ++i)
      cases.push_back(make_case(random, cipher, random.below(200), random.below(40)));
    const std::vector<AeadInput> inputs = inputs_of(cases);
    const std::vector<AeadResult> sealed = seal_tile(seal_slot(table(), cipher), inputs);
    for (size_t bad = 0; bad < num; ++bad) {
      std::vector<AeadResult> altered = sealed;
      std::vector<AeadInput> altered_inputs = inputs;
      const uint8_t bit = uint8_t(1u << random.below(8));
      switch (bad % 4) {
        case 0:
          altered[bad].tag[random.below(16)] ^= bit;
          break;
        case 1:
          altered_inputs[bad].key[random.below(32)] ^= bit;
          break;
        case 2:
          altered_inputs[bad].nonce[random.below(altered_inputs[bad].nonce.size())] ^= bit;
          break;
        case 3:
          if (altered[bad].out.empty())
            altered[bad].tag[15] ^= bit;
          else
            altered[bad].out[random.below(altered[bad].out.size())] ^= bit;
          break;
      }
      const std::vector<AeadResult> opened = open_tile(open_slot(table(), cipher), altered_inputs, altered);
      for (size_t i = 0; i < num; ++i) {
        SCOPED_TRACE("bad " + std::to_string(bad) + ", item " + std::to_string(i));
        if (i == bad) {
          ASSERT_EQ(opened[i].status, ItemStatus::auth_failed);
        } else {
          ASSERT_EQ(opened[i].status, ItemStatus::ok);
          ASSERT_EQ(opened[i].out, inputs[i].in);
        }
      }
    }
  }

  /// Tiles of 1 to 70 messages, and in each position in turn the tag, the text or the aad altered by one bit, out of place
  /// and in place. The altered item alone is refused and what it would have gone to is untouched; all others open.
  void check_each_position(Cipher cipher, bool alike) {
    constexpr size_t most = 70;
    Random random;
    std::vector<Case> cases;
    for (size_t i = 0; i < most; ++i)
      cases.push_back(make_case(random, cipher, alike ? 100 : random.below(size_t(1) << (1 + i % 11)),
                                alike || i % 3 != 0 ? 1 + random.below(40) : 0));
    std::vector<Bytes> texts(most), outs(most);
    Bytes status(most);
    std::vector<AeadItem> items;
    for (size_t i = 0; i < most; ++i) {
      const AeadInput& input = cases[i].input;
      texts[i] = cases[i].expected.out;
      outs[i].resize(input.in.size());
      items.push_back({input.key.data(), input.nonce.data(), input.aad.data(), input.aad.size(),
                       texts[i].data(), outs[i].data(), texts[i].size(), cases[i].expected.tag.data()});
    }
    const auto open = [&](size_t num, size_t bad, bool in_place) {
      for (size_t i = 0; i < num; ++i) {
        items[i].in = in_place ? outs[i].data() : texts[i].data();
        if (in_place)
          outs[i] = texts[i];
        else
          std::fill(outs[i].begin(), outs[i].end(), uint8_t(0xd7));
      }
      const Bytes before = outs[bad];
      std::fill(status.begin(), status.end(), uint8_t(0));
      const AeadTile tile = {uint32_t(num), items.data(), status.data()};
      open_slot(table(), cipher)(&tile);
      for (size_t i = 0; i < num; ++i) {
        ASSERT_EQ(status[i], uint8_t(i == bad ? ItemStatus::auth_failed : ItemStatus::ok)) << "item " << i;
        ASSERT_EQ(outs[i], i == bad ? before : cases[i].input.in) << "item " << i;
      }
    };
    for (size_t num = 1; num <= most; num += on_device() ? 1 + num / 4 : 1) {
      for (size_t bad = 0; bad < num; ++bad) {
        for (const auto& [part, bytes] :
             {std::pair{"tag", &cases[bad].expected.tag}, std::pair{"text", &texts[bad]},
              std::pair{"aad", &cases[bad].input.aad}}) {
          if (bytes->empty()) continue;
          uint8_t& byte = (*bytes)[random.below(bytes->size())];
          const uint8_t bit = uint8_t(1u << random.below(8));
          byte ^= bit;
          for (const bool in_place : {false, true}) {
            SCOPED_TRACE(std::string(part) + " of item " + std::to_string(bad) + " of " +
                         std::to_string(num) + (in_place ? ", in place" : ""));
            ASSERT_NO_FATAL_FAILURE(open(num, bad, in_place));
          }
          byte ^= bit;
        }
      }
    }
  }

  /// Seals and opens `cases` in place as one tile, and compares both ways.
  void check_tile_in_place(Cipher cipher, const std::vector<Case>& cases) {
    const size_t num = cases.size();
    std::vector<Bytes> texts(num), tags(num, Bytes(16));
    std::vector<AeadItem> items;
    for (size_t i = 0; i < num; ++i) {
      const AeadInput& input = cases[i].input;
      texts[i] = input.in;
      items.push_back({input.key.data(), input.nonce.data(), input.aad.data(), input.aad.size(),
                       texts[i].data(), texts[i].data(), texts[i].size(), tags[i].data()});
    }
    Bytes status(num);
    const AeadTile tile = {uint32_t(num), items.data(), status.data()};
    seal_slot(table(), cipher)(&tile);
    for (size_t i = 0; i < num; ++i) {
      ASSERT_EQ(texts[i], cases[i].expected.out) << "item " << i;
      ASSERT_EQ(tags[i], cases[i].expected.tag) << "item " << i;
    }
    open_slot(table(), cipher)(&tile);
    ASSERT_EQ(status, Bytes(num));
    for (size_t i = 0; i < num; ++i) ASSERT_EQ(texts[i], cases[i].input.in) << "item " << i;
  }

  /// Every length to 2,048 bytes, out of place and in place: in tiles of 41 messages, whose lengths are apart or alike,
  /// and each alone.
  void check_every_length(Cipher cipher, bool with_aad) {
    Random random;
    constexpr size_t num = 41, apart = 50;  // 41 * 50 = 2,050
    std::vector<Case> all;
    for (size_t len = 0; len < num * apart; ++len)
      all.push_back(make_case(random, cipher, len, with_aad ? 1 + len % 97 : 0));
    for (size_t first = 0; first < apart; ++first) {
      std::vector<Case> mixed, alike;
      for (size_t i = 0; i < num; ++i) {
        mixed.push_back(all[first + apart * i]);
        alike.push_back(all[num * first + i]);
      }
      for (const std::vector<Case>& cases : {mixed, alike}) {
        ASSERT_NO_FATAL_FAILURE(check_tile(cipher, cases));
        ASSERT_NO_FATAL_FAILURE(check_tile_in_place(cipher, cases));
      }
    }
    for (size_t len = 0; len < all.size(); len += on_device() ? 7 : 1) {
      ASSERT_NO_FATAL_FAILURE(check_tile(cipher, {all[len]}));
      ASSERT_NO_FATAL_FAILURE(check_tile_in_place(cipher, {all[len]}));
    }
  }

  /// In place, and at every misalignment of key, nonce, aad, text and tag.
  void check_in_place(Cipher cipher) {
    Random random;
    for (size_t shift = 0; shift < 16; ++shift) {
      for (const size_t len :
           {size_t(0), size_t(1), size_t(63), size_t(64), size_t(65), size_t(257), size_t(1024)}) {
        const Case c = make_case(random, cipher, len, 21);
        const auto shifted = [&](const Bytes& bytes) {
          Bytes out(shift);
          out.insert(out.end(), bytes.begin(), bytes.end());
          return out;
        };
        const Bytes key = shifted(c.input.key), nonce = shifted(c.input.nonce), aad = shifted(c.input.aad);
        Bytes text = shifted(c.input.in), tag = shifted(Bytes(16));
        const AeadItem item = {key.data() + shift, nonce.data() + shift, aad.data() + shift,
                               c.input.aad.size(), text.data() + shift,  text.data() + shift,
                               c.input.in.size(),  tag.data() + shift};
        uint8_t status = 0;
        const AeadTile tile = {1, &item, &status};
        seal_slot(table(), cipher)(&tile);
        SCOPED_TRACE("shift " + std::to_string(shift) + ", " + std::to_string(len) + " bytes");
        ASSERT_EQ(text, shifted(c.expected.out));
        ASSERT_EQ(tag, shifted(c.expected.tag));
        tag[shift] ^= 1;
        open_slot(table(), cipher)(&tile);
        ASSERT_EQ(status, uint8_t(ItemStatus::auth_failed));
        ASSERT_EQ(text, shifted(c.expected.out)) << "a refused item is left as it was";
        tag[shift] ^= 1;
        status = 0;
        open_slot(table(), cipher)(&tile);
        ASSERT_EQ(status, 0);
        ASSERT_EQ(text, shifted(c.input.in));
      }
    }
  }
};

TEST_P(AeadSlots, EveryLengthToFourKiBInTilesOfLikeLength) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  Random random;
  for (size_t len = 0; len <= 4096; len += 8) {
    std::vector<Case> cases;
    for (size_t i = 0; i < 8 && len + i <= 4096; ++i)
      cases.push_back(make_case(random, Cipher::chacha20poly1305, len + i, (len + i) % 67));
    ASSERT_NO_FATAL_FAILURE(check_tile(Cipher::chacha20poly1305, cases));
  }
}

TEST_P(AeadSlots, EveryLengthWithoutAad) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  check_every_length(Cipher::chacha20poly1305, false);
}
TEST_P(AeadSlots, EveryLengthWithAad) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  check_every_length(Cipher::chacha20poly1305, true);
}
TEST_P(AeadSlots, SecretboxEveryLength) {
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  check_every_length(Cipher::secretbox, false);
}

// Messages and associated data too long for the lanes stand anywhere among short ones.
TEST_P(AeadSlots, LongAmongShort) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  Random random;
  for (const size_t num : {2, 3, 4, 5, 64, 131, 300}) {
    for (const Cipher cipher : {Cipher::chacha20poly1305, Cipher::secretbox}) {
      std::vector<Case> cases;
      for (size_t i = 0; i < num; ++i) {
        const bool long_text = i % 37 == num % 3, long_aad = i % 29 == 1;
        cases.push_back(make_case(random, cipher,
                                  long_text ? 3000 + random.below(100'000) : random.below(200),
                                  long_aad ? 500 + random.below(3000) : random.below(20)));
      }
      ASSERT_NO_FATAL_FAILURE(check_tile(cipher, cases));
      ASSERT_NO_FATAL_FAILURE(check_tile_in_place(cipher, cases));
    }
  }
}

// batch(n) = n batches of 1, whatever the company.
TEST_P(AeadSlots, TileEqualsItsItemsAlone) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  Random random;
  for (const Cipher cipher : {Cipher::chacha20poly1305, Cipher::secretbox}) {
    std::vector<AeadInput> inputs;
    const size_t num = on_device() ? 600 : 2 * table().tile_items + 3;
    for (size_t i = 0; i < num; ++i)
      inputs.push_back(
          make_case(random, cipher, random.below(size_t(1) << random.below(13)), random.below(50)).input);
    const std::vector<AeadResult> together = seal_tile(seal_slot(table(), cipher), inputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const AeadResult alone = seal_tile(seal_slot(table(), cipher), {inputs[i]})[0];
      ASSERT_EQ(together[i].out, alone.out) << "item " << i;
      ASSERT_EQ(together[i].tag, alone.tag) << "item " << i;
    }
  }
}

TEST_P(AeadSlots, SecretboxEveryLengthToTwoKiB) {
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  MEGASEAL_NEEDS_SLOT(secretbox_open);
  Random random;
  for (size_t len = 0; len <= 2048; len += 8) {
    std::vector<Case> cases;
    for (size_t i = 0; i < 8; ++i) cases.push_back(make_case(random, Cipher::secretbox, len + i, 0));
    ASSERT_NO_FATAL_FAILURE(check_tile(Cipher::secretbox, cases));
  }
}

TEST_P(AeadSlots, RaggedTilesOfEverySize) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  Random random;
  const size_t most = std::min<size_t>(2 * table().tile_items + 1, 200);
  for (size_t num = 0; num <= most; num += 1 + num / 8) {
    for (const Cipher cipher : {Cipher::chacha20poly1305, Cipher::secretbox}) {
      std::vector<Case> cases;
      for (size_t i = 0; i < num; ++i) {
        const size_t len = i % 5 == 0 ? 0 : size_t(1) << random.below(12);
        cases.push_back(make_case(random, cipher, len + random.below(3), random.below(100)));
      }
      ASSERT_NO_FATAL_FAILURE(check_tile(cipher, cases));
    }
  }
}

TEST_P(AeadSlots, LongAssociatedData) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  Random random;
  for (size_t aad_len = 0; aad_len <= 1100; ++aad_len)
    for (const size_t num : {1, 5}) {
      std::vector<Case> cases;
      for (size_t i = 0; i < num; ++i)
        cases.push_back(make_case(random, Cipher::chacha20poly1305, (aad_len + i) % 3 * 100, aad_len));
      ASSERT_NO_FATAL_FAILURE(check_tile(Cipher::chacha20poly1305, cases));
    }
}

TEST_P(AeadSlots, CorruptedItemFailsAlone) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  check_corruption(Cipher::chacha20poly1305);
}
TEST_P(AeadSlots, SecretboxCorruptedItemFailsAlone) {
  MEGASEAL_NEEDS_SLOT(secretbox_open);
  check_corruption(Cipher::secretbox);
}

TEST_P(AeadSlots, EachPositionOfATileFailsAlone) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  check_each_position(Cipher::chacha20poly1305, true);
}
TEST_P(AeadSlots, EachPositionOfARaggedTileFailsAlone) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  check_each_position(Cipher::chacha20poly1305, false);
}
TEST_P(AeadSlots, SecretboxEachPositionOfATileFailsAlone) {
  MEGASEAL_NEEDS_SLOT(secretbox_open);
  check_each_position(Cipher::secretbox, true);
}
TEST_P(AeadSlots, SecretboxEachPositionOfARaggedTileFailsAlone) {
  MEGASEAL_NEEDS_SLOT(secretbox_open);
  check_each_position(Cipher::secretbox, false);
}

TEST_P(AeadSlots, EveryBitOfTagAndAadCounts) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  Random random;
  const Case c = make_case(random, Cipher::chacha20poly1305, 100, 20);
  for (size_t bit = 0; bit < 8 * (16 + 20 + 100); ++bit) {
    AeadInput input = c.input;
    AeadResult sealed = c.expected;
    const size_t at = bit / 8;
    const uint8_t mask = uint8_t(1u << (bit % 8));
    if (at < 16)
      sealed.tag[at] ^= mask;
    else if (at < 36)
      input.aad[at - 16] ^= mask;
    else
      sealed.out[at - 36] ^= mask;
    ASSERT_EQ(open_tile(table().chacha20poly1305_open, {input}, {sealed})[0].status, ItemStatus::auth_failed)
        << "bit " << bit;
  }
}

TEST_P(AeadSlots, InPlaceAndMisaligned) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  check_in_place(Cipher::chacha20poly1305);
}
TEST_P(AeadSlots, SecretboxInPlaceAndMisaligned) {
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  check_in_place(Cipher::secretbox);
}

MEGASEAL_ON_EVERY_BACKEND(AeadSlots);

}  // namespace
}  // namespace megaseal::test
