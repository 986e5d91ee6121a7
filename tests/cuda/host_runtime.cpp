#include "tests/cuda/host_runtime.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace megaseal::test {

using namespace gpu;

namespace {
enum : int { invalid_value = 1, out_of_memory = 2, invalid_handle = 400, disturbs_capture = 900 };
thread_local int current_device = 0, capture_mode = capture_global;
}  // namespace

struct HostRuntime::HostStream {
  HostRuntime& runtime;
  const int device;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> tasks;
  uint64_t given = 0, done = 0;
  bool running = false, stopping = false;
  std::thread thread;

  HostStream(HostRuntime& r, int d) : runtime(r), device(d), thread([this] { work(); }) {}
  ~HostStream() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    thread.join();
  }
  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return !tasks.empty() || stopping; });
      if (tasks.empty()) return;
      const std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      running = true;
      lock.unlock();
      if (task) task();
      lock.lock();
      running = false;
      done++;
      changed.notify_all();
    }
  }
  uint64_t give(std::function<void()> task) {
    const std::lock_guard lock(mutex);
    tasks.push_back(std::move(task));
    changed.notify_all();
    return ++given;
  }
  void drain() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return tasks.empty() && !running; });
  }
  void drop() {
    std::unique_lock lock(mutex);
    tasks.clear();
    changed.wait(lock, [&] { return !running; });
  }
};

HostRuntime::HostRuntime(const Programs& programs, int devices) : inner_(programs), devices_(devices) {}
HostRuntime::~HostRuntime() { streams_.clear(); }

void HostRuntime::for_each(const std::function<void(const Memory&)>& f) {
  const std::lock_guard lock(mutex_);
  for (const Memory& m : memories_) f(m);
}
void HostRuntime::lose() {
  const std::lock_guard lock(mutex_);
  for (const auto& s : streams_) s->drop();
}
void HostRuntime::drain() {
  const std::lock_guard lock(mutex_);
  for (const auto& s : streams_) s->drain();
}
void HostRuntime::give(Stream stream, std::function<void()> task) {
  static_cast<HostStream*>(stream)->give(std::move(task));
}
int HostRuntime::device_of(Stream stream) const { return static_cast<const HostStream*>(stream)->device; }
size_t HostRuntime::num_streams() {
  const std::lock_guard lock(mutex_);
  return streams_.size();
}
size_t HostRuntime::num_events() {
  const std::lock_guard lock(mutex_);
  return events_.size();
}
size_t HostRuntime::num_memories() {
  const std::lock_guard lock(mutex_);
  return memories_.size();
}

int HostRuntime::versions(int* driver, int* runtime) {
  if (on_start) on_start();
  *driver = driver_version;
  *runtime = runtime_version;
  return success;
}
int HostRuntime::num_devices(int* num) {
  *num = devices_;
  return devices_ > 0 ? success : 100;
}
int HostRuntime::properties(DeviceProperties* out, int device) {
  std::snprintf(out->name, sizeof out->name, "stand-in %d", device);
  out->compute_major = compute_major;
  out->compute_minor = 0;
  out->memory_bytes = uint64_t(1) << 30;
  out->is_prohibited = device == prohibited;
  return success;
}
int HostRuntime::current(int* device) {
  *device = current_device;
  return success;
}
int HostRuntime::use(int device) {
  if (device < 0 || device >= devices_) return invalid_value;
  current_device = device;
  return success;
}
int HostRuntime::exchange_capture_mode(int* mode) {
  std::swap(*mode, capture_mode);
  return success;
}
bool HostRuntime::disturbs_a_capture() const {
  return is_captured_elsewhere && capture_mode != capture_relaxed;
}

