# What the image and the Debian package have in common: the program and its libraries for arm64, for
# the Python of one Debian suite. Sourced by image/build.sh and deb/build.sh at the top of the checkout.

SUITE=trixie
PYTHON=3.13 # of that suite
LGPIO=0.2.2.0
ALSAAUDIO=$(sed -n 's/^pyalsaaudio==//p' constraints.txt)
CACHE=build/image/cache
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
VERSION=0.1.$(git rev-list --count HEAD) # rises with each commit, so that an update is a higher one

# cached NAME INPUTS FUNCTION...: run FUNCTION unless its inputs are those of the last time.
cached() {
    local name=$1 inputs=$2 stamp
    shift 2
    stamp=$([ -z "$inputs" ] || find $inputs -type f -print0 | sort -z | xargs -0 sha256sum
        declare -f "$1"; echo "$@")
    if [ "$(cat "$CACHE/$name.inputs" 2>/dev/null)" = "$stamp" ]; then return; fi
    say "$name (kept for the next time)"
    rm -f "$CACHE/$name.inputs"
    "$@"
    echo "$stamp" >"$CACHE/$name.inputs"
}

# install_missing COMMAND:PACKAGE...: what this machine lacks.
install_missing() {
    local wanted missing=()
    for wanted in "$@"; do
        command -v "${wanted%%:*}" >/dev/null || missing+=(${wanted#*:})
    done
    [ -e $KEYRING ] || missing+=(debian-archive-keyring)
    if [ ${#missing[@]} -gt 0 ]; then
        say "system packages: ${missing[*]}"
        apt-get update -q >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
            "${missing[@]}" >/dev/null
    fi
}

# Files of Debian's packages that are not installed as packages: the firmware of the Raspberry Pi,
# U-Boot, headers, and the service of RAUC. Into $CACHE/debs/files, the packages beside it.
fetch_debs() {
    rm -rf "$CACHE/debs" && mkdir -p "$CACHE/debs/lists/partial" "$CACHE/debs/archives/partial"
    local options deb
    echo "deb [signed-by=$KEYRING] http://deb.debian.org/debian $SUITE main non-free-firmware" \
        >"$CACHE/debs/sources.list"
    options=(-o Dir::State::Lists="$PWD/$CACHE/debs/lists" -o Dir::State::status=/dev/null
        -o Dir::Cache="$PWD/$CACHE/debs" -o Dir::Etc::SourceList="$PWD/$CACHE/debs/sources.list"
        -o Dir::Etc::SourceParts=/nonexistent -o APT::Architecture=arm64
        -o APT::Architectures::=arm64 -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update -q >/dev/null
    (cd "$CACHE/debs" && apt-get "${options[@]}" download -q raspi-firmware u-boot-rpi \
        "libpython$PYTHON-dev" libasound2-dev libasound2t64 libopus0 libspeexdsp1 rauc-service \
        >/dev/null)
    for deb in "$CACHE"/debs/*.deb; do dpkg-deb -x "$deb" "$CACHE/debs/files"; done
}

wanted_extensions() { echo "lgpio==$LGPIO" "pyalsaaudio==$ALSAAUDIO"; }

# make_extensions NAME==VERSION...: what has no wheel for this Python, C that is cross-compiled.
# lgpio's SWIG module runs anywhere.
make_extensions() {
    local to=$CACHE/extensions headers=$PWD/$CACHE/debs/files/usr/include
    local include=(-I"$headers/python$PYTHON" -I"$headers")
    rm -rf "$to" && mkdir -p "$to/lgpio" "$to/alsaaudio"
    python3 -m venv "$to/venv"
    "$to/venv/bin/pip" install -q 'setuptools<81' wheel
    PYPI=1 "$to/venv/bin/pip" download -q --no-deps --no-binary :all: --no-build-isolation \
        -d "$to" "$@"
    tar -xf "$to"/lgpio-*.tar.gz -C "$to/lgpio" --strip-components=1
    tar -xf "$to"/pyalsaaudio-*.tar.gz -C "$to/alsaaudio" --strip-components=1
    (cd "$to/lgpio" && swig -python -o lgpio_wrap.c lgpio.i &&
        aarch64-linux-gnu-gcc -O2 -shared -fPIC -pthread -ffile-prefix-map="$PWD"=. \
            "${include[@]}" -Isrc lgpio_wrap.c src/lg*.c src/rgpiod.c -lrt -ldl -o _lgpio.so)
    (cd "$to/alsaaudio" &&
        aarch64-linux-gnu-gcc -O2 -shared -fPIC -ffile-prefix-map="$PWD"=. "${include[@]}" \
            alsaaudio.c -L"$headers/../lib/aarch64-linux-gnu" -l:libasound.so.2 \
            -Wl,--allow-shlib-undefined -o alsaaudio.so)
}

# wanted_wheels LIST...: what the lists name, in the versions of constraints.txt.
wanted_wheels() {
    sed '/^#/d; /^$/d' "$@" | while read -r name; do
        grep -i "^$name==" constraints.txt || echo "$name"
    done
}

# fetch_wheels FOLDER NAME==VERSION...: for this Python on arm64, without what they depend on.
fetch_wheels() {
    local folder=$1
    shift
    rm -rf "$folder"
    python3 -m pip --disable-pip-version-check download -q --no-deps --only-binary :all: \
        --platform manylinux_2_34_aarch64 --platform manylinux_2_28_aarch64 \
        --platform manylinux_2_17_aarch64 --python-version "$PYTHON" -d "$folder" "$@"
}

# lay_out_libraries ROOT WHEELS: the libraries below ROOT, in a folder of their own that Python is
# told of; their tests and what is of no use here stay away.
lay_out_libraries() {
    local home=$1/usr/lib/fernruf wheel
    mkdir -p "$home/python"
    for wheel in "$2"/*.whl; do python3 -m zipfile -e "$wheel" "$home/python"; done
    cp "$CACHE"/extensions/lgpio/{_lgpio.so,lgpio.py} "$home/python/"
    find "$home/python" -type d \( -name tests -o -name testing \) -path '*/numpy/*' -prune \
        -exec rm -rf {} +
    # programs for other boards, modules for tests, the names of C functions that nobody debugs here
    find "$home/python" \( -path '*/pulseio/libgpiod_pulsein*' -o -name '*_tests.*.so' \) -delete
    # what auditwheel has renamed (*.libs) does not outlive that
    find "$home/python" -name '*.so' -type f ! -path '*.libs/*' \
        -exec aarch64-linux-gnu-strip --strip-unneeded {} +
    find "$home/python" -name '*.py' -exec sed -i '1s|^#!.*python$|#!/usr/bin/python3|' {} +
}

# lay_out_program ROOT: the program beside its libraries.
lay_out_program() {
    local root=$1 home=$1/usr/lib/fernruf variant
    mkdir -p "$home/handsets" "$root/usr/bin"
    git archive HEAD firmware | tar -x -C "$home/python"
    for variant in gpio usb adapter; do
        sed "s/^kind = \"gpio\"/kind = \"$variant\"/" board/handset.toml >"$home/handsets/$variant.toml"
        grep -q "^kind = \"$variant\"" "$home/handsets/$variant.toml" || fail "no [telephone] kind"
    done
    cat >"$root/usr/bin/fernruf" <<-'END'
	#!/usr/bin/python3 -I
	import sys

	sys.path.insert(0, "/usr/lib/fernruf/python")
	from firmware.__main__ import main

	sys.exit(main())
	END
    chmod 755 "$root/usr/bin/fernruf"
    echo "$VERSION" >"$home/version"
}

say() { printf '%s: %4d s: %s\n' "$(basename "$(dirname "$0")")" "$SECONDS" "$*"; }

fail() {
    say "$*" >&2
    exit 1
}
