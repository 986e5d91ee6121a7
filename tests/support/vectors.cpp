#include "tests/support/vectors.hpp"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace megaseal::test {

namespace {

using Json = nlohmann::json;

// Another machine has them elsewhere.
std::filesystem::path vectors_dir() {
  const char* elsewhere = std::getenv("MEGASEAL_VECTORS_DIR");
  return elsewhere ? elsewhere : MEGASEAL_VECTORS_DIR;
}

Json parse_file(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return Json::parse(in);
}

Vector to_vector(const Json& object) {
  Vector out;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) {
      out.fields[key] = value.get<std::string>();
    } else if (value.is_number_unsigned()) {
      out.fields[key] = std::to_string(value.get<uint64_t>());
    } else if (value.is_array() && !value.empty() && value.front().is_object()) {
      for (const Json& element : value) out.lists[key].push_back(to_vector(element));
    } else if (value.is_array()) {
      std::string joined;
      for (const Json& element : value) joined += (joined.empty() ? "" : " ") + element.get<std::string>();
      out.fields[key] = joined;
    }
  }
  return out;
}

}  // namespace

std::vector<Vector> load_vectors(const std::string& name) {
  const Vector root = to_vector(parse_file(vectors_dir() / name));
  if (!root.lists.contains("cases")) throw std::runtime_error(name + " holds no cases");
  return root.list("cases");
}

std::vector<Vector> load_wycheproof(const std::filesystem::path& file) {
  const Vector root = to_vector(parse_file(file));
  std::vector<Vector> tests;
  for (const Vector& group : root.list("testGroups")) {
    for (Vector test : group.list("tests")) {
      test.fields.insert(group.fields.begin(), group.fields.end());
      tests.push_back(std::move(test));
    }
  }
  if (tests.size() != root.number("numberOfTests"))
    throw std::runtime_error(file.string() + ": tests are missing");
  return tests;
}

std::filesystem::path wycheproof_sample_dir() {
  return vectors_dir() / "wycheproof_sample";
}
std::filesystem::path wycheproof_dir() { return MEGASEAL_WYCHEPROOF_DIR; }

}  // namespace megaseal::test
