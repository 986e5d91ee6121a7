#include "tests/cuda/host_batch.hpp"

#include <sodium.h>

#include <cstring>

#include "backends/registry.hpp"
#include "engine/dispatch.hpp"
#include "engine/tiles.hpp"
#include "engine/workspace.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

bool opens_whole(Kind k) { return k == Kind::hpke_open || k == Kind::sealedbox_open; }
bool is_open(Kind k) { return k == Kind::open || k == Kind::box_open || opens_whole(k); }
bool is_by_seed(Kind k) { return k == Kind::hpke_seed || k == Kind::sealedbox_seed; }
bool is_hpke(Kind k) { return k == Kind::hpke_seal || k == Kind::hpke_seed || k == Kind::hpke_open; }
bool is_whole(Kind k) {
  return is_hpke(k) || k == Kind::sealedbox_seal || k == Kind::sealedbox_seed || k == Kind::sealedbox_open;
}
bool seals_whole(Kind k) { return is_whole(k) && !opens_whole(k); }
bool is_box(Kind k) { return k == Kind::box_seal || k == Kind::box_open; }
bool is_curve(Kind k) { return k == Kind::shared || k == Kind::publics; }
bool is_bad(uint32_t item) { return item % 7 == 5; }

Bytes part(const Bytes& all, size_t item, size_t len) {
  return {all.begin() + ptrdiff_t(item * len), all.begin() + ptrdiff_t((item + 1) * len)};
}
void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

// ct ‖ tag, and its keys among the secrets: libsodium has the parts of crypto_box_curve25519xchacha20poly1305_seal.
Bytes sealed_box(const Bytes& ephemeral, const Bytes& enc, const Bytes& recipient, const Bytes& message,
                 std::vector<Bytes>* secrets) {
  Bytes both = enc, nonce(24), key(32), subkey(32), out(message.size() + 16);
  append(both, recipient);
  crypto_generichash(nonce.data(), nonce.size(), both.data(), both.size(), nullptr, 0);
  EXPECT_EQ(crypto_box_curve25519xchacha20poly1305_beforenm(key.data(), recipient.data(), ephemeral.data()), 0);
  crypto_secretbox_xchacha20poly1305_detached(out.data(), &out[message.size()], message.data(), message.size(),
                                              nonce.data(), key.data());
  crypto_core_hchacha20(subkey.data(), nonce.data(), key.data(), nullptr);
  secrets->push_back(key);
  secrets->push_back(subkey);
  return out;
}

// Two items of three are to one of few keys, which tables pay for; one of those is on the twist and has none.
class Recipients {
 public:
  explicit Recipients(Random& random) : random_(random) {
    for (size_t k = 0; k < 3; k++) few_.push_back(fresh());
    few_.push_back(Bytes(32, 0));
    few_.back()[0] = 2;
  }
  Bytes next(uint32_t item) { return item % 3 == 2 ? fresh() : few_[item / 3 % few_.size()]; }

 private:
  Bytes fresh() { return reference::x25519_public(random_.bytes(32)); }
  Random& random_;
  std::vector<Bytes> few_;
};

constexpr uint8_t untouched = 0xd7;
constexpr uint32_t seed_number = 0x01020304;

}  // namespace

std::string name_of(Kind kind) {
  static const char* const names[] = {"seal",           "open",           "box_seal",  "box_open",
                                      "shared",         "publics",        "hpke_seal", "hpke_seed",
                                      "hpke_open",      "sealedbox_seal", "sealedbox_seed",
                                      "sealedbox_open"};
  return names[size_t(kind)];
}

Batch::Batch(Kind kind, const BatchShape& shape, uint64_t seed)
    : kind_(kind), shape_([&] {
        BatchShape s = shape;
        s.one_key &= !is_by_seed(kind);
        return s;
      }()) {
  Random random(seed);
  status_.assign(shape.num, 0);
  if (is_curve(kind)) {
    const uint32_t num_secrets = shape.one_key ? 1 : shape.num;
    for (uint32_t i = 0; i < num_secrets; i++) {
      secrets.push_back(random.bytes(32));
      append(secrets_, secrets.back());
    }
    Recipients recipients(random);
    for (uint32_t i = 0; i < shape.num; i++) {
      const Bytes secret = part(secrets_, shape.one_key ? 0 : i, 32);
      if (kind == Kind::publics) {
        append(curve_out_, reference::x25519_public(secret));
        continue;
      }
      Bytes point = recipients.next(i);
      if (is_bad(i)) {
        point.assign(32, 0);
        status_[i] = uint8_t(ItemStatus::low_order);
        append(curve_out_, Bytes(32, 0));
      } else {
        secrets.push_back(reference::x25519(secret, point));
        append(curve_out_, secrets.back());
      }
      append(points_, point);
    }
    return;
  }
  make_messages(random);
  seal_all();
}

