// SHA-256 as HPKE uses it: the key schedule of a single-shot message is a chain of 19 compressions, each needing the
// result of the one before. Called through the backend's table, for it is no operation of the C ABI.
#include <algorithm>
#include <memory>
#include <utility>

#include "backends/registry.hpp"
#include "bench/data.hpp"
#include "bench/peers/peers.hpp"
#include "bench/suites.hpp"

namespace megaseal::bench {
namespace {

const KernelTable* usable_table(const BackendRow& row) {
  for (size_t i = 0; i < megaseal_num_backends(); i++) {
    megaseal_backend_info info{};
    info.struct_size = sizeof info;
    check(megaseal_get_backend_info(i, &info));
    if (std::string_view(info.name) == row.name && info.state == MEGASEAL_BACKEND_AVAILABLE) return row.table;
  }
  return nullptr;
}

const KernelTable& scalar_table() { return *backend_rows().back().table; }

struct ScheduleWork {
  explicit ScheduleWork(size_t num)
      : dh(random_bytes(32 * num)),
        enc(random_bytes(32 * num)),
        recipients(random_bytes(32 * num)),
        context(random_bytes(sizeof shared.key_schedule_context)),
        keys(32 * num),
        nonces(12 * num),
        tile{.num = uint32_t(num),
             .shared = &shared,
             .dh = dh.data(),
             .enc = enc.data(),
             .recipients = {recipients.data(), 32},
             .keys = keys.data(),
             .nonces = nonces.data(),
             .exporters = nullptr} {
    std::copy(context.begin(), context.end(), shared.key_schedule_context);
  }
  ScheduleWork(const ScheduleWork&) = delete;
  ScheduleWork& operator=(const ScheduleWork&) = delete;

  // In tiles of the size that the engine would cut.
  void run(const KernelTable& table) const {
    for (uint32_t begin = 0; begin < tile.num; begin += table.tile_items) {
      HpkeScheduleTile part = tile;
      part.num = std::min(table.tile_items, tile.num - begin);
      part.dh += 32 * size_t(begin);
      part.enc += 32 * size_t(begin);
      part.recipients.base += 32 * size_t(begin);
      part.keys += 32 * size_t(begin);
      part.nonces += 12 * size_t(begin);
      table.hpke_schedule(&part);
    }
  }
  void verify(const std::function<void()>& call) const {
    call();
    const Bytes got_keys = keys, got_nonces = nonces;
    run(scalar_table());
    require(got_keys == keys && got_nonces == nonces, "wrong bytes");
  }

  HpkeShared shared{};
  Bytes dh, enc, recipients, context, keys, nonces;
  HpkeScheduleTile tile;
};

Case finish(std::shared_ptr<ScheduleWork> work, Call call, const Shape& shape) {
  work->verify(call.run);
  call.run = [work, run = std::move(call.run)] { run(); };
  return {std::move(call), double(shape.batch), double(32 * shape.batch)};
}

}  // namespace

void add_sha256() {
  for (const size_t batch : {1024, 1, 4, 16, 64}) {
    const Shape shape{.bytes = 32, .batch = batch};
    for (const BackendRow& row : backend_rows()) {
      const KernelTable* table = usable_table(row);
      if (!table || !table->hpke_schedule) continue;
      add("sha256_chain19", row.name, shape, [table](const Shape& s) {
        const auto work = std::make_shared<ScheduleWork>(s.batch);
        return finish(work, {[w = work.get(), table] { w->run(*table); }, ""}, s);
      });
    }
    if (batch != 1024 && batch != 1) continue;
    for (const Peer& peer : peers())
      if (peer.hpke_schedule)
        add("sha256_chain19", peer.name, shape, [&peer](const Shape& s) {
          const auto work = std::make_shared<ScheduleWork>(s.batch);
          return finish(work, peer.hpke_schedule(work->tile), s);
        });
  }
}

}  // namespace megaseal::bench
