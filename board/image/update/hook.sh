#!/bin/sh
# Run by RAUC, from the signed bundle, when it has written a root: its kernel and initrd go into the
# FAT partition, where U-Boot can read them. Until RAUC then makes the slot active nothing starts it.
set -eu
[ "$1" = slot-post-install ] || exit 0
case "$RAUC_SLOT_BOOTNAME" in
A) slot=/boot/firmware/a ;;
B) slot=/boot/firmware/b ;;
*) exit 1 ;;
esac
mkdir -p "$slot"
rm -f "$slot"/*
for name in vmlinuz initrd; do
    cp "$RAUC_BUNDLE_MOUNT_POINT/$name" "$slot/$name"
    cmp "$RAUC_BUNDLE_MOUNT_POINT/$name" "$slot/$name"
done
sync -f "$slot"
