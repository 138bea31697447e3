#!/usr/bin/env bash
# Unpacks the files of converse.js, a chat client for browsers, into a private directory, for tests.
#
#   bash scripts/fetch-converse.sh DIRECTORY
#
# Leaves DIRECTORY/dist. The package comes from the registry that npm is set to, and must be the one that we know. It is no
# dependency of ours: it is large, and names packages that only its own repository has.
set -euo pipefail

package=converse.js@14.0.0
sha512=2c5520d37d230da955e3bbc8fefc953ea60f65f2585c56ee6eaf2fd1c1437b6cd735e786124dd4a74163fd64f34fab7ee9da3e700213a32ef77808fb44d0e3d9

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
dest=$(mkdir -p "$1" && cd "$1" && pwd)
[ -d "$dest/dist" ] && exit 0

# Two runs at once (test files are run in parallel) must not unpack over one another.
exec 9>"$dest/.lock"
flock -w 120 9
[ -d "$dest/dist" ] && exit 0

work=$(mktemp -d "$dest/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent --ignore-scripts "$package" >/dev/null)
archive=$(echo "$work"/*.tgz)
echo "$sha512  $archive" | sha512sum --check --status || { echo "fetch-converse: $package is not the one that we know" >&2; exit 1; }
tar -xzf "$archive" -C "$work" --exclude='*.map' package/dist
mv "$work/package/dist" "$dest/dist"
