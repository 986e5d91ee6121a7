#!/bin/bash
# Tests of the megaseal command as part of a pipeline: framings, padding, order, memory, signals, pipes and disks
# that end early: stream_test.sh MEGASEAL CASE.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# In a script, what runs in the background ignores SIGINT, and so would the command. For the background alone, so that
# $! is the command itself.
with_default_signals() { exec env --default-signal=INT,TERM,HUP,PIPE "$@"; }
# on_terminal COMMAND…: with a terminal for standard output and error, which goes to `out`. Returns its exit code.
on_terminal() {
  command -v script >/dev/null || skip "no script(1)"
  local quoted
  printf -v quoted '%q ' "$@"
  TERM=xterm script -qec "$quoted" /dev/null </dev/null >out
}
# records N [MESSAGE]: N records with ids from 1.
records() { seq "$1" | sed "s/.*/{\"id\":&,\"msg\":\"${2:-message}\"}/"; }
ids() { grep -oE '"id":[0-9]+' "$1" | cut -d: -f2; }
whole_records() {
  [[ ! -s $1 || $(tail -c 1 "$1" | od -An -tx1) == " 0a" ]] || fail "$1 ends within a record"
  same "$(grep -cvE '^\{.*"(sealed|msg)":"[^"]*"\}$' "$1")" 0
}
# peak_memory PID: kilobytes.
peak_memory() { awk '/VmHWM/ {print $2}' "/proc/$1/status"; }
# Whether the process PID has SIGINT's handler in place: before, the signal ends it without a word.
handles_signals() {
  # The shell that is to become the command catches SIGINT as well, and dies of it without a word.
  [[ $(readlink "/proc/$1/exe") == "$(readlink -f "$megaseal")" ]] &&
    [[ $(awk '/^SigCgt/ {print $2}' "/proc/$1/status") =~ [2367abef]$ ]]
}
wait_until() {
  for _ in $(seq 300); do
    "$@" && return 0
    sleep 0.1
  done
  fail "never: $*"
}

# --- framings -------------------------------------------------------------------------------------------

