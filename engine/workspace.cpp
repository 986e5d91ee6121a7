#include "engine/workspace.hpp"

#include <algorithm>
#include <new>

namespace megaseal {
namespace {

// Carves arrays out of one block; first with no block, to learn the size.
struct Carver {
  uint8_t* base;
  size_t used = 0;

  template <class T>
  void take(T*& array, size_t count) {
    used = (used + 63) / 64 * 64;
    if (base != nullptr) array = reinterpret_cast<T*>(base + used);
    used += count * sizeof(T);
  }
};

void carve(Workspace& w, Carver& c, size_t n) {
  c.take(w.items, n);
  c.take(w.survivors, n);
  c.take(w.expand, n);
  c.take(w.prepared, n);
  c.take(w.index, n);
  c.take(w.survivor_of, n);
  c.take(w.status, n);
  c.take(w.survivor_status, n);
  c.take(w.enc, n * 32);
  c.take(w.recipients, n * 32);
  c.take(w.secrets, n * 32);
  c.take(w.dh, n * 32);
  c.take(w.keys, n * 32);
  c.take(w.nonces, n * 24);
  c.take(w.exporters, n * 32);
  c.take(w.call_seed, 32);
}

}  // namespace

Workspace::Workspace(uint32_t capacity, uint32_t window, const Dispatch* d) : dispatch(d), groups(window) {
  Carver measure{nullptr};
  carve(*this, measure, capacity);
  // Nothing in here must outlive the call in a forked child, and no secret belongs in a core dump.
  pages_ = SecretPages(measure.used, SecretPages::On_fork::wipe, SecretPages::Lock::no);
  Carver lay_out{pages_.data()};
  carve(*this, lay_out, capacity);
}

void Workspace::wipe_tile(uint32_t num) {
  if (num == 1) {  // constant sizes: a few stores instead of five calls
    for (uint8_t* secret : {secrets, dh, keys, exporters}) wipe(secret, 32);
    wipe(nonces, 24);
    return;
  }
  wipe(secrets, size_t(num) * 32);
  wipe(dh, size_t(num) * 32);
  wipe(keys, size_t(num) * 32);
  wipe(nonces, size_t(num) * 24);
  wipe(exporters, size_t(num) * 32);
}

WorkspacePool::~WorkspacePool() {
  for (auto& slot : idle_) delete slot.load(std::memory_order_relaxed);
}

Workspace* WorkspacePool::acquire(size_t text_len) {
  Workspace* other = nullptr;  // one whose text would have to grow
  for (auto& slot : idle_) {
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    Workspace* w = slot.exchange(nullptr, std::memory_order_acquire);
    if (w == nullptr) continue;
    if (w->text.size() >= text_len) {
      if (other != nullptr) release(other);
      return w;
    }
    if (other != nullptr)
      release(w);
    else
      other = w;
  }
  return other != nullptr ? other : new Workspace(capacity_, window_, dispatch_);
}

WorkspacePool::Handle WorkspacePool::take(size_t text_len) {
  Handle w(acquire(text_len), Release{*this});
  if (w->text.size() < text_len) w->text.resize(text_len);
  return w;
}

void WorkspacePool::release(Workspace* workspace) {
  for (auto& slot : idle_) {
    Workspace* empty = nullptr;
    if (slot.load(std::memory_order_relaxed) == nullptr &&
        slot.compare_exchange_strong(empty, workspace, std::memory_order_release, std::memory_order_relaxed))
      return;
  }
  delete workspace;
}

WorkspaceLease::WorkspaceLease(WorkspacePool& pool, uint32_t num, size_t text_len) : pool_(pool) {
  try {
    for (; num_ < num; num_++) {
      held_[num_] = pool_.take(text_len).release();
    }
  } catch (...) {
    give_all_back();
    throw;
  }
}

WorkspaceLease::~WorkspaceLease() { give_all_back(); }

void WorkspaceLease::give_all_back() {
  for (uint32_t i = 0; i < num_; i++) pool_.release(held_[i]);
}

Workspace& WorkspaceLease::get() {
  for (;;) {
    for (uint32_t i = 0; i < num_; i++)
      if (Workspace* w = std::atomic_ref(held_[i]).exchange(nullptr, std::memory_order_acquire)) return *w;
  }
}

void WorkspaceLease::put_back(Workspace& workspace) {
  for (;;) {
    for (uint32_t i = 0; i < num_; i++) {
      Workspace* empty = nullptr;
      if (std::atomic_ref(held_[i]).compare_exchange_strong(empty, &workspace, std::memory_order_release,
                                                            std::memory_order_relaxed))
        return;
    }
  }
}

}  // namespace megaseal
