#!/bin/bash
# Installs what package-lock.json names into a build directory: npm_install.sh SOURCE DIRECTORY. Done once, and
# again only when the lock has changed. Without npm or a network there is nothing to compare with: exit 77, and the
# reason is left in DIRECTORY/skipped for the tests that need the packages. Whatever else npm says is a failure: a
# package whose hash is not the pinned one, above all.
set -uo pipefail
source=$1
directory=$2

skip() {
  printf '%s\n' "$*" >"$directory/skipped"
  printf 'skipped: %s\n' "$*"
  exit 77
}
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

mkdir -p "$directory" && cd "$directory" || fail "cannot use $directory"
# Two runs of ctest in one build directory must not install over each other.
exec 9>lock
flock 9 || fail "cannot lock"
want=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum)
[[ -e installed && $(<installed) == "$want" ]] && exit 0

rm -f installed skipped
command -v node >/dev/null || skip "no node"
command -v npm >/dev/null || skip "no npm"
cp "$source/package.json" "$source/package-lock.json" . || fail "cannot copy the lock"
# Few and short retries: a machine without a network should skip in seconds.
npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --prefer-offline --loglevel=error \
  --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=2000 --fetch-timeout=60000 >npm.log 2>&1
code=$?
cat npm.log
if ((code != 0)); then
  network='ENOTFOUND|EAI_AGAIN|EAI_FAIL|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT'
  network+='|ENETDOWN|ENETUNREACH|EHOSTDOWN|EHOSTUNREACH|ENOTCACHED|E502|E503|E504'
  reason=$(sed -nE "s/^npm (ERR!|error) code ($network)\$/\2/p" npm.log | head -n 1)
  [[ -n $reason ]] && skip "npm has no network ($reason)"
  fail "npm ci: exit $code"
fi
printf '%s\n' "$want" >installed
