#!/usr/bin/env bash
# `make run`: a server on SQLite on this machine and a client on it. What it makes stands in .run/ and is found again
# the next time. Without a terminal it prints the link to join by and stays until it is ended.
set -euo pipefail
cd "$(dirname "$0")/.."

state=${DIALTONE_RUN_DIR:-$PWD/.run}
listen=${DIALTONE_LISTEN_ADDR:-127.0.0.1:8080}
# The founding link will stand there: it is for nobody else on this machine.
(umask 077 && mkdir -p "$state")
chmod 700 "$state"

# Seconds that a server may take to start. A slow machine needs some; a fast one goes on as soon as it answers.
patience=60

# Who listens at every address is reached here; `:8080` is how the original says that.
case $listen in
:* | 0.0.0.0:* | '[::]:'*) reached=127.0.0.1:${listen##*:} ;;
*) reached=$listen ;;
esac
is_healthy() { curl -fsS --noproxy '*' --max-time 5 "http://$reached/health" >/dev/null 2>&1; }

echo "building (the first time takes some minutes)" >&2
cargo build --locked -p dialtone-server -p dialtone-client -p dialtone-voice
bin=${CARGO_TARGET_DIR:-target}/debug
server=$bin/dialtone-server
client=$bin/dialtone

if is_healthy; then
    echo "run: something already listens on $listen: end it, or choose another address with DIALTONE_LISTEN_ADDR" >&2
    exit 1
fi

"$server" --data-dir "$state/server" --listen "$listen" >"$state/server.out" 2>"$state/server.log" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true' EXIT
give_up=$((SECONDS + patience))
until is_healthy; do
    if ! kill -0 "$pid" 2>/dev/null || ((SECONDS >= give_up)); then
        echo "run: the server did not start:" >&2
        tail -n 20 "$state/server.log" >&2
        exit 1
    fi
    sleep 0.1
done

# An account that was made by half has no account.json yet.
has_account() { compgen -G "$state/home/accounts/*/account.json" >/dev/null; }

if [ ! -t 0 ] || [ ! -t 1 ]; then
    "$server" invite --data-dir "$state/server"
    echo "run: serving on $listen; the log is $state/server.log; end with ctrl+c" >&2
    wait "$pid"
elif has_account; then
    "$client" --home "$state/home"
else
    "$client" --home "$state/home" --link "$("$server" invite --data-dir "$state/server")"
fi