void Batch::make_messages(Random& random) {
  if (is_by_seed(kind_)) {
    seed_ = random.bytes(32);
    secrets.push_back(seed_);
    secrets_.resize(32 * size_t(shape_.num));
    const uint8_t nonce[12] = {0x04, 0x03, 0x02, 0x01};
    if (shape_.num > 0)  // libsodium wants a pointer
      crypto_stream_chacha20_ietf(secrets_.data(), secrets_.size(), nonce, seed_.data());
  }
  Recipients recipients(random);
  for (uint32_t i = 0; i < shape_.num; i++) {
    size_t len = random.below(shape_.max_len + 1);
    if (i == shape_.long_item) len = shape_.long_len;
    in_.push_back(random.bytes(len));
    if (len >= 16) secrets.push_back(in_.back());
    const bool has_aad = !is_box(kind_) && (!is_whole(kind_) || is_hpke(kind_)) && shape_.aad != Aad::none;
    if (has_aad && (i == 0 || shape_.aad == Aad::each)) aads_.push_back(random.bytes(random.below(40)));
    if (!is_whole(kind_)) {
      append(nonces_, random.bytes(is_box(kind_) ? 24 : 12));
      if (i == 0 || !shape_.one_key || is_box(kind_)) append(keys_, random.bytes(32));
      continue;
    }
    // One secret: recipients differ; else every third batch is to one recipient.
    if (!is_by_seed(kind_) && (i == 0 || !shape_.one_key)) append(secrets_, random.bytes(32));
    Bytes recipient = recipients.next(i);
    if (seals_whole(kind_) && is_bad(i)) recipient.assign(32, 0);
    append(points_, recipient);
  }
  if (is_hpke(kind_) && shape_.num % 2 == 0) psk_ = random.bytes(32);
}

