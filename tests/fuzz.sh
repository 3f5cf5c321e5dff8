#!/bin/bash
# Run each fuzzer again and again, with another seed each time: fuzz.sh MINUTES PYTEST…
set -euo pipefail

minutes=$1
shift
for fuzzer in tests/property/fuzz/test_fuzz_*.py; do
    end=$((SECONDS + minutes * 60)) runs=0
    while [ "$SECONDS" -lt "$end" ]; do
        seed=$RANDOM
        if ! said=$("$@" -q --hypothesis-seed="$seed" "$fuzzer"); then
            echo "$said"
            echo "$fuzzer fails with the seed $seed"
            exit 1
        fi
        runs=$((runs + 1))
    done
    echo "$fuzzer: nothing in $minutes minutes, $runs runs"
done
