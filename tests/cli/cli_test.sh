#!/bin/bash
# Tests of the megaseal command's verbs, on NDJSON: cli_test.sh MEGASEAL CASE [MAIN_JOB].
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
main_job=${3:-}

# --- keys ---------------------------------------------------------------------------------------------

test_keygen_writes_a_private_file_and_prints_the_public_key() {
  expect 0 "$megaseal" keygen -o a.pem
  empty out
  same "$(stat -c %a a.pem)" 600
  grep -qE '^megaseal1[02-9ac-hj-np-z]{58}$' err || fail "not a public key: $(cat err)"
  same "$(lines err)" 1
  same "$("$megaseal" pub a.pem)" "$(cat err)"
  same "$("$megaseal" pub <a.pem)" "$(cat err)"
  same "$(ls)" "$(printf 'a.pem\nerr\nout')"
}
test_keygen_to_standard_output() {
  "$megaseal" keygen 2>pub | "$megaseal" pub >out || fail "pipe"
  same "$(cat out)" "$(cat pub)"
}
test_keygen_overwrites_only_with_force() {
  key a
  cp a.pem before
  expect 1 "$megaseal" keygen -o a.pem
  contains err "a.pem exists"
  cmp -s a.pem before || fail "overwritten"
  expect 0 "$megaseal" keygen --force -o a.pem
  cmp -s a.pem before && fail "not overwritten"
  same "$(stat -c %a a.pem)" 600
}
test_keygen_for_names_makes_a_directory() {
  printf 'alice\nbob "the\\builder"\n' >names
  expect 0 "$megaseal" keygen --names names --directory dir.ndjson -o keys.pem
  same "$(grep -c BEGIN keys.pem)" 2
  same "$(lines dir.ndjson)" 2
  same "$("$megaseal" pub keys.pem)" "$(sed -E 's/.*"key":"([^"]*)".*/\1/' dir.ndjson)"
  expect 0 "$megaseal" seal --directory dir.ndjson <<<'{"to":"bob \"the\\builder\"","msg":"x"}'
  cp out sealed
  expect 0 "$megaseal" open -i keys.pem --directory dir.ndjson sealed
  same "$(cat out)" '{"to":"bob \"the\\builder\"","msg":"x"}'
}
# keygen --names with the file of secret keys taken, by COMMAND, while the names still come.
keygen_thwarted() {
  mkfifo names
  "$megaseal" keygen --names names --directory dir.ndjson -o keys.pem "${@:2}" 2>err &
  exec 7>names
  printf 'alice\n' >&7
  for _ in $(seq 100); do
    compgen -G 'dir.ndjson.part.*' >/dev/null && break
    sleep 0.1
  done
  "$1"
  exec 7>&-
  wait $!
  same $? 1
  contains err "cannot create keys.pem"
  same "$(find . -name '*.part.*')" ""
}
test_keygen_for_names_puts_secret_keys_first() {
  take_the_name() { printf 'before' >keys.pem; }
  keygen_thwarted take_the_name
  same "$(cat keys.pem)" before
  [[ ! -e dir.ndjson ]] || fail "public keys whose secret keys are lost"
}
test_keygen_for_names_puts_secret_keys_first_with_force() {
  take_the_name() { mkdir keys.pem; }
  printf 'before' >dir.ndjson
  keygen_thwarted take_the_name --force
  same "$(cat dir.ndjson)" before
}
test_keygen_files_go_to_the_disk() {
  command -v strace >/dev/null || skip "no strace"
  strace -o trace true 2>/dev/null || skip "strace may not trace here"
  printf 'alice\n' >names
  local force
  for force in "" --force; do
    # Under a sanitizer strace keeps the leak check from running; the keys are what counts.
    ASAN_OPTIONS=detect_leaks=0 expect 0 strace -y -o trace -e trace=fsync,link,linkat,rename,renameat,renameat2 \
      "$megaseal" keygen $force --names names --directory dir.ndjson -o keys.pem
    # Content, name, directory of the secret keys; only then those of the public ones.
    same "$(grep -E '^(fsync|link|rename)' trace | grep -oE '^[a-z]+|keys\.pem|dir\.ndjson' | uniq | tr '\n' ' ')" \
      "fsync keys.pem $([[ $force ]] && echo rename || echo link) keys.pem fsync dir.ndjson $(
        [[ $force ]] && echo rename || echo link) dir.ndjson fsync "
  done
}
test_keygen_for_bad_names_writes_nothing() {
  local bad
  for bad in 'al\rice' 'alice\r\r' 'al\0ice' '\033[31malice' 'al\tice' 'alice\x7f' 'al\xc2\x9bice' 'al\xffice' \
    '\xef\xbb\xbfalice' \
    'x\r-----BEGIN PRIVATE KEY-----\rAAAA\r-----END PRIVATE KEY-----\r'; do
    printf '%b' "good\n$bad\n" >names
    expect 1 "$megaseal" keygen --names names --directory dir.ndjson -o keys.pem
    contains err "names: line 2: not a name"
    expect 1 "$megaseal" keygen --names names --directory dir.ndjson
    empty out
  done
  printf 'alice\nbob\r\n\nbob\n' >names
  expect 1 "$megaseal" keygen --names names --directory dir.ndjson
  contains err 'names: line 4: the name "bob" is there twice'
  empty out
  expect 1 "$megaseal" keygen --names names --directory dir.ndjson -o keys.pem
  same "$(ls)" "$(printf 'err\nnames\nout')"
  printf '\n \r\n' >names
  expect 1 "$megaseal" keygen --names names --directory dir.ndjson -o keys.pem
  contains err "no names in names"
  same "$(ls)" "$(printf 'err\nnames\nout')"
  # Line ends of the other kind, and letters of any script, are fine.
  printf 'alice\r\nMärta À ñ 名\r\n' >names
  expect 0 "$megaseal" keygen --names names --directory dir.ndjson -o keys.pem
  contains dir.ndjson '{"name":"alice","key"'
  contains dir.ndjson '{"name":"Märta À ñ 名","key"'
}
test_keygen_for_names_needs_two_outputs() {
  printf 'alice\n' >names
  expect 2 "$megaseal" keygen --force --names names --directory both -o ./both
  contains err "-o and --directory are both"
  [[ ! -e both ]] || fail "written"
  expect 2 "$megaseal" keygen --names names --directory -
  empty out
  expect 2 "$megaseal" keygen --force --names names --directory - -o /dev/stdout
  contains err "-o and --directory are both standard output"
  empty out
}
test_keygen_writes_over_no_names() {
  printf 'alice\n' >names
  ln -s names soft
  local force file
  for force in "" --force; do
    for file in names soft; do
      expect 2 "$megaseal" keygen $force --names names --directory dir.ndjson -o $file
      contains err "-o $file is also the input names"
      expect 2 "$megaseal" keygen $force --names names --directory $file -o keys.pem
      contains err "--directory $file is also the input names"
      expect 2 "$megaseal" keygen $force --names - --directory $file -o keys.pem <names
      contains err "--directory $file is also standard input"
    done
  done
  same "$(cat names)" alice
  same "$(ls)" "$(printf 'err\nnames\nout\nsoft')"
}
test_keygen_fails_where_nobody_learns_the_public_key() {
  [[ -w /dev/full ]] || skip "no /dev/full"
  "$megaseal" keygen -o a.pem 2>/dev/full
  same $? 1
  expect 0 "$megaseal" pub a.pem
  grep -q ^megaseal1 out || fail "the secret key is gone"
}
test_a_bare_carriage_return_starts_no_key() {
  key a
  key b
  (printf '# name\r'; tr '\n' '\r' <b.pem; printf '\n'; cat a.pem) >hidden.pem
  expect 0 "$megaseal" pub hidden.pem
  same "$(cat out)" "$(public a)"
  (head -c -1 a.pem; printf '\r'; cat b.pem) >after.pem
  chmod 600 ./*.pem
  expect 1 "$megaseal" pub after.pem
  contains err "key 2 is not"
  expect 0 "$megaseal" pub <(sed 's/$/\r/' a.pem b.pem)
  same "$(cat out)" "$(cat a.pub b.pub)"
}
test_openssl_reads_our_keys() {
  command -v openssl >/dev/null || skip "no openssl"
  key a
  openssl pkey -in a.pem -pubout -outform DER 2>/dev/null | tail -c 32 | base64 >pub64
  # Base64 of 32 bytes is a public key's text too: what is sealed to openssl's form opens with our file.
  expect 0 "$megaseal" seal -r "$(cat pub64)" <<<'{"msg":"x"}'
  contains out "$(public a)"
  openssl pkey -in a.pem 2>/dev/null | cmp -s - a.pem || fail "openssl writes the key in another form"
}
test_we_read_openssl_keys() {
  command -v openssl >/dev/null || skip "no openssl"
  openssl genpkey -algorithm X25519 -out a.pem
  "$megaseal" pub a.pem >a.pub 2>/dev/null || fail "pub"
  same "$(seal_open '{"msg":"x"}')" '{"msg":"x"}'
  sed 's/$/\r/' a.pem >crlf.pem
  same "$("$megaseal" pub crlf.pem 2>/dev/null)" "$(public a)"
  (echo "a comment"; openssl pkey -in a.pem -pubout; cat a.pem) >more.pem
  same "$("$megaseal" pub more.pem 2>/dev/null)" "$(public a)"
}
test_other_keys_are_refused() {
  command -v openssl >/dev/null || skip "no openssl"
  openssl genpkey -algorithm ED25519 -out ed.pem
  openssl genpkey -algorithm X25519 -aes256 -pass pass:secret -out encrypted.pem
  key a
  (cat a.pem; cat ed.pem) >second.pem
  chmod 600 ./*.pem
  for file in ed encrypted second; do
    expect 1 "$megaseal" pub $file.pem
    contains err "not an unencrypted X25519 secret key"
  done
  head -c 60 a.pem >short.pem
  expect 1 "$megaseal" pub short.pem
  expect 1 "$megaseal" pub /dev/null
  expect 1 "$megaseal" pub missing.pem
  contains err "missing.pem"
}
test_shared_key_file_gets_a_warning() {
  key a
  chmod 644 a.pem
  expect 0 "$megaseal" open -i a.pem </dev/null
  same "$(cat err)" "megaseal: warning: a.pem can be read by others; chmod 600 it"
  expect 0 "$megaseal" open --quiet -i a.pem </dev/null
  empty err
}
test_bad_public_keys_are_usage_errors() {
  key a
  local good bad
  good=$(public a)
  bad=${good%?}$([[ $good == *q ]] && echo p || echo q)
  for text in "$bad" "${good^}" abc "" AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= /////////////////////////////////////////38= \
    CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==; do
    expect 2 "$megaseal" seal -r "$text" </dev/null
    empty out
  done
  expect 2 "$megaseal" seal -r AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= </dev/null
  contains err "low order"
  expect 2 "$megaseal" seal -r /////////////////////////////////////////38= </dev/null
  contains err "canonical"
  expect 0 "$megaseal" seal -r "${good^^}" <<<'{"msg":"x"}'
  contains out "$good"
}

# --- sealing and opening ---------------------------------------------------------------------------------

test_round_trip() {
  key a
  same "$(seal_open '{"msg":"hello"}')" '{"msg":"hello"}'
  same "$(seal_open '{"msg":""}')" '{"msg":""}'
  same "$(seal_open '{"msg":"\u0000\u001f\"\\\/\b\f\n\r\tü\u00fc😀\ud83d\ude00"}')" \
    '{"msg":"\u0000\u001f\"\\/\b\f\n\r\tüü😀😀"}'
}
test_ndjson_escapes_control_characters() {
  key a
  # Those that JSON would let stand: DEL, and U+0080 to U+009F, one of which does what ESC [ does. None of their neighbours.
  local raw=$'\x7f \xc2\x80 \xc2\x9b31m \xc2\x9f' others=$'~ \xc2\xa0 \xc2\xbf \xc3\x80 \xc3\x9f \xe2\x82\x80'
  local escaped='\u007f \u0080 \u009b31m \u009f'
  same "$(seal_open "{\"msg\":\"$raw$others\"}")" "{\"msg\":\"$escaped$others\"}"
  same "$(seal_open "{\"id\":\"$others$raw\",\"aad\":\"\\n$raw\",\"msg\":\"m\"}")" \
    "{\"id\":\"$others$escaped\",\"aad\":\"\\n$escaped\",\"msg\":\"m\"}"
  contains sealed "\"aad\":\"\\n$escaped\""
  printf '{"name":"%s","key":"%s"}\n' "$raw" "$(public a)" >dir
  expect 0 "$megaseal" seal --directory dir <<<"{\"to\":\"$raw\",\"msg\":\"m\"}"
  cp out sealed
  expect 0 "$megaseal" open -i a.pem --directory dir sealed
  same "$(cat out)" "{\"to\":\"$escaped\",\"msg\":\"m\"}"
  expect 3 "$megaseal" seal --rejects rejects <<<"{\"id\":\"$raw\",\"msg\":\"m\"}"
  contains rejects "\"record\":{\"id\":\"$escaped\",\"msg\":\"m\"}"
}
test_round_trip_of_bytes() {
  key a
  same "$(seal_open '{"msg_b64":"AP+A"}')" '{"msg_b64":"AP+A"}'
  same "$(seal_open '{"msg_b64":"\/w"}')" '{"msg_b64":"/w=="}'
  same "$(seal_open '{"msg_b64":"aGk="}')" '{"msg":"hi"}'
  same "$(seal_open '{"msg_b64":""}')" '{"msg":""}'
}
test_fields_are_carried_as_they_stand() {
  key a
  local fields='"id":"\u0041","aad":"\/x"'
  same "$(seal_open "{\"msg\":\"m\", \"aad\" : \"\\/x\" , \"id\" :\"\\u0041\" }")" "{$fields,\"msg\":\"m\"}"
  grep -qE '^\{"to":"[^"]*","id":"\\u0041","aad":"\\/x","sealed":"[^"]*"\}$' sealed || fail "order: $(cat sealed)"
  for id in 0 -1.5e+300 123456789012345678901234567890 true null '""'; do
    same "$(seal_open "{\"id\":$id,\"msg\":\"m\"}")" "{\"id\":$id,\"msg\":\"m\"}"
  done
  same "$(seal_open '{"aad_b64":"/w==","msg":"m"}')" '{"aad_b64":"/w==","msg":"m"}'
}
test_the_format_is_hpke_of_the_right_length() {
  key a
  "$megaseal" seal -r "$(public a)" <<<'{"msg":"12345"}' >sealed
  same "$(sed -E 's/.*"sealed":"([^"]*)".*/\1/' sealed | base64 -d | wc -c)" 53
}
test_aad_is_bound() {
  key a
  "$megaseal" seal -r "$(public a)" <<<'{"msg":"m","aad":"one"}' | sed 's/"one"/"two"/' >sealed
  expect 4 "$megaseal" open -i a.pem sealed
  empty out
}
test_sealed_boxes() {
  key a
  for format in sealedbox sealedbox-salsa; do
    same "$(seal_open '{"msg":"m"}' --format $format)" '{"msg":"m"}'
    expect 4 "$megaseal" open -i a.pem sealed
    expect 3 "$megaseal" seal -r "$(public a)" --format $format <<<'{"msg":"m","aad":"a"}'
    contains err "bind no associated data"
  done
}
test_info_is_bound() {
  key a
  same "$(seal_open '{"msg":"m"}' --info context)" '{"msg":"m"}'
  expect 4 "$megaseal" open -i a.pem sealed
  expect 4 "$megaseal" open -i a.pem --info other sealed
}
test_psk() {
  key a
  head -c 32 /dev/urandom >psk && chmod 600 psk
  same "$(seal_open '{"msg":"m"}' --psk-file psk --psk-id name)" '{"msg":"m"}'
  expect 4 "$megaseal" open -i a.pem sealed
  expect 4 "$megaseal" open -i a.pem --psk-file psk --psk-id other sealed
  expect 2 "$megaseal" open -i a.pem --psk-file psk sealed
  expect 2 "$megaseal" open -i a.pem --psk-id name sealed
  head -c 31 psk >short && chmod 600 short
  expect 1 "$megaseal" seal -r "$(public a)" --psk-file short --psk-id name
}
test_many_recipients_get_one_copy_each() {
  key a
  key b
  key c
  printf '# friends\n\n  %s  # b\n%s\r\n' "$(public b)" "$(public c)" >friends
  "$megaseal" seal -r "$(public a)" -R friends -r "$(public a)" <<<'{"id":1,"msg":"m"}' >sealed || fail "seal"
  same "$(lines sealed)" 3
  for who in a b c; do
    expect 4 "$megaseal" open -i $who.pem sealed
    same "$(cat out)" "{\"to\":\"$(public $who)\",\"id\":1,\"msg\":\"m\"}"
  done
  expect 0 "$megaseal" open -i a.pem -i b.pem -i c.pem sealed
  same "$(lines out)" 3
  printf 'nonsense\n' >>friends
  expect 1 "$megaseal" seal -R friends </dev/null
  contains err "friends: line 5"
}
test_tables_of_keys_change_nothing_but_the_time() {
  key a
  local i cache
  for i in {1..2000}; do printf '{"msg":"message %d"}\n' "$i"; done >in
  for cache in "" "--prepared-cache 0" "--prepared-cache 1" "--prepared-cache=300000"; do
    expect 0 "$megaseal" seal $cache -r "$(public a)" -o sealed in
    expect 0 "$megaseal" open -i a.pem sealed
    same "$(grep -o '"msg":.*' out | sha256sum)" "$(sed 's/^{//' in | sha256sum)"
  done
  expect 2 "$megaseal" seal --prepared-cache x -r "$(public a)" in
  expect 2 "$megaseal" seal --prepared-cache -1 -r "$(public a)" in
  expect 2 "$megaseal" open --prepared-cache 0 -i a.pem sealed
}
test_directory() {
  key a
  key b
  printf '{"name":"alice","key":"%s"}\n{"key":"%s","name":"bob"}\n' "$(public a)" "$(public b)" >dir
  printf '{"to":"bob","msg":"for b"}\n{"to":"al\\u0069ce","msg":"for a"}\n{"to":"%s","msg":"by key"}\n' \
    "$(public a)" >in
  expect 0 "$megaseal" seal --directory dir in
  cp out sealed
  same "$(sed -E 's/,"sealed.*//' sealed)" "$(sed -E 's/,"msg.*//' in)"
  cat a.pem b.pem >both.pem && chmod 600 both.pem
  expect 0 "$megaseal" open -i both.pem --directory dir sealed
  same "$(cat out)" "$(cat in)"
  # Without the directory every key is tried.
  expect 0 "$megaseal" open -i both.pem sealed
  same "$(cat out)" "$(cat in)"
  expect 4 "$megaseal" open -i a.pem --directory dir sealed
  contains err "line 1: sealed to another key"
  same "$(lines out)" 2
}
test_bad_directories() {
  key a
  local good="{\"name\":\"alice\",\"key\":\"$(public a)\"}"
  for bad in "$good" '{"name":"x"}' '{"name":"x","key":"y"}' 'x' '{"name":"x","key":1}' \
    "{\"name\":\"$(public a)\",\"key\":\"$(public a)\"}" "${good%?},\"more\":1}"; do
    printf '%s\n%s\n' "$good" "$bad" >dir
    expect 1 "$megaseal" seal --directory dir </dev/null
    contains err "dir: line 2: "
  done
}
# 31 bytes, a number above the prime, a point of low order, a wrong checksum: named with file, line and reason.
test_bad_keys_in_files() {
  key a
  local good entry text reason
  good=$(public a)
  local -a bad=(
    'CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==|not a public key'
    "${good%?}$([[ $good == *q ]] && echo p || echo q)|not a public key"
    '/////////////////////////////////////////38=|a public key that is not in canonical form'
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=|a public key of low order'
    'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=|a public key of low order'
  )
  for entry in "${bad[@]}"; do
    text=${entry%%|*}
    reason=${entry#*|}
    printf '{"name":"alice","key":"%s"}\n{"name":"bob","key":"%s"}\n' "$good" "$text" >dir
    expect 1 "$megaseal" seal --directory dir </dev/null
    contains err "dir: line 2: $reason"
    printf '%s\n%s\n' "$good" "$text" >friends
    expect 1 "$megaseal" seal -R friends </dev/null
    contains err "friends: line 2: $reason"
  done
  # In a record it is that record's error alone.
  printf '{"to":"%s","msg":"x"}\n' /////////////////////////////////////////38= AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA== "$good" >in
  expect 3 "$megaseal" seal in
  contains err 'line 1: "to" is a public key that is not in canonical form'
  contains err 'line 2: "to" is a public key of low order'
  contains err 'line 3: unknown recipient "CQAA'
  same "$(lines out)" 1
}
test_every_key_is_tried_in_turn() {
  for who in a b c d; do key $who; done
  # One that opens with an early key stands where the later passes write.
  for who in b d a c; do
    for i in 1 2 3; do "$megaseal" seal -r "$(public $who)" <<<"{\"msg\":\"$who$i\"}" || fail "seal"; done
  done | sed -E 's/"to":"[^"]*",//' >sealed
  expect 0 "$megaseal" open -i a.pem -i b.pem -i c.pem -i d.pem sealed
  same "$(tr -d '\n' <out | tr -d '{}":')" msgb1msgb2msgb3msgd1msgd2msgd3msga1msga2msga3msgc1msgc2msgc3
  expect 4 "$megaseal" open -i a.pem -i b.pem -i c.pem sealed
  same "$(lines out)" 9
  contains err "3 did not open"
}
test_order_and_large_input() {
  key a
  seq 1 30000 | awk '{printf "{\"id\":%d,\"msg\":\"message %d%*s\"}\n", $1, $1, $1 % 300, ""}' >in
  "$megaseal" seal -r "$(public a)" in | "$megaseal" open -i a.pem | sed 's/"to":"[^"]*",//' >opened || fail "pipe"
  cmp -s in opened || fail "differs: $(diff in opened | head -c 400)"
}
test_several_inputs_and_output_file() {
  key a
  printf '{"msg":"1"}\n\n{"msg":"2"}' >one
  printf '{"msg":"3"}\nbad\n' >two
  expect 3 "$megaseal" seal -r "$(public a)" -o sealed --rejects rejects one - two <<<'{"msg":"in between"}'
  contains err "two: line 2: not a JSON object"
  same "$(cat rejects)" '{"file":"two","line":2,"reason":"not a JSON object","record":"bad"}'
  same "$("$megaseal" open -i a.pem sealed | sed -E 's/.*"msg":"(.*)"\}/\1/' | tr '\n' ,)" "1,2,in between,3,"
  same "$(find . -name '*.part.*')" ""
}
test_output_appears_only_when_whole() {
  key a
  printf 'before' >sealed
  expect 1 "$megaseal" seal -r "$(public a)" -o sealed /dev/null missing
  same "$(cat sealed)" before
  same "$(find . -name '*.part.*')" ""
  [[ -w /dev/full ]] || return 0
  "$megaseal" seal -r "$(public a)" <<<'{"msg":"x"}' >/dev/full 2>err
  same $? 1
  contains err "No space left"
}
test_an_output_that_replaces_a_file_opens_it_to_nobody() {
  key a
  local old new
  for old in 600 640 660 666 444 755; do
    new=$(printf '%o' $((8#$old & 8#666)))
    printf 'before' >sealed
    chmod $old sealed
    expect 0 "$megaseal" seal -r "$(public a)" -o sealed <<<'{"msg":"x"}'
    same "$(stat -c %a sealed)" "$new"
    same "$(lines sealed)" 1
  done
  expect 0 "$megaseal" seal -r "$(public a)" -o new </dev/null
  same "$(stat -c %a new)" 644
  chmod 400 a.pem
  expect 0 "$megaseal" keygen --force -o a.pem
  same "$(stat -c %a a.pem)" 400
  chmod 666 a.pem
  expect 0 "$megaseal" keygen --force -o a.pem
  same "$(stat -c %a a.pem)" 600
}
test_standard_output_by_another_name() {
  key a
  records() { printf '{"msg":"%s"}\n' "$1"; }
  local name
  for name in /dev/stdout log; do
    printf 'there before\n' >log
    ln -f log other
    (records 1 | "$megaseal" seal -r "$(public a)" -o $name && records 2 | "$megaseal" seal -r "$(public a)") >>log ||
      fail "seal"
    cmp -s log other || fail "$name is another file"
    same "$(lines log)" 3
    same "$(head -n 1 log)" "there before"
  done
}
test_records_that_trickle_are_not_held_back() {
  key a
  mkfifo pipe
  "$megaseal" seal -r "$(public a)" <pipe >sealed &
  exec 7>pipe
  printf '{"msg":"first"}\n{"msg":"sec' >&7
  for _ in $(seq 100); do
    [[ -s sealed ]] && break
    sleep 0.1
  done
  same "$(lines sealed)" 1
  printf 'ond"}\n' >&7
  exec 7>&-
  wait $! || fail "seal"
  same "$("$megaseal" open -i a.pem sealed | lines /dev/stdin)" 2
}

# --- what can be wrong -------------------------------------------------------------------------------------

test_empty_input() {
  key a
  expect 0 "$megaseal" seal -r "$(public a)" </dev/null
  empty out
  empty err
  expect 0 "$megaseal" open -i a.pem </dev/null
  expect 0 "$megaseal" seal -r "$(public a)" <<<$' \n\n\r\n'
  empty out
}
test_closed_streams() {
  key a
  "$megaseal" seal -r "$(public a)" <&- >out 2>err
  same $? 1
  contains err "cannot read standard input"
  "$megaseal" seal -r "$(public a)" <<<'{"msg":"x"}' >&- 2>err
  same $? 1
  contains err "cannot write standard output"
  "$megaseal" seal -r abc 2>&-
  same $? 2
  "$megaseal" keygen -o b.pem >&- 2>&- <&-
  same $? 0
  "$megaseal" pub b.pem >out || fail "keygen with closed streams wrote no key"
  "$megaseal" keygen -o c.pem 2>&-
  same $? 0
}
test_bad_records_are_rejected_and_the_rest_is_done() {
  key a
  local -a bad=(
    'nonsense|not a JSON object'
    '{"msg":"x"|not JSON'
    '{"msg":"x",}|not JSON'
    '{"msg":"x"} {"msg":"y"}|more than one JSON value on the line'
    '[1]|not a JSON object'
    '{}|no "msg" and no "msg_b64"'
    '{"msg":1}|"msg" is not a valid string'
    '{"msg":"\x"}|"msg" is not a valid string'
    '{"msg":"\ud800"}|"msg" is not a valid string'
    '{"msg":"x":"y","to":"z"}|"msg" is not a valid string'
    '{"msg":"x","id":1:2}|"id" is not a string, a number, true, false or null'
    '{"msg":"x","msg":"y"}|"msg" is given twice'
    '{"msg":"x","msg_b64":"eA=="}|"msg" is given twice'
    '{"msg_b64":"e"}|"msg_b64" is not base64'
    '{"msg_b64":"e==="}|"msg_b64" is not base64'
    '{"msg_b64":"eB=="}|"msg_b64" is not base64'
    '{"msg_b64":"e A="}|"msg_b64" is not base64'
    '{"msg":"x","extra":1}|unknown field "extra"'
    '{"sealed":"x"}|unknown field "sealed"'
    '{"msg":"x","to":"bob"}|unknown recipient "bob"'
    '{"msg":"x","to":7}|"to" is not a valid string'
    '{"msg":"x","to":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}|low order'
    '{"msg":"x","id":{}}|"id" is not'
    '{"msg":"x","id":01}|"id" is not'
    '{"msg":"x","aad":[]}|"aad" is not'
    '{"msg":"x","aad":"a","aad_b64":"YQ=="}|"aad" is given twice'
  )
  local entry record reason
  for entry in "${bad[@]}"; do
    record=${entry%%|*}
    reason=${entry#*|}
    printf '{"msg":"before"}\n%s\n{"msg":"after"}\n' "$record" >in
    expect 3 "$megaseal" seal -r "$(public a)" --rejects rejects in
    same "$(lines out)" 2
    contains err "line 2: "
    contains err "$reason"
    same "$(lines rejects)" 1
    same "$(grep -c '^{"line":2,"reason":"' rejects)" 1
  done
}
test_rejects_can_be_done_again() {
  key a
  printf '{"to":"bob","id":1,"msg":"x"}\nnot "json"\n{"msg":"\xff"}\n' >in
  expect 3 "$megaseal" seal --rejects rejects in
  same "$(stat -c %a rejects)" 600
  same "$(cat rejects)" '{"line":1,"reason":"unknown recipient \"bob\"","record":{"to":"bob","id":1,"msg":"x"}}
{"line":2,"reason":"not a JSON object","record":"not \"json\""}
{"line":3,"reason":"not JSON","record":{"b64":"eyJtc2ciOiL/In0="}}'
  empty out
  expect 0 "$megaseal" seal -r "$(public a)" --rejects rejects /dev/null
  empty rejects
}
test_rejects_name_every_input() {
  key a
  local name
  name=$(printf 'caf\xe9')
  printf 'bad\n' >"$name"
  expect 3 "$megaseal" seal -r "$(public a)" --rejects rejects /dev/null "$name"
  same "$(cat rejects)" '{"file":{"b64":"Y2Fm6Q=="},"line":1,"reason":"not a JSON object","record":"bad"}'
}
test_rejects_is_a_file_of_its_own() {
  key a
  printf 'bad\n' >in
  ln in hard
  ln -s in soft
  local file
  for file in in ./in hard soft; do
    expect 2 "$megaseal" seal -r "$(public a)" --rejects $file /dev/null in
    contains err "--rejects $file is also the input in"
    expect 2 "$megaseal" seal -r "$(public a)" --rejects $file <in
    contains err "--rejects $file is also standard input"
  done
  same "$(cat in)" bad
  same "$(stat -c %a in)" 644
  cp a.pem before
  expect 2 "$megaseal" open -i a.pem --rejects a.pem in
  cmp -s a.pem before || fail "the key is gone"
  expect 2 "$megaseal" seal -R a.pub --rejects a.pub in
  contains a.pub megaseal1
  expect 2 "$megaseal" seal -r "$(public a)" --rejects new -o ./new in
  contains err "--rejects new is also the output"
  [[ ! -e new ]] || fail "left behind"
  printf 'before' >old
  expect 2 "$megaseal" seal -r "$(public a)" --rejects old -o old in
  expect 2 "$megaseal" seal -r "$(public a)" --rejects out in
  expect 2 "$megaseal" seal -r "$(public a)" --rejects /dev/stdout in
  same "$(cat old)" before
  printf 'told before\n' >told
  "$megaseal" seal -r "$(public a)" --rejects told in 2>>told >out
  same $? 2
  same "$(cat told)" "told before
megaseal: --rejects told is also standard error"
  expect 2 "$megaseal" seal -r "$(public a)" --rejects - in
  contains err "--rejects takes a file"
  [[ ! -e - ]] || fail "a file of the name -"
  # Nothing is lost in a pipe.
  "$megaseal" seal -q -r "$(public a)" --rejects /dev/stderr in 2>&1 >out | cat >told
  same "$(cat told)" '{"line":1,"reason":"not a JSON object","record":"bad"}'
  # A device may be shared.
  "$megaseal" seal -r "$(public a)" --rejects /dev/null </dev/null >/dev/null || fail "/dev/null"
}
test_the_output_is_a_file_of_its_own() {
  key a
  printf '{"msg":"x"}\n' >in
  head -c 32 /dev/urandom >psk
  printf '{"name":"alice","key":"%s"}\n' "$(public a)" >dir
  chmod 600 psk
  ln in hard
  ln -s in soft
  md5sum in a.pem a.pub psk dir >sums
  local file
  for file in in ./in hard soft; do
    expect 2 "$megaseal" seal -r "$(public a)" -o $file --rejects rejects /dev/null in
    contains err "-o $file is also the input in"
    expect 2 "$megaseal" seal -r "$(public a)" -o $file <in
    contains err "-o $file is also standard input"
    expect 2 "$megaseal" open -i a.pem -o $file - <in
    contains err "-o $file is also standard input"
  done
  [[ ! -e rejects ]] || fail "rejects"
  expect 2 "$megaseal" open -i a.pem -o a.pem in
  contains err "-o a.pem is also the input a.pem"
  expect 2 "$megaseal" open -i - -o a.pem in <a.pem
  expect 2 "$megaseal" seal -R a.pub -o a.pub in
  expect 2 "$megaseal" seal --directory dir -o dir in
  expect 2 "$megaseal" open -i a.pem --directory dir -o dir in
  expect 2 "$megaseal" seal -R a.pub --psk-file psk --psk-id x -o psk in
  expect 2 "$megaseal" open -i a.pem --psk-file psk --psk-id x -o psk in
  # Standard output is asked for its name as well.
  "$megaseal" seal -R a.pub in 2>err >>in
  same $? 2
  contains err "the output is also the input in"
  "$megaseal" open -i a.pem 2>err <in >>in
  same $? 2
  contains err "the output is also standard input"
  "$megaseal" open -i a.pem -o /dev/stdout in 2>err >>a.pem
  same $? 2
  contains err "-o /dev/stdout is also the input a.pem"
  md5sum --status -c sums || fail "written to: $(md5sum -c sums 2>&1 | grep FAILED)"
  # Devices may have both roles.
  "$megaseal" seal -R a.pub -o /dev/null </dev/null || fail "/dev/null"
  "$megaseal" seal -R a.pub </dev/null >/dev/null || fail "/dev/null"
}
test_an_existing_file_of_rejects_becomes_private() {
  key a
  printf 'something longer than what is to come, readable by everyone, from a run before this one\n%s\n' \
    "$(seq 100)" >rejects
  chmod 666 rejects
  expect 3 "$megaseal" seal -r "$(public a)" --rejects rejects <<<bad
  same "$(stat -c %a rejects)" 600
  same "$(cat rejects)" '{"line":1,"reason":"not a JSON object","record":"bad"}'
}
test_standard_input_has_one_role() {
  key a
  printf '{"msg":"x"}\n' >in
  "$megaseal" seal -r "$(public a)" in >sealed || fail "seal"
  both() {
    local first=$1 second=$2
    shift 2
    expect 2 "$megaseal" "$@" </dev/null
    contains err "standard input cannot be both $first and $second"
  }
  both -i INPUT open -i -
  both -i INPUT open -i a.pem -i - sealed -
  both -i --directory open -i - --directory - sealed
  both -R INPUT seal -R -
  both -R INPUT seal -R - in -
  both -R --directory seal -R - --directory - in
  both --directory INPUT seal --directory -
  both --psk-file INPUT seal -r "$(public a)" --psk-file - --psk-id x
  both -R --psk-file seal -R - --psk-file - --psk-id x in
  # One of them at a time is fine.
  expect 0 "$megaseal" open -q -i - sealed <a.pem
  expect 0 "$megaseal" seal -R - in <a.pub
  expect 0 "$megaseal" seal -r "$(public a)" --directory - in </dev/null
}
test_a_record_without_recipient() {
  expect 3 "$megaseal" seal <<<'{"msg":"x"}'
  contains err 'line 1: no "to"'
}
test_records_that_do_not_open() {
  key a
  key b
  "$megaseal" seal -r "$(public a)" <<<'{"msg":"good"}' >good
  local text
  text=$(sed -E 's/.*"sealed":"([^"]*)".*/\1/' good)
  local flipped
  flipped=$([[ ${text:60:1} == A ]] && echo "${text:0:60}B${text:61}" || echo "${text:0:60}A${text:61}")
  local sealed
  for sealed in "$flipped" "${text:0:64}" "${text:0:60}" "" AAAA; do
    printf '{"sealed":"%s"}\n{"sealed":"%s"}\n' "$sealed" "$text" >in
    expect 4 "$megaseal" open -i a.pem --rejects rejects in
    same "$(cat out)" '{"msg":"good"}'
    same "$(grep -c '^{"line":1,"reason":"' rejects)" 1
    contains rejects "\"record\":{\"sealed\":\"$sealed\"}}"
  done
  expect 4 "$megaseal" open -i b.pem good
  # An enc of low order: a shared secret of zeros.
  expect 4 "$megaseal" open -i a.pem <<<"{\"sealed\":\"$(head -c 64 /dev/zero | base64 -w0)\"}"
}
test_malformed_and_unopened_together_are_4() {
  key a
  printf 'bad\n{"sealed":"AAAA"}\n' >in
  expect 4 "$megaseal" open -i a.pem in
  contains err "of 2 records 1 rejected, 1 did not open"
  expect 3 "$megaseal" open -i a.pem <<<'{"msg":"x"}'
  expect 3 "$megaseal" open -i a.pem <<<'{"sealed":"A"}'
  expect 3 "$megaseal" open -i a.pem <<<'{"sealed":1}'
}
test_oversized_records_are_passed_over() {
  key a
  (printf '{"msg":"'; head -c 3000000 /dev/zero | tr '\0' x; printf '"}\n{"msg":"after"}\n') >in
  expect 3 "$megaseal" seal -r "$(public a)" --max-record 2000000 --rejects rejects in
  same "$(lines out)" 1
  contains err "line 1: record is longer"
  same "$(cat rejects)" '{"line":1,"reason":"record is longer than --max-record allows","record":null}'
  expect 0 "$megaseal" seal -r "$(public a)" in
  "$megaseal" open -i a.pem <out | sed 's/"to":"[^"]*",//' | cmp -s - in || fail "differs"
}
test_what_was_sealed_under_a_limit_opens_under_it() {
  key a
  # Nothing of these is shortened by sealing: no escapes, and hardly a field.
  local len framing
  for len in 1024 30000; do
    head -c $len /dev/zero | tr '\0' x >lines.in
    printf '{"msg":"%s"}' "$(head -c $((len - 10)) lines.in)" >ndjson.in
    for framing in ndjson lines; do
      same "$(stat -c %s $framing.in)" $len
      for pad in "" "--pad 5000"; do
        expect 0 "$megaseal" seal --framing $framing --max-record $len $pad -r "$(public a)" $framing.in
        cp out sealed
        expect 0 "$megaseal" open --framing $framing --max-record $len $pad -i a.pem sealed
        same "$(sed 's/"to":"[^"]*",//' out)" "$(cat $framing.in)"
      done
    done
  done
  expect 3 "$megaseal" open --max-record 1024 --framing lines -i a.pem --rejects rejects sealed
  same "$(cat rejects)" '{"line":1,"reason":"record is longer than --max-record allows","record":null}'
  # A name is shown, but not a page of it.
  expect 3 "$megaseal" seal <<<"{\"to\":\"$(cat lines.in)\",\"msg\":\"x\"}"
  contains err "line 1: unknown recipient, with a name of 30000 bytes"
}
test_an_output_that_cannot_be_made_leaves_the_rejects() {
  key a
  printf 'of the last run\n' >rejects
  expect 1 "$megaseal" seal -r "$(public a)" -o missing/out --rejects rejects </dev/null
  same "$(cat rejects)" "of the last run"
}
test_control_characters_do_not_reach_the_terminal() {
  expect 3 "$megaseal" seal <<<'{"to":"\u001b[31mred","msg":"x"}'
  contains err '?[31mred'
  # U+009B is ESC and [ in one.
  expect 3 "$megaseal" seal <<<$'{"to":"\xc2\x9b31mred \xc2\xa0\xc3\x9b","msg":"x"}'
  contains err $'"??31mred \xc2\xa0\xc3\x9b"'
}
test_usage_errors() {
  key a
  expect 2 "$megaseal"
  expect 2 "$megaseal" frobnicate
  expect 2 "$megaseal" seal --frobnicate
  expect 2 "$megaseal" open </dev/null
  expect 2 "$megaseal" seal --format rot13 -r "$(public a)"
  contains err "rot13"
  expect 2 "$megaseal" seal --framing morse -r "$(public a)"
  expect 2 "$megaseal" seal --threads 2000 -r "$(public a)"
  expect 2 "$megaseal" seal --threads x -r "$(public a)"
  expect 2 "$megaseal" seal --format sealedbox --info x -r "$(public a)"
  expect 2 "$megaseal" keygen --names x
  local option
  for option in --output --rejects --psk-file --psk-id --directory; do
    expect 2 "$megaseal" seal -r "$(public a)" $option "" </dev/null
    contains err "$option: must not be empty"
    expect 2 "$megaseal" open -i a.pem $option "" </dev/null
  done
  # What follows an option that ends with = is not its value.
  echo '{"msg":"x"}' >records
  cp records before
  for option in --output --rejects --psk-file --psk-id --directory --info --backend --threads; do
    expect 2 "$megaseal" seal -r "$(public a)" $option= records
    contains err "$option= has no value"
    cmp -s records before || fail "$option= wrote over the next argument"
  done
  expect 2 "$megaseal" seal -r "$(public a)" --info -- --output= records
  cmp -s records before || fail "--output= wrote over the next argument"
  expect 2 "$megaseal" keygen --output= --force
  expect 2 "$megaseal" --backend= info
  expect 0 "$megaseal" seal -r "$(public a)" --info --x= records
  mv out sealed
  expect 0 "$megaseal" open -i a.pem --info --x= sealed
  contains out '"msg":"x"'
  printf 'alice\n' >names
  expect 2 "$megaseal" keygen -o ""
  expect 2 "$megaseal" keygen --names "" --directory dir
  contains err "--names: must not be empty"
  expect 2 "$megaseal" keygen --names names --directory ""
  contains err "--directory: must not be empty"
  empty out
  expect 0 "$megaseal" seal -r "$(public a)" --info "" --backend "" </dev/null
  # Numbers are decimal, and none of them looks octal.
  for option in "--pad 010" "--pad 08" "--pad 0x10" "--max-record 02048" "--threads 01" "--threads 00" \
    "--prepared-cache 01" "--pad +8" "--pad true"; do
    expect 2 "$megaseal" seal -r "$(public a)" $option </dev/null
    contains err "${option% *}: ${option#* } is not a decimal number without leading zeros"
  done
  for option in "--size 010" "--batch 010" "--seconds 01" "--seconds 01.5"; do
    expect 2 "$megaseal" bench keygen $option
    contains err "is not a decimal number without leading zeros"
  done
  expect 0 "$megaseal" seal -r "$(public a)" --pad 10 --threads 0 --prepared-cache 0 </dev/null
  expect 1 "$megaseal" seal -r "$(public a)" missing
  contains err "cannot open missing"
}

# --- the machine --------------------------------------------------------------------------------------------

test_help_and_version() {
  expect 0 "$megaseal" --version
  grep -qE '^megaseal [0-9]+\.[0-9]+\.[0-9]+$' out || fail "version: $(cat out)"
  expect 0 "$megaseal" --help
  local verb
  for verb in keygen pub seal open info selftest; do
    contains out "$verb"
    expect 0 "$megaseal" $verb --help
    [[ $(lines out) -le 40 ]] || fail "help of $verb is longer than a screen"
    expect 0 "$megaseal" --help
  done
  [[ -w /dev/full ]] || return 0
  for verb in --version --help "seal --help"; do
    "$megaseal" $verb >/dev/full 2>err
    [[ $? -eq 1 ]] || fail "$verb to a full device: exit $?"
    contains err "standard output"
  done
}
test_unknown_backend_is_5() {
  key a
  expect 5 "$megaseal" --backend nonsense info
  contains err "unknown backend nonsense"
  contains err "scalar"
  expect 5 "$megaseal" info --backend nonsense
  expect 5 "$megaseal" selftest --backend nonsense
  expect 5 "$megaseal" seal -r "$(public a)" --backend nonsense </dev/null
  expect 5 "$megaseal" open -i a.pem --backend nonsense </dev/null
  printf 'alice\n' >names
  expect 5 "$megaseal" --backend nonsense keygen -o b.pem
  MEGASEAL_BACKEND=nonsense expect 5 "$megaseal" keygen
  empty out
  expect 5 "$megaseal" --backend nonsense keygen --names names --directory dir -o b.pem
  expect 5 "$megaseal" --backend nonsense pub a.pem
  empty out
  [[ ! -e b.pem && ! -e dir ]] || fail "written"
  expect 0 "$megaseal" --backend scalar keygen -o b.pem
  MEGASEAL_BACKEND=scalar expect 0 "$megaseal" pub b.pem
  MEGASEAL_BACKEND=nonsense expect 5 "$megaseal" info
}
test_forced_backend() {
  expect 0 "$megaseal" --backend scalar info --json
  contains out '"forced":"scalar"'
  contains out '"hpke_seal":"scalar"'
  MEGASEAL_BACKEND=scalar expect 0 "$megaseal" info --json
  contains out '"forced":"scalar"'
  MEGASEAL_BACKEND=nonsense expect 0 "$megaseal" info --backend scalar
  MEGASEAL_BACKEND='' expect 0 "$megaseal" info --json
  contains out '"forced":null'
}
test_info_and_selftest() {
  expect 0 "$megaseal" info
  contains out "scalar"
  contains out "hpke_seal"
  expect 0 "$megaseal" selftest
  contains out "self-test passed"
  expect 0 "$megaseal" selftest --json
  contains out '{"passed":true,"backends":['
  expect 0 "$megaseal" info --threads 1 --json
  contains out '"threads":1'
  contains out '"device":{"state":"'
}
test_summary_as_json() {
  key a
  printf '{"msg":"four"}\nbad\n' >in
  expect 3 "$megaseal" seal -q --json -r "$(public a)" in
  contains err '{"records":2,"done":1,"plaintext_bytes":4,"rejected":1,"not_opened":0,"foreign":0,"seconds":'
  same "$(lines err)" 1
}
test_main_job() {
  [[ -n $main_job ]] || skip "this build leaves the benchmarks out"
  [[ -d /usr/share/games/fortunes ]] || skip "no fortunes"
  expect 0 "$main_job" --command "$megaseal" --work . --count 3000
  same "$(tail -n 1 out)" "3,000 of 3,000 opened"
  printf '{"to":"alice","msg":"x"}\n{"msg":"for nobody by name","aad":"a"}\n{"to":"bob","msg_b64":"/w=="}\n' >in
  expect 0 "$main_job" --command "$megaseal" --work . in
  same "$(tail -n 1 out)" "3 of 3 opened"
  expect 0 "$main_job" --command "$megaseal" --work . in --count 10
  same "$(tail -n 1 out)" "10 of 10 opened"
  expect 1 "$main_job" --command "$megaseal" --work . missing
  printf '{"to":"alice","msg":"x","unknown":1}\n' >>in
  expect 1 "$main_job" --command "$megaseal" --work . in
  same "$(tail -n 1 out)" "3 of 4 opened"
  expect 2 "$main_job" --command "$megaseal" --count many
  MEGASEAL_BACKEND=nonsense expect 5 "$main_job" --command "$megaseal" --work .
  contains err "unknown backend nonsense"
  same "$(find . -name 'main-job.*')" ""
}

run_case