test_lines_round_trip() {
  key a
  local text
  for text in 'one\ntwo\n' '\n' 'one\n\n\nfour\n' 'carriage\r\nreturn\r\n' '  blanks  \n\t\n' 'nul\0 \xff\xfe\n' \
    '{"msg":"x"}\n'; do
    printf '%b' "$text" >in
    expect 0 "$megaseal" seal --framing lines -r "$(public a)" in
    same "$(lines out)" "$(lines in)"
    same "$(grep -cvE '^[A-Za-z0-9+/]{64,}={0,2}$' out)" 0
    cp out sealed
    expect 0 "$megaseal" open --framing lines -i a.pem sealed
    cmp -s out in || fail "$text became $(od -c out)"
  done
  printf 'no line feed' | "$megaseal" seal --framing lines -r "$(public a)" >sealed || fail "seal"
  same "$("$megaseal" open --framing lines -i a.pem sealed | od -An -c | tr -d ' ')" 'nolinefeed\n'
  expect 0 "$megaseal" seal --framing lines -r "$(public a)" </dev/null
  empty out
}
test_sealed_lines_are_what_sealed_holds() {
  key a
  "$megaseal" seal -r "$(public a)" <<<'{"msg":"text"}' | sed -E 's/.*"sealed":"([^"]*)".*/\1/' >sealed
  same "$("$megaseal" open --framing lines -i a.pem sealed)" text
  sed 's/$/\r/' sealed | "$megaseal" open --framing lines -i a.pem >out || fail "open with CRLF"
  same "$(cat out)" text
  (echo; cat sealed; echo '   ') | "$megaseal" open --framing lines -i a.pem >out || fail "open with blank lines"
  same "$(cat out)" text
  sed -E 's/.*/{"sealed":"&"}/' sealed | "$megaseal" open -i a.pem >out || fail "open as NDJSON"
  same "$(cat out)" '{"msg":"text"}'
}
test_bad_lines_are_rejected_and_the_rest_is_done() {
  key a
  printf 'good\n' | "$megaseal" seal --framing lines -r "$(public a)" >sealed || fail "seal"
  (printf '{"msg":"two\\nlines"}\n') | "$megaseal" seal -r "$(public a)" |
    sed -E 's/.*"sealed":"([^"]*)".*/\1/' >two_lines
  (echo '!not base64!'; cat sealed two_lines; echo AAAA) >in
  expect 4 "$megaseal" open --framing lines -i a.pem --rejects rejects in
  same "$(cat out)" good
  same "$(lines rejects)" 3
  contains rejects '{"line":1,"reason":"not base64","record":"!not base64!"}'
  contains rejects '{"line":3,"reason":"the message holds a line feed; --framing ndjson and len32 can carry it"'
  contains rejects "$(cat two_lines)"
  contains err "line 4: "
  cat sealed two_lines >in
  expect 3 "$megaseal" open --framing lines -i a.pem in
  same "$(cat out)" good
  # What looks like JSON is a text here.
  (printf '{"msg":"x"}'; head -c 2000 /dev/zero | tr '\0' x; printf '\n42\n') >in
  expect 3 "$megaseal" seal --framing lines --max-record 1024 -r "$(public a)" --rejects rejects in
  same "$(lines out)" 1
  same "$(cat rejects)" '{"line":1,"reason":"record is longer than --max-record allows","record":null}'
}
test_len32_round_trip() {
  key a
  printf '\3\0\0\0abc\0\0\0\0\6\0\0\0\0\xff\n\r{\1' >in
  expect 0 "$megaseal" seal --framing len32 -r "$(public a)" in
  same "$(stat -c %s out)" $((3 * 4 + 3 * 48 + 9))
  same "$(head -c 4 out | od -An -tu1 | tr -s ' ')" " 51 0 0 0"
  cp out sealed
  expect 0 "$megaseal" open --framing len32 -i a.pem sealed
  cmp -s out in || fail "differs: $(od -c out)"
  cat sealed sealed >twice
  expect 0 "$megaseal" open --framing len32 -i a.pem -o opened twice sealed
  cmp -s opened <(cat in in in) || fail "several inputs"
}
test_bad_len32_is_rejected_and_the_rest_is_done() {
  key a
  local good='\4\0\0\0good'
  # bad(BYTES, RECORDS THAT ARE DONE, REASON)
  bad() {
    printf '%b' "$1" >in
    expect 3 "$megaseal" seal --framing len32 -r "$(public a)" --max-record 1024 --rejects rejects in
    contains err "$3"
    same "$(lines rejects)" 1
    "$megaseal" open --framing len32 -i a.pem out >opened || fail "open"
    same "$(grep -oa good opened | wc -l)" "$2"
  }
  bad "$good\\5" 1 "record 2: the input ends in the middle of this record"
  bad "$good\\5\\0\\0" 1 "record 2: the input ends in the middle"
  bad "$good\\5\\0\\0\\0" 1 "record 2: the input ends in the middle"
  bad "$good\\5\\0\\0\\0shor" 1 "record 2: the input ends in the middle"
  contains rejects '"record":"\u0005\u0000\u0000\u0000shor"'
  bad "$good\\1\\4\\0\\0$(printf 'x%.0s' $(seq 1025))$good" 2 "record 2: record is longer"
  bad "$good\\xff\\xff\\xff\\xffrest" 1 "record 2: record is longer"
  # One that is passed over is longer than any block, and other records stand on both sides.
  (printf "$good"; printf '\0\0\x40\0'; head -c 4194304 /dev/urandom; printf "$good"; printf '\xff\xff\xff\0') >in
  expect 3 "$megaseal" seal --framing len32 -r "$(public a)" --max-record 1024 in
  contains err "of 4 records 2 rejected"
  "$megaseal" open --framing len32 -i a.pem out >opened || fail "open"
  same "$(stat -c %s opened)" 16
  # A record longer than a block is not passed over where it is allowed.
  (printf '\0\0\x40\0'; head -c 4194304 /dev/urandom; printf "$good") >in
  "$megaseal" seal --framing len32 -r "$(public a)" in | "$megaseal" open --framing len32 -i a.pem | cmp -s - in ||
    fail "long record"
}
test_every_format_in_every_framing() {
  key a
  printf 'line one\nline two\n' >lines.in
  printf '\1\0\0\0\n\2\0\0\0ab' >len32.in
  printf '{"msg":"one"}\n{"msg_b64":"/w=="}\n' >ndjson.in
  local format framing
  for format in hpke sealedbox sealedbox-salsa; do
    for framing in ndjson len32 lines; do
      "$megaseal" seal --format $format --framing $framing -r "$(public a)" $framing.in |
        "$megaseal" open --format $format --framing $framing -i a.pem | sed 's/"to":"[^"]*",//' |
        cmp -s - $framing.in || fail "$format in $framing"
    done
  done
}
test_framing_without_addresses() {
  key a
  key b
  local framing
  for framing in len32 lines; do
    expect 2 "$megaseal" seal --framing $framing </dev/null
    contains err "exactly one recipient"
    expect 2 "$megaseal" seal --framing $framing -r "$(public a)" -r "$(public b)" </dev/null
    expect 0 "$megaseal" seal --framing $framing -r "$(public a)" -R a.pub </dev/null
    expect 2 "$megaseal" seal --framing $framing -r "$(public a)" --directory dir </dev/null
    contains err "only --framing ndjson has"
    expect 2 "$megaseal" open --framing $framing -i a.pem --skip-foreign </dev/null
  done
  # Every key is tried.
  printf 'x\n' | "$megaseal" seal --framing lines -r "$(public b)" | "$megaseal" open --framing lines -i a.pem -i b.pem >out
  same "$(cat out)" x
}
test_binary_does_not_go_to_a_terminal() {
  key a
  printf '\1\0\0\0x' >in
  on_terminal "$megaseal" seal --framing len32 -r "$(public a)" in
  same $? 2
  contains out "does not go to a terminal"
  printf 'of the last run\n' >rejects
  on_terminal "$megaseal" seal --framing len32 -r "$(public a)" -o /dev/tty --rejects rejects in
  same $? 2
  contains out "does not go to a terminal"
  same "$(cat rejects)" "of the last run"
  on_terminal "$megaseal" seal --framing len32 -r "$(public a)" -o sealed in
  same $? 0
  on_terminal "$megaseal" open --framing len32 -i a.pem sealed
  same $? 2
  printf 'text\t\xc3\xbc\n' | "$megaseal" seal --framing lines -r "$(public a)" >sealed
  on_terminal "$megaseal" open --framing lines -i a.pem sealed
  same $? 0
  contains out $'text\tü'
  local binary
  for binary in '\x1b[31mred' '\0' '\xff' '\x7f' '\xc2\x9b31m' 'carriage\rreturn'; do
    printf '%b\n' "$binary" | "$megaseal" seal --framing lines -r "$(public a)" >sealed
    on_terminal "$megaseal" open --framing lines -i a.pem sealed
    same $? 1
    contains out "a message is binary"
    expect 0 "$megaseal" open --framing lines -i a.pem sealed
  done
}

