#include "backends/cuda/tiles.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "backends/cuda/pieces.hpp"
#include "backends/cuda/recipient_tables.hpp"

namespace megaseal::gpu {
namespace {

// Numbers of items in order of length, the longest first, so that those that run side by side end together. Lengths are
// told apart by blocks, and from 64 on by a sixteenth; within a class the order stays. False: they are all of one class.
constexpr uint32_t num_classes = 64 + 16 * 26;
uint32_t length_class(uint64_t len) {
  const auto blocks = uint32_t((len + 63) / 64);
  if (blocks < 64) return blocks;
  const auto exponent = uint32_t(std::bit_width(blocks)) - 1;  // from 6 on
  return 64 + 16 * (exponent - 6) + (blocks >> (exponent - 4)) % 16;
}
bool put_in_order(uint8_t* out, const AeadItem* items, uint32_t num) {
  uint32_t begin[num_classes] = {};
  for (uint32_t i = 0; i < num; i++) begin[length_class(items[i].len)]++;
  if (begin[length_class(items[0].len)] == num) return false;
  uint32_t at = 0;
  for (uint32_t c = num_classes; c-- > 0;) {
    const uint32_t of_class = begin[c];
    begin[c] = at;
    at += of_class;
  }
  for (uint32_t i = 0; i < num; i++)
    std::memcpy(out + sizeof(uint32_t) * begin[length_class(items[i].len)]++, &i, sizeof i);
  return true;
}

/// How many items fit, and the bytes of their texts and aad.
struct Fitting {
  uint32_t num = 0;
  uint64_t text = 0, aad = 0;
};
bool same_aad(const AeadItem& a, const AeadItem& b) { return a.aad == b.aad && a.aad_len == b.aad_len; }
Fitting fitting(const AeadItem* items, uint32_t num, uint64_t per_item, uint64_t limit) {
  Fitting f;
  while (f.num < num) {
    const AeadItem& i = items[f.num];
    if (i.len > limit || i.aad_len > limit) break;
    const uint64_t text = f.text + padded(i.len);
    const bool again = f.num > 0 && same_aad(i, items[f.num - 1]);  // aad that items share goes up once
    const uint64_t aad = f.aad + (again ? 0 : padded(i.aad_len));
    if ((f.num + 1) * per_item + text + aad > limit) break;
    f = {f.num + 1, text, aad};
  }
  return f;
}

/// What the ciphers' tiles and HPKE's have in common: messages, where they lie, and their tags.
void pack_messages(Piece& p, uint8_t* pinned, const AeadItem* items, bool is_seal) {
  auto* spans = reinterpret_cast<Span*>(pinned + p.spans);
  uint64_t text = 0, aad = 0, previous_aad = 0;
  for (uint32_t k = 0; k < p.num; k++) {
    const AeadItem& i = items[k];
    const bool again = k > 0 && same_aad(i, items[k - 1]);
    if (!again) {
      if (i.aad_len) std::memcpy(pinned + p.aad + aad, i.aad, i.aad_len);
      previous_aad = aad;
      aad += padded(i.aad_len);
    }
    spans[k] = {.text = text, .aad = previous_aad, .len = uint32_t(i.len), .aad_len = uint32_t(i.aad_len)};
    if (i.len) std::memcpy(pinned + p.text + text, i.in, i.len);
    text += padded(i.len);
    if (!is_seal) std::memcpy(pinned + p.up_tags + 16 * size_t(k), i.tag, 16);
  }
  const auto [shortest, longest] = std::minmax_element(
      items, items + p.num, [](const AeadItem& a, const AeadItem& b) { return a.len < b.len; });
  p.min_len = uint32_t(shortest->len), p.max_len = uint32_t(longest->len);
  p.in_order = !put_in_order(pinned + p.order, items, p.num);
  std::memset(pinned + p.status, 0, p.num);
}

// Sealed texts are public, but what lies behind one up to a multiple of 16 may be key stream.
void unpack_sealed(const Piece& p, uint8_t* pinned, const AeadItem* items, uint8_t* status) {
  uint8_t* text = pinned + p.text;
  for (uint32_t k = 0; k < p.num; k++) {
    const AeadItem& i = items[k];
    if (const uint8_t s = pinned[p.status + k]) {
      status[k] = s;
      wipe_memory(text, i.len);  // it may have been left as it was
    } else {
      if (i.len) std::memcpy(i.out, text, i.len);
      std::memcpy(i.tag, pinned + p.down_tags + 16 * size_t(k), 16);
    }
    wipe_memory(text + i.len, padded(i.len) - i.len);
    text += padded(i.len);
  }
}
void unpack_opened(const Piece& p, uint8_t* pinned, const AeadItem* items, uint8_t* status) {
  uint8_t* text = pinned + p.text;
  for (uint32_t k = 0; k < p.num; k++) {
    const AeadItem& i = items[k];
    if (const uint8_t s = pinned[p.status + k])
      status[k] = s;
    else if (i.len)
      std::memcpy(i.out, text, i.len);
    wipe_memory(text, padded(i.len));  // while it is in the cache
    text += padded(i.len);
  }
}

CipherJob cipher_job(const Piece& p, uint8_t* device, bool is_seal) {
  return {.num = p.num,
          .keys = device + p.secrets,
          .nonces = device + p.nonces,
          .key_stride = p.one_secret ? 0u : 32u,
          .nonce_stride = 0,
          .spans = reinterpret_cast<const Span*>(device + p.spans),
          .aad = device + p.aad,
          .in = device + p.text,
          .out = device + p.text,
          .tags = device + (is_seal ? p.down_tags : p.up_tags),
          .status = device + p.status,
          .order = p.in_order ? nullptr : reinterpret_cast<const uint32_t*>(device + p.order),
          .bins = nullptr,
          .min_len = p.min_len,
          .max_len = p.max_len};
}

void pack_strided(uint8_t* out, Strided in, bool one, uint32_t from, uint32_t num) {
  if (one) num = 1;
  const uint8_t* p = in.base + from * in.stride;
  if (in.stride == 32 || one)
    std::memcpy(out, p, 32 * size_t(num));
  else
    for (uint32_t k = 0; k < num; k++, p += in.stride) std::memcpy(out + 32 * size_t(k), p, 32);
}
uint64_t strided_len(bool one, uint32_t num) { return one ? 32 : 32 * uint64_t(num); }

class AeadWork final : public Work {
 public:
  AeadWork(const KernelTable& cpu, Cipher cipher, bool is_seal, const AeadTile& tile)
      : Work(tile.num), cpu_(cpu), tile_(tile), is_box_(cipher == Cipher::secretbox), is_seal_(is_seal) {
    one_key_ = std::all_of(tile.items, tile.items + tile.num,
                           [&](const AeadItem& i) { return i.key == tile.items[0].key; });
  }

