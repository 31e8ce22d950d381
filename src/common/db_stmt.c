#include "common/db.h"

#include "common/check.h"
#include "common/db_impl.h"
#include "common/mem.h"

#include <errmsg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COLUMN_BYTES_FIRST 256
/* Bulk inserts go in pieces of about this size, well below any server's max_allowed_packet. */
#define BULK_BYTES_MAX (1024 * 1024)

/* A column of a result. */
struct cell {
    bool is_number;
    uint64_t number;
    uint8_t *bytes;
    size_t capacity;
    unsigned long len;
    my_bool is_null;
    my_bool error; /* the library's flag for a value that was cut; len says it as well */
};

struct statement {
    const char *sql; /* its address is the key */
    MYSQL_STMT *handle;
    bool reads;
    unsigned columns;
    MYSQL_BIND *binds;
    struct cell *cells;
};

struct db_value db_text(const char *text)
{
    return text != NULL ? db_bytes(text, strlen(text)) : db_null();
}

static void statement_fini(struct statement *statement)
{
    if (statement->handle != NULL)
        mysql_stmt_close(statement->handle);
    for (unsigned i = 0; i < statement->columns; i++)
        mem_free(statement->cells[i].bytes);
    mem_free(statement->cells);
    mem_free(statement->binds);
}

void db_release_result(struct db *db)
{
    if (db->current != NULL)
        mysql_stmt_free_result(db->current->handle);
    db->current = NULL;
    db->on_row = false;
}

void db_drop_statements(struct db *db)
{
    db_release_result(db);
    for (size_t i = 0; i < db->statement_count; i++)
        statement_fini(&db->statements[i]);
    db->statement_count = 0;
}

/* ---- statements -------------------------------------------------------------------------------*/

static bool sql_reads(const char *sql)
{
    sql += strspn(sql, " \t\n(");
    return strncasecmp(sql, "SELECT", 6) == 0 || strncasecmp(sql, "WITH", 4) == 0 ||
           strncasecmp(sql, "SHOW", 4) == 0;
}

/* What losing the connection during this statement would mean. */
static enum db_phase phase_of(const struct db *db, const struct statement *statement)
{
    return db->transaction == TX_OPEN || statement->reads ? DB_PHASE_READ : DB_PHASE_AUTOCOMMIT;
}

static enum err fail_statement(struct db *db, struct statement *statement, enum db_phase phase)
{
    /* Copied: a dropped connection takes the statement with it. */
    char text[MYSQL_ERRMSG_SIZE + 1];
    unsigned number = mysql_stmt_errno(statement->handle);

    snprintf(text, sizeof(text), "%s", mysql_stmt_error(statement->handle));
    return db_fail(db, number, text, statement->sql, phase);
}

static bool type_is_integer(enum enum_field_types type)
{
    return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 ||
           type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG || type == MYSQL_TYPE_YEAR;
}

/* Cells for the columns of the result, and the library's view of them. */
static void make_cells(struct statement *statement)
{
    MYSQL_RES *metadata = mysql_stmt_result_metadata(statement->handle);

    if (metadata == NULL)
        return;
    statement->columns = mysql_num_fields(metadata);
    statement->cells = mem_alloc_array(statement->columns, sizeof(*statement->cells));
    statement->binds = mem_alloc_array(statement->columns, sizeof(*statement->binds));
    for (unsigned i = 0; i < statement->columns; i++) {
        struct cell *cell = &statement->cells[i];
        MYSQL_BIND *bind = &statement->binds[i];

        cell->is_number = type_is_integer(mysql_fetch_field_direct(metadata, i)->type);
        bind->length = &cell->len;
        bind->is_null = &cell->is_null;
        bind->error = &cell->error;
        if (cell->is_number) {
            bind->buffer_type = MYSQL_TYPE_LONGLONG;
            bind->buffer = &cell->number;
            bind->is_unsigned = 1;
            continue;
        }
        cell->capacity = COLUMN_BYTES_FIRST;
        cell->bytes = mem_alloc(cell->capacity);
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = cell->bytes;
        bind->buffer_length = cell->capacity;
    }
    mysql_free_result(metadata);
}

