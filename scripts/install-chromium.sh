#!/usr/bin/env bash
# Installs Debian's Chromium unless there is one; needs root for that.
set -euo pipefail
for path in "${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
  if [ -n "$path" ] && [ -x "$path" ]; then
    echo "$path"
    exit 0
  fi
done
# Machines that just started often update themselves: wait for that.
lock=(-o DPkg::Lock::Timeout=600)
apt-get "${lock[@]}" update -q
apt-get "${lock[@]}" install -q -y --no-install-recommends chromium
