// The device's ciphers, run on the host, against libsodium: every length and shape, in place and apart, failures.
#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>

#define MEGASEAL_ISA cuda
#include "backends/cuda/cipher.hpp"
#include "tests/cuda/on_host.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

using gpu::CipherJob;
using gpu::Span;

enum class Cipher { chacha20poly1305, secretbox };

constexpr size_t round_up(size_t n) { return (n + 15) / 16 * 16; }

/// A batch as it lies in a device's memory, and what libsodium makes of it. Between messages lie 16 bytes that nobody may
/// touch.
struct Batch {
  Cipher cipher;
  std::vector<Span> spans;
  Bytes outer_keys, outer_nonces;  // secretbox: what each key was made of, 32 and 16 bytes
  Bytes keys, nonces, aad, text, sealed, tags, status;
  size_t nonce_len = 12;
  uint32_t key_stride = 32;

  Batch(Random& random, Cipher which, const std::vector<size_t>& lens, const std::vector<size_t>& aad_lens,
        bool one_key = false)
      : cipher(which) {
    const size_t num = lens.size();
    nonce_len = cipher == Cipher::secretbox ? 8 : 12;
    key_stride = one_key ? 0 : 32;
    keys = random.bytes(32 * (one_key ? 1 : num));
    nonces = random.bytes(nonce_len * num);
    if (cipher == Cipher::secretbox) {
      outer_keys = random.bytes(keys.size()), outer_nonces = random.bytes(keys.size() / 2);
      for (size_t k = 0; k < keys.size() / 32; k++)
        crypto_core_hchacha20(keys.data() + 32 * k, outer_nonces.data() + 16 * k, outer_keys.data() + 32 * k,
                              nullptr);
    }
    size_t text_at = 0, aad_at = 0;
    for (size_t i = 0; i < num; i++) {
      const size_t aad_len = cipher == Cipher::secretbox ? 0 : aad_lens[i % aad_lens.size()];
      spans.push_back({text_at, aad_at, uint32_t(lens[i]), uint32_t(aad_len)});
      text_at += round_up(lens[i]) + 16, aad_at += round_up(aad_len);
    }
    text = random.bytes(text_at);
    aad = random.bytes(aad_at + 1);
    sealed = text;
    tags.resize(16 * num);
    status.assign(num, 0);
    for (size_t i = 0; i < num; i++) {
      const Span& s = spans[i];
      seal_one(i, sealed.data() + s.text, tags.data() + 16 * i);
      std::fill_n(sealed.data() + s.text + s.len, round_up(s.len) - s.len, 0);
    }
  }
  uint8_t* key(size_t i) { return keys.data() + i * key_stride; }
  uint8_t* nonce(size_t i) { return nonces.data() + i * nonce_len; }

  void seal_one(size_t i, uint8_t* out, uint8_t* tag) {
    const Span& s = spans[i];
    const uint8_t* in = text.data() + s.text;
    if (cipher == Cipher::chacha20poly1305) {
      crypto_aead_chacha20poly1305_ietf_encrypt_detached(out, tag, nullptr, in, s.len, aad.data() + s.aad,
                                                         s.aad_len, nullptr, nonce(i), key(i));
      return;
    }
    uint8_t outer_nonce[24];
    std::memcpy(outer_nonce, outer_nonces.data() + i * key_stride / 2, 16);
    std::memcpy(outer_nonce + 16, nonce(i), 8);
    crypto_secretbox_xchacha20poly1305_detached(out, tag, in, s.len, outer_nonce,
                                                outer_keys.data() + i * key_stride);
  }

  CipherJob job(const Bytes& in, Bytes& out, Bytes& tags_of, Bytes& status_of,
                const uint32_t* order = nullptr) {
    return {.num = uint32_t(spans.size()),
            .keys = keys.data(),
            .nonces = nonces.data(),
            .key_stride = key_stride,
            .nonce_stride = uint32_t(nonce_len),
            .spans = spans.data(),
            .aad = aad.data(),
            .in = in.data(),
            .out = out.data(),
            .tags = tags_of.data(),
            .status = status_of.data(),
            .order = order,
            .bins = nullptr};
  }
};

int seal(const Batch& b, const CipherJob& job) {
  return b.cipher == Cipher::secretbox ? gpu::on_host::launch_secretbox_seal(job, nullptr)
                                       : gpu::on_host::launch_chacha20poly1305_seal(job, nullptr);
}
int open(const Batch& b, const CipherJob& job) {
  return b.cipher == Cipher::secretbox ? gpu::on_host::launch_secretbox_open(job, nullptr)
                                       : gpu::on_host::launch_chacha20poly1305_open(job, nullptr);
}

