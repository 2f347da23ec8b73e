#!/usr/bin/env bash
# Own the disk image for macOS, made of the application that packaging/freeze.py leaves in build/frozen:
#   packaging/macos/make_dmg.sh VERSION
#
# Never run: no Mac was at hand. A workflow runs it on a hosted runner; what it says first is news.
#
# Placeholders for the owner's keys, in the environment; without them the application is signed for this machine only,
# and macOS refuses to open it elsewhere until the user allows it in System Settings, Privacy & Security:
#   SIGNING_IDENTITY   "Developer ID Application: NAME (TEAM)", from `security find-identity -v -p codesigning`
#   NOTARY_PROFILE     what `xcrun notarytool store-credentials` was told to keep the Apple ID under
#   NOTARY_KEYCHAIN    the keychain that it lies in, if it is not the usual one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=${1:?which version?}
app=build/frozen/Tunesmith.app
image=build/tunesmith-$version-macos-$(uname -m).dmg
[ -d "$app" ] || { echo "There is no $app: run packaging/freeze.py on a Mac first." >&2; exit 2; }
cp -R build/frozen/tunesmith/licences build/frozen/tunesmith/LICENSE "$app/Contents/Resources/"

if [ -n "${SIGNING_IDENTITY:-}" ]; then
    # From the inside out: each library, then the programs, then the application.
    find "$app" -type f \( -name '*.dylib' -o -name '*.so' \) -print0 |
        xargs -0 codesign --force --timestamp --options runtime --sign "$SIGNING_IDENTITY"
    codesign --force --deep --timestamp --options runtime --entitlements packaging/macos/entitlements.plist \
        --sign "$SIGNING_IDENTITY" "$app"
else
    codesign --force --deep --sign - "$app"
fi
codesign --verify --deep --strict "$app"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -R "$app" "$folder/"
ln -s /Applications "$folder/Applications"
hdiutil create -volname "Tunesmith $version" -srcfolder "$folder" -fs HFS+ -format UDZO -ov "$image"

if [ -n "${SIGNING_IDENTITY:-}" ]; then
    codesign --force --timestamp --sign "$SIGNING_IDENTITY" "$image"
fi
if [ -n "${NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$NOTARY_PROFILE" \
        ${NOTARY_KEYCHAIN:+--keychain "$NOTARY_KEYCHAIN"} --wait
    xcrun stapler staple "$image"
fi
echo "$image"
