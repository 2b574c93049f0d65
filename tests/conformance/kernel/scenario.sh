#!/bin/sh
# What a guest with the Linux kernel client does with a share; prints a result line for each test.
# Runs in the guest as root. /mnt/job/settings sets: server, share, credentials, small_files,
# operations, sealed_operations, rows, seed.
. /mnt/job/settings
mount_point=/mnt/share
failed=0

ok() { echo "ok kernel $1"; }
not_ok() { failed=1; echo "not ok kernel $1: $2"; }
attach() { mount.cifs "//$server/$share" $mount_point -o "$credentials,$1" 2>&1; }
detach() { cd / && umount $mount_point; }

# with NAME OPTIONS COMMAND…: mounts, runs the command on the mount, unmounts.
with() {
  name=$1 options=$2
  shift 2
  began=$(cut -d. -f1 /proc/uptime)
  if ! said=$(attach "$options"); then
    not_ok "$name" "mount: $said"
    dmesg | tail -n 5
    return
  fi
  if "$@" >/tmp/said 2>&1; then
    ok "$name"
  else
    not_ok "$name" "$(tail -n 3 /tmp/said | tr '\n' ' ')"
    dmesg | tail -n 5
  fi
  detach || not_ok "$name unmounts" "$(mount | tail -n 1)"
  echo "# $name: $(($(cut -d. -f1 /proc/uptime) - began)) s"
}

basic_use() {
  set -e
  cd $mount_point
  mkdir -p "basic dir"
  dd if=/dev/urandom of=/tmp/source bs=1000 count=700 2>/dev/null
  cp /tmp/source "basic dir/copied"
  cmp /tmp/source "basic dir/copied"
  mv "basic dir/copied" "basic dir/renamed"
  ls -l "basic dir" | grep -q renamed
  test "$(stat -c %s "basic dir/renamed")" = 700000
  echo appended >>"basic dir/renamed"
  tail -n 1 "basic dir/renamed" | grep -q appended
  rm -r "basic dir"
  test ! -e "basic dir"
}

# The client opens further channels in the background of the mount.
several_channels() {
  basic_use || return 1
  sed -n '/Channels\|Channel:\|Server interfaces/p' /proc/fs/cifs/DebugData
  grep -q 'Extra Channels: [1-9]' /proc/fs/cifs/DebugData
}

is_sealed() {
  basic_use || return 1
  cat /proc/fs/cifs/DebugData
  grep -qi encrypted /proc/fs/cifs/DebugData
}

build_project() {
  set -e
  cd $mount_point
  rm -rf project
  tar xf /mnt/job/project.tar
  make -C project -j 3 CC=gcc
  test "$(./project/program)" = "$(cat project/wanted)"
  rm -r project
}

database() {
  set -e
  cd $mount_point
  rm -f test.db*
  sqlite3 test.db 'CREATE TABLE t(writer INTEGER, number INTEGER, text TEXT);'
  for writer in 1 2 3; do
    (
      number=0
      while [ $number -lt $rows ]; do
        sqlite3 -cmd '.timeout 60000' test.db \
          "BEGIN IMMEDIATE; INSERT INTO t VALUES($writer, $number, hex(randomblob(200))); COMMIT;" ||
          echo "writer $writer row $number" >>/tmp/db.failed
        number=$((number + 1))
      done
    ) &
  done
  wait
  test ! -e /tmp/db.failed
  test "$(sqlite3 test.db 'PRAGMA integrity_check;')" = ok
  test "$(sqlite3 test.db 'SELECT count(*) FROM t;')" = $((3 * rows))
  rm -f test.db*
}

exercise() {
  mkdir -p $mount_point/exercise && /mnt/job/exerciser $mount_point/exercise "$seed" "$operations" &&
    rmdir $mount_point/exercise
}

many_small_files() {
  set -e
  cd $mount_point
  mkdir small
  number=0
  while [ $number -lt $small_files ]; do
    echo "content of $number" >small/file$number
    number=$((number + 1))
  done
  test "$(ls small | wc -l)" = "$small_files"
  number=0
  while [ $number -lt $small_files ]; do
    read -r line <small/file$number
    test "$line" = "content of $number"
    number=$((number + 7))
  done
  rm -r small
}

# Pieces at the begin, across 4 GiB and beyond 5 GiB, read back from the server, not from the cache.
large_file() {
  set -e
  cd $mount_point
  dd if=/dev/urandom of=/tmp/piece bs=1M count=3 2>/dev/null
  for at in 0 4095 5200; do
    dd if=/tmp/piece of=large bs=1M seek=$at conv=notrunc,fsync 2>/dev/null
  done
  test "$(stat -c %s large)" = $((5203 * 1024 * 1024))
  echo 3 >/proc/sys/vm/drop_caches
  for at in 0 4095 5200; do
    dd if=large of=/tmp/back bs=1M skip=$at count=3 2>/dev/null
    cmp /tmp/piece /tmp/back
  done
  for hole in 3 4093 4098 5198; do
    dd if=large bs=1M skip=$hole count=2 2>/dev/null | cmp -n 2097152 - /dev/zero
  done
  rm large /tmp/piece /tmp/back
}

for vers in 2.0 2.1 3.0 3.1.1; do with "mount vers=$vers" "vers=$vers" basic_use; done
with "sign" vers=3.1.1,sign basic_use
with "seal" vers=3.1.1,seal is_sealed
with "seal vers=3.0" vers=3.0,seal basic_use
with "multichannel" vers=3.1.1,multichannel,max_channels=4 several_channels
for cache in strict none; do
  seed=$((seed + 1))
  with "every byte, cache=$cache" "vers=3.1.1,cache=$cache" exercise
done
operations=$sealed_operations
with "every byte, sealed" vers=3.1.1,seal exercise
with "unpack and build a C project" vers=3.1.1 build_project
with "sqlite with three writers" vers=3.1.1 database
with "$small_files small files" vers=3.1.1 many_small_files
with "a file over 4 GiB" vers=3.1.1 large_file
exit $failed
