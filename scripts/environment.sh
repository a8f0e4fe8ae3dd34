#!/usr/bin/env bash
# Make the virtual environment DIRECTORY with this checkout and its EXTRAS, at pinned versions.
#
#   scripts/environment.sh DIRECTORY EXTRAS     for example: .venv dev
#   scripts/environment.sh --python             only say which Python would be used
#
# Needs Python 3.11-3.13. Debian and Ubuntu split `venv` off into a package of its own: as root
# it is installed, otherwise the command to run is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'Error: %s\nTo do: %s\n' "$1" "$2" >&2
  exit 5
}

# Names on the path may be shims that do not run, so each candidate is asked for its version.
find_python() {
  local name
  for name in ${PYTHON:-} python3 python3.12 python3.11 python3.13; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  fail "no Python 3.11, 3.12 or 3.13 found (python3 is $(python3 --version 2>&1 || true))." \
    "install one, or name it: make PYTHON=/path/to/python3.12 ..."
}

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

require_venv() {
  local python=$1 package
  has_venv "$python" && return
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $package." >&2
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive \
      apt-get -q install -y --no-install-recommends "$package"; } >&2 ||
      fail "apt-get could not install $package." "install it by hand"
    has_venv "$python" && return
  fi
  fail "$python cannot make virtual environments (no venv or ensurepip module)." \
    "sudo apt-get install $package"
}

install() {
  local directory=$1 extras=$2 python=$3
  local pip=("$directory/bin/python" -m pip --disable-pip-version-check --no-input)
  echo "Setting up $directory with $("$python" --version); the first time takes some minutes."
  "${pip[@]}" --version >/dev/null 2>&1 || "$python" -m venv --clear "$directory"
  # The build tool comes first, pinned like the rest; build isolation would fetch the newest.
  PIP_ROOT_USER_ACTION=ignore "${pip[@]}" install -qq -c constraints.txt setuptools
  PIP_ROOT_USER_ACTION=ignore "${pip[@]}" install -qq -c constraints.txt \
    --no-build-isolation --editable ".[$extras]"
}

python=$(find_python)
require_venv "$python"
case ${1:-} in
  --python) echo "$python" ;;
  '') fail "no directory given." "scripts/environment.sh DIRECTORY EXTRAS" ;;
  *)
    rm -f "$1/.installed"
    install "$1" "$2" "$python"
    touch "$1/.installed"
    ;;
esac
