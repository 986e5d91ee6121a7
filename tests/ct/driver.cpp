// Runs the slots of one backend, secrets marked (memcheck) or traced instruction by instruction (trace).
//
//   driver memcheck BACKEND          under valgrind: secrets are undefined bytes, which valgrind does not let decide a
//                                    jump or an address. memcheck.py reads its reports.
//   driver trace BACKEND ADDRESSES [brief]
//                                    on the processor itself: each case runs with several fillings of its secrets, and
//                                    the instructions executed and the addresses they touched must be the same. A step
//                                    takes a microsecond, on virtual machines twenty: brief takes the brief cases only,
//                                    with two fillings.
//
// The tables are called directly, so it is certain which backend runs.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <valgrind/memcheck.h>

#include <unordered_map>

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

// ---- Traces ----

/// Where an instruction's memory operand is: registers by their number in a ucontext, -1 for none.
struct Operand {
  int base, index;
  int scale;
  long displacement;
};
std::unordered_map<uint64_t, Operand> operands;
/// What the driver's own code spans; a step outside is libc's, of which the arguments are recorded.
uint64_t code_begin, code_end;

int register_called(const char* name) {
  static const struct {
    const char* name;
    int number;
  } registers[] = {{"rax", REG_RAX}, {"rbx", REG_RBX}, {"rcx", REG_RCX}, {"rdx", REG_RDX},
                   {"rsi", REG_RSI}, {"rdi", REG_RDI}, {"rbp", REG_RBP}, {"rsp", REG_RSP},
                   {"r8", REG_R8},   {"r9", REG_R9},   {"r10", REG_R10}, {"r11", REG_R11},
                   {"r12", REG_R12}, {"r13", REG_R13}, {"r14", REG_R14}, {"r15", REG_R15}};
  for (const auto& r : registers)
    if (strcmp(r.name, name) == 0) return r.number;
  return -1;
}

/// A line each: address, base, index, scale, displacement.
bool read_operands(const char* path) {
  FILE* file = fopen(path, "r");
  if (!file) return false;
  char base[8], index[8];
  unsigned long at;
  Operand operand;
  if (fscanf(file, "%lx %lx", &code_begin, &code_end) != 2) return false;
  while (fscanf(file, "%lx %7s %7s %d %ld", &at, base, index, &operand.scale, &operand.displacement) == 5) {
    operand.base = register_called(base), operand.index = register_called(index);
    operands[at] = operand;
  }
  fclose(file);
  return !operands.empty();
}

struct Step {
  uint64_t at, touched;
  bool operator==(const Step&) const = default;
};
std::vector<Step>* trace;
bool outside;

void on_step(int, siginfo_t*, void* context) {
  const greg_t* const r = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  Step step{uint64_t(r[REG_RIP]), 0};
  if (step.at < code_begin || step.at >= code_end) {
    // libc copies and fills: where and how much is all that it is told. What it does inside is told by these.
    if (outside) return;
    outside = true;
    step.touched = uint64_t(r[REG_RDI]) * 31 + uint64_t(r[REG_RDX]) * 7;
    trace->push_back(step);
    return;
  }
  outside = false;
  if (const auto it = operands.find(step.at); it != operands.end()) {
    const Operand& o = it->second;
    step.touched = uint64_t(o.displacement) + (o.base >= 0 ? uint64_t(r[o.base]) : 0) +
                   (o.index >= 0 ? uint64_t(r[o.index]) * uint64_t(o.scale) : 0);
  }
  trace->push_back(step);
}

__attribute__((noinline)) void step_through(const std::function<void()>& call) {
  __asm__ volatile("subq $128, %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\taddq $128, %%rsp"
                   :
                   :
                   : "cc", "memory");
  call();
  __asm__ volatile("subq $128, %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\taddq $128, %%rsp"
                   :
                   :
                   : "cc", "memory");
}

std::vector<Step> traced(const Case& c, unsigned kind) {
  std::vector<Step> steps;
  steps.reserve(1 << 20);  // a signal handler had better not allocate; beyond this it does, harmlessly
  c.fill(kind);
  trace = &steps;
  outside = false;
  step_through(c.call);
  return steps;
}

int trace_all(const KernelTable& table, const char* addresses, bool brief) {
  if (!read_operands(addresses)) {
    fprintf(stderr, "driver: no addresses in %s\n", addresses);
    return 2;
  }
  static uint8_t stack[1 << 18];
  const stack_t alternate = {.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
  struct sigaction action = {};
  action.sa_sigaction = on_step;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (sigaltstack(&alternate, nullptr) != 0 || sigaction(SIGTRAP, &action, nullptr) != 0) return 2;
  size_t num = 0, steps = 0;
  for (Case& c : cases_of(table)) {
    if (brief && !c.is_brief) continue;
    c.fill(2);
    c.call();  // once beforehand, for what the linker resolves late
    const std::vector<Step> first = traced(c, 2);
    for (unsigned kind : {0u, 1u, 3u}) {
      if (brief && kind != 0) continue;
      const std::vector<Step> other = traced(c, kind);
      size_t i = 0;
      while (i < first.size() && i < other.size() && first[i] == other[i]) i++;
      if (i == first.size() && i == other.size()) continue;
      const uint64_t at = i < first.size() ? first[i].at : 0, before = i > 0 ? first[i - 1].at : 0;
      printf("differs in %s: %s %lx\n", c.name.c_str(),
             i < other.size() && other[i].at == at ? "address touched at" : "jump at",
             i < other.size() && other[i].at == at ? at : before);
    }
    if (first.size() < 10) printf("differs in %s: no trace, 0\n", c.name.c_str());
    steps += first.size();
    num++;
  }
  printf("traced %zu cases on %s, %zu instructions\n", num, table.name, steps);
  return 0;
}

}  // namespace
}  // namespace megaseal::ct

int main(int argc, char** argv) {
  using namespace megaseal;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const KernelTable* table = argc > 2 ? ct::table_called(argv[2]) : nullptr;
  if (table && argc == 3 && strcmp(argv[1], "memcheck") == 0) return ct::memcheck(*table);
  const bool brief = argc == 5 && strcmp(argv[4], "brief") == 0;
  if (table && argc == 4 + brief && strcmp(argv[1], "trace") == 0)
    return ct::trace_all(*table, argv[3], brief);
  fprintf(stderr, "usage: driver memcheck BACKEND | trace BACKEND ADDRESSES [brief]\n");
  return 2;
}
