#include "sbot/client.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/files.h"
#include "base/json.h"
#include "base/logger.h"
#include "io/pool.h"
#include "message/sha256.h"
#include "muxrpc/session.h"
#include "sbot/client_connect.h"
#include "sbot/data_folder.h"
#include "sbot/inspect.h"
#include "sbot/json_items.h"
#include "sbot/output.h"
#include "sbot/peers_view.h"
#include "sbot/usage.h"

namespace sbot::app {
namespace {

using base::Tree;

constexpr int failed = 1;
constexpr std::size_t chunk_bytes = 64 << 10;
// With its key and times, printed over many lines: several times the 8 KB that a message may have.
constexpr std::size_t message_bytes_max = 1 << 20;

void print_line(std::string_view text) { put(std::string(text) + '\n'); }

int complain(std::string_view text) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
    return failed;
}

bool is_pipe(int file) { return isatty(file) == 0; }

/// Anything that is no buffer, as JSON with two blanks.
std::string pretty(const muxrpc::Body& body) {
    std::string out;
    if (body.encoding == muxrpc::Encoding::utf8) {
        json::append_string(out, body.text());
        return out;
    }
    auto document = json::Document::parse(body.text());
    if (!document) return std::string(body.text());
    json::append_pretty(out, document->root());
    return out;
}

/// What somebody called wrongly is told in the server's words, all else as Node prints an object.
int print_error(const muxrpc::RemoteError& why) {
    if (why.name == "UsageError" || why.name == "BadParamError" || why.name == "BadArgError") {
        return complain(why.message);
    }
    Tree object = Tree::object();
    object.set("message", why.message);
    object.set("name", why.name);
    if (!why.stack.empty()) object.set("stack", why.stack);
    return complain(inspect(object));
}

/// One command as the command line gives it.
struct Command {
    Path path;  ///< empty: none
    std::string
        arguments;  ///< the list of arguments as JSON: words, then all options as one object
    bool from_stdin = false;  ///< the arguments are one, and it comes over standard input
    Tree options;
    Tree::List words;

