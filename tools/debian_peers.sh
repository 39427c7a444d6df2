#!/usr/bin/env bash
# Installs the Debian packages of what some tests talk to, and prints the names for LINESIDE_EXPECT, with a comma before each.
# Where it cannot, it says so on stderr and prints nothing: those tests are skipped with their reason.
set -uo pipefail

# An RTSP server: tests/video_peers.py. A GigE Vision camera without a sensor: tests/genicam_rigs.py. A broker and a database for
# results: tests/integration. A browser that watches a line: tests/integration/test_view_server.py.
packages=(
    gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
    aravis-tools libaravis-0.8-0 iproute2
    mosquitto mosquitto-clients openssl postgresql chromium
)
names=",rtsp,aravis,mosquitto,postgres,chromium"

if ! command -v apt-get > /dev/null; then
    echo "debian_peers: there is no apt-get here; the tests with real peers are skipped" >&2
    exit 0
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2> /dev/null; then
        echo "debian_peers: neither root nor sudo; the tests with real peers are skipped unless it is there" >&2
        exit 0
    fi
    as_root=(sudo -n)
fi
if ! dpkg-query -W "${packages[@]}" > /dev/null 2>&1; then
    "${as_root[@]}" apt-get update -qq >&2 &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends "${packages[@]}" >&2 || {
        echo "debian_peers: the packages could not be installed; the tests with real peers are skipped" >&2
        exit 0
    }
fi
echo "$names"
