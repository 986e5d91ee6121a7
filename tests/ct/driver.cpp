// Runs the slots of one backend under valgrind with its secrets marked: they are undefined bytes, which valgrind does not
// let decide a jump or an address. memcheck.py reads its reports.
//
//   driver memcheck BACKEND
//
// The tables are called directly, so it is certain which backend runs.
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "tests/ct/cases.hpp"

// The backends that are linked in.
#ifndef MEGASEAL_CT_BACKENDS
#define MEGASEAL_CT_BACKENDS X(scalar) X(avx2)
#endif

namespace megaseal {
#define X(name) extern const KernelTable name##_table;
MEGASEAL_CT_BACKENDS
#undef X
}  // namespace megaseal

namespace megaseal::ct {
namespace {

const KernelTable* table_called(const char* name) {
  const KernelTable* tables[] = {
#define X(backend) &backend##_table,
      MEGASEAL_CT_BACKENDS
#undef X
      & planted_table};
  for (const KernelTable* table : tables)
    if (strcmp(table->name, name) == 0) return table;
  return nullptr;
}

int memcheck(const KernelTable& table) {
  if (!RUNNING_ON_VALGRIND) {
    fprintf(stderr, "driver: not under valgrind\n");
    return 2;
  }
  size_t num = 0;
  for (Case& c : cases_of(table)) {
    VALGRIND_DISABLE_ERROR_REPORTING;
    c.fill(2);
    VALGRIND_ENABLE_ERROR_REPORTING;
    for (std::span<uint8_t> secret : c.secrets)
      (void)VALGRIND_MAKE_MEM_UNDEFINED(secret.data(), secret.size());
    const unsigned before = VALGRIND_COUNT_ERRORS;
    c.call();
    if (VALGRIND_COUNT_ERRORS != before) printf("reports in %s\n", c.name.c_str());
    num++;
  }
  printf("ran %zu cases on %s\n", num, table.name);
  return 0;
}

}  // namespace
}  // namespace megaseal::ct

int main(int argc, char** argv) {
  using namespace megaseal;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const KernelTable* table = argc > 2 ? ct::table_called(argv[2]) : nullptr;
  if (table && argc == 3 && strcmp(argv[1], "memcheck") == 0) return ct::memcheck(*table);
  fprintf(stderr, "usage: driver memcheck BACKEND\n");
  return 2;
}
