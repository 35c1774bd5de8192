#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace sbot::flume::sqlite {

class Brake;

/// Full text: SQLite makes a tree of the words of a query and recurses on it, holds the places of
/// all of them at once, and `snippet` compares each place in a text with each other, all within one
/// instruction. So the words are counted where they are told apart.
class BoundedWords {
 public:
    /// On this connection from now on; queries must not outlive this.
    BoundedWords(sqlite3* connection, const Brake& brake);
    BoundedWords(const BoundedWords&) = delete;
    BoundedWords& operator=(const BoundedWords&) = delete;

    /// SQLite has looked around: the query before is read, the next one may have as many words.
    void looked() { count_ = 0; }
    /// Something was refused for its many words.
    bool too_many() const { return too_many_; }

    /// A part of a query, which may have no word, and a word of one. False: too many.
    bool count_part();
    void add_word(std::string_view word);
    /// A word of a text; false: it has too many of the query's.
    bool count_place(std::string_view word);
    void begin_text() { places_ = 0; }
    const Brake& brake() const { return brake_; }

 private:
    const Brake& brake_;
    std::size_t count_ = 0, places_ = 0;
    std::vector<std::string> words_;  // of the last queries, as many as one may have
    std::size_t next_ = 0;
    bool too_many_ = false;
};

}  // namespace sbot::flume::sqlite
