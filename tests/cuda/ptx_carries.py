#!/usr/bin/env python3
"""Runs the PTX that nvcc makes of ptx_carries.cu, one instruction after the other, against Python's integers: on a machine
without a device nothing else sees the carries of backends/cuda/word.hpp in the form that the device gets.

    nvcc -std=c++20 -O3 -arch=sm_90 --expt-relaxed-constexpr -I. -ptx -o carries.ptx tests/cuda/ptx_carries.cu
    tests/cuda/ptx_carries.py carries.ptx [cases]
"""
import random
import re
import sys

WORD, LONG = 2**32 - 1, 2**64 - 1
p = 2**255 - 19
tight = 2**255 + 2**23


def kernels(text):
    found = {}
    for entry in re.finditer(r"\.entry (\w+)\(.*?\)\s*\{(.*?)\n\}", text, re.S):
        lines = []
        for line in re.sub(r"//.*", "", entry.group(2)).replace("{", " ").replace("}", " ").split(";"):
            line = " ".join(line.split())
            if line and not line.startswith((".reg", ".param")):
                lines.append(line)
        found[entry.group(1)] = lines
    return found


def run(lines, memory):
    """`memory` is words; the kernel's pointer is 0. The flag is None where PTX leaves it undefined."""
    registers, carry = {}, None

    def value(operand):
        return registers[operand] if operand.startswith("%") else int(operand, 0)

    def address(operand):
        base, _, offset = operand.strip("[]").partition("+")
        return (value(base) + int(offset or 0)) // 4

    for line in lines:
        name, _, rest = line.partition(" ")
        operands = [x.strip() for x in rest.split(",")]
        op, *kinds = name.split(".")
        wide = any(kind.endswith("64") for kind in kinds) or "wide" in kinds
        mask = LONG if wide else WORD
        to = operands[0]
        if op == "ret":
            return
        if op == "ld":
            registers[to] = 0 if kinds[0] == "param" else memory[address(operands[1])]
            assert kinds[0] == "param" or kinds[-1] in ("u32", "b32"), line
            continue
        if op == "st":
            assert kinds[-1] in ("u32", "b32"), line
            memory[address(to)] = value(operands[1]) & WORD
            continue
        if op in ("mov", "cvta", "cvt"):
            registers[to] = value(operands[1]) & (WORD if kinds[0] in ("u32", "b32") else LONG)
            continue
        x = [value(operand) for operand in operands[1:]]
        carry_in = 0
        if op in ("addc", "subc", "madc"):
            assert carry is not None, "a carry that is undefined: " + line
            carry_in, carry, op = carry, None, op[:-1]
        if op == "mul":
            result = x[0] * x[1]
        elif op == "mad":
            product = (x[0] & WORD) * (x[1] & WORD)
            result = (product >> 32 if "hi" in kinds else product & WORD) + x[2] + carry_in
        elif op == "add":
            result = x[0] + x[1] + carry_in
        elif op == "sub":
            result = x[0] - x[1] - carry_in
        elif op == "shf":
            assert kinds[:2] == ["l", "wrap"], line
            result = (x[1] << 32 | x[0]) << (x[2] & 31) >> 32
        elif op == "shr":
            result = (x[0] - 2**32 if kinds[0] == "s32" and x[0] >> 31 else x[0]) >> x[1]
        else:
            result = {"and": lambda: x[0] & x[1], "or": lambda: x[0] | x[1], "xor": lambda: x[0] ^ x[1],
                      "shl": lambda: x[0] << x[1], "not": lambda: ~x[0], "neg": lambda: -x[0]}[op]()
        if "cc" in kinds:
            carry = int(result < 0 or result > WORD)
        registers[to] = result & mask
    raise AssertionError("no ret")


def number():
    edges = (0, 1, p, 2 * p, 2**256, tight, 2**128, 2**255)
    kind = random.randrange(3)
    if kind == 0:
        x = random.choice(edges) + random.randint(-45, 45)
    elif kind == 1:
        x = random.getrandbits(256)
    else:
        x = 0
        for _ in range(8):
            x = x << 32 | random.choice((0, 1, WORD, WORD - 1, random.getrandbits(32)))
    return x % 2**256


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        code = kernels(file.read())
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = random.randrange(2**32)
    random.seed(seed)
    print("seed", seed)

    def call(name, *numbers):
        memory = [0] * 8 + [x >> 32 * k & WORD for x in numbers for k in range(8)]
        run(code["field_" + name], memory)
        return sum(memory[k] << 32 * k for k in range(8))

    for _ in range(cases):
        a, b, c = number(), number(), number()
        small = b % tight
        for name, second, expected in (("mul", b, a * b), ("sqr", b, a * a), ("add", small, a + small),
                                       ("sub", small, a - small), ("add_mul_small", b, a + 121665 * b)):
            result = call(name, a, second, c)
            assert result % p == expected % p, (name, hex(a), hex(second), hex(result))
            assert name in ("add", "sub") or result < tight, (name, hex(a), hex(second), hex(result))
        assert call("freeze", a, b, c) == a % p, hex(a)
        assert call("is_zero", a, b, c) == (0 if a % p else WORD), hex(a)
        assert call("select", a, b, c) == (b if c >> 3 & 1 else a), hex(c)
    print(cases, "cases of", len(code), "operations: as integers have it")


main()
