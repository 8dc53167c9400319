#!/usr/bin/env bash
# Packs what the GPU tests and benchmarks need from a build folder into one archive, with the libraries that another machine may
# lack, so that it can be sent to a machine with a GPU and no packages.
#
#   tests/gpu/bundle.sh BUILD ARCHIVE.tar.xz
#   tar -xf ARCHIVE.tar.xz -C DIR; LD_LIBRARY_PATH=DIR/lib:... tests/gpu/run.sh DIR
set -euo pipefail
build=${1:?usage: bundle.sh BUILD ARCHIVE.tar.xz}
archive=${2:?usage: bundle.sh BUILD ARCHIVE.tar.xz}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
programs=(tests/unit/ops/ops_test tests/unit/models/models_test tests/pipeline/pipeline_test swan bench/swan_gpu_bench
  tools/make_random_model/make_random_model)
mkdir "$folder/lib"
cp "$build"/libswan.so.0 "$folder/lib/"
for program in "${programs[@]}"; do
  [[ -e $build/$program ]] || continue
  mkdir -p "$folder/$(dirname "$program")"
  cp "$build/$program" "$folder/$program"
  ldd "$build/$program" | awk '/=> \// && !/lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|gomp)\.so/ { print $3 }' |
    xargs -I{} cp -Ln {} "$folder/lib/"
done
find "$folder" -type f -exec strip --strip-unneeded {} + 2>/dev/null || true
XZ_OPT=${XZ_OPT:--T0} tar -cJf "$archive" -C "$folder" .
