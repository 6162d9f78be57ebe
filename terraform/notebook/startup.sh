# Runs as root at each boot of a notebook VM, and may run any number of times. Before it stand IMAGE, DOCKER_USERS (names of
# OS Login, separated by spaces), IDLE_SECONDS (0: never) and REGISTRY_HOST. ROOT is empty but in tests.
set -u
ROOT="${ROOT:-}"
say() { echo "mlops-env: $*"; }

# -- who may use Docker: OS Login's users are in no group of this machine, and known only once they have a profile.

mkdir -p "$ROOT/usr/local/sbin" "$ROOT/etc/systemd/system/docker.socket.d" "$ROOT/etc/mlops-env"
echo "$DOCKER_USERS" | tr ' ' '\n' | grep -v '^$' > "$ROOT/etc/mlops-env/docker-users" || true

cat > "$ROOT/usr/local/sbin/mlops-env-docker-access" <<'SCRIPT'
#!/bin/bash
# Lets the users of /etc/mlops-env/docker-users into Docker's socket: by its group from their next sign-in on, and by their
# number at once, which has to be done again whenever the socket is made anew.
set -u
ROOT="${ROOT:-}"
getent group docker >/dev/null || groupadd --system docker
while read -r name; do
  entry=$(getent passwd "$name") || continue
  id=$(echo "$entry" | cut -d: -f3)
  id -nG "$name" 2>/dev/null | tr ' ' '\n' | grep -qx docker || gpasswd -a "$name" docker >/dev/null
  if command -v setfacl >/dev/null && [ -S "$ROOT/run/docker.sock" ]; then
    setfacl -m "u:$id:rw" "$ROOT/run/docker.sock"
  fi
done < "$ROOT/etc/mlops-env/docker-users"
SCRIPT

cat > "$ROOT/etc/systemd/system/docker.socket.d/mlops-env.conf" <<'UNIT'
[Socket]
SocketGroup=docker
SocketMode=0660
ExecStartPost=/usr/local/sbin/mlops-env-docker-access
UNIT

# -- idle: Workbench counts Jupyter alone; here ssh sessions, and what was started inside containers, count too.

cat > "$ROOT/usr/local/sbin/mlops-env-idle" <<'SCRIPT'
#!/bin/bash
# Powers the machine off once nobody has used it for long enough. The machine's disks stay; `notebook start` starts it.
set -u
ROOT="${ROOT:-}"
. "$ROOT/etc/mlops-env/idle"
[ "${IDLE_SECONDS:-0}" -gt 0 ] || exit 0
last="$ROOT/run/mlops-env-last-use"
used() { touch "$last"; exit 0; }
[ -e "$last" ] || used
[ -z "$(ss -Htn state established '( sport = :22 )' 2>/dev/null)" ] || used
while read -r container name image; do
  case "$name $image" in
    # Workbench's own, which are always there.
    proxy-agent* | diagnostic-service* | *' gcr.io/inverting-proxy/'*) continue ;;
  esac
  # What only keeps a container: its init, and a shell that sleeps, as a devcontainer has once its window is gone.
  docker top "$container" -eo pid,comm 2>/dev/null | tail -n +2 \
    | grep -Evq '^ *[0-9]+ +(docker-init|tini|sleep|sh)$' && used
done < <(docker ps --format '{{.ID}} {{.Names}} {{.Image}}' 2>/dev/null)
# JupyterLab: a page that is open, or a kernel at work with nobody looking.
for question in status kernels; do
  curl --silent --max-time 5 "http://127.0.0.1:8080/api/$question" 2>/dev/null \
    | grep -Eq '"connections": *[1-9]|"execution_state": *"busy"' && used
done
now=$(date +%s)
[ $((now - $(stat -c %Y "$last"))) -lt "$IDLE_SECONDS" ] || { echo "idle: powering off"; systemctl poweroff; }
SCRIPT
echo "IDLE_SECONDS=$IDLE_SECONDS" > "$ROOT/etc/mlops-env/idle"
chmod 0755 "$ROOT/usr/local/sbin/mlops-env-docker-access" "$ROOT/usr/local/sbin/mlops-env-idle"

for unit in docker-access idle; do
  cat > "$ROOT/etc/systemd/system/mlops-env-$unit.service" <<UNIT
[Unit]
Description=mlops-env: $unit
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/mlops-env-$unit
UNIT
done
cat > "$ROOT/etc/systemd/system/mlops-env-docker-access.timer" <<'UNIT'
[Timer]
OnBootSec=30
OnUnitActiveSec=60
[Install]
WantedBy=timers.target
UNIT
cat > "$ROOT/etc/systemd/system/mlops-env-idle.timer" <<'UNIT'
[Timer]
OnBootSec=600
OnUnitActiveSec=300
[Install]
WantedBy=timers.target
UNIT
rm -f "$ROOT/run/mlops-env-last-use"
systemctl daemon-reload
systemctl enable --now mlops-env-docker-access.timer mlops-env-idle.timer
systemctl start mlops-env-docker-access.service || say "Docker's socket could not be opened"

# -- the container dev: made once, and never made anew, since it may hold work; what lies in /workspaces is on the data disk.
# The image is pulled each time: a devcontainer that is built on this machine from afar then needs no sign-in of its own.

HOME="${HOME:-/root}" gcloud auth configure-docker "$REGISTRY_HOST" --quiet || say "gcloud could not set Docker up"
pull() { docker pull --quiet "$IMAGE" >/dev/null || say "the image could not be pulled: docker pull $IMAGE says why"; }
mkdir -p "$ROOT/home/jupyter/workspaces"
if docker container inspect dev >/dev/null 2>&1; then
  docker start dev >/dev/null && say "dev was there already"
  [ "$(docker container inspect --format '{{.Config.Image}}' dev)" = "$IMAGE" ] \
    || say "dev runs another image; docker rm --force dev, and a restart, make it of $IMAGE"
  pull
else
  pull
  gpus=""
  command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1 && gpus="--gpus=all"
  # The base's own entry point would start another JupyterLab; restarted by Docker, unless someone stopped it.
  docker run --detach --name dev --init --restart unless-stopped $gpus --entrypoint sleep \
      --volume /home/jupyter/workspaces:/workspaces --workdir /workspaces "$IMAGE" infinity >/dev/null \
    && say "dev runs $IMAGE" || say "dev could not be started: docker run $IMAGE says why"
fi
