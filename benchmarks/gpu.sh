#!/usr/bin/env bash
# What a machine with a GPU is asked, in under ten minutes; run it at the root of the repository.
#
#     DATA=my_data PEERS=peers/bin/python benchmarks/gpu.sh     PEERS: an interpreter with CUDA torch
#     TINY=1 benchmarks/gpu.sh                                  the same on a CPU, tiny: does it run?
#
# Pictures of ResNet-50 are drawn, not photographs: they lie on the device, no reading is measured.
# Without DATA the language model reads Python's manual, and ResNet-20 digits.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-runs/gpu}
PEERS=${PEERS:-python}
mkdir -p "$OUT"
tiny() { [ -n "${TINY:-}" ]; }
late() { [ $? = 124 ] && echo "not over in its time"; }  # any other end is a failure
say() { printf '\n== %s  (%s s)\n' "$1" "$SECONDS"; }

say "the tests of engine and operations"
if tiny; then tests=tests/train/test_descend.py; else tests="tests/train tests/ops"; fi
status=0
timeout 150 python -m pytest -n 0 -x $tests > "$OUT/tests.log" 2>&1 || status=$?
tail -n 3 "$OUT/tests.log"
[ $status = 0 ] || echo "tests ended with $status (124: 150 s were over)"

say "ResNet-50, 224x224, bfloat16, against torch.compile with channels last"
if tiny; then
    row=resnet50-tiny peak=bfloat16,256 more="--quick --contestants=ngjax,cuda"
else
    row=resnet50 peak=bfloat16,8192 more="--rounds=3 --seconds=4"
fi
timeout 200 python -m benchmarks.run --workloads=$row --peak=$peak --devices=1 $more \
    --peers_python="$PEERS" --out="$OUT/resnet50.json"

say "the language model: two LSTMs of 200 units"
words="--tokens=words --depth=2 --width=200 --embedding=200 --length=20 --run.batch_size=20"
if [ -n "${DATA:-}" ]; then words="$words --data.name=ptb --data_dir=$DATA"; fi
if tiny; then words="$words --run.steps=3 --data.limit=20000"; else words="$words --run.epochs=2"; fi
timeout 100 python launch.py --experiment=language_model --arms=lstm $words --ngram=0 --sampled=20 \
    --workdir="$OUT/lstm" || late

say "ResNet-20, as many updates as fit"
net="--shallow=20 --width=1 --flip=true --shift=4 --field=32 --run.batch_size=128"
if [ -n "${DATA:-}" ]; then net="$net --data.name=cifar10 --data_dir=$DATA --scale=pixel_mean"; fi
if tiny; then net="$net --run.steps=2 --data.limit=300"; else net="$net --run.epochs=10"; fi
timeout 120 python launch.py --experiment=resnet --arms=residual $net --workdir="$OUT/resnet20" \
    || late

say "two runs with deterministic operations"
short="--experiment=lenet --arms=1998 --run.steps=20"
for n in 1 2; do
    XLA_FLAGS="${XLA_FLAGS:-} --xla_gpu_deterministic_ops=true" \
        timeout 60 python launch.py $short --workdir="$OUT/same$n" --cache_dir= > /dev/null
done
hash() { grep -o '"params_sha256": *"[0-9a-f]*"' "$OUT/same$1/summary.json"; }
if [ "$(hash 1)" = "$(hash 2)" ]; then hash 1; else echo "the runs DIFFER"; exit 1; fi
say "done"
