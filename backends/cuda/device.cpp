#include "backends/cuda/device.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <thread>

#include "backends/fork_generation.hpp"

namespace megaseal::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t min_slot_bytes = uint64_t(64) << 10, first_bytes = uint64_t(1) << 20;

// The driver's version as people know it.
struct Version {
  int major, minor;
  explicit Version(int number) : major(number / 1000), minor(number % 1000 / 10) {}
};

constexpr char forked[] = "the process was forked after the device had been started";

}  // namespace

void wipe_memory(void* p, size_t bytes) {
  if (bytes == 0) return;
  std::memset(p, 0, bytes);
  __asm__ volatile("" : : "r"(p) : "memory");
}

Devices::Devices(Runtime& runtime, const DeviceOptions& options)
    : runtime_(runtime), options_(options), generation_(fork_generation()) {
  const auto because = [&](const char* what, int error) {
    std::snprintf(unavailable_, sizeof unavailable_, "%s (%s)", what, runtime_.error_name(error));
  };
  int built_for = 0, num = 0;
  if (const int e = runtime_.versions(&driver_, &built_for)) {
    because("the CUDA runtime does not start", e);
    return;
  }
  if (driver_ == 0) {
    std::snprintf(unavailable_, sizeof unavailable_, "no CUDA driver");
    return;
  }
  const Version driver(driver_), needed(built_for);
  if (driver.major < needed.major) {
    std::snprintf(unavailable_, sizeof unavailable_, "the driver is for CUDA %d.%d, older than CUDA %d",
                  driver.major, driver.minor, needed.major);
    return;
  }
  if (const int e = runtime_.num_devices(&num)) {
    because("no CUDA device", e);
    return;
  }
  std::snprintf(unavailable_, sizeof unavailable_, "no CUDA device");
  if (num <= 0) return;

  devices_ = std::make_unique<Device[]>(size_t(num));
  for (int n = 0; n < num; n++) {
    DeviceProperties p = {};
    if (int e = runtime_.properties(&p, n)) {
      because("the device does not answer", e);
      continue;
    }
    if (p.is_prohibited) {
      std::snprintf(unavailable_, sizeof unavailable_, "%.100s is in a mode that prohibits its use", p.name);
      continue;
    }
    if (10 * p.compute_major + p.compute_minor < options_.min_compute) {
      std::snprintf(unavailable_, sizeof unavailable_, "%.100s is older than compute capability %d.%d",
                    p.name, options_.min_compute / 10, options_.min_compute % 10);
      continue;
    }
    Device& d = devices_[num_devices_++];
    d.number = n;
    std::snprintf(d.status.name, sizeof d.status.name, "%.*s", int(sizeof p.name) - 1, p.name);
  }
  if (num_devices_ == 0) return;

  // As many slots as are asked for, smaller ones if need be: two at least, one to pack while the other is at work.
  slot_bytes_ = std::min(options_.slot_bytes, uint64_t(1) << 31) / 256 * 256;
  slots_each_ = std::max(options_.num_slots, 1u);
  const auto most = [&] { return options_.max_bytes / (2 * slot_bytes_ * num_devices_); };
  while (slot_bytes_ >= min_slot_bytes && most() < std::min(slots_each_, 2u))
    slot_bytes_ = slot_bytes_ / 512 * 256;
  if (slot_bytes_ < min_slot_bytes) {
    std::snprintf(unavailable_, sizeof unavailable_, "too little memory is allowed for it");
    num_devices_ = 0;
    return;
  }
  slots_each_ = uint32_t(std::min<uint64_t>(slots_each_, most()));
  for (uint32_t n = 0; n < num_devices_; n++) {
    Device& d = devices_[n];
    d.slots = std::make_unique<Slot[]>(slots_each_);
    d.status.num_slots = slots_each_;
    for (uint32_t k = 0; k < slots_each_; k++) d.slots[k].device = n;
  }
  unavailable_[0] = 0;
}

