#!/bin/sh
# Installs the named Debian packages without starting, enabling or creating any
# system service: `install.sh rabbitmq-server postgresql`. Needs root.
#
# Whatever is changed for the duration (the policy that forbids starting
# services, the setting that makes a default database cluster) is put back on
# every way out. Progress goes to standard output, a line a step; apt's own
# words go to standard error only when it fails.
set -eu

POLICY=/usr/sbin/policy-rc.d
CLUSTERS=/etc/postgresql-common/createcluster.conf
KEPT_SUFFIX=.kept-by-topup-stack
LOCK_WAIT_S=300
UNITS="rabbitmq-server.service epmd.socket epmd.service postgresql.service docker.service docker.socket containerd.service"

log=$(mktemp)
units_before=
policy_is_ours=
clusters_is_ours=

say() { echo "$*"; }

put_back() {
    if [ -n "$policy_is_ours" ]; then
        rm -f "$POLICY"
        if [ -e "$POLICY$KEPT_SUFFIX" ]; then mv "$POLICY$KEPT_SUFFIX" "$POLICY"; fi
        policy_is_ours=
    fi
    if [ -n "$clusters_is_ours" ]; then
        mv "$CLUSTERS$KEPT_SUFFIX" "$CLUSTERS"
        clusters_is_ours=
    fi
    rm -f "$log"
}
trap put_back EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -qq \
        -o "DPkg::Lock::Timeout=$LOCK_WAIT_S" -o Dpkg::Options::=--force-confold \
        "$@" >"$log" 2>&1 </dev/null
}

install() {
    apt install -y --no-install-recommends "$@" && return
    say "updating the package lists"
    apt update || true
    if ! apt install -y --no-install-recommends "$@"; then
        tail -n 20 "$log" >&2
        echo "apt-get could not install: $*" >&2
        exit 1
    fi
}

installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

enabled() { systemctl --quiet is-enabled "$1" >/dev/null 2>&1; }

# A policy that already refuses (101) is left alone; one that allows is set aside.
refuse_to_start_services() {
    answer=0
    if [ -x "$POLICY" ]; then "$POLICY" rabbitmq-server start >/dev/null 2>&1 || answer=$?; fi
    if [ "$answer" = 101 ]; then return; fi
    if [ -e "$POLICY" ]; then mv "$POLICY" "$POLICY$KEPT_SUFFIX"; fi
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

# The settings file belongs to postgresql-common, which asks about a file that
# was there before it; hence that package first, then its file for a moment.
make_no_default_cluster() {
    if ! installed postgresql-common; then
        say "installing postgresql-common"
        install postgresql-common
    fi
    cp -p "$CLUSTERS" "$CLUSTERS$KEPT_SUFFIX"
    clusters_is_ours=yes
    echo "create_main_cluster = false" >>"$CLUSTERS"
}

# Packages enable their units for the next boot; those that this run brought in are switched off.
disable_new_units() {
    command -v systemctl >/dev/null || return 0
    for unit in $UNITS; do
        case " $units_before " in *" $unit "*) continue ;; esac
        if enabled "$unit"; then systemctl --quiet disable "$unit" >/dev/null 2>&1 || true; fi
    done
}

refuse_to_start_services
if command -v systemctl >/dev/null; then
    for unit in $UNITS; do
        if enabled "$unit"; then units_before="$units_before $unit"; fi
    done
fi
for package in "$@"; do
    if [ "$package" = postgresql ]; then make_no_default_cluster; fi
    say "installing $package"
    install "$package"
done
disable_new_units
