#!/usr/bin/env bash
# Trains on every GPU there is, one process each; on the CPU with one process where there is none.
#
#   entrypoint.sh [OPTION...]      the model that ships, with the settings below; options go on to `training learn`
#   entrypoint.sh PROGRAM [...]    any other program: `python -m training prepare /corpora /runs/first` comes before
#
# MODEL_SIZE, BATCH_SIZE, GRADIENT_ACCUMULATION_STEPS, LEARNING_RATE, WARMUP_ITERS, MAX_ITERS: as compose.yaml has them
# RUN: folder of the run, as `training prepare` left it; the working folder if nothing is said
# PROCESSES: how many on this machine, instead of one per GPU
# NODES, RENDEZVOUS (host:port of the first): several machines, each with the same values
set -euo pipefail

if [[ $# -gt 0 && $1 != -* ]]; then
    exec "$@"
fi

gpus() {
    if [[ -v CUDA_VISIBLE_DEVICES ]]; then # set to nothing, it hides them all
        tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep --count . || true
    elif command -v nvidia-smi >/dev/null && list=$(nvidia-smi --list-gpus); then
        grep --count '^GPU ' <<<"$list" || true
    else
        echo 0
    fi
}

# A number or size that would be refused later is refused here: torchrun reports a process that ends, not what it said.
refuse() { # VARIABLE EXPECTED
    echo "$1 is '${!1}'; expected $2, or nothing for the usual" >&2
    exit 2
}
check() { # PATTERN EXPECTED VARIABLE...
    local name
    for name in "${@:3}"; do
        [[ -z ${!name:-} || ${!name} =~ $1 ]] || refuse "$name" "$2"
    done
}
check '^[1-9][0-9]*$' 'a whole number from 1 on' \
    PROCESSES NODES BATCH_SIZE GRADIENT_ACCUMULATION_STEPS MAX_ITERS
check '^[0-9]+$' 'a whole number from 0 on' WARMUP_ITERS
rate='a number above 0 and up to 1, such as 3e-4'
check '^([0-9]+\.?|[0-9]*\.[0-9]+)([eE][-+]?[0-9]+)?$' "$rate" LEARNING_RATE
LC_ALL=C awk -v "rate=${LEARNING_RATE:-1}" 'BEGIN { exit !(rate + 0 > 0 && rate + 0 <= 1) }' ||
    refuse LEARNING_RATE "$rate"
check '^(tiny|mini|small|base|large)$' 'tiny, mini, small, base or large' MODEL_SIZE

found=$(gpus)
processes=${PROCESSES:-$((found > 0 ? found : 1))}

if [[ ${NODES:-1} -gt 1 ]]; then
    : "${RENDEZVOUS:?is missing: host:port of the first of the $NODES machines}"
    place=(--nnodes="$NODES" --rdzv-backend=c10d --rdzv-endpoint="$RENDEZVOUS")
else
    place=(--standalone)
fi

echo "GPUs: $found; processes on this machine: $processes; machines: ${NODES:-1}" >&2
exec torchrun "${place[@]}" --nproc-per-node="$processes" -m training learn "${RUN:-.}" \
    --size "${MODEL_SIZE:-small}" \
    --batch "${BATCH_SIZE:-32}" \
    --accumulation "${GRADIENT_ACCUMULATION_STEPS:-4}" \
    --learning-rate "${LEARNING_RATE:-3e-4}" \
    --warmup "${WARMUP_ITERS:-1000}" \
    --steps "${MAX_ITERS:-30000}" \
    "$@"
