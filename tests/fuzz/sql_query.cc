// What a local caller sends to `sql.query` and `sql.index`, as JSON: it is answered or refused, the
// rows are JSON, and the database is as it was, whatever the SQL, the parameters and the paths say.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "flume/core_view.h"
#include "flume/sql_query.h"
#include "sbot/sql_options.h"

namespace {

using namespace sbot;

void must(bool holds) {
    if (!holds) std::abort();
}

struct Folder {
    std::string path = (std::filesystem::temp_directory_path() / "sbot-XXXXXX").string();
    Folder() { must(::mkdtemp(path.data()) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
};

/// A core database with some messages in it, made once.
struct Bench {
    Folder folder;
    std::string path = folder.path + "/core.sqlite";
    std::unique_ptr<flume::CoreView> view;

    Bench() {
        flume::CoreView::Options options;
        options.path = path;
        auto opened = flume::CoreView::open(std::move(options));
        must(opened.has_value());
        view = std::move(*opened);
        constexpr std::string_view contents[] = {
            R"({"type":"post","text":"hello #fuzz","mentions":[{"link":"@x"}]})", R"("AAAA.box")",
            R"({"type":"about","about":"@someone","name":"it's","image":{"link":5}})"};
        for (std::uint8_t i = 0; i < 9; ++i) add(i, contents[i % 3]);
    }
    void add(std::uint8_t number, std::string_view content) {
        MessageId key;
        key.bytes.fill(number);
        const std::string text = R"({"key":")" + key.text() + R"(","value":{"author":")" +
                                 FeedId().text() + R"(","sequence":)" + std::to_string(number + 1) +
                                 R"(,"timestamp":1,"content":)" + std::string(content) +
                                 R"(},"timestamp":2})";
        const flume::Entry entry{number * flume::Offset{1000}, base::bytes_of(text)};
        must(view->apply({&entry, 1}, flume::Place::next).has_value());
    }
    std::string schema() const {
        return rows("SELECT name, sql FROM sqlite_schema ORDER BY name, sql", json::Value(), 1000);
    }
    /// The rows, or what is wrong.
    std::string rows(std::string_view sql, json::Value params, int most) const {
        auto brake = std::make_shared<flume::SqlQuery::Brake>(std::chrono::milliseconds(200));
        auto query = flume::SqlQuery::prepare(path, sql, brake);
        if (!query) return query.error().what;
        if (auto bound = (*query)->bind(params); !bound) return bound.error().what;
        std::string all;
        for (int i = 0; i < most; ++i) {
            auto more = (*query)->step();
            if (!more) return more.error().what;
            if (!*more) break;
            for (bool as_list : {true, false}) {
                auto row = (*query)->row(as_list);
                if (!row) return row.error().what;
                must(json::Document::parse(std::string_view(*row)).has_value());
                all += *row;
            }
        }
        return all;
    }
    std::string bytes() const {
        std::string all;
        for (const char* suffix : {"", "-wal"}) {
            std::ifstream file(path + suffix, std::ios::binary);
            all.append(std::istreambuf_iterator<char>(file), {});
        }
        return all;
    }
};

void ask(const Bench& bench, const muxrpc::Request& request) {
    auto options = app::sql_options(request);
    if (!options) return;
    const std::string before = bench.bytes();
    bench.rows(options->sql, options->params, 50);
    must(bench.bytes() == before);
}

void index(const Bench& bench, json::Value given) {
    flume::JsonIndex index{std::string(given["index"].string()), {}};
    for (json::Value each : given["path"].elements()) index.paths.emplace_back(each.string());
    const std::string before = bench.schema();
    if (auto made = bench.view->make_index(index); !made) {
        must(bench.schema() == before);
        return;
    }
    must(bench.schema() != before);
    must(bench.view->drop_index(index.name).has_value());
    must(bench.schema() == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Bench bench;
    auto document = json::Document::parse(base::text_of({data, size}));
    if (!document) return 0;
    muxrpc::Request request;
    request.body = std::make_shared<const json::Document>(std::move(*document));
    request.args = request.body->root();
    if (request.arg(0)["index"].exists()) {
        index(bench, request.arg(0));
    } else {
        ask(bench, request);
    }
    return 0;
}
