#!/bin/bash
# Installs the packages into a clean Debian 12, uses them there, and removes them: check.sh PACKAGES CACHE
#
# PACKAGES is the directory of the .deb files; CACHE keeps the bare system and what apt downloads between runs.
# Exit 77: skipped, with the reason on the last line.
#
# Everything happens in namespaces of its own (processes, mounts, and users where the caller is not root), and the
# system itself lies in memory: whichever way this ends, nothing is left to unmount or to remove.
set -euo pipefail
umask 022
packaging=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly packaging tests=$packaging/../../tests
readonly suite=bookworm
# A bare system older than this (in days) is made anew, for it would only be upgraded package by package.
readonly max_age=7

skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}
say() { printf '   %s\n' "$*" >&2; }

# Where this machine's own apt gets this release from, as lines of a sources.list. Debian's own archives alone:
# others use other names for their suites or for `main`.
sources() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v suites="^$suite(-updates|-security)?/?$" '$3 == "main" && $2 ~ suites {print "deb", $1, $2, $3}' |
    sort -u
}

# How this machine's apt reaches them, as lines of an apt.conf; proxies, say.
apt_conf() { apt-config dump | grep -E '^Acquire::(http|https|Retries|Check-Valid-Until|Check-Date)\b' || true; }

# make_system TARBALL: a bare Debian, in a file.
make_system() {
  local tarball=$1
  say "making a bare Debian ($suite), kept for $max_age days"
  apt_conf >"$memory/apt.conf"
  TMPDIR=$memory mmdebstrap --quiet --mode=root --variant=minbase --architectures="$(dpkg --print-architecture)" \
    --aptopt="$memory/apt.conf" "$suite" - - <<<"$(sources)" >"$tarball.new"
  mv "$tarball.new" "$tarball"
  rm -f "$cache"/archives/*.deb
}

# What runs inside the namespaces, up to the change of root.
inside() {
  local packages=$1 tarball=$2/debian-$suite.tar
  cache=$2
  memory=$cache/memory
  mount -t tmpfs -o mode=0755 megaseal "$memory"
  [[ -s $tarball && -z $(find "$tarball" -mtime "+$max_age") ]] || make_system "$tarball"

  local root=$memory/root
  mkdir "$root"
  tar -xf "$tarball" -C "$root" --numeric-owner --exclude='./dev/*'
  mkdir -p "$root/check"
  cp -r "$packages"/*.deb "$packaging/check_inside.sh" "$tests/abi/header_c99.c" "$tests/install/consumer" \
    "$root/check"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind "$cache/archives" "$root/var/cache/apt/archives"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive \
    chroot "$root" /bin/bash /check/check_inside.sh
}

if [[ ${1:-} == --inside ]]; then
  inside "$2" "$3"
fi

[[ $# == 2 ]] || { printf 'usage: check.sh PACKAGES CACHE\n' >&2; exit 2; }
packages=$(cd "$1" && pwd)
mkdir -p "$2/archives/partial" "$2/memory"
cache=$(cd "$2" && pwd)

# shellcheck disable=SC1091
[[ $(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}") == "$suite" ]] ||
  skip "this machine is not Debian 12, and packages made here are not for it"
[[ -n $(sources) ]] || skip "apt on this machine knows no archive of Debian 12"
enter=(unshare --mount --pid --fork --kill-child)
((EUID == 0)) || enter+=(--user --map-auto --map-root-user)
problem=$("${enter[@]}" mount -t tmpfs megaseal "$cache/memory" 2>&1) ||
  skip "cannot enter a namespace of its own, as root or by a user namespace: $(head -n 1 <<<"$problem")"

# In the background, for a shell that waits in the foreground puts its traps off.
# shellcheck disable=SC2317
stop() {
  trap - INT TERM HUP
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  printf 'interrupted\n' >&2
  exit 130
}
"${enter[@]}" bash "${BASH_SOURCE[0]}" --inside "$packages" "$cache" &
pid=$!
trap stop INT TERM HUP
status=0
wait "$pid" || status=$?
exit "$status"
