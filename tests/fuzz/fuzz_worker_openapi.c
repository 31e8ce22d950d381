// covers: gateway/route_* gateway/request gateway/query common/account_rules common/store_users common/store_rooms common/store_log common/store_admission common/store_tickets
/*
 * worker_openapi: the input chooses an operation of web/openapi.json, its parameters and its body,
 * within what their schemas say and beyond it, and all is asked of a whole worker (worker/world.h).
 * The status must be one that the operation has, the body of a type that the status has, and as its
 * schema says. Each byte is a choice; where there are none left, choices are 0, which is lawful.
 * The request is one value, and cut like any other by the first bytes: the answer must be the same.
 */
#include "worker/answers.h"
#include "worker/openapi.h"
#include "worker/world.h"

#include "common/check.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_SIZE  3
#define DEPTH_MAX  4
#define RAW_MAX    48
#define TOKEN_SIZE 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- choices ---- */

static struct {
    const uint8_t *at;
    const uint8_t *end;
} input;

static unsigned choose(unsigned among)
{
    return input.at < input.end ? *input.at++ % among : 0;
}

static struct span take(size_t most)
{
    size_t wanted = choose((unsigned)most + 1);
    size_t len = MIN(wanted, (size_t)(input.end - input.at));
    struct span bytes = {input.at, len};

    input.at += len;
    return bytes;
}

/* ---- values ---- */

static json_int_t bound(const json_t *schema, const char *name, json_int_t otherwise)
{
    const json_t *value = json_object_get(schema, name);

    return value != NULL ? json_integer_value(value) : otherwise;
}

static void make_number(const json_t *schema, struct strbuf *out)
{
    static const char *const odd[] = {
        "-1", "1.5", "1e3", "9007199254740992", "18446744073709551616", "007", "0x10"};
    json_int_t least = bound(schema, "minimum", 0);
    json_int_t most = bound(schema, "maximum", 1000);
    unsigned choice = choose(16);

    if (choice < 8) {
        strbuf_printf(out, "%lld", (long long)(least + (json_int_t)choose(80)));
    } else if (choice < 12) {
        const json_int_t edges[] = {least, most, least - 1, most + 1};

        strbuf_printf(out, "%lld", (long long)edges[choice - 8]);
    } else {
        strbuf_add_str(out, odd[choose(ARRAY_LEN(odd))]);
    }
}

/* A text of as many characters as a bound has, or one more. */
static void make_long_text(size_t characters, struct strbuf *out)
{
    static const char *const letters[] = {"x", "é", "漢", "😀"};
    const char *letter = letters[choose(ARRAY_LEN(letters))];

    for (size_t i = 0; i < MIN(characters, (size_t)5000); i++)
        strbuf_add_str(out, letter);
}

static void make_text(const json_t *schema, const json_t *example, struct strbuf *out)
{
    static const char *const texts[] = {"ada",
                                        "ada@example.org",
                                        "correct horse battery",
                                        "0123456789abcdef",
                                        "a b",
                                        "\\",
                                        "..",
                                        "%00",
                                        "null"};
    unsigned choice = choose(12);
    struct span raw;

    if (choice < 4 && json_is_string(example)) {
        strbuf_add_str(out, json_string_value(example));
    } else if (choice < 6) {
        for (size_t i = 0; i < TOKEN_SIZE; i++)
            strbuf_add_char(out, "0123456789abcdef"[(i + choice) % 16]);
    } else if (choice < 8) {
        strbuf_add_str(out, texts[choose(ARRAY_LEN(texts))]);
    } else if (choice < 10) {
        make_long_text((size_t)bound(schema, "maxLength", 100) + choice - 8, out);
    } else if (choice == 10) {
        raw = take(RAW_MAX);
        strbuf_add(out, raw.data, raw.len);
    }
}

static void write_json_text(const struct strbuf *text, struct strbuf *out)
{
    strbuf_add_char(out, '"');
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        if (c < 0x20 || c == '"' || c == '\\')
            strbuf_printf(out, "\\u%04x", c);
        else
            strbuf_add_char(out, (char)c);
    }
    strbuf_add_char(out, '"');
}

static void make_json(const json_t *schema, const json_t *example, unsigned depth,
                      struct strbuf *out);

static void make_object(const json_t *schema, const json_t *example, unsigned depth,
                        struct strbuf *out)
{
    const char *between = "";
    const char *name;
    json_t *property;

    strbuf_add_char(out, '{');
    json_object_foreach(json_object_get(schema, "properties"), name, property)
    {
        unsigned choice = choose(16);

        if (choice == 15)
            continue; /* perhaps a required one */
        for (unsigned times = choice == 14 ? 2 : 1; times > 0; times--) {
            strbuf_printf(out, "%s\"%s\":", between, name);
            make_json(property, json_object_get(example, name), depth + 1, out);
            between = ",";
        }
    }
    if (choose(8) == 7)
        strbuf_printf(out, "%s\"more\":[{}]", between);
    strbuf_add_char(out, '}');
}

