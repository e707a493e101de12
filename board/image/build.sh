#!/bin/bash
# Builds the image of the SD card: build/image/fernruf.img.zst with its block map. `make image` calls it.
#
# Debian trixie for arm64, configured under emulation once and kept (build/image/cache); what is ours
# comes on top. No loop device, nothing mounted. Same inputs, same bytes: the packages' versions are
# in packages.txt beside the image. Needs root, for the owners of files and for chroot.
#   KEY=minisign.key  signs the image        SOURCE_DATE_EPOCH  the time of everything on it
set -euo pipefail
cd "$(dirname "$0")/../.."

HERE=board/image
OUT=build/image
CACHE=$OUT/cache
SUITE=trixie
PYTHON=3.13                # of that suite
DISK=fe42f0f1              # identifier of the partition table; root=PARTUUID=$DISK-02
FAT_MIB=256 SLOT_MIB=384 DATA_MIB=16
LGPIO=0.2.2.0
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

main() {
    [ "$(id -u)" = 0 ] || fail "needs root"
    install_tools
    mkdir -p "$CACHE"
    cached root "$HERE/packages.list" make_root
    cached debs "$HERE/build.sh" fetch_blobs
    cached lgpio "$HERE/build.sh" make_lgpio
    cached initrd "$HERE/initramfs" make_initrd
    cached wheels "$HERE/wheels.list constraints.txt" fetch_wheels
    say "tree"
    make_tree
    say "partitions"
    make_partitions
    say "image"
    make_image
    ls -l "$OUT"/fernruf.img.zst | awk '{printf "image: %.1f MB, ", $5 / 1e6}'
    echo "$SECONDS s"
}

# cached NAME INPUTS FUNCTION: run FUNCTION unless its inputs are those of the last time.
cached() {
    local name=$1 inputs=$2 make=$3 stamp
    stamp=$(find $inputs -type f -print0 | sort -z | xargs -0 sha256sum; declare -f "$make")
    if [ "$(cat "$CACHE/$name.inputs" 2>/dev/null)" = "$stamp" ]; then return; fi
    say "$name (kept for the next time)"
    rm -f "$CACHE/$name.inputs"
    "$make"
    echo "$stamp" >"$CACHE/$name.inputs"
}

