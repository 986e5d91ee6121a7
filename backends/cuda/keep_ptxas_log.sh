#!/bin/bash
# Runs the CUDA compiler and keeps what the assembler says of each kernel (registers, stack, spills) beside the object, for
# the test that reads it: keep_ptxas_log.sh NVCC ARGUMENTS… -o OBJECT …
set -uo pipefail
log=
for ((i = 1; i < $#; i++)); do
  next=$((i + 1))
  [[ ${!i} == -o ]] && log=${!next}.ptxas
done
[[ -n $log ]] || exec "$@"
"$@" 2>"$log.part"
status=$?
grep -vE '^ptxas info|bytes stack frame|^$' "$log.part" >&2
mv "$log.part" "$log"
exit $status