int HostRuntime::create_stream(Stream* out) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(std::make_unique<HostStream>(*this, current_device));
  *out = streams_.back().get();
  return success;
}
int HostRuntime::create_event(Event* out) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::make_unique<HostEvent>());
  *out = events_.back().get();
  return success;
}
int HostRuntime::destroy_stream(Stream s) {
  std::unique_ptr<HostStream> gone;
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find_if(streams_, [&](const auto& p) { return p.get() == s; });
  if (at == streams_.end()) return invalid_handle;
  gone = std::move(*at);
  streams_.erase(at);
  return success;
}
int HostRuntime::destroy_event(Event e) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(events_, [&](const auto& p) { return p.get() == e; }) == 1 ? int(success)
                                                                                  : int(invalid_handle);
}

int HostRuntime::alloc(void** out, size_t bytes, int device) {
  if (disturbs_a_capture()) return disturbs_capture;
  Memory m{std::make_unique<uint8_t[]>(bytes), bytes, device};
  std::memset(m.bytes.get(), 0xa5, bytes);
  *out = m.bytes.get();
  const std::lock_guard lock(mutex_);
  memories_.push_back(std::move(m));
  return success;
}
int HostRuntime::alloc_device(void** out, size_t bytes) { return alloc(out, bytes, current_device); }
int HostRuntime::alloc_pinned(void** out, size_t bytes) { return alloc(out, bytes, -1); }
int HostRuntime::free(void* p, bool pinned) {
  if (disturbs_a_capture()) return disturbs_capture;
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find_if(
      memories_, [&](const Memory& m) { return m.bytes.get() == p && pinned == (m.device < 0); });
  if (at == memories_.end()) return invalid_value;
  if (on_free) on_free(*at);
  memories_.erase(at);
  return success;
}
int HostRuntime::free_device(void* p) { return free(p, false); }
int HostRuntime::free_pinned(void* p) { return free(p, true); }
bool HostRuntime::holds(const void* p, size_t bytes, int device) {
  const std::lock_guard lock(mutex_);
  const auto* b = static_cast<const uint8_t*>(p);
  return std::ranges::any_of(memories_, [&](const Memory& m) {
    return m.device == device && b >= m.bytes.get() && b + bytes <= m.bytes.get() + m.size;
  });
}

int HostRuntime::upload(void* device, const void* pinned, size_t bytes, Stream stream) {
  auto* s = static_cast<HostStream*>(stream);
  if (!holds(device, bytes, s->device) || !holds(pinned, bytes, -1)) return invalid_value;
  s->give([=] { std::memcpy(device, pinned, bytes); });
  return success;
}
int HostRuntime::download(void* pinned, const void* device, size_t bytes, Stream stream) {
  auto* s = static_cast<HostStream*>(stream);
  if (!holds(device, bytes, s->device) || !holds(pinned, bytes, -1)) return invalid_value;
  s->give([=] { std::memcpy(pinned, device, bytes); });
  return success;
}
int HostRuntime::zero(void* device, size_t bytes, Stream stream) {
  auto* s = static_cast<HostStream*>(stream);
  if (!holds(device, bytes, s->device)) return invalid_value;
  s->give([=] { std::memset(device, 0, bytes); });
  return success;
}
int HostRuntime::record(Event event, Stream stream) {
  auto* e = static_cast<HostEvent*>(event);
  e->stream = static_cast<HostStream*>(stream);
  e->number = e->stream->give({});
  return success;
}
int HostRuntime::capturing(Stream, bool* out) {
  *out = is_captured;
  return success;
}
int HostRuntime::query(Event event) {
  const auto* e = static_cast<const HostEvent*>(event);
  if (disturbs_a_capture()) return disturbs_capture;
  if (!e->stream) return success;
  const std::lock_guard lock(e->stream->mutex);
  return e->stream->done >= e->number ? success : error_not_ready;
}
const char* HostRuntime::error_name(int error) {
  switch (error) {
    case success:
      return "success";
    case invalid_value:
      return "invalid value";
    case out_of_memory:
      return "out of memory";
    case invalid_handle:
      return "invalid handle";
    case error_not_ready:
      return "not ready";
    case 100:
      return "no device";
    default:
      return "planted";
  }
}

