#include "store/schema.h"

/* An accept writes two b-trees, both at their right end: `message` by id (ids grow with time) and
 * `content` by a number that grows. The start-up walk reads `message` alone, so bodies stand apart.
 * `recipient` and `event` get rows only when a first attempt has failed: mail that leaves at once
 * never touches them. Blobs are records of pack.h. */
const char *const schema_migration[SCHEMA_VERSION] = {
    "CREATE TABLE message ("
    " id BLOB PRIMARY KEY, key INTEGER NOT NULL, state INTEGER NOT NULL, file INTEGER NOT NULL,"
    " words TEXT NOT NULL, head BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE content (key INTEGER PRIMARY KEY, prefix BLOB NOT NULL, body BLOB);"
    "CREATE TABLE recipient ("
    " key INTEGER NOT NULL, number INTEGER NOT NULL, state BLOB NOT NULL,"
    " PRIMARY KEY (key, number)) WITHOUT ROWID;"
    "CREATE TABLE event ("
    " key INTEGER NOT NULL, number INTEGER NOT NULL, story BLOB NOT NULL,"
    " PRIMARY KEY (key, number)) WITHOUT ROWID;"
    "CREATE TABLE value ("
    " kind INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY (kind, name)) WITHOUT ROWID;",
    /* Kinds 30 to 39 are links (store_links.c makes them when they are missing): a program that
     * does not keep them must not write. */
    "DELETE FROM value WHERE kind BETWEEN 30 AND 39;",
};

const char *const schema_sql[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_MARK] = "SAVEPOINT step",
    [SQL_KEEP] = "RELEASE step",
    [SQL_UNDO] = "ROLLBACK TO step",
    [SQL_MESSAGE_PUT] =
        "INSERT INTO message (id, key, state, file, words, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_MESSAGE_GET] = "SELECT id, key, state, file, words, head FROM message WHERE id = ?1",
    [SQL_MESSAGE_WALK] = "SELECT id, key, state, file, words, head FROM message ORDER BY id",
    [SQL_MESSAGE_STATE] = "UPDATE message SET state = ?2, words = ?3 WHERE id = ?1",
    [SQL_MESSAGE_REMOVE] = "DELETE FROM message WHERE id = ?1",
    [SQL_CONTENT_PUT] = "INSERT INTO content (key, prefix, body) VALUES (?1, ?2, ?3)",
    [SQL_CONTENT_GET] = "SELECT prefix, body FROM content WHERE key = ?1",
    [SQL_CONTENT_LAST] = "SELECT max(key) FROM content",
    [SQL_CONTENT_REMOVE] = "DELETE FROM content WHERE key = ?1",
    [SQL_RECIPIENT_PUT] =
        "INSERT OR REPLACE INTO recipient (key, number, state) VALUES (?1, ?2, ?3)",
    [SQL_RECIPIENT_GET] = "SELECT number, state FROM recipient WHERE key = ?1 ORDER BY number",
    [SQL_RECIPIENT_REMOVE] = "DELETE FROM recipient WHERE key = ?1",
    [SQL_EVENT_PUT] = "INSERT INTO event (key, number, story) SELECT ?1,"
                      " 1 + coalesce((SELECT max(number) FROM event WHERE key = ?1), 0), ?2",
    [SQL_EVENT_GET] = "SELECT number, story FROM (SELECT number, story FROM event WHERE key = ?1"
                      " ORDER BY number DESC LIMIT ?2) ORDER BY number",
    [SQL_EVENT_REMOVE] = "DELETE FROM event WHERE key = ?1",
    [SQL_VALUE_PUT] = "INSERT OR REPLACE INTO value (kind, name, value) VALUES (?1, ?2, ?3)",
    [SQL_VALUE_GET] = "SELECT value FROM value WHERE kind = ?1 AND name = ?2",
    [SQL_VALUE_REMOVE] = "DELETE FROM value WHERE kind = ?1 AND name = ?2",
    [SQL_VALUE_FROM] = "SELECT name, value FROM value WHERE kind = ?1 AND name >= ?2 ORDER BY name",
    [SQL_VALUE_COUNT] = "SELECT count(*) FROM value WHERE kind = ?1 AND name >= ?2 AND name < ?3",
};
