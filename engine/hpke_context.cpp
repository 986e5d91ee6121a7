// HPKE contexts (RFC 9180 §5): one encapsulation, then messages by sequence number, and exports.
#include <endian.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "engine/engine.hpp"
#include "engine/ephemeral.hpp"
#include "engine/hpke_suite.hpp"
#include "engine/recipient_view.hpp"
#include "engine/testing.hpp"
#include "engine/tiles.hpp"

namespace megaseal {
namespace {

// A context's secrets, in a slot of the slab.
struct ContextSecrets {
  uint8_t key[32];
  uint8_t exporter[32];
  uint8_t base_nonce[12];
};

static_assert(sizeof(ContextSecrets) <= 96, "a slot of SecretSlab::contexts()");

}  // namespace
}  // namespace megaseal

struct megaseal_hpke_context {
  explicit megaseal_hpke_context(bool sends)
      : secrets(reinterpret_cast<megaseal::ContextSecrets*>(megaseal::SecretSlab::contexts().take())),
        sender(sends) {}
  ~megaseal_hpke_context() {
    megaseal::SecretSlab::contexts().give_back(reinterpret_cast<uint8_t*>(secrets));
  }
  /// Not in a child of the process that made it.
  bool is_here() const {
    return megaseal::SecretSlab::contexts().holds(reinterpret_cast<const uint8_t*>(secrets));
  }
  megaseal_hpke_context(const megaseal_hpke_context&) = delete;
  megaseal_hpke_context& operator=(const megaseal_hpke_context&) = delete;

  megaseal::ContextSecrets* const secrets;
  const bool sender;
  std::atomic<uint64_t> next_sequence{0};
};

