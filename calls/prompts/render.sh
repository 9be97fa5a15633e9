#!/usr/bin/env bash
# Renders the prompts that are used where espeak-ng is not installed: one headerless 8 kHz μ-law file per line of
# prompts.txt ("name: words"). Needs flite and sox.
set -euo pipefail
cd "$(dirname "$0")"
while IFS=: read -r name words; do
    [ -n "$name" ] || continue
    flite -voice slt -t "${words# }" -o /tmp/prompt.wav
    sox /tmp/prompt.wav -r 8000 -c 1 -t ul "$name.ulaw" gain -n -6 silence 1 0.02 0.3% reverse silence 1 0.02 0.3% reverse pad 0.05 0.15
done < prompts.txt
rm -f /tmp/prompt.wav
