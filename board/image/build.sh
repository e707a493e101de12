#!/bin/bash
# Builds the image of the SD card: build/image/fernruf.img.zst with its block map. `make image` calls it.
#
# Debian trixie for arm64, configured under emulation once and kept (build/image/cache); what is ours
# comes on top. No loop device, nothing mounted. Same inputs, same bytes: the packages' versions are
# in packages.txt beside the image; only the update's bundle has a fresh salt and signature. Needs
# root, for the owners of files and for chroot.
#   KEY=minisign.key   signs the image          KEYS=folder  the key of updates (build/image/keys)
#   UPDATE_URL=https://.../fernruf.json         where boxes look for updates; none: by USB stick only
#   SOURCE_DATE_EPOCH  the time of everything on it
set -euo pipefail
cd "$(dirname "$0")/../.."

. board/image/program.sh

HERE=board/image
OUT=build/image
DISK=fe42f0f1              # identifier of the partition table; root=PARTUUID=$DISK-02
FAT_MIB=256 SLOT_MIB=384 DATA_MIB=16
BOARDS="2837-rpi-3-a-plus 2837-rpi-3-b 2837-rpi-3-b-plus 2837-rpi-zero-2-w 2711-rpi-4-b 2711-rpi-400
    2711-rpi-cm4-io"
EXPOSURE_MAX=30            # of a unit, in tenths of systemd-analyze security's scale
KEYS=${KEYS:-$OUT/keys}    # update.crt, update.key: who may make updates; made if there are none

main() {
    [ "$(id -u)" = 0 ] || fail "needs root"
    prepare
    mkdir -p "$CACHE"
    cached root "$HERE/packages.list" make_root
    cached debs "" fetch_debs
    cached extensions "" make_extensions $(wanted_extensions)
    cached pycache "" make_pycache
    cached initrd "$HERE/initrd" make_initrd
    cached wheels "" fetch_wheels "$CACHE/wheels" $(wanted_wheels "$HERE/wheels.list")
    cached libraries "$HERE/program.sh $CACHE/wheels.inputs $CACHE/extensions.inputs" make_libraries
    say "tree"
    make_keys
    make_tree
    check_units
    say "boot partition"
    make_boot
    say "root and data"
    make_partitions
    say "image"
    make_image
    say "update"
    make_update
    ls -l "$OUT"/fernruf.img.zst "$OUT"/fernruf.raucb | awk '{printf "%s: %.1f MB\n", $NF, $5 / 1e6}'
    echo "$SECONDS s"
}

