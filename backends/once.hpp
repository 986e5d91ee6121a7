// What a process makes once and keeps, where making it takes long and a fork may come in between.
#pragma once
#include <atomic>
#include <cstdint>

namespace megaseal {

/// A value that the first thread to ask makes while the others wait. A function's static variable would do, but for two
/// things: in a child of fork() nobody would finish what a thread of the parent had begun, and at the process's end it
/// would be destroyed under a thread that is still at it.
template <class T>
class Once {
 public:
  constexpr Once() = default;
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  /// The value; `make` returns a new one, which is kept for good. In a child that was made while a thread of its parent was
  /// in `make`, `make_in_child` is called instead. `generation` tells processes apart: it differs between a parent and its
  /// children. What these throw goes to the caller whose call it was, and the next one tries again.
  template <class Make, class MakeInChild>
  T& get(uint64_t generation, const Make& make, const MakeInChild& make_in_child) {
    const uint64_t mine = begun | generation << 2;
    for (;;) {
      uint64_t seen = state_.load(std::memory_order_acquire);
      if (seen == done) return *value_;
      if (seen == mine) {
        state_.wait(seen, std::memory_order_relaxed);
        continue;
      }
      const bool is_cold = seen == cold;
      if (!state_.compare_exchange_strong(seen, mine, std::memory_order_relaxed)) continue;
      const auto end = [this](uint64_t state) {
        state_.store(state, std::memory_order_release);
        state_.notify_all();
      };
      try {
        value_ = is_cold ? make() : make_in_child();
      } catch (...) {
        end(cold);
        throw;
      }
      end(done);
      return *value_;
    }
  }

  /// Likewise, where a child may make it as well as its parent.
  template <class Make>
  T& get(uint64_t generation, const Make& make) {
    return get(generation, make, make);
  }

  /// Null before the value has been made.
  T* made() const { return state_.load(std::memory_order_acquire) == done ? value_ : nullptr; }
  /// Whether it has been begun, at least.
  bool is_begun() const { return state_.load(std::memory_order_relaxed) != cold; }

  /// For tests: as it was at first. Nobody may be in a call, or use the value any more.
  void forget() {
    delete made();
    value_ = nullptr;
    state_.store(cold, std::memory_order_release);
  }

 private:
  static constexpr uint64_t cold = 0, done = 1, begun = 2;
  std::atomic<uint64_t> state_{cold};
  T* value_ = nullptr;  // set before `done`
};

}  // namespace megaseal
