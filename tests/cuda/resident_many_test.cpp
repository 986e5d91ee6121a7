// So many items in a device's memory that blocks work together: they sort, count and take turns. Where one block is done after
// the other, on a stand-in or an emulated device, just enough of them.
#include <cstring>

#include "kernels/prepared_shapes.hpp"
#include "tests/cuda/resident.hpp"

namespace megaseal::test {
namespace {

// So many that each kernel has several blocks, which sort together, and that each block of a kernel has several turns.
TEST_F(cudaResident, AeadOfManyMessagesOfMixedLengths) {
  const size_t num = is_emulated_ ? 20000 : on_device_ ? 420000 : 2600;
  std::vector<megaseal_cuda_span> spans;
  size_t size = 0;
  for (size_t i = 0; i < num; i++) {
    const uint64_t drawn = random_.next();
    const size_t len = drawn % 32 == 0 ? 32769 + drawn / 32 % 300 : drawn % 8 == 1 ? 4097 + drawn / 8 % 900 : drawn / 8 % 300;
    spans.push_back({size, 0, uint32_t(len), 0});
    size += (len + 15) / 16 * 16;
  }
  Bytes spans_bytes(spans.size() * sizeof spans[0]), text(size), keys(32 * num), nonces(12 * num);
  std::memcpy(spans_bytes.data(), spans.data(), spans_bytes.size());
  const Bytes seed = random_.bytes(randombytes_SEEDBYTES);
  randombytes_buf_deterministic(text.data(), size, seed.data());
  randombytes_buf_deterministic(keys.data(), keys.size(), &text[0]);
  randombytes_buf_deterministic(nonces.data(), nonces.size(), &text[64]);
  megaseal_cuda_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = num;
  batch.spans = reinterpret_cast<const megaseal_cuda_span*>(memory(spans_bytes));
  batch.in = batch.out = memory(text);
  batch.tags = memory(16 * num);
  batch.statuses = memory(num);
  const uint8_t *k = memory(keys), *n = memory(nonces);
  void* const scratch = memory(megaseal_cuda_aead_scratch(num));
  finish(megaseal_cuda_aead_seal(&batch, k, 32, n, 12, scratch, stream_));
  const Bytes sealed = read(batch.out, size);
  Bytes tags = read(batch.tags, 16 * num);
  ASSERT_EQ(read(batch.statuses, num), Bytes(num, MEGASEAL_OK));
  for (size_t i = 0; i < num; i += on_device_ ? 37 : 1) {
    Bytes expected(spans[i].len + 1);
    uint8_t tag[16];
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(expected.data(), tag, nullptr, &text[0] + spans[i].text, spans[i].len,
                                                       nullptr, 0, nullptr, &nonces[12 * i], &keys[32 * i]);
    ASSERT_EQ(std::memcmp(expected.data(), sealed.data() + spans[i].text, spans[i].len), 0) << i;
    ASSERT_EQ(std::memcmp(tag, &tags[16 * i], 16), 0) << i;
  }
  for (size_t i = 0; i < num; i += 101) tags[16 * i + i % 16] ^= uint8_t(1 << i % 8);
  write(batch.tags, tags);
  finish(megaseal_cuda_aead_open(&batch, k, 32, n, 12, scratch, stream_));
  const Bytes opened = read(batch.out, size), statuses = read(batch.statuses, num);
  for (size_t i = 0; i < num; i++) {
    const bool spoilt = i % 101 == 0;
    ASSERT_EQ(statuses[i], spoilt ? MEGASEAL_AUTH_FAILED : MEGASEAL_OK) << i;
    const uint8_t* const got = opened.data() + spans[i].text;
    ASSERT_TRUE(spoilt ? all_zero({got, spans[i].len}) : std::memcmp(got, text.data() + spans[i].text, spans[i].len) == 0) << i;
  }
}

// What is left for the ladder, from many blocks: keys by turns with a table and, on the twist, without.
TEST_F(cudaResident, SharedSecretsByTableAndWithoutOneAmongMany) {
  const uint32_t num = is_emulated_ ? 3000 : on_device_ ? 200000 : 300, num_keys = 64;
  const PreparedShape& shape = prepared_shapes[0];
  Bytes keys, of(4 * num);
  for (uint32_t key = 0; key < num_keys; key++) {
    Bytes point = reference::x25519_public(random_.bytes(32));
    if (key % 2) point.assign(32, 0), point[0] = 2;
    keys.insert(keys.end(), point.begin(), point.end());
  }
  const auto key_of = [](uint32_t item) { return item * 7 % num_keys; };
  for (uint32_t i = 0; i < num; i++) {
    const uint32_t key = key_of(i);
    std::memcpy(&of[4 * i], &key, 4);
  }
  const size_t num_rows = num_keys * size_t(shape.rows);
  const Bytes secrets = random_.bytes(32 * num);
  const uint8_t *const points = memory(keys), *const with = memory(secrets);
  const auto* const point_of = reinterpret_cast<const uint32_t*>(memory(of));
  uint8_t *const tables = memory(num_rows * gpu::PrepareJob::row_bytes), *const has_table = memory(num_keys),
                 *const out = memory(32 * num), *const statuses = memory(Bytes(num));
  auto* const left = reinterpret_cast<uint32_t*>(memory(4 * num));
  auto* const num_left = reinterpret_cast<uint32_t*>(memory(Bytes(4)));
  const gpu::Programs& programs = runtime_->programs();
  ASSERT_EQ(programs.x25519_prepare({.num = num_keys,
                                     .rows = uint32_t(shape.rows),
                                     .spacing = uint32_t(shape.spacing),
                                     .points = points,
                                     .point_stride = 32,
                                     .item_of = nullptr,
                                     .scratch = memory(num_rows * gpu::PrepareJob::scratch_bytes),
                                     .tables = tables,
                                     .has_table = has_table,
                                     .keys = nullptr},
                                    stream_),
            0);
  ASSERT_EQ(programs.x25519_prepared({.num = num,
                                      .items = nullptr,
                                      .table_of = point_of,
                                      .rows = uint32_t(shape.rows),
                                      .spacing = uint32_t(shape.spacing),
                                      .tables = tables,
                                      .has_table = has_table,
                                      .secrets = with,
                                      .secret_stride = 32,
                                      .out = out,
                                      .status = statuses,
                                      .left = left,
                                      .num_left = num_left},
                                     stream_),
            0);
  ASSERT_EQ(programs.x25519_shared({.num = num,
                                    .secrets = with,
                                    .secret_stride = 32,
                                    .points = points,
                                    .point_stride = 32,
                                    .out = out,
                                    .status = statuses,
                                    .table = nullptr,
                                    .left = left,
                                    .num_left = num_left,
                                    .point_of = point_of},
                                   stream_),
            0);
  wait();
  const Bytes got = read(out, 32 * num), count = read(reinterpret_cast<uint8_t*>(num_left), 4);
  uint32_t counted;
  std::memcpy(&counted, count.data(), 4);
  EXPECT_EQ(counted, num / 2);
  EXPECT_EQ(read(statuses, num), Bytes(num, MEGASEAL_OK));
  for (uint32_t i = 0; i < num; i += on_device_ ? 101 : 1)
    ASSERT_EQ(part(got, 32 * i, 32), reference::x25519(part(secrets, 32 * i, 32), part(keys, 32 * key_of(i), 32))) << i;
}

}  // namespace
}  // namespace megaseal::test
