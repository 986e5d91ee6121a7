#include "engine/offload.hpp"

#include <algorithm>
#include <exception>

#include "backends/fork_generation.hpp"
#include "backends/once.hpp"

namespace megaseal {
namespace {

// Batches for which a device is started: what a CPU's core works at for some tens of milliseconds. Smaller ones could pay
// on a device that runs already, but one that nobody needs should not be started for them.
constexpr uint64_t worth_starting_items = 4096, worth_starting_bytes = 64 << 20;
// More than these would only wait for one another.
constexpr uint32_t max_drivers = 4;

// What the costs belong to: another device or another choice of backends has others.
std::string machine_of(const BackendRow& row, const Dispatch& cpu) {
  std::string out = std::string(megaseal_version()) + ' ' + row.device->report().machine;
  for (const std::string& name : cpu.names) out += ' ' + (name.empty() ? "-" : name);
  std::ranges::replace(out, '\n', ' ');
  return out;
}

const DeviceCosts& process_costs(const BackendRow& row, const Dispatch& cpu, const Dispatch& device) {
  static constinit Once<DeviceCosts> costs;
  return costs.get(
      fork_generation(),
      [&] {
        // What the device failed to do was done by the CPU: times of that are not kept.
        const uint64_t num_faults = row.device->report().num_faults;
        const auto are_of_the_device = [&] {
          const DeviceReport now = row.device->report();
          return now.num_faults == num_faults && now.put_aside.empty();
        };
        return new DeviceCosts(kept_or_measured(cpu, device, machine_of(row, cpu), are_of_the_device));
      },
      [] { return new DeviceCosts; });  // nothing pays: a forked child has no device
}

}  // namespace

Offload::Offload(const BackendRow& row, const Dispatch& cpu, uint32_t num_threads)
    : row_(row),
      cpu_(cpu),
      dispatch_(beside(cpu, *row.table)),
      num_threads_(num_threads),
      generation_(fork_generation()),
      workspaces_(dispatch_.tile_items, 0, &dispatch_) {}

Offload::Offload(const BackendState& examined, const Dispatch& cpu, uint32_t num_threads,
                 const DeviceCosts& costs)
    : Offload(*examined.row, cpu, num_threads) {
  be_ready(examined, costs);
}

Offload::~Offload() {
  if (!starter_ || fork_generation() != generation_) return;
  starter_->join();
  delete starter_;
}

void Offload::be_ready(const BackendState& examined, const DeviceCosts& costs) {
  costs_ = costs;
  reason_ = examined.reason;
  state_.store(examined.state == MEGASEAL_BACKEND_AVAILABLE ? State::ready : State::off,
               std::memory_order_release);
  state_.notify_all();
}

void Offload::start() {
  State cold = State::cold;
  if (!state_.compare_exchange_strong(cold, State::starting)) return;
  const auto give_up = [this](const char* reason) {
    reason_ = reason;
    state_.store(State::off, std::memory_order_release);
    state_.notify_all();
  };
  try {
    starter_ = new std::thread([this, give_up] {
      try {
        const BackendState* device = process_device();
        if (device->state == MEGASEAL_BACKEND_AVAILABLE)
          be_ready(*device, process_costs(row_, cpu_, dispatch_));
        else
          be_ready(*device, {});
      } catch (const std::exception&) {
        give_up("out of memory");  // short: it is stored without an allocation
      }
    });
  } catch (const std::exception&) {
    give_up("no thread");
  }
}

bool Offload::start_and_wait() {
  if (fork_generation() != generation_) return false;
  start();
  for (State s; (s = state_.load(std::memory_order_acquire)) == State::starting;) state_.wait(s);
  return is_ready();
}

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
  if (!is_ready()) {
    const bool worth =
        work == DeviceWork::cipher ? num_bytes >= worth_starting_bytes : num_items >= worth_starting_items;
    if (worth && state_.load(std::memory_order_relaxed) == State::cold) start();
    return none;
  }
  const WorkCost& cost = costs_.work[size_t(work)];
  Split s;
  s.min_items = std::max(cost.crossover(double(num_bytes) / std::max(num_items, 1u)), 2u);
  s.share = cost.share(num_items, double(num_bytes), num_threads_);
  if (s.share * num_items < s.min_items || s.min_items > dispatch_.tile_items || !idle()) return none;
  s.num_drivers =
      std::min({max_drivers, num_threads_, std::max(1u, uint32_t(s.share * num_items / s.min_items))});
  return s;
}

uint32_t Offload::crossover(DeviceWork work, uint64_t len) const {
  if (!is_ready() || work == DeviceWork::none) return 0;
  const WorkCost& cost = costs_.work[size_t(work)];
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
