#!/bin/bash
# Tests of what `cmake --install` leaves: install_test.sh WORK CASE, with the build in the environment, as
# CMakeLists.txt sets it. Exit 77: skipped, with the reason on the last line.
set -uo pipefail
work=$1
case_name=$2
: "${BUILD:?}" "${SOURCE:?}" "${LIBDIR:?}" "${VERSION:?}"
# `stage` installs to the one and moves it to the other: nothing may remember where it was installed.
installed=$work/installed
prefix=$work/prefix
library=$prefix/$LIBDIR/libmegaseal.so.$VERSION
c_program=$SOURCE/tests/abi/header_c99.c
cpp_program=$SOURCE/tests/install/consumer/consumer.cpp
unset DESTDIR CFLAGS CXXFLAGS LDFLAGS
export LC_ALL=C
# Ours first, before any megaseal that this machine may have.
export PKG_CONFIG_PATH=$prefix/$LIBDIR/pkgconfig CMAKE_PREFIX_PATH=$prefix

fail() {
  printf 'FAILED, line %s: %s\n' "${BASH_LINENO[1]}" "$*" >&2
  exit 1
}
skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}
must() { "$@" || fail "exit $?: $*"; }
same() { [[ $1 == "$2" ]] || fail "$(printf '%s\ninstead of\n%s' "$1" "$2")"; }

# dynamic FILE TAG: the values of that tag in the dynamic section, a line each.
dynamic() {
  local section
  section=$(readelf -dW "$1") || fail "readelf cannot read $1"
  sed -n "s/^.*($2).*\[\(.*\)\]\$/\1/p" <<<"$section"
}
# needs PROGRAM LIBRARY-PREFIX: how many libraries of that name it asks the loader for.
needs() { dynamic "$1" NEEDED | grep -c "^$2\.so"; }

# configure DIRECTORY LANGUAGE TARGET COMPONENTS PROGRAM [CMAKE OPTIONS…]
configure() {
  local directory=$1
  rm -rf "$directory"
  "$CMAKE" -S "$SOURCE/tests/install/consumer" -B "$directory" -G "$GENERATOR" --no-warn-unused-cli \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" \
    -DVERSION="$VERSION" -DOTHER_VERSIONS="$other_versions" \
    -DLANGUAGE="$2" -DTARGET="$3" -DCOMPONENTS="$4" -DPROGRAM="$5" "${@:6}" 2>&1
}
IFS=. read -r major minor _ <<<"$VERSION"
# Before 1.0 every minor version is an ABI of its own. A program that asks for another one must not be given this.
if ((major == 0)); then
  soversion=0.$minor
  other_versions="0.$((minor - 1));0.$((minor + 1))"
else
  soversion=$major
  other_versions="$((major - 1)).0;$((major + 1)).0"
fi

# cmake_consumers TARGET COMPONENT: a C project that has no C++ at all, and a C++ project that names no component.
cmake_consumers() {
  local directory=$work/cmake-$2
  must configure "$directory-c" C "$1" "$2" "$c_program"
  must "$CMAKE" --build "$directory-c"
  same "$("$directory-c/program")" "megaseal $VERSION: from C"
  must configure "$directory-cpp" CXX "$1" "" "$cpp_program"
  must "$CMAKE" --build "$directory-cpp"
  same "$("$directory-cpp/program")" "megaseal $VERSION: from C++"
}

test_stage() {
  rm -rf "$work"
  must mkdir -p "$work"
  must "$CMAKE" --install "$BUILD" --prefix "$installed"
  must mv "$installed" "$prefix"
}

test_files() {
  local want=(include/megaseal/megaseal.h include/megaseal/megaseal.hpp include/megaseal/megaseal_cuda.h
    "$LIBDIR/cmake/megaseal/megaseal-config-version.cmake" "$LIBDIR/cmake/megaseal/megaseal-config.cmake"
    "$LIBDIR/cmake/megaseal/megaseal-shared-release.cmake" "$LIBDIR/cmake/megaseal/megaseal-shared.cmake"
    "$LIBDIR/cmake/megaseal/megaseal-static-release.cmake" "$LIBDIR/cmake/megaseal/megaseal-static.cmake"
    "$LIBDIR/libmegaseal.a" "$LIBDIR/libmegaseal.so" "$LIBDIR/libmegaseal.so.$soversion"
    "$LIBDIR/libmegaseal.so.$VERSION" "$LIBDIR/pkgconfig/megaseal.pc"
    share/doc/megaseal/CHANGELOG.md share/doc/megaseal/LICENSE share/doc/megaseal/README.md
    share/doc/megaseal/SECURITY.md)
  if [[ $CLI == 1 ]]; then
    want+=(bin/megaseal share/man/man1/megaseal.1 share/bash-completion/completions/megaseal
      share/zsh/site-functions/_megaseal)
  fi
  same "$(cd "$prefix" && find . ! -type d | sort)" "$(printf './%s\n' "${want[@]}" | sort)"
}

test_no_build_paths() {
  local directory found
  for directory in "$SOURCE" "$BUILD" "$installed" "$prefix"; do
    found=$(grep -rlaF -- "$directory" "$prefix")
    same "$found" ""
  done
}

