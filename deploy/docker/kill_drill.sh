#!/usr/bin/env bash
# Kills the service of a running `docker compose` as the kernel would, and waits until it is back and ready by itself.
#
#     sudo deploy/docker/kill_drill.sh      # BASE_URL=... where it is not http://127.0.0.1:8000
set -euo pipefail

url=${BASE_URL:-http://127.0.0.1:8000}
container=$(docker ps --quiet --filter label=com.docker.compose.service=vitrine)

restarts() { docker inspect --format '{{.RestartCount}}' "$container"; }
ready() { curl --fail --silent --max-time 2 --output /dev/null "$url/v2/health/ready"; }

ready
before=$(restarts)
init=$(docker inspect --format '{{.State.Pid}}' "$container")
kill -9 "$(pgrep --parent "$init")"
started=$SECONDS
until [ "$(restarts)" -gt "$before" ] && ready; do
    if [ $((SECONDS - started)) -gt 120 ]; then
        echo "not back after two minutes" >&2
        exit 1
    fi
    sleep 0.2
done
echo "killed, and ready again after $((SECONDS - started)) s"