/* The statement for this text, prepared now if it was not yet. */
static enum err prepare(struct db *db, const char *sql, struct statement **statement_out)
{
    struct statement *statement;

    for (size_t i = 0; i < db->statement_count; i++)
        if (db->statements[i].sql == sql) {
            *statement_out = &db->statements[i];
            return ERR_NONE;
        }
    db->statements =
        mem_realloc(db->statements, (db->statement_count + 1) * sizeof(*db->statements));
    statement = &db->statements[db->statement_count];
    *statement = (struct statement){.sql = sql, .reads = sql_reads(sql)};
    statement->handle = mysql_stmt_init(db->mysql);
    CHECK(statement->handle != NULL); /* out of memory */
    if (mysql_stmt_prepare(statement->handle, sql, strlen(sql)) != 0) {
        MYSQL_STMT *handle = statement->handle;
        char text[MYSQL_ERRMSG_SIZE + 1];
        unsigned number = mysql_stmt_errno(handle);

        /* Not in the cache: closed here, and while the connection still is. */
        snprintf(text, sizeof(text), "%s", mysql_stmt_error(handle));
        mysql_stmt_close(handle);
        return db_fail(db, number, text, sql, DB_PHASE_READ);
    }
    make_cells(statement);
    db->statement_count++;
    *statement_out = statement;
    return ERR_NONE;
}

/* What every statement begins with. */
static enum err begin_statement(struct db *db, const char *sql, struct statement **statement_out)
{
    enum err err;

    db->affected = 0;
    db->insert_id = 0;
    if (db->transaction == TX_BROKEN)
        return db->broken_with;
    db_release_result(db);
    if (db->transaction == TX_NONE) {
        err = db_ensure_connected(db);
        if (err != ERR_NONE)
            return err;
    }
    return prepare(db, sql, statement_out);
}

/* The library takes pointers to non-const, and does not write through them. */
static void *unconst(const void *pointer)
{
    return (void *)(uintptr_t)pointer;
}

static enum err execute(struct db *db, struct statement *statement, MYSQL_BIND *params,
                        unsigned array_size, bool stream)
{
    enum db_phase phase = phase_of(db, statement);
    MYSQL_STMT *handle = statement->handle;

    mysql_stmt_attr_set(handle, STMT_ATTR_ARRAY_SIZE, &array_size);
    if ((params != NULL && mysql_stmt_bind_param(handle, params) != 0) ||
        mysql_stmt_execute(handle) != 0)
        return fail_statement(db, statement, phase);
    if (statement->columns > 0) {
        if (mysql_stmt_bind_result(handle, statement->binds) != 0 ||
            (!stream && mysql_stmt_store_result(handle) != 0))
            return fail_statement(db, statement, phase);
        db->current = statement;
        db->streams = stream;
    }
    db->affected += mysql_stmt_affected_rows(handle);
    db->insert_id = mysql_stmt_insert_id(handle);
    return ERR_NONE;
}

static enum err run(struct db *db, const char *sql, const struct db_value *values, size_t count,
                    bool stream)
{
    MYSQL_BIND params[DB_VALUES_MAX];
    struct statement *statement;
    enum err err = begin_statement(db, sql, &statement);

    if (err != ERR_NONE)
        return err;
    CHECK(count <= DB_VALUES_MAX && count == mysql_stmt_param_count(statement->handle));
    memset(params, 0, count * sizeof(*params));
    for (size_t i = 0; i < count; i++) {
        switch (values[i].type) {
        case DB_NULL:
            params[i].buffer_type = MYSQL_TYPE_NULL;
            break;
        case DB_U64:
            params[i].buffer_type = MYSQL_TYPE_LONGLONG;
            params[i].buffer = unconst(&values[i].number);
            params[i].is_unsigned = 1;
            break;
        case DB_BYTES:
            params[i].buffer_type = MYSQL_TYPE_STRING;
            params[i].buffer =
                unconst(values[i].bytes.data != NULL ? values[i].bytes.data : (const uint8_t *)"");
            params[i].buffer_length = values[i].bytes.len;
            break;
        }
    }
    return execute(db, statement, count > 0 ? params : NULL, 0, stream);
}