  Piece plan(uint32_t from, uint64_t limit) const override {
    const uint64_t per_item = sizeof(Span) + sizeof(uint32_t) + nonce_len() + 16 + 1 + (one_key_ ? 0 : 32);
    const Fitting f = fitting(tile_.items + from, tile_.num - from, per_item, limit - max_slack - 32);
    Piece p;
    p.from = from;
    p.num = f.num;
    p.one_secret = one_key_;
    Layout l;
    p.spans = l.add(f.num * sizeof(Span));
    p.order = l.add(f.num * sizeof(uint32_t));
    p.nonces = l.add(f.num * nonce_len());
    p.aad = l.add(f.aad);
    p.up_tags = is_seal_ ? 0 : l.add(16 * uint64_t(f.num));
    p.secrets = l.add(strided_len(one_key_, f.num));
    p.secrets_end = l.end;
    p.status = l.add(f.num);
    p.text = l.add(f.text);
    p.up_end = p.text_end = l.end;
    p.down_tags = is_seal_ ? l.add(16 * uint64_t(f.num)) : 0;
    p.down_end = p.end = l.end;
    return p;
  }

  void pack(Piece& p, uint8_t* pinned) const override {
    const AeadItem* items = tile_.items + p.from;
    for (uint32_t k = 0; k < p.num; k++) {
      std::memcpy(pinned + p.nonces + nonce_len() * k, items[k].nonce, nonce_len());
      if (k == 0 || !one_key_) std::memcpy(pinned + p.secrets + 32 * size_t(k), items[k].key, 32);
    }
    pack_messages(p, pinned, items, is_seal_);
  }