using Slot = std::function<int(const Batch&, const CipherJob&)>;

/// The text's own bytes as they should be, zeros up to the multiple of 16, and nothing else touched.
void expect_texts(const Batch& b, const Bytes& got, const Bytes& expected, const Bytes& before) {
  for (size_t i = 0; i < b.spans.size(); i++) {
    const Span& s = b.spans[i];
    SCOPED_TRACE("item " + std::to_string(i) + ", " + std::to_string(s.len) + " bytes, aad " +
                 std::to_string(s.aad_len));
    ASSERT_EQ(to_hex(as_span(got.data() + s.text, s.len)), to_hex(as_span(expected.data() + s.text, s.len)));
    const size_t end = s.text + round_up(s.len);
    ASSERT_TRUE(all_zero(as_span(got.data() + s.text + s.len, round_up(s.len) - s.len)));
    ASSERT_EQ(to_hex(as_span(got.data() + end, 16)), to_hex(as_span(before.data() + end, 16)));
  }
}

void check(Batch& b, const Slot& run_seal, const Slot& run_open, const uint32_t* order = nullptr) {
  const Bytes ok(b.spans.size());
  for (const bool in_place : {false, true}) {
    SCOPED_TRACE(in_place ? "in place" : "apart");
    Bytes out = in_place ? b.text : Bytes(b.text.size(), 0xee), tags(b.tags.size()), status = b.status;
    Bytes before = out;
    ASSERT_EQ(run_seal(b, b.job(in_place ? out : b.text, out, tags, status, order)), 0);
    expect_texts(b, out, b.sealed, before);
    ASSERT_EQ(to_hex(tags), to_hex(b.tags));
    ASSERT_EQ(status, ok);

    out = in_place ? b.sealed : Bytes(b.text.size(), 0xee), before = out;
    ASSERT_EQ(run_open(b, b.job(in_place ? out : b.sealed, out, tags, status, order)), 0);
    expect_texts(b, out, b.text, before);
    ASSERT_EQ(to_hex(tags), to_hex(b.tags));
    ASSERT_EQ(status, ok);
  }
}

/// One shape alone, whatever the length.
template <bool kSeal, class Format, uint32_t kGroup>
int run_shape(const CipherJob& job) {
  using Program = cuda::CipherProgram<kSeal, Format, kGroup>;
  const cuda::CipherPart part = {job, 0, ~uint32_t(0), nullptr, nullptr};
  cuda::run_on_host<Program>(part, Program::num_blocks(part));
  return 0;
}
template <bool kSeal, uint32_t kGroup>
int run_shape_of(const Batch& b, const CipherJob& job) {
  return b.cipher == Cipher::secretbox ? run_shape<kSeal, cuda::SecretboxFormat, kGroup>(job)
                                       : run_shape<kSeal, cuda::AeadFormat, kGroup>(job);
}
template <uint32_t kGroup>
void check_shape(Batch& b) {
  SCOPED_TRACE("groups of " + std::to_string(kGroup));
  check(b, run_shape_of<true, kGroup>, run_shape_of<false, kGroup>);
}

class CudaCipher : public testing::TestWithParam<Cipher> {
 protected:
  Random random;
};
INSTANTIATE_TEST_SUITE_P(cuda, CudaCipher, testing::Values(Cipher::chacha20poly1305, Cipher::secretbox),
                         [](const auto& which) {
                           return which.param == Cipher::secretbox ? "secretbox" : "chacha20poly1305";
                         });

