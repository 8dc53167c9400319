#!/bin/bash
# One stage on the GPU: run_gpu.sh video-ae | video-decoder | video-dit | image-ae | image-dit
#
# CARRY  folder with data/ (of build_data.py), start/ (weights to start from, if any) and, where diffusers is not
#        installed, site.tar.xz: main/ (diffusers) and fallback/ (what it needs, used where it is missing)
# OUT    where results go
# KEEP   folder that outlives the call: the autoencoder, and the transformer's whole training state
# MINUTES of the stage, SPAN of the transformer's schedule ("0 .55"), MORE: further options
set -u
stage=$1 here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$KEEP"
export PYTHONUNBUFFERED=1 PYTHONWARNINGS=ignore TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
export HF_HUB_OFFLINE=1 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True PYTHONPATH=
if [ -e "$CARRY/site.tar.xz" ]; then
  mkdir -p /tmp/site && python3 -c "import sys, tarfile; tarfile.open(sys.argv[1]).extractall('/tmp/site')" "$CARRY/site.tar.xz"
  PYTHONPATH=/tmp/site/main
  python3 -c "import requests, importlib_metadata" 2>/dev/null || PYTHONPATH=$PYTHONPATH:/tmp/site/fallback
fi
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,memory.used --format=csv,noheader
family=${stage%-*} part=${stage#*-}
weights() { if [ -e "$KEEP/$1.000" ]; then echo "$KEEP/$1"; else echo "$CARRY/start/$1"; fi; }
common=(--family "$family" --minutes "$MINUTES" --data "$CARRY/data" --out "$OUT")
ae=$(weights "ae_$family") dit=$(weights "dit_$family")
case $part in
  ae) run=(train_ae.py "${common[@]}"); [ -e "$ae.000" ] && run+=(--resume "$ae") ;;
  decoder) run=(train_ae.py "${common[@]}" --resume "$ae" --decoder-only 1) ;;
  dit)
    unset PYTORCH_CUDA_ALLOC_CONF  # beside CUDA graphs the plain allocator
    run=(train_dit.py "${common[@]}" --ae "$ae" --span ${SPAN:-0 1} --state "$KEEP/state_$family")
    [ -e "$dit.000" ] && [ ! -e "$KEEP/state_$family" ] && run+=(--resume "$dit") ;;
esac
echo "${run[@]}" ${MORE:-} >"$OUT/log_$stage.txt"
python3 "$here/${run[0]}" "${run[@]:1}" ${MORE:-} >>"$OUT/log_$stage.txt" 2>&1
echo "exit $?" >>"$OUT/log_$stage.txt"
cp "$OUT"/ae_* "$OUT"/dit_* "$KEEP"/ 2>/dev/null
grep -v -i warning "$OUT/log_$stage.txt" | cut -c1-400 | tail -n "${LINES_:-45}"
ls -la "$OUT" "$KEEP"
