#!/usr/bin/env bash
# Installs the Debian packages that the tests drive, when they are missing; says what to do when it can't.
set -euo pipefail

packages=(
  chromium fonts-liberation libnss3-tools        # the browser tests, driven by Playwright; certutil gives a browser an authority to trust
  e2fsprogs fuse3 libfuse2 xfsprogs              # disks that fill up, fail and lose their power: images in files, a fault file system
  ffmpeg                                         # ffprobe reads every published segment; ffmpeg is the benchmark's comparison
  gcc libc6-dev                                  # load source and floor of the benchmarks
  strace                                         # counts the system calls of what the benchmark compares
  swtpm tpm2-tools libtss2-tcti-swtpm0           # a TPM in software, to which systemd-creds seals the key of footage
  age                                            # the free program that opens encrypted packages
  libgl1 libsm6 libxext6                         # what opencv-python is linked with
  postgresql                                     # the central schema runs on SQLite and on PostgreSQL in every test run
  python3-gi gir1.2-gst-rtsp-server-1.0          # a camera server that is not ours
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-rtsp gstreamer1.0-libav
)

if ! command -v dpkg-query >/dev/null; then
  echo "Not a Debian system: the tests that need ${packages[*]} are skipped where those programs are missing, and say so."
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "The tests need Debian packages that are missing here, and only root can install them. Run once:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  echo "and then make test again. (make demo needs none of them.)" >&2
  exit 1
fi

echo "Installing Debian packages for the tests: ${missing[*]} …"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "apt-get could not install them (its last lines are above). Mend that and run make test again." >&2
  exit 1
fi
