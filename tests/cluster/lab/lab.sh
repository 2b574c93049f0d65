#!/bin/bash
# A throw-away cluster of N nodes on one machine, made of namespaces (root; no systemd, no dbus).
#
#   lab.sh up N              N nodes n1..nN and a client "c"; corosync started and quorate
#   lab.sh exec NODE CMD...  run CMD inside a node (all its namespaces)
#   lab.sh kill-node NODE    power loss: pull the cables, then SIGKILL every process
#   lab.sh crash NODE        SIGKILL every process, cables stay: its kernel still sends FIN/RST
#   lab.sh freeze|thaw NODE  SIGSTOP/SIGCONT every process: a hung node, its kernel still answers
#   lab.sh partition NODE [ring|pub|all]   pull cables at the switch   (default: all)
#   lab.sh heal NODE         plug them back in
#   lab.sh rejoin NODE       power on again (same disk) and start its daemons
#   lab.sh status | down     down is idempotent and only touches what this lab made
#
# Environment at `up`: PCMK=1 start pacemaker too; TOKEN=ms (1000); CRYPTO=1; TRANSPORT=knet|udpu;
# NOCS=1 bare nodes; SHARED=dir seen as /srv/shared by every node
# (stand-in for shared storage).
# Always: LAB=state directory, PFX=prefix of the network namespaces (both differ for two labs).
#
# A node is a network, mount, pid, uts and ipc namespace: eth0 public 10.77.0.(10+i), eth1 ring
# 10.77.1.(10+i); the client is 10.77.0.100. The bridges sit in a namespace of their own (the
# "switch"), so the machine's own network is left alone. $HERE/sbin is laid over /usr/sbin
# and deploy/pacemaker/ocf over /usr/lib/ocf/resource.d, inside the nodes only.
set -u
SELF=$(readlink -f "$0"); HERE=$(dirname "$SELF")
LAB=${LAB:-${TMPDIR:-/tmp}/continuo-cluster}; export LAB
[ -f "$LAB/conf" ] && . "$LAB/conf"
PFX=${PFX:-cl} N=${N:-0} PCMK=${PCMK:-0} TOKEN=${TOKEN:-1000} CRYPTO=${CRYPTO:-0}
TRANSPORT=${TRANSPORT:-knet} NOCS=${NOCS:-0} SHARED=${SHARED:-$LAB/shared}
PUB=10.77.0 RING=10.77.1 SW=${PFX}sw
PERSIST="/etc/corosync /var/lib/corosync /var/lib/pacemaker /var/log/corosync /var/log/pacemaker /var/lib/glusterd /var/log/glusterfs"

die() { echo "lab: $*" >&2; exit 1; }
idx() { case ${1:-} in c) echo 90;; n[1-9]|n[1-9][0-9]) echo "${1#n}";; *) die "bad node '${1:-}'";; esac; }
nodes() { local i; for ((i = 1; i <= N; i++)); do echo "n$i"; done; }
poll() { local t=$1; shift; for ((; t > 0; t--)); do "$@" && return; sleep 0.1; done; return 1; } # tenths of a second

nodepid() { # host pid of the node's init; the netns inode guards against a reused pid
  local p; p=$(cat "$LAB/$1/pid" 2>/dev/null) || return 1
  [ "$(stat -Lc %i "/proc/$p/ns/net" 2>/dev/null)" = "$(stat -Lc %i "/run/netns/$PFX$1" 2>/dev/null)" ] && echo "$p"
}
inode() { # inode NODE CMD... : run in the node
  local n=$1 p; shift
  p=$(nodepid "$n") || die "$n is off"
  nsenter -t "$p" -m -u -i -n -p --wd=/ -- "$@"
}
cables() { # cables NODE up|down [ring|pub|all]
  local i; i=$(idx "$1") || exit 1
  [ "${3:-all}" = pub ] || ip -n "$SW" link set "r$i" "$2" 2>/dev/null
  [ "${3:-all}" = ring ] || ip -n "$SW" link set "p$i" "$2" 2>/dev/null
  return 0
}

