#!/bin/bash
# Seals the corpus's inputs with megaseal itself; README.md says when. Existing files are not touched.
# b=build/release; bash tests/corpus/make_with_megaseal.sh $b/megaseal $b/tests/interop/megaseal_interop_driver
set -euo pipefail
set -o noclobber
megaseal=$(realpath "$1")
driver=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/files"
maker=megaseal-$("$megaseal" --version | cut -d' ' -f2)
info=corpus/größe-1
psk_id=corpus-psk
hex() { od -An -v -tx1 | tr -d ' \n'; }

# seal_records INPUT KIND [OPTIONS…]
seal_records() {
  "$megaseal" seal -q --directory keys.ndjson "${@:3}" "$1.ndjson" >"$1.$2.$maker.ndjson"
}
seal_records plain hpke
seal_records plain-aad hpke-info --info $info
seal_records plain-aad hpke-psk --psk-file psk.bin --psk-id $psk_id
seal_records plain sealedbox --format sealedbox
seal_records plain sealedbox-salsa --format sealedbox-salsa

# A record without "to" goes to every recipient.
recipients=(-r "$("$megaseal" pub alice.pem)" -r "$("$megaseal" pub bob.pem)")
awk -F, 'NR % 2 {sub(/"to":"[^"]*",/, ""); print}' fanout.ndjson |
  "$megaseal" seal -q "${recipients[@]}" >"fanout.hpke.$maker.ndjson"

# The library by itself: a single message, and a context with its enc, messages and exports, in hex.
public() {
  sed -n '/BEGIN/,/END/{/-----/!p}' "$1.pem" | base64 -d | tail -c 32 | hex |
    sed 's/.*/{"op":"public_key","secret":"&"}/' | "$driver" | sed -E 's/.*"public":"([^"]*)".*/\1/'
}
params=$(printf '"info":"%s","psk":"%s","psk_id":"%s"' \
  "$(printf %s $info | hex)" "$(hex <psk.bin)" "$(printf %s $psk_id | hex)")
printf '{"op":"seal","public":"%s","messages":["%s"],"aad":["%s"],%s}\n' "$(public alice)" "$(hex <long.txt)" \
  "$(printf 'corpus_aad' | hex)" "$params" | "$driver" | sed -E 's/.*"sealed":\["([^"]*)"\].*/\1/; s/../\\x&/g' |
  (IFS= read -r escaped && printf '%b' "$escaped") >"long.hpke-info-psk.$maker.bin"

context=636f727075732065
{
  printf '{"op":"sender","public":"%s",%s}\n' "$(public bob)" "$params"
  printf '{"op":"context_seal","context":0,"messages":[%s]}\n' "$(sed 's/.*/"&"/' context-20.hex | paste -sd,)"
  printf '{"op":"context_export","context":0,"exporter_contexts":["%s"],"export_len":1000}\n' $context
} | "$driver" | {
  IFS= read -r sender && sed -E 's/.*"enc":"([^"]*)".*/\1/' <<<"$sender"
  IFS= read -r sealed && sed -E 's/.*"sealed":\[([^]]*)\].*/\1/; s/"//g; s/,/\n/g' <<<"$sealed"
  IFS= read -r export && sed -E "s/.*\[\"([^\"]*)\".*/$context \1/" <<<"$export" \
    >"context-20.hpke-info-psk.$maker.exports"
} >"context-20.hpke-info-psk.$maker.hex"
