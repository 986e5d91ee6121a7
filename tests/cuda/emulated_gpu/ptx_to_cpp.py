#!/usr/bin/env python3
"""Makes C++ of the PTX that nvcc makes of the backend's kernels, which a machine without a GPU can run.

    ptx_to_cpp.py kernels.ptx FILE.cpp …    kernels are dealt out to the files, so that each takes about as long to compile

Each kernel becomes a function that runs one lane from one barrier to the next: gpu.hpp says what it is given, gpu.cpp
runs blocks of them. An instruction is a statement; one that is not known here, or whose form is not, ends the process that
comes to it. Carries of which PTX does not say what they are, are an error: a chain of them must stand together, and none
takes up a borrow.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from ptx_secrets import parse  # noqa: E402

bits = {"pred": 1, "b8": 8, "u8": 8, "s8": 8, "b16": 16, "u16": 16, "s16": 16, "b32": 32, "u32": 32, "s32": 32,
        "b64": 64, "u64": 64, "s64": 64, "f32": 32, "f64": 64}
control = ("bra", "ret", "exit")


def is_barrier(ins):
    """Of all lanes of a block."""
    return ins.op == "bar" and ins.kinds == ["sync"] and ins.operands == ["0"] and not ins.guard


class Kernel:
    def __init__(self, name, parameter, symbols, code, labels, widths):
        self.name, self.parameter, self.symbols, self.code, self.labels = name, parameter, symbols, code, labels
        self.widths = widths  # of registers, by what their names begin with

    def width(self, register):
        return self.widths[re.fullmatch(r"(%[a-z]+)\d*", register).group(1)]

    def operand(self, text, width, signed=False):
        """An expression of `width` bits."""
        if text in special:
            value, found = special[text], 32
        elif text.startswith("%"):
            value, found = text[1:], self.width(text)
        elif re.fullmatch(r"-?\d+|0[xX][0-9a-fA-F]+U?", text):
            return f"{'i' if signed else 'u'}{width}({int(text.rstrip('U'), 0) % 2**width}u{'ll' if width > 32 else ''})"
        else:
            assert text in self.symbols or text == self.parameter, text
            space = "parameter" if text == self.parameter else self.symbols[text]
            value, found = {"parameter": "u64(lane.parameter)", "shared": "lane.shared_base",
                            "table": f"u64({text})"}[space], 32 if space == "shared" else 64
        assert found == width, f"{text}: {found} bits where {width} are wanted"
        return f"i{width}({value})" if signed else value

    def address(self, text, space):
        base, _, offset = text.strip("[]").partition("+")
        at = int(offset or 0)
        width = 32 if space == "shared" else 64
        return f"u{width}({self.operand(base, width)} + u{width}({at % 2**width}u{'ll' if width > 32 else ''}))"

    def access(self, ins):
        kinds = [kind for kind in ins.kinds if kind not in ("volatile", "nc")]  # nc: by the cache of what nobody writes
        space, number, width = kinds[0], 1, bits[kinds[-1]]
        assert space in ("param", "global", "shared"), ins.text
        if len(kinds) == 3 and ins.op != "atom":
            number = int(kinds[1][1:])
        else:
            assert len(kinds) == 2 or ins.op == "atom" and kinds[1:] == ["add", "u32"], ins.text
        at = self.address(ins.operands[0], space)
        where = "parameter" if space == "param" else space
        if ins.op == "atom":
            return f"{ins.to[0][1:]} = lane.{where}_add({at}, {self.operand(ins.operands[1], 32)});"
        bytes_ = number * width // 8
        if ins.op == "ld":
            names = ins.to
            assert len(names) == number, ins.text
            # A register may be wider than what is loaded into it, whose upper part is zeros then.
            gets = " ".join(f"{n[1:]} = ptx::load<u{width}>(p + {k * width // 8});" for k, n in enumerate(names))
            assert all(self.width(n) >= width for n in names) and "s" not in kinds[-1], ins.text
            return f"{{ const u8* p = lane.{where}_read<{bytes_}>({at}); {gets} }}"
        assert ins.op == "st" and space != "param", ins.text
        names = re.findall(r"[%\w-]+", ins.operands[1])
        assert len(names) == number, ins.text
        puts = " ".join(f"ptx::store<u{width}>(p + {k * width // 8}, u{width}("
                        f"{self.operand(n, max(width, self.width(n)) if n[0] == '%' else width)}));"
                        for k, n in enumerate(names))
        return f"{{ u8* p = lane.{where}_write<{bytes_}>({at}); {puts} }}"

    def plain(self, ins):
        """A statement for an instruction that changes registers alone."""
        op, kinds, to = ins.op, list(ins.kinds), ins.to
        carried = "cc" in kinds
        kinds = [kind for kind in kinds if kind != "cc"]
        kind = kinds[-1]
        width, signed = bits[kind], kind[0] == "s"
        value = lambda n, w=width, s=False: self.operand(ins.operands[n], w, s)
        assert len(to) == 1 and not any(k in ("f32", "f64") for k in kinds), ins.text
        result = to[0][1:]
        form = ".".join(kinds[:-1])
        if op in ("add", "sub", "addc", "subc", "mad", "madc") and (carried or op in ("addc", "subc", "madc")):
            assert width == 32 and not signed, ins.text
            out, into = "cc = " if carried else "(void)", "cc" if op[-1] == "c" else "0"
            if op.startswith("sub"):
                return f"{out}ptx::subtract({result}, {value(0)}, {value(1)}, {into});"
            if op.startswith("add"):
                return f"{out}ptx::add({result}, {value(0)}, {value(1)}, {into});"
            assert form in ("lo", "hi"), ins.text
            return f"{out}ptx::add({result}, ptx::product_{form}({value(0)}, {value(1)}), {value(2)}, {into});"
        assert not carried, ins.text
        target = width
        if op in ("add", "sub", "and", "or", "xor") and not form:
            sign = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^"}[op]
            made = f"{value(0)} {sign} {value(1)}"
        elif op == "mul" and form == "lo":
            made = f"{value(0)} * {value(1)}"
        elif op == "mad" and form == "lo":
            made = f"{value(0)} * {value(1)} + {value(2)}"
        elif op == "mul" and form == "wide":
            target = 2 * width
            made = f"{kind[0].replace('s', 'i')}{target}({value(0, width, signed)}) * {value(1, width, signed)}"
        elif op == "mul" and form == "hi" and kind == "u32":
            made = f"ptx::product_hi({value(0)}, {value(1)})"
        elif op == "mad" and form == "wide" and not signed:
            target = 2 * width
            made = f"u{target}({value(0)}) * {value(1)} + {value(2, target)}"
        elif op in ("div", "rem") and not signed and not form:
            made = f"{value(0)} {'/' if op == 'div' else '%'} {value(1)}"
        elif op == "lop3" and not form and width == 32:
            made = f"ptx::any_of_three({value(0)}, {value(1)}, {value(2)}, {int(ins.operands[3], 0)})"
        elif op == "bfe" and not signed and not form:
            made = f"ptx::extract({value(0)}, {value(1, 32)}, {value(2, 32)})"
        elif op in ("not", "neg") and not form:
            made = {"not": "!" if width == 1 else "~", "neg": "0 - "}[op] + value(0)
        elif op == "mov" and not form and "{" not in ins.operands[0]:
            made = value(0)
        elif op in ("shl", "shr") and not form:
            made = f"ptx::{op}({value(0, width, signed)}, {value(1, 32)})"
        elif op == "shf" and form in ("l.wrap", "r.wrap") and width == 32:
            made = f"ptx::funnel_{'left' if form[0] == 'l' else 'right'}({value(0)}, {value(1)}, {value(2)})"
        elif op == "prmt" and not form and width == 32:
            made = f"ptx::permute({value(0)}, {value(1)}, {value(2)})"
        elif op == "bfi" and not form:
            made = f"ptx::insert({value(0)}, {value(1)}, {value(2, 32)}, {value(3, 32)})"
        elif op in ("max", "min") and not form:
            made = f"ptx::{op}({value(0, width, signed)}, {value(1, width, signed)})"
        elif op == "selp":
            made = f"{self.operand(ins.operands[2], 1)} ? {value(0)} : {value(1)}"
        elif op == "setp" and len(ins.operands) == 2:
            sign = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[form]
            target, made = 1, f"{value(0, width, signed)} {sign} {value(1, width, signed)}"
        elif op == "cvt" and len(kinds) == 2 and not signed and kinds[0][0] == "u":
            target, made = bits[kinds[0]], value(0)
        elif op == "cvta" and kinds in (["to", "global", "u64"], ["global", "u64"]):
            made = value(0)
        else:
            raise AssertionError("not known here: " + ins.text)
        assert self.width(to[0]) == target, ins.text
        return f"{result} = u{target}({made});"

    def registers(self, ins):
        """Those that it reads, and those that it writes."""
        used = [r for operand in ins.operands for r in re.findall(r"%[a-z]+\d*(?:\.[xyz])?", operand)]
        used = {r for r in used if re.match("%[a-z]+", r)[0] in self.widths and r not in special}
        return used | ({ins.guard} if ins.guard else set()), set(ins.to)

    def live_at_barriers(self):
        """Which registers what follows each barrier may read before it writes them."""
        code = self.code
        targets = {self.labels[i.operands[0]] for i in code if i.op == "bra"}
        begins = sorted({0} | targets | {at + 1 for at, i in enumerate(code) if i.op in control})
        begins = [at for at in begins if at < len(code)]
        ends = dict(zip(begins, begins[1:] + [len(code)]))
        before = {begin: frozenset() for begin in begins}

        def back(begin, seen=None):
            last = code[ends[begin] - 1]
            live = set()
            if last.op == "bra":
                live |= before[self.labels[last.operands[0]]]
            if (last.op not in control or last.guard) and ends[begin] in before:
                live |= before[ends[begin]]
            for at in range(ends[begin] - 1, begin - 1, -1):
                if seen is not None and is_barrier(code[at]):
                    seen[at] = sorted(live)
                used, written = self.registers(code[at])
                if not code[at].guard:
                    live -= written
                live |= used
            return frozenset(live)

        changed = True
        while changed:
            changed = False
            for begin in reversed(begins):
                now = back(begin)
                changed |= now != before[begin]
                before[begin] = now
        found = {}
        for begin in begins:
            back(begin, found)
        return found

    def check_carries(self):
        """Each is of the instruction before, which adds where this one does."""
        jumped_to = set(self.labels.values())
        for at, ins in enumerate(self.code):
            if ins.op in ("addc", "subc", "madc"):
                last = self.code[at - 1]
                assert "cc" in last.kinds and at not in jumped_to and not ins.guard and not last.guard, ins.text
                assert (last.op[:3] == "sub") == (ins.op == "subc"), ins.text

    def write(self, out):
        self.check_carries()
        saved = self.live_at_barriers()
        barriers = sorted(saved)
        assert len(barriers) == sum(map(is_barrier, self.code))
        labels = {}
        for label, at in self.labels.items():
            labels.setdefault(at, []).append(label)
        short = lambda label: "to_" + re.sub(r"\W", "", label)
        used_labels = {i.operands[0] for i in self.code if i.op == "bra"}
        names = {}
        for ins in self.code:
            for r in set().union(*self.registers(ins)):
                names.setdefault(self.width(r), set()).add(r[1:])
        out.append(f"static bool run_{self.name}(ptx::Lane& lane) {{")
        out.append("  u32 cc = 0; (void)cc;")
        for width, found in sorted(names.items()):
            found = sorted(found)
            for k in range(0, len(found), 12):
                out.append(f"  u{width} {', '.join(found[k:k + 12])};")
        out.append("  switch (lane.resume) { case 0: break; " +
                   " ".join(f"case {k + 1}: goto barrier_{k + 1};" for k in range(len(barriers))) + " }")
        for at, ins in enumerate(self.code):
            out += [f"{short(label)}:;" for label in labels.get(at, []) if label in used_labels]
            if ins.op == "bra":
                text = f"goto {short(ins.operands[0])};"
            elif ins.op in ("ret", "exit"):
                text = "return false;"
            elif is_barrier(ins):
                k, live = barriers.index(at) + 1, saved[at]
                text = f"lane.resume = {k};" + "".join(f" lane.saved[{n}] = {r[1:]};" for n, r in enumerate(live))
                text += f" return true; barrier_{k}:;"
                text += "".join(f" {r[1:]} = u{self.width(r)}(lane.saved[{n}]);" for n, r in enumerate(live))
            else:
                try:
                    text = self.access(ins) if ins.op in ("ld", "st", "atom") else self.plain(ins)
                except Exception:  # whatever it is that makes it one that is not known
                    text = f'lane.cannot("{ins.text}");'
            if ins.guard:
                wanted = "!" if re.match(r"@!", ins.text) else ""
                text = f"if ({wanted}{ins.guard[1:]}) {{ {text} }}"
            out.append("  " + text)
        out += [f"{short(label)}:;" for label in labels.get(len(self.code), []) if label in used_labels]
        out.append("  return false;\n}")
        return max((len(live) for live in saved.values()), default=0)


special = {"%tid.x": "lane.tid", "%ctaid.x": "lane.ctaid", "%nctaid.x": "lane.nctaid", "%ntid.x": "lane.ntid"}


def widths_of(text):
    found = {}
    for kind, names in re.findall(r"\.reg \.(\w+)\s+([^;]*);", text):
        for name in names.split(","):
            name = re.sub(r"<\d+>|\d+$", "", name.strip())
            assert found.setdefault(name, bits[kind]) == bits[kind], name
    return found


class File:
    def __init__(self, path):
        self.path, self.lines, self.tables = path, [], set()


def tables_of(text):
    """C++ of each table, by its name."""
    found = {}
    for align, name, size, values in re.findall(r"^\.global \.align (\d+) \.b8 (\w+)\[(\d+)\] = \{([^}]*)\};", text, re.M):
        numbers = values.split(",")
        assert len(numbers) <= int(size)
        rows = "\n  ".join(",".join(numbers[k:k + 32]) + "," for k in range(0, len(numbers), 32))
        found[name] = [f"alignas({align}) u8 {name}[{size}] = {{\n  {rows}\n}};",
                       f'const ptx::Table table_{name}("{name}", {name}, sizeof {name});']
    assert len(re.findall(r"^\.(?:visible )?(?:global|const)", text, re.M)) == len(found)
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    files = [File(path) for path in sys.argv[2:]]
    widths, tables = widths_of(text), tables_of(text)
    shared_sizes = {symbol: int(size) for symbol, size in re.findall(r"\.shared \.align \d+ \.b8 (\w+)\[(\d+)\]", text)}
    for name, parameter, size, symbols, code, labels, problems in sorted(parse(text), key=lambda k: -len(k[4])):
        assert not problems, problems
        shared = [shared_sizes[symbol] for symbol, space in symbols.items() if space == "shared"]
        assert len(shared) <= 1, name
        lanes = re.search(r"\.entry " + name + r"\(.*?\.maxntid (\d+)", text, re.S).group(1)
        to = min(files, key=lambda f: len(f.lines))
        num_saved = Kernel(name, parameter, symbols, code, labels, widths).write(to.lines)
        to.lines.append(f'const ptx::Kernel kernel_{name}("{name}", run_{name}, {size}, {sum(shared)}, {num_saved}, {lanes});')
        to.tables |= {t for t in tables for ins in code if t in ins.operands}
    files[0].tables |= set(tables).difference(*(f.tables for f in files))
    for to in files:
        head = ['#include "tests/cuda/emulated_gpu/gpu.hpp"', "", "using namespace megaseal::test::ptx::words;",
                "namespace ptx = megaseal::test::ptx;", "", "namespace {"]
        head += [line for t in sorted(to.tables) for line in tables[t]]
        with open(to.path, "w", encoding="utf-8") as file:
            file.write("\n".join(head + to.lines + ["}  // namespace"]) + "\n")


main()
