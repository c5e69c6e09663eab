# For the scripts beside it, by `source`: what more than one of them asks.
# shellcheck shell=bash

# ldconfig is not in everybody's path.
PATH=$PATH:/usr/sbin:/sbin

# The library that bindgen loads; libclang-cpp is another one, which it can't use.
has_libclang() {
  [[ -n ${LIBCLANG_PATH:-} || $(ldconfig -p) =~ libclang(-[0-9.]+)?\.so ]]
}
