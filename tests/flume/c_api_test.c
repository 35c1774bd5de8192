/* The C interface, used from C: a log written by hand is read, followed, indexed and asked. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flume/flume.h"

#define MUST(truth)                                                                       \
    do {                                                                                  \
        if (!(truth)) {                                                                   \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #truth, sbot_flume_error()); \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

static void put_number(FILE *file, unsigned long number) {
    for (int shift = 24; shift >= 0; shift -= 8) fputc((int)(number >> shift & 255), file);
}

/* Appends a record as flumelog-offset does. */
static void append(const char *path, const char *text) {
    FILE *file = fopen(path, "ab");
    MUST(file != NULL);
    fseek(file, 0, SEEK_END);
    unsigned long start = (unsigned long)ftell(file), length = strlen(text);
    put_number(file, length);
    fwrite(text, 1, length, file);
    put_number(file, length);
    put_number(file, start + length + 12);
    MUST(fclose(file) == 0);
}

static int is(const char *data, size_t length, const char *text) {
    return data != NULL && length == strlen(text) && memcmp(data, text, length) == 0;
}

static void read_entries(const char *path) {
    sbot_flume_log *log = NULL;
    const char *data = NULL;
    size_t length = 0;
    MUST(sbot_flume_open(path, &log) == SBOT_FLUME_NOT_FOUND);
    append(path, "{\"key\":1}");
    MUST(sbot_flume_open(path, &log) == SBOT_FLUME_OK);
    MUST(sbot_flume_get(log, 0, &data, &length) == SBOT_FLUME_OK);
    MUST(is(data, length, "{\"key\":1}"));
    MUST(sbot_flume_get(log, 5, &data, &length) == SBOT_FLUME_NOT_FOUND);
    append(path, "{\"key\":2}");
    MUST(sbot_flume_get(log, 21, &data, &length) == SBOT_FLUME_OK);
    MUST(is(data, length, "{\"key\":2}"));
    sbot_flume_close(log);
}

static void follow_entries(const char *path) {
    sbot_flume_follower *follower = NULL;
    const sbot_flume_news *news = NULL;
    size_t count = 0;
    char position[4096];
    uint64_t done = 0, total = 0;
    MUST(sbot_flume_follow(path, "nonsense", &follower) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_follow(path, NULL, &follower) == SBOT_FLUME_OK);
    MUST(sbot_flume_next(follower, 10, 0, &news, &count) == SBOT_FLUME_OK);
    MUST(count == 2 && news[1].kind == SBOT_FLUME_ENTRY && news[1].offset == 21);
    MUST(is(news[0].data, news[0].length, "{\"key\":1}"));
    MUST(sbot_flume_next(follower, 10, 1, &news, &count) == SBOT_FLUME_END);
    MUST(count == 0);
    sbot_flume_progress(follower, &done, &total);
    MUST(done == 42 && total == 42);
    MUST(strlen(sbot_flume_position(follower)) < sizeof position);
    strcpy(position, sbot_flume_position(follower));
    sbot_flume_unfollow(follower);
    append(path, "{\"key\":3}");
    MUST(sbot_flume_follow(path, position, &follower) == SBOT_FLUME_OK);
    MUST(sbot_flume_next(follower, 10, 1000, &news, &count) == SBOT_FLUME_OK);
    MUST(count == 1 && is(news[0].data, news[0].length, "{\"key\":3}"));
    /* The log is cut off and grows again. */
    FILE *file = fopen(path, "wb");
    MUST(file != NULL && fclose(file) == 0);
    append(path, "{\"key\":4}");
    MUST(sbot_flume_next(follower, 10, 0, &news, &count) == SBOT_FLUME_OK);
    MUST(count == 1 && news[0].kind == SBOT_FLUME_REWOUND && news[0].offset == 0);
    MUST(sbot_flume_next(follower, 10, 0, &news, &count) == SBOT_FLUME_OK);
    MUST(count == 1 && is(news[0].data, news[0].length, "{\"key\":4}"));
    sbot_flume_unfollow(follower);
}

static void index_entries(const char *log, const char *path) {
    sbot_flume_index *index = NULL;
    uint64_t done = 0, total = 0;
    MUST(sbot_flume_index_open(log, path, &index) == SBOT_FLUME_OK);
    MUST(sbot_flume_index_process(index, 10, 0, &done, &total) == SBOT_FLUME_OK);
    MUST(done == 21 && total == 21);
    MUST(sbot_flume_index_process(index, 10, 1, &done, &total) == SBOT_FLUME_END);
    sbot_flume_index_close(index);
    MUST(remove(path) == 0);
}

