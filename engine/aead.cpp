// AEAD batches: ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha).
#include <cstring>

#include "engine/engine.hpp"
#include "engine/recipient_view.hpp"

namespace megaseal {
namespace {

bool is_x(megaseal_format format) { return format == MEGASEAL_FORMAT_XCHACHA20POLY1305; }

megaseal_error check_keys(const megaseal_aead_keys* keys, megaseal_format format, uint32_t num_items,
                          bool seal) {
  if (num_items == 0) return MEGASEAL_ERROR_NONE;
  if (!keys || !keys->keys || !keys->nonces) return MEGASEAL_ERROR_ARGUMENT;
  const size_t nonce_len = is_x(format) ? 24 : 12;
  if (!stride_ok(keys->key_stride, 32, num_items) || !stride_ok(keys->nonce_stride, nonce_len, num_items))
    return MEGASEAL_ERROR_ARGUMENT;
  // One key and one nonce for several messages gives both away.
  if (seal && num_items > 1 && keys->key_stride == 0 && keys->nonce_stride == 0)
    return MEGASEAL_ERROR_ARGUMENT;
  return MEGASEAL_ERROR_NONE;
}

// XChaCha: points the tile's items at a subkey of the key and the nonce's first 16 bytes, and at four zero bytes with the
// nonce's last 8 (draft-irtf-cfrg-xchacha §2.3).
void derive_subkeys(const Dispatch& d, Workspace& w, uint32_t num) {
  for (uint32_t j = 0; j < num; j++) {
    std::memcpy(w.keys + 32 * size_t(j), w.items[j].key, 32);
    std::memcpy(w.nonces + 24 * size_t(j), w.items[j].nonce, 24);
  }
  const HChaCha20Tile tile{.num = num, .keys = {w.keys, 32}, .nonces = {w.nonces, 24}, .out = w.keys};
  d.hchacha20(&tile);
  for (uint32_t j = 0; j < num; j++) {
    uint8_t* nonce = w.nonces + 24 * size_t(j) + 12;
    std::memset(nonce, 0, 4);
    w.items[j].key = w.keys + 32 * size_t(j);
    w.items[j].nonce = nonce;
  }
}

megaseal_error run(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                   megaseal_format format, const megaseal_aead_keys* keys, BatchView::Direction direction) {
  if (out_num_failed) *out_num_failed = 0;
  if (!engine || (format != MEGASEAL_FORMAT_CHACHA20POLY1305 && !is_x(format)))
    return MEGASEAL_ERROR_ARGUMENT;
  const bool seal = direction == BatchView::Direction::seal;
  BatchView view;
  if (megaseal_error e = view.set(batch, *format_traits(format), direction, true)) return e;
  if (megaseal_error e = check_keys(keys, format, view.num_items(), seal)) return e;

  auto work = [&](Workspace& w, TileRange range) {
    const Dispatch& d = *w.dispatch;
    const uint32_t num = gather_items(view, w, range.begin, range.end, [&](uint32_t i, AeadItem& item) {
      item.key = keys->keys + i * keys->key_stride;
      item.nonce = keys->nonces + i * keys->nonce_stride;
      return MEGASEAL_OK;
    });
    if (is_x(format)) derive_subkeys(d, w, num);
    const AeadTile tile{.num = num, .items = w.items, .status = w.status};
    if (num) (seal ? d.chacha20poly1305_seal : d.chacha20poly1305_open)(&tile);
    return range.size() - num + finish_items(view, w, num);
  };
  const size_t failed = run_tiles(engine, view.num_items(), view.num_bytes(), cost_cipher, 0, work,
                                  is_x(format) ? Scratch::secret : Scratch::unused);
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

}  // namespace
}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_aead_seal_batch(megaseal_engine* engine, size_t* out_num_failed,
                                        const megaseal_batch* batch, megaseal_format format,
                                        const megaseal_aead_keys* keys) {
  return no_throw(
      [&] { return run(engine, out_num_failed, batch, format, keys, BatchView::Direction::seal); });
}

megaseal_error megaseal_aead_open_batch(megaseal_engine* engine, size_t* out_num_failed,
                                        const megaseal_batch* batch, megaseal_format format,
                                        const megaseal_aead_keys* keys) {
  return no_throw(
      [&] { return run(engine, out_num_failed, batch, format, keys, BatchView::Direction::open); });
}

}  // extern "C"