// The results to expect; for open, what to open.
void Batch::seal_all() {
  reference::HpkeParams params;
  params.info = bytes_of("CUDA");
  if (!psk_.empty()) params.psk = psk_, params.psk_id = bytes_of("id"), secrets.push_back(psk_);
  if (is_hpke(kind_)) {
    const Bytes context = reference::hpke_key_schedule_context(params);
    std::memcpy(context_, context.data(), sizeof context_);
  }
  Bytes subkeys, short_nonces, recipients;
  Random ephemerals(7);
  for (uint32_t i = 0; i < shape_.num; i++) {
    const Bytes& message = in_[i];
    const Bytes aad = aads_.empty() ? Bytes() : aads_[shape_.aad == Aad::one ? 0 : i];
    Bytes sealed;
    if (is_box(kind_)) {
      const Bytes key = part(keys_, i, 32), nonce = part(nonces_, i, 24);
      sealed.resize(message.size() + 16);
      crypto_secretbox_xchacha20poly1305_detached(sealed.data(), &sealed[message.size()], message.data(),
                                                  message.size(), nonce.data(), key.data());
      Bytes subkey(32);
      crypto_core_hchacha20(subkey.data(), nonce.data(), key.data(), nullptr);
      secrets.push_back(subkey);
      append(subkeys, subkey);
      append(short_nonces, Bytes(nonce.begin() + 16, nonce.end()));
    } else if (!is_whole(kind_)) {
      const Bytes key = part(keys_, shape_.one_key ? 0 : i, 32);
      if (i == 0 || !shape_.one_key) secrets.push_back(key);
      sealed = reference::chacha20poly1305(key, part(nonces_, i, 12), aad, message);
    } else {
      const Bytes secret = part(secrets_, shape_.one_key ? 0 : i, 32);
      if (i == 0 || !shape_.one_key) secrets.push_back(secret);
      Bytes ephemeral = secret, recipient = part(points_, i, 32);
      if (opens_whole(kind_)) {  // the secret is the recipient's
        ephemeral = ephemerals.bytes(32);
        recipient = reference::x25519_public(secret);
        append(recipients, recipient);
      }
      Bytes enc = reference::x25519_public(ephemeral);
      sealed.assign(message.size() + 16, untouched);
      Bytes exporter(32, 0);
      if (seals_whole(kind_) && is_bad(i)) {
        status_[i] = uint8_t(ItemStatus::low_order);
      } else if (!is_hpke(kind_)) {
        const Bytes dh = reference::x25519(ephemeral, recipient);
        secrets.push_back(dh);
        sealed = sealed_box(ephemeral, enc, recipient, message, &secrets);
      } else {
        sealed = reference::hpke_seal(params, ephemeral, recipient, aad, message);
        sealed.erase(sealed.begin(), sealed.begin() + 32);
        const Bytes dh = reference::x25519(ephemeral, recipient);
        const reference::HpkeKeys keys = reference::hpke_schedule(params, dh, enc, recipient);
        exporter = keys.exporter_secret;
        for (const Bytes& s : {dh, keys.key, keys.exporter_secret}) secrets.push_back(s);
      }
      if (opens_whole(kind_) && i % 7 == 3) {
        enc.assign(32, 0);
        exporter.assign(32, 0);
        status_[i] = uint8_t(ItemStatus::low_order);
      }
      append(enc_, enc);
      append(exporters_, exporter);
    }
    Bytes tag(sealed.end() - 16, sealed.end());
    sealed.resize(message.size());
    if (!is_open(kind_)) {
      out_.push_back(sealed);
    } else {
      if (is_bad(i)) {
        tag[i % 16] ^= 0x10;
        if (status_[i] == 0) status_[i] = uint8_t(ItemStatus::auth_failed);
      }
      out_.push_back(message);
      in_[i] = sealed;
    }
    append(tags_, tag);
  }
  if (is_box(kind_)) keys_ = subkeys, nonces_ = short_nonces;
  if (opens_whole(kind_)) {
    points_ = shape_.one_key ? part(recipients, 0, 32) : recipients;
    for (uint32_t i = 0; i < shape_.num; i++)
      if (is_bad(i) && status_[i] == 0) status_[i] = uint8_t(ItemStatus::auth_failed);
  }
}

