/*
 * flume.h: reading a Scuttlebutt log from C, and from whatever can call C.
 *
 * A log (`flume/log.offset`) is a file of messages that one server appends to. Any number of
 * programs may read it meanwhile through these functions; nothing here ever writes to it. What you
 * make of the messages is yours: follow the log, put what you like into a database of yours
 * together with the position, and go on from there next time.
 *
 * Strings are UTF-8 and end with a zero byte. What is given out by pointer belongs to the object
 * that gave it, until the next call with that object or its end. An object is used by one thread
 * at a time; different ones by different threads. Functions that return `int` give SBOT_FLUME_OK or
 * one of the codes below; `sbot_flume_error` then says why, in words. Those that give a string give
 * null, and those that count give 0, where there is nothing by the argument.
 *
 * Link with -lsbotflume.
 */
#ifndef SBOT_FLUME_H
#define SBOT_FLUME_H

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SBOT_FLUME_API __attribute__((visibility("default")))
#else
#define SBOT_FLUME_API
#endif

/* Raised when something here changes its meaning; functions may be added without that. */
#define SBOT_FLUME_VERSION 1

enum {
    SBOT_FLUME_OK = 0,
    SBOT_FLUME_END = 1,       /* no more (rows, news) for now */
    SBOT_FLUME_NOT_FOUND = 2, /* no such file, no entry there, or it was deleted */
    SBOT_FLUME_CORRUPT = 3,   /* stored bytes are not what they must be */
    SBOT_FLUME_INVALID = 4,   /* an argument, a position or an SQL text that cannot be */
    SBOT_FLUME_FAILED = 5     /* the system refused */
};

/* SBOT_FLUME_VERSION of the library. */
SBOT_FLUME_API int sbot_flume_version(void);
/* Why the last call of this thread that failed did so. Valid until its next failure. */
SBOT_FLUME_API const char* sbot_flume_error(void);

/* ---- entries by their offset ---- */

typedef struct sbot_flume_log sbot_flume_log;

/* Opens a log for reading. It must be there. */
SBOT_FLUME_API int sbot_flume_open(const char* log_path, sbot_flume_log** log);
/* The entry at an offset: JSON, {"key":…,"value":{…},"timestamp":…}. */
SBOT_FLUME_API int sbot_flume_get(sbot_flume_log* log, uint64_t offset, const char** data,
                                  size_t* length);
SBOT_FLUME_API void sbot_flume_close(sbot_flume_log* log);

/* ---- following ---- */

typedef struct sbot_flume_follower sbot_flume_follower;

enum {
    SBOT_FLUME_ENTRY = 0,   /* a new entry: `data` */
    SBOT_FLUME_DELETED = 1, /* the entry at `offset` is no more; perhaps it was never given */
    SBOT_FLUME_REINDEX = 2, /* the entry at `offset` means something else now */
    SBOT_FLUME_REWOUND = 3  /* entries from `offset` on are no more; others may come there */
};

typedef struct sbot_flume_news {
    int kind;
    uint64_t offset;
    const char* data; /* of an entry, not ended by a zero byte; else null */
    size_t length;
} sbot_flume_news;

/*
 * Begins to follow a log, which need not be there yet. `position` is what sbot_flume_position gave
 * last time; null or "" for the beginning.
 */
SBOT_FLUME_API int sbot_flume_follow(const char* log_path, const char* position,
                                     sbot_flume_follower** follower);
/*
 * The next news, at most about `count_max` of them, in `*news` (valid until the next call): each
 * entry once and in order, and what happens to entries that were given. Waits up to `timeout_ms`
 * for them; 0 does not wait. SBOT_FLUME_END where there are none.
 */
SBOT_FLUME_API int sbot_flume_next(sbot_flume_follower* follower, size_t count_max, int timeout_ms,
                                   const sbot_flume_news** news, size_t* count);
/*
 * Where to go on after all news given so far. Store it in one transaction with what you made of
 * them, then nothing is ever lost or seen twice. Where that fails, follow anew from what is stored:
 * this follower does not give its news again.
 */
