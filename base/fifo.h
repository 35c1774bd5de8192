#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace sbot::base {

/// A queue that owns no memory while it is empty: there is one in each of thousands of idle
/// streams, where `std::deque` takes half a kilobyte each.
template <typename T>
class Fifo {
 public:
    Fifo() = default;
    /// Takes over what is queued already.
    explicit Fifo(std::vector<T> items) : items_(std::move(items)) {}

    bool empty() const { return head_ == items_.size(); }
    std::size_t size() const { return items_.size() - head_; }

    void push(T item) { items_.push_back(std::move(item)); }

    /// The oldest one; there must be one.
    T pop() {
        T item = std::move(items_[head_++]);
        if (empty()) {
            clear();
        } else if (head_ >= taken_max && head_ * 2 >= items_.size()) {
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
            head_ = 0;
        }
        return item;
    }

    void clear() {
        items_ = {};
        head_ = 0;
    }

 private:
    /// Places that were taken are given back when there are so many, and as many as are left.
    static constexpr std::size_t taken_max = 32;

    std::vector<T> items_;
    std::size_t head_ = 0;
};

}  // namespace sbot::base
