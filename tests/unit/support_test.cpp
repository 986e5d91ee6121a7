// The tools that the other tests rest on: a test that cannot fail is a defect.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/batch.hpp"
#include "tests/support/guard_pages.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

TEST(SupportDeathTest, GuardPagesTrapOneByteBeforeAndBehind) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const size_t len : {size_t(1), size_t(100), size_t(4096)}) {
    GuardedBuffer front(len, Edge::front), back(len, Edge::back);
    front.data()[0] = back.data()[len - 1] = 1;
    EXPECT_DEATH(*static_cast<volatile uint8_t*>(front.data() - 1) = 1, "");
    EXPECT_DEATH(*static_cast<volatile uint8_t*>(back.data() + len) = 1, "");
  }
}

TEST(Support, HexRefusesWhatIsNone) {
  EXPECT_EQ(from_hex("00fF7a"), (Bytes{0x00, 0xff, 0x7a}));
  EXPECT_EQ(to_hex(from_hex("00ff7a")), "00ff7a");
  EXPECT_THROW(from_hex("0"), std::invalid_argument);
  EXPECT_THROW(from_hex("0g"), std::invalid_argument);
}

TEST(Support, VectorFilesThatAreMissingOrEmptyThrow) {
  EXPECT_THROW(load_vectors("no_such_file.json"), std::runtime_error);
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "megaseal_support_test.json";
  std::ofstream(file) << R"({"numberOfTests": 2, "testGroups": [{"type": "T", "tests": [{"tcId": 1}]}]})";
  EXPECT_THROW(load_wycheproof(file), std::runtime_error) << "a test is missing";
  std::filesystem::remove(file);
}

TEST(Support, WycheproofReaderGivesEachTestItsGroup) {
  const std::vector<Vector> tests = load_wycheproof(wycheproof_sample_dir() / "chacha20_poly1305_test.json");
  ASSERT_EQ(tests.size(), 5u);
  EXPECT_EQ(tests[4].number("tcId"), 5u);
  EXPECT_EQ(tests[4].number("ivSize"), 96u);
  EXPECT_EQ(tests[4].text("result"), "invalid");
  EXPECT_EQ(tests[4].text("flags"), "ModifiedTag");
}

TEST(Support, ReferenceGivesRfc9180sValues) {
  for (const Vector& v : load_vectors("hpke.json")) {
    const reference::HpkeParams params = {v.hex("info"), v.hex("psk"), v.hex("psk_id")};
    EXPECT_EQ(to_hex(reference::x25519(v.hex("skEm"), v.hex("pkRm"))), v.text("dh"));
    EXPECT_EQ(to_hex(reference::hpke_key_schedule_context(params)), v.text("key_schedule_context"));
    const reference::HpkeKeys keys =
        reference::hpke_schedule(params, v.hex("dh"), v.hex("enc"), v.hex("pkRm"));
    EXPECT_EQ(to_hex(keys.key), v.text("key"));
    for (const Vector& e : v.list("encryptions")) {
      EXPECT_EQ(to_hex(reference::hpke_nonce(keys, e.number("sequence"))), e.text("nonce"));
      EXPECT_EQ(to_hex(reference::chacha20poly1305(keys.key, e.hex("nonce"), e.hex("aad"), e.hex("pt"))),
                e.text("ct"));
    }
    for (const Vector& e : v.list("exports"))
      EXPECT_EQ(to_hex(reference::hpke_export(keys, e.hex("exporter_context"), 32)), e.text("value"));
  }
}

}  // namespace
}  // namespace megaseal::test
