// libsodium's sealed boxes: epk(32) ‖ tag(16) ‖ ciphertext.
#include "engine/key_agreement_batch.hpp"
#include "engine/testing.hpp"
#include "engine/tiles.hpp"

namespace megaseal {
namespace {

bool is_sealedbox(megaseal_format f) {
  return f == MEGASEAL_FORMAT_SEALEDBOX || f == MEGASEAL_FORMAT_SEALEDBOX_SALSA;
}

// Salsa20 is in no backend: what a device would leave of such boxes outweighs what it would do.
DeviceWork device_work(megaseal_format f, DeviceWork work) {
  return f == MEGASEAL_FORMAT_SEALEDBOX ? work : DeviceWork::none;
}

SealedBoxTile make_tile(megaseal_format format, const Workspace& w, uint32_t num, Strided secrets,
                        Strided recipients) {
  return {.salsa = format == MEGASEAL_FORMAT_SEALEDBOX_SALSA,
          .num = num,
          .secrets = secrets,
          .recipients = recipients,
          .enc = w.enc,
          .items = w.items,
          .status = w.status};
}

megaseal_error seal(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                    megaseal_format format, const megaseal_recipients* recipients,
                    const uint8_t* fixed_secrets) {
  if (out_num_failed) *out_num_failed = 0;
  if (!engine || !is_sealedbox(format)) return MEGASEAL_ERROR_ARGUMENT;
  BatchView view;
  if (megaseal_error e = view.set(batch, *format_traits(format), BatchView::Direction::seal, false)) return e;
  RecipientView to;
  if (megaseal_error e = to.set(recipients, view.num_items())) return e;
  if (view.num_items() == 0) return MEGASEAL_ERROR_NONE;
  expect_alone(engine->prepared.get(), view.num_items(), to);
  const WorkspacePool::Handle holder = engine->workspaces.take(0);
  Ephemerals ephemerals(*holder, fixed_secrets);
  if (megaseal_error e = ephemerals.draw_seed()) return e;

  auto tile = [&](Workspace& w, uint32_t num, Strided secrets, Strided publics, const ByTable* by_table) {
    SealedBoxTile whole = make_tile(format, w, num, secrets, publics);
    whole.seed = w.seed.key ? &w.seed : nullptr;
    sealedbox_seal_tile(*w.dispatch, w, whole, by_table);
  };
  const size_t failed = seal_to_recipients(engine, engine->prepared.get(), view, to, ephemerals,
                                           device_work(format, DeviceWork::sealedbox_seal), tile, nothing_after);
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error open(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                    megaseal_format format, const megaseal_secret_key* const* keys, size_t key_step) {
  if (out_num_failed) *out_num_failed = 0;
  if (!engine || !is_sealedbox(format)) return MEGASEAL_ERROR_ARGUMENT;
  BatchView view;
  if (megaseal_error e = view.set(batch, *format_traits(format), BatchView::Direction::open, false)) return e;
  SecretKeyView with;
  if (megaseal_error e = with.set(keys, key_step, view.num_items())) return e;

  auto tile = [&](Workspace& w, uint32_t num, Strided secrets, Strided publics) {
    sealedbox_open_tile(*w.dispatch, w, make_tile(format, w, num, secrets, publics));
  };
  const size_t failed =
      open_with_keys(engine, view, with, device_work(format, DeviceWork::sealedbox_open), tile, nothing_after);
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

}  // namespace

megaseal_error testing::sealedbox_seal_batch(megaseal_engine* engine, size_t* out_num_failed,
                                             const megaseal_batch* batch, megaseal_format format,
                                             const megaseal_recipients* recipients,
                                             const uint8_t* ephemeral_secrets) {
  return no_throw([&] { return seal(engine, out_num_failed, batch, format, recipients, ephemeral_secrets); });
}

}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_sealedbox_seal_batch(megaseal_engine* engine, size_t* out_num_failed,
                                             const megaseal_batch* batch, megaseal_format format,
                                             const megaseal_recipients* recipients) {
  return no_throw([&] { return seal(engine, out_num_failed, batch, format, recipients, nullptr); });
}

megaseal_error megaseal_sealedbox_open_batch(megaseal_engine* engine, size_t* out_num_failed,
                                             const megaseal_batch* batch, megaseal_format format,
                                             const megaseal_secret_key* const* keys, size_t key_step) {
  return no_throw([&] { return open(engine, out_num_failed, batch, format, keys, key_step); });
}

}  // extern "C"