template <auto kMember, class Job>
int HostRuntime::launch(const Job& job, Stream stream) {
  auto* s = static_cast<HostStream*>(stream);
  if (s->device != current_device) return invalid_handle;  // as CUDA has it
  const Launch<Job> program = s->runtime.inner_.*kMember;
  const auto time = s->runtime.program_time;
  s->give([=] {
    if (time.count() > 0) std::this_thread::sleep_for(time);
    program(job, nullptr);
  });
  return success;
}

// clang-format off
#define MEGASEAL_LAUNCHES                                                         \
  {                                                                               \
    .put = launch<&Programs::put, PutJob>,                                        \
    .chacha20_stream = launch<&Programs::chacha20_stream, StreamJob>,             \
    .x25519_shared = launch<&Programs::x25519_shared, X25519Job>,                 \
    .x25519_public = launch<&Programs::x25519_public, X25519Job>,                 \
    .x25519_prepare = launch<&Programs::x25519_prepare, PrepareJob>,              \
    .x25519_prepared = launch<&Programs::x25519_prepared, PreparedJob>,           \
    .hpke_schedule = launch<&Programs::hpke_schedule, ScheduleJob>,               \
    .chacha20poly1305_seal = launch<&Programs::chacha20poly1305_seal, CipherJob>, \
    .chacha20poly1305_open = launch<&Programs::chacha20poly1305_open, CipherJob>, \
    .secretbox_seal = launch<&Programs::secretbox_seal, CipherJob>,               \
    .secretbox_open = launch<&Programs::secretbox_open, CipherJob>,               \
    .cipher_order = launch<&Programs::cipher_order, OrderJob>,                    \
    .sealedbox_keys = launch<&Programs::sealedbox_keys, SealedBoxJob>             \
  }
// clang-format on

const Programs& HostRuntime::programs() {
  static const Programs all = MEGASEAL_LAUNCHES;
  return all;
}

void FaultyRuntime::set(Plan plan) {
  const std::lock_guard lock(mutex_);
  plan_ = std::move(plan);
  counts_ = {};
  count_ = 0;
}
uint64_t FaultyRuntime::num_calls(Call kind) {
  const std::lock_guard lock(mutex_);
  return counts_[size_t(kind)];
}
uint64_t FaultyRuntime::num_calls() {
  const std::lock_guard lock(mutex_);
  return count_;
}
int FaultyRuntime::fault(Call kind) {
  std::unique_lock lock(mutex_);
  const uint64_t of_kind = ++counts_[size_t(kind)];
  if (kind != Call::query) count_++;
  if (plan_.first == 0) return success;
  const bool of_any = plan_.kind == Call::num;
  if (!of_any && kind != plan_.kind) return success;
  // For good means questions, too: nothing answers any more.
  if (of_any && kind == Call::query && (plan_.last != ~uint64_t(0) || count_ < plan_.first)) return success;
  const uint64_t number = of_any ? count_ : of_kind;
  if (number < plan_.first || number > std::max(plan_.first, plan_.last)) return success;
  const auto on_fault = plan_.on_fault;
  const int error = plan_.error;
  lock.unlock();
  if (on_fault) on_fault();
  return error;
}

