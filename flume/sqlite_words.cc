#include "flume/sqlite_words.h"

#include <sqlite3.h>

#include <memory>

#include "flume/sqlite_fence.h"

namespace sbot::flume::sqlite {
namespace {

constexpr std::size_t words_max = 100;
// A text of 8 KB has some 1,500 words.
constexpr std::size_t places_max = 8192;

/// SQLite's own one, and who counts.
struct Counting {
    fts5_tokenizer methods{};
    Fts5Tokenizer* own = nullptr;
    BoundedWords* words = nullptr;
};

using OnToken = int (*)(void*, int, const char*, int, int, int);

/// What SQLite wanted to hear.
struct Listener {
    BoundedWords& words;
    bool query = false;
    void* context = nullptr;
    OnToken told = nullptr;
};

int on_token(void* context, int flags, const char* token, int length, int begin, int end) {
    auto& listener = *static_cast<Listener*>(context);
    const std::string_view word(token, static_cast<std::size_t>(length));
    if (listener.query) {
        if (!listener.words.count_part()) return SQLITE_TOOBIG;
        listener.words.add_word(word);
    } else if (!listener.words.count_place(word)) {
        return SQLITE_TOOBIG;
    }
    return listener.told(listener.context, flags, token, length, begin, end);
}

int tokenize(Fts5Tokenizer* self, void* context, int flags, const char* text, int length,
             OnToken told) {
    auto& counting = *reinterpret_cast<Counting*>(self);
    Listener listener{*counting.words, (flags & FTS5_TOKENIZE_QUERY) != 0, context, told};
    if (counting.words->brake().over()) return SQLITE_INTERRUPT;
    if (listener.query && !counting.words->count_part()) return SQLITE_TOOBIG;
    if (!listener.query) counting.words->begin_text();
    return counting.methods.xTokenize(counting.own, &listener, flags, text, length, &on_token);
}

/// What a table wants to have a tokenizer from.
struct Source {
    fts5_tokenizer methods{};
    void* context = nullptr;
    BoundedWords* words = nullptr;
};

int create(void* context, const char** arguments, int count, Fts5Tokenizer** made) {
    const auto& source = *static_cast<Source*>(context);
    auto counting = std::make_unique<Counting>();
    counting->methods = source.methods;
    counting->words = source.words;
    const int result = source.methods.xCreate(source.context, arguments, count, &counting->own);
    if (result == SQLITE_OK) *made = reinterpret_cast<Fts5Tokenizer*>(counting.release());
    return result;
}

void remove(Fts5Tokenizer* self) {
    std::unique_ptr<Counting> counting(reinterpret_cast<Counting*>(self));
    counting->methods.xDelete(counting->own);
}

fts5_api* find_api(sqlite3* connection) {
    fts5_api* api = nullptr;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(connection, "SELECT fts5(?)", -1, &statement, nullptr) != SQLITE_OK) {
        return nullptr;
    }
    sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
    return api;
}

}  // namespace

BoundedWords::BoundedWords(sqlite3* connection, const Brake& brake) : brake_(brake) {
    fts5_api* api = find_api(connection);
    if (api == nullptr) return;  // no full text at all
    auto source = std::make_unique<Source>();
    // That of the core database, under its own name.
    if (api->xFindTokenizer(api, "unicode61", &source->context, &source->methods) != SQLITE_OK) {
        return;
    }
    source->words = this;
    fts5_tokenizer counting{&create, &remove, &tokenize};
    auto end = [](void* given) { delete static_cast<Source*>(given); };
    Source* given = source.release();
    if (api->xCreateTokenizer(api, "unicode61", given, &counting, end) != SQLITE_OK) delete given;
}

bool BoundedWords::count_part() {
    // Each word counts twice, as a part too: a phrase may have many, and an empty one is one.
    if (++count_ <= 2 * words_max) return true;
    too_many_ = true;
    return false;
}

void BoundedWords::add_word(std::string_view word) {
    if (words_.size() < words_max) {
        words_.emplace_back(word);
    } else {
        words_[next_++ % words_max] = word;
    }
}

bool BoundedWords::count_place(std::string_view word) {
    for (const std::string& each : words_) {
        if (word.starts_with(each)) ++places_;
    }
    if (places_ <= places_max) return true;
    too_many_ = true;
    return false;
}

}  // namespace sbot::flume::sqlite
