// Runs the slots of the one backend that trace.py links to it, whose instructions note where they go and what they touch:
// with each case's first secrets, then with others, and says where the notes first differ.
//
//   tracer FILLINGS   how many sets of secrets each case gets
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/ct/cases.hpp"

extern "C" {
/// What the noting instructions use: where the next note goes, and the registers that they borrow.
uint64_t* ct_at;
uint64_t ct_rax, ct_rdx;
extern const megaseal::KernelTable ct_traced_table;
}

namespace megaseal::ct {
namespace {

struct Note {
  uint64_t place, touched;
};

/// One trace; beyond its end lies nothing, and a longer one faults.
constexpr size_t room = size_t(1) << 30;

Note* take_room() {
  void* const p =
      mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) abort();
  return static_cast<Note*>(p);
}

size_t trace(const Case& c, unsigned kind, Note* into) {
  ct_at = &into->place;  // filling may call slots as well
  c.fill(kind);
  ct_at = &into->place;
  c.call();
  return size_t(reinterpret_cast<Note*>(ct_at) - into);
}

/// The place of the first difference, or -1.
long difference(const Note* a, size_t num_a, const Note* b, size_t num_b) {
  const size_t num = num_a < num_b ? num_a : num_b;
  if (num_a == num_b && memcmp(a, b, num * sizeof(Note)) == 0) return -1;
  size_t i = 0;
  while (i < num && memcmp(&a[i], &b[i], sizeof(Note)) == 0) i++;
  return i < num_a ? long(a[i].place) : i < num_b ? long(b[i].place) : -1;
}

int run(const KernelTable& table, unsigned fillings) {
  Note* const first = take_room();
  Note* const other = take_room();
  ct_at = &first->place;
  size_t num = 0, notes = 0;
  for (const Case& c : cases_of(table)) {
    const size_t num_first = trace(c, 2, first);
    if (num_first < 10) {
      printf("%s: no trace\n", c.name.c_str());
      return 1;
    }
    for (unsigned i = 0; i < fillings; i++) {
      const unsigned kind = i < 2 ? i : i + 1;  // all clear, all set, then random ones
      const size_t num_other = trace(c, kind, other);
      if (const long place = difference(first, num_first, other, num_other); place >= 0)
        printf("differs in %s: %ld\n", c.name.c_str(), place);
    }
    notes += num_first, num++;
  }
  printf("traced %zu cases on %s, %zu notes, %u times over\n", num, table.name, notes, fillings + 1);
  return 0;
}

}  // namespace
}  // namespace megaseal::ct

int main(int argc, char** argv) {
  const int fillings = argc == 2 ? atoi(argv[1]) : 0;
  if (fillings > 0) return megaseal::ct::run(ct_traced_table, unsigned(fillings));
  fprintf(stderr, "usage: tracer FILLINGS\n");
  return 2;
}
