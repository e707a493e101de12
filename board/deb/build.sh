#!/bin/bash
# Builds the Debian package for those who run Raspberry Pi OS already: dist/fernruf_VERSION_arm64.deb,
# and dist/fernruf-base.tar, what `tools/flash.py write --base` puts on a card. `make deb` calls it.
#
# The package brings all its Python libraries along, so that neither needs a network; of Debian it
# asks Python, ALSA, Opus and Speex, of which the last two lie in the archive as well. Needs no root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. board/image/program.sh

HERE=board/deb
OUT=build/deb
PACKAGE=fernruf_${VERSION}_arm64

main() {
    install_missing dpkg-deb:dpkg swig:swig \
        "aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    mkdir -p "$CACHE" dist
    cached debs "" fetch_debs
    cached extensions "" make_extensions $(wanted_extensions)
    cached deb-wheels "" fetch_wheels "$CACHE/deb-wheels" \
        $(wanted_wheels board/image/wheels.list $HERE/wheels.list)
    rm -rf "$OUT" dist/fernruf_*.deb
    lay_out "$OUT/tree"
    find "$OUT/tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$OUT/tree" "dist/$PACKAGE.deb" >/dev/null
    pack_for_cards
    ls -l "dist/$PACKAGE.deb" dist/fernruf-base.tar |
        awk '{printf "%s: %.1f MB\n", $NF, $5 / 1e6} END {print '$SECONDS' " s"}' SECONDS=$SECONDS
}

lay_out() {
    local tree=$1 units=$1/usr/lib/systemd/system documents=$1/usr/share/doc/fernruf
    mkdir -p "$tree/DEBIAN" "$units" "$documents" "$tree/usr/lib/fernruf/python" \
        "$tree/usr/lib"/{sysusers.d,tmpfiles.d,modules-load.d,udev/rules.d}
    lay_out_libraries "$tree" "$CACHE/deb-wheels"
    lay_out_program "$tree"
    aarch64-linux-gnu-strip --strip-unneeded -o "$tree/usr/lib/fernruf/python/alsaaudio.so" \
        "$CACHE/extensions/alsaaudio/alsaaudio.so"
    find "$tree/usr/lib/fernruf" -name '*.so' -exec chmod 644 {} +
    # the units of the image, with the folders of a Debian system
    sed 's|/data/fernruf|/var/lib/fernruf/state|; s|/data/settings|/var/lib/fernruf/settings|
        /^RequiresMountsFor=/d' \
        board/image/rootfs/etc/systemd/system/fernruf.service >"$units/fernruf.service"
    install -m 755 board/image/rootfs/usr/lib/fernruf/switch-off "$tree/usr/lib/fernruf/"
    cp $HERE/files/fernruf-first-start.service "$units/"
    cp board/image/rootfs/etc/udev/rules.d/60-fernruf.rules "$tree/usr/lib/udev/rules.d/"
    cp board/image/rootfs/etc/modules-load.d/fernruf.conf "$tree/usr/lib/modules-load.d/"
    cp $HERE/files/fernruf.sysusers "$tree/usr/lib/sysusers.d/fernruf.conf"
    cp $HERE/files/fernruf.tmpfiles "$tree/usr/lib/tmpfiles.d/fernruf.conf"
    cp $HERE/files/copyright "$documents/"
    gzip -9n <CHANGELOG.md >"$documents/CHANGELOG.md.gz"
    gzip -9n >"$documents/changelog.gz" <<-END
	fernruf ($VERSION) trixie; urgency=medium

	  * What has changed is in CHANGELOG.md.gz.

	 -- $(sed -n 's/^Maintainer: //p' $HERE/files/control)  $(date -uR -d "@$SOURCE_DATE_EPOCH")
	END
    mkdir -p "$tree/usr/share/man/man1"
    gzip -9n <$HERE/files/fernruf.1 >"$tree/usr/share/man/man1/fernruf.1.gz"
    install -D -m 644 $HERE/files/fernruf.lintian-overrides \
        "$tree/usr/share/lintian/overrides/fernruf"
    python3 board/image/contents.py fernruf-deb "$VERSION" \
        --python "$tree/usr/lib/fernruf/python" >"$documents/fernruf.spdx.json"
    cp $HERE/files/{postinst,prerm,postrm} "$tree/DEBIAN/"
    chmod 755 "$tree"/DEBIAN/*
    sed "s/@VERSION@/$VERSION/; s/@SIZE@/$(du -sk "$tree/usr" | cut -f1)/" $HERE/files/control \
        >"$tree/DEBIAN/control"
    (cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
    chmod -R u=rwX,go=rX "$tree"
}

# One file for a person who flashes.
pack_for_cards() {
    local folder=$OUT/card
    mkdir -p "$folder"
    cp "dist/$PACKAGE.deb" "$folder/fernruf.deb"
    cp "$CACHE"/debs/libopus0_*.deb "$folder/libopus0.deb"
    cp "$CACHE"/debs/libspeexdsp1_*.deb "$folder/libspeexdsp1.deb"
    cp $HERE/files/fernruf-first-run.sh "$folder/"
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        -cf dist/fernruf-base.tar -C "$folder" .
}

main
