#!/bin/bash
# matrix.sh BUILD WORK COMPILER LEVEL CURVE BUILT_CURVE: constant time of the scalar and avx2 backends as COMPILER builds them
# at LEVEL. What leaks in one of these builds may not in any other, so each is compiled and run.
#
# The flags beside the level are those of the build's own commands, but for the curve kernels' that differ between
# compilers: CURVE are those of COMPILER, and stand where the build's have BUILT_CURVE.
set -euo pipefail
readonly build=$1 work=$2 compiler=$3 level=$4 curve=$5 built_curve=$6
here=$(dirname "$(readlink -f "$0")")
readonly here source=${here%/tests/ct}

skip() {
  echo "skipped: $*"
  exit 77
}
command -v "$compiler" >/dev/null || skip "$compiler is not installed"
command -v valgrind >/dev/null || skip "valgrind is not installed"

mkdir -p "$work"
last=("-$level" -w)
[[ $compiler != *clang* ]] || last+=(-fno-integrated-as)  # what it writes out is for as to read
# of_backends: name, source and flags of each of their files.
of_backends() {
  python3 - "$build/compile_commands.json" "$curve" "$built_curve" <<'END'
import json, re, sys
path, curve, built_curve = sys.argv[1:]
num_curves = 0
with open(path, encoding="utf-8") as file:
    entries = json.load(file)
for entry in entries:
    match = re.match(r"\S+ (.*) -o \S+/megaseal_backend_(scalar|avx2)\.dir/\S+ -c (\S+/(\w+)\.cpp)$", entry["command"])
    if match:
        flags = match[1].replace(" " + built_curve, " " + curve)
        num_curves += built_curve in match[1]
        print(f"{match[2]}_{match[4]} {match[3]} {flags}")
if num_curves != 2:
    sys.exit(f"{num_curves} files with the flags of curve kernels in {path}: x25519 and x25519_prepared should have them")
END
}
objects=()
# compile NAME SOURCE FLAGS…
compile() {
  local name=$1 object=$work/$1.o file=$2
  shift 2
  # Assemblers take the shortest form of a vmovq between registers, which valgrind 3.19 does not know: the other one, then.
  "$compiler" "$@" "${last[@]}" -S "$file" -o - |
    sed -E 's/^(\tvmovq\t%xmm[0-9]+, ?%xmm[0-9]+)/\t{load}\1/' >"$work/$name.s"
  as -W "$work/$name.s" -o "$object"
  objects+=("$object")
}
listed=$(of_backends)
while read -r name file flags; do
  read -ra flags <<<"$flags"
  compile "$name" "$file" "${flags[@]}"
done <<<"$listed"
for file in cases driver planted; do
  compile "ct_$file" "$here/$file.cpp" -std=c++20 -I"$source" -I"$source/engine/include"
done
"$compiler" -no-pie "${objects[@]}" -o "$work/driver"

failed=0
for backend in scalar avx2; do python3 "$here/memcheck.py" "$work/driver" "$backend" || failed=1; done
python3 "$here/disassembly.py" --never "$work/driver" "$here/public_loops.txt" || failed=1
exit $failed
