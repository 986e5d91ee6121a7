#!/bin/bash
# matrix.sh SOURCE GENERATED WORK COMPILER LEVEL: constant time of the scalar and avx2 backends as COMPILER builds them at
# LEVEL. What leaks in one of these builds may not in any other, so each is compiled and run.
#
# The flags beside the level are those of backends/CMakeLists.txt.
set -euo pipefail
readonly source=$1 generated=$2 work=$3 compiler=$4 level=$5
readonly here=$source/tests/ct

skip() {
  echo "skipped: $*"
  exit 77
}
command -v "$compiler" >/dev/null || skip "$compiler is not installed"
command -v valgrind >/dev/null || skip "valgrind is not installed"

mkdir -p "$work"
common=(-std=c++20 -fPIC -fno-plt -fvisibility=hidden -DNDEBUG -I"$source" -I"$source/engine/include" -I"$generated" "-$level")
case $compiler in
  *clang*)
    curve=(-mllvm -enable-misched=false)
    common+=(-fno-integrated-as)  # what it writes out is for as to read
    ;;
  *) curve=(-fno-schedule-insns2 -mno-red-zone) ;;
esac
objects=()
# compile NAME SOURCE FLAGS…
compile() {
  local name=$1 object=$work/$1.o file=$2
  shift 2
  # Assemblers take the shortest form of a vmovq between registers, which valgrind 3.19 does not know: the other one, then.
  "$compiler" "${common[@]}" "$@" -w -S "$file" -o - |
    sed -E 's/^(\tvmovq\t%xmm[0-9]+, ?%xmm[0-9]+)/\t{load}\1/' >"$work/$name.s"
  as -W "$work/$name.s" -o "$object"
  objects+=("$object")
}
for isa in scalar avx2; do
  flags=(-DMEGASEAL_ISA="$isa")
  [[ $isa == avx2 ]] && flags+=(-mavx2 -mfma -mbmi -mbmi2)
  for file in "$source/backends/$isa"/*.cpp; do
    of_file=("${flags[@]}")
    [[ $file == */avx2/x25519.cpp ]] && of_file+=("${curve[@]}")
    [[ $file == */avx2/hpke_schedule.cpp ]] && of_file+=(-mtune=haswell)
    compile "${isa}_$(basename "$file" .cpp)" "$file" "${of_file[@]}"
  done
done
for file in cases driver planted; do compile "ct_$file" "$here/$file.cpp"; done
"$compiler" -no-pie "${objects[@]}" -o "$work/driver"

failed=0
for backend in scalar avx2; do python3 "$here/memcheck.py" "$work/driver" "$backend" || failed=1; done
python3 "$here/disassembly.py" --never "$work/driver" "$here/public_loops.txt" || failed=1
exit $failed
