#!/bin/bash
source "$(dirname "$0")/serving.bash"

start sharded_hello --shards 3
expect "body" "$(curl -sS "http://$address/")" 'Hello, World!'
# Each curl is a connection of its own, and so goes to any of the three.
for i in {1..20}; do
    expect "count" "$(curl -sS "http://$address/count")" "$i"
done
expect "threads" "$(grep -c grove-shard /proc/"$server"/task/*/comm | grep -c ':1$')" 2
refuses_what_servers_refuse sharded_hello
refuses "--shards" sharded_hello --shards 0
stop TERM