corosync_conf() {
  local n sec="none none" links="" two_node=""
  # Two nodes: each stays quorate alone and fencing decides. The first start may be of one alone.
  [ "$N" = 2 ] && two_node="two_node: 1
	  wait_for_all: 0"
  [ "$CRYPTO" = 1 ] && sec="aes256 sha256"
  # A stalled CPU must not look like a dead link (default timeout: half the token); the token decides.
  [ "$TRANSPORT" = knet ] && links="interface {
	    linknumber: 0
	    knet_ping_interval: 200
	    knet_ping_timeout: 2000
	    knet_pong_count: 1
	  }"
  cat <<-END
	totem {
	  version: 2
	  cluster_name: lab
	  transport: $TRANSPORT
	  crypto_cipher: ${sec% *}
	  crypto_hash: ${sec#* }
	  token: $TOKEN
	  token_coefficient: 0
	  $links
	}
	quorum {
	  provider: corosync_votequorum
	  $two_node
	}
	logging {
	  to_stderr: no
	  to_syslog: no
	  to_logfile: yes
	  logfile: /var/log/corosync/corosync.log
	  timestamp: hires
	}
	nodelist {
	END
  for n in $(nodes); do
    printf '  node {\n    name: %s\n    nodeid: %s\n    ring0_addr: %s.%s\n  }\n' "$n" "${n#n}" $RING $((10 + ${n#n}))
  done
  echo "}"
}

mkdisk() { # the node's "disk": directories that survive kill-node and rejoin
  local d disk=$LAB/$1/disk
  for d in $PERSIST; do mkdir -p "$disk$d" "$d"; done
  mkdir -p "$disk/etc/corosync/uidgid.d" "$disk/var/lib/pacemaker"/{cib,pengine,cores,blackbox}
  cp "$LAB/corosync.conf" "$LAB/authkey" "$disk/etc/corosync/"
  # dc-deadtime: the first election otherwise waits 20 s for a DC to show up
  [ -e "$disk/var/lib/pacemaker/cib/cib.xml" ] || cat >"$disk/var/lib/pacemaker/cib/cib.xml" <<-END
	<cib crm_feature_set="3.0.14" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0"><configuration>
	<crm_config><cluster_property_set id="cib-bootstrap-options">
	<nvpair id="opt-dc" name="dc-deadtime" value="2s"/><nvpair id="opt-st" name="stonith-enabled" value="false"/>
	</cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>
	END
  chmod 600 "$disk/var/lib/pacemaker/cib/cib.xml"
  chown -R hacluster:haclient "$disk/var/lib/pacemaker" "$disk/var/log/pacemaker" 2>/dev/null
}

wire() { # wire NETNS PORT BRIDGE DEV ADDR
  ip -n "$SW" link del "$2" 2>/dev/null
  ip -n "$SW" link add "$2" type veth peer name "$4" netns "$1" && ip -n "$SW" link set "$2" master "$3" up &&
    ip -n "$1" addr add "$5/24" dev "$4" && ip -n "$1" link set "$4" up || die "cabling $1"
}
boot() { # new netns and cables, then the node's init
  local n=$1 i ns=$PFX$1; i=$(idx "$n") || exit 1
  nodepid "$n" >/dev/null && die "$n is already on"
  mkdir -p "$LAB/$n" "$SHARED"; rm -f "$LAB/$n/pid"
  ip netns del "$ns" 2>/dev/null; ip netns add "$ns" || die "netns $ns"
  ip -n "$ns" link set lo up
  wire "$ns" "p$i" pub eth0 $PUB.$((10 + i)); wire "$ns" "r$i" ring eth1 $RING.$((10 + i))
  setsid nsenter --net="/run/netns/$ns" unshare -m -u -i -p -f --propagation private \
    bash "$SELF" __init "$n" </dev/null >"$LAB/$n/init.log" 2>&1 &
  poll 100 nodepid "$n" >/dev/null || die "$n: init did not start: $(cat "$LAB/$n/init.log")"
}
init() { # pid 1 of a node, in its namespaces; /proc is still the machine's
  local n=$1 hostpid d
  read -r hostpid _ </proc/self/stat
  hostname "$n"
  mount -t proc proc /proc; mount -t sysfs sysfs /sys
  mount -t tmpfs -o mode=755 tmpfs /run; mount -t tmpfs -o mode=1777 tmpfs /dev/shm; mount -t tmpfs tmpfs /srv
  mkdir -p /run/lock /run/crm /run/gluster /srv/shared; mkdir -m 1755 /run/resource-agents
  [ "$n" = c ] || for d in $PERSIST; do mount --bind "$LAB/$n/disk$d" "$d"; done
  mount --bind "$LAB/hosts" /etc/hosts; mount --bind "$SHARED" /srv/shared
  [ -d "$HERE/sbin" ] && mount -t overlay -o "lowerdir=$HERE/sbin:/usr/sbin" lab /usr/sbin
  mount -t overlay -o "lowerdir=$LAB/ocf:/usr/lib/ocf/resource.d" lab /usr/lib/ocf/resource.d
  echo "$hostpid" >"$LAB/$n/pid.new"; mv "$LAB/$n/pid.new" "$LAB/$n/pid"
  while :; do sleep 3600 & wait $!; done          # bash reaps the orphans it inherits
}
daemons() {
  [ "$NOCS" = 1 ] && return
  inode "$1" corosync || die "corosync on $1: $(tail -3 "$LAB/$1/disk/var/log/corosync/corosync.log")"
  [ "$PCMK" = 1 ] && inode "$1" env PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none \
    sh -c 'setsid pacemakerd >/var/log/pacemaker/stdout 2>&1 </dev/null &'
  return 0
}
empty() { [ -z "$(ip netns pids "$PFX$1" 2>/dev/null)" ]; }
killnode() { # SIGKILL of a pid namespace's init takes every process in it along
  local p; p=$(nodepid "$1") && kill -9 "$p"
  p=$(ip netns pids "$PFX$1" 2>/dev/null); [ -n "$p" ] && kill -9 $p 2>/dev/null
  poll 50 empty "$1"; rm -f "$LAB/$1/pid"
}
fenced() { # serves the nodes' fence agent: lines "off|on|reboot NODE" on the FIFO $LAB/fence
  exec 3<>"$LAB/fence"
  while read -r op n <&3; do
    echo "$(date +%s.%N) $op $n" >>"$LAB/fence.log"
    case $op in off|reboot) bash "$SELF" kill-node "$n" 3<&-;; esac
    case $op in on|reboot) bash "$SELF" rejoin "$n" 3<&-;; esac
  done
}

quorate() { inode n1 corosync-quorumtool -s 2>/dev/null | grep -q "^Total votes: *$N\$"; }
online() { inode n1 crm_mon -1 2>/dev/null | grep -q "Online: \[ $(echo $(nodes)) \]"; }
up() {
  [ -f "$LAB/conf" ] && die "already up (state in $LAB); lab.sh down first"
  [ -e "/run/netns/$SW" ] && die "namespace $SW exists: another lab's? choose another PFX and LAB"
  local b n; N=${1:?how many nodes}; mkdir -p "$LAB"
  declare -p N PCMK TOKEN CRYPTO TRANSPORT NOCS SHARED PFX | sed 's/^declare -[-x]* //' >"$LAB/conf"
  (umask 077; head -c 1024 /dev/urandom >"$LAB/authkey"); corosync_conf >"$LAB/corosync.conf"
  { echo "127.0.0.1 localhost"; for n in $(nodes); do echo "$PUB.$((10 + ${n#n})) $n"; done; } >"$LAB/hosts"
  ip netns add "$SW" || die "netns $SW"
  for b in pub ring; do ip -n "$SW" link add $b type bridge forward_delay 0 && ip -n "$SW" link set $b up || die "bridge"; done
  mkfifo -m 600 "$LAB/fence"; setsid bash "$SELF" __fenced </dev/null >>"$LAB/fence.log" 2>&1 &
  echo $! >"$LAB/fenced.pid"
  mkdir -p "$LAB/ocf"; cp -r "$HERE/../../../deploy/pacemaker/ocf" "$LAB/ocf/continuo"
  for n in $(nodes); do mkdisk "$n"; boot "$n"; done; boot c
  for n in $(nodes); do daemons "$n"; done
  [ "$NOCS" = 1 ] || poll 300 quorate || die "no full membership after 30 s"
  [ "$PCMK" = 0 ] || poll 300 online || die "pacemaker not online after 30 s"
}
down() {
  local p n
  [ -f "$LAB/conf" ] || return 0
  p=$(cat "$LAB/fenced.pid" 2>/dev/null) && grep -qs __fenced "/proc/$p/cmdline" && kill -- "-$p"
  for n in $(ip netns list | awk '{print $1}' | grep -xE "$PFX(n[0-9]+|c)"); do
    killnode "${n#"$PFX"}"; ip netns del "$n"
  done
  ip netns del "$SW" 2>/dev/null
  rm -rf --one-file-system "$LAB"
}
status() {
  local n a b; a=$(awk '/^cpu /{print $9}' /proc/stat); sleep 1; b=$(awk '/^cpu /{print $9}' /proc/stat)
  for n in $(nodes) c; do echo "$n init=$(nodepid "$n" || echo off) processes=$(ip netns pids "$PFX$n" 2>/dev/null | wc -l)"; done
  echo "cpu steal $(((b - a) / $(nproc)))% (timings mean little above a few percent)"
}

cmd=${1:-help}; shift || true
case $cmd in
  up) up "$@";;
  down) down;;
  status) status;;
  exec) n=$1; shift; p=$(nodepid "$n") || die "$n is off"; exec nsenter -t "$p" -m -u -i -n -p --wd=/ -- "$@";;
  kill-node) cables "$1" down; killnode "$1";;
  crash) idx "$1" >/dev/null && killnode "$1";;
  freeze) kill -STOP $(ip netns pids "$PFX$1");;
  thaw) kill -CONT $(ip netns pids "$PFX$1");;
  partition) cables "$1" down "${2:-all}";;
  heal) cables "$1" up;;
  rejoin) mkdisk "$1"; boot "$1"; daemons "$1";;
  __init) init "$@";;
  __fenced) fenced;;
  *) sed -n '2,24s/^# \{0,1\}//p' "$SELF";;
esac
