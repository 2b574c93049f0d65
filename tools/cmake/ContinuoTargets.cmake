# The functions that define every target of the project.
#
#   continuo_library(NAME smbwire SRCS a.cc ... DEPS continuo::bytes ... [GRPC])
#       a static library, alias continuo::smbwire. Without SRCS: header-only. GRPC says that its
#       sources include gRPC or protobuf, and selects the larger precompiled header.
#   continuo_daemon(NAME smb-frontend SRCS main.cc DEPS ...)
#       an executable in build/bin that is installed to sbin.
#   continuo_tool(NAME continuoctl SRCS ... DEPS ... [GRPC])
#       an executable in build/bin that is installed to bin.
#   continuo_test(NAME smbwire SRCS ... DEPS ... [GRPC])
#       a Catch2 program tests/unit/test_smbwire, registered with CTest under its own name.
#   continuo_fuzz(NAME smbwire_create SRCS ... DEPS ... CORPUS dir)
#       a libFuzzer program, only with CONTINUO_BUILD_FUZZERS.
#   continuo_proto(NAME auth_v1 PROTOS continuo/auth/v1/auth_service.proto ... DEPS ...)
#       generated messages and services as continuo::proto_auth_v1.

# Designated initialisers leave members at their defaults on purpose: no missing-field warnings.
set(CONTINUO_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Wold-style-cast -Wnon-virtual-dtor -Wno-missing-field-initializers)

function(continuo_common_options target)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_options(${target} PRIVATE ${CONTINUO_WARNINGS} ${CONTINUO_SANITIZE_WARNINGS})
  if(CONTINUO_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fcoroutines)
  endif()
endfunction()

# GCC 12 warns falsely, with optimisation, about inlined std::string and std::optional (GCC bugs
# 105329, 105562, 105651 and their like). Single files are excused, so that the warnings stay on for
# the rest: continuo_gcc12_quirks(parser.cc ...).
function(continuo_gcc12_quirks)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS
        -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
        -Wno-maybe-uninitialized)
  endif()
endfunction()

# Two precompiled headers, built once and reused by everything: one light, one with gRPC.
function(continuo_make_pch name header)
  file(WRITE "${CMAKE_BINARY_DIR}/pch/${name}.cc" "")
  add_library(${name} OBJECT "${CMAKE_BINARY_DIR}/pch/${name}.cc")
  continuo_common_options(${name})
  target_precompile_headers(${name} PRIVATE "${header}")
endfunction()

# Fuzz and clang builds have their own compiler for single targets; they go without.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  continuo_make_pch(continuo_pch "${CMAKE_SOURCE_DIR}/tools/cmake/pch.h")
  target_link_libraries(continuo_pch PRIVATE absl::status absl::strings absl::time)
  if(NOT CONTINUO_PARSERS_ONLY)
    continuo_make_pch(continuo_pch_grpc "${CMAKE_SOURCE_DIR}/tools/cmake/pch_grpc.h")
    target_link_libraries(continuo_pch_grpc PRIVATE gRPC::grpc++ absl::status absl::strings absl::time)
  endif()
endif()

function(continuo_use_pch target is_grpc)
  if(NOT TARGET continuo_pch)
    return()
  endif()
  if(is_grpc)
    target_precompile_headers(${target} REUSE_FROM continuo_pch_grpc)
  else()
    target_precompile_headers(${target} REUSE_FROM continuo_pch)
  endif()
endfunction()

function(continuo_library)
  cmake_parse_arguments(ARG "GRPC" "NAME" "SRCS;DEPS" ${ARGN})
  set(target continuo_${ARG_NAME})
  if(ARG_SRCS)
    add_library(${target} STATIC ${ARG_SRCS})
    continuo_common_options(${target})
    continuo_use_pch(${target} "${ARG_GRPC}")
    target_link_libraries(${target} PUBLIC ${ARG_DEPS})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${ARG_DEPS})
  endif()
  add_library(continuo::${ARG_NAME} ALIAS ${target})
endfunction()

function(continuo_daemon)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  continuo_common_options(${ARG_NAME})
  continuo_use_pch(${ARG_NAME} TRUE)
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} gRPC::grpc++)
  install(TARGETS ${ARG_NAME} RUNTIME DESTINATION sbin)
endfunction()

function(continuo_tool)
  cmake_parse_arguments(ARG "GRPC;NO_INSTALL" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  continuo_common_options(${ARG_NAME})
  continuo_use_pch(${ARG_NAME} "${ARG_GRPC}")
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS})
  if(NOT ARG_NO_INSTALL)
    install(TARGETS ${ARG_NAME} RUNTIME DESTINATION bin)
  endif()
endfunction()

function(continuo_test)
  cmake_parse_arguments(ARG "GRPC" "NAME" "SRCS;DEPS" ${ARGN})
  set(target test_${ARG_NAME})
  add_executable(${target} ${ARG_SRCS})
  continuo_common_options(${target})
  continuo_use_pch(${target} "${ARG_GRPC}")
  target_link_libraries(${target} PRIVATE ${ARG_DEPS} continuo::test_main)
  add_test(NAME ${ARG_NAME} COMMAND ${target} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
endfunction()

function(continuo_fuzz)
  if(NOT CONTINUO_BUILD_FUZZERS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "NAME;CORPUS" "SRCS;DEPS" ${ARGN})
  set(target fuzz_${ARG_NAME})
  add_executable(${target} ${ARG_SRCS})
  continuo_common_options(${target})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS})
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY CONTINUO_FUZZ_TARGETS "${ARG_NAME}:${ARG_CORPUS}")
endfunction()

function(continuo_proto)
  cmake_parse_arguments(ARG "" "NAME" "PROTOS;DEPS" ${ARGN})
  set(out "${CMAKE_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${out}")
  set(sources "")
  foreach(proto ${ARG_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
    set(outputs "${out}/${stem}.pb.cc" "${out}/${stem}.pb.h"
        "${out}/${stem}.grpc.pb.cc" "${out}/${stem}.grpc.pb.h")
    add_custom_command(
        OUTPUT ${outputs}
        COMMAND protobuf::protoc --proto_path=${CMAKE_SOURCE_DIR}/proto --cpp_out=${out}
                --grpc_out=${out} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>
                ${CMAKE_SOURCE_DIR}/proto/${proto}
        DEPENDS "${CMAKE_SOURCE_DIR}/proto/${proto}"
        VERBATIM)
    list(APPEND sources "${out}/${stem}.pb.cc" "${out}/${stem}.grpc.pb.cc")
  endforeach()
  set(target continuo_proto_${ARG_NAME})
  add_library(${target} STATIC ${sources})
  # Two files a unit: the messages and the service of one schema. Two schemas' messages clash.
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 2)
  target_include_directories(${target} SYSTEM PUBLIC "${out}")
  target_link_libraries(${target} PUBLIC gRPC::grpc++ protobuf::libprotobuf ${ARG_DEPS})
  add_library(continuo::proto_${ARG_NAME} ALIAS ${target})
endfunction()
