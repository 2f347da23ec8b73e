#!/usr/bin/env bash
# Own the proof that the Debian package works where nothing of ours is: a bare Debian 12 in a folder.
#   packaging/check_deb.sh PACKAGE.deb MODEL.gguf [FOLDER]
# As root, with debootstrap. FOLDER keeps the bare system for the next time; without it one is made and removed.
set -euo pipefail

if [ $# -lt 2 ] || [ ! -f "$1" ] || [ ! -f "$2" ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
package=$(realpath "$1")
model=$(realpath "$2")
kept=${3:-}
folder=${kept:-$(mktemp -d)}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

inside() {
    chroot "$folder" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
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
mkdir -p "$folder/srv/my models"
cp "$model" "$folder/srv/my models/a model.gguf"

echo "== install"
inside apt-get update -q
inside apt-get install -y -q --no-install-recommends /tmp/tunesmith.deb
echo "== self-test"
inside tunesmith --self-test "/srv/my models/a model.gguf"
echo "== MIME type"
inside grep -q '^application/x-gguf=tunesmith.desktop' /usr/share/applications/mimeinfo.cache
inside grep -q 'application/x-gguf:\*.gguf' /usr/share/mime/globs
echo "== a headless tune of a file with a space in its name"
code=0
inside tunesmith --headless "/srv/my models/a model.gguf" --workload prompt=32,generate=8 --budget 10 --quiet || code=$?
case $code in
0) inside tunesmith profiles list ;;
5) echo "the machine was too noisy to tell, which is an answer too" ;;
*)
    echo "it ended with exit code $code" >&2
    exit 1
    ;;
esac
echo "== remove"
inside apt-get remove -y -q tunesmith
left=$(inside find /usr -iname '*tunesmith*')
if [ -n "$left" ]; then
    echo "left behind: $left" >&2
    exit 1
fi
inside test -f /root/.local/share/tunesmith/tunesmith.sqlite3
echo "All is well: the user's profiles are still there, and nothing else is."
