#pragma once

#include <cstddef>

/// Intrusive rings: membership costs no memory and ends by itself when a member is destroyed, which
/// is what makes dropping a waiting coroutine safe. One thread.
namespace sbot::io {

/// A place in at most one ring; leaves it when destroyed.
class Link {
 public:
    Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() { unlink(); }

    bool linked() const noexcept { return next_ != this; }
    void unlink() noexcept {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = this;
    }

 private:
    template <typename T>
    friend class Ring;

    Link* prev_ = this;
    Link* next_ = this;
};

/// First in, first out, of objects owned elsewhere; `T` derives from Link.
template <typename T>
class Ring {
 public:
    bool empty() const noexcept { return !head_.linked(); }
    T& front() noexcept { return static_cast<T&>(*head_.next_); }
    void push_back(T& item) noexcept {
        Link& link = item;
        link.unlink();
        link.prev_ = head_.prev_;
        link.next_ = &head_;
        head_.prev_->next_ = &link;
        head_.prev_ = &link;
    }

 private:
    Link head_;
};

}  // namespace sbot::io
