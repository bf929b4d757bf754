#!/usr/bin/env bash
# Checks the alert rules and plays their tests, with promtool: the one on PATH, or one out of Debian's package, which is
# unpacked under target/tools and not installed. Nothing is started, and no Prometheus has to run.
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=$PWD/target/tools

# The one file out of the package. A machine that never asked for a list of packages asks for one now, if it may.
unpack() {
    local at=$tools/prometheus tries=0
    rm -rf "$at" && mkdir -p "$at"
    cd "$at"
    until download; do
        # Somebody else may be about the lists at this moment.
        [ "$((tries += 1))" -lt 10 ] || return 1
        [ "$(id -u)" != 0 ] || apt-get update -qq || sleep 5
    done
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
    rm prometheus_*.deb
}

download() {
    apt-get download -qq -o APT::Sandbox::User="$(id -un)" prometheus
}

promtool=$(command -v promtool || true)
if [ -z "$promtool" ]; then
    promtool=$tools/prometheus/usr/bin/promtool
    if [ ! -x "$promtool" ] && ! (unpack) >&2; then
        echo "promtool is not on PATH, and Debian's package prometheus could not be downloaded: run apt-get update, or install promtool (https://prometheus.io/download)" >&2
        exit 1
    fi
fi

"$promtool" check config infra/prometheus/prometheus.yml
"$promtool" check rules infra/prometheus/rules/*.yml
"$promtool" test rules infra/prometheus/tests/*.yml
