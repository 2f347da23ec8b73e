#!/usr/bin/env bash
# Own a double click on a model on a desktop of our own: part of check_deb.sh, which runs it in the bare system.
#   dbus-run-session -- double_click.sh MODEL ANOTHER-MODEL
# The window is started from the menu, which offers the demo model; MODEL is opened by gtk-launch, ANOTHER-MODEL by gio
# as a file manager does. Then the window tunes it, quickly: it tunes what it was opened on, so the saved profile proves
# on which model that was. Pictures lie in ~/pictures.
set -euo pipefail
model=$1
another=$2
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

opened() { # wait for the window, 60 s at most, put it at the corner, 900 by 600, and say what it was started with
    local shown
    shown=$(timeout 60 xdotool search --sync --onlyvisible --name '^Tunesmith$' | tail -1)
    xdotool windowmove "$shown" 0 0 windowsize "$shown" 900 600 windowactivate --sync "$shown"
    sleep 3
    tr '\0' '\n' <"/proc/$(xdotool getwindowpid "$shown")/cmdline"
}

picture() {
    import -window root -crop 900x600+0+0 "$pictures/$1.png"
}

closed() {
    xdotool key --clearmodifiers ctrl+q
    for _ in $(seq 100); do
        xdotool search --name '^Tunesmith$' >/dev/null 2>&1 || return 0
        sleep 0.3
    done
    echo "the window does not close" >&2
    return 1
}

saved() { # the numbers of all profiles
    tunesmith profiles list --json | sed -n 's/^ *"id": "\(.*\)",$/\1/p'
}

gtk-launch tunesmith
opened >/dev/null
picture menu
closed

gtk-launch tunesmith "$model"
opened | grep -xF "$model"
picture gtk-launch
closed

before=$(saved)
gio open "$another"
opened | grep -xF "$another"
xdotool key --clearmodifiers ctrl+2 # the page Tune; the model is on its form already
sleep 2
picture gio-open
for _ in $(seq 9); do xdotool key Tab; done # to the time that it may take; the one above Standard is Quick
xdotool key Up space
sleep 1
picture form
xdotool mousemove 843 56 click 1 # Tune
sleep 20
picture tuning
for _ in $(seq 60); do
    sleep 10
    now=$(saved)
    [ "$now" = "$before" ] || break
done
sleep 3
picture result
closed
for profile in $(comm -13 <(sort <<<"$before") <(sort <<<"$now")); do
    tunesmith profiles show "$profile" --json | grep -F "$another" && exit 0
done
echo "the tune of the window saved no profile of $another; see $pictures" >&2
exit 1