  int launch(const Programs& programs, const Piece& p, uint8_t* device, Stream stream) const override {
    CipherJob job = cipher_job(p, device, is_seal_);
    job.nonce_stride = uint32_t(nonce_len());
    if (is_seal_) return (is_box_ ? programs.secretbox_seal : programs.chacha20poly1305_seal)(job, stream);
    return (is_box_ ? programs.secretbox_open : programs.chacha20poly1305_open)(job, stream);
  }

  void unpack(const Piece& p, uint8_t* pinned, uint64_t* clean_from, uint64_t* clean_to) const override {
    (is_seal_ ? unpack_sealed : unpack_opened)(p, pinned, tile_.items + p.from, tile_.status + p.from);
    *clean_from = p.text;
    *clean_to = p.text_end;
  }

  bool on_cpu(uint32_t from, uint32_t num) const override {
    const AeadTile part{.num = num, .items = tile_.items + from, .status = tile_.status + from};
    if (is_seal_)
      (is_box_ ? cpu_.secretbox_seal : cpu_.chacha20poly1305_seal)(&part);
    else
      (is_box_ ? cpu_.secretbox_open : cpu_.chacha20poly1305_open)(&part);
    return true;
  }

 private:
  size_t nonce_len() const { return is_box_ ? 8 : 12; }
  const KernelTable& cpu_;
  const AeadTile& tile_;
  const bool is_box_, is_seal_;
  bool one_key_;
};

/// Shared secrets of a piece: by the ladder, and by tables where recipients come again and again.
class SharedSecrets {
 public:
  SharedSecrets(const Devices& devices, Strided points) : min_items_(devices.min_by_table()), points_(points) {}

