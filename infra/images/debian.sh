# Making base systems from Debian's packages, for the scripts beside this one, which source it.
#
# All packages are fetched outside of the engine, so that whatever this machine's package sources need (proxy,
# certificates, mirror) holds.
# shellcheck shell=sh

RELEASE=trixie
DEFAULT_MIRROR=http://deb.debian.org/debian

say() { echo "images: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
has() { docker image inspect "$1" >/dev/null 2>&1; }

# Which files something is made from: another sum where any of them is another.
recipe() { cat "$@" | sha256sum | cut -c 1-16; }

# What an image says that it was made from; it bears the sum as a label.
LABEL=topup.recipe
made_from() { docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1" 2>/dev/null; }

# The mirror that this machine uses for Debian itself, in either form of its source lists.
mirror() {
    {
        sed -n 's/^URIs:[[:space:]]*//p' /etc/apt/sources.list.d/*.sources
        sed -n 's/^deb[[:space:]]\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' \
            /etc/apt/sources.list /etc/apt/sources.list.d/*.list
    } 2>/dev/null | tr ' ' '\n' | grep -E '/debian/?$' | head -n 1
}

# Runs a command inside the base system, with /proc for as long as it lasts.
inside() {
    unshare --mount --fork chroot "$root" /usr/bin/env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
        sh -c 'mount -t proc proc /proc; "$@"' sh "$@"
}

# Says what is being done and does it; what it prints is shown where it fails.
step() {
    say "$1"
    shift
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 20 "$log" >&2
    fail "that failed: $*"
}

# Makes a base system in $root, ready for `inside apt-get install`. Sets $work, which goes when the script ends.
make_base() {
    if ! command -v debootstrap >/dev/null; then sh "$here/../stack/src/native/install.sh" debootstrap >&2; fi
    work=$(mktemp -d /var/tmp/topup-images.XXXXXX)
    trap 'rm -rf --one-file-system "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    root=$work/root
    log=$work/log
    from=$(mirror)
    from=${from:-$DEFAULT_MIRROR}

    # debootstrap knows apt's proxy only from the environment.
    proxy=$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null || true)
    eval "$proxy"
    if [ -n "${proxy:-}" ] && [ -z "${http_proxy:-}" ]; then export http_proxy="$proxy"; fi

    step "making a base system of $RELEASE from $from" debootstrap --variant=minbase "$RELEASE" "$root" "$from"

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
}

# Leaves nothing of this machine, and nothing that apt can fetch again, in the base system.
tidy_base() {
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* \
        "$root/etc/apt/apt.conf.d/99outside" "$root/etc/ssl/certs/outside.crt" "$root/usr/sbin/policy-rc.d"
}
