/* schema: the tables of the SQLite store and every statement it uses, as data. */
#ifndef PORT26_STORE_SCHEMA_H
#define PORT26_STORE_SCHEMA_H

enum {
    SCHEMA_APPLICATION = 0x70323661, /* "p26a" in the file's header: it is ours */
    SCHEMA_VERSION = 2,              /* how many rows schema_migration has */
};

/* Row n brings version n to n + 1; each may hold several statements and runs in one transaction. */
extern const char *const schema_migration[SCHEMA_VERSION];

enum schema_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_MARK,
    SQL_KEEP,
    SQL_UNDO,
    SQL_MESSAGE_PUT,
    SQL_MESSAGE_GET,
    SQL_MESSAGE_WALK,
    SQL_MESSAGE_STATE,
    SQL_MESSAGE_REMOVE,
    SQL_CONTENT_PUT,
    SQL_CONTENT_GET,
    SQL_CONTENT_LAST,
    SQL_CONTENT_REMOVE,
    SQL_RECIPIENT_PUT,
    SQL_RECIPIENT_GET,
    SQL_RECIPIENT_REMOVE,
    SQL_EVENT_PUT,
    SQL_EVENT_GET,
    SQL_EVENT_REMOVE,
    SQL_VALUE_PUT,
    SQL_VALUE_GET,
    SQL_VALUE_REMOVE,
    SQL_VALUE_FROM,
    SQL_VALUE_COUNT,
    SQL_COUNT,
};
extern const char *const schema_sql[SQL_COUNT];

#endif