SBOT_FLUME_API const char* sbot_flume_position(sbot_flume_follower* follower);
/* How much of how much of the log was read, in bytes. */
SBOT_FLUME_API void sbot_flume_progress(sbot_flume_follower* follower, uint64_t* done,
                                        uint64_t* total);
SBOT_FLUME_API void sbot_flume_unfollow(sbot_flume_follower* follower);

/* ---- a database of messages, as `sbot flume index` makes it (docs/flume-tools.md) ---- */

typedef struct sbot_flume_index sbot_flume_index;

/* Opens or makes the database, to be kept level with a log. */
SBOT_FLUME_API int sbot_flume_index_open(const char* log_path, const char* database_path,
                                         sbot_flume_index** index);
/*
 * Takes in the next news, some `count_max` of them, in one transaction; waits up to `timeout_ms`
 * for the first. SBOT_FLUME_END where there were none. `*done` of `*total` bytes of the log are in
 * it. Several programs may keep one database. After a failure (another program writes to it, the
 * disk is full) the next call goes on where the database is. A database that was removed, or
 * replaced by another file, is to be opened anew: SBOT_FLUME_CORRUPT.
 */
SBOT_FLUME_API int sbot_flume_index_process(sbot_flume_index* index, size_t count_max,
                                            int timeout_ms, uint64_t* done, uint64_t* total);
SBOT_FLUME_API void sbot_flume_index_close(sbot_flume_index* index);

/* ---- asking a database (the server's flume/core.sqlite, or one of yours) ---- */

typedef struct sbot_flume_query sbot_flume_query;

enum {
    SBOT_FLUME_NULL = 0,
    SBOT_FLUME_INTEGER = 1,
    SBOT_FLUME_REAL = 2,
    SBOT_FLUME_TEXT = 3,
    SBOT_FLUME_BYTES = 4
};

typedef struct sbot_flume_value {
    int kind;
    int64_t integer;
    double real;
    const char* data; /* of text and bytes; not ended by a zero byte */
    size_t length;
} sbot_flume_value;

/* Prepares one SQL statement, not none and not several, on a database. One that would change this
 * or another file is refused. */
SBOT_FLUME_API int sbot_flume_query_open(const char* database_path, const char* sql,
                                         sbot_flume_query** query);
/* Sets the parameter of this number (from 1), before the first row. Data is copied. */
SBOT_FLUME_API int sbot_flume_query_bind(sbot_flume_query* query, int parameter,
                                         const sbot_flume_value* value);
/* How many parameters there are, and what one (from 1) is called: with its `:`, `@`, `$` or `?`,
 * and "" for a plain `?`. */
SBOT_FLUME_API int sbot_flume_query_parameters(sbot_flume_query* query);
SBOT_FLUME_API const char* sbot_flume_query_parameter_name(sbot_flume_query* query, int parameter);
/* On to the next row; SBOT_FLUME_END behind the last one. */
SBOT_FLUME_API int sbot_flume_query_step(sbot_flume_query* query);
/* Back to before the first row, to ask again or with other parameters; those set stay. Between its
 * first and its last row a query sees the database as of one commit, and keeps the write-ahead log
 * from being cut: reset what is not read to its end. */
SBOT_FLUME_API int sbot_flume_query_reset(sbot_flume_query* query);
/* From any thread, while the query is not being closed: a step that is being taken fails. */
SBOT_FLUME_API void sbot_flume_query_interrupt(sbot_flume_query* query);
SBOT_FLUME_API int sbot_flume_query_columns(sbot_flume_query* query);
SBOT_FLUME_API const char* sbot_flume_query_name(sbot_flume_query* query, int column);
/* A column (from 0) of the row. */
SBOT_FLUME_API int sbot_flume_query_value(sbot_flume_query* query, int column,
                                          sbot_flume_value* value);
SBOT_FLUME_API void sbot_flume_query_close(sbot_flume_query* query);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(readability-identifier-naming) */

#endif