std::vector<size_t> up_to(size_t last) {
  std::vector<size_t> out(last + 1);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

TEST_P(CudaCipher, EveryLength) {
  Batch b(random, GetParam(), up_to(300), {0, 1, 13, 16, 20});
  check(b, seal, open);
}

TEST_P(CudaCipher, EveryLengthInEveryShape) {
  Batch b(random, GetParam(), up_to(300), {0, 5, 12, 32, 100});
  check_shape<1>(b);
  check_shape<8>(b);
  check_shape<32>(b);
}

TEST_P(CudaCipher, AroundTheShapesBounds) {
  std::vector<size_t> lens;
  for (const size_t bound : {256, 288, 512, 544, 1024, 2048, 2080, 4096, 8192})
    for (size_t len = bound - 18; len <= bound + 18; len++) lens.push_back(len);
  Batch b(random, GetParam(), lens, {0, 13});
  check(b, seal, open);
  check_shape<8>(b);
  check_shape<32>(b);
}

TEST_P(CudaCipher, LongMessages) {
  Batch b(random, GetParam(),
          {65535, 65536, 65537, 100000, 131072 + 31, 1 << 20, (1 << 20) + 33, 16384, 0, 1}, {0, 7});
  check(b, seal, open);
  check_shape<1>(b);
}

TEST_P(CudaCipher, EveryAadLength) {
  if (GetParam() == Cipher::secretbox) return;  // has none
  for (const size_t len : {0, 1, 15, 16, 64, 300, 3000}) {
    Batch b(random, GetParam(), std::vector<size_t>(101, len), up_to(100));
    check(b, seal, open);
  }
  Batch b(random, GetParam(), {0, 10, 300, 3000}, {5000, 4096, 70000});
  check(b, seal, open);
}

TEST_P(CudaCipher, OneKeyForAll) {
  std::vector<size_t> lens;
  for (int i = 0; i < 300; i++) lens.push_back(random.below(600));
  Batch b(random, GetParam(), lens, {0, 3}, true);
  check(b, seal, open);
}

TEST_P(CudaCipher, InAnyOrder) {
  std::vector<size_t> lens;
  for (int i = 0; i < 300; i++) lens.push_back(random.below(size_t(1) << (1 + i % 13)));
  Batch b(random, GetParam(), lens, {0, 3, 40});
  std::vector<uint32_t> order(lens.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t x, uint32_t y) { return lens[x] < lens[y]; });
  check(b, seal, open, order.data());
  std::reverse(order.begin(), order.end());
  check(b, seal, open, order.data());
}

/// The order that the device makes: each item once, the longer first up to its bin, and each shape's own range.
TEST_P(CudaCipher, InTheOrderByLength) {
  for (const size_t num : {1, 2, 100, 2049, 5000}) {
    std::vector<size_t> lens;
    for (size_t i = 0; i < num; i++)
      lens.push_back(random.below(size_t(1) << (1 + random.below(num > 1000 ? 9 : 14))));
    if (num == 100)
      lens[40] = 256, lens[41] = 257, lens[42] = 2048, lens[43] = 2049, lens[44] = 0, lens[45] = 1 << 20;
    Batch b(random, GetParam(), lens, {0, 3});
    std::vector<uint32_t> order(num, ~0u), bins(3 * gpu::OrderJob::num_bins + 1, 0xeeeeeeee);
    const gpu::OrderJob job = {uint32_t(num), b.spans.data(), order.data(), bins.data()};
    ASSERT_EQ(gpu::on_host::launch_cipher_order(job, nullptr), 0);
    for (size_t k = 1; k < num; k++)
      ASSERT_GE(cuda::cipher_bin(uint32_t(lens[order[k - 1]])), cuda::cipher_bin(uint32_t(lens[order[k]])));
    const auto with_bins = [&](const Slot& run) {
      return [&, run](const Batch& batch, CipherJob cipher) {
        cipher.bins = bins.data();
        return run(batch, cipher);
      };
    };
    check(b, with_bins(seal), with_bins(open), order.data());
    std::sort(order.begin(), order.end());
    for (uint32_t k = 0; k < num; k++) ASSERT_EQ(order[k], k);
  }
}

TEST(CudaOrder, BinsEndAtTheBoundsOfTheShapes) {
  uint32_t last = 0;
  for (uint32_t num = 0; num < 5000; num++) {
    const uint32_t bin = cuda::cipher_bin(64 * num);
    ASSERT_TRUE(bin == last || bin == last + 1) << num;
    ASSERT_EQ(bin, cuda::cipher_bin(num == 0 ? 0 : 64 * num - 63));
    last = bin;
  }
  for (const uint32_t num : {1u, 8192u, 65536u}) {
    const cuda::CipherShapes shapes = cuda::cipher_shapes(num);
    for (const uint32_t bound : {shapes.alone_max, shapes.eight_max})
      EXPECT_EQ(cuda::cipher_bin(bound) + 1, cuda::cipher_bin(bound + 1));
  }
  EXPECT_LT(cuda::cipher_bin(~uint32_t(0)), gpu::OrderJob::num_bins);
}

