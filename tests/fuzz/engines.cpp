#include "tests/fuzz/fuzz.hpp"

namespace megaseal::fuzz {

const std::vector<test::Engine>& engines() {
  static const std::vector<test::Engine> all = [] {
    std::vector<test::Engine> out;
    for (size_t i = 0; i < megaseal_num_backends(); i++) {
      megaseal_backend_info info = {};
      info.struct_size = sizeof info;
      if (megaseal_get_backend_info(i, &info) == MEGASEAL_ERROR_NONE &&
          info.state == MEGASEAL_BACKEND_AVAILABLE)
        out.push_back(test::make_engine(info.name, 1));
    }
    return out;
  }();
  return all;
}

}  // namespace megaseal::fuzz