int FaultyRuntime::versions(int* driver, int* runtime) {
  const int e = fault(Call::versions);
  return e ? e : inner_.versions(driver, runtime);
}
int FaultyRuntime::num_devices(int* num) {
  const int e = fault(Call::num_devices);
  return e ? e : inner_.num_devices(num);
}
int FaultyRuntime::properties(DeviceProperties* out, int device) {
  const int e = fault(Call::properties);
  return e ? e : inner_.properties(out, device);
}
int FaultyRuntime::current(int* device) {
  const int e = fault(Call::current);
  return e ? e : inner_.current(device);
}
int FaultyRuntime::use(int device) {
  const int e = fault(Call::use);
  return e ? e : inner_.use(device);
}
int FaultyRuntime::exchange_capture_mode(int* mode) {
  const int e = fault(Call::exchange_capture_mode);
  return e ? e : inner_.exchange_capture_mode(mode);
}
int FaultyRuntime::create_stream(Stream* out) {
  if (const int e = fault(Call::create_stream)) return e;
  auto s = std::make_unique<FaultyStream>(FaultyStream{this, nullptr});
  if (const int e = inner_.create_stream(&s->inner)) return e;
  *out = s.get();
  const std::lock_guard lock(mutex_);
  streams_.push_back(std::move(s));
  return success;
}
int FaultyRuntime::create_event(Event* out) {
  if (const int e = fault(Call::create_event)) return e;
  auto event = std::make_unique<FaultyEvent>();
  if (const int e = inner_.create_event(&event->inner)) return e;
  *out = event.get();
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  return success;
}
int FaultyRuntime::alloc_device(void** out, size_t bytes) {
  const int e = fault(Call::alloc_device);
  return e ? e : inner_.alloc_device(out, bytes);
}
int FaultyRuntime::alloc_pinned(void** out, size_t bytes) {
  const int e = fault(Call::alloc_pinned);
  return e ? e : inner_.alloc_pinned(out, bytes);
}
int FaultyRuntime::destroy_stream(Stream s) {
  const int e = fault(Call::destroy_stream);
  return e ? e : inner_.destroy_stream(static_cast<FaultyStream*>(s)->inner);
}
int FaultyRuntime::destroy_event(Event event) {
  const int e = fault(Call::destroy_event);
  return e ? e : inner_.destroy_event(static_cast<FaultyEvent*>(event)->inner);
}
int FaultyRuntime::free_device(void* p) {
  const int e = fault(Call::free_device);
  return e ? e : inner_.free_device(p);
}
int FaultyRuntime::free_pinned(void* p) {
  const int e = fault(Call::free_pinned);
  return e ? e : inner_.free_pinned(p);
}
int FaultyRuntime::upload(void* device, const void* pinned, size_t bytes, Stream s) {
  const int e = fault(Call::upload);
  return e ? e : inner_.upload(device, pinned, bytes, static_cast<FaultyStream*>(s)->inner);
}
int FaultyRuntime::download(void* pinned, const void* device, size_t bytes, Stream s) {
  const int e = fault(Call::download);
  return e ? e : inner_.download(pinned, device, bytes, static_cast<FaultyStream*>(s)->inner);
}
int FaultyRuntime::zero(void* device, size_t bytes, Stream s) {
  const int e = fault(Call::zero);
  return e ? e : inner_.zero(device, bytes, static_cast<FaultyStream*>(s)->inner);
}
int FaultyRuntime::record(Event event, Stream s) {
  if (const int e = fault(Call::record)) return e;
  auto* const f = static_cast<FaultyEvent*>(event);
  {
    const std::lock_guard lock(mutex_);
    const uint64_t number = counts_[size_t(Call::record)], first = plan_.hung_record;
    f->hung = first > 0 && number >= first && number <= std::max(first, plan_.last_hung_record);
  }
  return inner_.record(f->inner, static_cast<FaultyStream*>(s)->inner);
}
int FaultyRuntime::capturing(Stream s, bool* out) {
  const int e = fault(Call::capturing);
  return e ? e : inner_.capturing(static_cast<FaultyStream*>(s)->inner, out);
}
int FaultyRuntime::query(Event event) {
  if (const int e = fault(Call::query)) return e;
  const auto* const f = static_cast<const FaultyEvent*>(event);
  if (!f->hung) return inner_.query(f->inner);
  // For the stand-in it does come, or else its stream could still be at work where the host no longer expects it.
  while (inner_.query(f->inner) == error_not_ready) std::this_thread::yield();
  return error_not_ready;
}

template <auto kMember, class Job>
int FaultyRuntime::launch(const Job& job, Stream stream) {
  const auto* const s = static_cast<const FaultyStream*>(stream);
  if (const int e = s->runtime->fault(Call::launch)) return e;
  return (s->runtime->inner_.programs().*kMember)(job, s->inner);
}
const Programs& FaultyRuntime::programs() {
  static const Programs all = MEGASEAL_LAUNCHES;
  return all;
}

}  // namespace megaseal::test
