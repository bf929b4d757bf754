#!/bin/sh
# Makes the images topup-rabbitmq:trixie and topup-postgres:trixie from Debian's packages, for machines
# that reach a Debian mirror but no image registry. They take the same environment, settings files and
# arguments as the official images, as far as a stack uses them.
#
#   infra/images/build.sh            # nothing to do where both are there already
#   infra/images/build.sh --again    # makes them anew
#   eval "$(infra/images/build.sh --env)"   # the variables that point a stack at them
#
# One base system is made with debootstrap and serves both. All packages are fetched outside of the
# engine, so that whatever this machine's package sources need (proxy, certificates, mirror) holds.
set -eu

RELEASE=trixie
RABBITMQ_IMAGE=topup-rabbitmq:$RELEASE
POSTGRES_IMAGE=topup-postgres:$RELEASE
BASE_IMAGE=topup-debian:$RELEASE
DEFAULT_MIRROR=http://deb.debian.org/debian
PACKAGES="rabbitmq-server postgresql-17"

here=$(cd "$(dirname "$0")" && pwd)
say() { echo "images: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
has() { docker image inspect "$1" >/dev/null 2>&1; }

case "${1:-}" in
"" | --again) ;;
--env)
    echo "export TOPUP_STACK=containers TOPUP_STACK_RABBITMQ_IMAGE=$RABBITMQ_IMAGE TOPUP_STACK_POSTGRES_IMAGE=$POSTGRES_IMAGE"
    exit 0
    ;;
*) fail "unknown argument $1: --again and --env are known" ;;
esac

docker info >/dev/null 2>&1 || fail "no container engine answers: infra/images/engine.sh starts one"
if [ "${1:-}" != --again ] && has "$RABBITMQ_IMAGE" && has "$POSTGRES_IMAGE"; then
    say "$RABBITMQ_IMAGE and $POSTGRES_IMAGE are there"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    # Making a base system means making files of other users.
    sudo -n true 2>/dev/null || fail "needs root, or sudo without a password"
    exec sudo -n --preserve-env=http_proxy,https_proxy,no_proxy,DOCKER_HOST sh "$here/build.sh" --again
fi
if ! command -v debootstrap >/dev/null; then sh "$here/../stack/src/native/install.sh" debootstrap >&2; fi

# The mirror that this machine uses for Debian itself, in either form of its source lists.
mirror() {
    {
        sed -n 's/^URIs:[[:space:]]*//p' /etc/apt/sources.list.d/*.sources
        sed -n 's/^deb[[:space:]]\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' \
            /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | tr ' ' '\n' | grep -E '/debian/?$' | head -n 1
}

work=$(mktemp -d /var/tmp/topup-images.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
root=$work/root
log=$work/log
mirror=$(mirror)
mirror=${mirror:-$DEFAULT_MIRROR}

# Runs a command inside the base system, with /proc for as long as it lasts.
inside() {
    unshare --mount --fork chroot "$root" /usr/bin/env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
        sh -c 'mount -t proc proc /proc; "$@"' sh "$@"
}

step() {
    say "$1"
    shift
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 20 "$log" >&2
    fail "that failed: $*"
}

# debootstrap knows apt's proxy only from the environment.
proxy=$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null || true)
eval "$proxy"
if [ -n "${proxy:-}" ] && [ -z "${http_proxy:-}" ]; then export http_proxy="$proxy"; fi

step "making a base system of $RELEASE from $mirror" \
    debootstrap --variant=minbase "$RELEASE" "$root" "$mirror"

printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
apt-config dump --format '%f "%v";%n' Acquire >"$root/etc/apt/apt.conf.d/99outside"
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    mkdir -p "$root/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/outside.crt"
    echo 'Acquire::https::CaInfo "/etc/ssl/certs/outside.crt";' >>"$root/etc/apt/apt.conf.d/99outside"
fi
# Documentation is most of what can be left out.
printf 'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
    >"$root/etc/dpkg/dpkg.cfg.d/99small"
step "installing postgresql-common" inside apt-get install -y --no-install-recommends postgresql-common
echo "create_main_cluster = false" >>"$root/etc/postgresql-common/createcluster.conf"
# shellcheck disable=SC2086 # a list
step "installing $PACKAGES" inside apt-get install -y --no-install-recommends $PACKAGES
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root/etc/apt/apt.conf.d/99outside" \
    "$root/etc/ssl/certs/outside.crt" "$root/usr/sbin/policy-rc.d"

say "importing it"
tar -C "$root" --one-file-system -c . | docker import - "$BASE_IMAGE" >/dev/null
# The old builder is part of every engine; nothing here needs the new one.
export DOCKER_BUILDKIT=0
step "building $RABBITMQ_IMAGE" docker build --build-arg "BASE=$BASE_IMAGE" -t "$RABBITMQ_IMAGE" "$here/rabbitmq"
step "building $POSTGRES_IMAGE" docker build --build-arg "BASE=$BASE_IMAGE" -t "$POSTGRES_IMAGE" "$here/postgres"
say "made $RABBITMQ_IMAGE and $POSTGRES_IMAGE"
