// The energy counters of `megaseal bench`, on a made-up /sys/class/powercap: test machines seldom have one.
#include "engine/cli/energy.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace megaseal::cli {
namespace {

class EnergyTest : public testing::Test {
 protected:
  EnergyTest() {
    std::string name = testing::TempDir() + "energy.XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~EnergyTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& zone, const std::string& file, const std::string& value) {
    std::filesystem::create_directories(root_ + "/" + zone);
    std::ofstream(root_ + "/" + zone + "/" + file) << value << "\n";
  }
  void add(const std::string& zone, const std::string& name, uint64_t energy) {
    write(zone, "name", name);
    write(zone, "energy_uj", std::to_string(energy));
    write(zone, "max_energy_range_uj", "10000000");
  }

  std::string root_;
};

TEST_F(EnergyTest, NoneWithoutCounters) {
  for (EnergyMeter meter : {EnergyMeter(root_), EnergyMeter(root_ + "/missing")}) {
    EXPECT_FALSE(meter.available());
    EXPECT_EQ(meter.joules(), std::nullopt);
  }
}

TEST_F(EnergyTest, AddsPackagesAndNothingTwice) {
  add("intel-rapl:0", "package-0", 1'000'000);
  add("intel-rapl:1", "package-1", 5'000'000);
  add("intel-rapl:0:0", "core", 0);
  add("intel-rapl:2", "psys", 0);
  add("intel-rapl-mmio:0", "package-0", 1'000'000);
  EnergyMeter meter(root_);
  ASSERT_TRUE(meter.available());
  EXPECT_EQ(meter.joules(), 0);
  write("intel-rapl:0", "energy_uj", "3000000");
  write("intel-rapl:1", "energy_uj", "5500000");
  for (const char* other : {"intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0"})
    write(other, "energy_uj", "9000000");
  EXPECT_DOUBLE_EQ(meter.joules().value_or(-1), 2.5);
  EXPECT_EQ(meter.joules(), 0);
}

TEST_F(EnergyTest, CountersStartAgain) {
  add("intel-rapl:0", "package-0", 9'000'000);
  EnergyMeter meter(root_);
  write("intel-rapl:0", "energy_uj", "500000");
  EXPECT_DOUBLE_EQ(meter.joules().value_or(-1), 1.5);
  write("intel-rapl:0", "energy_uj", "600000");
  EXPECT_DOUBLE_EQ(meter.joules().value_or(-1), 0.1);
}

TEST_F(EnergyTest, NoneWhenACounterCannotBeRead) {
  add("intel-rapl:0", "package-0", 1'000'000);
  add("intel-rapl:1", "package-1", 2'000'000);
  EnergyMeter meter(root_);
  std::filesystem::remove(root_ + "/intel-rapl:1/energy_uj");
  write("intel-rapl:0", "energy_uj", "1500000");
  EXPECT_EQ(meter.joules(), std::nullopt);
}

}  // namespace
}  // namespace megaseal::cli
