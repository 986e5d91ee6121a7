#!/bin/bash
# with_ptx.sh NVCC GENERATED FOLDER SOURCE… -- COMMAND…: makes PTX of each source into FOLDER, with the flags that
# backends/CMakeLists.txt has for kernels and the sources' lines, and runs COMMAND with those files after its arguments.
set -eu
nvcc=$1 generated=$2 folder=$3
shift 3
ptx=()
while [[ $1 != -- ]]; do
  ptx+=("$folder/$(basename "$1" .cu).ptx")
  "$nvcc" -ptx -lineinfo -std=c++20 -O3 -DNDEBUG -arch=sm_90 --expt-relaxed-constexpr -diag-suppress=1675 \
    -I. -I"$generated" -o "${ptx[-1]}" "$1"
  shift
done
shift
"$@" "${ptx[@]}"
