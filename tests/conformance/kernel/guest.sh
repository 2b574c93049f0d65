#!/usr/bin/env bash
# Runs a script in a guest with the Linux kernel's SMB client.
#
#   guest.sh TAP ADDRESS/BITS SECONDS DIR     runs DIR/script; the guest sees DIR as /mnt/job
#
# The guest is User-Mode Linux (Debian's user-mode-linux): a kernel that is a program, with native
# speed and without a hypervisor. Its root is this machine's, read-only, so it has the same
# programs; /tmp, /run and /mnt are its own. It is on the network device TAP of the network
# namespace in which this runs.
# What the script prints comes to stdout. Exit status: the script's; 124 when it ran too long; 125
# when the guest never reached it, with the end of the kernel's log on stderr.
set -euo pipefail
readonly memory_mb=768
readonly kernel=/usr/bin/linux.uml

die() { echo "guest: $*" >&2; exit 125; }

[ $# -eq 4 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
readonly tap=$1 address=$2 limit_s=$3
here=$(dirname "$(readlink -f "$0")")
[ -x "$kernel" ] || die "$kernel is missing (package user-mode-linux)"

scratch=$(mktemp -d "${4%/}.XXXXXX")  # Beside DIR: whoever removes its parent removes both.
trap 'rm -rf "$scratch"' EXIT
cp -r "$4" "$scratch/job"
cp "$here/guest_init.sh" "$scratch/job/init"
chmod 755 "$scratch/job/init"
echo "address=$address" >"$scratch/job/guest"
gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$scratch/uml_xstate.so" "$here/uml_xstate.c"

: >"$scratch/status"
code=0
LD_PRELOAD=$scratch/uml_xstate.so timeout --foreground "$limit_s" \
  "$kernel" "mem=${memory_mb}M" "uml_dir=$scratch" quiet \
  root=/dev/root rootfstype=hostfs rootflags=/ ro "init=$scratch/job/init" \
  "vec0:transport=tap,ifname=$tap,depth=128" \
  console=tty0 con=null con0=null,fd:4 ssl=null ssl1=null,fd:1 ssl2=null,fd:3 \
  </dev/null 2>>"$scratch/kernel" 3>"$scratch/status" 4>>"$scratch/kernel" || code=$?
status=$(tr -d '\r' <"$scratch/status" | sed -n 's/^status //p')
[ -z "$status" ] || exit "$status"
tail -n 30 "$scratch/kernel" >&2
[ "$code" -ne 124 ] || exit 124
exit 125