Devices::Devices(Runtime& runtime, const char* unavailable)
    : runtime_(runtime), generation_(fork_generation()) {
  std::snprintf(unavailable_, sizeof unavailable_, "%s", unavailable);
}

Devices::~Devices() {
  if (num_devices_ == 0 || in_child()) return;
  const OurTurn turn(runtime_);
  for (uint32_t n = 0; n < num_devices_; n++) {
    if (runtime_.use(devices_[n].number) != success) continue;
    for (uint32_t k = 0; k < slots_each_; k++) {
      const Slot& s = devices_[n].slots[k];
      if (s.state == Slot::State::abandoned) continue;
      if (s.stream) (void)runtime_.destroy_stream(s.stream);
      if (s.event) (void)runtime_.destroy_event(s.event);
      if (s.memory) (void)runtime_.free_device(s.memory);
      if (s.pinned) (void)runtime_.free_pinned(s.pinned);
    }
  }
}

// In a child of fork() the mutex may be held by a thread that does not exist there: this is asked before it is touched.
bool Devices::in_child() const { return fork_generation() != generation_; }

bool Devices::all_put_aside() const {
  for (uint32_t n = 0; n < num_devices_; n++)
    if (!devices_[n].status.put_aside[0]) return false;
  return true;
}

bool Devices::may_use(uint32_t device) const {
  const uint32_t only = only_.load(std::memory_order_relaxed);
  return (only == any || only == device) && !devices_[device].status.put_aside[0];
}
bool Devices::may_use_none() const {
  for (uint32_t n = 0; n < num_devices_; n++)
    if (may_use(n)) return false;
  return true;
}

const char* Devices::unavailable() {
  if (in_child()) return forked;
  if (num_devices_ == 0) return unavailable_;
  const std::lock_guard lock(mutex_);
  // Once all are, none comes back, and the text stays as it is.
  return all_put_aside() ? devices_[0].status.put_aside : nullptr;
}

DeviceStatus Devices::status(uint32_t device) {
  DeviceStatus s;
  if (in_child() || device >= num_devices_) return s;
  const std::lock_guard lock(mutex_);
  return devices_[device].status;
}

DeviceStatus Devices::status() {
  DeviceStatus all;
  if (const char* why = unavailable()) std::snprintf(all.put_aside, sizeof all.put_aside, "%s", why);
  if (in_child() || num_devices_ == 0) return all;
  const std::lock_guard lock(mutex_);
  const Version driver(driver_);
  std::snprintf(all.name, sizeof all.name, "%.90s%s, driver for CUDA %d.%d", devices_[0].status.name,
                num_devices_ > 1 ? " and others" : "", driver.major, driver.minor);
  for (uint32_t n = 0; n < num_devices_; n++) {
    const DeviceStatus& s = devices_[n].status;
    all.pinned_bytes += s.pinned_bytes;
    all.device_bytes += s.device_bytes;
    all.num_pieces += s.num_pieces;
    all.num_faults += s.num_faults;
    all.num_slots += s.num_slots;
    all.num_busy += s.num_busy;
    all.num_abandoned += s.num_abandoned;
  }
  return all;
}

Slot* Devices::take_free() {
  Device* best = nullptr;
  uint32_t best_free = 0;
  for (uint32_t n = 0; n < num_devices_; n++) {
    Device& d = devices_[n];
    const uint32_t num_free = d.status.num_slots - d.status.num_abandoned - d.status.num_busy;
    if (!may_use(n) || num_free <= best_free) continue;
    best = &d;
    best_free = num_free;
  }
  if (!best) return nullptr;
  // One that has memory already, if there is one.
  Slot* found = nullptr;
  for (uint32_t k = 0; k < slots_each_; k++) {
    Slot& s = best->slots[k];
    if (s.state == Slot::State::idle && (!found || s.memory_bytes > found->memory_bytes)) found = &s;
  }
  found->state = Slot::State::busy;
  best->status.num_busy++;
  return found;
}

