# Runs as process 1 in the guest, in the overlay of the host's root. The share holds what the host wants
# (config, command, the module) and takes what the guest reports (started, setup-error, exit-code,
# unload, kmemleak, finished). The words of the command go out over virtio ports, the kernel log over ttyS0.
vm=/run/hmm-vm
share=$vm/share
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for applet in cat grep ifconfig insmod ln mkdir mkfifo mount mv poweroff \
  rmmod sleep sync uname; do
  eval "$applet() { $vm/busybox $applet \"\$@\"; }"
done

say() {
  echo "hmm-vm: $*" > /dev/kmsg
}

report() {
  printf '%s\n' "$2" > "$share/$1.new" && mv "$share/$1.new" "$share/$1"
}

finish() {
  report finished yes
  sync
  poweroff -f
  sleep 60
}

setup_failed() {
  say "setup failed: $*"
  report setup-error "$*"
  finish
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
ln -sfn /proc/self/fd/0 /dev/stdin
ln -sfn /proc/self/fd/1 /dev/stdout
ln -sfn /proc/self/fd/2 /dev/stderr
mount -t debugfs debugfs /sys/kernel/debug 2> /dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2> /dev/null
ifconfig lo 127.0.0.1 up
echo hmm-vm > /proc/sys/kernel/hostname

. "$share/config"

# A checkout below /tmp must stay visible.
case $HMM_VM_CWD/ in
  /tmp/*) ;;
  *) mount -t tmpfs -o mode=1777 tmpfs /tmp ;;
esac
mkdir -p /usr/lib/modules
ln -sfn "$HMM_VM_MODULES" "/usr/lib/modules/$(uname -r)"

# From here on what goes wrong is ours, and no fault of the emulation: see run-in-vm.mjs.
report booted "$(cat /proc/uptime)"
if [ -n "$HMM_VM_MODULE" ]; then
  # shellcheck disable=SC2086
  insmod "$share/$HMM_VM_MODULE.ko" $HMM_VM_MODULE_ARGUMENTS 2> $vm/insmod-error ||
    setup_failed "insmod $HMM_VM_MODULE: $(cat $vm/insmod-error)"
fi

port() {
  tries=0
  while [ $tries -lt 100 ]; do
    for entry in /sys/class/virtio-ports/*; do
      [ -e "$entry/name" ] || continue
      [ "$(cat "$entry/name")" = "$1" ] && echo "/dev/${entry##*/}" && return
    done
    sleep 0.1
    tries=$((tries + 1))
  done
  return 1
}

out=$(port hmm.stdout) || setup_failed 'no port for the standard output'
err=$(port hmm.stderr) || setup_failed 'no port for the standard error'
mkfifo $vm/out $vm/err
(cat < $vm/out > "$out"; : > $vm/out-done) &
(cat < $vm/err > "$err"; : > $vm/err-done) &

# Before the host's time limit ends everything: what is everybody waiting for?
(
  sleep "$HMM_VM_DUMP_AFTER"
  say "the time limit is near: blocked tasks follow"
  echo w > /proc/sysrq-trigger
) &
dump=$!

report started yes
say 'command starts'
/bin/sh "$share/command" < /dev/null > $vm/out 2> $vm/err
code=$?
say "command ended with $code"
kill $dump 2> /dev/null

# Processes that the command left behind may hold the pipes: the rest of their words gets a moment.
tries=0
while [ $tries -lt 50 ] && { [ ! -e $vm/out-done ] || [ ! -e $vm/err-done ]; }; do
  sleep 0.1
  tries=$((tries + 1))
done
report exit-code $code

leaks=/sys/kernel/debug/kmemleak
# After the unloading, addresses of the module have no names.
if [ -n "$HMM_VM_MODULE" ] && [ -e $leaks ]; then
  grep -F "[$HMM_VM_MODULE]" /proc/kallsyms > "$share/module-symbols"
fi

if [ -n "$HMM_VM_MODULE" ] && [ "$HMM_VM_UNLOAD_SECONDS" -gt 0 ]; then
  ( rmmod "$HMM_VM_MODULE" 2> $vm/unload-error
    echo $? > $vm/unload-code.new
    mv $vm/unload-code.new $vm/unload-code ) &
  tries=$((HMM_VM_UNLOAD_SECONDS * 10))
  while [ $tries -gt 0 ] && [ ! -e $vm/unload-code ]; do
    sleep 0.1
    tries=$((tries - 1))
  done
  if [ ! -e $vm/unload-code ]; then
    say 'unloading the module takes too long: blocked tasks follow'
    echo w > /proc/sysrq-trigger
    report unload "rmmod did not end within $HMM_VM_UNLOAD_SECONDS s"
  elif [ "$(cat $vm/unload-code)" != 0 ]; then
    report unload "$(cat $vm/unload-error)"
  else
    report unload ok
  fi
fi

# The first scan sums up what is unreferenced; the second reports what has not changed and is 5 s old.
if [ -e $leaks ]; then
  say 'looking for leaked memory'
  if echo scan > $leaks && sleep 6 && echo scan > $leaks; then
    cat $leaks > "$share/kmemleak"
  else
    say 'kmemleak is off: it ran out of memory'
  fi
fi
finish
