#!/bin/busybox sh
# First process of the guest, from the initramfs: makes the host's root writable under an overlay and
# hands over to guest-init.sh, which the host shares.
/bin/busybox mkdir -p /proc /sys /dev /lower /rw /newroot
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin

say() {
  echo "hmm-vm: $*" > /dev/kmsg
}

fail() {
  say "setup failed: $*"
  poweroff -f
}

if grep -q 'hmm_vm.probe' /proc/cmdline; then
  say 'probe ok'
  poweroff -f
fi

while read -r module; do
  insmod "/modules/$module" || fail "insmod $module"
done < /modules/load-order

share() {
  mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2" || fail "mount $1"
}

share hostroot /lower ro,cache=loose
mount -t tmpfs -o size=75% tmpfs /rw || fail 'mount tmpfs'
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work overlay /newroot ||
  fail 'mount overlay'
mount -t tmpfs -o mode=755 tmpfs /newroot/run || fail 'mount /run'
mkdir -p /newroot/run/hmm-vm/share
cp /bin/busybox /newroot/run/hmm-vm/busybox
share hmmshare /newroot/run/hmm-vm/share rw
umount /proc /sys /dev
exec switch_root /newroot /run/hmm-vm/busybox sh /run/hmm-vm/share/guest-init.sh