Slot* Devices::acquire(bool wait) {
  if (num_devices_ == 0 || in_child()) return nullptr;
  std::unique_lock lock(mutex_);
  Slot* slot = take_free();
  if (slot || !wait || num_waiting_ >= options_.max_waiting) return slot;
  // Whoever holds one gives it back or abandons it before long: finish() has a time limit.
  num_waiting_++;
  changed_.wait(lock, [&] { return may_use_none() || (slot = take_free()); });
  num_waiting_--;
  return slot;
}

bool Devices::idle() {
  if (num_devices_ == 0 || in_child()) return false;
  const std::lock_guard lock(mutex_);
  for (uint32_t n = 0; n < num_devices_; n++) {
    const DeviceStatus& s = devices_[n].status;
    if (may_use(n) && s.num_busy + s.num_abandoned < s.num_slots) return true;
  }
  return false;
}

bool Devices::has_abandoned(uint32_t device) {
  const std::lock_guard lock(mutex_);
  return devices_[device].status.num_abandoned > 0;
}

bool Devices::did(Slot& slot, const char* call, int error) {
  if (error == success) return true;
  slot.failed_call = call;
  slot.error = error;
  return false;
}

// The old memory goes first: both together could be more than is allowed.
template <class Alloc, class Free>
bool Devices::grow(Slot& slot, uint8_t*& p, uint64_t& have, uint64_t& of_device, uint64_t need,
                   const Alloc& alloc, const Free& free) {
  if (have >= need) return true;
  if (p) {
    // To free memory waits for whatever the device does, and what was abandoned may never end.
    if (has_abandoned(slot.device)) return did(slot, "growth beside an abandoned slot", error_out_of_memory);
    uint8_t* const old = p;
    const uint64_t old_bytes = have;
    p = nullptr;
    have = 0;
    // Where this fails the memory is lost, and counted for good, and the slot with it.
    if (!did(slot, "free", free(old))) {
      slot.lost_memory = true;
      return false;
    }
    const std::lock_guard lock(mutex_);
    of_device -= old_bytes;
  }
  const uint64_t bytes = std::min(std::bit_ceil(std::max(need, first_bytes)), slot_bytes_);
  void* fresh = nullptr;
  if (!did(slot, "allocation", alloc(&fresh, bytes))) return false;
  p = static_cast<uint8_t*>(fresh);
  have = bytes;
  const std::lock_guard lock(mutex_);
  of_device += bytes;
  return true;
}

bool Devices::prepare(Slot& s, uint64_t pinned_bytes, uint64_t memory_bytes) {
  Device& d = devices_[s.device];
  if (!did(s, "selection", runtime_.use(d.number))) return false;
  if (!s.stream && !did(s, "stream", runtime_.create_stream(&s.stream))) return false;
  if (!s.event && !did(s, "event", runtime_.create_event(&s.event))) return false;
  const uint64_t had = s.memory_bytes;
  const bool has_memory = grow(
      s, s.memory, s.memory_bytes, d.status.device_bytes, memory_bytes,
      [&](void** p, uint64_t n) { return runtime_.alloc_device(p, n); },
      [&](void* p) { return runtime_.free_device(p); });
  if (s.memory_bytes != had) s.is_fresh = true;
  if (!has_memory ||
      !grow(
          s, s.pinned, s.pinned_bytes, d.status.pinned_bytes, pinned_bytes,
          [&](void** p, uint64_t n) { return runtime_.alloc_pinned(p, n); },
          [&](void* p) { return runtime_.free_pinned(p); }))
    return false;
  // What somebody else left there would come back in the gaps between a piece's parts.
  if (s.is_fresh && !did(s, "wipe", runtime_.zero(s.memory, s.memory_bytes, s.stream))) return false;
  s.is_fresh = false;
  s.used_pinned_bytes = pinned_bytes;
  s.used_memory_bytes = memory_bytes;
  return true;
}

bool Devices::upload_piece(Slot& s, uint64_t bytes) {
  return did(s, "selection", runtime_.use(devices_[s.device].number)) &&
         did(s, "upload", runtime_.upload(s.memory, s.pinned, bytes, s.stream));
}