TEST(CudaShapes, AreLaunchedForLengthsThatThereAre) {
  const auto launched = [](uint32_t num, uint32_t min_len, uint32_t max_len) {
    CipherJob job = {};
    job.num = num, job.min_len = min_len, job.max_len = max_len;
    std::string groups;
    const auto run = [&]<bool kSeal, class Format, uint32_t kGroup>(
                         cuda::CipherProgram<kSeal, Format, kGroup>, const cuda::CipherPart& part) {
      groups += std::to_string(kGroup) + " ";
      EXPECT_LE(part.min_len, max_len);
      EXPECT_GE(part.max_len, min_len);
      return 0;
    };
    EXPECT_EQ((cuda::cipher_parts<true, cuda::AeadFormat>(job, run)), 0);
    return groups;
  };
  for (const uint32_t num : {1u, 8192u, 65536u}) {
    const cuda::CipherShapes shapes = cuda::cipher_shapes(num);
    EXPECT_EQ(launched(num, 0, ~uint32_t(0)), "32 8 1 ");
    EXPECT_EQ(launched(num, 0, 0), "1 ");
    EXPECT_EQ(launched(num, 0, shapes.alone_max), "1 ");
    EXPECT_EQ(launched(num, shapes.alone_max, shapes.alone_max + 1), "8 1 ");
    EXPECT_EQ(launched(num, shapes.alone_max + 1, shapes.eight_max), "8 ");
    EXPECT_EQ(launched(num, shapes.eight_max, shapes.eight_max + 1), "32 8 ");
    EXPECT_EQ(launched(num, shapes.eight_max + 1, ~uint32_t(0)), "32 ");
    EXPECT_EQ(launched(num, 5, ~uint32_t(0)), "32 8 1 ");
  }
}

TEST_P(CudaCipher, NothingToDo) {
  Batch b(random, GetParam(), {0}, {0});
  Bytes none(16);
  CipherJob job = b.job(none, none, none, none);
  job.num = 0;
  EXPECT_EQ(seal(b, job), 0);
  EXPECT_EQ(open(b, job), 0);
}

/// Texts whose Poly1305 sums come close to the field's prime: long runs of ones under keys that are not random would be
/// needed to reach every carry; libsodium's own sum is the judge.
TEST_P(CudaCipher, TextsOfOnesAndZeros) {
  std::vector<size_t> lens(200);
  for (size_t i = 0; i < lens.size(); i++) lens[i] = 16 * i % 1000;
  Batch b(random, GetParam(), lens, {0, 16});
  // The ciphertext is what is hashed: all ones there.
  for (size_t i = 0; i < lens.size(); i++) {
    const Span& s = b.spans[i];
    for (size_t k = 0; k < s.len; k++) b.text[s.text + k] ^= b.sealed[s.text + k] ^ (i % 2 ? 0xff : 0);
    b.seal_one(i, b.sealed.data() + s.text, b.tags.data() + 16 * i);
  }
  check(b, seal, open);
  check_shape<32>(b);
}

/// In each position in turn a bit of tag, text, aad, key or nonce is wrong: that item alone is refused and its text zeros.
TEST_P(CudaCipher, AWrongBitRefusesItsItemAlone) {
  std::vector<size_t> lens;
  for (size_t i = 0; i < 140; i++) lens.push_back(random.below(size_t(1) << (1 + i % 13)));
  Batch b(random, GetParam(), lens, {0, 1, 20});
  for (size_t bad = 0; bad < lens.size(); bad++) {
    SCOPED_TRACE("bad " + std::to_string(bad));
    const bool in_place = random.below(2);
    Bytes sealed = b.sealed, tags = b.tags, status = b.status;
    Batch altered = b;
    const uint8_t bit = uint8_t(1u << random.below(8));
    const Span& s = b.spans[bad];
    switch (bad % 5) {
      case 0:
        tags[16 * bad + random.below(16)] ^= bit;
        break;
      case 1:
        altered.key(bad)[random.below(32)] ^= bit;
        break;
      case 2:
        altered.nonce(bad)[random.below(b.nonce_len)] ^= bit;
        break;
      case 3:
        (s.len ? sealed[s.text + random.below(s.len)] : tags[16 * bad]) ^= bit;
        break;
      case 4:
        (s.aad_len ? altered.aad[s.aad + random.below(s.aad_len)] : tags[16 * bad + 15]) ^= bit;
        break;
    }
    Bytes out = in_place ? sealed : Bytes(sealed.size(), 0xee);
    const Bytes before = out, tags_before = tags;
    Bytes expected = b.text;
    std::fill_n(expected.data() + s.text, s.len, 0);
    ASSERT_EQ(open(b, altered.job(in_place ? out : sealed, out, tags, status)), 0);
    expect_texts(b, out, expected, before);
    ASSERT_EQ(tags, tags_before);
    for (size_t i = 0; i < lens.size(); i++) ASSERT_EQ(status[i], i == bad ? 1 : 0) << i;
  }
}

