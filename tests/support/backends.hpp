// Tests that run once per row of backends.def and for the stand-in (stand_in.hpp), each under its backend's name. A backend
// that this machine cannot run is skipped by name; one whose self-test failed is run all the same, so that the tests say what
// is wrong with it. What a device failed to do the CPU has answered for it, so each test also asks whether it did.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "backends/registry.hpp"
#include "megaseal/megaseal.h"
#include "tests/support/stand_in.hpp"

namespace megaseal {
inline void PrintTo(const BackendRow* row, std::ostream* out) { *out << row->name; }
}  // namespace megaseal

namespace megaseal::test {

inline std::vector<const BackendRow*> all_backends() {
  std::vector<const BackendRow*> out;
  for (const BackendRow& row : backend_rows()) out.push_back(&row);
  out.push_back(&stand_in_row());
  return out;
}

/// What the library says of the backend called `name`.
inline megaseal_backend_info backend_info(const std::string& name) {
  for (size_t i = 0; i < megaseal_num_backends(); ++i) {
    megaseal_backend_info info = {};
    info.struct_size = sizeof info;
    if (megaseal_get_backend_info(i, &info) == MEGASEAL_ERROR_NONE && name == info.name) return info;
  }
  ADD_FAILURE() << "backends.def has " << name << ", the library does not list it";
  return {};
}

/// Whether tests of a device may be skipped for want of one: not where somebody has put one there.
inline bool device_is_needed() { return std::getenv("MEGASEAL_TEST_NEEDS_DEVICE") != nullptr; }

inline bool runs_here(const BackendRow& row) {
  const megaseal_backend_info info = backend_info(row.name);
  return info.state == MEGASEAL_BACKEND_AVAILABLE || info.state == MEGASEAL_BACKEND_SELFTEST_FAILED;
}

/// Names of the backends that an engine can be forced to here.
inline std::vector<std::string> available_backends() {
  std::vector<std::string> out;
  for (const BackendRow& row : backend_rows())
    if (backend_info(row.name).state == MEGASEAL_BACKEND_AVAILABLE) out.push_back(row.name);
  return out;
}

/// "", or what a backend's device did not do: right results say nothing of it then.
inline std::string left_to_cpu(const BackendRow& row, uint64_t faults_before = 0) {
  if (!row.device) return "";
  const DeviceReport now = row.device->report();
  std::string out = now.put_aside;
  if (now.num_faults > faults_before)
    out += " after " + std::to_string(now.num_faults - faults_before) + " faults";
  return out;
}

class BackendTest : public ::testing::TestWithParam<const BackendRow*> {
 protected:
  void SetUp() override {
    const BackendRow& row = *GetParam();
    RecordProperty("backend", row.name);
    use_stand_in(row.name == stand_in_name);
    if (row.name == stand_in_name) {
      ASSERT_EQ(row.device->start(), "");
      faults_before_ = row.device->report().num_faults;
      return;
    }
    if (!row.table) GTEST_SKIP() << row.name << " is left out of this build";
    ASSERT_TRUE(runs_here(row) || !row.device || !device_is_needed()) << backend_info(row.name).reason;
    if (!runs_here(row)) GTEST_SKIP() << row.name << " cannot run here: " << backend_info(row.name).reason;
    ASSERT_STREQ(row.table->name, row.name) << "another backend's table runs under this name";
    if (row.device) faults_before_ = row.device->report().num_faults;
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(left_to_cpu(*GetParam(), faults_before_), "");
  }
  const KernelTable& table() const { return *GetParam()->table; }
  const char* name() const { return GetParam()->name; }
  /// Where a call with one item costs what it costs with thousands.
  bool on_device() const { return GetParam()->device && GetParam() != &stand_in_row(); }
  /// Random cases: a tenth of them on a device, and on the stand-in, whose lanes take turns.
  size_t fewer(size_t num) const { return GetParam()->device ? num / 10 : num; }

 private:
  uint64_t faults_before_ = 0;
};

inline std::string backend_test_name(const ::testing::TestParamInfo<const BackendRow*>& info) {
  return info.param->name;
}

/// Instantiates a suite for every row of backends.def, and the stand-in.
#define MEGASEAL_ON_EVERY_BACKEND(Suite)                                                           \
  INSTANTIATE_TEST_SUITE_P(Backends, Suite, ::testing::ValuesIn(::megaseal::test::all_backends()), \
                           ::megaseal::test::backend_test_name)

/// Skips, by name, a test of a slot that this backend leaves to others.
#define MEGASEAL_NEEDS_SLOT(slot) \
  if (!table().slot) GTEST_SKIP() << name() << " does not offer " #slot

}  // namespace megaseal::test
