// Packed layouts with whatever offsets and capacities: refused, or done as the same items are done one by one.
#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;
using fuzz::Bytes;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const size_t num = input.byte() % 12;
  const bool opens = input.byte() & 1, with_aad = input.byte() & 1, wild = input.byte() % 4 == 0;
  const Bytes base = input.expanded(600), aad_base = input.expanded(200), key = input.expanded(32),
              nonces = input.expanded(12 * 12);
  const auto offsets_of = [&](size_t end) {
    std::vector<uint64_t> offsets(num + 1);
    uint64_t at = 0;
    for (uint64_t& offset : offsets) {
      offset = at;
      at += input.byte() % 64;
      if (at > end) at = end;
    }
    // Offsets out of order must be refused; ones beyond the buffer are the caller's fault, which none here commits.
    if (wild) offsets[input.byte() % (num + 1)] = input.number() % (end + 1);
    return offsets;
  };
  const std::vector<uint64_t> in = offsets_of(base.size()), aad = offsets_of(aad_base.size());
  bool ordered = true;
  for (size_t i = 0; i < num; i++) ordered &= in[i] <= in[i + 1] && (!with_aad || aad[i] <= aad[i + 1]);
  const size_t capacity = input.number() % 1000;
  Bytes out(capacity, 0xd7), statuses(num, 0xff);
  std::vector<uint64_t> out_offsets(num + 1, ~uint64_t(0)), lens(num, ~uint64_t(0));
  megaseal_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = num;
  batch.in.base = base.data(), batch.in.offsets = in.data();
  if (with_aad) batch.aad.base = aad_base.data(), batch.aad.offsets = aad.data();
  batch.out.base = out.data(), batch.out.capacity = capacity, batch.out.offsets = out_offsets.data();
  batch.out.lens = lens.data();
  batch.out_statuses = statuses.data();
  megaseal_aead_keys keys = {};
  keys.keys = key.data(), keys.nonces = nonces.data(), keys.nonce_stride = 12;
  const auto format = MEGASEAL_FORMAT_CHACHA20POLY1305;
  static const test::Engine engine = test::make_engine("", 1);
  const auto call = opens ? megaseal_aead_open_batch : megaseal_aead_seal_batch;
  size_t num_failed = 0;
  const megaseal_error error = call(engine.get(), &num_failed, &batch, format, &keys);
  fuzz::demand(ordered || error == MEGASEAL_ERROR_ARGUMENT, "offsets out of order were taken");
  if (error != MEGASEAL_ERROR_NONE) {
    fuzz::demand(!ordered && error == MEGASEAL_ERROR_ARGUMENT, "a batch in order was refused");
    fuzz::demand(out == Bytes(capacity, 0xd7), "a refused batch wrote");
    return 0;
  }
  // Item by item, with pointers.
  size_t failures = 0;
  uint64_t place = 0;
  for (size_t i = 0; i < num; i++) {
    fuzz::demand(out_offsets[i] == place, "an offset is not where the item goes");
    const uint64_t len = in[i + 1] - in[i];
    const uint64_t out_len = opens ? (len < 16 ? 0 : len - 16) : len + 16;
    place += out_len;
    const void* const item = base.data() + in[i];
    const void* const item_aad = aad_base.data() + (with_aad ? aad[i] : 0);
    const uint64_t aad_len = with_aad ? aad[i + 1] - aad[i] : 0;
    Bytes one(out_len, 0xd7);
    void* const to = one.data();
    const uint64_t room =
        capacity < place ? (capacity < place - out_len ? 0 : capacity - (place - out_len)) : out_len;
    uint8_t status = 0xff;
    megaseal_batch single = {};
    single.struct_size = sizeof single;
    single.num_items = 1;
    single.in.ptrs = &item, single.in.lens = &len;
    if (with_aad) single.aad.ptrs = &item_aad, single.aad.lens = &aad_len;
    single.out.ptrs = &to, single.out.capacities = &room;
    single.out_statuses = &status;
    megaseal_aead_keys its_keys = keys;
    its_keys.nonces += 12 * i;
    fuzz::demand(call(engine.get(), nullptr, &single, format, &its_keys) == MEGASEAL_ERROR_NONE,
                 "an item was refused");
    fuzz::demand(status == statuses[i], "packed and by pointers, the statuses differ");
    failures += status != MEGASEAL_OK;
    fuzz::demand(lens[i] == (status == MEGASEAL_OK ? out_len : 0), "a length is wrong");
    if (room == out_len && out_len)
      fuzz::demand(memcmp(one.data(), out.data() + out_offsets[i], out_len) == 0,
                   "packed and by pointers, the bytes differ");
  }
  fuzz::demand(out_offsets[num] == place, "the last offset is wrong");
  fuzz::demand(failures == num_failed, "the count of failures is wrong");
  return 0;
}