static void ask(const char *path) {
    sbot_flume_query *query = NULL;
    sbot_flume_value value;
    memset(&value, 0, sizeof value);
    MUST(sbot_flume_query_open(path, "SELECT 1", &query) == SBOT_FLUME_FAILED);
    FILE *file = fopen(path, "wb"); /* an empty database */
    MUST(file != NULL && fclose(file) == 0);
    MUST(sbot_flume_query_open(path, "SELECT nonsense", &query) == SBOT_FLUME_INVALID);
    const char *wrong[] = {"", " ", "-- c", "/* c */ ;", "SELECT 1; SELECT 2", "SELECT 1;nonsense",
                           "CREATE TABLE t(x)", "VACUUM INTO 'copy'"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        query = NULL;
        MUST(sbot_flume_query_open(path, wrong[i], &query) == SBOT_FLUME_INVALID && query == NULL);
    }
    MUST(sbot_flume_query_open(path, "SELECT 1; -- and no more", &query) == SBOT_FLUME_OK);
    sbot_flume_query_close(query);
    const char *sql = "SELECT ?1 AS a, 2.5, 'text', x'0102', NULL UNION ALL SELECT 8,0,'',x'',0";
    MUST(sbot_flume_query_open(path, sql, &query) == SBOT_FLUME_OK);
    value.kind = SBOT_FLUME_INTEGER;
    value.integer = 7;
    MUST(sbot_flume_query_bind(query, 2, &value) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_query_bind(query, 1, &value) == SBOT_FLUME_OK);
    MUST(sbot_flume_query_columns(query) == 5);
    MUST(strcmp(sbot_flume_query_name(query, 0), "a") == 0);
    MUST(sbot_flume_query_name(query, -1) == NULL && sbot_flume_query_name(query, 5) == NULL);
    MUST(sbot_flume_query_step(query) == SBOT_FLUME_OK);
    MUST(sbot_flume_query_value(query, 0, &value) == SBOT_FLUME_OK && value.integer == 7);
    MUST(sbot_flume_query_value(query, 1, &value) == SBOT_FLUME_OK);
    MUST(value.kind == SBOT_FLUME_REAL && value.real > 2.4 && value.real < 2.6);
    MUST(sbot_flume_query_value(query, 2, &value) == SBOT_FLUME_OK);
    MUST(value.kind == SBOT_FLUME_TEXT && is(value.data, value.length, "text"));
    MUST(sbot_flume_query_value(query, 3, &value) == SBOT_FLUME_OK);
    MUST(value.kind == SBOT_FLUME_BYTES && is(value.data, value.length, "\1\2"));
    MUST(sbot_flume_query_value(query, 4, &value) == SBOT_FLUME_OK);
    MUST(value.kind == SBOT_FLUME_NULL);
    MUST(sbot_flume_query_value(query, 5, &value) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_query_step(query) == SBOT_FLUME_OK);
    MUST(sbot_flume_query_step(query) == SBOT_FLUME_END);
    MUST(sbot_flume_query_step(query) == SBOT_FLUME_END);
    value.kind = SBOT_FLUME_INTEGER;
    value.integer = 9;
    MUST(sbot_flume_query_bind(query, 1, &value) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_query_reset(query) == SBOT_FLUME_OK);
    MUST(sbot_flume_query_bind(query, 1, &value) == SBOT_FLUME_OK);
    MUST(sbot_flume_query_step(query) == SBOT_FLUME_OK);
    MUST(sbot_flume_query_value(query, 0, &value) == SBOT_FLUME_OK && value.integer == 9);
    sbot_flume_query_close(query);
    MUST(sbot_flume_query_open(path, "SELECT ?, :b", &query) == SBOT_FLUME_OK);
    MUST(sbot_flume_query_parameters(query) == 2);
    MUST(strcmp(sbot_flume_query_parameter_name(query, 1), "") == 0);
    MUST(strcmp(sbot_flume_query_parameter_name(query, 2), ":b") == 0);
    MUST(sbot_flume_query_parameter_name(query, 0) == NULL);
    MUST(sbot_flume_query_parameter_name(query, 3) == NULL);
    sbot_flume_query_interrupt(query);
    sbot_flume_query_close(query);
}

/* Nothing where something must be. */
static void misuse(const char *path) {
    sbot_flume_value value;
    uint64_t done = 0, total = 0;
    memset(&value, 0, sizeof value);
    MUST(sbot_flume_query_open(path, NULL, NULL) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_query_columns(NULL) == 0 && sbot_flume_query_parameters(NULL) == 0);
    MUST(sbot_flume_query_name(NULL, 0) == NULL);
    MUST(sbot_flume_query_parameter_name(NULL, 1) == NULL);
    MUST(sbot_flume_query_step(NULL) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_query_reset(NULL) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_query_bind(NULL, 1, &value) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_query_value(NULL, 0, &value) == SBOT_FLUME_INVALID);
    MUST(sbot_flume_position(NULL) == NULL);
    sbot_flume_progress(NULL, &done, &total);
    sbot_flume_query_interrupt(NULL);
    sbot_flume_query_close(NULL);
    sbot_flume_unfollow(NULL);
    sbot_flume_index_close(NULL);
    sbot_flume_close(NULL);
}

/* Works in a folder of its own, below the one that is named. */
int main(int count, char **arguments) {
    char folder[900], log[1000], database[1000];
    snprintf(folder, sizeof folder, "%s/sbot-c-XXXXXX", count > 1 ? arguments[1] : ".");
    MUST(sbot_flume_version() == SBOT_FLUME_VERSION);
    MUST(mkdtemp(folder) != NULL);
    snprintf(log, sizeof log, "%s/log.offset", folder);
    snprintf(database, sizeof database, "%s/db.sqlite", folder);
    read_entries(log);
    follow_entries(log);
    index_entries(log, database);
    ask(database);
    misuse(database);
    remove(log);
    remove(database);
    MUST(remove(folder) == 0);
    puts("the C interface does what its header says");
    return 0;
}
