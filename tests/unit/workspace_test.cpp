// Which of the idle workspaces a call gets: one that need not grow, wherever it lies.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/workspace.hpp"

namespace megaseal::test {
namespace {

// A batch of several tiles leaves its workspaces in the order in which the threads gave them back. The call's own, whose
// text holds the labelled strings, must be found again in any order, or a warm call would make another's grow.
TEST(WorkspacePool, FindsTheOneWithTextWhereverItLies) {
  constexpr size_t num = 4, text_len = 100;
  for (size_t with_text = 0; with_text < num; ++with_text) {
    WorkspacePool pool(64);
    std::vector<WorkspacePool::Handle> held, again;
    for (size_t i = 0; i < num; ++i) held.push_back(pool.take(i == with_text ? text_len : 0));
    const Workspace* expected = held[with_text].get();
    std::vector<const Workspace*> before;
    for (const WorkspacePool::Handle& h : held) before.push_back(h.get());
    for (WorkspacePool::Handle& h : held) h.reset();

    again.push_back(pool.take(text_len));
    EXPECT_EQ(again[0].get(), expected) << "it lay at " << with_text;
    // Those passed over lie ready for others.
    for (size_t i = 1; i < num; ++i) {
      again.push_back(pool.take(0));
      EXPECT_EQ(std::count(before.begin(), before.end(), again[i].get()), 1)
          << "a new one, though others are idle";
    }
  }
}

TEST(WorkspacePool, GrowsAnIdleOneRatherThanMakingAnother) {
  WorkspacePool pool(64);
  WorkspacePool::Handle a = pool.take(0), b = pool.take(10);
  const Workspace *one = a.get(), *two = b.get();
  a.reset();
  b.reset();
  WorkspacePool::Handle grown = pool.take(20), other = pool.take(0);
  EXPECT_GE(grown->text.size(), 20u);
  EXPECT_TRUE((grown.get() == one && other.get() == two) || (grown.get() == two && other.get() == one));
}

TEST(WorkspacePool, WipesATile) {
  Workspace w(3);
  for (uint8_t* p : {w.secrets, w.dh, w.keys, w.exporters}) std::fill(p, p + 96, uint8_t(7));
  std::fill(w.nonces, w.nonces + 72, uint8_t(7));
  for (const uint32_t num : {1u, 3u}) {
    w.wipe_tile(num);
    for (const uint8_t* p : {w.secrets, w.dh, w.keys, w.exporters})
      for (size_t i = 0; i < 32 * num; ++i) ASSERT_EQ(p[i], 0) << num << " items, byte " << i;
    for (size_t i = 0; i < 24 * num; ++i) ASSERT_EQ(w.nonces[i], 0) << num << " items, byte " << i;
  }
}

}  // namespace
}  // namespace megaseal::test
