#!/bin/bash
# Runs a test written in another language, or says why it cannot: with_peer.sh npm DIRECTORY SCRIPT… has node and
# the packages that npm_install.sh put into DIRECTORY; with_peer.sh nacl SCRIPT… has PyNaCl. Exit 77: skipped. The last
# arguments are SCRIPT DRIVER MEGASEAL CASE; with INTEROP_BACKEND=NAME driver and command are forced to that backend.
set -uo pipefail
unset MEGASEAL_BACKEND
skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

if [[ -n ${INTEROP_BACKEND:-} ]]; then
  export MEGASEAL_BACKEND=$INTEROP_BACKEND
  "${@: -2:1}" info >/dev/null 2>&1
  case $? in
    0) ;;
    5) skip "backend $INTEROP_BACKEND is not available here" ;;
    *) printf 'FAILED: megaseal info\n' >&2 && exit 1 ;;
  esac
fi
peer=$1
shift
case $peer in
  npm)
    [[ -e $1/skipped ]] && skip "$(<"$1/skipped")"
    export MEGASEAL_NPM=$1
    exec node "${@:2}"
    ;;
  nacl)
    # Debian's own Python: another one that may come first in PATH does not see Debian's modules.
    [[ -x /usr/bin/python3 ]] || skip "no /usr/bin/python3"
    /usr/bin/python3 -c 'import nacl' 2>/dev/null || skip "no PyNaCl (python3-nacl)"
    exec /usr/bin/python3 -B "$@"
    ;;
esac
printf 'FAILED: unknown peer %s\n' "$peer" >&2
exit 1
