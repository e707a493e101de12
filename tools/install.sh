#!/bin/bash
# Prepares .venv and all it needs on a bare Debian, Ubuntu or Raspberry Pi OS; `make` calls it.
#
# Says one line per step, and what apt and pip printed only if a step fails. Does nothing, needing
# no network, when .venv already fits. PYTHON=/path/to/python3.12 chooses another interpreter than
# the first that fits. The Python packages and their versions: pyproject.toml, constraints.txt;
# the argument names other extras of pyproject.toml than dev.
set -euo pipefail
cd "$(dirname "$0")/.."

EXTRAS=${1:-dev}
STAMP=.venv/installed-$EXTRAS
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT

main() {
    local made_from
    made_from=$(describe_inputs)
    if [ "$(cat $STAMP 2>/dev/null)" = "$made_from" ]; then return; fi
    install_system_packages
    create_environment
    install_python_packages
    echo "$made_from" >$STAMP
    say "done in $SECONDS s; the program is .venv/bin/fernruf"
}

# A change in any of these, or another place of the checkout, brings .venv up to date again.
describe_inputs() {
    sha256sum pyproject.toml constraints.txt tools/install.sh
    echo "${PYTHON:-} $PWD"
}

install_system_packages() {
    local round missing
    for round in 1 2; do # twice: only when there is a Python is it known whether it needs SWIG
        missing=$(missing_packages)
        [ -n "$missing" ] || break
        apt_install $missing
    done
    missing=$(missing_packages)
    [ -z "$missing" ] || fail "still not usable after the installation: $missing"
}

# The packages by Debian's names, each found missing by what it is wanted for.
missing_packages() {
    local python
    if python=$(find_python); then
        "$python" -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' \
            2>/dev/null || echo python3-dev
        "$python" -c 'import ctypes; ctypes.CDLL("libopus.so.0")' 2>/dev/null || echo libopus0
        "$python" -c 'import ctypes; ctypes.CDLL("libspeexdsp.so.1")' 2>/dev/null ||
            echo libspeexdsp1
        # lgpio has wheels up to Python 3.12; SWIG builds it for a later one
        "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))' ||
            command -v swig >/dev/null || echo swig
    else
        echo python3 python3-venv python3-dev libopus0 libspeexdsp1
    fi
    # the tests check by these what tools/flash.py writes, and what the DTMF receiver hears
    command -v mcopy >/dev/null || echo mtools
    command -v sox >/dev/null || echo sox
    PATH=$PATH:/usr/sbin:/sbin command -v mkfs.vfat >/dev/null || echo dosfstools
    # pyalsaaudio and pesq are C and come as source
    gcc -E -include stdlib.h -xc /dev/null >/dev/null 2>&1 || echo gcc libc6-dev
    [ -e /usr/include/alsa/asoundlib.h ] || echo libasound2-dev
    case $EXTRAS in *bench*) missing_for_the_bench ;; esac
    case $EXTRAS in *dev*) missing_lab_packages ;; esac
    # the page is tested in a real browser, which playwright drives
    case $EXTRAS in *dev*) command -v chromium >/dev/null || echo chromium ;; esac
    # and the bridge with a real broker
    case $EXTRAS in *dev*) PATH=$PATH:/usr/sbin command -v mosquitto >/dev/null || echo mosquitto ;; esac
}

# What tests/lab builds its Internet with; without it those tests are left out, so nobody is asked
# for a password. The programs of root are not in everybody's PATH.
missing_lab_packages() {
    local wanted PATH=$PATH:/usr/sbin:/sbin
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || return 0
    for wanted in ip:iproute2 nft:nftables ping:iputils-ping turnserver:coturn stun:stun-client \
        miniupnpd:miniupnpd-nftables; do
        command -v "${wanted%:*}" >/dev/null || echo "${wanted#*:}"
    done
}

# Peers and speech of several people for bench/voice_*.py.
missing_for_the_bench() {
    local language
    command -v baresip >/dev/null || echo baresip-core
    ldconfig -p | grep -q libspandsp.so.2 || echo libspandsp2
    for language in en es fr it ru; do
        compgen -G "/usr/share/asterisk/sounds/${language}_*/demo-congrats.g722" >/dev/null ||
            echo asterisk-core-sounds-$language-g722
    done
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" 2>/dev/null - <<<'
import sys, venv, ensurepip
sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

apt_install() {
    local as_root=()
    command -v apt-get >/dev/null || fail "please install what Debian calls: $*"
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo)
        sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } ||
            fail "root is needed for this, then try again:
  apt-get update && apt-get install --no-install-recommends $*"
    fi
    say "system packages: $*"
    # the lab runs these itself; the machine shall not become a server by the way
    case $* in *coturn* | *miniupnpd*)
        "${as_root[@]}" systemctl mask coturn miniupnpd >>"$LOG" 2>&1 || true ;;
    esac
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=120 update >>"$LOG" 2>&1 || true # see below
    logged "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
}

create_environment() {
    local python identity='import sys; print(sys.version, sys.base_prefix)'
    python=$(find_python) || fail "needs Python 3.11, 3.12 or 3.13: PYTHON=/path/to/python3.13"
    if [ "$(.venv/bin/python -c "$identity" 2>/dev/null)" != "$("$python" -c "$identity")" ] ||
        ! grep -qsF "$PWD/.venv" .venv/bin/activate; then
        say "virtual environment: .venv with $("$python" --version)"
        logged "$python" -m venv --clear .venv
    fi
}

# Built without pip's isolation, which would fetch build tools of any version; so they come first.
install_python_packages() {
    local pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input install
        --constraint constraints.txt --no-build-isolation --use-pep517)
    say "Python packages: the versions of constraints.txt"
    logged "${pip[@]}" setuptools cython numpy
    PYPI=1 logged "${pip[@]}" --editable ".[$EXTRAS]" # PYPI=1: lgpio brings its C library along
    logged .venv/bin/python -m compileall -q firmware # else each start compiles, where nothing may be written
}

logged() {
    echo "+ $*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null || {
        tail -n 60 "$LOG" >&2
        fail "this failed: $*"
    }
}

say() { echo "install: $*"; }

fail() {
    echo "install: $*" >&2
    exit 1
}

main
