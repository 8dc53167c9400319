#!/usr/bin/env bash
# Makes the packages of a build folder, puts each into a root of its own and makes a picture from there.
#
#   packages.sh BUILD WORK
#
# The roots are Debian systems with nothing but their essential packages, made by debootstrap from the mirror that this machine
# uses; the first is kept for later runs (SWAN_TEST_ROOTS, default swan/test-roots in the user's cache). Where that
# cannot be done, without root or the network, empty folders serve: the reason is printed.
set -euo pipefail
build=${1:?usage: packages.sh BUILD WORK} work=${2:?usage: packages.sh BUILD WORK}
roots=${SWAN_TEST_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/swan/test-roots}
readonly suite=bookworm

die() {
  printf 'packages.sh: %s\n' "$*" >&2
  exit 1
}

# in_root COMMAND...: within $work/root, which has /proc as every system has; the mount goes with the command.
in_root() {
  unshare --mount sh -c 'mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot "$root" "$@"' sh "$work/root" "$@"
}

# A picture and a clip by the program "$@".
tries() {
  "$@" config show --config sana-sprint-1.6b >/dev/null
  # Nobody listens at that address: what is seen is whether the libraries that would ask it are there.
  if "$@" pull org/model --endpoint http://127.0.0.1:9 >"$work/pull.log" 2>&1; then die "something was pulled from nowhere"; fi
  if ! grep -q 127.0.0.1:9 "$work/pull.log"; then cat "$work/pull.log"; die "the hub's libraries do not work"; fi
  "$@" image "a green apple" --seed 3 --steps 2 --device cpu --embed-cache off -o /tmp/picture.png
  "$@" video "a red ball" --seed 3 --steps 1 --num-frames 5 --device cpu --embed-cache off -o /tmp/clip.mp4
}

rm -rf "$work"
mkdir -p "$work"
cpack --config "$build/CPackConfig.cmake" -B "$work/packages" >"$work/cpack.log" || { cat "$work/cpack.log"; die "cpack failed"; }
deb=$(find "$work/packages" -maxdepth 1 -name 'swan_*.deb') dev=$(find "$work/packages" -maxdepth 1 -name 'libswan-dev_*.deb')
archive=$(find "$work/packages" -maxdepth 1 -name '*.tar.gz')
for file in "$deb" "$dev" "$archive"; do [[ -f $file ]] || die "a package is missing: $(ls "$work/packages")"; done
ls -l "$deb" "$dev" "$archive"

# What each must hold.
holds() { # LISTING-COMMAND... -- PATTERN...
  local listing pattern
  listing=$("${@:1:$#-1}")
  for pattern in ${!#}; do grep -qE "$pattern" <<<"$listing" || die "there is no $pattern in: ${*: -2:1}"; done
}
everything='/bin/swan$ /share/swan/models/swan-emoji-256/model_index.json$ /share/swan/models/swan-emoji-video/model_index.json$
  /man/man1/swan.1.gz$ /man/man1/swan-image.1.gz$ /bash-completion/completions/swan$ /zsh/site-functions/_swan$ /fish/vendor_completions.d/swan.fish$
  /share/swan/configs/sana-base.yaml$ /doc/swan/copyright$'
holds sh -c "dpkg-deb --fsys-tarfile '$deb' | tar -t" "$everything"
dpkg-deb -f "$deb" Description | grep -q "A small model of each kind" || die "the Debian package is not described"
holds tar -tf "$archive" "$everything /lib/swan/libavcodec /lib/swan/libcurl.so.4 /doc/swan/licences/libavcodec /lib/swan/libcurl.so.4"

# The pages: found by their names, examples line by line, in any script.
page=$(dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/share/man/man1/swan-image.1.gz | gzip -d)
for line in 'swan-image \\- make pictures from a prompt' '\\&swan image "一只红色的狐狸" \\-\\-seed 7 \\-o fox.webp'; do
  grep -qx -- "$line" <<<"$page" || die "swan-image(1) has no line $line"
done

# Why there can be no clean root; empty where one can be made.
no_root=
if ((EUID != 0)); then
  no_root="only root may make one"
elif ! command -v debootstrap >/dev/null; then
  no_root="debootstrap is not installed"
elif ! tar=$(find "$roots" -name "$suite.tar" -mtime -7 2>/dev/null) || [[ -z $tar ]]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
  mkdir -p "$roots"
  if debootstrap --variant=minbase "$suite" "$work/root" ${mirror:+"$mirror"} >"$work/debootstrap.log" 2>&1; then
    # Others may be looking for it: it is there when it is whole.
    tar -C "$work/root" -cf "$roots/.$suite.$$" . && mv "$roots/.$suite.$$" "$roots/$suite.tar"
    rm -rf "$work/root"
  else
    no_root="debootstrap failed: $(tail -n 1 "$work/debootstrap.log")"
  fi
fi
clean_root() {
  rm -rf "$work/root"
  mkdir -p "$work/root"
  tar -C "$work/root" -xf "$roots/$suite.tar"
  in_root /bin/true 2>/dev/null
}
if [[ -z $no_root ]] && ! clean_root; then no_root="mounts or chroot are not allowed here"; fi

if [[ -n $no_root ]]; then
  printf 'no clean root (%s): trying from empty folders\n' "$no_root"
  mkdir -p "$work/deb" "$work/tar" /tmp
  dpkg-deb -x "$deb" "$work/deb"
  tar -C "$work/tar" -xf "$archive"
  for swan in "$work/deb/usr/bin/swan" "$work"/tar/*/bin/swan; do
    (cd "$work" && env -i PATH=/nowhere HOME="$work" "$swan" image "a green apple" --seed 3 --steps 2 --device cpu --embed-cache off -o "$work/picture.png")
    rm "$work/picture.png"
  done
  exit 0
fi

# The archive goes where nothing that it was linked with is installed, and into a folder of any name.
mkdir -p "$work/root/opt/some where"
tar -C "$work/root/opt/some where" -xf "$archive"
swan=/opt/some\ where/$(basename "$archive" .tar.gz)/bin/swan
tries in_root env -i PATH=/usr/bin:/bin HOME=/root "$swan"
mv "$work/root/tmp/picture.png" "$work/archive.png"

# The Debian package brings the rest from the distribution, and leaves nothing behind.
clean_root
cp /etc/resolv.conf "$work/root/etc/resolv.conf" 2>/dev/null || true
cp "$deb" "$work/root/tmp/swan.deb"
in_root sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends /tmp/swan.deb' \
  >"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log"; die "the package could not be installed"; }
tries in_root env -i PATH=/usr/bin:/bin HOME=/root swan
cmp "$work/root/tmp/picture.png" "$work/archive.png" || die "the packages make different pictures"
in_root dpkg -L swan >"$work/owned"
in_root apt-get purge -q -y swan >>"$work/apt.log" 2>&1
while read -r path; do
  [[ $path != *swan* || ! -e $work/root$path ]] || die "the package leaves behind: $path"
done <"$work/owned"
[[ -z $(in_root sh -c 'command -v swan') ]] || die "the program is still there"
printf 'both packages work in clean roots\n'
rm -rf "$work/root"
