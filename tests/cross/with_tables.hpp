// Engines with tables of recipients, on every backend that has them and on one whose tables are made up; batches to all
// kinds of recipients in all kinds of order, sealed with given ephemeral keys so that results can be compared.
#pragma once
#include "tests/support/backends.hpp"
#include "tests/support/batch.hpp"
#include "tests/support/fake_tables.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/points.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {

inline const KernelTable fake_table = FakeTables::table();
inline const BackendRow fake_rows[] = {{"scalar", &fake_table, ""}};

inline Engine engine_with(const std::string& backend, size_t cache_bytes, uint32_t num_threads = 1) {
  megaseal_engine_options options = {};
  options.struct_size = sizeof options;
  options.num_threads = num_threads;
  options.prepared_cache_bytes = cache_bytes;
  megaseal_engine* engine = nullptr;
  if (backend == "fake") {
    throw_on(testing::engine_create(&engine, &options, fake_rows), "engine_create");
  } else {
    options.backend = backend.c_str();
    throw_on(megaseal_engine_create(&engine, &options), "megaseal_engine_create");
  }
  return Engine(engine);
}

inline megaseal_prepared_info info_of(const Engine& engine) { return prepared_info(engine.get()); }

/// "fake", and the backends that have tables here.
inline std::vector<std::string> backends_with_tables() {
  std::vector<std::string> out = {"fake"};
  for (const std::string& name : available_backends()) {
    const Engine engine = make_engine(name, 1);
    if (backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED) == name) out.push_back(name);
  }
  return out;
}

/// Recipients by number: honest keys first, whose secrets are known, then keys on the twist, of low order, and
/// non-canonical ones.
struct World {
  static constexpr size_t num_honest = 300;
  World() {
    Random random;
    for (size_t i = 0; i < num_honest; ++i) {
      secrets.push_back(random.bytes(32));
      keys.push_back(reference::x25519_public(secrets.back()));
    }
    for (const Bytes& key : small_points()) keys.push_back(key);
    for (const Bytes& key : low_order_all()) keys.push_back(key);
    for (const Bytes& key : noncanonical_good()) keys.push_back(key);
  }
  std::vector<Bytes> secrets, keys;
};
inline const World& world() {
  static const World all;
  return all;
}

/// Who the items of a batch go to.
struct Pattern {
  const char* name;
  std::vector<size_t> (*recipients)(Random&, size_t num);
};
inline std::vector<size_t> one(Random&, size_t num) { return std::vector<size_t>(num, 3); }
template <size_t Count>
std::vector<size_t> in_turn(Random&, size_t num) {
  std::vector<size_t> out(num);
  for (size_t i = 0; i < num; ++i) out[i] = i % Count;
  return out;
}
inline std::vector<size_t> in_runs(Random&, size_t num) {
  std::vector<size_t> out(num);
  for (size_t i = 0; i < num; ++i) out[i] = i / 9 % 50;
  return out;
}
inline std::vector<size_t> each_its_own(Random& random, size_t num) {
  std::vector<size_t> out(num);
  for (size_t& r : out) r = random.below(World::num_honest);
  return out;
}
/// A few that come often, many that come seldom, and all kinds of keys.
inline std::vector<size_t> skewed(Random& random, size_t num) {
  std::vector<size_t> out(num);
  for (size_t& r : out) {
    const uint64_t bound = uint64_t(1) << (2 + random.below(8));
    r = random.below(bound) % world().keys.size();
    if (random.below(4) == 0) r = World::num_honest + random.below(world().keys.size() - World::num_honest);
  }
  return out;
}
inline std::vector<size_t> hostile(Random& random, size_t num) {
  std::vector<size_t> out(num);
  for (size_t& r : out) r = World::num_honest + random.below(world().keys.size() - World::num_honest);
  return out;
}
inline constexpr Pattern patterns[] = {
    {"one", one},         {"2 in turn", in_turn<2>},     {"32 in turn", in_turn<32>},
    {"in runs", in_runs}, {"300 in turn", in_turn<300>}, {"each its own", each_its_own},
    {"skewed", skewed},   {"hostile", hostile}};

inline Bytes raw_keys(const std::vector<size_t>& recipients) {
  Bytes out;
  for (const size_t r : recipients) out.insert(out.end(), world().keys[r].begin(), world().keys[r].end());
  return out;
}

struct Batch {
  Batch(Random& random, const std::vector<size_t>& to) : recipients(to), keys(raw_keys(to)) {
    for (size_t i = 0; i < to.size(); ++i) {
      messages.in.push_back(random.bytes(random.below(90)));
      messages.aad.push_back({});
    }
    ephemerals = random.bytes(32 * to.size());
  }
  std::vector<size_t> recipients;
  Bytes keys, ephemerals;
  Messages messages;

  Results hpke(const Engine& engine, Layout layout = Layout::packed, Bytes* exports = nullptr) const {
    megaseal_hpke_params params = hpke_params();
    if (exports) {
      params.export_len = 40;
      exports->assign(40 * recipients.size(), 0xee);
    }
    const megaseal_recipients to = to_raw(keys, 32);
    return seal(layout, shape_of(MEGASEAL_FORMAT_HPKE), messages,
                [&](size_t* failed, const megaseal_batch* batch) {
                  return testing::hpke_seal_batch(engine.get(), failed, exports ? exports->data() : nullptr,
                                                  batch, &params, &to, ephemerals.data());
                });
  }
  Results box(const Engine& engine, megaseal_format format) const {
    const Messages plain = {messages.in, {}};
    const megaseal_recipients to = to_raw(keys, 32);
    return seal(Layout::pointers, shape_of(format), plain, [&](size_t* failed, const megaseal_batch* batch) {
      return testing::sealedbox_seal_batch(engine.get(), failed, batch, format, &to, ephemerals.data());
    });
  }
};

inline void expect_same(const Results& by_table, const Results& by_ladder) {
  ASSERT_EQ(by_table.error, MEGASEAL_ERROR_NONE);
  EXPECT_EQ(by_table.num_failed, by_ladder.num_failed);
  EXPECT_EQ(by_table.statuses, by_ladder.statuses);
  EXPECT_EQ(by_table.lens, by_ladder.lens);
  EXPECT_EQ(by_table.out, by_ladder.out);
}

/// Every such suite runs on each of `backends_with_tables`.
class WithTables : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { FakeTables::reset(); }
  void TearDown() override { EXPECT_EQ(FakeTables::wrong, 0u) << "a table that was another's, or not whole"; }
  Engine with_tables(size_t bytes = 0, uint32_t threads = 1) {
    return engine_with(GetParam(), bytes, threads);
  }
  Engine without_tables() { return engine_with(GetParam(), MEGASEAL_PREPARED_CACHE_OFF); }
  Random random_;
};

}  // namespace megaseal::test
