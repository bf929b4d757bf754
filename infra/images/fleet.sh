#!/bin/sh
# Makes the fleet's own images where no image registry is in reach: topup:local and topup-demo:local, by
# infra/Dockerfile, on base images made from Debian's packages and from this machine's Rust toolchain and registry cache.
#
#   infra/images/fleet.sh            # both images; the base images only where they are missing
#   infra/images/fleet.sh --again    # the base images anew, too
#   eval "$(infra/images/fleet.sh --env)"   # the variables that point infra/compose.yaml at them
set -eu

here=$(cd "$(dirname "$0")" && pwd)
workspace=$(cd "$here/../.." && pwd)
# shellcheck source=infra/images/debian.sh
. "$here/debian.sh"
BUILDER_IMAGE=topup-builder:$RELEASE
RUNTIME_IMAGE=topup-runtime:$RELEASE
FLEET_IMAGE=topup:local
DEMO_IMAGE=topup-demo:local
# What the programs need at run time, and nothing that could run anything else: no shell, no package manager.
RUNTIME_PACKAGES="base-files ca-certificates libc6 libgcc-s1 netbase tzdata"

case "${1:-}" in
"" | --again) ;;
--env)
    echo "export TOPUP_IMAGE=$FLEET_IMAGE TOPUP_DEMO_IMAGE=$DEMO_IMAGE RABBITMQ_IMAGE=topup-rabbitmq:$RELEASE POSTGRES_IMAGE=topup-postgres:$RELEASE"
    exit 0
    ;;
*) fail "unknown argument $1: --again and --env are known" ;;
esac

# The old builder is part of every engine; nothing here needs the new one.
export DOCKER_BUILDKIT=0
docker info >/dev/null 2>&1 || fail "no container engine answers: infra/images/engine.sh starts one"

# The compiler as rustup or Debian put it there, without its documentation, and the crates that this machine has fetched:
# nothing is downloaded inside the engine.
make_builder() {
    step "installing a linker" inside apt-get install -y --no-install-recommends gcc libc6-dev ca-certificates
    say "adding the toolchain and the crates"
    sysroot=$(cd "$workspace" && rustc --print sysroot)
    mkdir -p "$root/usr/local/cargo/registry"
    tar -C "$sysroot" --exclude=./share -c . | tar -C "$root/usr/local" -x --no-same-owner
    (cd "$workspace" && cargo fetch --locked --quiet)
    tar -C "${CARGO_HOME:-$HOME/.cargo}/registry" -c cache index | tar -C "$root/usr/local/cargo/registry" -x --no-same-owner
    tidy_base
    tar -C "$root" --one-file-system -c . | docker import - "$BUILDER_IMAGE" >/dev/null
    # Paths as in the official image. Niced: whoever builds this way works on the same machine.
    docker build --quiet --tag "$BUILDER_IMAGE" - >/dev/null <<END
FROM $BUILDER_IMAGE
ENV CARGO_HOME=/usr/local/cargo CARGO_NET_OFFLINE=true PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
SHELL ["nice", "-n", "19", "/bin/sh", "-c"]
END
}

# A selection of the base system's files, as "distroless" images are.
# shellcheck disable=SC2086 # a list
make_runtime() {
    step "installing what the programs need" \
        inside apt-get install -y --no-install-recommends $RUNTIME_PACKAGES
    small=$work/runtime
    mkdir -p "$small"
    inside dpkg -L $RUNTIME_PACKAGES | sort -u | while read -r path; do
        case $path in
        /usr/share/doc* | /usr/share/man* | /usr/share/lintian* | /usr/share/ca-certificates* | *.pl | /usr/sbin/* | /usr/bin/* | /sbin/* | /bin/*) ;;
        *) if [ -e "$root$path" ] || [ -L "$root$path" ]; then printf '.%s\n' "$path"; fi ;;
        esac
    done >"$work/paths"
    printf './bin\n./lib\n./lib64\n./sbin\n./etc/ssl/certs/ca-certificates.crt\n' >>"$work/paths"
    tar -C "$root" --no-recursion -c -T "$work/paths" | tar -C "$small" -x
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >"$small/etc/passwd"
    printf 'root:x:0:\nnonroot:x:65532:\n' >"$small/etc/group"
    chmod 1777 "$small/tmp"
    tar -C "$small" -c . | docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' - "$RUNTIME_IMAGE" >/dev/null
}

if [ "${1:-}" = --again ] || ! has "$BUILDER_IMAGE" || ! has "$RUNTIME_IMAGE"; then
    # Making a base system means making files of other users.
    if [ "$(id -u)" != 0 ]; then fail "making $BUILDER_IMAGE and $RUNTIME_IMAGE needs root"; fi
    make_base
    make_runtime
    make_builder
fi

for target in fleet demo; do
    case $target in
    fleet) image=$FLEET_IMAGE ;;
    demo) image=$DEMO_IMAGE ;;
    esac
    say "building $image"
    docker build --file "$workspace/infra/Dockerfile" --target "$target" \
        --build-arg "BUILDER_IMAGE=$BUILDER_IMAGE" --build-arg "RUNTIME_IMAGE=$RUNTIME_IMAGE" \
        --tag "$image" "$workspace"
done
say "made $FLEET_IMAGE and $DEMO_IMAGE"
