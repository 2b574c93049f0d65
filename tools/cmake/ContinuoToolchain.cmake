# Compiler, linker and cache settings that every target shares, and the outside libraries.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Set here and not through POSITION_INDEPENDENT_CODE, which gives libraries and programs different
# flags: the precompiled headers could then not be shared. -pthread for the same reason: some
# libraries bring it, some do not.
add_compile_options(-fPIE -pthread)
add_link_options(-pie)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

option(CONTINUO_BUILD_TESTS "Build the unit tests" ON)
option(CONTINUO_BUILD_FUZZERS "Build the libFuzzer targets (Clang)" OFF)
option(CONTINUO_PARSERS_ONLY "Build only what needs no gRPC: the pure libraries and their tests" OFF)
set(CONTINUO_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

# ccache makes the second preset of a CI run cheap. Precompiled headers need the sloppiness, and the
# base directory lets checkouts in different places share one cache.
find_program(CONTINUO_CCACHE ccache)
if(CONTINUO_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CONTINUO_CCACHE})
endif()

find_program(CONTINUO_MOLD mold)
if(CONTINUO_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(CONTINUO_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The instrumentation makes GCC 12 lose track of what is initialised (GCC bug 105562).
  set(CONTINUO_SANITIZE_WARNINGS -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow
      -Wno-stringop-overread -Wno-restrict)
endif()
if(CONTINUO_SANITIZE)
  add_compile_options(-fsanitize=${CONTINUO_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${CONTINUO_SANITIZE})
  if(CONTINUO_SANITIZE MATCHES "address")
    add_compile_definitions(_GLIBCXX_ASSERTIONS)
  endif()
  if(CONTINUO_SANITIZE MATCHES "thread")
    include_directories(BEFORE ${CMAKE_SOURCE_DIR}/tools/tsan/include)  # Locks that TSan knows.
    add_compile_options(-fvisibility=hidden)  # As these locks are, so that classes may hold them.
  endif()
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing)
if(NOT CONTINUO_PARSERS_ONLY)
  find_package(Protobuf CONFIG QUIET)
  if(NOT Protobuf_FOUND)
    find_package(Protobuf REQUIRED)
  endif()
  find_package(gRPC CONFIG REQUIRED)
  find_package(prometheus-cpp CONFIG REQUIRED)
  pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
  pkg_check_modules(KRB5_GSSAPI REQUIRED IMPORTED_TARGET krb5-gssapi krb5)
  pkg_check_modules(SSS_NSS_IDMAP REQUIRED IMPORTED_TARGET sss_nss_idmap)
endif()
