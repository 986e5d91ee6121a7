#!/usr/bin/env python3
"""Reads the kernels' disassembly, all instruction sets, and fails at what may tell of a secret.

    disassembly.py DRIVER LIST [ISA…]     LIST: the reviewed functions, public_loops.txt
    disassembly.py --never DRIVER LIST    only what is never allowed, as other levels and compilers unroll other loops
    disassembly.py --planted DRIVER LIST  the check must fail of functions that leak on purpose, and of each for its leak
    disassembly.py --functions DRIVER     the functions that a list would have to name

Never allowed: divisions, square roots, gathers, scatters, string comparisons, jumps and calls through registers, but of a
register that the function has set to an address at a fixed place. With --never, integers may be divided in functions whose
reason says "divides": at -Os compilers divide by constants, too.

A jump on what a vector comparison or a mask register says is allowed only where the binary notes it in the section
megaseal_public. Such jumps, which every check takes out, may stand in the functions of VERDICTS alone, one in each.

Other jumps, and addresses with an index, come from lengths and counters. They are allowed in the functions that the list
names, each with its reason; so a kernel that should have none, or a new one, is noticed. What a list of functions cannot
tell, a jump on a secret beside loops over lengths, is for memcheck.py (scalar, avx2) and trace.py (the others).
"""
import re
import subprocess
import sys

import binary

FORBIDDEN = re.compile(r"^(i?div[bwlq]?|v?div[ps][sdh]|v?sqrt[ps][sdh]|v?p?gather\w+|v?p?scatter\w+|f\w+|"
                       r"v?gather\w+|v?scatter\w+|rep(n?z) (cmps|scas)\w*|loop\w*|j[er]?cxz|pdep\w?|pext\w?|rdrand\w?|"
                       r"rcp\w+|v?rsqrt\w+)$")
FLAGS_FROM_VECTORS = re.compile(r"^(v?ptest|vtestp[sd]|kortest\w|ktest\w|v?u?comis[sdh])$")
MASK_TO_GENERAL = re.compile(r"^(v?movmskp[sd]|v?pmovmskb|kmov\w)$")
SETS_FLAGS = re.compile(r"^(cmp|test|bt|add|sub|and|or|xor|neg|inc|dec|sh[lr]|sa[lr]|popcnt|[lt]zcnt|bs[fr]|adc|sbb|imul|andn|"
                        r"bls\w+|bzhi)[bwlq]?$")
FAMILIES = [("rax", "eax", "ax", "al", "ah"), ("rbx", "ebx", "bx", "bl", "bh"), ("rcx", "ecx", "cx", "cl", "ch"),
            ("rdx", "edx", "dx", "dl", "dh"), ("rsi", "esi", "si", "sil"), ("rdi", "edi", "di", "dil"),
            ("rbp", "ebp", "bp", "bpl"), ("rsp", "esp", "sp", "spl")]
FAMILY = {name: names[0] for names in FAMILIES for name in names}
FAMILY.update({f"r{n}{suffix}": f"r{n}" for n in range(8, 16) for suffix in ("", "d", "w", "b")})

# Where something secret is made public, by is_zero_made_public of kernels/base.hpp, and what it is.
VERDICTS = {"aead_open_one": "whether the message's tag is right", "aead_short": "whether the message's tag is right",
            "secretbox_open_one": "whether the message's tag is right",
            "AeadPacked::open_packed": "whether each message's tag is right",
            "x25519_finish_group": "whether a point had low order, which its sender may know"}


def register(operand):
    """The general register that an operand is or is part of."""
    return FAMILY.get(operand[1:]) if operand.startswith("%") else None


def jumps_on_vectors(function, public):
    """Jumps on what a vector comparison said: flags set by one, or by a mask just taken out of vector registers."""
    found, flags, masks = [], False, set()
    targets = {i.target() for i in function.instructions if i.name.startswith("j")}
    for i in function.instructions:
        if i.at in targets:
            flags, masks = False, set()
        if i.name.startswith("j"):
            if i.name != "jmp" and flags and i.at not in public:
                found.append(f"jump on a vector: {i}")
            continue
        of_mask = any(register(o) in masks for o in i.operands)
        into = register(i.operands[-1]) if i.operands else None
        if MASK_TO_GENERAL.match(i.name) and into and i.operands[0].startswith(("%k", "%x", "%y", "%z")):
            masks.add(into)
        elif FLAGS_FROM_VECTORS.match(i.name):
            flags = True
        elif i.name.startswith("call"):
            flags, masks = False, set()
        elif SETS_FLAGS.match(i.name):
            flags = of_mask
            if into and not i.name.startswith(("cmp", "test", "bt")):
                masks.add(into) if of_mask else masks.discard(into)
        elif into and i.name.startswith(("mov", "lea", "set", "pop")):
            masks.add(into) if register(i.operands[0]) in masks else masks.discard(into)
    return found


KEPT_BY_CALLS = ("rbx", "rbp", "r12", "r13", "r14", "r15")


