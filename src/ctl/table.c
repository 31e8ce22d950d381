#include "ctl/table.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/event_json.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

struct cell {
    char *text; /* as people read it */
    char *json;
    size_t width;
    bool right; /* aligned */
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    struct cell *cells; /* row after row */
    size_t cell_count;
    size_t capacity;
};

struct table *table_create(const struct table_column *columns, size_t count)
{
    struct table *table = mem_alloc(sizeof(*table));

    CHECK(count > 0);
    table->columns = columns;
    table->column_count = count;
    return table;
}

void table_destroy(struct table **table)
{
    if (*table == NULL)
        return;
    for (size_t i = 0; i < (*table)->cell_count; i++) {
        mem_free((*table)->cells[i].text);
        mem_free((*table)->cells[i].json);
    }
    mem_free((*table)->cells);
    mem_free(*table);
    *table = NULL;
}

/* ---- text on a terminal -----------------------------------------------------------------------*/

/* One character of valid UTF-8; its length. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *character)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    len = MIN(len, left);
    *character = len == 1 ? at[0] : at[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++)
        *character = *character << 6 | (at[i] & 0x3f);
    return len;
}

size_t table_width(struct span text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.len;) {
        uint32_t character;
        int columns;

        i += decode(text.data + i, text.len - i, &character);
        columns = wcwidth((wchar_t)character);
        width += columns < 0 ? 1 : (size_t)columns;
    }
    return width;
}

/* C0, DEL and C1, line separators, and the marks that turn the direction of what follows. */
static bool harmful(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
           (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069) || character == 0x061c ||
           character == 0x200e || character == 0x200f;
}

void table_add_safe(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t character;
        size_t len = decode(text.data + i, text.len - i, &character);

        if (character == '\n')
            strbuf_add_str(out, "\\n");
        else if (character == '\t')
            strbuf_add_str(out, "\\t");
        else if (harmful(character))
            strbuf_printf(out, character < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)character);
        else
            strbuf_add(out, text.data + i, len);
        i += len;
    }
}

void table_add_safe_json(struct strbuf *out, struct span json)
{
    for (size_t i = 0; i < json.len;) {
        uint32_t character;
        size_t len = decode(json.data + i, json.len - i, &character);

        /* What is below comes as an escape already, or is between the lines. */
        if (character >= 0x7f && harmful(character))
            strbuf_printf(out, "\\u%04x", (unsigned)character);
        else
            strbuf_add(out, json.data + i, len);
        i += len;
    }
}

/* ---- cells ------------------------------------------------------------------------------------*/

static void add_cell(struct table *table, char *text, char *json, bool right)
{
    if (table->cell_count == table->capacity) {
        table->capacity = MAX(2 * table->capacity, (size_t)64);
        table->cells = mem_realloc(table->cells, table->capacity * sizeof(*table->cells));
    }
    table->cells[table->cell_count++] = (struct cell){
        text, json, table_width((struct span){(const uint8_t *)text, strlen(text)}), right};
}

void table_text(struct table *table, struct span text)
{
    struct strbuf safe = STRBUF_EMPTY;
    struct strbuf plain = STRBUF_EMPTY;
    struct strbuf json = STRBUF_EMPTY;

    if (text.data == NULL)
        strbuf_add_char(&safe, '-');
    else
        table_add_safe(&safe, text);
    json_write_string(&plain, text);
    table_add_safe_json(&json, (struct span){(const uint8_t *)plain.data, plain.len});
    strbuf_fini(&plain);
    add_cell(table, strbuf_take(&safe), strbuf_take(&json), false);
}

void table_str(struct table *table, const char *text)
{
    table_text(table, (struct span){(const uint8_t *)text, text != NULL ? strlen(text) : 0});
}

void table_number(struct table *table, uint64_t number)
{
    add_cell(table, mem_printf("%llu", (unsigned long long)number),
             mem_printf("%llu", (unsigned long long)number), true);
}

void table_rate(struct table *table, double rate)
{
    add_cell(table, mem_printf("%.1f", rate), mem_printf("%.1f", rate), true);
}

void table_time(struct table *table, uint64_t wall_us)
{
    char iso[CLOCK_ISO_SIZE];

    if (wall_us == 0) {
        add_cell(table, mem_strdup("-"), mem_strdup("null"), false);
        return;
    }
    clock_format_iso(wall_us, iso);
    add_cell(table, mem_printf("%.10s %.8s", iso, iso + 11), mem_printf("\"%s\"", iso), false);
}

void table_bool(struct table *table, bool value)
{
    add_cell(table, mem_strdup(value ? "yes" : "no"), mem_strdup(value ? "true" : "false"), false);
}

size_t table_rows(const struct table *table)
{
    return table->cell_count / table->column_count;
}

/* ---- writing ----------------------------------------------------------------------------------*/

static void pad(struct strbuf *out, size_t columns)
{
    while (columns-- > 0)
        strbuf_add_char(out, ' ');
}

static void write_padded(struct strbuf *out, const char *text, size_t used, size_t width,
                         bool right, bool last)
{
    if (right)
        pad(out, width - used);
    strbuf_add_str(out, text);
    if (!right && !last)
        pad(out, width - used);
    strbuf_add_str(out, last ? "\n" : "  ");
}

void table_write_text(const struct table *table, struct strbuf *out)
{
    size_t columns = table->column_count;
    size_t rows = table_rows(table);
    size_t *width = mem_alloc_array(columns, sizeof(*width));

    for (size_t c = 0; c < columns; c++) {
        width[c] = strlen(table->columns[c].title);
        for (size_t r = 0; r < rows; r++)
            width[c] = MAX(width[c], table->cells[r * columns + c].width);
    }
    for (size_t c = 0; c < columns; c++) {
        const char *title = table->columns[c].title;

        write_padded(out, title, strlen(title), width[c], rows > 0 && table->cells[c].right,
                     c + 1 == columns);
    }
    for (size_t i = 0; i < rows * columns; i++) {
        const struct cell *cell = &table->cells[i];
        size_t c = i % columns;

        write_padded(out, cell->text, cell->width, width[c], cell->right, c + 1 == columns);
    }
    mem_free(width);
}

void table_write_json(const struct table *table, struct strbuf *out)
{
    size_t columns = table->column_count;

    for (size_t i = 0; i < table_rows(table) * columns; i++) {
        size_t c = i % columns;

        strbuf_printf(out, "%s\"%s\":%s", c == 0 ? "{" : ",", table->columns[c].key,
                      table->cells[i].json);
        if (c + 1 == columns)
            strbuf_add_str(out, "}\n");
    }
}

void table_write_record(const struct table *table, struct strbuf *out)
{
    size_t width = 0;

    CHECK(table_rows(table) == 1);
    for (size_t c = 0; c < table->column_count; c++)
        width = MAX(width, strlen(table->columns[c].title));
    for (size_t c = 0; c < table->column_count; c++) {
        const char *title = table->columns[c].title;

        strbuf_printf(out, "%s:", title);
        pad(out, width - strlen(title) + 1);
        strbuf_printf(out, "%s\n", table->cells[c].text);
    }
}
