#!/bin/bash
# README.md's tutorial, run as it stands there, with a real queue: tutorial_test.sh MEGASEAL CASE.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
readme=$(dirname "${BASH_SOURCE[0]}")/../../README.md
[[ $readme == /* ]] || readme=$OLDPWD/$readme

# A broker within kcat itself: librdkafka has one for tests, which speaks Kafka's protocol on a loopback port.
start_broker() {
  command -v kcat >/dev/null || skip "no kcat"
  kcat -C -b none -X test.mock.num.brokers=1 -t none -d mock >broker.out 2>broker.err &
  broker=$!
  trap 'kill $broker; rm -rf "$directory"' EXIT
  for _ in $(seq 100); do
    BROKER=$(grep -oE 'bootstrap.servers=127.0.0.1:[0-9]+' broker.err | head -n 1 | cut -d= -f2)
    [[ $BROKER ]] && return
    sleep 0.1
  done
  fail "no broker: $(cat broker.err)"
}

test_tutorial() {
  sed -n '/<!-- example: tutorial -->/,/^```$/p' "$readme" | sed '1,2d;$d' >tutorial.sh
  same "$(grep -c 'megaseal keygen' tutorial.sh)" 1
  start_broker
  ln -s "$megaseal" megaseal
  PATH=$PWD:$PATH BROKER=$BROKER expect 0 timeout 60 bash -euo pipefail tutorial.sh
  local ada='{"to":"ada","id":7,"msg":"Dear ada, meet at noon"}'
  same "$(cat out)" "$ada
$ada
no JSON, no names: a line in, a line out"
  same "$(lines sealed.ndjson)" 10
  same "$(grep -c 'Dear' sealed.ndjson)" 0
}

run_case