# --- padding, foreign records, directories ----------------------------------------------------------------

test_padding_hides_lengths() {
  key a
  local len format
  for format in hpke sealedbox; do
    for len in 0 1 31 32 62 63; do
      printf '{"msg":"%s"}\n' "$(head -c $len /dev/zero | tr '\0' x)"
    done >in
    "$megaseal" seal --format $format --pad 64 -r "$(public a)" in >sealed || fail "seal"
    same "$(sed -E 's/.*"sealed":"([^"]*)".*/\1/' sealed | while read -r t; do base64 -d <<<"$t" | wc -c; done | uniq)" 112
    "$megaseal" open --format $format --pad 64 -i a.pem sealed | sed 's/"to":"[^"]*",//' | cmp -s - in || fail "open"
  done
  # A message that ends on a multiple gets a whole one more. What is appended is 0x80 and zeros.
  same "$(seal_open '{"msg":"12345678"}' --pad 8)" '{"msg":"12345678"}'
  expect 0 "$megaseal" open -i a.pem sealed
  contains out "\"msg_b64\":\"$(printf '12345678\x80\0\0\0\0\0\0\0' | base64)\""
  printf '\2\0\0\0\x80\0' >in
  "$megaseal" seal --framing len32 --pad 5 -r "$(public a)" in | "$megaseal" open --framing len32 --pad 5 -i a.pem |
    cmp -s - in || fail "a message that looks padded"
}
test_padding_of_many_records() {
  # Several batches from one block.
  key a
  records 400 >in
  "$megaseal" seal --pad 65536 -r "$(public a)" in | "$megaseal" open --pad 65536 -i a.pem |
    sed 's/"to":"[^"]*",//' | cmp -s - in || fail "differs"
}
test_wrong_padding_does_not_open() {
  key a
  "$megaseal" seal -r "$(public a)" <<<'{"msg":"12345678"}' >sealed
  expect 4 "$megaseal" open --pad 8 -i a.pem --rejects rejects sealed
  contains rejects "not padded to a multiple of 8 bytes"
  empty out
  "$megaseal" seal --pad 8 -r "$(public a)" <<<'{"msg":"1"}' >sealed
  expect 4 "$megaseal" open --pad 16 -i a.pem sealed
  "$megaseal" seal -r "$(public a)" <<<'{"msg":""}' >sealed
  expect 4 "$megaseal" open --pad 8 -i a.pem sealed
  expect 2 "$megaseal" seal --pad 0 -r "$(public a)" </dev/null
  expect 2 "$megaseal" seal --pad x -r "$(public a)" </dev/null
}
test_foreign_records_can_be_skipped() {
  key a
  key b
  printf '{"name":"alice","key":"%s"}\n{"name":"bob","key":"%s"}\n' "$(public a)" "$(public b)" >dir
  printf '{"to":"alice","msg":"1"}\n{"to":"bob","msg":"2"}\n{"to":"%s","msg":"3"}\n' "$(public b)" |
    "$megaseal" seal -q --directory dir >sealed || fail "seal"
  expect 4 "$megaseal" open -i a.pem --directory dir sealed
  same "$(lines out)" 1
  expect 0 "$megaseal" open -q --json -i a.pem --directory dir --skip-foreign --rejects rejects sealed
  same "$(cat out)" '{"to":"alice","msg":"1"}'
  contains err '"records":3,"done":1,"plaintext_bytes":1,"rejected":0,"not_opened":0,"foreign":2,'
  empty rejects
  # Who a record is for can be told by its "to" alone: a damaged one, or one without, is no foreign one.
  sed -E 's/"to":"bob"/"to":"nobody we know"/' sealed >in
  expect 4 "$megaseal" open -i a.pem --directory dir --skip-foreign in
  sed -E 's/"sealed":"...../"sealed":"AAAAA/' sealed >in
  expect 4 "$megaseal" open -i a.pem --directory dir --skip-foreign in
}
test_directory_says_how_many_names() {
  key a
  printf '{"name":"n%d","key":"'"$(public a)"'"}\n' $(seq 1234) >dir
  expect 0 "$megaseal" seal --directory dir </dev/null
  same "$(cat err)" "megaseal: 1234 names in dir"
  expect 0 "$megaseal" seal -q --directory dir </dev/null
  empty err
  printf '{"name":"n7","key":"%s"}\n' "$(public a)" >>dir
  expect 1 "$megaseal" seal --directory dir </dev/null
  contains err 'dir: line 1235: the name "n7" is there twice'
}
test_a_million_names() {
  # Any 32 bytes below the prime are a key to seal to; the last 8 are zeros here.
  head -c 24000000 /dev/urandom | base64 -w 32 |
    awk '{printf "{\"name\":\"user%d@example.org\",\"key\":\"%sAAAAAAAAAAA=\"}\n", NR, $0}' >dir
  local begin=$EPOCHREALTIME
  expect 0 "$megaseal" seal --directory dir <<<'{"to":"user1000000@example.org","msg":"x"}'
  local micros=$((${EPOCHREALTIME/./} - ${begin/./}))
  same "$(cat err)" "megaseal: 1000000 names in dir"
  ((micros < 5000000)) || fail "took $micros us"
}

# --- order and memory ------------------------------------------------------------------------------------

test_order_on_many_threads() {
  key a
  key b
  seq 40000 | awk '{printf "{\"id\":%d,\"msg\":\"%*s\"}\n", $1, $1 % 500, ""}' >in
  local threads
  for threads in 1 2 7; do
    "$megaseal" seal --threads $threads --format sealedbox -r "$(public a)" <(head -n 8000 in) >sealed || fail "seal"
    "$megaseal" open --threads $threads --format sealedbox -i b.pem -i a.pem sealed | sed 's/"to":"[^"]*",//' |
      cmp -s - <(head -n 8000 in) || fail "differs with $threads threads"
  done
  # Rejects are in order too.
  sed '0~7s/msg/mess/' in >bad
  expect 3 "$megaseal" seal -q --threads 7 -r "$(public a)" --rejects rejects <(head -n 8000 bad)
  same "$(grep -oE '^\{"line":[0-9]+' rejects | cut -d: -f2 | sort -nc 2>&1)" ""
  same "$(lines rejects)" 1142
  same "$(lines out)" 6858
}
test_copies_to_many_recipients() {
  # More sealed text than a block may hold at once, so that it is written in pieces, and other blocks behind it.
  head -c 2400 /dev/urandom | base64 -w 32 | sed 's/$/AAAAAAAAAAA=/' >friends
  same "$(lines friends)" 100
  local long
  long=$(head -c 120000 /dev/zero | tr '\0' x)
  (printf '{"id":%d,"msg":"%s"}\n' 1 "$long" 2 "$long" 3 "$long"; records 50) >in
  expect 0 "$megaseal" seal --threads 4 -R friends in
  same "$(lines out)" 5300
  whole_records out
  same "$(ids out | uniq -c | awk '{print $1, $2}' | tr '\n' ,)" \
    "$( (seq 3; seq 50) | sed 's/^/100 /' | tr '\n' ,)"
  same "$(grep -oE '"to":"[^"]*"' out | awk 'NR <= 100 {want[NR] = $0} $0 != want[(NR - 1) % 100 + 1]' | wc -l)" 0
}
test_memory_stays_flat() {
  key a
  mkfifo in sealed
  # Records of half the largest length, so that limits by number of records would not do.
  generate() {
    local record
    record="{\"msg\":\"$(head -c 8000000 /dev/zero | tr '\0' x)\"}"
    for _ in $(seq 40); do printf '%s\n' "$record"; done
    read -r <release
  }
  mkfifo release
  generate >in &
  "$megaseal" seal -r "$(public a)" in >sealed &
  local sealer=$!
  "$megaseal" open -i a.pem sealed >opened &
  local opener=$!
  wait_until eval '[[ $(stat -c %s opened) -gt 320000000 ]]'
  local memory
  for memory in $(peak_memory $sealer) $(peak_memory $opener); do
    ((memory < 256 * 1024)) || fail "peak $memory kB"
  done
  echo >release
  wait $sealer || fail "seal"
  wait $opener || fail "open"
  same "$(lines opened)" 40
}
test_memory_stays_flat_with_padding() {
  key a
  records 30000 >in
  mkfifo release
  (cat in; read -r <release) | "$megaseal" seal --pad 65536 --threads 2 -r "$(public a)" >sealed &
  local sealer=$!
  wait_until eval '[[ $(lines sealed) == 30000 ]]'
  local memory
  memory=$(peak_memory $sealer)
  echo >release
  wait $sealer || fail "seal"
  ((memory < 256 * 1024)) || fail "peak $memory kB"
}
test_memory_stays_flat_with_tiny_records() {
  key a
  # More records in a block than its bytes would suggest, if each were of the usual length.
  head -c 2000000 /dev/zero | tr '\0' '\n' >in
  "$megaseal" seal --framing lines --threads 2 -r "$(public a)" in >/dev/null 2>&1 &
  local sealer=$! memory
  sleep 1.5
  memory=$(peak_memory $sealer)
  kill $sealer
  wait $sealer
  ((memory > 1000 && memory < 64 * 1024)) || fail "peak $memory kB"
}
test_out_of_memory_is_no_reject() {
  key a
  local text limit failed=0
  text=$(head -c 15728640 /dev/zero | tr '\0' x)
  printf '{"msg":"%s"}\n' "$text" >good
  printf '{"extra":1,"msg":"%s"}\n' "$text" >bad
  # Where memory runs out depends on the limit: in the JSON parser, too.
  for limit in {100000..300000..10000}; do
    (ulimit -v $limit && exec "$megaseal" seal --threads 1 --backend scalar -r "$(public a)" good) >out 2>err
    case $? in
      0) ;;
      1) contains err "out of memory" && ((++failed)) ;;
      *) fail "exit $? with $limit kB" ;;
    esac
    (ulimit -v $limit && exec "$megaseal" seal --threads 1 --backend scalar --rejects rejects bad) >out 2>err
    case $? in
      3) [[ $(head -c 60 rejects) == *'"record":{"extra":1'* ]] || fail "not the record itself, with $limit kB" ;;
      1) contains err "out of memory" && ((++failed)) ;;
      *) fail "exit $? with $limit kB" ;;
    esac
  done
  ((failed > 0)) || fail "no limit was low enough"
}
test_ten_gigabytes_in_flat_memory() {
  [[ ${MEGASEAL_TEST_LONG:-} ]] || skip "MEGASEAL_TEST_LONG is not set"
  key a
  mkfifo in sealed opened
  # Texts of 20,000 characters, so that not all the time goes into key agreement.
  (head -c 15000 /dev/urandom | base64 -w 0 | sed 's/.*/{"id":1,"msg":"&"}/'; echo) >record
  for _ in $(seq 500); do cat record; done >many
  local per=$(($(stat -c %s many)))
  local times=$((10000000000 / per + 1))
  (for _ in $(seq $times); do cat many; done) >in &
  "$megaseal" seal -r "$(public a)" in >sealed &
  local sealer=$!
  "$megaseal" open --json -i a.pem sealed >opened 2>summary &
  local opener=$!
  (wc -c <opened >count) &
  local counter=$!
  # The peak so far, until the end.
  (while sleep 1; do
    cat /proc/$sealer/status >>memory && cat /proc/$opener/status >>memory || break
  done) 2>/dev/null &
  wait $sealer || fail "seal"
  wait $opener || fail "open"
  wait $counter
  local memory
  memory=$(awk '/VmHWM/ {print $2}' memory | sort -n | tail -n 1)
  [[ $memory ]] || fail "no memory measured"
  ((memory < 256 * 1024)) || fail "peak $memory kB"
  printf 'peak memory of seal and open: %d kB\n' "$memory"
  contains summary "\"records\":$((500 * times)),\"done\":$((500 * times)),"
  (($(cat count) > 10000000000)) || fail "$(cat count) bytes came out"
  cat summary
}

