// Functions that take the place of SQLite's: they give the same, and none takes long.
#include "flume/sqlite_functions.h"

#include <gtest/gtest.h>

#include <random>

#include "base/limits.h"
#include "flume/sqlite_fence.h"

namespace sbot::flume::sqlite {
namespace {

using std::chrono::milliseconds;

/// A database in memory that is fenced in, and one that is not.
struct Both {
    std::shared_ptr<Brake> brake = std::make_shared<Brake>(milliseconds(600000));
    Database own = std::move(Database::open_temporary(1 << 20).value());
    Database plain = std::move(Database::open_temporary(1 << 20).value());
    Fence fence{own, brake, [](std::string_view, std::string_view, std::string_view) {}};

    int answers = 0;  // that were none of an error

    static std::string first_of(Result<Statement> statement) {
        if (!statement) return "error " + statement.error().what;
        auto row = statement->step();
        if (!row) return "error " + row.error().what;
        std::string all;
        for (int i = 0; i < statement->columns(); ++i) {
            all += std::string(statement->text(i)) + ' ';
        }
        return all;
    }
    std::string ask(const std::string& sql) { return first_of(fence.prepare(sql)); }
    std::string ask_plainly(const std::string& sql) { return first_of(plain.prepare(sql)); }
    /// What both say of an expression; none may change what the values are.
    void compare(const std::string& expression, const std::string& values) {
        const std::string sql = "WITH v(a, b, c) AS MATERIALIZED (VALUES(" + values + ")) SELECT " +
                                "hex(" + expression + "), typeof(" + expression +
                                "), typeof(a), typeof(b), typeof(c) FROM v";
        const std::string answer = ask(sql);
        EXPECT_EQ(answer, ask_plainly(sql)) << sql;
        answers += answer.starts_with("error") ? 0 : 1;
    }
};

class Values {
 public:
    std::string next() {
        static const std::string fixed[] = {"NULL",
                                            "0",
                                            "12",
                                            "-1.5",
                                            "1e300",
                                            "''",
                                            "'a'",
                                            "' a '",
                                            "x''",
                                            "'12'",
                                            "x'61'",
                                            "x'c3'",
                                            "x'a9'",
                                            "'é'",
                                            "'😀'",
                                            "'1'",
                                            "zeroblob(3)",
                                            "CAST(x'c3a9a9' AS TEXT)",
                                            "'.'",
                                            "'%'",
                                            "x'6161'",
                                            "'e'",
                                            "CAST(x'a9' AS TEXT)",
                                            "CAST(x'610062' AS TEXT)",
                                            "CAST(x'00' AS TEXT)"};
        const std::size_t which = pick(std::size(fixed) * 2);
        if (which < std::size(fixed)) return fixed[which];
        static const std::string parts[] = {"61", "62", "c3a9", "f09f9880", "a9", "c3", "20"};
        std::string hex;
        for (std::size_t left = pick(9); left > 0; --left) hex += parts[pick(std::size(parts))];
        if (pick(4) == 0) return "x'" + hex + "'";
        return "CAST(x'" + hex + "' AS TEXT)";
    }
    std::size_t pick(std::size_t below) { return random_() % below; }