enum err db_run(struct db *db, const char *sql, const struct db_value *values, size_t count)
{
    return run(db, sql, values, count, false);
}

enum err db_stream(struct db *db, const char *sql, const struct db_value *values, size_t count)
{
    db->stream_err = ERR_NONE;
    return run(db, sql, values, count, true);
}

enum err db_stream_err(const struct db *db)
{
    return db->stream_err;
}

/* ---- results ----------------------------------------------------------------------------------*/

/* Reads the values again that did not fit, into larger buffers that stay. */
static void fetch_cut_cells(struct statement *statement)
{
    bool grown = false;

    for (unsigned i = 0; i < statement->columns; i++) {
        struct cell *cell = &statement->cells[i];

        if (cell->is_number || cell->is_null || cell->len <= cell->capacity)
            continue;
        cell->capacity = MAX(cell->len, cell->capacity * 2);
        cell->bytes = mem_realloc(cell->bytes, cell->capacity);
        statement->binds[i].buffer = cell->bytes;
        statement->binds[i].buffer_length = cell->capacity;
        CHECK(mysql_stmt_fetch_column(statement->handle, &statement->binds[i], i, 0) == 0);
        grown = true;
    }
    if (grown)
        CHECK(mysql_stmt_bind_result(statement->handle, statement->binds) == 0);
}

/* A row that was awaited did not come. The library has the reason with the statement or with the
 * connection, whichever of its layers noticed. */
static void fail_stream(struct db *db)
{
    char text[MYSQL_ERRMSG_SIZE + 1];
    unsigned number = mysql_stmt_errno(db->current->handle);
    const char *sql = db->current->sql;

    if (number == 0)
        number = mysql_errno(db->mysql);
    if (number == 0)
        number = CR_SERVER_LOST;
    snprintf(text, sizeof(text), "%s", mysql_error(db->mysql));
    db->stream_err = db_fail(db, number, text, sql, DB_PHASE_READ);
    db_release_result(db);
}

bool db_next(struct db *db)
{
    int result;

    db->on_row = false;
    if (db->current == NULL)
        return false;
    result = mysql_stmt_fetch(db->current->handle);
    if (result == MYSQL_NO_DATA) {
        db_release_result(db);
        return false;
    }
    if (db->streams && result == 1) {
        fail_stream(db);
        return false;
    }
    /* The others' rows are here already (mysql_stmt_store_result): nothing is left to fail. */
    CHECK(result == 0 || result == MYSQL_DATA_TRUNCATED);
    fetch_cut_cells(db->current);
    db->on_row = true;
    return true;
}

static const struct cell *cell_at(const struct db *db, unsigned column)
{
    CHECK(db->on_row && column < db->current->columns);
    return &db->current->cells[column];
}

uint64_t db_col_u64(struct db *db, unsigned column)
{
    const struct cell *cell = cell_at(db, column);

    CHECK(cell->is_number);
    return cell->is_null ? 0 : cell->number;
}

struct span db_col_bytes(struct db *db, unsigned column)
{
    const struct cell *cell = cell_at(db, column);

    CHECK(!cell->is_number);
    return cell->is_null ? (struct span){NULL, 0} : (struct span){cell->bytes, cell->len};
}

bool db_col_is_null(struct db *db, unsigned column)
{
    return cell_at(db, column)->is_null;
}

uint64_t db_affected(struct db *db)
{
    return db->affected;
}

uint64_t db_insert_id(struct db *db)
{
    return db->insert_id;
}

bool db_duplicate_key(struct db *db, const char *key_name)
{
    return db_error_names_key(db->duplicate, key_name);
}