test_a_last_line_without_line_feed_that_comes_early() {
  # It is in hand already when the input ends: the last block holds a record, but no byte of input.
  key a
  (printf '{"id":1,"msg":"m"}\n{"id":2,"msg":"m"}'; sleep 0.3) | "$megaseal" seal -r "$(public a)" >sealed || fail "seal"
  same "$(ids sealed | tr '\n' ,)" 1,2,
}

# --- progress --------------------------------------------------------------------------------------------

test_progress_on_a_terminal_only() {
  key a
  command -v script >/dev/null || skip "no script(1)"
  slow() { for i in 1 2 3 4 5 6 7 8 9 10; do printf '{"msg":"%s"}\n' $i; sleep 0.15; done; }
  # Until the line is there, however slow the build is.
  patient() {
    for ((i = 1; i <= 400; i++)); do
      printf '{"msg":"%s"}\n' $i
      echo $i >sent
      sleep 0.15
      ! grep -q "records," out || break
    done
  }
  # script(1) gives the command a terminal; its own standard input stays the pipe's.
  run() { TERM=${2:-xterm} script -qefc "$megaseal seal $1 -r $(public a) - <&9 >sealed" /dev/null 9<&0 </dev/null; }
  patient | run "" >out
  same "$(lines sealed)" "$(cat sent)"
  grep -qE $'\r\033\\[K  [0-9]+ records, [0-9]+/s, 0 MB' out || fail "no progress: $(cat -v out)"
  same "$(tail -c 4 out | od -An -tx1)" " 0d 1b 5b 4b"
  slow | run -q >out
  empty out
  slow | run --json >out
  grep -q "records," out && fail "progress beside --json"
  slow | run "" dumb >out
  empty out
  slow | "$megaseal" seal -r "$(public a)" >sealed 2>err
  empty err
}
test_colour_on_a_terminal_only() {
  on_terminal "$megaseal" info
  contains out $'\033[32mavailable'
  NO_COLOR=1 on_terminal "$megaseal" info
  grep -q $'\033' out && fail "colour in spite of NO_COLOR"
  NO_COLOR='' on_terminal "$megaseal" selftest
  contains out $'\033[32mavailable'
  expect 0 "$megaseal" info
  grep -q $'\033' out && fail "colour in a pipe"
  return 0
}

