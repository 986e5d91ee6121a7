#include "backends/cuda/tiles.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace megaseal::gpu {
namespace {

/// Items [from, from + num) of a tile, and where their parts lie in a slot, the same in pinned and in device memory. In
/// this order: what goes up alone; secrets, which go up and come back as zeros; what goes both ways; what comes back
/// alone; what stays on the device. So each way is one copy.
struct Piece {
  uint32_t from = 0, num = 0;
  bool one_secret = false, one_point = false;  // the same for all
  bool in_order = true;                        // no item is much longer than another
  uint64_t points = 0, spans = 0, order = 0, nonces = 0, aad = 0, up_tags = 0;
  uint64_t secrets = 0, psk = 0;
  uint64_t status = 0, text = 0;
  uint64_t down_tags = 0, out = 0, exporters = 0;
  uint64_t ephemerals = 0, dh = 0, keys = 0, derived_nonces = 0;
  uint64_t secrets_end = 0, up_end = 0, text_end = 0, down_end = 0, end = 0;
};

constexpr uint64_t align = 256;
constexpr uint64_t max_slack = 18 * align;  // each part begins at a multiple
constexpr uint64_t padded(uint64_t len) { return (len + 15) & ~uint64_t(15); }

struct Layout {
  uint64_t end = 0;
  uint64_t add(uint64_t bytes) {
    const uint64_t at = end;
    end = (end + bytes + align - 1) / align * align;
    return at;
  }
};

/// One kind of tile.
class Work {
 public:
  explicit Work(uint32_t num) : num_items(num) {}
  /// The items from `from` on that fit in `limit` bytes. None: the first is too long.
  virtual Piece plan(uint32_t from, uint64_t limit) const = 0;
  virtual void pack(Piece& piece, uint8_t* pinned) const = 0;
  virtual int launch(const Programs& programs, const Piece& piece, uint8_t* device, Stream stream) const = 0;
  /// To the caller. [*clean_from, *clean_to) of the slot holds no secrets afterwards.
  virtual void unpack(const Piece& piece, uint8_t* pinned, uint64_t* clean_from,
                      uint64_t* clean_to) const = 0;
  /// False: not here, nor any item after it.
  virtual bool on_cpu(uint32_t from, uint32_t num) const = 0;

  const uint32_t num_items;

 protected:
  ~Work() = default;
};

/// The pieces of one tile on their way, the oldest first.
class Flights {
 public:
  static constexpr uint32_t max = 4;
  Flights(Devices& devices, const Work& work) : devices_(devices), work_(work) {}
  ~Flights() {
    // Pieces whose results nobody waits for any more.
    for (; num_ > 0; pop()) {
      Slot* const slot = oldest().slot;
      if (!slot) continue;
      if (devices_.finish(*slot))
        devices_.release(*slot);
      else
        devices_.fail(*slot);
    }
  }
  Flights(const Flights&) = delete;
  Flights& operator=(const Flights&) = delete;

  uint32_t num() const { return num_; }

  /// Packs the piece and sends it off. One that fails to start waits for its turn on the CPU.
  void start(Slot* slot, Piece piece) {
    if (devices_.prepare(*slot, piece.down_end, piece.end)) {
      work_.pack(piece, slot->pinned);
      const auto launch = [&](const Programs& programs, uint8_t* device, Stream stream) {
        return work_.launch(programs, piece, device, stream);
      };
      if (!devices_.submit(*slot, piece.up_end, piece.secrets, piece.secrets_end, piece.down_end, launch)) {
        devices_.fail(*slot);
        slot = nullptr;
      }
    } else {
      devices_.fail(*slot);
      slot = nullptr;
    }
    flights_[(first_ + num_++) % max] = {slot, piece};
  }

  /// Sees the oldest to its end; how many items that were. 0: they were left, here and to whoever called.
  uint32_t land() {
    const Flight flight = oldest();
    const Piece& piece = flight.piece;
    pop();
    if (flight.slot) {
      if (devices_.finish(*flight.slot)) {
        uint64_t clean_from = 0, clean_to = 0;
        work_.unpack(piece, flight.slot->pinned, &clean_from, &clean_to);
        devices_.release(*flight.slot, clean_from, clean_to);
        return piece.num;
      }
      devices_.fail(*flight.slot);
    }
    return work_.on_cpu(piece.from, piece.num) ? piece.num : 0;
  }

 private:
  struct Flight {
    Slot* slot;
    Piece piece;
  };
  Flight& oldest() { return flights_[first_]; }
  void pop() {
    first_ = (first_ + 1) % max;
    num_--;
  }

