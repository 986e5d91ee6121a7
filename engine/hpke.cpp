// Single-shot HPKE (RFC 9180 §6.1): every message its own encapsulation.
#include <cstring>

#include "engine/hpke_suite.hpp"
#include "engine/key_agreement_batch.hpp"
#include "engine/testing.hpp"
#include "engine/tiles.hpp"

namespace megaseal {
namespace {

// What a call needs besides its batch: checked parameters, their hashes, and the exports' place.
struct SingleShot {
  megaseal_hpke_params params;
  HpkeShared shared;
  uint8_t* out_exports;
  const uint8_t* export_info = nullptr;  // in a workspace's text
  size_t export_info_len = 0;

  size_t text_len() const {
    return hash_params_text_len(params) + megaseal::export_info_len(params.exporter_context_len);
  }
  // `text` holds text_len() bytes and outlives the call's tiles.
  void hash(const megaseal_engine* engine, uint8_t* text) {
    shared = hash_params(engine->dispatch, engine->hpke_empty, params, text);
    if (params.export_len == 0) return;
    export_info_len = megaseal::export_info_len(params.exporter_context_len);
    write_export_info(text, static_cast<const uint8_t*>(params.exporter_context), params.exporter_context_len,
                      params.export_len);
    export_info = text;
  }
  HpkeTile tile(const Workspace& w, uint32_t num, Strided secrets, Strided recipients) const {
    return {.num = num,
            .shared = &shared,
            .secrets = secrets,
            .recipients = recipients,
            .enc = w.enc,
            .items = w.items,
            .exporters = params.export_len ? w.exporters : nullptr,
            .status = w.status};
  }

  // Exports of the items that succeeded; the others' stay zero.
  void clear_exports(uint32_t num_items) const {
    if (params.export_len) std::memset(out_exports, 0, num_items * params.export_len);
  }
  void write_exports(const Dispatch& d, Workspace& w, uint32_t num) const {
    const size_t len = params.export_len;
    if (len == 0) return;
    uint32_t good = 0;
    for (uint32_t k = 0; k < num; k++) {
      if (w.status[k] != uint8_t(ItemStatus::ok)) continue;
      w.expand[good++] = {.prk = w.exporters + 32 * size_t(k),
                          .info = export_info,
                          .info_len = export_info_len,
                          .out = out_exports + w.index[k] * len,
                          .out_len = uint32_t(len)};
    }
    const HkdfExpandTile expand{.num = good, .items = w.expand};
    if (good) d.hash(expand);
  }
  auto exports_after(const Dispatch& d) const {
    return [this, &d](Workspace& w, uint32_t num) { write_exports(d, w, num); };
  }
};

megaseal_error begin(SingleShot* call, BatchView* view, megaseal_engine* engine, uint8_t* out_exports,
                     const megaseal_batch* batch, const megaseal_hpke_params* params,
                     BatchView::Direction direction) {
  if (!engine) return MEGASEAL_ERROR_ARGUMENT;
  if (megaseal_error e = check_params(&call->params, params)) return e;
  if (megaseal_error e = view->set(batch, *format_traits(MEGASEAL_FORMAT_HPKE), direction, true)) return e;
  if (call->params.export_len > 0 && !out_exports && view->num_items() > 0) return MEGASEAL_ERROR_ARGUMENT;
  call->out_exports = out_exports;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error seal(megaseal_engine* engine, size_t* out_num_failed, uint8_t* out_exports,
                    const megaseal_batch* batch, const megaseal_hpke_params* params,
                    const megaseal_recipients* recipients, const uint8_t* fixed_secrets) {
  if (out_num_failed) *out_num_failed = 0;
  SingleShot call;
  BatchView view;
  if (megaseal_error e = begin(&call, &view, engine, out_exports, batch, params, BatchView::Direction::seal))
    return e;
  RecipientView to;
  if (megaseal_error e = to.set(recipients, view.num_items())) return e;
  if (view.num_items() == 0) return MEGASEAL_ERROR_NONE;
  expect_alone(engine->prepared.get(), view.num_items(), to);
  const WorkspacePool::Handle holder = engine->workspaces.take(call.text_len());
  Ephemerals ephemerals(*holder, fixed_secrets);
  if (megaseal_error e = ephemerals.draw_seed()) return e;
  call.hash(engine, holder->text.data());
  call.clear_exports(view.num_items());
  auto tile = [&](Workspace& w, uint32_t num, Strided secrets, Strided publics, const ByTable* by_table) {
    HpkeTile whole = call.tile(w, num, secrets, publics);
    whole.seed = w.seed.key ? &w.seed : nullptr;
    hpke_seal_tile(*w.dispatch, w, whole, by_table);
  };
  // A backend that takes whole tiles does the key agreement its own way.
  PreparedCache* cache = engine->dispatch.hpke_seal ? nullptr : engine->prepared.get();
  const size_t failed = seal_to_recipients(engine, cache, view, to, ephemerals, DeviceWork::hpke_seal, tile,
                                           call.exports_after(engine->dispatch));
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error open(megaseal_engine* engine, size_t* out_num_failed, uint8_t* out_exports,
                    const megaseal_batch* batch, const megaseal_hpke_params* params,
                    const megaseal_secret_key* const* keys, size_t key_step) {
  if (out_num_failed) *out_num_failed = 0;
  SingleShot call;
  BatchView view;
  if (megaseal_error e = begin(&call, &view, engine, out_exports, batch, params, BatchView::Direction::open))
    return e;
  SecretKeyView with;
  if (megaseal_error e = with.set(keys, key_step, view.num_items())) return e;
  if (view.num_items() == 0) return MEGASEAL_ERROR_NONE;

  const WorkspacePool::Handle holder = engine->workspaces.take(call.text_len());
  call.hash(engine, holder->text.data());
  call.clear_exports(view.num_items());
  auto tile = [&](Workspace& w, uint32_t num, Strided secrets, Strided publics) {
    hpke_open_tile(*w.dispatch, w, call.tile(w, num, secrets, publics));
  };
  const size_t failed =
      open_with_keys(engine, view, with, DeviceWork::hpke_open, tile, call.exports_after(engine->dispatch));
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

}  // namespace

megaseal_error testing::hpke_seal_batch(megaseal_engine* engine, size_t* out_num_failed, uint8_t* out_exports,
                                        const megaseal_batch* batch, const megaseal_hpke_params* params,
                                        const megaseal_recipients* recipients,
                                        const uint8_t* ephemeral_secrets) {
  return no_throw([&] {
    return seal(engine, out_num_failed, out_exports, batch, params, recipients, ephemeral_secrets);
  });
}

}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_hpke_seal_batch(megaseal_engine* engine, size_t* out_num_failed, uint8_t* out_exports,
                                        const megaseal_batch* batch, const megaseal_hpke_params* params,
                                        const megaseal_recipients* recipients) {
  return no_throw(
      [&] { return seal(engine, out_num_failed, out_exports, batch, params, recipients, nullptr); });
}

megaseal_error megaseal_hpke_open_batch(megaseal_engine* engine, size_t* out_num_failed, uint8_t* out_exports,
                                        const megaseal_batch* batch, const megaseal_hpke_params* params,
                                        const megaseal_secret_key* const* keys, size_t key_step) {
  return no_throw([&] { return open(engine, out_num_failed, out_exports, batch, params, keys, key_step); });
}

}  // extern "C"
