#!/bin/bash
# Tests that help, manual and completions say the same, and of `megaseal bench`: docs_test.sh MEGASEAL CASE.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/common.sh"
readonly cli=$here/../../engine/cli
readonly manual=$cli/man/megaseal.1
export LC_ALL=C.UTF-8  # one order of sorting everywhere
readonly -a verbs=(keygen pub seal open info selftest bench)

# The options that `megaseal VERB --help` names, one a line, like "-o,--output FILE"; of "", those before it.
help_options() {
  "$megaseal" ${1:+"$1"} --help | sed -nE 's/^  (-[^ ]+)( ([^ ]+) .*| .*|$)/\1 \3/p' | sed 's/ $//' | sort
}
# Each name of them on a line of its own.
option_names() { help_options "$1" | cut -d ' ' -f 1 | tr , '\n' | sort; }
# A list of the command's own, as an error message has it: known PREFIX ARGUMENTS…
known() {
  local prefix=$1
  shift
  "$megaseal" "$@" 2>&1 </dev/null | sed -n "s/.*$prefix//p" | sed 's/, /\n/g' | sort
}
formats() { known 'there are ' seal --format none; }
framings() { known 'there are ' seal --framing none; }
operations() { known 'there are: ' bench none; }
backends() { known 'there are: ' info --backend none; }
# same_lists WHAT LIST LIST WHENCE WHENCE
same_lists() {
  local difference
  [[ -n $2 ]] || fail "$1: none in $4"
  difference=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3")) ||
    fail "$1: $(grep '^[<>]' <<<"$difference" | sed "s/^</only in $4:/; s/^>/only in $5:/" | paste -sd '|')"
}
# The part of the manual from one heading to the next of its kind.
section() { awk -v head="$1" '/^\.Sh /{on = index($0, head) == 5} on' "$manual"; }

# --- help and manual ---------------------------------------------------------------------------------------

test_help_of_each_verb_fits_a_screen() {
  local verb
  for verb in "" "${verbs[@]}"; do
    expect 0 "$megaseal" $verb --help
    (($(lines out) <= 24)) || fail "help of '$verb' has $(lines out) lines"
    (($(wc -L <out) <= 80)) || fail "help of '$verb' is $(wc -L <out) columns wide"
  done
}
test_these_are_all_the_verbs() {
  same_lists "verbs" "$("$megaseal" --help | sed -nE '/^Subcommands/,/^$/s/^  ([a-z]+) .*/\1/p')" \
    "$(printf '%s\n' "${verbs[@]}")" help "this test"
  same_lists "verbs" "$(sed -nE '/^\.Ss Verbs/,/^\.Sh/s/^\.It Cm ([a-z]+)$/\1/p' "$manual")" \
    "$(printf '%s\n' "${verbs[@]}")" manual "this test"
}
test_manual_describes_every_option() {
  local in_help verb
  in_help=$(for verb in "" "${verbs[@]}"; do help_options "$verb"; done | sort -u)
  # .It Fl o Ar FILE , Fl -output Ar FILE
  local in_manual
  in_manual=$(sed -nE 's/^\.It (Fl .*)/\1/p' "$manual" |
    sed -E 's/ Ar [^ ]+ , / , /; s/Fl ([^ ]+)/-\1/g; s/ , /,/; s/ Ar / /' | sort -u)
  same_lists "described options" "$in_help" "$in_manual" help manual
}
test_synopsis_has_every_option_of_its_verb() {
  local verb entry name names in_synopsis
  for verb in "${verbs[@]}"; do
    names=$(option_names "$verb")
    in_synopsis=$(section SYNOPSIS | awk -v verb="$verb" '/^\.Nm/{on = 0} $0 == ".Cm " verb {on = 1} on' |
      grep -oE 'Fl [^ ]+' | sed 's/Fl /-/' | sort)
    [[ -n $in_synopsis ]] || fail "no synopsis of $verb"
    while read -r name; do
      grep -qxF -- "$name" <<<"$names" || fail "$verb has no $name, the synopsis has"
    done <<<"$in_synopsis"
    while read -r entry; do
      [[ $entry == -h,--help ]] || grep -qxFf <(tr , '\n' <<<"${entry%% *}") <<<"$in_synopsis" ||
        fail "the synopsis of $verb lacks $entry"
    done < <(help_options "$verb")
  done
}
test_manual_has_every_format_framing_and_exit_code() {
  local described
  described=$(sed -nE 's/^\.It Cm ([a-z0-9-]+)$/\1/p' "$manual")
  local name
  for name in $(formats) $(framings); do
    grep -qxF "$name" <<<"$described" || fail "the manual lacks $name"
  done
  same_lists "exit codes" \
    "$(sed -nE '/^enum class Exit/,/^}/s/^ *[a-z_]+ = ([0-9]+),.*/\1/p' "$cli/failure.hpp")" \
    "$(section 'EXIT STATUS' | sed -nE 's/^\.It ([0-9]+)$/\1/p')" failure.hpp manual
}
test_manual_has_every_field_of_json_output() {
  "$megaseal" keygen -o a.pem 2>a.pub || fail "keygen"
  local -a outputs=("info --json" "selftest --json" "seal -R a.pub --json"
    "bench --json --seconds 0.01 --batch 1 --size 1 hpke_seal")
  local output field fields
  for output in "${outputs[@]}"; do
    # What has a name of its own there is data: operations are fields of info's.
    fields=$("$megaseal" $output 2>&1 </dev/null | grep -oE '"[a-z_]+":' | tr -d '":' | sort -u |
      grep -vxFf <(operations))
    [[ -n $fields ]] || fail "no fields in $output"
    for field in $fields; do
      grep -qE "^\.Dq $field( |\$)|^\.Pq Dq $field |\"$field\":" "$manual" ||
        fail "the manual lacks \"$field\" of $output"
    done
  done
}
test_manual_is_clean() {
  command -v mandoc >/dev/null || skip "no mandoc"
  expect 0 mandoc -Tlint -W warning "$manual"
  empty out
}
test_examples_of_the_manual_work() {
  printf 'bob\ncarol\n' >staff.txt
  printf '{"to":"bob","msg":"x"}\n' >mail.ndjson
  export PATH=$directory/bin:$PATH
  mkdir bin && ln -s "$megaseal" bin/megaseal
  section EXAMPLES | awk '/^\.Bd/{on = 1; n++; next} /^\.Ed/{on = 0}
    on {gsub(/\\e/, "\\"); print >("example" n)}'
  local example num_run=0
  for example in example*; do
    # Those that need a broker, or a record that fails, are for readers.
    grep -qE 'kcat|jq|--skip-foreign' "$example" && continue
    expect 0 bash -euo pipefail "$example"
    ((++num_run))
  done
  ((num_run >= 3)) || fail "only $num_run examples"
  contains sealed.ndjson '{"to":"bob","sealed":"'
}

