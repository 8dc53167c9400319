#!/usr/bin/env bash
# The tests that need a GPU, on the programs of a build folder: every operation against the oracle (f32, bf16, f16), networks and
# pipelines against the reference's results in f32, networks in bf16 too. `./dev test-gpu` builds and calls it; after tests/gpu/bundle.sh it also
# runs on another machine.
#
#   tests/gpu/run.sh BUILD [LOG FOLDER]
set -uo pipefail
build=${1:?usage: run.sh BUILD [LOG FOLDER]}
logs=${2:-$build/gpu-logs}
mkdir -p "$logs"
failed=()

# run NAME COMMAND...: keeps the whole output in the log folder and shows how it ended.
run() {
  local name=$1 start=$SECONDS status=0
  shift
  "$@" >"$logs/$name.log" 2>&1 || status=$?
  printf '%s: exit %d, %d s; %s\n' "$name" "$status" $((SECONDS - start)) \
    "$(grep -E '^\[  (PASSED|FAILED)  \]' "$logs/$name.log" | head -n 2 | tr '\n' ' ')"
  if ((status != 0)); then failed+=("$name"); fi
}

export SWAN_DEVICE=cuda SWAN_DTYPE=f32
run ops "$build/tests/unit/ops/ops_test" --gtest_brief=1 --gtest_filter='*cuda*:Gpu*'
run models "$build/tests/unit/models/models_test" --gtest_brief=1
run pipelines "$build/tests/pipeline/pipeline_test" --gtest_brief=1 --gtest_filter="${SWAN_GPU_PIPELINES:-*}"
# Small convolutions, which take the direct kernel, through cuDNN too; each builds a plan.
SWAN_CUDA_CONV=cudnn run ops_cudnn "$build/tests/unit/ops/ops_test" --gtest_brief=1 --gtest_filter='*Conv*cuda*:Gpu*onv*'

# Plans that a first process keeps are what a second one uses.
plans_are_kept() {
  local folder root
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  folder=$(mktemp -d)
  for run in first second; do
    SWAN_CUDA_PLANS=$folder/plans "$build/swan" image "a swan" --model "$root/tests/golden/models/sana" --dtype bf16 --width 128 --height 128 \
      --steps 2 --seed 1 --embed-cache off --verbose -o "$folder/$run.png" >"$folder/$run.log" 2>&1 || return
  done
  grep "a plan in" "$folder"/*.log
  grep -q "built a plan" "$folder/first.log" && grep -q "loaded a plan" "$folder/second.log" &&
    ! grep -q "built a plan" "$folder/second.log" && cmp "$folder/first.png" "$folder/second.png" && rm -r "$folder"
}
run plans plans_are_kept
SWAN_DTYPE=bf16 SWAN_PROGRAM=$(realpath "$build/swan") run server python3 -B "$(dirname "${BASH_SOURCE[0]}")/server_e2e.py" -v
if ((${#failed[@]} > 0)); then
  printf 'FAILED: %s (logs in %s)\n' "${failed[*]}" "$logs"
  exit 1
fi
printf 'All GPU tests passed.\n'
