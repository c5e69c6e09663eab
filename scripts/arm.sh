# For the scripts beside it, by `source` from the repository's root: how to build for
# the Zero's core (ARM1176: ARMv6, VFPv2) with the host's own means.
# shellcheck shell=bash disable=SC2034

TARGET=arm-unknown-linux-musleabihf
ZIG_VERSION=0.17.1
VENV=$PWD/target/arm/zig-venv
# Both ways of building compile with these. Linux lets an ARMv6 read words at any
# address, which the compiler does not take for granted (it warns of the option, as it
# does not know its name; LLVM does): a tenth less for AES and SHA-1.
CODE_FLAGS="-C target-cpu=arm1176jzf-s -C target-feature=-strict-align"
# In the board's program a panic says what and where, and ends it: nothing walks the stack,
# whose tables tell a stripped program no names anyway. The tests' panics do.
# SHA-2 comes with each handshake, not with each packet: a loop does instead of its 80 rounds.
BOARD_FLAGS="$CODE_FLAGS -C force-unwind-tables=no --cfg sha2_backend_soft=\"compact\""
# What Debian's compiler finds its standard library's source in.
DEBIAN_STD=/usr/lib/rustlib/src/rust/library

# Finds everything or ends the script. Then "${CARGO[@]}" is cargo with its global
# options, "${STD[@]}" what follows the command's name, STD_WAY says where std is from.
use_host() {
  find_std || die "no standard library for $TARGET: run scripts/build --setup, or rustup target add $TARGET"
  find_zig || die "zig is missing: run scripts/build --setup"
  has_libclang || die "libclang is missing: apt-get install libclang-dev"
  export ZIG ZIG_GLOBAL_CACHE_DIR=$PWD/target/arm/zig-cache
  export CARGO_TARGET_ARM_UNKNOWN_LINUX_MUSLEABIHF_LINKER=$PWD/arm/zig-cc
  export CC_arm_unknown_linux_musleabihf=$PWD/arm/zig-cc AR_arm_unknown_linux_musleabihf=$PWD/arm/zig-ar
  # The C library is zig's, whichever std it is.
  export CARGO_TARGET_ARM_UNKNOWN_LINUX_MUSLEABIHF_RUSTFLAGS="$CODE_FLAGS -C link-self-contained=no"
  compile_memory
  BINDGEN_EXTRA_CLANG_ARGS_arm_unknown_linux_musleabihf=$(header_flags)
  export BINDGEN_EXTRA_CLANG_ARGS_arm_unknown_linux_musleabihf
}

# For the board's program, after use_host.
make_it_small() {
  export CARGO_TARGET_ARM_UNKNOWN_LINUX_MUSLEABIHF_RUSTFLAGS="$BOARD_FLAGS -C link-self-contained=no"
  if [[ ${STD[*]} == *build-std* ]]; then STD+=(-Z build-std-features=optimize_for_size); fi
}

# Prebuilt, from the active toolchain's source, or from Debian's, whichever is there.
find_std() {
  local sysroot
  CARGO=(cargo) STD=(--target "$TARGET")
  if sysroot=$(rustc --print sysroot 2>/dev/null); then
    if compgen -G "$sysroot/lib/rustlib/$TARGET/lib/libstd-*.rlib" >/dev/null; then
      STD_WAY="std prebuilt in $sysroot"
      return
    fi
    if [[ -e $sysroot/lib/rustlib/src/rust/library/std/Cargo.toml ]]; then
      std_from_source "the active toolchain"
      return
    fi
  fi
  [[ -e $DEBIAN_STD/std/Cargo.toml && -x /usr/bin/cargo && -x /usr/bin/rustc ]] || return
  CARGO=(/usr/bin/cargo)
  export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
  std_from_source "Debian's rust-web-src"
}

std_from_source() {
  export RUSTC_BOOTSTRAP=1
  STD+=(-Z "build-std=std,panic_abort")
  STD_WAY="std from source ($1)"
}

# A zig in the PATH is taken only if it is the one that this was tried with.
find_zig() {
  local zig
  for zig in "$VENV"/lib/python3*/site-packages/ziglang/zig "$(command -v zig || true)"; do
    [[ -x $zig && $("$zig" version) == "$ZIG_VERSION" ]] || continue
    ZIG=$zig
    return
  done
  return 1
}

# What zig-cc puts in front of zig's C library; arm/memory.c says why.
compile_memory() {
  local object=$PWD/target/arm/memory.o
  if [[ ! $object -nt arm/memory.c ]]; then
    mkdir -p target/arm
    arm/zig-cc -O2 -ffreestanding -fno-builtin -fno-sanitize=all -Wall -Wextra \
      -c arm/memory.c -o "$object"
  fi
  export MEMORY_OBJECT=$object
}

# bindgen asks libclang for the target's structs, so it must see the target's headers.
header_flags() {
  local lib
  lib=$(dirname "$(realpath "$ZIG")")/lib/libc/include
  [[ -d $lib ]] || die "$ZIG has no headers beside it: run scripts/build --setup"
  echo "--target=arm-linux-gnueabihf -mcpu=arm1176jzf-s -nostdlibinc" \
    "'-isystem$lib/arm-linux-musl' '-isystem$lib/generic-musl'" \
    "'-isystem$lib/arm-linux-any' '-isystem$lib/any-linux-any'"
}

# Installs what use_host looks for; only what is missing.
setup_host() {
  local missing=() root=()
  has_libclang || missing+=(libclang-dev)
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  command -v readelf >/dev/null || missing+=(binutils)
  command -v llvm-objdump >/dev/null || missing+=(llvm)
  if ! find_std && ! add_prebuilt_std; then
    missing+=(rustc-web cargo-web rust-web-src)
  fi
  if ((${#missing[@]})); then
    if ((EUID != 0)); then root=(sudo); fi
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}"
  fi
  find_zig || install_zig
}

# Without a network to rustup's servers it fails soon, and Debian's source is used.
add_prebuilt_std() {
  command -v rustup >/dev/null && timeout 120 rustup target add "$TARGET" 2>/dev/null
}

install_zig() {
  python3 -m venv "$VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    --requirement arm/requirements.txt
  find_zig || die "zig $ZIG_VERSION does not run on this machine"
}
