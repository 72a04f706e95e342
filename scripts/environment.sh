# shellcheck shell=bash
# Sourced by serve, test and check: makes .venv hold what pyproject.toml and constraints.txt ask for.

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
python=${PYTHON:-python3}

say() { echo "darkroom: $*" >&2; }
fail() { say "$@"; exit 1; }

# What an installation was made from. The folder is in it because an editable installation points there.
fingerprint() { { echo "$root"; cat "$root/pyproject.toml" "$root/constraints.txt"; } | sha256sum | cut -d' ' -f1; }

# is_installed EXTRA: an installation with the extra `dev` holds everything that one without it does.
is_installed() {
    local stamp
    [[ -x $root/.venv/bin/python ]] || return
    for stamp in "$root/.venv/installed-$1" "$root/.venv/installed-dev"; do
        [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    done
    return 1
}

# A .venv is usable where it runs and was made here: the commands of a copied one would start the original's code.
is_usable() {
    grep -qsF "$root/.venv" "$root/.venv/bin/activate" && "$root/.venv/bin/python" -m pip --version &>/dev/null
}

make_venv() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$python is not Python 3.11 or newer; name one that is: PYTHON=python3.12 $0"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments; install its venv package (Debian: apt install python3-venv)"
    "$python" -m venv --clear "$root/.venv"
}

# install EXTRA: the stamp is written last, so that an installation cut short is taken up again.
install() {
    say "installing into .venv; this takes a few minutes, once"
    is_usable || make_venv
    rm -f "$root"/.venv/installed-*
    "$root/.venv/bin/python" -m pip install --disable-pip-version-check \
        --constraint "$root/constraints.txt" --editable "$root${1:+[$1]}" >&2 ||
        fail "pip could not install what pyproject.toml asks for; its reason is above. Mend it and run $0 again"
    echo "$wanted" >"$root/.venv/installed-$1"
}

# prepare [EXTRA]: returns once .venv is ready. One at a time: the lock is the project folder itself.
prepare() {
    local wanted
    wanted=$(fingerprint)
    is_installed "${1-}" && return
    (
        flock --nonblock 9 || { say "waiting for another installation to end" && flock 9; }
        is_installed "${1-}" || install "${1-}"
    ) 9<"$root"
}