 private:
    std::mt19937 random_{7};
};

TEST(BoundedFunctions, give_what_those_of_sqlite_give) {
    Both both;
    Values values;
    for (int round = 0; round < 1000; ++round) {
        const std::string some = values.next() + ", " + values.next() + ", " + values.next();
        for (const char* expression :
             {"instr(a, b)", "replace(a, b, c)", "trim(a, b)", "ltrim(a, b)", "rtrim(a, b)",
              "trim(a)", "ltrim(a)", "rtrim(a)"}) {
            both.compare(expression, some);
        }
    }
    EXPECT_EQ(both.answers, 1000 * 8);
}

TEST(BoundedFunctions, leave_to_sqlite_what_costs_little) {
    Both both;
    for (const char* expression :
         {"printf()",
          "printf(NULL)",
          "printf('%d %5.2f|%-7s|%%|%c', 7, 2.5, 'é', 'x')",
          "format('%,d %!.3s %q %Q %w', 1234567, '😀é12', 'it''s', NULL, '\"')",
          "printf('%s %d', x'6162', '12x')",
          "printf('%', 1)",
          "printf('%5')",
          "printf('%z')",
          "printf('%.100c|%200d', 'a', 1)",
          "json_patch('{\"a\":1,\"b\":2}','{\"a\":null}')",
          "json_set('{}', '$.a', json('[1]'), '$.b', '[1]')",
          "json_set('{}')",
          "json_insert('[1]', '$[#]', 2.5)",
          "json_replace('{\"a\":1}', '$.a', NULL)",
          "json_remove('[1,2,3]', '$[0]', '$[0]')",
          "json_remove('[1]', '$')",
          "json_array(json_set('{}', '$.a', 1))",
          "json_set('{', '$.a', 1)",
          "json_set('{}', 'a', 1)",
          "json_set('{}', '$.a', x'00')",
          "json_set('{}', '$.a')",
          "json_patch('{', '{}')",
          "json_set(NULL, '$.a', 1)",
          "json_array(1,2,3,4,5,6,7,8,9,json('[10]'),'[11]')",
          "json_array(json_array(1,2,3,4,5,6,7,8,9,10))",
          "json_object('a',1,'b',2,'c',3,'d',4,'e',json('{}'))",
          "json_extract('[1,[2]]','$[0]','$[1]','$[2]','$[0]','$[0]','$[0]','$[0]','$[0]')",
          "json_extract('[1]','$[0]','x','$[2]','$[0]','$[0]','$[0]','$[0]','$[0]')"}) {
        both.compare(expression, "1, 2, 3");
    }
    EXPECT_GE(both.answers, 20);
}

/// What the largest values can be made to cost, each more than a minute with SQLite's own.
TEST(BoundedFunctions, refuse_what_would_take_long) {
    Both both;
    const std::string many =
        "(SELECT group_concat('\"' || value || '\":1') FROM "
        "(WITH RECURSIVE n(value) AS (SELECT 10000 UNION ALL SELECT value+1 "
        "FROM n WHERE value<60000) SELECT value FROM n))";
    const std::string big =
        "(SELECT '[' || substr(replace(hex(zeroblob(260000)), '0', '1,'), 1, "
        "1040001) || ']')";
    std::string paths;
    for (int i = 0; i < 20; ++i) paths += ",'$[#-1]'";
    const std::string refused[] = {
        "length(printf('%.*c', 1000000000, 'x'))",
        "length(printf('%.1000000000c', 'x'))",
        "length(printf('%1000000000d', 1))",
        "length(printf(replace(hex(zeroblob(80000)), '00', '%9999c')))",
        "length(printf('%.99999999999999999999c', 'x'))",
        "length(format('%-5.2*d', 1, 2))",
        "json_patch('{' || " + many + " || '}', '{' || " + many + " || '}')",
        "json_set('{}', '$' || replace(hex(zeroblob(250000)), '00', '.a'), 1)",
        "json_insert('{}', '$' || replace(hex(zeroblob(250000)), '00', '.a'), 1)",
        "json_extract(" + big + paths + ")",
        "json_remove(" + big + paths + ")",
    };
    for (const std::string& each : refused) {
        const std::string answer = both.ask("SELECT " + each);
        EXPECT_TRUE(answer.starts_with("error")) << each << " → " << answer.substr(0, 80);
        EXPECT_NE(answer.find("()"), answer.npos) << each << " → " << answer;
    }
}

TEST(BoundedFunctions, search_long_values_in_linear_time) {
    Both both;
    EXPECT_EQ(both.ask("SELECT instr(zeroblob(1000000), zeroblob(500000) || x'01')"), "0 ");
    EXPECT_EQ(both.ask("SELECT length(replace(hex(zeroblob(500000)), "
                       "hex(zeroblob(200000)) || '1', ''))"),
              "1000000 ");
    EXPECT_TRUE(both.ask("SELECT replace(hex(zeroblob(1000)), '0', hex(zeroblob(5000)))")
                    .starts_with("error"));
}

TEST(BoundedFunctions, trim_until_the_brake_is_pulled) {
    Both both;
    both.brake->pull();
    const std::string answer = both.ask(
        "SELECT trim(hex(zeroblob(200000)), replace(hex(zeroblob(300000)), '0', '1') || '0')");
    EXPECT_EQ(answer, "error sqlite: interrupted");
}

}  // namespace
}  // namespace sbot::flume::sqlite
