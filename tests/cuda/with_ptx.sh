#!/bin/bash
# with_ptx.sh [--cubin ARCHITECTURE] NVCC GENERATED FOLDER SOURCE… -- COMMAND…: makes PTX, or machine code for an architecture
# such as sm_80, of each source into FOLDER, with the flags that backends/CMakeLists.txt has for kernels and the sources' lines,
# and runs COMMAND with those files after its arguments.
set -eu
kind=ptx architecture=sm_90
if [[ $1 == --cubin ]]; then
  kind=cubin architecture=$2
  shift 2
  # Which takes a while to make, and nothing but nvdisasm can read.
  command -v nvdisasm >/dev/null || [[ -x /usr/local/cuda/bin/nvdisasm ]] || {
    echo "skipped: no nvdisasm"
    exit 77
  }
fi
nvcc=$1 generated=$2 folder=$3
shift 3
made=()
while [[ $1 != -- ]]; do
  made+=("$folder/$(basename "$1" .cu).$architecture.$kind")
  "$nvcc" -$kind -lineinfo -std=c++20 -O3 -DNDEBUG -arch=$architecture --expt-relaxed-constexpr -diag-suppress=1675 \
    -I. -I"$generated" -o "${made[-1]}" "$1"
  shift
done
shift
"$@" "${made[@]}"