/// Every bit of one tag.
TEST_P(CudaCipher, EveryBitOfTheTagCounts) {
  for (const size_t len : {0, 33, 400, 3000}) {
    Batch b(random, GetParam(), std::vector<size_t>(128, len), {9});
    Bytes out = b.sealed, tags = b.tags, status = b.status;
    for (size_t i = 0; i < 128; i++) tags[16 * i + i / 8] ^= uint8_t(1u << (i % 8));
    ASSERT_EQ(open(b, b.job(b.sealed, out, tags, status)), 0);
    EXPECT_EQ(status, Bytes(128, 1));
    for (const Span& s : b.spans) ASSERT_TRUE(all_zero(as_span(out.data() + s.text, s.len)));
  }
}

TEST_P(CudaCipher, ItemsThatFailedBeforeAreLeftAloneAndZeroed) {
  std::vector<size_t> lens;
  for (size_t i = 0; i < 200; i++) lens.push_back(random.below(size_t(1) << (1 + i % 13)));
  Batch b(random, GetParam(), lens, {0, 20});
  Bytes failed(lens.size());
  for (size_t i = 0; i < lens.size(); i += 1 + random.below(3)) failed[i] = 2;
  for (const bool sealing : {true, false}) {
    Bytes out(b.text.size(), 0xee), tags = sealing ? Bytes(b.tags.size(), 0xee) : b.tags, status = failed;
    const Bytes before = out;
    Bytes expected = sealing ? b.sealed : b.text, expected_tags = b.tags;
    for (size_t i = 0; i < lens.size(); i++) {
      if (!failed[i]) continue;
      std::fill_n(expected.data() + b.spans[i].text, lens[i], 0);
      if (sealing) std::fill_n(expected_tags.data() + 16 * i, 16, 0);
    }
    ASSERT_EQ((sealing ? seal : open)(b, b.job(sealing ? b.text : b.sealed, out, tags, status)), 0);
    expect_texts(b, out, expected, before);
    EXPECT_EQ(to_hex(tags), to_hex(expected_tags));
    EXPECT_EQ(status, failed);
  }
}

/// Parts of a MAC would give r away: none stays where the next program's block could read it.
TEST_P(CudaCipher, NothingStaysInShared) {
  using Program = cuda::CipherProgram<true, cuda::AeadFormat, 8>;
  if (GetParam() == Cipher::secretbox) return;
  Batch b(random, GetParam(), std::vector<size_t>(Program::groups, 700), {5});
  Bytes out = b.text, tags(b.tags.size()), status = b.status;
  const cuda::CipherPart part = {b.job(b.text, out, tags, status), 0, ~uint32_t(0), nullptr, nullptr};
  auto shared = std::make_unique<Program::Shared>();
  auto lanes = std::make_unique<Program::Lane[]>(Program::block);
  std::memset(shared.get(), 0xee, sizeof *shared);
  cuda::run_phases_on_host<Program>(part, 0, 1, *shared, lanes.get());
  EXPECT_EQ(tags, b.tags);
  EXPECT_TRUE(all_zero(as_span(shared.get(), sizeof *shared)));
}

TEST(CudaStream, IsTheKeyStreamOfLibsodium) {
  Random random;
  for (const uint32_t num_blocks : {0u, 1u, 2u, 127u, 128u, 129u, 1000u}) {
    gpu::StreamJob job = {};
    const Bytes key = random.bytes(32);
    job.key = key.data();
    job.number = uint32_t(random.next());
    job.num_blocks = num_blocks;
    Bytes out(64 * num_blocks + 16, 0xee);
    job.out = out.data();
    ASSERT_EQ(gpu::on_host::launch_chacha20_stream(job, nullptr), 0);
    Bytes nonce(12);
    std::memcpy(nonce.data(), &job.number, 4);
    Bytes expected = reference::chacha20_stream(key, nonce, 0, 64 * num_blocks);
    expected.insert(expected.end(), 16, 0xee);
    ASSERT_EQ(to_hex(out), to_hex(expected));
  }
}

}  // namespace
}  // namespace megaseal::test
