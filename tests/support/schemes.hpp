// Every way of sealing, under one face, over one world of numbered items: item 17 always has the same key, nonce,
// ephemeral secret, recipient, associated data and text, whatever batch it stands in. So tests can permute, split and
// corrupt batches without knowing what they seal with.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"

namespace megaseal::test {

class Scheme {
 public:
  virtual ~Scheme() = default;

  const std::string& name() const { return name_; }
  megaseal_format format() const { return format_; }
  Shape shape() const { return shape_of(format_); }
  bool carries_public_key() const { return shape_of(format_).overhead == 48; }
  bool has_aad() const { return shape_of(format_).in_place != 48; }
  /// False where sealing takes runs of consecutive items alone (a context's sequence numbers).
  virtual bool any_order() const { return true; }
  /// The operations that an engine chooses a backend for.
  virtual megaseal_operation seal_operation() const = 0;
  virtual megaseal_operation open_operation() const = 0;

  Bytes text(size_t item) const;
  Messages plaintexts(const std::vector<size_t>& items) const;
  /// The same associated data around other texts: what open takes.
  Messages with_aad(const std::vector<size_t>& items, const std::vector<Bytes>& texts) const;

  /// Seals or opens a batch whose item i is number items[i] of the world; always the same bytes for the same item.
  virtual megaseal_error seal(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                              const std::vector<size_t>& items) const = 0;
  virtual megaseal_error open(megaseal_engine* engine, size_t* out_num_failed, const megaseal_batch* batch,
                              const std::vector<size_t>& items) const = 0;

  Results seal(megaseal_engine* engine, Layout layout, const std::vector<size_t>& items) const;
  Results open(megaseal_engine* engine, Layout layout, const std::vector<size_t>& items,
               const std::vector<Bytes>& sealed) const;

 protected:
  Scheme(std::string name, megaseal_format format) : name_(std::move(name)), format_(format) {}

 private:
  std::string name_;
  megaseal_format format_;
};

/// The AEADs, single-shot HPKE (base, PSK), an HPKE context, both sealed boxes.
const std::vector<std::shared_ptr<const Scheme>>& all_schemes();
/// The same, with secret keys of their own: those of the others are wiped in a child of fork().
std::vector<std::shared_ptr<const Scheme>> make_schemes();

/// Those that `wanted` holds of.
std::vector<std::shared_ptr<const Scheme>> schemes_that(bool (*wanted)(const Scheme&));

/// 0, 1, …, n - 1.
std::vector<size_t> first_items(size_t n);

/// A suite that runs once per scheme.
class SchemeTest : public ::testing::TestWithParam<std::shared_ptr<const Scheme>> {
 protected:
  const Scheme& scheme() const { return *GetParam(); }
};
inline void PrintTo(const std::shared_ptr<const Scheme>& scheme, std::ostream* out) {
  *out << scheme->name();
}
inline std::string scheme_test_name(const ::testing::TestParamInfo<std::shared_ptr<const Scheme>>& info) {
  return info.param->name();
}
#define MEGASEAL_ON_SCHEMES(Suite, schemes) \
  INSTANTIATE_TEST_SUITE_P(Schemes, Suite, ::testing::ValuesIn(schemes), ::megaseal::test::scheme_test_name)
#define MEGASEAL_ON_EVERY_SCHEME(Suite) MEGASEAL_ON_SCHEMES(Suite, ::megaseal::test::all_schemes())
/// For suites about what only some schemes have.
#define MEGASEAL_ON_SCHEMES_THAT(Suite, condition) \
  MEGASEAL_ON_SCHEMES(Suite, ::megaseal::test::schemes_that([](const Scheme& s) { return condition; }))

}  // namespace megaseal::test
