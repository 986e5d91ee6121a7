// The GPUs of a process as rings of slots, shared by all callers. A slot is pinned memory, device memory, a stream and an
// event; a piece of a tile travels in one: packed into the pinned memory, one copy up, programs, one copy down.
//
// What goes wrong is for the CPU to mend: a piece that failed left the caller's memory alone. A slot whose stream does
// not come to its end in time is abandoned, neither used nor freed again, since its kernel may still write to it. A device
// that fails again and again is put aside for good.
//
// Memory of a slot grows with the pieces that come, from a megabyte to DeviceOptions::slot_bytes, and what all slots can
// take together stays below DeviceOptions::max_bytes.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "backends/cuda/runtime.hpp"

namespace megaseal::gpu {

struct DeviceOptions {
  uint64_t slot_bytes = uint64_t(64) << 20;  // of a slot, pinned; and as much on the device
  uint32_t num_slots = 4;                    // of a device
  uint64_t max_bytes = uint64_t(1) << 30;    // pinned and on devices together, of all slots
  uint32_t timeout_ms = 10000;               // for a piece, once all of it is launched
  uint32_t max_faults = 3;                   // in a row, after which a device is put aside
  uint32_t max_waiting = 64;                 // callers; one more is told to use the CPU
  uint32_t min_by_table = 16384;             // items of a piece; for fewer, tables of their recipients are not made
  int min_compute = 90;  // 10 * major + minor of the oldest devices that the programs are built for
};

/// What there is to say about one device, or all of them together.
struct DeviceStatus {
  char name[160] = "";
  char put_aside[256] = "";                     // why nothing more goes to it; "" while it is in use
  uint64_t pinned_bytes = 0, device_bytes = 0;  // taken now
  uint64_t num_pieces = 0, num_faults = 0;      // done; left to the CPU
  uint32_t num_slots = 0, num_busy = 0, num_abandoned = 0;
};

/// Memory that held secrets; the optimiser may not leave this out.
void wipe_memory(void* p, size_t bytes);

/// What a caller holds between acquire() and release() or fail().
struct Slot {
  uint32_t device = 0;
  Stream stream = nullptr;
  Event event = nullptr;
  uint8_t *pinned = nullptr, *memory = nullptr;
  uint64_t pinned_bytes = 0, memory_bytes = 0;            // allocated
  uint64_t used_pinned_bytes = 0, used_memory_bytes = 0;  // of those, what may hold secrets
  bool is_fresh = false;                                  // the device's memory may hold what others left there
  enum class State : uint8_t { idle, busy, abandoned } state = State::idle;
  std::chrono::steady_clock::time_point deadline{};
  bool lost_memory = false;
  const char* failed_call = "";
  int error = 0;
};

class Devices {
 public:
  /// Looks for devices and takes nothing of them yet. `runtime` outlives this.
  Devices(Runtime& runtime, const DeviceOptions& options);
  /// None, and why. Asks `runtime` nothing.
  Devices(Runtime& runtime, const char* unavailable);
  /// Nobody may hold a slot.
  ~Devices();
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  /// Why none can be used, found at the start or since: "no CUDA device"; null while one can.
  const char* unavailable();
  /// What a piece may need at most, in pinned and in device memory.
  uint64_t slot_bytes() const { return slot_bytes_; }
  uint64_t max_bytes() const { return options_.max_bytes; }
  uint32_t min_by_table() const { return tables_for_all_.load(std::memory_order_relaxed) ? 1 : options_.min_by_table; }
  /// For a test of the device: whether tables are made for however few items.
  void make_tables_for_all(bool wanted) { tables_for_all_.store(wanted, std::memory_order_relaxed); }
  uint32_t num_devices() const { return num_devices_; }
  /// For a test of each device by itself: pieces go to this one, or, as at first, to any.
  static constexpr uint32_t any = ~uint32_t(0);
  void use_only(uint32_t device) { only_.store(device, std::memory_order_relaxed); }
  /// For good; the others go on.
  void put_aside(uint32_t device, const char* why);
  DeviceStatus status(uint32_t device);
  /// All together; the name is the first's, with the driver's version.
  DeviceStatus status();

