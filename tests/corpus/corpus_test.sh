#!/bin/bash
# Opens one file of the corpus, or looks whether the corpus is as it was: corpus_test.sh DRIVER MEGASEAL CASE,
# where CASE is `unchanged` or the name of a row of cases.txt.
set -uo pipefail
driver=$1
megaseal=$2
case_name=$3
unset MEGASEAL_BACKEND
corpus=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
files=$corpus/files
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
hex() { od -An -v -tx1 | tr -d ' \n'; }
secret() { sed -n '/BEGIN/,/END/{/-----/!p}' "$files/$1.pem" | base64 -d | tail -c 32 | hex; }
# list NAME: the strings in an array of the driver's answer, one a line.
list() { sed -nE "s/.*\"$1\":\[([^]]*)\].*/\1/p" | tr -d '"' | tr , '\n'; }

# Every file is listed with its hash, and every sealed one has a row, if only one that waits.
unchanged() {
  cd "$files" || fail "no files"
  sha256sum --check --strict --quiet "$corpus/SHA256SUMS" || fail "a file was changed"
  diff <(sed 's/^[0-9a-f]*  //' "$corpus/SHA256SUMS" | LC_ALL=C sort) <(LC_ALL=C ls) ||
    fail "SHA256SUMS is another list"
  local file
  for file in *-[0-9]*.[0-9]*.[0-9]*.*; do
    grep -qE "(sealed|exports)=$file( |\$)" "$corpus/cases.txt" || fail "no row opens $file"
  done
}

by_the_command() {
  local arguments=(-q --framing "${row[framing]}" --format "${row[format]}") key
  for key in ${row[keys]//,/ }; do arguments+=(-i "$files/$key.pem"); done
  [[ -v row[info] ]] && arguments+=(--info "${row[info]}")
  [[ -v row[psk] ]] && arguments+=(--psk-file "$files/${row[psk]}" --psk-id "${row[psk_id]}")
  [[ -v row[directory] ]] && arguments+=(--directory "$files/${row[directory]}")
  "$megaseal" open "${arguments[@]}" "$files/${row[sealed]}" >opened || fail "exit $?"
  cmp opened "$files/${row[opened]}" || fail "opened to something else"
}

# The members of a request that stand for the row's key and parameters.
params() {
  printf '"format":"%s","secret":"%s"' "${row[format]}" "$(secret "${row[keys]}")"
  [[ -v row[info] ]] && printf ',"info":"%s"' "$(printf %s "${row[info]}" | hex)"
  [[ -v row[psk] ]] && printf ',"psk":"%s","psk_id":"%s"' "$(hex <"$files/${row[psk]}")" \
    "$(printf %s "${row[psk_id]}" | hex)"
}

# One message; its exports are asked for one by one, since a call makes one.
raw() {
  local request aad="" context value
  [[ -v row[aad] ]] && aad=",\"aad\":[\"$(printf %s "${row[aad]}" | hex)\"]"
  request="{\"op\":\"open\",\"sealed\":[\"$(hex <"$files/${row[sealed]}")\"],$(params)$aad"
  printf '%s}\n' "$request" | "$driver" >answer
  grep -q '"opened":\["' answer || fail "$(cat answer)"
  cmp <(list opened <answer) <(hex <"$files/${row[opened]}" && echo) || fail "opened to something else"
  [[ -v row[exports] ]] || return 0
  while IFS= read -r line; do
    context=${line% *} value=${line#* }
    printf '%s,"exporter_context":"%s","export_len":%d}\n' "$request" "$context" $((${#value} / 2)) |
      "$driver" >answer
    [[ $(list exports <answer) == "$value" ]] || fail "another export for [$context]: $(head -c 300 answer)"
  done <"$files/${row[exports]}"
}

# The first line of the file is enc, each other one a message, all in hex; they are opened backwards as well.
context() {
  local enc order
  mapfile -t sealed <"$files/${row[sealed]}"
  enc=${sealed[0]}
  unset 'sealed[0]'
  printf '{"op":"receiver","enc":"%s",%s}\n' "$enc" "$(params)" >requests
  for order in cat tac; do
    printf '{"op":"context_open","context":0,"sequences":[%s],"sealed":[%s]}\n' \
      "$(seq 0 $((${#sealed[@]} - 1)) | $order | paste -sd,)" \
      "$(printf '"%s"\n' "${sealed[@]}" | $order | paste -sd,)" >>requests
  done
  local line context value
  while IFS= read -r line; do
    context=${line% *} value=${line#* }
    printf '{"op":"context_export","context":0,"exporter_contexts":["%s"],"export_len":%d}\n' "$context" \
      $((${#value} / 2)) >>requests
    printf '%s\n' "$value" >>exports
  done <"$files/${row[exports]}"
  "$driver" <requests >answers || fail "driver"
  cmp <(sed -n 2p answers | list opened) "$files/${row[opened]}" || fail "opened to something else"
  cmp <(sed -n 3p answers | list opened) <(tac "$files/${row[opened]}") || fail "backwards to something else"
  cmp <(list exports <answers) exports || fail "another export"
}

if [[ $case_name == unchanged ]]; then
  unchanged
  exit
fi
declare -A row
read -ra words < <(grep -E "^$case_name " "$corpus/cases.txt")
((${#words[@]} > 1)) || fail "no such case: $case_name"
for word in "${words[@]:1}"; do row[${word%%=*}]=${word#*=}; done
case ${row[framing]} in
  ndjson | lines | len32) by_the_command ;;
  raw | context) "${row[framing]}" ;;
  *) fail "no such framing: ${row[framing]}" ;;
esac