  /// Of the items [from, from + num); the bytes that their tables take, at most `max_bytes`, 0 for none.
  uint64_t plan(uint32_t from, uint32_t num, uint64_t max_bytes) {
    const uint64_t lists = sizeof(uint32_t) * (4 * uint64_t(num) + 1);
    if (max_bytes <= lists) {
      tables_.clear();
      return 0;
    }
    tables_.arrange(points_, from, num, min_items_, max_bytes - lists);
    return tables_.num_tables() ? tables_.bytes() + lists : 0;
  }
  void lay_out_up(Piece& p, Layout& l) const {
    p.num_tables = tables_.num_tables();
    if (p.num_tables == 0) return;
    p.num_by_table = tables_.num_by_table();
    p.shape = tables_.shape();
    p.item_of = l.add(sizeof(uint32_t) * p.num_tables);
    p.by_table = l.add(sizeof(uint32_t) * p.num_by_table);
    p.table_of = l.add(sizeof(uint32_t) * p.num_by_table);
    p.left = l.add(sizeof(uint32_t) * p.num);  // to which the device adds
    p.num_left = l.add(sizeof(uint32_t));
  }
  static void lay_out_device(Piece& p, Layout& l) {
    const uint64_t num_rows = uint64_t(p.num_tables) * uint64_t(p.shape.rows);
    if (num_rows == 0) return;
    p.table_scratch = l.add(num_rows * PrepareJob::scratch_bytes);
    p.tables = l.add(num_rows * PrepareJob::row_bytes);
    p.has_table = l.add(p.num_tables);
  }
  void pack(const Piece& p, uint8_t* pinned) {
    if (p.num_tables == 0) return;
    const auto list = [&](uint64_t at) { return reinterpret_cast<uint32_t*>(pinned + at); };
    tables_.write(list(p.item_of), list(p.by_table), list(p.table_of), list(p.left));
    const uint32_t num_left = tables_.num_by_ladder();
    std::memcpy(pinned + p.num_left, &num_left, sizeof num_left);
  }
  /// `job` is of all items.
  static int launch(const Programs& programs, const Piece& p, X25519Job job, uint8_t* device, Stream stream) {
    if (p.num_tables == 0) return programs.x25519_shared(job, stream);
    const auto list = [&](uint64_t at) { return reinterpret_cast<uint32_t*>(device + at); };
    const auto rows = uint32_t(p.shape.rows), spacing = uint32_t(p.shape.spacing);
    const PrepareJob prepare{.num = p.num_tables,
                             .rows = rows,
                             .spacing = spacing,
                             .points = job.points,
                             .point_stride = job.point_stride,
                             .item_of = list(p.item_of),
                             .scratch = device + p.table_scratch,
                             .tables = device + p.tables,
                             .has_table = device + p.has_table,
                             .keys = nullptr};
    if (const int e = programs.x25519_prepare(prepare, stream)) return e;
    const PreparedJob prepared{.num = p.num_by_table,
                               .items = list(p.by_table),
                               .table_of = list(p.table_of),
                               .rows = rows,
                               .spacing = spacing,
                               .tables = prepare.tables,
                               .has_table = prepare.has_table,
                               .secrets = job.secrets,
                               .secret_stride = job.secret_stride,
                               .out = job.out,
                               .status = job.status,
                               .left = list(p.left),
                               .num_left = list(p.num_left)};
    if (const int e = programs.x25519_prepared(prepared, stream)) return e;
    job.left = prepared.left;
    job.num_left = prepared.num_left;
    return programs.x25519_shared(job, stream);
  }

 private:
  const uint32_t min_items_;
  const Strided points_;
  RecipientTables tables_;
};

class X25519Work final : public Work {
 public:
  X25519Work(const Devices& devices, const KernelTable& cpu, bool is_shared, const X25519Tile& tile)
      : Work(tile.num), cpu_(cpu), tile_(tile), is_shared_(is_shared), shared_(devices, tile.points) {}

  Piece plan(uint32_t from, uint64_t limit) const override {
    Piece p;
    p.from = from;
    p.one_secret = tile_.secrets.stride == 0;
    p.one_point = tile_.points.stride == 0;
    const auto fit = [&](uint64_t bytes) {
      return uint32_t(std::min<uint64_t>(tile_.num - from, bytes / (3 * 32 + 1)));
    };
    limit -= max_slack;
    p.num = fit(limit);
    if (is_shared_) {
      const uint64_t tables = shared_.plan(from, p.num, limit / 2);
      if (const uint32_t num = fit(limit - tables); num < p.num && shared_.plan(from, num, tables) > 0) p.num = num;
    }
    Layout l;
    p.points = is_shared_ ? l.add(strided_len(p.one_point, p.num)) : 0;
    shared_.lay_out_up(p, l);
    p.secrets = l.add(strided_len(p.one_secret, p.num));
    p.secrets_end = l.end;
    p.status = is_shared_ ? l.add(p.num) : 0;
    p.up_end = l.end;
    p.out = l.add(32 * uint64_t(p.num));
    p.down_end = l.end;
    SharedSecrets::lay_out_device(p, l);
    p.end = l.end;
    return p;
  }

  void pack(Piece& p, uint8_t* pinned) const override {
    pack_strided(pinned + p.secrets, tile_.secrets, p.one_secret, p.from, p.num);
    if (!is_shared_) return;
    pack_strided(pinned + p.points, tile_.points, p.one_point, p.from, p.num);
    shared_.pack(p, pinned);
    std::memset(pinned + p.status, 0, p.num);
  }