test_shared_library() {
  same "$(dynamic "$library" SONAME)" "libmegaseal.so.$soversion"
  same "$(readlink "$prefix/$LIBDIR/libmegaseal.so.$soversion")" "libmegaseal.so.$VERSION"
  same "$(readlink "$prefix/$LIBDIR/libmegaseal.so")" "libmegaseal.so.$soversion"
  same "$(dynamic "$library" 'RPATH\|RUNPATH')" ""
  must "$CMAKE" -DNM="$NM" -DLIBRARY="$library" -DEXPECTED="$SOURCE/tests/abi/exported_symbols.txt" \
    "-DHEADERS=$prefix/include/megaseal/megaseal.h;$prefix/include/megaseal/megaseal_cuda.h" -P "$SOURCE/tests/abi/check_exports.cmake"
}

# The command stands by itself: it is the archive that it holds.
test_command() {
  [[ $CLI == 1 ]] || skip "this build leaves the command out"
  local megaseal=$prefix/bin/megaseal
  same "$(dynamic "$megaseal" 'RPATH\|RUNPATH')" ""
  same "$(needs "$megaseal" libmegaseal)" 0
  same "$("$megaseal" --version)" "megaseal $VERSION"
}

test_cmake_static() {
  cmake_consumers megaseal::megaseal static
  same "$(needs "$work/cmake-static-c/program" libmegaseal)" 0
  same "$(needs "$work/cmake-static-cpp/program" libmegaseal)" 0
}

# Users of the shared library are told nothing of libsodium, which is the library's own affair.
test_cmake_shared() {
  cmake_consumers megaseal::shared shared
  local program
  for program in "$work/cmake-shared-c/program" "$work/cmake-shared-cpp/program"; do
    same "$(dynamic "$program" NEEDED | grep -c "^libmegaseal\.so\.$soversion\$")" 1
    same "$(needs "$program" libsodium)" 0
  done
}

# Without libsodium's development files the shared library is still found, and the archive is not, with the reason.
test_cmake_without_libsodium() {
  local libdir hide output
  libdir=$(pkg-config --variable=libdir libsodium)
  # /lib is a link to /usr/lib, and another way in.
  hide="-DCMAKE_IGNORE_PATH=$libdir;${libdir#/usr}"
  must configure "$work/cmake-hidden" C megaseal::shared shared "$c_program" "$hide"
  if output=$(configure "$work/cmake-hidden" C megaseal::megaseal static "$c_program" "$hide"); then
    fail "the archive was found without libsodium"
  fi
  grep -q "libsodium, which megaseal's archive needs" <<<"$(tr -s ' \n' ' ' <<<"$output")" || fail "$output"
}

# The flags are a list of words, left to the shell to split, as users' makefiles do.
# shellcheck disable=SC2046
test_pkg_config_shared() {
  local program
  cd "$work" || fail "no $work"
  same "$(pkg-config --modversion megaseal)" "$VERSION"
  must "$CC" -std=c99 "$c_program" -o pkg-config-c $(pkg-config --cflags --libs megaseal)
  must "$CXX" -std=c++20 "$cpp_program" -o pkg-config-cpp $(pkg-config --cflags --libs megaseal)
  for program in pkg-config-c pkg-config-cpp; do
    same "$(needs $program libmegaseal)" 1
    same "$(needs $program libsodium)" 0
  done
  same "$(LD_LIBRARY_PATH=$prefix/$LIBDIR ./pkg-config-c)" "megaseal $VERSION: from C"
  same "$(LD_LIBRARY_PATH=$prefix/$LIBDIR ./pkg-config-cpp)" "megaseal $VERSION: from C++"
}

# shellcheck disable=SC2046
test_pkg_config_static() {
  cd "$work" || fail "no $work"
  must "$CC" -std=c99 -static "$c_program" -o static-c $(pkg-config --static --cflags --libs megaseal)
  must "$CXX" -std=c++20 -static "$cpp_program" -o static-cpp $(pkg-config --static --cflags --libs megaseal)
  same "$(dynamic static-c NEEDED)$(dynamic static-cpp NEEDED)" ""
  same "$(./static-c)" "megaseal $VERSION: from C"
  same "$(./static-cpp)" "megaseal $VERSION: from C++"
}

# As a folder of another project: the library alone is built, for nothing else was asked for; nothing is installed.
test_subproject() {
  [[ $GENERATOR == Ninja ]] || skip "asks Ninja what would be built"
  local build=$work/subproject inputs
  rm -rf "$build"
  must "$CMAKE" -S "$SOURCE/tests/install/subproject" -B "$build" -G Ninja -DMEGASEAL_SOURCE="$SOURCE" \
    -DPROGRAM="$c_program" -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX"
  inputs=$(ninja -C "$build" -t inputs all) || fail "ninja cannot say what it would build"
  same "$(grep -c '^megaseal/engine/libmegaseal\.\(a\|so\.'"$VERSION"'\)$' <<<"$inputs")" 2
  same "$(ninja -C "$build" -t commands with_megaseal | tail -n 1 | grep -c libsodium)" 1
  same "$(grep '^megaseal/\(tests\|bench\|engine/cli\)/' <<<"$inputs" | head -n 3)" ""
  must "$CMAKE" --install "$build" --prefix "$build/prefix"
  [[ ! -e $build/prefix ]] || fail "a subproject was installed: $(find "$build/prefix" ! -type d | head -n 3)"
}

declare -F "test_$case_name" >/dev/null || fail "no such case: $case_name"
[[ -z $SANITIZE ]] || skip "what is built with $SANITIZE is not for installing"
"test_$case_name"