bool Devices::download_piece(Slot& s, uint64_t secrets, uint64_t clean, uint64_t end) {
  return (secrets == clean || did(s, "wipe", runtime_.zero(s.memory + secrets, clean - secrets, s.stream))) &&
         did(s, "download",
             runtime_.download(s.pinned + secrets, s.memory + secrets, end - secrets, s.stream)) &&
         did(s, "wipe", runtime_.zero(s.memory, s.used_memory_bytes, s.stream)) && record_end(s);
}

// From here on the time counts: a launch may take long where it is the first, and the driver compiles.
bool Devices::record_end(Slot& s) {
  const bool recorded = did(s, "event", runtime_.record(s.event, s.stream));
  s.deadline = Clock::now() + std::chrono::milliseconds(options_.timeout_ms);
  return recorded;
}

// Asks instead of waiting in the runtime, which has no time limit.
bool Devices::wait_for(Slot& s) {
  for (uint32_t round = 0;; round++) {
    const int e = runtime_.query(s.event);
    if (e != error_not_ready) return did(s, "kernel or copy", e);
    if (Clock::now() > s.deadline) return did(s, "hung", error_not_ready);
    if (round < 200)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

bool Devices::finish(Slot& slot) { return wait_for(slot); }

void Devices::release(Slot& s, uint64_t clean_from, uint64_t clean_to) {
  wipe_memory(s.pinned, clean_from);
  wipe_memory(s.pinned + clean_to, s.used_pinned_bytes - clean_to);
  s.used_pinned_bytes = s.used_memory_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    Device& d = devices_[s.device];
    s.state = Slot::State::idle;
    d.status.num_busy--;
    d.status.num_pieces++;
    d.faults_in_row = 0;
  }
  changed_.notify_one();
}

void Devices::put_aside(uint32_t device, const char* why) {
  {
    const std::lock_guard lock(mutex_);
    put_aside(devices_[device], why);
  }
  changed_.notify_all();
}

void Devices::put_aside(Device& d, const char* why) {
  if (!d.status.put_aside[0]) std::snprintf(d.status.put_aside, sizeof d.status.put_aside, "%s", why);
}

void Devices::fail(Slot& s) {
  const char* const call = s.failed_call;
  const int error = s.error;
  // Only a stream that has come to its end is fit for use again, and only with the device's memory wiped. Whether it will be
  // or not, the end is waited for where that can be done: what is still on its way down would come after the wipe below.
  bool sound = error != error_not_ready && !s.lost_memory;
  if (error != error_not_ready && s.stream && s.event && s.memory) {
    s.deadline = Clock::now() + std::chrono::milliseconds(options_.timeout_ms);
    sound &= runtime_.use(devices_[s.device].number) == success;
    sound &= s.used_memory_bytes == 0 || runtime_.zero(s.memory, s.used_memory_bytes, s.stream) == success;
    sound &= runtime_.record(s.event, s.stream) == success && wait_for(s);
  }
  if (s.pinned) wipe_memory(s.pinned, s.used_pinned_bytes);
  s.used_pinned_bytes = s.used_memory_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    Device& d = devices_[s.device];
    s.state = sound ? Slot::State::idle : Slot::State::abandoned;
    d.status.num_busy--;
    d.status.num_abandoned += !sound;
    d.status.num_faults++;
    d.faults_in_row++;
    char why[256];
    if (d.faults_in_row >= options_.max_faults) {
      std::snprintf(why, sizeof why, "put aside after %u faults in a row; the last: %s (%s)", d.faults_in_row,
                    call, runtime_.error_name(error));
      put_aside(d, why);
    } else if (d.status.num_abandoned == d.status.num_slots) {
      std::snprintf(why, sizeof why, "put aside: none of its slots is left; the last fault: %s (%s)", call,
                    runtime_.error_name(error));
      put_aside(d, why);
    }
  }
  changed_.notify_all();
}

}  // namespace megaseal::gpu
