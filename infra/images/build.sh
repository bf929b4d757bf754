#!/bin/sh
# Makes the images topup-rabbitmq:trixie and topup-postgres:trixie from Debian's packages, for machines
# that reach a Debian mirror but no image registry. They take the same environment, settings files and
# arguments as the official images, as far as a stack uses them.
#
#   infra/images/build.sh            # nothing to do where both are there already, made from what stands here
#   infra/images/build.sh --again    # makes them anew
#   eval "$(infra/images/build.sh --env)"   # the variables that point a stack at them
#
# One base system is made with debootstrap and serves both.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/images/debian.sh
. "$here/debian.sh"
RABBITMQ_IMAGE=topup-rabbitmq:$RELEASE
POSTGRES_IMAGE=topup-postgres:$RELEASE
BASE_IMAGE=topup-debian:$RELEASE
PACKAGES="rabbitmq-server postgresql-17"

case "${1:-}" in
"" | --again) ;;
--env)
    echo "export TOPUP_STACK=containers TOPUP_STACK_RABBITMQ_IMAGE=$RABBITMQ_IMAGE TOPUP_STACK_POSTGRES_IMAGE=$POSTGRES_IMAGE"
    exit 0
    ;;
*) fail "unknown argument $1: --again and --env are known" ;;
esac

docker info >/dev/null 2>&1 || fail "no container engine answers: infra/images/engine.sh starts one"
recipe=$(recipe "$here/build.sh" "$here/debian.sh" "$here"/rabbitmq/* "$here"/postgres/*)
is_current() { [ "$(made_from "$1")" = "$recipe" ]; }
if [ "${1:-}" != --again ] && is_current "$RABBITMQ_IMAGE" && is_current "$POSTGRES_IMAGE"; then
    say "$RABBITMQ_IMAGE and $POSTGRES_IMAGE are there"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    # Making a base system means making files of other users.
    sudo -n true 2>/dev/null || fail "needs root, or sudo without a password"
    exec sudo -n --preserve-env=http_proxy,https_proxy,no_proxy,DOCKER_HOST sh "$here/build.sh" --again
fi
make_base
step "installing postgresql-common" inside apt-get install -y --no-install-recommends postgresql-common
echo "create_main_cluster = false" >>"$root/etc/postgresql-common/createcluster.conf"
# shellcheck disable=SC2086 # a list
step "installing $PACKAGES" inside apt-get install -y --no-install-recommends $PACKAGES
tidy_base

say "importing it"
tar -C "$root" --one-file-system -c . | docker import - "$BASE_IMAGE" >/dev/null
# The old builder is part of every engine; nothing here needs the new one.
export DOCKER_BUILDKIT=0
for server in rabbitmq postgres; do
    step "building topup-$server:$RELEASE" docker build --build-arg "BASE=$BASE_IMAGE" --label "$LABEL=$recipe" \
        --tag "topup-$server:$RELEASE" "$here/$server"
done
say "made $RABBITMQ_IMAGE and $POSTGRES_IMAGE"