  Devices& devices_;
  const Work& work_;
  Flight flights_[max];
  uint32_t first_ = 0, num_ = 0;
};

/// How many of the first items were done, by the device or on the CPU.
uint32_t run(Devices& devices, const Work& work) {
  if (work.num_items == 0) return 0;
  if (devices.unavailable()) return work.on_cpu(0, work.num_items) ? work.num_items : 0;
  std::optional<KeepCurrentDevice> keep;
  Flights flights(devices, work);
  uint32_t planned = 0, done = 0;
  const auto land = [&] {
    const uint32_t landed = flights.land();
    done += landed;
    return landed > 0;
  };
  while (done < work.num_items) {
    Piece piece;
    if (planned < work.num_items) {
      piece = work.plan(planned, devices.slot_bytes());
      bool on_the_way = false;
      while (piece.num > 0 && !on_the_way) {
        // With pieces on their way nothing is waited for but those: callers that hold slots and wait for more could all
        // wait for each other.
        Slot* const slot = flights.num() < Flights::max ? devices.acquire(flights.num() == 0) : nullptr;
        if (slot) {
          if (!keep) keep.emplace(devices.runtime());
          flights.start(slot, piece);
          on_the_way = true;
        } else if (flights.num() == 0) {
          break;
        } else if (!land()) {
          return done;
        }
      }
      if (on_the_way) {
        planned += piece.num;
        continue;
      }
    }
    if (flights.num() > 0) {
      if (!land()) return done;
      continue;
    }
    // Too long for a slot: that item alone. No slot to be had: all that is left.
    const uint32_t num = piece.num == 0 ? 1 : work.num_items - planned;
    if (!work.on_cpu(planned, num)) return done;
    done = planned += num;
  }
  return done;
}

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
          .bins = nullptr};
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

class X25519Work final : public Work {
 public:
  X25519Work(const KernelTable& cpu, bool is_shared, const X25519Tile& tile)
      : Work(tile.num), cpu_(cpu), tile_(tile), is_shared_(is_shared) {}

  Piece plan(uint32_t from, uint64_t limit) const override {
    Piece p;
    p.from = from;
    p.one_secret = tile_.secrets.stride == 0;
    p.one_point = tile_.points.stride == 0;
    p.num = uint32_t(std::min<uint64_t>(tile_.num - from, (limit - max_slack) / (3 * 32 + 1)));
    Layout l;
    p.points = is_shared_ ? l.add(strided_len(p.one_point, p.num)) : 0;
    p.secrets = l.add(strided_len(p.one_secret, p.num));
    p.secrets_end = l.end;
    p.status = is_shared_ ? l.add(p.num) : 0;
    p.up_end = l.end;
    p.out = l.add(32 * uint64_t(p.num));
    p.down_end = p.end = l.end;
    return p;
  }

  void pack(Piece& p, uint8_t* pinned) const override {
    pack_strided(pinned + p.secrets, tile_.secrets, p.one_secret, p.from, p.num);
    if (!is_shared_) return;
    pack_strided(pinned + p.points, tile_.points, p.one_point, p.from, p.num);
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
    return (is_shared_ ? programs.x25519_shared : programs.x25519_public)(job, stream);
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
  MessageWork(bool is_seal, const HpkeTile& tile)
      : Work(tile.num), tile_(tile), is_seal_(is_seal), hpke_(tile.shared), exporters_(tile.exporters) {
    psk_len_ = hpke_->psk_len;
  }
  MessageWork(bool is_seal, const SealedBoxTile& tile) : Work(tile.num), tile_(tile), is_seal_(is_seal) {}

  Piece plan(uint32_t from, uint64_t limit) const override {
    // Secrets, recipients, enc, exporters, dh and keys; nonces, tags, statuses.
    const uint64_t per_item = sizeof(Span) + sizeof(uint32_t) + 6 * 32 + 12 + 16 + 1;
    Piece p;
    p.from = from;
    if (psk_len_ > limit / 2) return p;
    const Fitting f =
        fitting(tile_.items + from, tile_.num - from, per_item, limit - max_slack - psk_len_ - 64);
    p.num = f.num;
    // Ephemeral secrets are made two at a time: the next piece begins with a block.
    if (tile_.seed && from + p.num < tile_.num) p.num -= p.num % 2;
    if (p.num == 0) return p;
    p.one_secret = !tile_.seed && tile_.secrets.stride == 0;
    p.one_point = tile_.recipients.stride == 0;
    Layout l;
    p.points = l.add(strided_len(p.one_point, f.num));
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
    p.end = l.end;
    return p;
  }

  void pack(Piece& p, uint8_t* pinned) const override {
    if (tile_.seed)
      std::memcpy(pinned + p.secrets, tile_.seed->key, 32);
    else
      pack_strided(pinned + p.secrets, tile_.secrets, p.one_secret, p.from, p.num);
    pack_strided(pinned + p.points, tile_.recipients, p.one_point, p.from, p.num);
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
    if (const int e = programs.x25519_shared(curve, stream)) return e;
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
};

}  // namespace

void seal(Devices& devices, const KernelTable& cpu, Cipher cipher, const AeadTile& tile) {
  run(devices, AeadWork(cpu, cipher, true, tile));
}
void open(Devices& devices, const KernelTable& cpu, Cipher cipher, const AeadTile& tile) {
  run(devices, AeadWork(cpu, cipher, false, tile));
}
void x25519_shared(Devices& devices, const KernelTable& cpu, const X25519Tile& tile) {
  run(devices, X25519Work(cpu, true, tile));
}
void x25519_public(Devices& devices, const KernelTable& cpu, const X25519Tile& tile) {
  run(devices, X25519Work(cpu, false, tile));
}
uint32_t hpke_seal(Devices& devices, const HpkeTile& tile) { return run(devices, MessageWork(true, tile)); }
uint32_t hpke_open(Devices& devices, const HpkeTile& tile) { return run(devices, MessageWork(false, tile)); }
uint32_t sealedbox_seal(Devices& devices, const SealedBoxTile& tile) {
  return run(devices, MessageWork(true, tile));
}
uint32_t sealedbox_open(Devices& devices, const SealedBoxTile& tile) {
  return run(devices, MessageWork(false, tile));
}

}  // namespace megaseal::gpu