static void make_json(const json_t *schema, const json_t *example, unsigned depth,
                      struct strbuf *out)
{
    static const char *const others[] = {"null", "true", "[]",           "{}",
                                         "\"\"", "0",    "[[[[[[]]]]]]", ""};
    struct strbuf text = STRBUF_EMPTY;
    const char *type;

    schema = openapi_resolve(schema);
    type = json_string_value(json_object_get(schema, "type"));
    if (depth > DEPTH_MAX || type == NULL || choose(16) == 15) {
        strbuf_add_str(out, others[choose(ARRAY_LEN(others))]);
    } else if (strcmp(type, "object") == 0) {
        make_object(schema, example, depth, out);
    } else if (strcmp(type, "integer") == 0) {
        make_number(schema, out);
    } else {
        make_text(schema, example, &text);
        write_json_text(&text, out);
        strbuf_fini(&text);
    }
}

/* As it stands in a path, a query or a header. */
static void make_plain(const json_t *parameter, struct strbuf *out)
{
    const json_t *schema = openapi_resolve(json_object_get(parameter, "schema"));
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *example = json_object_get(parameter, "example");

    if (choose(16) == 15)
        make_text(schema, example, out);
    else if (type != NULL && strcmp(type, "integer") == 0)
        make_number(schema, out);
    else
        make_text(schema, example != NULL ? example : json_object_get(schema, "example"), out);
}

/* ---- the request ---- */

static void write_encoded(const struct strbuf *text, struct strbuf *out)
{
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        if (isalnum(c) || c == '-' || c == '.' || c == '_')
            strbuf_add_char(out, (char)c);
        else
            strbuf_printf(out, "%%%02x", c);
    }
}

static const json_t *find_parameter(const json_t *operation, const char *place, const char *name,
                                    size_t name_len)
{
    const json_t *parameter;
    size_t i;

    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        const char *its_name;

        parameter = openapi_resolve(parameter);
        its_name = json_string_value(json_object_get(parameter, "name"));
        if (strcmp(json_string_value(json_object_get(parameter, "in")), place) == 0 &&
            strlen(its_name) == name_len && memcmp(its_name, name, name_len) == 0)
            return parameter;
    }
    return NULL;
}

static void write_path(const struct operation *operation, struct strbuf *out)
{
    for (const char *at = operation->path; *at != '\0'; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        struct strbuf value = STRBUF_EMPTY;

        if (end == NULL) {
            strbuf_add_char(out, *at);
            continue;
        }
        make_plain(find_parameter(operation->object, "path", at + 1, (size_t)(end - at) - 1),
                   &value);
        write_encoded(&value, out);
        strbuf_fini(&value);
        at = end;
    }
}

static void write_query(const json_t *operation, struct strbuf *out)
{
    const json_t *parameter;
    char before = '?';
    size_t i;

    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        struct strbuf value = STRBUF_EMPTY;

        parameter = openapi_resolve(parameter);
        if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0 ||
            choose(4) < 2)
            continue;
        make_plain(parameter, &value);
        strbuf_printf(out, "%c%s=", before, json_string_value(json_object_get(parameter, "name")));
        write_encoded(&value, out);
        strbuf_fini(&value);
        before = '&';
    }
}

/* What would end a field is left out. */
static void write_header(const char *name, const struct strbuf *value, struct strbuf *out)
{
    strbuf_printf(out, "%s: ", name);
    for (size_t i = 0; i < value->len; i++)
        if ((unsigned char)value->data[i] >= 0x20 && value->data[i] != 0x7f)
            strbuf_add_char(out, value->data[i]);
    strbuf_add_str(out, "\r\n");
}

