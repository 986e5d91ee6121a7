#!/usr/bin/env python3
"""What the assembler says of each kernel, against backends/cuda/resources.txt.

resources_test.py TABLE LOG…: LOG is what `ptxas -v` printed (backends/cuda/keep_ptxas_log.sh keeps it). A kernel that
the table does not have, or that takes more registers, stack or spills than the table allows, is a failure; so is a row
that no kernel answers to. Registers are those of sm_90; for other GPUs stack and spills count. With --plant a line that says of each kernel that it spills must be found.
"""
import re
import subprocess
import sys


def kernels(text):
    """(name, GPU, registers, stack, spills) of each kernel in a log."""
    name = gpu = stack = spills = None
    for line in text.splitlines():
        if found := re.search(r"Compiling entry function '(\w+)' for '(\w+)'", line):
            name, gpu = found.groups()
        elif found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            stack, spills = int(found.group(1)), int(found.group(2)) + int(found.group(3))
        elif (found := re.search(r"Used (\d+) registers", line)) and name:
            yield name, gpu, int(found.group(1)), stack, spills
            name = None


def plain(names):
    """Mangled names as people read them, the program alone: kernel<Program>."""
    out = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    # Namespaces and arguments tell nothing that the program's name does not.
    shorter = lambda s: re.sub(r"\(anonymous namespace\)::|megaseal::|cuda::|gpu::|unsigned int|\bvoid ", "", s)
    return [re.sub(r"[\w:]*kernel<(.*)>\(.*", r"\1", shorter(line)).strip() for line in out.splitlines()]


def read_table(path):
    rows = {}
    for line in open(path, encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            *name, registers, stack, spills = line.split()
            rows[" ".join(name)] = tuple(map(int, (registers, stack, spills)))
    return rows


def main(arguments):
    plant = "--plant" in arguments
    table_path, *logs = [a for a in arguments if not a.startswith("--")]
    table = read_table(table_path)
    found = [kernel for log in logs for kernel in kernels(open(log, encoding="utf-8").read())]
    if not found:
        print("no kernel in any log")
        return 1
    if plant:
        found = [(*kernel, spills + 8) for *kernel, spills in found]
    failures, seen = 0, set()
    for name, (_, gpu, *used) in zip(plain([k[0] for k in found]), found):
        allowed = table.get(name)
        seen.add(name)
        compared = slice(0 if gpu == "sm_90" else 1, None)
        fine = allowed is not None and all(u <= a for u, a in zip(used[compared], allowed[compared]))
        failures += not fine
        print(f"{'ok    ' if fine else 'FAILED'} {gpu} {name} {used[0]} {used[1]} {used[2]}"
              + ("" if fine else f"   allowed: {allowed}"))
    for name in sorted(set(table) - seen):
        print(f"FAILED {name}: in the table, and in no log")
        failures += 1
    if plant:
        return 0 if failures >= len(found) else 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