  int launch(const Programs& programs, const Piece& p, uint8_t* device, Stream stream) const override {
    const X25519Job job{.num = p.num,
                        .secrets = device + p.secrets,
                        .secret_stride = p.one_secret ? 0u : 32u,
                        .points = is_shared_ ? device + p.points : nullptr,
                        .point_stride = p.one_point ? 0u : 32u,
                        .out = device + p.out,
                        .status = is_shared_ ? device + p.status : nullptr,
                        .table = nullptr};
    return is_shared_ ? SharedSecrets::launch(programs, p, job, device, stream) : programs.x25519_public(job, stream);
  }

  void unpack(const Piece& p, uint8_t* pinned, uint64_t*, uint64_t*) const override {
    std::memcpy(tile_.out + 32 * size_t(p.from), pinned + p.out, 32 * size_t(p.num));
    if (!is_shared_) return;
    for (uint32_t k = 0; k < p.num; k++)
      if (const uint8_t s = pinned[p.status + k]) tile_.status[p.from + k] = s;
  }

  bool on_cpu(uint32_t from, uint32_t num) const override {
    const auto part = [&](Strided s) {
      return Strided{s.base ? s.base + from * s.stride : nullptr, s.stride};
    };
    const X25519Tile tile{.num = num,
                          .secrets = part(tile_.secrets),
                          .points = part(tile_.points),
                          .out = tile_.out + 32 * size_t(from),
                          .status = tile_.status ? tile_.status + from : nullptr};
    (is_shared_ ? cpu_.x25519_shared : cpu_.x25519_public)(&tile);
    return true;
  }

 private:
  const KernelTable& cpu_;
  const X25519Tile& tile_;
  const bool is_shared_;
  mutable SharedSecrets shared_;  // of the piece that was planned last
};

/// What HPKE's tiles and sealed boxes' have in common.
struct Messages {
  uint32_t num;
  Strided secrets, recipients;
  uint8_t* enc;
  const AeadItem* items;
  uint8_t* status;
  const EphemeralSeed* seed;
  template <class Tile>
  explicit Messages(const Tile& t)
      : num(t.num),
        secrets(t.secrets),
        recipients(t.recipients),
        enc(t.enc),
        items(t.items),
        status(t.status),
        seed(t.seed) {}
};

/// Public key, shared secret, key and nonce, cipher: one stream does them in turn, and no key leaves the device.
class MessageWork final : public Work {
 public:
  MessageWork(const Devices& devices, bool is_seal, const HpkeTile& tile)
      : Work(tile.num),
        tile_(tile),
        is_seal_(is_seal),
        hpke_(tile.shared),
        exporters_(tile.exporters),
        shared_(devices, tile.recipients) {
    psk_len_ = hpke_->psk_len;
  }
  MessageWork(const Devices& devices, bool is_seal, const SealedBoxTile& tile)
      : Work(tile.num), tile_(tile), is_seal_(is_seal), shared_(devices, tile.recipients) {}