# --- completions -------------------------------------------------------------------------------------------

# bash_complete WORDS…: what bash, without the bash-completion package, offers for the last, one a line.
bash_complete() {
  env -u BASH_ENV bash --norc -c 'source "$1" && shift || exit
    [[ $(complete -p megaseal) == *_megaseal* ]] || exit
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _megaseal megaseal "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    ((${#COMPREPLY[@]})) && printf "%s\n" "${COMPREPLY[@]}" | sort' bash "$cli/completions/megaseal.bash" "$@"
}
test_bash_completes_options() {
  local verb
  for verb in "" "${verbs[@]}"; do
    same_lists "options of '$verb'" "$(option_names "$verb")" \
      "$(bash_complete "$megaseal" ${verb:+"$verb"} -)" help completion
  done
  same "$(bash_complete "$megaseal" seal --fo)" --format
  same "$(bash_complete "$megaseal" frobnicate -)" ""
}
test_bash_completes_values() {
  touch 'key one.pem' key2.pem other
  same "$(bash_complete "$megaseal" '')" "$(printf '%s\n' "${verbs[@]}" | sort)"
  same "$(bash_complete "$megaseal" --backend scalar --threads = 2 s)" "$(printf 'seal\nselftest')"
  same "$(bash_complete "$megaseal" seal --format '')" "$(formats)"
  same "$(bash_complete "$megaseal" seal --format = se)" "$(formats | grep ^se)"
  same "$(bash_complete "$megaseal" seal --format =)" "$(formats)"
  same "$(bash_complete "$megaseal" open --framing '')" "$(framings)"
  same "$(bash_complete "$megaseal" bench hpke)" "$(operations | grep ^hpke)"
  same "$(bash_complete "$megaseal" bench keygen '')" "$(operations)"
  contains <(backends) scalar
  contains <(bash_complete "$megaseal" --backend '') scalar
  contains <(MEGASEAL_BACKEND=none bash_complete "$megaseal" seal --backend sc) scalar
  local words
  for words in 'open -i' 'open --identity' 'seal -R' 'seal --rejects' 'keygen --names' 'open --json' pub; do
    same "$(bash_complete "$megaseal" $words key)" "$(printf 'key one.pem\nkey2.pem')"
  done
  for words in 'seal -r' 'seal --info' 'bench --size' 'info --threads'; do
    same "$(bash_complete "$megaseal" $words '')" ""
  done
}
zsh_complete() {
  mkdir -p bin && ln -sf "$megaseal" bin/megaseal
  PATH=$directory/bin:$PATH timeout 60 zsh -f "$here/zsh_complete.zsh" "$cli/completions" "$1" |
    sed -E "s/^megaseal //; s/=( |\$)/\1/g" | tr ' ' '\n' | sed '/^$/d' | sort
}
test_zsh_completes_options() {
  command -v zsh >/dev/null || skip "no zsh"
  expect 0 zsh -n "$cli/completions/_megaseal"
  empty err
  local verb
  for verb in "" "${verbs[@]}"; do
    same_lists "options of '$verb'" "$(option_names "$verb")" \
      "$(zsh_complete "megaseal ${verb:+$verb }-" | grep -vx "$verb")" help completion
  done
}
test_zsh_completes_values() {
  command -v zsh >/dev/null || skip "no zsh"
  touch key1.pem key2.pem other
  zsh_values() { zsh_complete "megaseal $*" | grep -vxFf <(printf '%s\n' "${@:1:$#-1}"); }
  same "$(zsh_complete 'megaseal ')" "$(printf '%s\n' "${verbs[@]}" | sort)"
  same "$(zsh_values seal --format '')" "$(formats)"
  same "$(zsh_values open --framing '')" "$(framings)"
  same "$(zsh_values bench hpke)" "$(operations | grep ^hpke)"
  contains <(MEGASEAL_BACKEND=none zsh_values seal --backend '') scalar
  same "$(zsh_values open -i key)" "$(printf 'key1.pem\nkey2.pem')"
  same "$(zsh_values keygen --names key)" "$(printf 'key1.pem\nkey2.pem')"
}

