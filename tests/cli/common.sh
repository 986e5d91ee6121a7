# What shell tests of the command share: sourced with MEGASEAL CASE as arguments. Exit 77: skipped, with the
# reason on the last line.
set -uo pipefail
megaseal=$1
case_name=$2
unset MEGASEAL_BACKEND
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1
umask 022

fail() {
  printf 'FAILED, line %s: %s\n' "${BASH_LINENO[1]}" "$*" >&2
  [[ -s err ]] && sed 's/^/  stderr: /' err >&2
  exit 1
}
skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}
# expect CODE COMMAND…: the exit code; standard output in `out`, standard error in `err`.
expect() {
  local want=$1 got=0
  shift
  "$@" >out 2>err || got=$?
  [[ $got == "$want" ]] || fail "exit $got instead of $want: $*"
}
same() { [[ $1 == "$2" ]] || fail "$(printf '%q\ninstead of\n%q' "$1" "$2")"; }
contains() { grep -qF -- "$2" "$1" || fail "$1 lacks: $2 ($(head -c 500 "$1"))"; }
empty() { [[ ! -s $1 ]] || fail "$1 is not empty: $(head -c 500 "$1")"; }
lines() { wc -l <"$1"; }

run_case() {
  declare -F "test_$case_name" >/dev/null || fail "no such case: $case_name"
  "test_$case_name"
}