  Piece plan(uint32_t from, uint64_t limit) const override {
    // Secrets, recipients, enc, exporters, dh and keys; nonces, tags, statuses.
    const uint64_t per_item = sizeof(Span) + sizeof(uint32_t) + 6 * 32 + 12 + 16 + 1;
    Piece p;
    p.from = from;
    if (psk_len_ > limit / 2) return p;
    limit -= max_slack + psk_len_ + 64;
    Fitting f;
    const auto fit = [&](uint64_t bytes) {
      f = fitting(tile_.items + from, tile_.num - from, per_item, bytes);
      // Ephemeral secrets are made two at a time: the next piece begins with a block.
      p.num = f.num - (tile_.seed && from + f.num < tile_.num ? f.num % 2 : 0);
    };
    fit(limit);
    if (is_seal_) {
      const uint64_t tables = shared_.plan(from, p.num, limit / 2);
      if (f.num * per_item + f.text + f.aad + tables > limit) {
        fit(limit - tables);
        // Where too few are left for tables, they do without, and all fit again.
        if (p.num == 0 || shared_.plan(from, p.num, tables) == 0) {
          fit(limit);
          shared_.plan(from, p.num, 0);
        }
      }
    }
    if (p.num == 0) return p;
    p.one_secret = !tile_.seed && tile_.secrets.stride == 0;
    p.one_point = tile_.recipients.stride == 0;
    Layout l;
    p.points = l.add(strided_len(p.one_point, f.num));
    shared_.lay_out_up(p, l);
    p.spans = l.add(f.num * sizeof(Span));
    p.order = l.add(f.num * sizeof(uint32_t));
    p.aad = l.add(f.aad);
    if (!is_seal_) {
      p.up_tags = l.add(16 * uint64_t(f.num));
      p.out = l.add(32 * uint64_t(f.num));  // enc
    }
    p.secrets = l.add(tile_.seed ? 32 : strided_len(p.one_secret, f.num));  // or what they are made from
    p.psk = l.add(psk_len_);
    p.secrets_end = l.end;
    p.status = l.add(f.num);
    p.text = l.add(f.text);
    p.up_end = p.text_end = l.end;
    if (is_seal_) {
      p.down_tags = l.add(16 * uint64_t(f.num));
      p.out = l.add(32 * uint64_t(f.num));
    }
    p.exporters = l.add(exporters_ ? 32 * uint64_t(f.num) : 0);
    p.down_end = l.end;
    p.ephemerals = tile_.seed ? l.add(64 * uint64_t((f.num + 1) / 2)) : p.secrets;
    p.dh = l.add(32 * uint64_t(f.num));
    p.keys = l.add(32 * uint64_t(f.num));
    p.derived_nonces = l.add(12 * uint64_t(f.num));
    SharedSecrets::lay_out_device(p, l);
    p.end = l.end;
    return p;
  }

  void pack(Piece& p, uint8_t* pinned) const override {
    if (tile_.seed)
      std::memcpy(pinned + p.secrets, tile_.seed->key, 32);
    else
      pack_strided(pinned + p.secrets, tile_.secrets, p.one_secret, p.from, p.num);
    pack_strided(pinned + p.points, tile_.recipients, p.one_point, p.from, p.num);
    shared_.pack(p, pinned);
    if (psk_len_) std::memcpy(pinned + p.psk, hpke_->psk, psk_len_);
    if (!is_seal_) std::memcpy(pinned + p.out, tile_.enc + 32 * size_t(p.from), 32 * size_t(p.num));
    pack_messages(p, pinned, tile_.items + p.from, is_seal_);
  }

  int launch(const Programs& programs, const Piece& p, uint8_t* device, Stream stream) const override {
    if (tile_.seed) {
      const StreamJob secrets{.key = device + p.secrets,
                              .number = tile_.seed->number,
                              .first_block = p.from / 2,
                              .num_blocks = (p.num + 1) / 2,
                              .out = device + p.ephemerals};
      if (const int e = programs.chacha20_stream(secrets, stream)) return e;
    }
    X25519Job curve{.num = p.num,
                    .secrets = device + p.ephemerals,
                    .secret_stride = p.one_secret ? 0u : 32u,
                    .points = nullptr,
                    .point_stride = 0,
                    .out = device + p.out,
                    .status = nullptr,
                    .table = nullptr};
    if (is_seal_)
      if (const int e = programs.x25519_public(curve, stream)) return e;
    curve.points = device + (is_seal_ ? p.points : p.out);
    curve.point_stride = is_seal_ && p.one_point ? 0u : 32u;
    curve.out = device + p.dh;
    curve.status = device + p.status;
    if (const int e = SharedSecrets::launch(programs, p, curve, device, stream)) return e;
    if (const int e = hpke_ ? schedule(programs, p, device, stream) : box_keys(programs, p, device, stream))
      return e;

    CipherJob cipher = cipher_job(p, device, is_seal_);
    cipher.keys = device + p.keys;
    cipher.key_stride = 32;
    cipher.nonces = device + p.derived_nonces;
    cipher.nonce_stride = hpke_ ? 12 : 8;
    if (hpke_)
      return (is_seal_ ? programs.chacha20poly1305_seal : programs.chacha20poly1305_open)(cipher, stream);
    return (is_seal_ ? programs.secretbox_seal : programs.secretbox_open)(cipher, stream);
  }

