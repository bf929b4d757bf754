#!/bin/sh
# Makes a container engine available: `engine.sh`, and `engine.sh stop` for one that it started.
#
# Where one answers already (also through DOCKER_HOST), nothing is done. Otherwise Docker is installed
# from Debian's packages, as no system service, and started in the background; its log is target/engine.log.
set -eu

START_TIMEOUT_S=60
here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../target
log=$target/engine.log
pid_file=$target/engine.pid

say() { echo "engine: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
answers() { docker info >/dev/null 2>&1; }

case "${1:-start}" in
start) ;;
stop)
    if [ -f "$pid_file" ] && [ "$(ps -o comm= -p "$(cat "$pid_file")")" = dockerd ]; then
        pid=$(cat "$pid_file")
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null && [ "$(ps -o stat= -p "$pid" | cut -c1)" != Z ]; do sleep 0.2; done
        say "stopped"
    fi
    rm -f "$pid_file"
    exit 0
    ;;
*) fail "unknown argument $1: start and stop are known" ;;
esac

if command -v docker >/dev/null && answers; then exit 0; fi
if [ -n "${DOCKER_HOST:-}" ]; then fail "no engine answers at DOCKER_HOST=$DOCKER_HOST"; fi
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "no engine answers; starting one needs root, or sudo without a password"
    exec sudo -n sh "$here/engine.sh"
fi
if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    # Newer releases have the command in a package of its own.
    packages=docker.io
    if apt-cache show docker-cli >/dev/null 2>&1; then packages="docker.io docker-cli"; fi
    # shellcheck disable=SC2086 # a list
    sh "$here/../stack/src/native/install.sh" $packages >&2
fi
mkdir -p "$target"

# Started through sudo, it shall answer to whoever asked for it.
group=
if [ -n "${SUDO_GID:-}" ]; then group="--group=$SUDO_GID"; fi

# Starts an engine with the given arguments and waits until it answers or has ended.
start() {
    say "starting dockerd $*"
    echo "--- dockerd $*" >>"$log"
    setsid dockerd ${group:+"$group"} "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$pid_file"
    waited_ds=0
    while [ "$waited_ds" -lt "$((START_TIMEOUT_S * 10))" ]; do
        if answers; then return 0; fi
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.1
        waited_ds=$((waited_ds + 1))
    done
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    return 1
}

: >"$log"
# From what is best to what runs nearly everywhere: without a layered file system, without firewall rules
# (published ports then go through the engine's own proxy).
if start || start --storage-driver=vfs || start --storage-driver=vfs --iptables=false --ip6tables=false; then
    say "running"
    exit 0
fi
rm -f "$pid_file"
tail -n 20 "$log" >&2
fail "dockerd does not start here; its log is $log"
