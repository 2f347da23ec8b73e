#!/usr/bin/env bash
# Own the proof that the Debian packages work where nothing of ours is: a bare Debian 12 in a folder.
#   packaging/check_deb.sh TUNESMITH.deb DEMO-MODEL.deb [FOLDER]
# As root, with debootstrap. FOLDER keeps the bare system and its pictures for the next time; without it one is made
# and removed. Takes some ten minutes: a tune in the window has its usual five.
set -euo pipefail

if [ $# -lt 2 ] || [ ! -f "$1" ] || [ ! -f "$2" ]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
package=$(realpath "$1")
demo=$(realpath "$2")
kept=${3:-}
folder=${kept:-$(mktemp -d)}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
here=$(dirname "$(realpath "$0")")
model="/srv/my models/a model.gguf"

inside() {
    chroot "$folder" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

offline() { # the same without any network
    unshare --net chroot "$folder" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

clean_up() {
    umount "$folder/proc" 2>/dev/null || true
    [ -n "$kept" ] || rm -rf --one-file-system "$folder"
}
trap clean_up EXIT

if [ ! -x "$folder/usr/bin/apt-get" ]; then
    debootstrap --variant=minbase bookworm "$folder" "$mirror"
fi
mountpoint -q "$folder/proc" || mount -t proc proc "$folder/proc"
for name in resolv.conf apt/apt.conf.d apt/sources.list apt/sources.list.d; do # the way to packages is this machine's
    [ -e "/etc/$name" ] && cp -rT "/etc/$name" "$folder/etc/$name"
done
cp "$package" "$folder/tmp/tunesmith.deb"
cp "$demo" "$folder/tmp/demo.deb"
cp "$here/linux/double_click.sh" "$folder/tmp/double_click.sh"
rm -rf "$folder/root/.local/share/tunesmith" "$folder/root/pictures"

echo "== install"
inside apt-get update -q
inside apt-get purge -y -q tunesmith tunesmith-demo-model >/dev/null 2>&1 || true
inside apt-get install -y -q --no-install-recommends /tmp/tunesmith.deb
echo "== the demo model, from a package of its own"
inside apt-get install -y -q /tmp/demo.deb
mkdir -p "$folder$(dirname "$model")"
cp "$folder"/usr/share/tunesmith/models/*.gguf "$folder$model"
echo "== self-test on the demo model, without a network"
offline tunesmith --self-test
echo "== MIME type"
inside grep -q '^application/x-gguf=tunesmith.desktop' /usr/share/applications/mimeinfo.cache
inside grep -q 'application/x-gguf:\*.gguf' /usr/share/mime/globs
echo "== a headless tune of a file with a space in its name, without a network"
code=0
offline tunesmith --headless "$model" --workload prompt=32,generate=8 --budget 10 --quiet || code=$?
case $code in
0) inside tunesmith profiles list ;;
5) echo "the machine was too noisy to tell, which is an answer too" ;;
*)
    echo "it ended with exit code $code" >&2
    exit 1
    ;;
esac
echo "== a double click"
inside apt-get install -y -q --no-install-recommends \
    xvfb openbox xdotool dbus libgtk-3-bin libglib2.0-bin imagemagick >/dev/null
offline dbus-run-session -- bash /tmp/double_click.sh "$model"
echo "== what the tools for packages say"
inside apt-get install -y -q --no-install-recommends lintian appstream desktop-file-utils >/dev/null
inside desktop-file-validate /usr/share/applications/tunesmith.desktop
inside sh -c "appstreamcli validate --no-net /usr/share/metainfo/*unesmith*.xml"
inside lintian --allow-root --fail-on error /tmp/tunesmith.deb /tmp/demo.deb
echo "== remove"
inside apt-get purge -y -q tunesmith tunesmith-demo-model
left=$(inside find /usr /etc /var/lib/dpkg/info -iname '*tunesmith*')
if [ -n "$left" ]; then
    echo "left behind: $left" >&2
    exit 1
fi
inside test -f /root/.local/share/tunesmith/tunesmith.sqlite3
echo "All is well: the user's profiles are still there, and nothing else is."
