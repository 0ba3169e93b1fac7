#!/bin/bash
# Every decoder of outside bytes of the C programs for SECONDS each, side by side (make -C src/native fuzz SECONDS=60 calls this).
# The last line is "N passed, N failed, 0 skipped", one for each decoder.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
program=build/native-asan/fuzz
seconds=${1:-60}
passed=0
failed=0
declare -A running
for corpus in test/native/fuzz/corpus/*/; do
	name=$(basename "$corpus")
	(cd build/native-asan && exec "../../$program" "$name" "$seconds" "../../$corpus") &
	running[$name]=$!
done
for name in "${!running[@]}"; do
	if wait "${running[$name]}"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