std::string Batch::run(const KernelTable& table) {
  const uint32_t num = shape_.num;
  Bytes status(num, 0);
  const auto at = [&](const char* what, size_t item) {
    return name_of(kind_) + " of " + std::to_string(num) + ": wrong " + what + " of item " +
           std::to_string(item);
  };
  const size_t stride = shape_.one_key ? 0 : 32;
  if (is_curve(kind_)) {
    Bytes out(32 * size_t(num), untouched);
    const bool shared = kind_ == Kind::shared;
    const X25519Tile tile{.num = num,
                          .secrets = {secrets_.data(), stride},
                          .points = {shared ? points_.data() : nullptr, shared ? size_t(32) : 0},
                          .out = out.data(),
                          .status = shared ? status.data() : nullptr};
    (shared ? table.x25519_shared : table.x25519_public)(&tile);
    for (uint32_t i = 0; i < num; i++) {
      if (status[i] != status_[i]) return at("status", i);
      if (part(out, i, 32) != part(curve_out_, i, 32)) return at("point", i);
    }
    return "";
  }

  std::vector<Bytes> in = in_, separate;
  Bytes tags = is_open(kind_) ? tags_ : Bytes(tags_.size(), untouched);
  for (const Bytes& b : in) separate.emplace_back(b.size(), untouched);
  std::vector<Bytes>& out = shape_.in_place ? in : separate;
  std::vector<AeadItem> items;
  const size_t nonce_len = is_box(kind_) ? 8 : 12;
  for (uint32_t i = 0; i < num; i++) {
    const Bytes* const aad = aads_.empty() ? nullptr : &aads_[shape_.aad == Aad::one ? 0 : i];
    const size_t key = shape_.one_key && !is_box(kind_) ? 0 : i;
    items.push_back({.key = is_whole(kind_) ? nullptr : &keys_[32 * key],
                     .nonce = is_whole(kind_) ? nullptr : &nonces_[nonce_len * i],
                     .aad = aad ? aad->data() : nullptr,
                     .aad_len = aad ? aad->size() : 0,
                     .in = in[i].data(),
                     .out = out[i].data(),
                     .len = in[i].size(),
                     .tag = &tags[16 * size_t(i)]});
  }
  Bytes enc = opens_whole(kind_) ? enc_ : Bytes(enc_.size(), untouched),
        exporters(exporters_.size(), untouched), room(secrets_.size());
  if (is_whole(kind_)) {
    HpkeShared all{.key_schedule_context = {}, .psk = psk_.data(), .psk_len = psk_.size()};
    std::memcpy(all.key_schedule_context, context_, sizeof context_);
    const EphemeralSeed seed{.key = seed_.data(), .number = seed_number, .room = room.data()};
    const bool by_seed = is_by_seed(kind_);
    const HpkeTile tile{.num = num,
                        .shared = &all,
                        .secrets = by_seed ? Strided{} : Strided{secrets_.data(), stride},
                        .recipients = {points_.data(), opens_whole(kind_) ? stride : 32},
                        .enc = enc.data(),
                        .items = items.data(),
                        .exporters = exporters.data(),
                        .status = status.data(),
                        .seed = by_seed ? &seed : nullptr};
    Dispatch d;
#define X(slot, Tile) d.slot = scalar_table.slot;
    MEGASEAL_SLOTS(X)
#undef X
#define X(slot, Tile) d.slot = table.slot;
    MEGASEAL_WHOLE_SLOTS(X)
#undef X
    const SealedBoxTile box{.salsa = false,
                            .num = num,
                            .secrets = tile.secrets,
                            .recipients = tile.recipients,
                            .enc = tile.enc,
                            .items = tile.items,
                            .status = tile.status,
                            .seed = tile.seed};
    Workspace w(num);
    if (is_hpke(kind_))
      seals_whole(kind_) ? hpke_seal_tile(d, w, tile) : hpke_open_tile(d, w, tile);
    else
      seals_whole(kind_) ? sealedbox_seal_tile(d, w, box) : sealedbox_open_tile(d, w, box);
    w.wipe_tile(num);
  } else {
    const AeadTile tile{.num = num, .items = items.data(), .status = status.data()};
    switch (kind_) {
      case Kind::seal:
        table.chacha20poly1305_seal(&tile);
        break;
      case Kind::open:
        table.chacha20poly1305_open(&tile);
        break;
      case Kind::box_seal:
        table.secretbox_seal(&tile);
        break;
      default:
        table.secretbox_open(&tile);
    }
  }
  for (uint32_t i = 0; i < num; i++) {
    if (status[i] != status_[i]) return at("status", i);
    const bool failed = status_[i] != 0;
    const Bytes left = shape_.in_place ? in_[i] : Bytes(in_[i].size(), untouched);
    if (out[i] != (failed ? left : out_[i])) return at("text", i);
    if (!shape_.in_place && in[i] != in_[i]) return at("input", i);
    const Bytes tag = failed && !is_open(kind_) ? Bytes(16, untouched) : part(tags_, i, 16);
    if (part(tags, i, 16) != tag) return at("tag", i);
    if (!is_whole(kind_)) continue;
    if (part(enc, i, 32) != part(enc_, i, 32)) return at("enc", i);
    if (is_hpke(kind_) && status_[i] != uint8_t(ItemStatus::low_order) && part(exporters, i, 32) != part(exporters_, i, 32))
      return at("exporter", i);
  }
  return "";
}

gpu::DeviceOptions small_slots() {
  gpu::DeviceOptions options;
  options.min_by_table = 8;
  options.slot_bytes = 64 << 10;
  options.timeout_ms = 60000;  // under sanitizers everything takes its time
  return options;
}

World::World(const gpu::DeviceOptions& options, int devices, bool start)
    : host(reference_programs(), devices), faulty(host) {
  gpu::use_runtime(&faulty, options);
  if (start) (void)gpu::unavailable();
}
World::~World() { gpu::use_runtime(nullptr, {}); }

std::string leftovers(HostRuntime& host, const std::vector<Bytes>& secrets, bool pinned_alone) {
  std::string found;
  host.drain();
  host.for_each([&](const HostRuntime::Memory& m) {
    if (pinned_alone && m.device >= 0) return;
    for (size_t i = 0; i < secrets.size(); i++)
      if (memmem(m.bytes.get(), m.size, secrets[i].data(), 16))
        found = "secret " + std::to_string(i) + (m.device < 0 ? " in pinned memory" : " in device memory");
  });
  return found;
}

}  // namespace megaseal::test
