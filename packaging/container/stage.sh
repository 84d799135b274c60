#!/bin/sh
# Lays out in a folder all that an image of the Debian package has in it, and no more: the package, the Debian packages that it
# depends on, nft for `conntrackd-ts doctor', and a shell. No registry of images is asked, and nothing of this machine's packages
# changes; what apt downloads is what this machine's sources of apt have now. Any user may run it.
#
#   sh packaging/container/stage.sh out/conntrackd-ts_VERSION_ARCHITECTURE.deb [FOLDER]
#
# FOLDER, by default out/container, is made anew. The architecture is the package's, whichever this machine has.
set -eu

fail() {
  printf 'stage: %s\n' "$1" >&2
  exit 1
}

case $# in
  1 | 2) ;;
  *) fail 'expected: stage.sh PACKAGE.deb [FOLDER]' ;;
esac
[ -f "$1" ] || fail "$1 is no file, expected what \`npm run package' builds"
package=$(readlink -f -- "$1")
folder=${2:-out/container}
architecture=$(dpkg-deb --field "$package" Architecture)
[ ! -e "$folder" ] || [ -d "$folder/usr/lib/conntrackd-ts" ] || fail "$folder exists, and is not of this script"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial"
# With no package installed apt finds all that is needed, and in a state of its own it needs no root.
: >"$scratch/status"
cat >"$scratch/apt.conf" <<END
Dir::State "$scratch/state";
Dir::State::status "$scratch/status";
Dir::Cache "$scratch/cache";
Dir::Log "$scratch";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
DPkg::Post-Invoke { "true"; };
END
export APT_CONFIG="$scratch/apt.conf"
apt-get -qq update || fail 'apt-get update: see above'
apt-get -qq --yes --download-only install "$package" busybox-static nftables ||
  fail "apt finds not all that the package needs for $architecture: see above"

rm -rf "$folder"
mkdir -p "$folder/usr/bin" "$folder/usr/sbin" "$folder/usr/lib" "$folder/usr/lib64"
for name in bin sbin lib lib64; do
  ln -s "usr/$name" "$folder/$name"
done
# Scanners for known faults look for Debian's packages here.
mkdir -p "$folder/var/lib/dpkg/status.d"
for file in "$package" "$scratch"/cache/archives/*.deb; do
  name=$(dpkg-deb --field "$file" Package)
  dpkg-deb --fsys-tarfile "$file" | tar -x --no-same-owner --keep-directory-symlink -C "$folder"
  dpkg-deb --field "$file" >"$folder/var/lib/dpkg/status.d/$name"
done

for name in sh cat date kill ls mkdir mv ps readlink rm sleep tail; do
  ln -s busybox "$folder/usr/bin/$name"
done
mkdir -p "$folder/run/lock" "$folder/var/log" "$folder/tmp" "$folder/root"
chmod 1777 "$folder/tmp"
ln -s ../run "$folder/var/run"
ln -s ../run/lock "$folder/var/lock"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' >"$folder/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$folder/etc/group"

# Of the documentation licences stay.
find "$folder/usr/share/doc" ! -type d ! -name copyright ! -path '*/licences/*' -delete
find "$folder/usr/share/doc" -type d -empty -delete
for name in man locale lintian bash-completion zsh fish; do
  rm -rf "${folder:?}/usr/share/$name"
done
rm -rf "$folder/etc/logrotate.d" "$folder/etc/init.d" "$folder/usr/lib/systemd"
printf '%s: %s for %s\n' "$folder" "$(du -sh "$folder" | cut -f1)" "$architecture"