  void unpack(const Piece& p, uint8_t* pinned, uint64_t* clean_from, uint64_t* clean_to) const override {
    (is_seal_ ? unpack_sealed : unpack_opened)(p, pinned, tile_.items + p.from, tile_.status + p.from);
    if (is_seal_) std::memcpy(tile_.enc + 32 * size_t(p.from), pinned + p.out, 32 * size_t(p.num));
    if (exporters_)
      std::memcpy(exporters_ + 32 * size_t(p.from), pinned + p.exporters, 32 * size_t(p.num));
    *clean_from = p.text;
    *clean_to = p.text_end;
  }

  bool on_cpu(uint32_t, uint32_t) const override { return false; }

 private:
  int schedule(const Programs& programs, const Piece& p, uint8_t* device, Stream stream) const {
    ScheduleJob job{.num = p.num,
                    .key_schedule_context = {},
                    .psk = psk_len_ ? device + p.psk : nullptr,
                    .psk_len = psk_len_,
                    .dh = device + p.dh,
                    .enc = device + p.out,
                    .recipients = device + p.points,
                    .recipient_stride = p.one_point ? 0u : 32u,
                    .keys = device + p.keys,
                    .nonces = device + p.derived_nonces,
                    .exporters = exporters_ ? device + p.exporters : nullptr};
    std::memcpy(job.key_schedule_context, hpke_->key_schedule_context, sizeof job.key_schedule_context);
    return programs.hpke_schedule(job, stream);
  }
  int box_keys(const Programs& programs, const Piece& p, uint8_t* device, Stream stream) const {
    const SealedBoxJob job{.num = p.num,
                           .dh = device + p.dh,
                           .enc = device + p.out,
                           .recipients = device + p.points,
                           .recipient_stride = p.one_point ? 0u : 32u,
                           .keys = device + p.keys,
                           .nonces = device + p.derived_nonces};
    return programs.sealedbox_keys(job, stream);
  }

  const Messages tile_;
  const bool is_seal_;
  const HpkeShared* const hpke_ = nullptr;  // null: sealed boxes
  uint8_t* const exporters_ = nullptr;
  uint64_t psk_len_ = 0;
  mutable SharedSecrets shared_;  // of the piece that was planned last
};

}  // namespace

void seal(Devices& devices, const KernelTable& cpu, Cipher cipher, const AeadTile& tile) {
  run(devices, AeadWork(cpu, cipher, true, tile));
}
void open(Devices& devices, const KernelTable& cpu, Cipher cipher, const AeadTile& tile) {
  run(devices, AeadWork(cpu, cipher, false, tile));
}
void x25519_shared(Devices& devices, const KernelTable& cpu, const X25519Tile& tile) {
  run(devices, X25519Work(devices, cpu, true, tile));
}
void x25519_public(Devices& devices, const KernelTable& cpu, const X25519Tile& tile) {
  run(devices, X25519Work(devices, cpu, false, tile));
}
uint32_t hpke_seal(Devices& devices, const HpkeTile& tile) { return run(devices, MessageWork(devices, true, tile)); }
uint32_t hpke_open(Devices& devices, const HpkeTile& tile) { return run(devices, MessageWork(devices, false, tile)); }
uint32_t sealedbox_seal(Devices& devices, const SealedBoxTile& tile) {
  return run(devices, MessageWork(devices, true, tile));
}
uint32_t sealedbox_open(Devices& devices, const SealedBoxTile& tile) {
  return run(devices, MessageWork(devices, false, tile));
}

}  // namespace megaseal::gpu