  /// A slot of the device that has most of them free. With `wait`, until one is free, unless that many wait already. Null:
  /// the CPU's turn.
  Slot* acquire(bool wait);
  /// Whether acquire() would give one at once.
  bool idle();

  /// A piece in its slot. Each returns false where a call failed, or the time ran out: then fail() takes the slot.
  bool prepare(Slot& slot, uint64_t pinned_bytes, uint64_t memory_bytes);
  /// Uploads the first bytes, launches (`launch` returns 0 or an error), wipes [secrets, clean) of the device's memory,
  /// downloads [secrets, end), which wipes those bytes of the pinned memory, too, and then wipes the device's memory.
  template <class Launch>
  bool submit(Slot& slot, uint64_t upload, uint64_t secrets, uint64_t clean, uint64_t end,
              const Launch& launch) {
    return upload_piece(slot, upload) &&
           did(slot, "launch", launch(runtime_.programs(), slot.memory, slot.stream)) &&
           download_piece(slot, secrets, clean, end);
  }
  bool finish(Slot& slot);

  /// Back to the ring, wiped. The pinned bytes [clean_from, clean_to) hold no secrets and may stay.
  void release(Slot& slot, uint64_t clean_from = 0, uint64_t clean_to = 0);
  void fail(Slot& slot);

  Runtime& runtime() { return runtime_; }

 private:
  struct Device {
    int number = 0;  // the runtime's
    DeviceStatus status;
    uint32_t faults_in_row = 0;
    std::unique_ptr<Slot[]> slots;
  };

  bool did(Slot& slot, const char* call, int error);
  bool upload_piece(Slot& slot, uint64_t bytes);
  bool download_piece(Slot& slot, uint64_t secrets, uint64_t clean, uint64_t end);
  bool record_end(Slot& slot);
  bool wait_for(Slot& slot);
  template <class Alloc, class Free>
  bool grow(Slot& slot, uint8_t*& p, uint64_t& have, uint64_t& of_device, uint64_t need, const Alloc& alloc,
            const Free& free);
  Slot* take_free();
  bool all_put_aside() const;
  bool may_use(uint32_t device) const;
  bool may_use_none() const;
  bool in_child() const;
  bool has_abandoned(uint32_t device);
  void put_aside(Device& device, const char* why);

  Runtime& runtime_;
  const DeviceOptions options_;
  const uint64_t generation_;  // of the process; a child of fork() may not use what its parent began
  std::atomic<bool> tables_for_all_{false};
  std::atomic<uint32_t> only_{any};
  char unavailable_[256] = "";
  uint64_t slot_bytes_ = 0;
  uint32_t num_devices_ = 0, slots_each_ = 0;
  int driver_ = 0;
  std::unique_ptr<Device[]> devices_;

  std::mutex mutex_;  // for what follows, the devices' statuses and the slots' states
  std::condition_variable changed_;
  uint32_t num_waiting_ = 0;
};

/// A thread among our calls: whoever captures a stream elsewhere disturbs them, and is disturbed by them, as little as by
/// another process. When this goes, the thread's device and its mode are as they were.
class OurTurn {
 public:
  explicit OurTurn(Runtime& runtime)
      : runtime_(runtime),
        known_device_(runtime.current(&device_) == success),
        known_mode_(runtime.exchange_capture_mode(&mode_) == success) {}
  ~OurTurn() {
    if (known_mode_) (void)runtime_.exchange_capture_mode(&mode_);
    if (known_device_) (void)runtime_.use(device_);
  }
  OurTurn(const OurTurn&) = delete;
  OurTurn& operator=(const OurTurn&) = delete;

 private:
  Runtime& runtime_;
  int device_ = 0, mode_ = capture_relaxed;
  bool known_device_, known_mode_;
};

}  // namespace megaseal::gpu