/* ---- bulk -------------------------------------------------------------------------------------*/

/* The arrays that the library reads one column from; they start at the piece's first row. */
struct bulk_column {
    const void **pointers;
    unsigned long *lengths;
    char *indicators;
};

static void bulk_column_fill(struct bulk_column *bulk, const struct db_column *column, size_t rows)
{
    if (column->nulls != NULL) {
        bulk->indicators = mem_alloc_array(rows, sizeof(*bulk->indicators));
        for (size_t i = 0; i < rows; i++)
            bulk->indicators[i] = column->nulls[i] ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
    }
    if (column->type == DB_U64)
        return;
    bulk->pointers = mem_alloc_array(rows, sizeof(*bulk->pointers));
    bulk->lengths = mem_alloc_array(rows, sizeof(*bulk->lengths));
    for (size_t i = 0; i < rows; i++) {
        bulk->pointers[i] =
            column->bytes[i].data != NULL ? column->bytes[i].data : (const uint8_t *)"";
        bulk->lengths[i] = column->bytes[i].len;
    }
}

static void bulk_bind(const struct bulk_column *bulk, const struct db_column *column, size_t from,
                      MYSQL_BIND *param)
{
    memset(param, 0, sizeof(*param));
    if (bulk->indicators != NULL)
        param->u.indicator = bulk->indicators + from;
    if (column->type == DB_U64) {
        param->buffer_type = MYSQL_TYPE_LONGLONG;
        param->buffer = unconst(column->numbers + from);
        param->is_unsigned = 1;
        return;
    }
    param->buffer_type = MYSQL_TYPE_STRING;
    param->buffer = unconst(bulk->pointers + from);
    param->length = bulk->lengths + from;
}

/* How many rows from this one make a piece. */
static size_t bulk_piece(const struct db_column *columns, size_t count, size_t from, size_t rows)
{
    size_t bytes = 0;
    size_t at = from;

    for (; at < rows; at++) {
        for (size_t i = 0; i < count; i++)
            bytes += columns[i].type == DB_U64 ? 9 : columns[i].bytes[at].len + 4;
        if (bytes > BULK_BYTES_MAX && at > from)
            break;
    }
    return at - from;
}

static enum err insert_pieces(struct db *db, const char *sql, const struct db_column *columns,
                              size_t count, size_t rows)
{
    struct bulk_column bulks[DB_VALUES_MAX] = {0};
    MYSQL_BIND params[DB_VALUES_MAX];
    struct statement *statement;
    enum err err = begin_statement(db, sql, &statement);

    if (err != ERR_NONE || rows == 0)
        return err;
    CHECK(count <= DB_VALUES_MAX && count == mysql_stmt_param_count(statement->handle));
    for (size_t i = 0; i < count; i++)
        bulk_column_fill(&bulks[i], &columns[i], rows);
    for (size_t from = 0; from < rows && err == ERR_NONE;) {
        size_t piece = bulk_piece(columns, count, from, rows);

        for (size_t i = 0; i < count; i++)
            bulk_bind(&bulks[i], &columns[i], from, &params[i]);
        err = execute(db, statement, params, (unsigned)piece, false);
        from += piece;
    }
    for (size_t i = 0; i < count; i++) {
        mem_free(bulks[i].pointers);
        mem_free(bulks[i].lengths);
        mem_free(bulks[i].indicators);
    }
    return err;
}

/* A piece is one statement for the server, so it is all or nothing by itself. */
enum err db_bulk(struct db *db, const char *sql, const struct db_column *columns, size_t count,
                 size_t rows)
{
    bool own = db->transaction == TX_NONE && bulk_piece(columns, count, 0, rows) < rows;
    enum err err = own ? db_begin(db) : ERR_NONE;

    if (err == ERR_NONE)
        err = insert_pieces(db, sql, columns, count, rows);
    if (own && err == ERR_NONE)
        err = db_commit(db);
    if (own && err != ERR_NONE)
        db_rollback(db);
    return err;
}
