#!/bin/sh
# The first process of the guest: makes it habitable, runs the job's script, switches it off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
job=${0%/*}
. "$job/guest"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs mnt /mnt
mkdir -p /mnt/job /mnt/share /mnt/modules
mount -t hostfs -o "ro,$job" job /mnt/job
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run

# The kernel asks for modules (cifs, ciphers, character sets) when they are first used.
ln -s /usr/lib/uml /mnt/modules/lib
printf '#!/bin/sh\nexec modprobe -d /mnt/modules "$@"\n' >/mnt/modprobe
chmod 755 /mnt/modprobe
echo /mnt/modprobe >/proc/sys/kernel/modprobe

ip link set lo up
ip link set vec0 up
ip addr add "$address" dev vec0
echo reached >/dev/ttyS2
sh /mnt/job/script >/dev/ttyS1 2>&1 </dev/null
echo "status $?" >/dev/ttyS2
exec busybox poweroff -f
