#!/bin/bash
# Keys that openssl and megaseal exchange: openssl_test.sh DRIVER MEGASEAL CASE. Exit 77: skipped, with the reason.
set -uo pipefail
driver=$1
megaseal=$2
case_name=$3
unset MEGASEAL_BACKEND
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1
umask 077

fail() {
  printf 'FAILED, line %s: %s\n' "${BASH_LINENO[1]}" "$*" >&2
  exit 1
}
skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}
# keys FILE: as many keys in hex as there should be; without this an openssl that does nothing would agree.
keys() { same "$(grep -cE '^[0-9a-f]{64}$' "$1")" $num_keys; }
same() { [[ $1 == "$2" ]] || fail "$(printf '%q\ninstead of\n%q' "$1" "$2")"; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
# field NAME: a string of the driver's answer.
field() { sed -nE "s/.*\"$1\":\"([^\"]*)\".*/\1/p"; }
# The last 32 bytes of either DER form are the key itself.
secret_of() { openssl pkey -in "$1" -outform DER | tail -c 32; }
public_of() { openssl pkey -in "$1" -pubout -outform DER | tail -c 32; }

command -v openssl >/dev/null || skip "no openssl"
readonly num_keys=20

# Half of them openssl's, half of them ours.
make_keys() {
  local i
  for ((i = 0; i < num_keys; i++)); do
    if ((i % 2 == 0)); then
      openssl genpkey -algorithm X25519 -out "$i.pem" || fail "genpkey"
    else
      "$megaseal" keygen -o "$i.pem" 2>"$i.text" || fail "keygen"
    fi
  done
}

test_public_keys_agree() {
  make_keys
  local i
  for ((i = 0; i < num_keys; i++)); do
    printf '{"op":"public_key","secret":"%s"}\n' "$(secret_of $i.pem | hex)" >>requests
    public_of $i.pem | hex >>theirs
    printf '\n' >>theirs
  done
  keys theirs
  "$driver" <requests >answers || fail "driver"
  same "$(field public <answers)" "$(cat theirs)"
  # The command, from the files and in text: bech32 of the same bytes.
  for ((i = 0; i < num_keys; i++)); do "$megaseal" pub $i.pem || fail "pub"; done >texts
  same "$(field text <answers)" "$(cat texts)"
  for ((i = 1; i < num_keys; i += 2)); do same "$(cat $i.text)" "$(sed -n "$((i + 1))p" texts)"; done
}

test_shared_secrets_agree() {
  make_keys
  local i j
  for ((i = 0; i < num_keys; i++)); do
    openssl pkey -in "$i.pem" -pubout -out "$i.pub" || fail "pubout"
  done
  # Every second pair is one of openssl's keys with one of ours.
  for ((i = 0; i < num_keys; i++)); do
    for j in $(((i + 1) % num_keys)) $(((i + 8) % num_keys)); do
      openssl pkeyutl -derive -inkey $i.pem -peerkey $j.pub -out shared || fail "derive"
      printf '%s\n' "$(hex <shared)" >>theirs
      printf '{"op":"shared_secret","secret":"%s","public":"%s"}\n' "$(secret_of $i.pem | hex)" \
        "$(public_of $j.pem | hex)" >>requests
    done
  done
  "$driver" <requests >answers || fail "driver"
  same "$(grep -cE '^[0-9a-f]{64}$' theirs)" $((2 * num_keys))
  same "$(field shared <answers)" "$(cat theirs)"
}

test_low_order_points_are_refused_by_both() {
  openssl genpkey -algorithm X25519 -out a.pem
  local point
  for point in 00 01; do
    # SubjectPublicKeyInfo of X25519 with that point: 0 or 1, then zeros.
    printf '302a300506032b656e032100%s%062d' $point 0 | sed 's/../\\x&/g' >escaped
    printf '%b' "$(cat escaped)" | openssl pkey -pubin -inform DER -pubout -out bad.pub || fail "no public key"
    openssl pkeyutl -derive -inkey a.pem -peerkey bad.pub -out shared 2>err && fail "openssl takes it"
    printf '{"op":"shared_secret","secret":"%s","public":"%s%062d"}\n' "$(secret_of a.pem | hex)" $point 0 |
      "$driver" >answer
    [[ $(field error <answer) == *"low order"* ]] || fail "$(cat answer)"
  done
}

# A file of openssl's keys opens what was sealed to the public keys that openssl prints.
test_many_keys_in_one_file() {
  local i
  for ((i = 0; i < num_keys; i++)); do
    openssl genpkey -algorithm X25519 -out $i.pem || fail "genpkey"
    cat $i.pem >>keys.pem
    printf '{"to":"%s","id":%d,"msg":"message %d"}\n' "$(public_of $i.pem | base64)" $i $i >>in
  done
  "$megaseal" seal in >sealed || fail "seal"
  "$megaseal" open -i keys.pem sealed >out || fail "open"
  cmp in out || fail "differs"
  for i in 0 7 $((num_keys - 1)); do
    "$megaseal" open -q -i $i.pem sealed >out 2>err
    same $? 4
    same "$(cat out)" "$(sed -n "$((i + 1))p" in)"
  done
}

# openssl reads each key of a file that keygen --names wrote, and has the directory's public key for it.
test_openssl_reads_keys_for_names() {
  printf 'name %d\n' $(seq $num_keys) >names
  "$megaseal" keygen --names names --directory dir.ndjson -o keys.pem || fail "keygen"
  awk '/BEGIN/ {n++} {print > (n ".pem")}' keys.pem
  local i
  for ((i = 1; i <= num_keys; i++)); do
    printf '{"op":"public_key","secret":"%s"}\n' "$(secret_of $i.pem | hex)" >>requests
    public_of $i.pem | hex >>theirs
    printf '\n' >>theirs
  done
  keys theirs
  "$driver" <requests >answers || fail "driver"
  same "$(field public <answers)" "$(cat theirs)"
  same "$(field text <answers)" "$(field key <dir.ndjson)"
}

declare -F "test_$case_name" >/dev/null || fail "no such case: $case_name"
"test_$case_name"