def is_fixed(function, call):
    """Whether a call through a register goes to an address at a fixed place, which clang loads once for several calls: to what
    was last written to it, and whoever jumps in between comes from behind that, with the register as it was."""
    into, jumps = register(call.operands[0][1:]), {}
    writes = [i for i in function.instructions if i.operands and register(i.operands[-1]) == into
              and not i.name.startswith(("push", "pop", "cmp", "test", "call"))]
    before = [i for i in writes if i.at < call.at]
    if not before or into not in KEPT_BY_CALLS:
        return False
    load = before[-1]
    for i in function.instructions:
        if i.name.startswith("j") and i.target() and load.at < i.target() <= call.at:
            jumps[i.at] = i.target()
    last = max(jumps, default=call.at)
    return load.name == "mov" and "(%rip)" in load.operands[0] and all(at > load.at for at in jumps) \
        and not any(load.at < i.at <= last for i in writes)


def examine(function, public, divides=False):
    """(what is wrong, conditional jumps, indexed addresses)"""
    wrong, jumps, indexed = jumps_on_vectors(function, public), 0, 0
    for i in function.instructions:
        if FORBIDDEN.match(i.name) and not (divides and re.match(r"i?div[lq]?$", i.name)):
            wrong.append(f"never allowed: {i}")
        # Calls of libc from code without a procedure linkage table go through an address at a fixed place.
        if i.name.startswith(("jmp", "call")) and i.operands[0].startswith("*") and "(%rip)" not in i.operands[0] \
                and not is_fixed(function, i):
            wrong.append(f"through a register: {i}")
        if re.match(r"j(?!mp)[a-z]+$", i.name) and i.at not in public:
            jumps += 1
        for operand in i.operands:
            memory = binary.memory_operand(operand)
            if memory and memory[2] and not i.name.startswith(("lea", "nop")):
                indexed += 1
                if re.match("[xyz]mm", memory[2]):
                    wrong.append(f"addresses in a vector: {i}")
    return wrong, jumps, indexed


def read_list(path):
    """Functions and the reasons of their jumps."""
    out = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#")[0].split(None, 1)
            if len(words) == 1:
                binary.fail(f"{path}:{number}: no reason")
            if words:
                out[words[0]] = words[1].strip()
    return out


# What the whole check must say of each planted function. Jumps and indices are counted, so that none that is public hides
# that the planted one went unseen.
PLANTED = [("branch_on_secret", "not reviewed: 1 jumps, 0 indexed addresses"),
           ("index_with_secret", "not reviewed: 0 jumps, 1 indexed addresses"), ("divide_secrets", "never allowed: "),
           ("gather", "never allowed: "), ("gather", "addresses in a vector: "),
           ("jump_through_register", "through a register: "), ("branch_on_vector", "jump on a vector: "),
           ("branch_on_mask", "jump on a vector: "), ("make_public", "makes public what nobody reviewed: 1 jumps")]
# Leaks as well, but not by an instruction: that nothing is said of it shows that not all is complained of.
UNSEEN = "touch_secret_address"


def find_planted(driver, path):
    check = subprocess.run([sys.executable, "-B", __file__, driver, path, "scalar", "planted"], stdout=subprocess.PIPE,
                           text=True, check=False)
    said = check.stdout.splitlines()
    missed = [f"{name}: {what}" for name, what in PLANTED
              if not any(line.startswith(f"planted {name}: {what}") for line in said)]
    too_many = [line for line in said if not line.startswith("planted ") or line.startswith(f"planted {UNSEEN}:")]
    seen = [f.name for f in binary.functions(driver) if f.isa == "planted"]
    if check.returncode != 1 or missed or too_many or UNSEEN not in seen:
        binary.fail(f"the check answered {check.returncode}", "missed:", *missed, "not to be found:", *too_many)
    print(f"all {len(PLANTED)} planted leaks were found")


def main():
    arguments = sys.argv[1:]
    option = arguments.pop(0) if arguments[0].startswith("--") else ""
    driver = arguments.pop(0)
    if option == "--planted":
        find_planted(driver, *arguments)
        return
    public = binary.public_jumps(driver)
    every = binary.functions(driver)
    reviewed = {} if option == "--functions" else read_list(arguments.pop(0))
    isas = set(arguments) or {"scalar", "avx2", "avx512", "avx512ifma", "shani"}
    complaints, needed, num, num_public = [], {}, 0, 0
    for function in every:
        if function.isa not in isas:
            continue
        num += 1
        divides = option == "--never" and "divides" in reviewed.get(function.name, "")
        wrong, jumps, indexed = examine(function, public, divides)
        complaints += [f"{function.isa} {function.name}: {w}" for w in wrong]
        if jumps or indexed:
            needed.setdefault(function.name, []).append(f"{function.isa}: {jumps} jumps, {indexed} indexed;")
            if function.name not in reviewed and not option:
                complaints.append(f"{function.isa} {function.name}: not reviewed: {jumps} jumps, {indexed} indexed addresses")
        verdicts = sum(i.at in public for i in function.instructions)
        if verdicts > (function.name in VERDICTS):
            complaints.append(f"{function.isa} {function.name}: makes public what nobody reviewed: {verdicts} jumps")
        num_public += verdicts
    if option == "--functions":
        for name, where in sorted(needed.items()):
            print(name, *where)
        print(*complaints, sep="\n")
        return
    if num < 20:
        binary.fail(f"only {num} functions of {', '.join(sorted(isas))} were found")
    if complaints:
        binary.fail(*complaints)
    if option == "--never":
        print(f"read {num} functions: {num_public} jumps on verdicts, and nothing that is never allowed")
        return
    print(f"read {num} functions: {num_public} jumps on verdicts; loops or indices in {len(needed)} names, all reviewed")


if __name__ == "__main__":
    main()
