#!/bin/bash
# The part of check.sh that runs in the clean Debian, as root: the packages and programs to build lie in /check.
set -euo pipefail
cd /check
export TMPDIR=/check/tmp
mkdir "$TMPDIR"

say() { printf '   %s\n' "$*" >&2; }
fail() {
  printf 'FAILED in the clean Debian: %s\n' "$*" >&2
  exit 1
}
# Silent, unless it fails.
must() {
  local status=0
  "$@" >log 2>&1 || status=$?
  ((status == 0)) && return
  tail -n 30 log >&2
  fail "exit $status: $*"
}
apt() { must apt-get -qq -y -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=true "$@"; }
same() { [[ $1 == "$2" ]] || fail "$(printf '%s\ninstead of\n%s' "$1" "$2")"; }

# Every path there is, but for the kernel's, ours, and what apt and dpkg note down about packages in general.
paths() {
  find / -xdev \( -path /check -o -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/cache \
    -o -path /var/log -o -path /var/lib/apt -o -path '/var/lib/dpkg/*-old' \) -prune -o -print | sort
}
# try CHECK FILES…: installs the packages with all they depend on, checks, removes everything, looks for remains.
try() {
  local check=$1 remains packages
  shift
  mapfile -t packages < <(for file; do dpkg-deb --field "$file" Package; done)
  paths >before
  apt install --no-install-recommends "$@"
  same "$(dpkg --verify "${packages[@]}")" ""
  # All of it is for everybody to read.
  same "$(dpkg -L "${packages[@]}" | sort -u | sed '/^$/d' |
    xargs -d '\n' sh -c 'find "$@" -maxdepth 0 ! -type l ! -perm -o=r' find)" ""
  "$check"
  apt purge --autoremove "${packages[@]}"
  paths >after
  remains=$(diff before after) || true
  same "$remains" ""
  say "removed ${packages[*]}; nothing is left behind"
}

# has_cuda PACKAGE: whether its description says so.
has_cuda() { grep -q 'has the CUDA backend' <<<"$(dpkg-deb --field "$1" Description)"; }
# What is said of the backend here: there is no driver in a bare Debian.
readonly cuda_built='unsupported: no CUDA driver' cuda_left_out='not-built: left out of this build'

check_command() {
  local cuda=$cuda_left_out
  same "$(megaseal --version)" "megaseal $version"
  must megaseal selftest
  ! has_cuda ./megaseal_*.deb || cuda=$cuda_built
  same "$(megaseal info | awk '$1 == "cuda" {state = $2; $1 = $2 = ""; sub(/^ +/, ""); print state ": " $0}')" "$cuda"
  umask 077
  must megaseal keygen -o key.pem
  seq -f '{"msg":"message %.0f"}' 1000 >in
  megaseal seal -r "$(megaseal pub <key.pem)" <in >sealed || fail "sealing"
  megaseal open -i key.pem <sealed >out || fail "opening"
  # The command may say more of a record than was put in, the address for one.
  same "$(grep -o '"msg":"[^"]*"' out)" "$(grep -o '"msg":"[^"]*"' in)"
  say "megaseal $version: self-tests passed, 1,000 messages sealed and opened; cuda $cuda"
}

# What the program says, and that it takes its megaseal from the package or brings it along.
check_program() {
  local program=$1 says=$2 shared=$3 libraries
  same "$("$program")" "megaseal $version: from $says"
  libraries=$(ldd "$program" 2>&1) || true
  same "$(grep -c "/libmegaseal\.so" <<<"$libraries")" "$shared"
}

# A program that tells what a library has to say of the CUDA backend, as `megaseal info` does.
cuda_program() {
  cat <<'C'
#include <megaseal/megaseal.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  megaseal_backend_info info = {sizeof info};
  for (size_t i = 0; i < megaseal_num_backends(); i++)
    if (!megaseal_get_backend_info(i, &info) && !strcmp(info.name, "cuda"))
      printf("%s: %s\n", info.state == MEGASEAL_BACKEND_NOT_BUILT ? "not-built" :
             info.state == MEGASEAL_BACKEND_UNSUPPORTED ? "unsupported" : "wrong", info.reason);
  return 0;
}
C
}

# Word by word, as pkg-config means it.
# shellcheck disable=SC2046
check_development() {
  must cc -std=c99 header_c99.c -o c-shared $(pkg-config --cflags --libs megaseal)
  check_program ./c-shared C 1
  must cc -std=c99 -static header_c99.c -o c-static $(pkg-config --static --cflags --libs megaseal)
  check_program ./c-static C 0
  must c++ -std=c++20 consumer/consumer.cpp -o cpp-shared $(pkg-config --cflags --libs megaseal)
  check_program ./cpp-shared C++ 1
  # The archive is without the backend, whatever the shared library has: no CUDA is here to link it with.
  local cuda=$cuda_left_out
  ! has_cuda ./libmegaseal[0-9]*.deb || cuda=$cuda_built
  cuda_program >cuda.c
  must cc -std=c99 cuda.c -o cuda-shared $(pkg-config --cflags --libs megaseal)
  same "$(./cuda-shared)" "$cuda"
  must cc -std=c99 -static cuda.c -o cuda-static $(pkg-config --static --cflags --libs megaseal)
  same "$(./cuda-static)" "$cuda_left_out"
  local target expected
  for target in megaseal shared; do
    must cmake -S consumer -B "cmake-$target" -DVERSION="$version" -DLANGUAGE=C \
      -DTARGET="megaseal::$target" -DPROGRAM=/check/header_c99.c
    must cmake --build "cmake-$target"
    [[ $target == shared ]] && expected=1 || expected=0
    check_program "./cmake-$target/program" C "$expected"
  done
  say "programs in C and C++ built and run: by pkg-config and CMake, shared and static; cuda in the shared library" \
    "$cuda, in the archive $cuda_left_out"
}

for package in megaseal libmegaseal-dev; do
  [[ $(printf '%s\n' ./"$package"_*.deb | wc -l) == 1 ]] || fail "several packages $package"
done
version=$(dpkg-deb --field ./megaseal_*.deb Version)
version=${version%-*}
apt update
try check_command ./megaseal_*.deb
# Compilers come first, so that they are no part of what has to go.
apt install --no-install-recommends g++ cmake make pkg-config
try check_development ./libmegaseal[0-9]*.deb ./libmegaseal-dev_*.deb