namespace megaseal {
namespace {

using Context = std::unique_ptr<megaseal_hpke_context>;

// Key agreement and schedule for one context, as tiles of one, in a workspace with hash_params_text_len() bytes of text.
// KEY_LOW_ORDER when there is no shared secret. Nothing here can fail for want of memory, with secrets in registers that the
// throwing of an exception would save to the stack.
megaseal_error agree(megaseal_hpke_context* context, megaseal_engine* engine, Workspace& w,
                     const megaseal_hpke_params& params, const uint8_t* secret, const uint8_t* peer,
                     const uint8_t* enc, const uint8_t* recipient) {
  const Dispatch& d = engine->dispatch;
  const HpkeShared shared = hash_params(d, engine->hpke_empty, params, w.text.data());
  w.status[0] = uint8_t(ItemStatus::ok);
  const X25519Tile dh{.num = 1, .secrets = {secret, 0}, .points = {peer, 0}, .out = w.dh, .status = w.status};
  d.x25519_shared(&dh);
  const bool low_order = w.status[0] != uint8_t(ItemStatus::ok);
  if (!low_order) {
    const HpkeScheduleTile schedule{.num = 1,
                                    .shared = &shared,
                                    .dh = w.dh,
                                    .enc = enc,
                                    .recipients = {recipient, 0},
                                    .keys = context->secrets->key,
                                    .nonces = context->secrets->base_nonce,
                                    .exporters = context->secrets->exporter};
    d.hash(schedule);
  }
  wipe_after(w, Scratch::secret, 1);
  return low_order ? MEGASEAL_ERROR_KEY_LOW_ORDER : MEGASEAL_ERROR_NONE;
}

megaseal_error checked(megaseal_hpke_params* out, const megaseal_hpke_params* params) {
  if (megaseal_error e = check_params(out, params)) return e;
  return out->export_len || out->exporter_context_len ? MEGASEAL_ERROR_ARGUMENT : MEGASEAL_ERROR_NONE;
}

megaseal_error create_sender(megaseal_hpke_context** out_context, uint8_t* out_enc, megaseal_engine* engine,
                             const megaseal_hpke_params* params, const megaseal_recipient* recipient,
                             const uint8_t* fixed_secret, uint64_t first_sequence) {
  if (!out_context) return MEGASEAL_ERROR_ARGUMENT;
  *out_context = nullptr;
  megaseal_hpke_params p;
  if (!out_enc || !engine || !recipient) return MEGASEAL_ERROR_ARGUMENT;
  if (megaseal_error e = checked(&p, params)) return e;
  Context context = std::make_unique<megaseal_hpke_context>(true);
  const WorkspacePool::Handle holder = engine->workspaces.take(hash_params_text_len(p));
  struct Secret {
    uint8_t* bytes;  // in pages that a child does not have
    ~Secret() { wipe(bytes, 32); }
  } ephemeral{holder->call_seed};
  if (fixed_secret)
    std::memcpy(ephemeral.bytes, fixed_secret, 32);
  else if (!system_random(ephemeral.bytes, 32))
    return MEGASEAL_ERROR_RANDOM;
  uint8_t enc[32];
  const X25519Tile tile{
      .num = 1, .secrets = {ephemeral.bytes, 0}, .points = {}, .out = enc, .status = nullptr};
  engine->dispatch.x25519_public(&tile);
  if (megaseal_error e = agree(context.get(), engine, *holder, p, ephemeral.bytes, recipient->public_key, enc,
                               recipient->public_key))
    return e;
  context->next_sequence.store(first_sequence, std::memory_order_relaxed);
  std::memcpy(out_enc, enc, 32);
  *out_context = context.release();
  return MEGASEAL_ERROR_NONE;
}

// sequence(i) numbers item i; its nonce is base_nonce XOR that number, big-endian (RFC 9180 §5.2).
template <class Sequence>
size_t run(const megaseal_hpke_context* context, megaseal_engine* engine, const BatchView& view,
           void (*Dispatch::*cipher)(const AeadTile*), const Sequence& sequence) {
  auto work = [&](Workspace& w, TileRange range) {
    const uint32_t num = gather_items(view, w, range.begin, range.end);
    uint64_t low;
    std::memcpy(&low, context->secrets->base_nonce + 4, 8);
    for (uint32_t k = 0; k < num; k++) {
      uint8_t* nonce = w.nonces + 12 * size_t(k);
      const uint64_t numbered = low ^ htobe64(sequence(w.index[k]));
      std::memcpy(nonce, context->secrets->base_nonce, 4);
      std::memcpy(nonce + 4, &numbered, 8);
      w.items[k].key = context->secrets->key;
      w.items[k].nonce = nonce;
    }
    const AeadTile tile{.num = num, .items = w.items, .status = w.status};
    if (num) (w.dispatch->*cipher)(&tile);
    wipe(w.nonces, 12 * size_t(num));  // of the context's secrets nothing else comes into a workspace
    wipe(&low, sizeof low);
    return range.size() - num + finish_items(view, w, num);
  };
  return run_tiles(engine, view.num_items(), view.num_bytes(), cost_cipher, 0, work, Scratch::unused);
}

megaseal_error seal(megaseal_hpke_context* context, uint64_t* out_first_sequence, size_t* out_num_failed,
                    megaseal_engine* engine, const megaseal_batch* batch) {
  if (out_num_failed) *out_num_failed = 0;
  if (out_first_sequence) *out_first_sequence = 0;
  if (!context || !engine) return MEGASEAL_ERROR_ARGUMENT;
  if (!context->sender) return MEGASEAL_ERROR_ROLE;
  // Not only because a child has no keys to seal with: parent and child would go on counting from the same number, one nonce
  // for two messages.
  if (!context->is_here()) return MEGASEAL_ERROR_FORKED;
  BatchView view;
  if (megaseal_error e =
          view.set(batch, *format_traits(MEGASEAL_FORMAT_HPKE_CONTEXT), BatchView::Direction::seal, true))
    return e;
  // Reserve by compare-and-swap, so that a batch that does not fit takes nothing and the counter never wraps.
  uint64_t first = context->next_sequence.load(std::memory_order_relaxed);
  do {
    if (view.num_items() > UINT64_MAX - first) return MEGASEAL_ERROR_MESSAGE_LIMIT;
  } while (!context->next_sequence.compare_exchange_weak(first, first + view.num_items(),
                                                         std::memory_order_relaxed));
  const size_t failed = run(context, engine, view, &Dispatch::chacha20poly1305_seal,
                            [&](uint32_t i) { return first + i; });
  if (out_first_sequence) *out_first_sequence = first;
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error open(const megaseal_hpke_context* context, size_t* out_num_failed, megaseal_engine* engine,
                    const megaseal_batch* batch, const uint64_t* sequences) {
  if (out_num_failed) *out_num_failed = 0;
  if (!context || !engine) return MEGASEAL_ERROR_ARGUMENT;
  if (context->sender) return MEGASEAL_ERROR_ROLE;
  if (!context->is_here()) return MEGASEAL_ERROR_FORKED;
  BatchView view;
  if (megaseal_error e =
          view.set(batch, *format_traits(MEGASEAL_FORMAT_HPKE_CONTEXT), BatchView::Direction::open, true))
    return e;
  if (view.num_items() > 0 && !sequences) return MEGASEAL_ERROR_ARGUMENT;
  const size_t failed = run(context, engine, view, &Dispatch::chacha20poly1305_open,
                            [&](uint32_t i) { return sequences[i]; });
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error export_batch(const megaseal_hpke_context* context, uint8_t* out_exports,
                            megaseal_engine* engine, size_t num_items, const megaseal_inputs* contexts,
                            size_t export_len) {
  if (!context || !engine || num_items > UINT32_MAX) return MEGASEAL_ERROR_ARGUMENT;
  if (export_len == 0 || export_len > MEGASEAL_HPKE_MAX_EXPORT_LEN) return MEGASEAL_ERROR_ARGUMENT;
  if (!context->is_here()) return MEGASEAL_ERROR_FORKED;
  if (num_items == 0) return MEGASEAL_ERROR_NONE;
  InputView in;
  if (!out_exports || !contexts) return MEGASEAL_ERROR_ARGUMENT;
  if (megaseal_error e = in.set(*contexts, num_items)) return e;

  // Each workspace holds the labelled contexts of a tile, or, where they are long, of as many items as fit and of one at
  // least; found beforehand, so that no tile allocates.
  constexpr size_t enough = 256 << 10;
  size_t longest = 0;
  for (size_t i = 0; i < num_items; i++) {
    const Bytes c = in[i];
    if ((!c.data && c.len) || c.len > SIZE_MAX / 2) return MEGASEAL_ERROR_ARGUMENT;
    longest = std::max(longest, export_info_len(c.len));
  }
  const Dispatch& d = engine->dispatch;
  const size_t per_tile = std::min<size_t>(d.tile_items, num_items);
  const size_t text_len = longest >= enough / per_tile ? std::max(longest, enough) : longest * per_tile;
  auto work = [&](Workspace& w, TileRange range) {
    uint32_t num = 0;
    size_t used = 0;
    const auto finish = [&] {
      const HkdfExpandTile tile{.num = num, .items = w.expand};
      d.hash(tile);
      num = 0;
      used = 0;
    };
    for (uint32_t i = range.begin; i < range.end; i++) {
      const Bytes c = in[i];
      const size_t len = export_info_len(c.len);
      if (len > text_len - used) finish();
      uint8_t* info = w.text.data() + used;
      used += len;
      write_export_info(info, c.data, c.len, export_len);
      w.expand[num++] = {.prk = context->secrets->exporter,
                         .info = info,
                         .info_len = len,
                         .out = out_exports + size_t(i) * export_len,
                         .out_len = uint32_t(export_len)};
    }
    finish();
    return size_t(0);
  };
  run_tiles(engine, uint32_t(num_items), 0, cost_hash, text_len, work);
  return MEGASEAL_ERROR_NONE;
}

}  // namespace

megaseal_error testing::hpke_sender_create(megaseal_hpke_context** out_context, uint8_t out_enc[32],
                                           megaseal_engine* engine, const megaseal_hpke_params* params,
                                           const megaseal_recipient* recipient,
                                           const uint8_t ephemeral_secret[32], uint64_t first_sequence) {
  return no_throw([&] {
    return create_sender(out_context, out_enc, engine, params, recipient, ephemeral_secret, first_sequence);
  });
}

}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_hpke_sender_create(megaseal_hpke_context** out_context, uint8_t out_enc[32],
                                           megaseal_engine* engine, const megaseal_hpke_params* params,
                                           const megaseal_recipient* recipient) {
  return no_throw([&] { return create_sender(out_context, out_enc, engine, params, recipient, nullptr, 0); });
}

megaseal_error megaseal_hpke_receiver_create(megaseal_hpke_context** out_context, megaseal_engine* engine,
                                             const megaseal_hpke_params* params,
                                             const megaseal_secret_key* key, const uint8_t enc[32]) {
  if (!out_context) return MEGASEAL_ERROR_ARGUMENT;
  *out_context = nullptr;
  return no_throw([&] {
    megaseal_hpke_params p;
    if (!engine || !key || !enc) return MEGASEAL_ERROR_ARGUMENT;
    if (megaseal_error e = checked(&p, params)) return e;
    if (!key->is_here()) return MEGASEAL_ERROR_FORKED;
    Context context = std::make_unique<megaseal_hpke_context>(false);
    const WorkspacePool::Handle holder = engine->workspaces.take(hash_params_text_len(p));
    if (megaseal_error e = agree(context.get(), engine, *holder, p, key->secret, enc, enc, key->public_key)) return e;
    *out_context = context.release();
    return MEGASEAL_ERROR_NONE;
  });
}

void megaseal_hpke_context_destroy(megaseal_hpke_context* context) { delete context; }

megaseal_error megaseal_hpke_context_seal_batch(megaseal_hpke_context* context, uint64_t* out_first_sequence,
                                                size_t* out_num_failed, megaseal_engine* engine,
                                                const megaseal_batch* batch) {
  return no_throw([&] { return seal(context, out_first_sequence, out_num_failed, engine, batch); });
}

megaseal_error megaseal_hpke_context_open_batch(const megaseal_hpke_context* context, size_t* out_num_failed,
                                                megaseal_engine* engine, const megaseal_batch* batch,
                                                const uint64_t* sequences) {
  return no_throw([&] { return open(context, out_num_failed, engine, batch, sequences); });
}

megaseal_error megaseal_hpke_context_export_batch(const megaseal_hpke_context* context, uint8_t* out_exports,
                                                  megaseal_engine* engine, size_t num_items,
                                                  const megaseal_inputs* exporter_contexts,
                                                  size_t export_len) {
  return no_throw(
      [&] { return export_batch(context, out_exports, engine, num_items, exporter_contexts, export_len); });
}

}  // extern "C"
