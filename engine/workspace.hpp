// The scratch memory of one tile in work: the arrays that its stages hand to one another. Sized once for the
// largest tile of the engine's backends, kept for the next tile, wiped after each.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/recipient_groups.hpp"
#include "engine/secret_memory.hpp"
#include "kernels/table.hpp"

namespace megaseal {

struct Dispatch;

class Workspace {
 public:
  /// Room for a tile of `capacity` items, and for windows of `window` items. Throws std::bad_alloc.
  explicit Workspace(uint32_t capacity, uint32_t window = 0, const Dispatch* dispatch = nullptr);

  /// Whose slots work on the tile: the engine's own, or a device's.
  const Dispatch* const dispatch;

  // What the tile is made of.
  AeadItem* items;               // one per valid item
  AeadItem* survivors;           // those left after a failed key agreement
  HkdfExpandItem* expand;        // exports
  X25519PreparedItem* prepared;  // of each item, its table alone until the tile runs
  uint32_t* index;               // of each item in the batch
  uint32_t* survivor_of;         // survivors[k] is items[survivor_of[k]]
  uint8_t* status;               // ItemStatus of each item
  uint8_t* survivor_status;
  uint8_t* enc;         // 32 bytes each: ephemeral public keys
  uint8_t* recipients;  // 32 bytes each: public keys

  // Secrets.
  uint8_t* secrets;    // 32 bytes each: ephemeral, or the recipients'
  uint8_t* dh;         // 32 bytes each
  uint8_t* keys;       // 32 bytes each
  uint8_t* nonces;     // 24 bytes each
  uint8_t* exporters;  // 32 bytes each
  uint8_t* call_seed;  // 32 bytes, of the call that holds the workspace, which wipes them

  /// Of the tile, where its secrets are made by who seals it; else null within.
  EphemeralSeed seed{};

  /// Labelled exporter contexts; grows to what was reserved and stays.
  std::vector<uint8_t> text;

  /// The recipients of the window that the tile is part of.
  RecipientGroups groups;

  /// Wipes the secrets of the first `num` items. (Slots clean up after themselves.)
  void wipe_tile(uint32_t num);

 private:
  SecretPages pages_;
};

/// The workspaces of an engine that nobody is using. Lock-free, so that a child of fork() cannot inherit a
/// lock held by a thread it does not have.
class WorkspacePool {
 public:
  explicit WorkspacePool(uint32_t capacity, uint32_t window = 0, const Dispatch* dispatch = nullptr)
      : capacity_(capacity), window_(window), dispatch_(dispatch) {}
  ~WorkspacePool();

  struct Release {
    WorkspacePool& pool;
    void operator()(Workspace* w) const { pool.release(w); }
  };

  using Handle = std::unique_ptr<Workspace, Release>;

  /// A workspace whose text holds `text_len` bytes; goes back by itself. Throws std::bad_alloc.
  Handle take(size_t text_len);
  /// The first that is idle and has the text; a shorter one, whose text then has to grow, only if there is no other. The
  /// order in which they lie here is left by the threads that gave them back: without looking, one that no call has
  /// given a text yet could come up at any time, and warm calls would allocate. Throws std::bad_alloc.
  Workspace* acquire(size_t text_len);
  void release(Workspace* workspace);

 private:
  const uint32_t capacity_, window_;
  const Dispatch* const dispatch_;
  // More than any call may hold: a workspace that finds no place here is freed and made again.
  std::array<std::atomic<Workspace*>, 1280> idle_{};
};

/// The workspaces that one call holds, taken before its work begins, so that no tile can fail for want of
/// memory.
class WorkspaceLease {
 public:
  static constexpr uint32_t max_threads = 1024;

  /// Throws std::bad_alloc. `text_len`: bytes that every workspace's text must hold.
  WorkspaceLease(WorkspacePool& pool, uint32_t num, size_t text_len);
  ~WorkspaceLease();
  WorkspaceLease(const WorkspaceLease&) = delete;
  WorkspaceLease& operator=(const WorkspaceLease&) = delete;

  /// For the calling thread until put back. At most `num` may be out at a time.
  Workspace& get();
  void put_back(Workspace& workspace);

 private:
  void give_all_back();
  WorkspacePool& pool_;
  uint32_t num_ = 0;
  Workspace* held_[max_threads];  // the first num_; accessed atomically, null while out
};

}  // namespace megaseal