static void write_headers(const struct operation *operation, struct strbuf *out)
{
    static const char *const tokens[] = {
        "Bearer abababababababababababababababababababababababababababababababab",
        "Bearer cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "bearer ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB",
        "Bearer short",
        "Basic YTpi",
        ""};
    unsigned token = choose(16);
    const json_t *parameter;
    size_t i;

    strbuf_add_str(out, "Host: chat.example\r\n");
    if (token < 15)
        strbuf_printf(out, "Authorization: %s\r\n",
                      tokens[token < 8 ? token % 3 : token % ARRAY_LEN(tokens)]);
    json_array_foreach(json_object_get(operation->object, "parameters"), i, parameter)
    {
        struct strbuf value = STRBUF_EMPTY;

        parameter = openapi_resolve(parameter);
        if (strcmp(json_string_value(json_object_get(parameter, "in")), "header") != 0 ||
            choose(4) < 2)
            continue;
        make_plain(parameter, &value);
        write_header(json_string_value(json_object_get(parameter, "name")), &value, out);
        strbuf_fini(&value);
    }
    if (strncmp(operation->path, "/ws", 3) == 0 && choose(8) < 7)
        strbuf_add_str(out, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    if (choose(8) == 7)
        strbuf_add_str(out, "Origin: https://bad.example\r\n");
}

static void write_request(const struct operation *operation, struct strbuf *out)
{
    const json_t *body = json_object_get(
        json_object_get(json_object_get(operation->object, "requestBody"), "content"),
        "application/json");
    struct strbuf text = STRBUF_EMPTY;

    for (const char *at = operation->method; *at != '\0'; at++)
        strbuf_add_char(out, (char)toupper((unsigned char)*at));
    strbuf_add_char(out, ' ');
    write_path(operation, out);
    write_query(operation->object, out);
    strbuf_add_str(out, " HTTP/1.1\r\n");
    write_headers(operation, out);
    if (body != NULL) {
        make_json(json_object_get(body, "schema"), json_object_get(body, "example"), 0, &text);
        strbuf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", text.len);
    }
    strbuf_add_str(out, "\r\n");
    strbuf_add(out, text.data, text.len);
    strbuf_fini(&text);
}

/* ---- the answer ---- */

static void say_wrong(const struct strbuf *request, const struct strbuf *got, const char *what)
{
    fprintf(stderr, "%s:\n%s\n\n%s\n", what, strbuf_str(request), strbuf_str(got));
    abort();
}

/* What HTTP itself may answer anywhere. */
static bool is_of_http(unsigned status)
{
    static const unsigned statuses[] = {400, 404, 408, 411, 413, 414, 417, 431, 500, 501, 505};

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i] == status)
            return true;
    return false;
}

static const json_t *documented(const struct operation *operation, unsigned status)
{
    const json_t *responses = json_object_get(operation->object, "responses");
    char name[16];

    snprintf(name, sizeof(name), "%u", status);
    if (json_object_get(responses, name) == NULL && is_of_http(status))
        snprintf(name, sizeof(name), "default");
    return openapi_resolve(json_object_get(responses, name));
}

static void check_answer(const struct operation *operation, const struct strbuf *request,
                         const struct strbuf *got, const struct answer *answer)
{
    const json_t *response = documented(operation, answer->status);
    const json_t *content = json_object_get(response, "content");
    struct span type = answer_header(answer, "Content-Type");
    const json_t *schema;
    const char *wrong;

    if (response == NULL)
        say_wrong(request, got, "a status that is not documented");
    if (content == NULL) {
        if (answer->body.len > 0 && !answer->stream)
            say_wrong(request, got, "a body that is not documented");
        return;
    }
    for (size_t i = 0; i < type.len; i++)
        if (type.data[i] == ';')
            type.len = i;
    content = json_object_getn(content, (const char *)type.data, type.len);
    if (content == NULL)
        say_wrong(request, got, "a media type that is not documented");
    schema = json_object_get(content, "schema");
    wrong = answer->json != NULL ? openapi_mismatch(schema, answer->json) : NULL;
    if (wrong != NULL)
        say_wrong(request, got, wrong);
}

static void tell(struct played_choice choice, uint8_t cuts, const struct strbuf *request,
                 struct strbuf *got)
{
    struct client client;

    world_begin(choice);
    client_open(&client, false);
    client_send_cut(&client, (const uint8_t *)request->data, request->len, cuts);
    strbuf_add(got, client.got.data, client.got.len);
    client_close(&client);
    world_end();
    answers_make_comparable(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf request = STRBUF_EMPTY;
    struct strbuf whole = STRBUF_EMPTY;
    struct strbuf cut = STRBUF_EMPTY;
    struct played_choice choice;
    struct operation operation;
    struct answer answer;
    struct span rest;

    if (size <= HEAD_SIZE)
        return 0;
    choice = (struct played_choice){data[1], data[0] > 191 ? (uint8_t)(data[0] - 191) / 8 : 0};
    input.at = data + HEAD_SIZE;
    input.end = data + size;
    operation = openapi_operation(choose(255));
    write_request(&operation, &request);
    tell(choice, 0, &request, &whole);
    tell(choice, data[2] | 1, &request, &cut);
    rest = (struct span){(const uint8_t *)whole.data, whole.len};
    if (!answer_next(&rest, false, choice.trouble == 0, &answer))
        say_wrong(&request, &whole, "no answer");
    check_answer(&operation, &request, &whole, &answer);
    if (rest.len > 0)
        say_wrong(&request, &whole, "more than an answer");
    if (whole.len != cut.len || memcmp(whole.data, cut.data, whole.len) != 0)
        say_wrong(&whole, &cut, "another answer to pieces");
    answer_fini(&answer);
    strbuf_fini(&request);
    strbuf_fini(&whole);
    strbuf_fini(&cut);
    return 0;
}
