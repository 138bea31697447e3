#!/usr/bin/env bash
# Unpacks a real bitcoind (Debian's bitcoin-knots) with its own C library into a private directory, for tests.
#
#   bash scripts/fetch-bitcoind.sh DIRECTORY
#
# Leaves DIRECTORY/bitcoind and DIRECTORY/bitcoin-cli. Needs root on Debian 12 (bookworm) or later, amd64 or arm64: five
# small libraries come from the system's own release, the rest from the same mirror's newer release, unpacked beside
# the system, never into it. The mirror is read from the machine's own apt index.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "fetch-bitcoind: needs root, because it installs Debian packages (libzmq5 and others)" >&2; exit 1; }
command -v apt-get >/dev/null || { echo "fetch-bitcoind: needs Debian's apt-get" >&2; exit 1; }

dest=$(mkdir -p "$1" && cd "$1" && pwd)
[ -x "$dest/bitcoind" ] && [ -x "$dest/bitcoin-cli" ] && exit 0

# Two runs at once (test files are run in parallel) must not unpack over one another.
exec 9>"$dest/.lock"
flock -w 300 9
[ -x "$dest/bitcoind" ] && [ -x "$dest/bitcoin-cli" ] && exit 0

case $(uname -m) in
  x86_64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
  aarch64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
  *) echo "fetch-bitcoind: no package for $(uname -m)" >&2; exit 1 ;;
esac

apt=$dest/apt
mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs} "$dest/unpacked"
export DEBIAN_FRONTEND=noninteractive
needed=(libevent-core-2.1-7 libevent-extra-2.1-7 libevent-pthreads-2.1-7 libzmq5 libsqlite3-0 debian-archive-keyring)
if ! dpkg -s "${needed[@]}" >/dev/null 2>&1; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${needed[@]}" >/dev/null
fi
key=$(dpkg -L debian-archive-keyring | grep '/debian-archive-keyring\.[a-z]*$' | head -1)
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' "Codename: $codename" \
    | awk '$2 == "main" { print $1; exit }'
}
uri=$(mirror)
[ -n "$uri" ] || { apt-get update -qq && uri=$(mirror); }
[ -n "$uri" ] || { echo "fetch-bitcoind: apt knows no Debian mirror for $codename" >&2; exit 1; }

for suite in trixie trixie-backports; do echo "deb [signed-by=$key] $uri $suite main"; done > "$apt/sources.list"
options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=$apt/none"
  -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
(cd "$apt/debs" && apt-get "${options[@]}" download bitcoin-knots libc6 libstdc++6 libgcc-s1)
for package in "$apt"/debs/*.deb; do dpkg -x "$package" "$dest/unpacked"; done

libraries=$(dirname "$(ldconfig -p | awk '/libzmq.so.5 /{ print $NF; exit }')")
for program in bitcoin-cli bitcoind; do
  cat > "$dest/$program.new" <<WRAPPER
#!/bin/sh
base=\$(dirname "\$(readlink -f "\$0")")/unpacked/usr
exec "\$base/lib/$triplet/$loader" --library-path "\$base/lib/$triplet:$libraries" "\$base/bin/$program" "\$@"
WRAPPER
  chmod 755 "$dest/$program.new"
  mv "$dest/$program.new" "$dest/$program"
done
rm -rf "$apt"
"$dest/bitcoind" -version | head -1
