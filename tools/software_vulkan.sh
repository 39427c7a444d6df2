#!/usr/bin/env bash
# A graphics card made of software, to run the WebGPU provider where there is none: Mesa's lavapipe, of version 25 or
# newer (22 is refused: "No supported adapters"). The packages are fetched with apt and unpacked into a folder; nothing
# is installed, and no rights are needed.
#
#   tools/software_vulkan.sh [FOLDER]    default: .vulkan
#   . FOLDER/env.sh                      then run Python: WebGPU finds the driver
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath --canonicalize-missing "${1:-.vulkan}")
least=25

fail() {
    echo "software_vulkan: $*" >&2
    exit 1
}

# Write env.sh for a driver, if the loader takes it with all that it needs.
use() { # manifest library-folder origin
    local library missing
    library=$(sed -n 's/.*"library_path": *"\([^"]*\)".*/\1/p' "$1")
    [[ $library == /* ]] || library=$2/$library
    missing=$(LD_LIBRARY_PATH=$2 ldd "$library" 2>&1 | grep -E "not found|No such file" || true)
    [[ -z $missing ]] || fail "$library lacks: $missing"
    compgen -G "$2/libvulkan.so.1*" >/dev/null || fail "$2 holds no libvulkan.so.1 (package libvulkan1)"
    mkdir -p "$folder"
    sed "s#\"library_path\": *\"[^\"]*\"#\"library_path\": \"$library\"#" "$1" >"$folder/lavapipe.json"
    {
        echo "export VK_DRIVER_FILES='$folder/lavapipe.json'"
        echo "export LD_LIBRARY_PATH='$2'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
        echo "export MESA_SHADER_CACHE_DIR='$folder/shaders'"
        echo "export ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER=1"
    } >"$folder/env.sh"
    echo "$3" >"$folder/origin"
    echo "software_vulkan: lavapipe of $3; use it with: . $folder/env.sh"
    exit 0
}

if [[ -f $folder/env.sh && -f $folder/origin ]]; then
    echo "software_vulkan: lavapipe of $(cat "$folder/origin") is there already; use it with: . $folder/env.sh"
    exit 0
fi

command -v apt-get >/dev/null || fail "no apt-get here; install Mesa $least or newer with its Vulkan drivers by hand"
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch 2>/dev/null || echo "$(uname -m)-linux-gnu")

installed=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null || true)
if [[ -n $installed ]] && dpkg --compare-versions "$installed" ge "$least"; then
    use "$(compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' | head -1)" "/usr/lib/$multiarch" "mesa-vulkan-drivers $installed, as installed"
fi

# The mirror that this machine uses anyway; its backports have the newer Mesa. State and lists are our own.
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' | awk -v c="$codename" '$2 == c && !seen++ {print $1}')
[[ -n $mirror ]] || fail "apt knows no mirror of the release \"$codename\""
state=$folder/apt
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
keyring=$(compgen -G '/usr/share/keyrings/*-archive-keyring.gpg' | grep -E 'debian|ubuntu' | head -1)
for suite in "$codename" "$codename-updates" "$codename-backports"; do
    echo "deb [signed-by=$keyring] $mirror $suite main"
done >"$state/sources.list"
own=(-o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$state/lists"
    -o "Dir::Cache=$state/cache" -o Debug::NoLocking=1 -o "APT::Sandbox::User=$(id -un)")
apt-get "${own[@]}" -qq update || fail "the mirror $mirror cannot be read"
apt-get "${own[@]}" -qq install -y --download-only --no-install-recommends -t "$codename-backports" \
    mesa-vulkan-drivers libvulkan1 >/dev/null || fail "mesa-vulkan-drivers cannot be fetched from $mirror"
package=$(compgen -G "$state/cache/archives/mesa-vulkan-drivers_*.deb" | head -1)
version=$(dpkg-deb -f "$package" Version)
dpkg --compare-versions "$version" ge "$least" || fail "$mirror has only Mesa $version; $least or newer is needed"
for package in "$state"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$folder/root"
done
rm -rf "$state"
# What is installed already was not fetched, so the loader may be the system's.
libraries=$folder/root/usr/lib/$multiarch
[[ -e $libraries/libvulkan.so.1 ]] || cp -L "/usr/lib/$multiarch/libvulkan.so.1" "$libraries/" || fail "libvulkan.so.1 is neither fetched nor installed"
use "$(compgen -G "$folder/root/usr/share/vulkan/icd.d/lvp_icd*.json" | head -1)" "$libraries" "mesa-vulkan-drivers $version"
