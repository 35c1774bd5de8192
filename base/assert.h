#pragma once

/// What must be true or the program is wrong. Never for input, file contents or a peer's behaviour.
///
/// `SBOT_ASSERT` stays on in release builds; `SBOT_ASSUME` is for checks too dear for them.
namespace sbot::base {
[[noreturn]] void assertion_failed(const char* what, const char* file, int line) noexcept;
}

#define SBOT_ASSERT(condition) \
    ((condition) ? (void)0 : ::sbot::base::assertion_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define SBOT_ASSUME(condition) ((void)0)
#else
#define SBOT_ASSUME(condition) SBOT_ASSERT(condition)
#endif
