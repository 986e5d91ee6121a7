// Every slot of every backend that runs here against scalar's: the same outputs, tags and verdicts.
#include "backends/registry.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;
using fuzz::Bytes;

namespace {

bool runs_here(const BackendRow& row) {
  for (size_t i = 0; i < megaseal_num_backends(); i++) {
    megaseal_backend_info info = {};
    info.struct_size = sizeof info;
    if (megaseal_get_backend_info(i, &info) == MEGASEAL_ERROR_NONE && std::string_view(info.name) == row.name)
      return info.state == MEGASEAL_BACKEND_AVAILABLE;
  }
  return false;
}

const std::vector<const KernelTable*>& tables() {
  static const std::vector<const KernelTable*> all = [] {
    std::vector<const KernelTable*> out;
    for (const BackendRow& row : backend_rows())
      if (row.table && runs_here(row)) out.push_back(row.table);
    return out;
  }();
  return all;  // scalar is the last
}

size_t length(fuzz::Input& input) {
  const uint8_t kind = input.byte();
  return kind < 224 ? kind : input.number() % (kind < 250 ? 1500 : 20000);
}

/// Everything that `run` writes with each table must be what it writes with scalar's.
template <class Run>
void compare(const Run& run) {
  const Bytes expected = run(*tables().back());
  for (const KernelTable* table : tables()) {
    const Bytes got = run(*table);  // empty: the backend leaves these slots to others
    fuzz::demand(got.empty() || got == expected, table->name);
  }
}

template <class Slot>
void aead(fuzz::Input& input, Slot seal, Slot open) {
  const size_t num = 1 + input.byte() % 40;
  std::vector<size_t> lens(num), aad_lens(num);
  size_t total = 0, total_aad = 0;
  const bool same = input.byte() & 1;
  for (size_t i = 0; i < num; i++) {
    lens[i] = same && i ? lens[0] : length(input),
    aad_lens[i] = same && i ? aad_lens[0] : length(input) % 300;
    total += lens[i], total_aad += aad_lens[i];
  }
  const Bytes keys = input.expanded(32 * num), nonces = input.expanded(12 * num),
              aad = input.expanded(total_aad), text = input.expanded(total), broken = input.expanded(num);
  compare([&](const KernelTable& table) {
    if (!(table.*seal)) return Bytes();
    Bytes sealed(total, 1), opened(total, 2), tags(16 * num), statuses(2 * num);
    std::vector<AeadItem> items;
    for (size_t i = 0, at = 0, aad_at = 0; i < num; at += lens[i], aad_at += aad_lens[i], i++)
      items.push_back({&keys[32 * i], &nonces[12 * i], aad.data() + aad_at, aad_lens[i], text.data() + at,
                       sealed.data() + at, lens[i], &tags[16 * i]});
    const AeadTile tile = {uint32_t(num), items.data(), statuses.data()};
    (table.*seal)(&tile);
    Bytes out = sealed;
    out.insert(out.end(), tags.begin(), tags.end());
    for (size_t i = 0, at = 0; i < num; at += lens[i], i++) {
      items[i].in = sealed.data() + at, items[i].out = opened.data() + at;
      if (broken[i] % 4 == 0) tags[16 * i + broken[i] / 4 % 16] ^= 1;
    }
    const AeadTile open_tile = {uint32_t(num), items.data(), statuses.data() + num};
    (table.*open)(&open_tile);
    out.insert(out.end(), opened.begin(), opened.end());
    out.insert(out.end(), statuses.begin(), statuses.end());
    return out;
  });
}

void streams(fuzz::Input& input) {
  const size_t num = 1 + input.byte() % 40, len = length(input);
  const uint32_t counter = input.number();
  const Bytes keys = input.expanded(32 * num), nonces = input.expanded(16 * num);
  compare([&](const KernelTable& table) {
    if (!table.hchacha20) return Bytes();
    Bytes out(len + (32 + 24) * num);
    const StreamItem item = {keys.data(), nonces.data(), out.data(), len, counter};
    const StreamTile stream = {1, &item};
    table.chacha20_stream(&stream);
    const HChaCha20Tile subkeys = {uint32_t(num), {keys.data(), 32}, {nonces.data(), 16}, out.data() + len};
    table.hchacha20(&subkeys);
    const SealedBoxNonceTile boxes = {
        uint32_t(num), keys.data(), {keys.data(), 0}, out.data() + len + 32 * num};
    table.sealedbox_nonces(&boxes);
    return out;
  });
}

void x25519(fuzz::Input& input) {
  const size_t num = 1 + input.byte() % 40, at = input.byte() % num;
  const Bytes secrets = input.expanded(32 * num), chosen = input.bytes(32);
  Bytes points = input.expanded(32 * num);
  std::copy(chosen.begin(), chosen.end(), points.begin() + ptrdiff_t(32 * at));
  compare([&](const KernelTable& table) {
    if (!table.x25519_shared) return Bytes();
    Bytes out(64 * num), status(num);
    X25519Tile tile = {uint32_t(num), {secrets.data(), 32}, {points.data(), 32}, out.data(), status.data()};
    table.x25519_shared(&tile);
    tile.out += 32 * num, tile.status = nullptr, tile.points = {nullptr, 0};
    table.x25519_public(&tile);
    out.insert(out.end(), status.begin(), status.end());
    return out;
  });
}

/// Which keys get a table is the same on every backend, and by a table comes what the ladder gives.
void prepared(fuzz::Input& input) {
  const size_t num_keys = 1 + input.byte() % 4, num = 1 + input.byte() % 40;
  const uint32_t size = input.byte() % x25519_prepared_sizes;
  const Bytes secrets = input.expanded(32 * num), whose = input.expanded(num), chosen = input.bytes(32);
  Bytes points = input.expanded(32 * num_keys);
  std::copy(chosen.begin(), chosen.end(), points.begin());
  Bytes by_ladder(32 * num), status(num), gathered;
  for (size_t i = 0; i < num; i++) {
    const auto point = points.begin() + ptrdiff_t(32 * (whose[i] % num_keys));
    gathered.insert(gathered.end(), point, point + 32);
  }
  const X25519Tile ladder = {
      uint32_t(num), {secrets.data(), 32}, {gathered.data(), 32}, by_ladder.data(), status.data()};
  tables().back()->x25519_shared(&ladder);
  compare([&](const KernelTable& table) {
    if (!table.x25519_prepare) return Bytes();
    const size_t bytes = table.prepared_bytes[size];
    const std::unique_ptr<uint8_t, decltype(&std::free)> room(
        static_cast<uint8_t*>(std::aligned_alloc(64, bytes * num_keys)), &std::free);
    std::vector<uint8_t*> at;
    for (size_t k = 0; k < num_keys; k++) at.push_back(room.get() + bytes * k);
    Bytes out(num_keys), results(32 * num);
    const X25519PrepareTile prepare = {uint32_t(num_keys), size, {points.data(), 32}, at.data(), out.data()};
    table.x25519_prepare(&prepare);
    std::vector<X25519PreparedItem> items;
    for (size_t i = 0; i < num; i++)
      if (const size_t key = whose[i] % num_keys; out[key])
        items.push_back({&secrets[32 * i], at[key], &results[32 * i]});
    const X25519PreparedTile tile = {uint32_t(items.size()), size, items.data()};
    if (!items.empty()) table.x25519_prepared(&tile);
    for (size_t i = 0; i < num; i++)
      fuzz::demand(!out[whose[i] % num_keys] ||
                       std::equal(&results[32 * i], &results[32 * i] + 32, &by_ladder[32 * i]),
                   "by a table comes another secret than by the ladder");
    out.insert(out.end(), results.begin(), results.end());
    return out;
  });
}

void hashes(fuzz::Input& input) {
  const size_t num = 1 + input.byte() % 40, salt_len = length(input) % 300, ikm_len = length(input) % 300,
               out_len = 1 + input.number() % 700, psk_len = input.byte() & 1 ? 32 + input.byte() % 40 : 0;
  const Bytes salts = input.expanded(salt_len * num), ikms = input.expanded(ikm_len * num),
              dh = input.expanded(32 * num), enc = input.expanded(32 * num), pk = input.expanded(32),
              psk = input.expanded(psk_len);
  HpkeShared shared{};
  shared.psk = psk.data(), shared.psk_len = psk_len;
  compare([&](const KernelTable& table) {
    if (!table.hpke_schedule) return Bytes();
    Bytes prks(32 * num), out(out_len * num), keys(76 * num);
    std::vector<HkdfExtractItem> extracts;
    std::vector<HkdfExpandItem> expands;
    for (size_t i = 0; i < num; i++) {
      extracts.push_back(
          {salts.data() + salt_len * i, salt_len, ikms.data() + ikm_len * i, ikm_len, &prks[32 * i]});
      expands.push_back({&prks[32 * i], salts.data(), salt_len, &out[out_len * i], uint32_t(out_len)});
    }
    const HkdfExtractTile extract = {uint32_t(num), extracts.data()};
    const HkdfExpandTile expand = {uint32_t(num), expands.data()};
    table.hkdf_extract(&extract), table.hkdf_expand(&expand);
    const HpkeScheduleTile schedule = {uint32_t(num),  &shared,  dh.data(),       enc.data(),
                                       {pk.data(), 0}, &keys[0], &keys[32 * num], &keys[44 * num]};
    table.hpke_schedule(&schedule);
    out.insert(out.end(), prks.begin(), prks.end());
    out.insert(out.end(), keys.begin(), keys.end());
    return out;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  switch (input.byte() % 6) {
    case 0:
      aead(input, &KernelTable::chacha20poly1305_seal, &KernelTable::chacha20poly1305_open);
      break;
    case 1:
      aead(input, &KernelTable::secretbox_seal, &KernelTable::secretbox_open);
      break;
    case 2:
      streams(input);
      break;
    case 3:
      x25519(input);
      break;
    case 4:
      hashes(input);
      break;
    default:
      prepared(input);
  }
  return 0;
}