# --- what ends early ---------------------------------------------------------------------------------------

# interrupted SIGNAL CODE: records are read, then the signal comes while more are awaited.
interrupted() {
  mkfifo in
  with_default_signals "$megaseal" seal -r "$(public a)" in >sealed 2>err &
  local pid=$!
  exec 7>in
  records 5 >&7
  printf '{"id":6,"msg":"ha' >&7
  wait_until test -s sealed
  kill -"$1" $pid
  wait $pid
  same $? "$2"
  exec 7>&-
  whole_records sealed
  same "$(lines sealed)" 5
  same "$(cat err)" "megaseal: interrupted"
  rm in
}
test_interrupted_while_waiting() {
  key a
  interrupted INT 130
  interrupted TERM 143
  interrupted HUP 129
  # Whoever starts the command with a signal ignored wants it ignored.
  mkfifo in
  env --ignore-signal=INT "$megaseal" seal -r "$(public a)" in >sealed &
  local pid=$!
  exec 7>in
  records 1 >&7
  wait_until test -s sealed
  kill -INT $pid
  records 1 >&7
  exec 7>&-
  wait $pid
  same $? 0
  same "$(lines sealed)" 2
}
test_interrupted_in_the_middle() {
  key a
  records 400000 >in
  local pid
  with_default_signals "$megaseal" seal -r "$(public a)" --threads 3 in >sealed 2>err &
  pid=$!
  wait_until test -s sealed
  kill -INT $pid
  wait $pid
  same $? 130
  whole_records sealed
  local num
  num=$(lines sealed)
  ((num > 0 && num < 400000)) || fail "$num records"
  same "$(ids sealed | awk '$1 != NR' | wc -l)" 0
  # An output file does not appear, and what was there stays.
  printf before >output
  with_default_signals "$megaseal" seal -r "$(public a)" -o output in 2>err &
  pid=$!
  wait_until eval 'compgen -G "output.part.*" >/dev/null'
  kill -INT $pid
  wait $pid
  same $? 130
  same "$(cat output)" before
  same "$(find . -name '*.part.*')" ""
}
# await_end PID: waits for it, and for no longer than ten seconds; its exit code.
await_end() {
  for _ in $(seq 100); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null && fail "goes on in spite of the signal"
  wait "$1"
}
test_a_second_signal_of_any_kind_ends_at_once() {
  key a
  records 100000 >in
  local first second code pid
  while read -r first second code; do
    rm -f full && mkfifo full
    exec 8<>full
    with_default_signals "$megaseal" seal -r "$(public a)" in >full 2>err &
    pid=$!
    head -c 1 <&8 >/dev/null  # much more is to come than a pipe holds
    kill -"$first" $pid
    sleep 0.3
    kill -0 $pid || fail "records that were read are not written"
    kill -"$second" $pid
    await_end $pid
    same "$first $second $?" "$first $second $code"
  done <<<$'INT INT 130\nINT TERM 143\nTERM HUP 129\nHUP INT 130'
}
test_interrupted_while_a_directory_loads() {
  mkfifo dir
  with_default_signals "$megaseal" seal --directory dir 2>err >out </dev/null &
  local pid=$!
  exec 7>dir
  wait_until handles_signals $pid
  kill -INT $pid
  wait $pid
  same $? 130
  exec 7>&-
  same "$(cat err)" "megaseal: interrupted"
}
test_interrupted_while_a_pipe_has_no_other_end() {
  key a
  mkfifo pipe
  local arguments pid
  for arguments in "seal -r $(public a) pipe" "seal -R pipe" "seal -r $(public a) -o pipe /dev/null" "open -i pipe" \
    "seal -r $(public a) --rejects pipe /dev/null" \
    "open -i - /dev/null"; do
    with_default_signals "$megaseal" $arguments 2>err < <(sleep 1) >out &
    pid=$!
    wait_until handles_signals $pid
    kill -INT $pid
    wait $pid
    same "$? $arguments" "130 $arguments"
    same "$(cat err)" "megaseal: interrupted"
  done
}
test_interrupted_while_a_later_pipe_has_no_other_end() {
  key a
  mkfifo pipe
  records 3 >in
  # Whichever thread it is that waits, and whichever the signal goes to.
  for _ in 1 2 3 4 5; do
    with_default_signals "$megaseal" seal -r "$(public a)" --threads 3 in pipe >sealed 2>err &
    local pid=$!
    wait_until test -s sealed  # what came before the pipe is not held back
    kill -TERM $pid
    await_end $pid
    same $? 143
    same "$(lines sealed)" 3
    same "$(cat err)" "megaseal: interrupted"
    rm sealed
  done
}
test_a_failed_write_ends_the_run_while_input_is_awaited() {
  [[ -w /dev/full ]] || skip "no /dev/full"
  key a
  mkfifo pipe silent
  exec 7<>silent
  records 3 >in
  local next
  for next in pipe -; do
    timeout 20 "$megaseal" seal -r "$(public a)" in $next <silent 2>err >/dev/full
    same "$? $next" "1 $next"
    contains err "No space left"
  done
}
test_closed_pipe_is_quiet() {
  key a
  records 200000 >in
  with_default_signals "$megaseal" seal -r "$(public a)" in 2>err | head -n 3 >out
  same "${PIPESTATUS[0]}" 141
  same "$(lines out)" 3
  empty err
  # Also where the signal is ignored, as under some servers and languages.
  env --ignore-signal=PIPE "$megaseal" seal -r "$(public a)" in 2>err | head -n 3 >out
  same "${PIPESTATUS[0]}" 141
  empty err
  # While input trickles, the next record finds it out.
  (records 1; sleep 0.3; records 1; sleep 0.3; records 1) | "$megaseal" seal -r "$(public a)" 2>err | head -n 1 >out
  empty err
}
test_full_disk_leaves_whole_records() {
  key a
  records 60000 >in
  # A limit on the size of files fails in the middle of a write, as a full disk does.
  local kilobytes=8000
  limited() { (ulimit -f $kilobytes && exec env --default-signal=XFSZ "$@"); }
  limited "$megaseal" seal -r "$(public a)" in >sealed 2>err
  same $? 1
  contains err "cannot write standard output: File too large"
  whole_records sealed
  [[ -s sealed ]] || fail "nothing at all"
  printf 'there before\n' >log
  limited "$megaseal" seal -r "$(public a)" in >>log 2>err
  same $? 1
  same "$(head -n 1 log)" "there before"
  whole_records <(tail -n +2 log)
  limited "$megaseal" seal -r "$(public a)" -o output in 2>err
  same $? 1
  contains err "cannot write output: File too large"
  [[ ! -e output ]] || fail "half an output"
  same "$(find . -name '*.part.*')" ""
  kilobytes=500
  sed 's/msg/mess/' in >bad
  limited "$megaseal" seal -q -r "$(public a)" --rejects rejects bad 2>err
  same $? 1
  contains err "cannot write rejects: File too large"
  [[ -s rejects && $(tail -c 1 rejects | od -An -tx1) == " 0a" ]] || fail "rejects end within a record"
  same "$(grep -cvE '^\{"line":[0-9]+,.*\}$' rejects)" 0
}
test_key_files_that_cannot_be_read() {
  key a
  mkdir folder
  expect 1 "$megaseal" open -i folder </dev/null
  contains err "cannot read folder: Is a directory"
  expect 1 "$megaseal" open -i missing.pem </dev/null
  contains err "cannot open missing.pem: No such file"
  expect 1 "$megaseal" seal -R missing </dev/null
  contains err "cannot open missing"
  expect 1 "$megaseal" seal --directory missing </dev/null
  contains err "cannot open missing"
  expect 1 "$megaseal" open -i a.pem --psk-file missing --psk-id x </dev/null
  contains err "cannot open missing"
  chmod 000 a.pem
  if ((EUID == 0)); then
    chmod 755 .
    cp "$megaseal" ./megaseal
    command -v setpriv >/dev/null || skip "root reads everything, and there is no setpriv(1)"
    expect 1 setpriv --reuid 65534 --clear-groups ./megaseal open -i a.pem </dev/null
  else
    expect 1 "$megaseal" open -i a.pem </dev/null
  fi
  contains err "cannot open a.pem: Permission denied"
}
test_an_input_that_is_missing_comes_last() {
  key a
  records 30000 >in
  expect 1 "$megaseal" seal -r "$(public a)" in missing in
  contains err "cannot open missing"
  # What was read before is done.
  same "$(ids out | awk '$1 != NR' | wc -l)" 0
  same "$(lines out)" 30000
}

run_case
