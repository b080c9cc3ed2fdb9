# What the tests of the examples share; sourced by each, which gets the examples' folder as its only argument.
set -euo pipefail
export LC_ALL=C.UTF-8

bin=$1
work=$(mktemp -d)
server=

clean_up() {
    if [[ -n $server ]]; then
        kill -KILL "$server" || true
        wait "$server" || true
    fi 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# expect WHAT ACTUAL EXPECTED
expect() {
    [[ $2 == "$3" ]] || fail "$1: got '$2', expected '$3'"
}

# launch COMMAND...: sets $server, its process, and $address, host:port, once it says that it listens.
launch() {
    : >"$work/out"
    # A script's background processes ignore SIGINT, unless told otherwise.
    env --default-signal=INT "$@" >"$work/out" 2>"$work/err" &
    server=$!
    for _ in {1..200}; do
        address=$(sed -n 's/^listening on //p' "$work/out")
        [[ -z $address ]] || return 0
        sleep 0.05
    done
    fail "$1 does not listen: $(cat "$work/err")"
}

# start NAME ARGUMENTS...: launches that example on a free port.
start() {
    launch "$bin/$1" "${@:2}" --port 0
}

# Under a sanitizer a handler may well need the watchdog's 0.1 s: that is the build's doing.
without_what_the_watchdog_says() {
    if [[ -n ${GROVE_SANITIZE-} ]]; then
        sed '/ has not let others run for /,/ let others run again, after /d' "$1"
    else
        cat "$1"
    fi
}

# stop SIGNAL: the server must end by that signal, as its parent expects, and have nothing to say.
stop() {
    local status=0
    kill "-$1" "$server"
    wait "$server" || status=$?
    server=
    expect "status after SIG$1" "$status" $((128 + $(kill -l "$1")))
    expect "stderr" "$(without_what_the_watchdog_says "$work/err")" ""
}

# refuses PATTERN NAME ARGUMENTS...: the program fails with one line on stderr, which matches.
refuses() {
    local status=0
    "$bin/$2" "${@:3}" >"$work/refused.out" 2>"$work/refused" || status=$?
    ((status != 0)) || fail "$2 ${*:3}: succeeded"
    expect "lines of $2 ${*:3}" "$(wc -l <"$work/refused")" 1
    grep -q "^$2: .*$1" "$work/refused" || fail "$2 ${*:3}: $(cat "$work/refused")"
}

# refuses_what_servers_refuse NAME ARGUMENTS...: bad ports, and the port of the server that runs.
refuses_what_servers_refuse() {
    refuses "--port.*70000" "$@" --port 70000
    refuses "--port" "$@" --port x
    refuses "--colour" "$@" --colour red
    refuses "$address: Address already in use; choose another --port" "$@" --port "${address##*:}"
}
