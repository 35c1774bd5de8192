# How every folder is built: one static library each, one home for warnings and sanitizers.

option(SBOT_WERROR "Treat warnings as errors (packagers may turn this off)" ON)
set(SBOT_SANITIZE "" CACHE STRING "Sanitizers, comma separated: address,undefined or thread")

add_library(sbot_options INTERFACE)
target_compile_features(sbot_options INTERFACE cxx_std_20)
target_include_directories(sbot_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(sbot_options INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual)
if(SBOT_WERROR)
    target_compile_options(sbot_options INTERFACE -Werror)
endif()
if(SBOT_SANITIZE)
    target_compile_options(sbot_options INTERFACE
        -fsanitize=${SBOT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(sbot_options INTERFACE -fsanitize=${SBOT_SANITIZE})
    # clang 14 cannot compile coroutines with it.
    if(CMAKE_CXX_COMPILER_ID STREQUAL Clang AND SBOT_SANITIZE MATCHES undefined)
        target_compile_options(sbot_options INTERFACE -fno-sanitize=function)
    endif()
endif()
if(SBOT_HARDEN)
    target_compile_options(sbot_options INTERFACE
        -fstack-protector-strong -D_FORTIFY_SOURCE=2)
    target_link_options(sbot_options INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
add_library(sbot::options ALIAS sbot_options)

# sbot_module(muxrpc SOURCES codec.cc … DEPENDS sbot::base …) makes sbot_muxrpc, alias sbot::muxrpc.
function(sbot_module name)
    cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
    add_library(sbot_${name} STATIC ${arg_SOURCES})
    add_library(sbot::${name} ALIAS sbot_${name})
    # Fuzzing builds what its targets need, all of it pure: clang 14 cannot compile our coroutines.
    set_target_properties(sbot_${name} PROPERTIES EXCLUDE_FROM_ALL ${SBOT_FUZZ})
    target_link_libraries(sbot_${name}
        PUBLIC sbot::options ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
endfunction()

# sbot_program(name SOURCES … DEPENDS …) makes bin/name.
function(sbot_program name)
    cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE sbot::options ${arg_DEPENDS})
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin EXCLUDE_FROM_ALL ${SBOT_FUZZ})
endfunction()

# sbot_test(base_test SOURCES … DEPENDS …): a GoogleTest binary whose tests CTest counts one by one.
# Tests find the repository's files below SBOT_SOURCE_DIR.
function(sbot_test name)
    cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
    if(NOT SBOT_TESTS)
        return()
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE sbot::options ${arg_DEPENDS} GTest::gtest_main)
    target_compile_definitions(${name} PRIVATE SBOT_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120)
endfunction()

# sbot_fuzz(target SOURCES x.cc DEPENDS …): a libFuzzer target with the fuzz preset (clang); with
# any other compiler a program that replays tests/fuzz/corpus/<target>/ as an ordinary test.
function(sbot_fuzz name)
    cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
    if(NOT SBOT_TESTS AND NOT SBOT_FUZZ)
        return()
    endif()
    if(SBOT_FUZZ)
        add_executable(fuzz_${name} ${arg_SOURCES})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(fuzz_${name} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
        add_test(NAME fuzz_corpus.${name}
            COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    endif()
    target_link_libraries(fuzz_${name} PRIVATE sbot::options ${arg_DEPENDS})
    set_target_properties(fuzz_${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()