# --- bench -------------------------------------------------------------------------------------------------

test_bench_has_a_row_for_every_operation() {
  expect 0 "$megaseal" bench --seconds 0.01 --batch 8
  empty err
  same_lists "rows" "$(operations)" "$(sed '1,/^operation /d' out | cut -d ' ' -f 1 | sort -u)" known table
  local figures='8 +[0-9]+ +[1-9][0-9]* +[0-9.]+'
  same "$(grep -cE "^hpke_open +(64|256|1024) +$figures +[0-9.]+ +[0-9.]+% [a-z]" out)" 3
  same "$(grep -cE "^x25519_shared +- +$figures +- +[0-9.]+% [a-z]" out)" 1
}
test_bench_as_json() {
  command -v python3 >/dev/null || skip "no python3"
  expect 0 "$megaseal" bench --seconds 0.01 --batch 3 --size 0 --size 5000 --threads 1 --json
  empty err
  same "$(lines out)" 1
  operations >operations
  python3 - <<'PYTHON' || fail "bench --json"
import json, statistics
bench = json.load(open("out"))
assert bench["schema"] == "megaseal-bench-1" and bench["threads"] == 1 and bench["forced"] is None, bench
known = open("operations").read().split()
assert sorted({row["operation"] for row in bench["results"]}) == known
for row in bench["results"]:
    sized = "seal" in row["operation"] or "open" in row["operation"]
    assert row["bytes"] in ((0, 5000) if sized else (None,)) and ("mb_per_second" in row) == sized, row
    assert row["batch"] == 3 and len(row["repetition_seconds"]) == 7, row
    assert min(row["repetition_seconds"]) > 0, row
    median = statistics.median(row["repetition_seconds"])
    ns = median / row["calls_per_repetition"] / 3 * 1e9
    spread = (max(row["repetition_seconds"]) - min(row["repetition_seconds"])) / median
    assert abs(row["ns_per_message"] / ns - 1) < 1e-3 and abs(row["spread"] - spread) < 1e-3, row
    assert abs(row["messages_per_second"] * ns / 1e9 - 1) < 1e-3, row
    assert not sized or abs(row["mb_per_second"] - row["messages_per_second"] * row["bytes"] / 1e6) < 1, row
assert len(bench["results"]) == sum(2 if "seal" in name or "open" in name else 1 for name in known)
PYTHON
}
test_bench_takes_what_it_is_told() {
  local -a what=(sealedbox_open keygen)
  expect 0 "$megaseal" bench "${what[@]}" --seconds .01 --batch 2 --size 7 --threads 1 --backend scalar
  same "$(sed '1,/^operation /d' out | tr -s ' ' | cut -d ' ' -f 1-4,9)" \
    "$(printf 'sealedbox_open 7 2 1 scalar\nkeygen - 2 1 scalar')"
}
test_bench_refuses_what_cannot_be() {
  expect 2 "$megaseal" bench hpke_seal frobnicate
  contains err "unknown operation frobnicate; there are: chacha20poly1305_seal, "
  empty out
  expect 2 "$megaseal" bench --size 1048576 --batch 1025
  expect 2 "$megaseal" bench --seconds 0
  expect 5 "$megaseal" bench --backend nonsense
  contains err "unknown backend nonsense"
  MEGASEAL_BACKEND=nonsense expect 5 "$megaseal" bench keygen
}
test_bench_can_be_interrupted() {
  expect 130 timeout --preserve-status -s INT 0.5 "$megaseal" bench --seconds 3600 --json keygen
  empty out
}

run_case
