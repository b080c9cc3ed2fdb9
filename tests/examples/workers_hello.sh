#!/bin/bash
source "$(dirname "$0")/serving.bash"

# until_matches PATTERN COMMAND...: runs the command until it says so.
until_matches() {
    for _ in {1..200}; do
        ! "${@:2}" | grep -q "$1" || return 0
        sleep 0.05
    done
    fail "${*:2} does not say '$1'"
}

children() {
    cat /proc/"$server"/task/"$server"/children
}

names() {
    for pid in $(children); do cat "/proc/$pid/comm"; done | sort | xargs
}

who() {
    curl -sS "http://$address/who"
}

start workers_hello --workers 2
expect "body" "$(curl -sS "http://$address/")" 'Hello, World!'
until_matches "^hello-0 hello-1$" names
refuses_what_servers_refuse workers_hello
refuses_what_servers_refuse workers_hello --shared

read -r -a workers < <(children; echo)
kill -KILL "${workers[0]}"
until_matches "of generation 1" who
until_matches "^hello-0 hello-1$" names
kill -HUP "$server"
until_matches "of generation 2" who

# Unlike run(), the master of workers ends as main() does.
status=0
kill -TERM "$server"
wait "$server" || status=$?
server=
expect "status after SIGTERM" "$status" 0