install_tools() {
    local missing=()
    command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
    command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static binfmt-support)
    command -v mksquashfs >/dev/null || missing+=(squashfs-tools)
    command -v mkimage >/dev/null || missing+=(u-boot-tools)
    command -v mcopy >/dev/null || missing+=(mtools)
    command -v mkfs.vfat >/dev/null || missing+=(dosfstools)
    command -v sfdisk >/dev/null || missing+=(fdisk)
    command -v mkfs.ext4 >/dev/null || missing+=(e2fsprogs)
    command -v zstd >/dev/null || missing+=(zstd)
    command -v swig >/dev/null || missing+=(swig)
    command -v aarch64-linux-gnu-gcc >/dev/null ||
        missing+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
    if [ ${#missing[@]} -gt 0 ]; then
        say "system packages: ${missing[*]}"
        apt-get update -q >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
            "${missing[@]}" >/dev/null
    fi
    if [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
        mountpoint -q /proc/sys/fs/binfmt_misc ||
            mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
        update-binfmts --enable qemu-aarch64 || true
        [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || fail "no emulation of arm64 (binfmt_misc)"
    fi
}

# The whole of Debian that the card holds, configured. What takes long under emulation and is made
# once at the end anyway, is switched off meanwhile: the initrd, Python's caches, the table of hardware.
make_root() {
    local packages
    packages=$(sed '/^#/d; /^$/d' "$HERE/packages.list" | paste -sd,)
    mmdebstrap --quiet --architectures=arm64 --mode=root --variant=minbase \
        --components=main,contrib,non-free,non-free-firmware --include="$packages" \
        --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/lib/udev/hwdb.d/*' \
        --essential-hook='for each in usr/bin/py3compile usr/bin/systemd-hwdb \
                usr/sbin/update-initramfs; do
                mkdir -p "$1/usr/sbin"
                chroot "$1" dpkg-divert --quiet --local --rename \
                    --divert "/$each.real" --add "/$each"
                printf "#!/bin/sh\nexit 0\n" >"$1/$each"
                chmod 755 "$1/$each"
            done' \
        "$SUITE" "$CACHE/root.tar"
}

# The firmware of the Raspberry Pi, U-Boot, and Python's headers: files of packages, not installed.
fetch_blobs() {
    rm -rf "$CACHE/debs" && mkdir -p "$CACHE/debs/lists/partial" "$CACHE/debs/archives/partial"
    local sources=$CACHE/debs/sources.list options
    tar -xOf "$CACHE/root.tar" ./etc/apt/sources.list >"$sources"
    options=(-o Dir::State::Lists="$PWD/$CACHE/debs/lists" -o Dir::State::status=/dev/null
        -o Dir::Cache="$PWD/$CACHE/debs" -o Dir::Etc::SourceList="$PWD/$sources"
        -o Dir::Etc::SourceParts=/nonexistent -o APT::Architecture=arm64
        -o APT::Architectures::=arm64 -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update -q >/dev/null
    (cd "$CACHE/debs" && apt-get "${options[@]}" download -q \
        raspi-firmware u-boot-rpi "libpython$PYTHON-dev" >/dev/null)
    local deb
    for deb in "$CACHE"/debs/*.deb; do dpkg-deb -x "$deb" "$CACHE/debs/files"; done
}

# lgpio has no wheel for this Python: its C is cross-compiled, its SWIG module runs anywhere.
make_lgpio() {
    rm -rf "$CACHE/lgpio" && mkdir -p "$CACHE/lgpio/source"
    python3 -m venv "$CACHE/lgpio/venv"
    "$CACHE/lgpio/venv/bin/pip" install -q 'setuptools<81' wheel
    PYPI=1 "$CACHE/lgpio/venv/bin/pip" download -q --no-deps --no-binary :all: \
        --no-build-isolation -d "$CACHE/lgpio" "lgpio==$LGPIO"
    tar -xf "$CACHE/lgpio/lgpio-$LGPIO.tar.gz" -C "$CACHE/lgpio/source" --strip-components=1
    local headers=$PWD/$CACHE/debs/files/usr/include
    (cd "$CACHE/lgpio/source" &&
        swig -python -o lgpio_wrap.c lgpio.i &&
        aarch64-linux-gnu-gcc -O2 -shared -fPIC -pthread -ffile-prefix-map="$PWD"=. \
            -I"$headers/python$PYTHON" -I"$headers" -Isrc \
            lgpio_wrap.c src/lg*.c src/rgpiod.c -lrt -ldl -o _lgpio.so)
}

# One initrd for all boards, made last and once.
make_initrd() {
    local tree=$CACHE/initrd.tree version
    rm -rf "$tree" && mkdir "$tree"
    tar -xf "$CACHE/root.tar" -C "$tree"
    version=$(basename "$(echo "$tree"/lib/modules/*)")
    cp -r "$HERE"/initramfs/. "$tree/etc/initramfs-tools/"
    chroot "$tree" mkinitramfs -o /boot/initrd "$version" 2>/dev/null
    cp "$tree/boot/initrd" "$CACHE/initrd"
    # Python's caches, by the Python that will read them; unchecked, for the root never changes
    chroot "$tree" python3 -m compileall -q --invalidation-mode unchecked-hash \
        "/usr/lib/python$PYTHON" /usr/lib/python3/dist-packages || true
    (cd "$tree" && find usr/lib/python3* -name __pycache__ -prune -print0 |
        tar --null -T - -cf - ) >"$CACHE/pycache.tar"
    rm -rf "$tree"
}

fetch_wheels() {
    rm -rf "$CACHE/wheels"
    local wanted=()
    mapfile -t wanted < <(sed '/^#/d; /^$/d' "$HERE/wheels.list" | while read -r name; do
        grep -i "^$name==" constraints.txt || fail "$name is not in constraints.txt"
    done)
    python3 -m pip --disable-pip-version-check download -q --no-deps --only-binary :all: \
        --platform manylinux_2_34_aarch64 --platform manylinux_2_17_aarch64 \
        --python-version "$PYTHON" -d "$CACHE/wheels" "${wanted[@]}"
}

make_tree() {
    local tree=$OUT/tree
    rm -rf "$tree" && mkdir -p "$tree"
    tar -xf "$CACHE/root.tar" -C "$tree"
    tar -xf "$CACHE/pycache.tar" -C "$tree"
    install_fernruf "$tree"
    cp -r --no-preserve=ownership "$HERE"/rootfs/. "$tree/"
    grep -rl @DISK@ "$tree/etc" "$tree/usr/lib/fernruf" | xargs sed -i "s/@DISK@/$DISK/g"
    mkdir -p "$tree/boot/firmware" "$tree/data"
    add_user "$tree"
    chroot "$tree" systemctl --quiet enable fernruf.service fernruf-good.service \
        systemd-networkd.service systemd-resolved.service wpa_supplicant@wlan0.service
    chroot "$tree" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer \
        systemd-networkd-wait-online.service getty@tty1.service systemd-hwdb-update.service
    ln -sf /data/settings/wpa_supplicant-wlan0.conf "$tree/etc/wpa_supplicant/"
    ln -sf /run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
    echo fernruf >"$tree/etc/hostname"
    : >"$tree/etc/machine-id" # made anew at each start: the root is never written
    git describe --always --dirty >"$tree/etc/fernruf-version"
    chroot "$tree" dpkg-query -W >"$OUT/packages.txt"
    rm -rf "$tree"/var/cache/* "$tree"/var/lib/apt/lists/* "$tree"/var/log/* "$tree"/tmp/*
}

# The program and what Debian lacks of its libraries, in a folder of their own that Python knows.
install_fernruf() {
    local home=$1/usr/lib/fernruf wheel
    mkdir -p "$home/handsets"
    for wheel in "$CACHE"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$home/python"; done
    cp "$CACHE"/lgpio/source/{_lgpio.so,lgpio.py} "$home/python/"
    git archive HEAD firmware | tar -x -C "$home/python"
    local variant
    for variant in gpio usb adapter; do
        sed "s/^kind = \"gpio\"/kind = \"$variant\"/" board/handset.toml >"$home/handsets/$variant.toml"
        grep -q "^kind = \"$variant\"" "$home/handsets/$variant.toml" || fail "no [telephone] kind"
    done
    echo /usr/lib/fernruf/python >"$1/usr/lib/python3/dist-packages/fernruf.pth"
    printf '#!/usr/bin/python3\nimport sys\n\nfrom firmware.__main__ import main\n\nsys.exit(main())\n' \
        >"$1/usr/bin/fernruf"
    chmod 755 "$1/usr/bin/fernruf"
    chroot "$1" python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/fernruf/python
}

add_user() {
    local group
    for group in gpio:981 i2c:982 fernruf:980; do
        echo "${group%:*}:x:${group#*:}:" >>"$1/etc/group"
        echo "${group%:*}:!::" >>"$1/etc/gshadow"
    done
    echo "fernruf:x:980:980:Fernruf:/data/fernruf:/usr/sbin/nologin" >>"$1/etc/passwd"
    echo "fernruf:!:20000::::::" >>"$1/etc/shadow"
}

make_partitions() {
    local tree=$OUT/tree fat=$OUT/fat.img broadcom name
    rm -rf "$OUT/boot" && mkdir -p "$OUT/boot/a" "$OUT/boot/b"
    cp "$tree"/boot/vmlinuz-* "$OUT/boot/a/vmlinuz"
    cp "$CACHE/initrd" "$OUT/boot/a/initrd"
    broadcom=$(echo "$tree"/usr/lib/linux-image-*/broadcom)
    for name in 2837-rpi-3-a-plus 2837-rpi-3-b 2837-rpi-3-b-plus 2837-rpi-zero-2-w 2711-rpi-4-b \
        2711-rpi-400 2711-rpi-cm4-io; do
        cp "$broadcom/bcm$name.dtb" "$OUT/boot/"
    done
    name=$CACHE/debs/files/usr/lib
    cp "$name"/raspi-firmware/{bootcode.bin,start.elf,fixup.dat,start4.elf,fixup4.dat} "$OUT/boot/"
    cp "$name/u-boot/rpi_arm64/u-boot.bin" "$OUT/boot/"
    cp "$HERE"/boot/{config.txt,fernruf.toml} "$OUT/boot/"
    sed "s/@DISK@/$DISK/g" "$HERE/boot/boot.cmd" >"$OUT/boot.cmd"
    mkimage -q -A arm64 -T script -C none -n fernruf -d "$OUT/boot.cmd" "$OUT/boot/boot.scr" \
        >/dev/null
    printf 'BOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=0\n' |
        mkenvimage -s 0x4000 -o "$OUT/boot/uboot.env" -
    rm -f "$fat" && truncate -s ${FAT_MIB}M "$fat"
    mkfs.vfat -F 32 -n FERNRUF -i "$DISK" --invariant "$fat" >/dev/null
    find "$OUT/boot" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
    (cd "$OUT/boot" && mcopy -i "../fat.img" -s -m ./* ::)
    rm -rf "$tree/boot"/vmlinuz* "$tree/boot"/System.map* "$tree/boot"/config-* \
        "$tree"/usr/lib/linux-image-*
    rm -f "$OUT/root.squashfs"
    mksquashfs "$tree" "$OUT/root.squashfs" -quiet -no-progress -comp zstd \
        -Xcompression-level 19 -b 256K -no-exports
    [ "$(stat -c %s "$OUT/root.squashfs")" -le $((SLOT_MIB << 20)) ] || fail "the root is too large"
    rm -f "$OUT/data.img"
    mkfs.ext4 -q -L data -U "8d3f2d0c-5b7b-4c53-9a38-$(printf %012d 42)" \
        -E "hash_seed=8d3f2d0c-5b7b-4c53-9a38-$(printf %012d 43),lazy_itable_init=0" \
        "$OUT/data.img" ${DATA_MIB}M
}

make_image() {
    local image=$OUT/fernruf.img start=$((1 << 20))
    rm -f "$image"
    truncate -s $((1 + FAT_MIB + 2 * SLOT_MIB + DATA_MIB))M "$image"
    sfdisk -q "$image" <<-END
		label: dos
		label-id: 0x$DISK
		start=1MiB, size=${FAT_MIB}MiB, type=c, bootable
		size=${SLOT_MIB}MiB, type=83
		size=${SLOT_MIB}MiB, type=83
		size=${DATA_MIB}MiB, type=83
	END
    dd if="$OUT/fat.img" of="$image" bs=1M seek=1 conv=notrunc,sparse status=none
    dd if="$OUT/root.squashfs" of="$image" bs=1M seek=$((1 + FAT_MIB)) conv=notrunc status=none
    dd if="$OUT/data.img" of="$image" bs=1M seek=$((1 + FAT_MIB + 2 * SLOT_MIB)) \
        conv=notrunc,sparse status=none
    python3 "$HERE/block_map.py" "$image" 0:$start $start:$((FAT_MIB << 20)):trim \
        $((start + (FAT_MIB << 20))):"$(stat -c %s "$OUT/root.squashfs")" \
        $((start + (FAT_MIB + 2 * SLOT_MIB << 20))):$((DATA_MIB << 20)) >"$OUT/fernruf.bmap"
    zstd -q -f -T0 -19 "$image" -o "$image.zst"
    if [ -n "${KEY:-}" ]; then minisign -S -s "$KEY" -m "$image.zst"; fi
}

say() { echo "image: $*"; }

fail() {
    echo "image: $*" >&2
    exit 1
}

main
