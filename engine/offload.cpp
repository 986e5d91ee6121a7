#include "engine/offload.hpp"

#include <algorithm>

#include "backends/fork_generation.hpp"

namespace megaseal {
namespace {

// Batches for which a device is started: what a CPU's core works at for some tens of milliseconds. Smaller ones could pay
// on a device that runs already, but one that nobody needs should not be started for them.
constexpr uint64_t worth_starting_items = 4096, worth_starting_bytes = 64 << 20;
// More than these would only wait for one another.
constexpr uint32_t max_drivers = 4;

}  // namespace

Offload::Offload(const BackendRow& row, std::shared_ptr<DeviceStart> start, const Dispatch& cpu,
                 uint32_t num_threads)
    : row_(row),
      start_(std::move(start)),
      dispatch_(beside(cpu, *row.table)),
      num_threads_(num_threads),
      generation_(fork_generation()),
      workspaces_(dispatch_.tile_items, 0, &dispatch_) {}

uint32_t Offload::Split::tile(uint32_t left, uint32_t tile_items) const {
  // Less than pays, or more than its share: the CPU ends sooner.
  if (left * share < min_items) return 0;
  const double part = left * share / num_drivers;
  const uint32_t wanted = std::max(min_items, uint32_t(std::min(part, double(tile_items))));
  return std::min({wanted, left, tile_items});
}

Offload::Split Offload::split(DeviceWork work, uint32_t num_items, uint64_t num_bytes) {
  Split none{};
  if (work == DeviceWork::none || fork_generation() != generation_) return none;
  const StartedDevice* const device = start_->ended();
  if (!device) {
    const bool worth =
        work == DeviceWork::cipher ? num_bytes >= worth_starting_bytes : num_items >= worth_starting_items;
    if (worth) start_->begin();
    return none;
  }
  if (!device->usable) return none;
  const WorkCost& cost = device->costs.work[size_t(work)];
  Split s;
  s.min_items = std::max(cost.crossover(double(num_bytes) / std::max(num_items, 1u)), 2u);
  s.share = cost.share(num_items, double(num_bytes), num_threads_);
  if (s.share * num_items < s.min_items || s.min_items > dispatch_.tile_items || !idle()) return none;
  s.num_drivers =
      std::min({max_drivers, num_threads_, std::max(1u, uint32_t(s.share * num_items / s.min_items))});
  return s;
}

uint32_t Offload::crossover(DeviceWork work, uint64_t len) const {
  const StartedDevice* const device = start_->ended();
  if (!device || !device->usable || work == DeviceWork::none || !report().put_aside.empty()) return 0;
  const WorkCost& cost = device->costs.work[size_t(work)];
  const bool has_text = work != DeviceWork::x25519_shared && work != DeviceWork::x25519_public;
  const double bytes_each = has_text ? double(len) : 0;
  // The device's share of the batch has to be a tile that pays: share() · n >= least, solved for n.
  const uint32_t least = std::max(cost.crossover(bytes_each), 2u);
  if (least > dispatch_.tile_items) return 0;
  const double each_on_cpu = (cost.cpu.item + bytes_each * cost.cpu.byte) / num_threads_;
  if (each_on_cpu <= 0) return 0;
  const double each_on_device = cost.device.item + bytes_each * cost.device.byte;
  const double from = (cost.device.call + least * (each_on_cpu + each_on_device)) / each_on_cpu;
  return from >= double(UINT32_MAX) ? 0 : uint32_t(from) + 1;
}

}  // namespace megaseal