prepare() {
    install_missing mmdebstrap:mmdebstrap mksquashfs:squashfs-tools mkimage:u-boot-tools \
        "qemu-aarch64-static:qemu-user-static binfmt-support" mcopy:mtools mkfs.vfat:dosfstools \
        sfdisk:fdisk mkfs.ext4:e2fsprogs zstd:zstd swig:swig dtc:device-tree-compiler rauc:rauc \
        systemd-analyze:systemd openssl:openssl modprobe:kmod cpio:cpio xz:xz-utils \
        "aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
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

# One initrd for all boards: a script, the small tools of klibc, a few drivers. They are not compressed
# one by one: the kernel unpacks the whole faster.
make_initrd() {
    local tree=$CACHE/initrd.tree root=$CACHE/initrd.root version name file step=10
    rm -rf "$tree" "$root" && mkdir -p "$tree"/{bin,usr/lib,modules,dev,proc,sys,run} "$root"
    tar -xf "$CACHE/root.tar" -C "$root" --wildcards ./usr/lib/modules ./usr/lib/klibc './usr/lib/klibc-*'
    ln -s usr/lib "$root/lib"
    cp "$root"/usr/lib/klibc-*.so "$tree/usr/lib/" # what its programs are started by
    for name in sh mount mkdir insmod dd sleep chroot run-init; do
        cp "$root/usr/lib/klibc/bin/$name" "$tree/bin/"
    done
    version=$(ls "$root/usr/lib/modules")
    # in the order in which they need each other; what is built into the kernel has no file
    sed '/^#/d' "$HERE/initrd/modules" | while read -r name; do
        modprobe -d "$root" -S "$version" --show-depends "$name" || fail "no module $name"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
        xz -dc "$file" >"$tree/modules/$step-$(basename "$file" .xz)"
        step=$((step + 1))
    done
    # the first four bytes of PARTUUID, as they lie in the partition table
    printf "%b\n" "$(sed 's/\(..\)\(..\)\(..\)\(..\)/\\x\4\\x\3\\x\2\\x\1/' <<<"$DISK")" >"$tree/identifier"
    install -m 755 "$HERE/initrd/init" "$tree/init"
    find "$tree" -exec touch -h -d @0 {} + # it is kept, and the next build has a later time
    (cd "$tree" && find . -print0 | LC_ALL=C sort -z |
        cpio --null --quiet --reproducible -o -H newc -R 0:0) | zstd -q -19 >"$CACHE/initrd"
    rm -rf "$tree" "$root"
}

# Python's caches, by the Python that will read them; unchecked, for the root never changes.
make_pycache() {
    local tree=$CACHE/pycache.tree
    rm -rf "$tree" && mkdir "$tree"
    tar -xf "$CACHE/root.tar" -C "$tree"
    chroot "$tree" python3 -m compileall -q --invalidation-mode unchecked-hash \
        "/usr/lib/python$PYTHON" /usr/lib/python3/dist-packages || true
    (cd "$tree" && find usr/lib/python3* -name __pycache__ -prune -print0 |
        tar --null -T - -cf - ) >"$CACHE/pycache.tar"
    rm -rf "$tree"
}

# The libraries beside Debian's with Python's caches of them: emulated, that takes a minute.
make_libraries() {
    local tree=$CACHE/libraries.tree
    rm -rf "$tree" && mkdir "$tree"
    # with /dev/shm, without which compileall has no second process
    tar -xf "$CACHE/root.tar" -C "$tree" ./usr ./bin ./lib ./dev
    lay_out_libraries "$tree" "$CACHE/wheels"
    compile_python "$tree" /usr/lib/fernruf/python
    tar -C "$tree" --sort=name -cf "$CACHE/libraries.tar" usr/lib/fernruf
    rm -rf "$tree"
}

# compile_python ROOT FOLDER: by the Python that will read it; unchecked, for the root never changes.
compile_python() {
    chroot "$1" python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash "$2"
}

# Who signs updates: a key of the one who builds, never in the repository. The image trusts its
# certificate alone.
make_keys() {
    [ -e "$KEYS/update.key" ] && return
    mkdir -p "$KEYS"
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7300 \
        -subj "/CN=Fernruf updates" -addext "extendedKeyUsage=emailProtection" \
        -keyout "$KEYS/update.key" -out "$KEYS/update.crt" 2>/dev/null)
    say "a new key for updates: keep $KEYS, or boxes will not take your next image"
}

make_tree() {
    local tree=$OUT/tree
    rm -rf "$tree" && mkdir -p "$tree"
    tar -xf "$CACHE/root.tar" -C "$tree"
    tar -xf "$CACHE/pycache.tar" -C "$tree"
    tar -xf "$CACHE/libraries.tar" -C "$tree"
    lay_out_program "$tree"
    compile_python "$tree" /usr/lib/fernruf/python/firmware
    cp -r "$CACHE"/debs/files/usr/share/dbus-1 "$tree/usr/share/" # rauc-service
    cp -r --no-preserve=ownership "$HERE"/rootfs/. "$tree/"
    install -m 644 "$KEYS/update.crt" "$tree/etc/rauc/keyring.pem"
    grep -rl @DISK@ "$tree/etc" "$tree/usr/lib/fernruf" | xargs sed -i "s/@DISK@/$DISK/g"
    sed -i "s|@URL@|${UPDATE_URL:-}|" "$tree/etc/systemd/system/fernruf-update.service"
    mkdir -p "$tree/boot/firmware" "$tree/data"
    add_user "$tree"
    chroot "$tree" systemctl --quiet enable fernruf.service fernruf-wishes.path fernruf-good.service \
        fernruf-update.timer fernruf-trial.timer fernruf-network.timer fernruf-journal.service \
        fernruf-journal.timer fernruf-grow.service fernruf-share.path fernruf-clock.path systemd-networkd.service \
        systemd-resolved.service systemd-timesyncd.service
    mask_units "$tree"
    ln -sf /data/settings/wpa_supplicant-wlan0.conf "$tree/etc/wpa_supplicant/"
    ln -sf /run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
    echo fernruf >"$tree/etc/hostname"
    : >"$tree/etc/machine-id" # made anew at each start: the root is never written
    touch -d "@$SOURCE_DATE_EPOCH" "$tree/usr/lib/clock-epoch" # no clock starts before this
    chroot "$tree" dpkg-query -W >"$OUT/packages.txt"
    python3 "$HERE/contents.py" fernruf-image "$VERSION" --python "$tree/usr/lib/fernruf/python" \
        --dpkg "$tree/var/lib/dpkg/status" >"$OUT/fernruf.spdx.json"
    slim "$tree"
    chmod -R go-w "$tree/usr/lib/fernruf" "$tree/etc/systemd"
}

