// The part that every format sealed to a public key shares: gather the valid items of a tile, bring ephemeral
// keys and recipients together, let the format's tile run, carry the results home.
#pragma once
#include <cstring>

#include "engine/engine.hpp"
#include "engine/ephemeral.hpp"
#include "engine/recipient_view.hpp"

namespace megaseal {

/// seal_tile(w, num, secrets, recipients) seals w.items[0..num) and writes w.enc; after(w, range, num)
/// follows it for every tile, statuses set. Returns how many items failed.
template <class SealTile, class After>
size_t seal_to_recipients(megaseal_engine* engine, const BatchView& view, const RecipientView& to,
                          const Ephemerals& ephemerals, const SealTile& seal_tile, const After& after) {
  auto work = [&](Workspace& w, TileRange range) {
    const uint32_t num =
        gather_items(view, w, range.begin, range.end, [&](uint32_t i, AeadItem&) { return to.status(i); });
    if (num > 0) {
      ephemerals.fill(engine->dispatch, w.secrets, range.number, w.index, num);
      seal_tile(w, num, Strided{w.secrets, 32}, to.gather(w, num));
      for (uint32_t k = 0; k < num; k++)
        if (w.status[k] == uint8_t(ItemStatus::ok))
          std::memcpy(view.front(w.items[k]), w.enc + 32 * size_t(k), 32);
    }
    after(w, range, num);
    return range.size() - num + finish_items(view, w, num);
  };
  return run_tiles(engine, view.num_items(), view.num_bytes(), cost_key_agreement, 0, work);
}

/// open_tile(w, num, secrets, publics) opens w.items[0..num) with w.enc; `after` as above.
template <class OpenTile, class After>
size_t open_with_keys(megaseal_engine* engine, const BatchView& view, const SecretKeyView& with,
                      const OpenTile& open_tile, const After& after) {
  auto work = [&](Workspace& w, TileRange range) {
    const uint32_t num = gather_items(view, w, range.begin, range.end);
    if (num > 0) {
      Strided secrets, publics;
      with.gather(w, num, &secrets, &publics);
      for (uint32_t k = 0; k < num; k++) std::memcpy(w.enc + 32 * size_t(k), view.front(w.items[k]), 32);
      open_tile(w, num, secrets, publics);
    }
    after(w, range, num);
    return range.size() - num + finish_items(view, w, num);
  };
  return run_tiles(engine, view.num_items(), view.num_bytes(), cost_key_agreement, 0, work);
}

inline constexpr auto nothing_after = [](Workspace&, TileRange, uint32_t) {};

}  // namespace megaseal
