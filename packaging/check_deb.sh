#!/usr/bin/env bash
# Own the proof that the Debian packages work where nothing of ours is: a bare Debian 12 in a folder.
#   packaging/check_deb.sh TUNESMITH.deb DEMO-MODEL.deb [FOLDER]
# As root, with debootstrap. FOLDER keeps the bare system and its pictures for the next time; without it one is made
# and removed. In a container that is a bare Debian 12 itself, and thrown away after, FOLDER is /.
# Takes some seven minutes, of which the window tunes for one and a half.
set -euo pipefail

if [ $# -lt 2 ] || [ ! -f "$1" ] || [ ! -f "$2" ]; then
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
fi
package=$(realpath "$1")
demo=$(realpath "$2")
kept=${3:-}
if [ "$kept" = / ] && [ ! -e /.dockerenv ] && [ ! -e /run/.containerenv ] && [ -z "${CI:-}" ]; then
    echo "This installs and removes packages: a system itself, /, is taken in a container or in CI alone." >&2
    exit 2
fi
folder=${kept:-$(mktemp -d)}
folder=${folder%/} # / becomes nothing, so that every path below begins with a slash
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
here=$(dirname "$(realpath "$0")")
own=/srv/tunesmith-check # all that the check puts into the system: packages, models, a user's home
model="$own/my models/a model.gguf"

inside() {
    chroot "$folder/" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$own/home" LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

unshare --net true 2>/dev/null && alone="unshare --net" || alone=""
offline() { # the same without any network
    $alone chroot "$folder/" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$own/home" LANG=C.UTF-8 "$@"
}

mounted=""
clean_up() {
    [ -z "$mounted" ] || umount "$folder/proc" || true
    [ -n "$kept" ] || rm -rf --one-file-system "$folder"
}
trap clean_up EXIT

[ -n "$alone" ] || echo "Note: this system lets nobody take the network away, so it stays."
if [ ! -x "$folder/usr/bin/apt-get" ]; then
    debootstrap --variant=minbase bookworm "$folder" "$mirror"
fi
if [ ! -e "$folder/proc/cpuinfo" ]; then
    mount -t proc proc "$folder/proc"
    mounted=yes
fi
if [ -n "$folder" ]; then
    [ ! -e /etc/resolv.conf ] || cp /etc/resolv.conf "$folder/etc/resolv.conf"
    if grep -qx VERSION_CODENAME=bookworm /etc/os-release; then # the way to packages is this machine's
        [ ! -e /etc/apt/sources.list.d ] || rm -f "$folder/etc/apt/sources.list"
        for name in apt.conf.d sources.list sources.list.d; do
            [ ! -e "/etc/apt/$name" ] || cp -rT "/etc/apt/$name" "$folder/etc/apt/$name"
        done
    fi
fi
rm -rf "$folder$own"
mkdir -p "$folder$own/home" "$folder$(dirname "$model")"
cp "$package" "$folder$own/tunesmith.deb"
cp "$demo" "$folder$own/demo.deb"
cp "$here/linux/double_click.sh" "$folder$own/double_click.sh"

echo "== install"
inside apt-get update -q
inside apt-get purge -y -q tunesmith tunesmith-demo-model >/dev/null 2>&1 || true
inside apt-get install -y -q --no-install-recommends "$own/tunesmith.deb"
echo "== the demo model, from a package of its own"
inside apt-get install -y -q "$own/demo.deb"
cp "$folder"/usr/share/tunesmith/models/*.gguf "$folder$model"
cp "$folder$model" "$folder$own/my models/another model.gguf"
echo "== self-test on the demo model, without a network"
offline tunesmith --self-test
echo "== MIME type"
inside grep -q '^application/x-gguf=tunesmith.desktop' /usr/share/applications/mimeinfo.cache
inside grep -q 'application/x-gguf:\*.gguf' /usr/share/mime/globs
echo "== a headless tune of a file with a space in its name, without a network"
for budget in 10 30 90; do
    code=0
    offline tunesmith --headless "$model" --workload prompt=32,generate=8 --budget "$budget" --quiet || code=$?
    [ $code -eq 5 ] || break
    echo "too noisy to tell within $budget seconds"
done
[ $code -eq 0 ] || { echo "the tune ended with exit code $code" >&2; exit 1; }
inside tunesmith profiles list
echo "== a double click"
inside apt-get install -y -q --no-install-recommends \
    xvfb openbox xdotool dbus libgtk-3-bin libglib2.0-bin imagemagick >/dev/null
offline dbus-run-session -- bash "$own/double_click.sh" "$model" "$own/my models/another model.gguf"
echo "== what the tools for packages say"
inside apt-get install -y -q --no-install-recommends lintian appstream desktop-file-utils >/dev/null
inside desktop-file-validate /usr/share/applications/tunesmith.desktop
inside sh -c "appstreamcli validate --no-net /usr/share/metainfo/*unesmith*.xml"
inside lintian --allow-root --fail-on error "$own/tunesmith.deb" "$own/demo.deb"
echo "== remove"
said=$(inside apt-get purge -y -q tunesmith tunesmith-demo-model)
printf '%s\n' "$said"
grep -q '~/.local/share/tunesmith' <<<"$said" || { echo "nobody is told where the profiles are" >&2; exit 1; }
left=$(inside find /usr /etc /var/lib/dpkg/info -iname '*tunesmith*')
left+=$(inside grep -l 'tunesmith\|x-gguf' /usr/share/applications/mimeinfo.cache /usr/share/mime/globs || true)
if [ -n "$left" ]; then
    echo "left behind: $left" >&2
    exit 1
fi
inside test -f "$own/home/.local/share/tunesmith/tunesmith.sqlite3"
echo "All is well: the user's profiles are still there, and nothing else is."