mask_units() {
    local tree=$1 name
    mkdir -p "$tree/etc/systemd/system-generators"
    sed '/^#/d; /^$/d' "$HERE/masked.list" | while read -r name; do
        case $name in
        *-generator) ln -sf /dev/null "$tree/etc/systemd/system-generators/$name" ;;
        *) ln -sf /dev/null "$tree/etc/systemd/system/$name" ;;
        esac
    done
}

# What a telephone never opens. The licences stay.
slim() {
    local tree=$1 modules
    rm -rf "$tree"/var/cache/* "$tree"/var/lib/apt/lists/* "$tree"/var/log/* "$tree"/tmp/*
    rm -rf "$tree"/usr/lib/python3/dist-packages/numpy/{tests,*/tests,testing/tests,f2py,distutils} \
        "$tree/usr/lib/python$PYTHON"/{test,idlelib,tkinter,turtledemo,ensurepip,pydoc_data} \
        "$tree"/usr/share/{i18n,zoneinfo/right,bash-completion,zsh,lintian,perl5,gcc,gdb,polkit-1}
    rm -rf "$tree"/usr/lib/aarch64-linux-gnu/{gconv,perl,perl-base} "$tree"/usr/bin/perl*
    find "$tree/usr/lib" "$tree/usr/share" -name '*.a' -delete
    # wireless chips of Raspberry Pis only: Cypress and Broadcom's 43430, 43436, 43439, 43455, 43456
    find "$tree/usr/lib/firmware/brcm" -type f ! -name 'brcmfmac434[35]*' -delete
    find "$tree/usr/lib/firmware/cypress" -type f ! -name 'cyfmac434[35]*' -delete
    # hardware that no Raspberry Pi has
    modules=$(echo "$tree"/usr/lib/modules/*)
    rm -rf "$modules"/kernel/drivers/{gpu,media,infiniband,ata,isdn,staging,nvme,iio} \
        "$modules"/kernel/drivers/net/{ethernet/[!bm]*,wireless/{ath,intel,marvell,ti,microchip}} \
        "$modules"/kernel/fs/{xfs,btrfs,ocfs2,gfs2,ceph,nfs,nfsd,smb,f2fs,jfs,ubifs,bcachefs,afs} \
        "$modules"/kernel/net/{sctp,ceph,tipc,rds,openvswitch,batman-adv,dccp,atm,can}
    chroot "$tree" depmod "$(basename "$modules")"
}

# How much a broken service could do: systemd's own judgement, without starting anything.
check_units() {
    local unit
    for unit in fernruf fernruf-first-start fernruf-share fernruf-journal fernruf-clock; do
        systemd-analyze security --offline=yes --no-pager --threshold=$EXPOSURE_MAX \
            --root="$PWD/$OUT/tree" "$unit.service" >"$OUT/$unit.security" ||
            fail "$unit.service is too open: $(tail -1 "$OUT/$unit.security")"
        say "$(tail -1 "$OUT/$unit.security" | tr -dc '[:print:]')"
    done
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

# The FAT partition: a folder a slot with kernel and initrd, a folder a build of the telephone with
# its device trees, which the firmware chooses by os_prefix (hardware.txt).
make_boot() {
    local tree=$OUT/tree boot=$OUT/boot broadcom name files variant overlay
    rm -rf "$boot" && mkdir -p "$boot/a" "$boot/b" "$OUT/dtbo"
    cp "$tree"/boot/vmlinuz-* "$boot/a/vmlinuz"
    cp "$CACHE/initrd" "$boot/a/initrd"
    broadcom=$(echo "$tree"/usr/lib/linux-image-*/broadcom)
    files=$CACHE/debs/files/usr/lib
    for overlay in "$HERE"/devicetree/*.dts; do
        dtc -q -@ -I dts -O dtb -o "$OUT/dtbo/$(basename "$overlay" .dts).dtbo" "$overlay"
    done
    for variant in plain adapter wm8960 max98357a pcm5102a; do
        overlay=$OUT/dtbo/$variant.dtbo
        [ $variant != plain ] || overlay=
        mkdir "$boot/$variant"
        for name in $BOARDS; do
            fdtoverlay -i "$broadcom/bcm$name.dtb" -o "$boot/$variant/bcm$name.dtb" \
                "$OUT/dtbo/common.dtbo" $overlay || fail "$variant does not fit bcm$name.dtb"
        done
        cp "$files/u-boot/rpi_arm64/u-boot.bin" "$boot/$variant/"
    done
    cp "$files"/raspi-firmware/{bootcode.bin,start.elf,fixup.dat,start4.elf,fixup4.dat} "$boot/"
    cp "$HERE"/boot/{config.txt,hardware.txt,fernruf.toml} "$boot/"
    sed "s/@DISK@/$DISK/g" "$HERE/boot/boot.cmd" >"$OUT/boot.cmd"
    mkimage -q -A arm64 -T script -C none -n fernruf -d "$OUT/boot.cmd" "$boot/boot.scr" >/dev/null
    mkenvimage -s 0x4000 -o "$boot/uboot.env" "$HERE/boot/uboot.txt"
    rm -rf "$tree/boot"/{vmlinuz,initrd,System.map,config}* "$tree"/usr/lib/linux-image-*
}

make_partitions() {
    local tree=$OUT/tree fat=$OUT/fat.img
    rm -f "$fat" && truncate -s ${FAT_MIB}M "$fat"
    mkfs.vfat -F 32 -n FERNRUF -i "$DISK" --invariant "$fat" >/dev/null
    find "$OUT/boot" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
    (cd "$OUT/boot" && mcopy -i "../fat.img" -s -m ./* ::)
    rm -f "$OUT/root.squashfs"
    # level 19 takes twice as long and saves less than one hundredth
    mksquashfs "$tree" "$OUT/root.squashfs" -quiet -no-progress -comp zstd \
        -Xcompression-level 15 -b 256K -no-exports
    [ "$(stat -c %s "$OUT/root.squashfs")" -le $((SLOT_MIB << 20)) ] || fail "the root is too large"
    rm -f "$OUT/data.img"
    E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mkfs.ext4 -q -L data -U "8d3f2d0c-5b7b-4c53-9a38-$(printf %012d 42)" \
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
    zstd -q -f -T0 -9 "$image" -o "$image.zst" # only the kernel in it is not compressed yet
    if [ -n "${KEY:-}" ]; then minisign -S -s "$KEY" -m "$image.zst"; fi
}

# The same root and kernel as a signed bundle for boxes that run already.
make_update() {
    local bundle=$OUT/bundle
    rm -rf "$bundle" "$OUT/fernruf.raucb" && mkdir "$bundle"
    ln "$OUT/root.squashfs" "$bundle/root.img"
    cp "$OUT"/boot/a/{vmlinuz,initrd} "$bundle/"
    install -m 755 "$HERE/update/hook.sh" "$bundle/"
    sed "s/@VERSION@/$VERSION/" "$HERE/update/manifest.raucm" >"$bundle/manifest.raucm"
    rauc bundle --cert="$KEYS/update.crt" --key="$KEYS/update.key" \
        --mksquashfs-args="-comp zstd -Xcompression-level 9 -no-progress -quiet" \
        "$bundle" "$OUT/fernruf.raucb" >/dev/null 2>&1 || fail "rauc made no bundle"
    printf '{"version": "%s", "bundle": "fernruf.raucb", "size_bytes": %d, "sha256": "%s"}\n' \
        "$VERSION" "$(stat -c %s "$OUT/fernruf.raucb")" \
        "$(sha256sum "$OUT/fernruf.raucb" | cut -d' ' -f1)" >"$OUT/fernruf.json"
}

main
