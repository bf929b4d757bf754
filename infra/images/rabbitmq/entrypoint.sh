#!/bin/sh
# Becomes the broker's user and runs it in the foreground.
set -eu
if [ "$1" = rabbitmq-server ] && [ "$(id -u)" = 0 ]; then
    chown rabbitmq:rabbitmq /var/lib/rabbitmq
    shift
    # The package's own start script would become that user by itself, and lose the environment.
    export RUNNING_UNDER_SYSTEMD=true
    exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups -- /usr/lib/rabbitmq/bin/rabbitmq-server "$@"
fi
exec "$@"
