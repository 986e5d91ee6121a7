#!/usr/bin/env python3
"""Steps through every slot of a backend with different secrets: instructions and addresses must be the same.

    trace.py DRIVER BACKEND [all]  few cases, or all of them
    trace.py --planted DRIVER      leaks planted on purpose must be found

For instruction sets that valgrind does not know, on processors that have them. What it shows, it shows of the secrets
tried; that the very same templates leak nothing for any is what memcheck.py shows of other instruction sets.
"""
import re
import subprocess
import sys
import tempfile

import binary

NEEDS = {"avx2": "avx2 fma bmi1 bmi2", "avx512": "avx512f avx512bw avx512vl avx512dq",
         "avx512ifma": "avx512f avx512bw avx512vl avx512dq avx512ifma", "shani": "sha_ni"}


def write_operands(functions, file):
    """What the driver reads: the text section's bounds, and where each instruction's operand in memory is."""
    every = [i for f in functions for i in f.instructions]
    file.write(f"{every[0].at:x} {every[-1].at + 16:x}\n")
    for instruction in every:
        if instruction.name.startswith(("lea", "nop")):
            continue
        for operand in instruction.operands:
            memory = binary.memory_operand(operand)
            if memory and memory[1] != "rip":
                displacement, base, index, scale = memory
                file.write(f"{instruction.at:x} {base or '-'} {index or '-'} {scale} {displacement}\n")
                break
    file.flush()


def main():
    arguments = sys.argv[1:]
    planted = arguments[:1] == ["--planted"]
    every_case = planted or arguments[2:] == ["all"]
    driver, backend = (arguments[1], "planted") if planted else arguments[:2]
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
            has = set(re.search(r"^flags\s*:(.*)$", cpuinfo.read(), re.M)[1].split())
    except (OSError, TypeError):
        has = set()
    missing = set(NEEDS.get(backend, "").split()) - has
    if missing:
        print(f"skipped: {backend} cannot run here: no {', '.join(sorted(missing))}")
        sys.exit(binary.SKIPPED)
    functions = binary.functions(driver)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as operands:
        write_operands(functions, operands)
        brief = [] if every_case else ["brief"]
        run = subprocess.run([driver, "trace", backend, operands.name, *brief], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0 or f"cases on {backend}," not in run.stdout:
        binary.fail(f"the driver answered {run.returncode}", run.stdout)
    print(run.stdout.splitlines()[-1])
    names = binary.Map(functions)
    differences = {}
    for line in run.stdout.splitlines():
        match = re.match(r"differs in (.*): (.*) ([0-9a-f]+)$", line)
        if match:
            where = f"{match[2]} {match[3]} in {names.at(int(match[3], 16))}"
            differences.setdefault(where, match[1])
    if planted:
        text = " ".join(differences)
        if not re.search("jump at .*branch_on_secret", text) or not re.search("address .*index_with_secret", text):
            binary.fail("planted leaks were not found", *differences)
        print("both planted leaks were found")
    elif differences:
        binary.fail("depends on a secret:", *(f"  {where} ({case})" for where, case in differences.items()))


if __name__ == "__main__":
    main()
