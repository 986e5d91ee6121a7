// Vector files: our own small schema (tests/vectors/*.json) and Wycheproof's. JSON stays inside vectors.cpp.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/bytes.hpp"

namespace megaseal::test {

/// One case: named strings and numbers, and named lists of further cases.
class Vector {
 public:
  bool has(const std::string& key) const { return fields.contains(key); }
  const std::string& text(const std::string& key) const { return fields.at(key); }
  Bytes hex(const std::string& key) const { return from_hex(fields.at(key)); }
  uint64_t number(const std::string& key) const { return std::stoull(fields.at(key)); }
  const std::vector<Vector>& list(const std::string& key) const { return lists.at(key); }

  std::map<std::string, std::string> fields;
  std::map<std::string, std::vector<Vector>> lists;
};

/// The cases of tests/vectors/`name`. Throws when the file is missing, malformed or empty.
std::vector<Vector> load_vectors(const std::string& name);

/// The tests of a file in Wycheproof's schema, each with its group's fields and its flags joined by blanks. Throws
/// when the number of tests is not what the file says.
std::vector<Vector> load_wycheproof(const std::filesystem::path& file);

/// Our own sample in that schema, which keeps the reader tested.
std::filesystem::path wycheproof_sample_dir();
/// What MEGASEAL_WYCHEPROOF_DIR was configured with; empty: none.
std::filesystem::path wycheproof_dir();

}  // namespace megaseal::test
