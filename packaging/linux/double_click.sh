#!/usr/bin/env bash
# Own a double click on a model on a desktop of our own: part of check_deb.sh, which runs it in the bare system.
#   dbus-run-session -- double_click.sh MODEL
# MODEL is opened by gtk-launch, and by gio as a file manager does; then the window tunes it. Pictures lie in
# ~/pictures. The window tunes what it was opened on, so the saved profile proves on which model that was.
set -euo pipefail
model=$1
pictures=$HOME/pictures
mkdir -p "$pictures"
export DISPLAY=:7 XDG_CURRENT_DESKTOP=GNOME
Xvfb "$DISPLAY" -screen 0 1280x800x24 -nolisten tcp -noreset >/dev/null 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in $(seq 50); do
    xdotool getmouselocation >/dev/null 2>&1 && break
    sleep 0.2
done
openbox --sm-disable >/dev/null 2>&1 &
sleep 1

window() { # wait for the window, 60 s at most, and print its number
    timeout 60 xdotool search --sync --onlyvisible --name '^Tunesmith$' | tail -1
}

put() { # the window at the corner, 900 by 600
    xdotool windowmove "$1" 0 0 windowsize "$1" 900 600 windowactivate --sync "$1"
    sleep 3
}

gone() {
    for _ in $(seq 100); do
        xdotool search --name '^Tunesmith$' >/dev/null 2>&1 || return 0
        sleep 0.3
    done
    echo "the window does not close" >&2
    return 1
}

saved() { # profiles of the model
    tunesmith profiles list --json | grep -c '"id"' || true
}

gtk-launch tunesmith "$model"
shown=$(window)
put "$shown"
import -window root "$pictures/gtk-launch.png"
xdotool key --clearmodifiers ctrl+q
gone

before=$(saved)
gio open "$model"
shown=$(window)
put "$shown"
xdotool key --clearmodifiers ctrl+2 # the page Tune; the model is on its form already
sleep 3
import -window root "$pictures/gio-open.png"
xdotool mousemove 843 56 click 1 # Start
sleep 20
import -window root "$pictures/tuning.png"
for _ in $(seq 120); do
    sleep 5
    [ "$(saved)" -gt "$before" ] && break
done
sleep 3
import -window root "$pictures/result.png"
after=$(saved)
xdotool key --clearmodifiers ctrl+q
gone
if [ "$after" -le "$before" ]; then
    echo "the tune of the window saved no profile; see $pictures" >&2
    exit 1
fi
tunesmith profiles list