    bool has(std::string_view option) const { return options[option].truthy(); }
};

std::string text_of(const Tree& word) { return word.is_text() ? word.text() : word.to_json(); }

/// The reference's short names.
std::string method_of(const std::string& word) {
    if (word == "feed") return "createFeedStream";
    if (word == "history" || word == "hist") return "createHistoryStream";
    if (word == "log") return "createLogStream";
    if (word == "logt") return "messagesByType";
    return word;
}

Command command_of(const Arguments& line) {
    Command command;
    command.options = line.options;
    command.words = line.words;
    if (!line.words.empty()) command.path = base::split_path(method_of(text_of(line.words[0])));
    json::Writer out;
    out.begin_array();
    for (std::size_t i = 1; i < line.words.size(); ++i) out.raw(line.words[i].to_json());
    if (!line.options.members().empty()) out.raw(line.options.to_json());
    out.end_array();
    command.arguments = std::move(out).text();
    command.from_stdin =
        line.words.size() > 1 && line.words[1].text() == "." && is_pipe(STDIN_FILENO);
    return command;
}

Result<std::string> arguments_from_stdin() {
    std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    auto given = json::Document::parse(text);
    if (!given) return std::move(given).error().in("SyntaxError: standard input is no JSON");
    return "[" + json::compact(given->root()) + "]";
}

io::Task<int> print_stream(muxrpc::Session& session, const Command& command) {
    auto stream = session.source(dotted(command.path), command.arguments);
    while (true) {
        auto item = co_await stream->next();
        if (!item) co_return print_error(item.error());
        if (!item->has_value()) co_return 0;
        if ((*item)->encoding == muxrpc::Encoding::binary) {
            put(base::text_of((*item)->data));
        } else {
            print_line(pretty(**item) + "\n");
        }
        if (output_failed()) co_return failed;  // nobody reads any more
    }
}

/// A file that is read, and how it is called in errors.
struct Input {
    int file = STDIN_FILENO;
    std::string name = "standard input";
};

Result<Bytes> read_some(Input input) {
    Bytes chunk(chunk_bytes);
    ssize_t got = 0;
    do {
        got = read(input.file, chunk.data(), chunk.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return base::errno_error(input.name, errno);
    chunk.resize(static_cast<std::size_t>(got));
    return chunk;
}

/// Sends what a file holds to a sink, until its end; prints the id of that as a blob, if asked to.
io::Task<int> send_file(io::Loop& loop, muxrpc::Session& session, const Command& command,
                        Input input, bool as_blob) {
    io::Pool pool(loop);
    message::Sha256 hash;
    auto sink = session.sink(dotted(command.path), command.arguments);
    while (true) {
        auto reading = pool.run(&read_some, input);
        auto chunk = co_await reading;
        if (!chunk) {
            sink->fail({chunk.error().what});
            co_return complain("Error: " + chunk.error().what);
        }
        if (chunk->empty()) break;
        hash.add(*chunk);
        auto item = muxrpc::Body::binary(std::move(*chunk));
        auto sending = sink->send(std::move(item));
        auto sent = co_await sending;
        if (!sent) break;
    }
    sink->end();
    auto ended = co_await sink->next();
    if (!ended) co_return print_error(ended.error());
    if (as_blob) print_line(BlobId{hash.finish()}.text());
    co_return 0;
}

/// A message, also where it comes with its key and times, as sources print it.
Result<muxrpc::Body> message_of(const std::string& item) {
    auto document = json::Document::parse(item);
    if (!document) return std::move(document).error().in("standard input");
    json::Value value = document->root()["value"];
    return muxrpc::Body::json(json::compact(value.is_object() ? value : document->root()));
}

/// Sends the messages that come over standard input to createWriteStream.
io::Task<int> send_messages(io::Loop& loop, muxrpc::Session& session, const Command& command) {
    io::Pool pool(loop);
    JsonItems items(message_bytes_max);
    auto sink = session.sink(dotted(command.path), command.arguments);
    Result<void> good;
    for (bool over = false; !over && good;) {
        auto reading = pool.run(&read_some, Input());
        auto chunk = co_await reading;
        std::vector<std::string> found;
        over = !chunk || chunk->empty();
        if (chunk) good = over ? items.finish() : items.add(base::text_of(*chunk), found);
        if (chunk && !good) good = std::move(good).error().in("standard input");
        if (!chunk) good = std::move(chunk).error();
        for (const std::string& item : found) {
            auto message = message_of(item);
            if (!message) good = message.error();
            if (!message || over) break;
            auto sending = sink->send(std::move(*message));
            auto sent = co_await sending;
            over = !sent;  // why is told at the end
        }
    }
    // What came before a mistake is stored.
    sink->end();
    auto ended = co_await sink->next();
    if (!ended) co_return print_error(ended.error());
    if (good) co_return 0;
    co_return complain("Error: " + good.error().what);
}

io::Task<int> add_blob(io::Loop& loop, muxrpc::Session& session, Command command) {
    Input input;
    if (command.words.size() > 1) {
        input.name = text_of(command.words[1]);
        input.file = open(input.name.c_str(), O_RDONLY | O_CLOEXEC);
        if (input.file < 0)
            co_return complain("Error: " + base::errno_error(input.name, errno).what);
    } else if (!is_pipe(input.file)) {
        co_return complain(
            "USAGE:\n  blobs.add <filename> # add a file\n  source | blobs.add   # read from "
            "stdin");
    }
    command.arguments = "[]";
    auto sending = send_file(loop, session, command, input, true);
    int status = co_await sending;
    if (input.file != STDIN_FILENO) close(input.file);
    co_return status;
}

/// Prints what the server says about a path. `status` is what an unknown or bare one comes to.
io::Task<int> print_usage(muxrpc::Session& session, json::Value manifest, const Command& command,
                          bool deep, int status) {
    Path before = command.path;
    auto help_path = [&before] {
        Path path = before;
        path.emplace_back("help");
        return path;
    };
    while (!before.empty() && !at_path(manifest, help_path()).truthy()) before.pop_back();
    if (!at_path(manifest, help_path()).truthy()) {
        co_return complain(
            "Error: help command completely missing on server, please upgrade server");
    }
    auto asking = session.async(dotted(help_path()), "[]");
    auto answer = co_await asking;
    if (!answer) co_return print_error(answer.error());
    auto help = json::Document::parse(answer->text());
    if (!help) co_return complain("Error: the server's help is no JSON");

    Path inside(command.path.begin() + static_cast<std::ptrdiff_t>(before.size()),
                command.path.end());
    json::Value found = find_help(help->root(), inside);
    bool known = inside.empty() || is_command(found) || found["commands"].is_object();
    if (deep && command.has("json")) {
        print_line(pretty(*answer));
    } else if (known) {
        print_line(deep ? deep_usage(help->root(), inside, before)
                        : quick_usage(help->root(), inside));
    } else {
        Tree object = Tree::object();
        object.set("cmd", Tree::List(before.begin(), before.end()));
        object.set("help", Tree::List(inside.begin(), inside.end()));
        print_line(inspect(object));
        print_line("missing command: " + dotted(command.path));
        print_line(quick_usage(help->root(), {}));
    }
    if (known && is_command(found)) co_return status;
    for (json::Member group : at_path(manifest, before).members()) {
        if (!group.value.is_object()) continue;
        Path path = before;
        path.emplace_back(group.name);
        if (!group.value["help"].truthy()) {
            if (deep && command.has("undocumented"))
                print_line(dotted(path) + " # (undocumented!) ");
            continue;
        }
        auto asking_group = session.async(dotted(path) + ".help", "[]");
        auto told = co_await asking_group;
        if (!told) co_return print_error(told.error());
        auto text = json::Document::parse(told->text());
        std::string description;
        if (text) description = text->root()["description"].string();
        print_line(dotted(path) + " # " + description);
    }
    co_return status;
}

io::Task<int> call(io::Loop& loop, muxrpc::Session& session, Command command) {
    if (dotted(command.path) == "peers" && !command.has("help")) {
        auto showing = show_peers(loop, session, isatty(STDOUT_FILENO) != 0);
        co_return co_await showing;
    }
    auto asking = session.async("manifest", "[]");
    auto answer = co_await asking;
    if (!answer) co_return print_error(answer.error());
    auto manifest = json::Document::parse(answer->text());
    if (!manifest) co_return complain("Error: the server's manifest is no JSON");
    json::Value kind = at_path(manifest->root(), command.path);
    bool help = command.has("help");
    if (help || !kind.truthy() || kind.is_object()) {
        int status = help || kind.is_object() ? 0 : failed;
        auto printing = print_usage(session, manifest->root(), command, help, status);
        co_return co_await printing;
    }
    if (dotted(command.path) == "blobs.add") {
        auto adding = add_blob(loop, session, std::move(command));
        co_return co_await adding;
    }
    if (command.from_stdin) {
        auto given = arguments_from_stdin();
        if (!given) co_return complain(given.error().what);
        command.arguments = std::move(*given);
    }
    if (kind.string() == "source") {
        auto printing = print_stream(session, command);
        co_return co_await printing;
    }
    if (kind.string() == "sink" && dotted(command.path) == "createWriteStream") {
        auto sending = send_messages(loop, session, command);
        co_return co_await sending;
    }
    if (kind.string() == "sink") {
        auto sending = send_file(loop, session, command, Input(), false);
        co_return co_await sending;
    }
    if (kind.string() == "async" || kind.string() == "sync") {
        auto calling = session.async(dotted(command.path), command.arguments);
        auto reply = co_await calling;
        if (!reply) co_return print_error(reply.error());
        print_line(pretty(*reply));
        co_return 0;
    }
    co_return complain("Invalid Manifest: " + std::string(kind.string()) +
                       " is not a valid method-type");
}

/// The pair as its file has it, without the comments.
Tree keys_tree(const message::KeyPair& keys) {
    std::string text;
    std::string file = message::secret_file_text(keys);
    for (std::string_view rest = file; !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        if (!line.starts_with('#')) text += line;
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    auto document = json::Document::parse(text);
    return document ? Tree::from(document->root()).value_or(Tree()) : Tree();
}

int cannot_connect(const Settings& settings, const Command& command, const Error& why) {
    if (command.path.empty()) {
        print_short_help();
        return 0;
    }
    bool elsewhere = settings.server_named || settings.key;  // then our manifest says nothing
    if (!elsewhere && access((settings.folder + "/manifest.json").c_str(), F_OK) != 0) {
        return complain("Error: no manifest file- should be generated first time server is run");
    }
    complain("Error: Could not connect to ssb-server " + settings.host + ":" +
             std::to_string(settings.port));
    complain("Use the \"start\" command to start it.");
    if (settings.all["verbose"].truthy()) return complain(why.what);
    return complain("Use --verbose option to see full error");
}

io::Task<int> run(io::Loop& loop, const Settings& settings, const CommandLine& line) {
    Command command = command_of(line.command);
    auto dialling = dial_server(loop, settings);
    auto stream = co_await dialling;
    if (!stream) co_return cannot_connect(settings, command, stream.error());
    muxrpc::Router nothing;
    muxrpc::SessionOptions options;
    options.frame_bytes_max = limits::frame_bytes_max_self;
    muxrpc::Caller server{muxrpc::Rights::peer, settings.folder};
    muxrpc::Session session(loop, std::move(*stream), nothing, server, options);
    auto running = session.run();
    auto calling = call(loop, session, std::move(command));
    int status = co_await calling;
    session.close();
    auto ended = co_await running;
    (void)ended;  // how the server says goodbye is of no interest here
    co_return status;
}

}  // namespace

int run_command(io::Loop& loop, const Settings& settings, const CommandLine& line) {
    return loop.run(run(loop, settings, line));
}

int print_config(const Settings& settings) {
    base::Logger log(base::LogLevel::error);
    Tree all = settings.all;
    auto keys = load_secret(settings.folder, log);
    if (!keys && keys.error().code != Errc::not_found) {
        return complain("Error: " + keys.error().what);
    }
    if (keys) all.set("keys", keys_tree(*keys));
    print_line(all.to_pretty_json());
    return 0;
}

void print_short_help() {
    put(
        R"(usage: sbot start [--path DIR] [--port N] [--host HOST] [--caps.shs KEY]
       sbot METHOD [word ...] [--option value ...] [-- --path DIR ...]

  sbot start                             run the server on ~/.ssb
  sbot --help                            all methods of the running server
  sbot whoami                            its id
  sbot publish --type post --text hello  write a message
  sbot createLogStream --limit 10        read messages (--live: and those to come)
  sbot get %KEY.sha256                   one message
  sbot config                            the settings that are in force

Options of a method are its argument; settings that say which server to ask come after `--`.
)");
}

}  // namespace sbot::app
