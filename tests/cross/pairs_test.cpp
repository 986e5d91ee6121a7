// Every backend with every other: sealed on A, opened on B, for every scheme; the forced backends asserted by name.
#include "tests/support/backends.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

const BackendRow* row_of(const std::string& name) {
  for (const BackendRow& row : backend_rows())
    if (name == row.name) return &row;
  return nullptr;
}

/// What an engine forced to `name` must report for an operation that is one slot.
void expect_served_by(const megaseal_engine* engine, megaseal_operation operation, const std::string& name,
                      bool has) {
  EXPECT_EQ(backend_name(engine, operation), has ? name : "scalar")
      << megaseal_operation_name(operation);
}

class ForcedBackend : public BackendTest {};

TEST_P(ForcedBackend, ServesWhatItHasAndScalarTheRest) {
  const Engine engine = make_engine(name());
  expect_served_by(engine.get(), MEGASEAL_OP_CHACHA20POLY1305_SEAL, name(), table().chacha20poly1305_seal);
  expect_served_by(engine.get(), MEGASEAL_OP_CHACHA20POLY1305_OPEN, name(), table().chacha20poly1305_open);
  expect_served_by(engine.get(), MEGASEAL_OP_X25519_SHARED, name(), table().x25519_shared);
  expect_served_by(engine.get(), MEGASEAL_OP_X25519_PUBLIC, name(), table().x25519_public);
  for (int op = 0; op < MEGASEAL_OP_COUNT_; ++op) {
    const std::string served = backend_name(engine.get(), op);
    if (op == MEGASEAL_OP_X25519_PREPARED && served.empty()) continue;
    for (size_t begin = 0; begin <= served.size();) {
      const size_t end = std::min(served.find('+', begin), served.size());
      const std::string part = served.substr(begin, end - begin);
      EXPECT_TRUE(part == name() || part == "scalar" || part == "libsodium")
          << megaseal_operation_name(megaseal_operation(op)) << " is served by " << served;
      begin = end + 1;
    }
  }
}

MEGASEAL_ON_EVERY_BACKEND(ForcedBackend);

class Pairs : public SchemeTest {};

TEST_P(Pairs, SealedOnOneOpenedOnTheOther) {
  const std::vector<size_t> items = first_items(100);
  std::vector<Bytes> first;
  for (const std::string& a : available_backends()) {
    ASSERT_TRUE(row_of(a) && row_of(a)->table) << a;
    const Engine sealer = make_engine(a);
    const Results sealed = scheme().seal(sealer.get(), Layout::packed, items);
    ASSERT_TRUE(sealed.ok()) << a;
    if (first.empty()) first = sealed.out;
    ASSERT_EQ(sealed.out, first) << a << " seals other bytes than " << available_backends()[0];
    for (const std::string& b : available_backends()) {
      SCOPED_TRACE("sealed on " + a + ", opened on " + b);
      const Engine opener = make_engine(b);
      const Results opened = scheme().open(opener.get(), Layout::packed, items, sealed.out);
      ASSERT_TRUE(opened.ok());
      ASSERT_EQ(opened.out, scheme().plaintexts(items).in);
    }
  }
  for (const std::string& a : available_backends()) EXPECT_EQ(left_to_cpu(*row_of(a)), "") << a;
}

MEGASEAL_ON_EVERY_SCHEME(Pairs);

}  // namespace
}  // namespace megaseal::test
