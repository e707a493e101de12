#!/bin/bash
# Runs once on a Raspberry Pi OS that tools/flash.py prepared: installs Fernruf from the card, without
# a network. systemd.run= of cmdline.txt starts it; it takes its own words out again, come what may.
card=$(cd "$(dirname "$0")" && pwd)
{
    sed -i 's| systemd\.run[^ ]*||g; s| systemd\.unit=kernel-command-line\.target||g' "$card/cmdline.txt"
    for library in libopus0 libspeexdsp1; do
        dpkg-query -W -f '${Status}' "$library" 2>/dev/null | grep -q ' installed$' ||
            dpkg -i "$card/$library.deb"
    done
    # radio stays off on Raspberry Pi OS until it knows in which country it is
    country=$(sed -n 's/^ *country *= *"\([A-Za-z][A-Za-z]\)".*/\1/p' "$card/fernruf.toml" | tail -1)
    if command -v raspi-config; then
        [ -z "$country" ] || raspi-config nonint do_wifi_country "${country^^}"
        raspi-config nonint do_i2c 0
    fi
    if dpkg -i "$card/fernruf.deb"; then
        rm -f "$card"/{fernruf,libopus0,libspeexdsp1}.deb
        echo "Fernruf is installed; it starts with the next start."
    fi
    sync
} >>"$card/fernruf-first-run.log" 2>&1
exit 0
