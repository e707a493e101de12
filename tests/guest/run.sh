#!/bin/bash
# Runs tests/guest in a QEMU guest with Debian's kernel, for the devices a build machine has not:
# uhid, hidraw, snd-aloop. `make test-kernel` calls it; needs Debian or Ubuntu, and root for apt.
#
# The guest's root is this machine's over 9p, read-only; its init is busybox out of a small initramfs
# that holds the kernel's modules. Ends with the exit code of pytest in the guest.
set -euo pipefail
cd "$(dirname "$0")/../.."

FOLDER=${KERNEL_FOLDER:-.guest}
PYTHON=$(readlink -f .venv/bin/python 2>/dev/null || command -v python3)
[ -x .venv/bin/python ] && PYTHON=$PWD/.venv/bin/python
PYTHON=${KERNEL_PYTHON:-$PYTHON}
MODULES=(virtio_pci 9pnet_virtio 9p uhid hid-generic snd-aloop)

main() {
    install_packages
    mkdir -p "$FOLDER"
    [ -e "$FOLDER/vmlinuz" ] || fetch_kernel
    make_initramfs
    boot | tee "$FOLDER/console.log" | sed -n '/--- guest/,$p'
    grep -aq '^--- exit 0' "$FOLDER/console.log"
}

install_packages() {
    command -v qemu-system-x86_64 busybox cpio >/dev/null && return
    apt-get update
    apt-get install -y --no-install-recommends qemu-system-x86 busybox-static cpio
}

fetch_kernel() {
    local package
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -1)
    (cd "$FOLDER" && apt-get download "$package" && dpkg-deb -x "$package"_*.deb kernel)
    cp "$FOLDER"/kernel/boot/vmlinuz-* "$FOLDER/vmlinuz"
}

make_initramfs() {
    local root=$FOLDER/root version
    version=$(basename "$FOLDER"/kernel/lib/modules/*)
    rm -rf "$root"
    mkdir -p "$root"/{bin,proc,sys,dev,host,"lib/modules/$version"}
    cp "$(command -v busybox)" "$root/bin/busybox"
    /sbin/depmod -b "$FOLDER/kernel" "$version"
    cp "$FOLDER"/kernel/lib/modules/*/modules.* "$root/lib/modules/$version/"
    for module in "${MODULES[@]}"; do
        /sbin/modprobe -d "$FOLDER/kernel" -S "$version" --show-depends "$module" | sed -n 's/^insmod //p'
    done | sort -u | while read -r file _; do
        install -D "$file" "$root/lib/modules/$version/${file#*lib/modules/"$version"/}"
    done
    cat >"$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in ${MODULES[*]}; do modprobe \$module; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host
for folder in proc sys dev; do mount --move /\$folder /host/\$folder; done
mount -t tmpfs tmp /host/tmp; mkdir -p /host/dev/shm; mount -t tmpfs shm /host/dev/shm
ip link set lo up
echo "--- guest \$(uname -r)"
chroot /host /usr/bin/env HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD FERNRUF_KERNEL=1 \
    sh -c 'cd $PWD && $PYTHON -m pytest -q -p no:cacheprovider tests/guest'
echo "--- exit \$?"
poweroff -f
INIT
    chmod +x "$root/init"
    (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$FOLDER/initramfs"
}

boot() {
    timeout 1200 qemu-system-x86_64 -machine q35,accel=tcg -cpu max -smp 2 -m 1536 -nographic \
        -no-reboot -kernel "$FOLDER/vmlinuz" -initrd "$FOLDER/initramfs" \
        -append "console=ttyS0 quiet panic=-1" \
        -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
        </dev/null | stdbuf -o0 tr -d '\r'
}

main
