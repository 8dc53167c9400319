#!/usr/bin/env bash
# Puts what the CUDA backend is built with into a folder: NVIDIA's compiler, its headers, the static runtime, and the
# headers of cuBLASLt and cuDNN, from NVIDIA's packages on the Python package index.
#
#   tools/cuda/fetch_toolkit.sh FOLDER              compiler and headers (150 MB to download, 850 MB with LIBRARIES)
#   tools/cuda/fetch_toolkit.sh FOLDER --libraries  the libraries too, which a machine with a GPU needs at run time
set -euo pipefail

folder=${1:?usage: fetch_toolkit.sh FOLDER [--libraries]}
libraries=${2:-}
# CUDA 13.0: what drivers from 580 on run.
readonly packages=(nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
  nvidia-cuda-cccl==13.0.85 nvidia-cublas==13.0.2.14 nvidia-cudnn-cu13==9.19.1.2 nvidia-cudnn-frontend==1.32.0)
version=$(printf '%s\n' "${packages[@]}" "$libraries" | sha256sum | cut -c1-16)
[[ -f $folder/.complete && $(<"$folder/.complete") == "$version" ]] && exit 0

new=$folder.new
rm -rf "$new" "$folder"
mkdir -p "$new/wheels" "$new/root"
python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$new/wheels" "${packages[@]}"
python3 - "$new" "${libraries:-none}" <<'PY'
import pathlib, sys, zipfile
new, libraries = pathlib.Path(sys.argv[1]), sys.argv[2] == "--libraries"
moves = (("nvidia/cu13/", ""), ("nvidia/cudnn/include/", "include/"), ("nvidia/cudnn/lib/", "lib/"), ("include/cudnn_", "include/cudnn_"))
for wheel in sorted((new / "wheels").glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            for old, to in moves:
                if not name.startswith(old) or name.endswith("/"):
                    continue
                target = new / "root" / (to + name[len(old):])
                if ".so" in target.name and not libraries:
                    break
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
                if "/bin/" in str(target):
                    target.chmod(0o755)
                break
    wheel.unlink()
PY
mv "$new/root" "$folder"
rmdir "$new/wheels" "$new"
printf '%s' "$version" >"$folder/.complete"
