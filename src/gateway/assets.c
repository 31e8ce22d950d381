#define _XOPEN_SOURCE 700
#include "gateway/assets.h"

#include "common/digest.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "gateway/request.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A page of ours runs only what is ours. Swagger UI's style sheet has pictures in data: URLs. */
#define CONTENT_POLICY                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "                  \
    "form-action 'self'; frame-ancestors 'none'"
/* The chat, which shows what strangers write, cannot even turn a text into HTML or a script:
 * https://www.w3.org/TR/trusted-types/. Swagger UI does so. */
#define CHAT_POLICY CONTENT_POLICY "; require-trusted-types-for 'script'; trusted-types 'none'"
#define CHAT_PATH   "/index.html"

#define FILE_BYTES_MAX (64 * 1024 * 1024)

struct blob {
    char *data; /* NULL: there is none */
    size_t len;
};

struct asset {
    char *path; /* as in the URL, from "/" on */
    const char *type;
    struct blob plain;
    struct blob gzip;
    struct blob brotli;
    char hash[17];
    bool immutable;
    const char *policy; /* of a page; NULL: it is none */
};

struct assets {
    struct asset *items;
    size_t count;
};

static const char *type_of(const char *path)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain; charset=utf-8"},
    };
    size_t len = strlen(path);

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t ending = strlen(types[i].ending);

        if (len > ending && strcmp(path + len - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static struct blob read_file(const char *path)
{
    struct blob blob = {NULL, 0};
    FILE *file = fopen(path, "rbe");
    long size;

    if (file == NULL)
        return blob;
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && size <= FILE_BYTES_MAX) {
        rewind(file);
        blob.data = mem_alloc((size_t)size + 1);
        blob.len = fread(blob.data, 1, (size_t)size, file);
    }
    fclose(file);
    return blob;
}

static struct blob read_variant(const char *path, const char *ending)
{
    char *name = mem_printf("%s%s", path, ending);
    struct blob blob = read_file(name);

    mem_free(name);
    return blob;
}

static void add_file(struct assets *assets, const char *dir, const char *path)
{
    struct asset asset = {.path = mem_strdup(path + strlen(dir)), .type = type_of(path)};
    uint8_t hash[DIGEST_SHA256_SIZE];

    asset.plain = read_file(path);
    asset.gzip = read_variant(path, ".gz");
    asset.brotli = read_variant(path, ".br");
    asset.immutable = strncmp(asset.path, "/assets/", 8) == 0;
    if (strncmp(asset.type, "text/html", 9) == 0)
        asset.policy = strcmp(asset.path, CHAT_PATH) == 0 ? CHAT_POLICY : CONTENT_POLICY;
    digest_sha256(asset.plain.data, asset.plain.len, hash);
    digest_hex(hash, 8, asset.hash);
    assets->items = mem_realloc(assets->items, (assets->count + 1) * sizeof(*assets->items));
    assets->items[assets->count++] = asset;
}

static bool is_variant(const char *path)
{
    size_t len = strlen(path);

    return len > 3 && (strcmp(path + len - 3, ".gz") == 0 || strcmp(path + len - 3, ".br") == 0);
}

/* nftw() has no context argument; this runs once, before there are threads. */
static struct assets *loading;
static const char *loading_dir;

static int on_entry(const char *path, const struct stat *info ATTR_UNUSED, int kind,
                    struct FTW *where ATTR_UNUSED)
{
    if (kind == FTW_F && !is_variant(path))
        add_file(loading, loading_dir, path);
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct asset *)a)->path, ((const struct asset *)b)->path);
}

struct assets *assets_load(const char *dir)
{
    struct assets *assets = mem_alloc(sizeof(*assets));
    char quoted[512];

    loading = assets;
    loading_dir = dir;
    if (nftw(dir, on_entry, 8, FTW_PHYS) != 0)
        log_warn("assets.missing", "dir=%s hint=\"make web\"",
                 log_quote(dir, quoted, sizeof(quoted)));
    if (assets->count > 0)
        qsort(assets->items, assets->count, sizeof(*assets->items), by_path);
    return assets;
}

void assets_destroy(struct assets **assets)
{
    if (*assets == NULL)
        return;
    for (size_t i = 0; i < (*assets)->count; i++) {
        mem_free((*assets)->items[i].path);
        mem_free((*assets)->items[i].plain.data);
        mem_free((*assets)->items[i].gzip.data);
        mem_free((*assets)->items[i].brotli.data);
    }
    mem_free((*assets)->items);
    mem_free(*assets);
    *assets = NULL;
}

static const struct asset *find(const struct assets *assets, struct span path)
{
    struct strbuf name = STRBUF_EMPTY;
    struct asset key = {.path = NULL};
    const struct asset *found = NULL;

    strbuf_add(&name, path.data, path.len);
    if (path.len > 0 && path.data[path.len - 1] == '/')
        strbuf_add_str(&name, "index.html");
    key.path = name.data;
    if (name.data != NULL && assets->count > 0)
        found = bsearch(&key, assets->items, assets->count, sizeof(key), by_path);
    strbuf_fini(&name);
    return found;
}

/* Whether Accept-Encoding (RFC 9110, 12.5.3) names the coding and does not give it q=0. */
static bool accepts(const char *header, const char *coding)
{
    size_t len = strlen(coding);

    while (header != NULL && *header != '\0') {
        size_t item = strcspn(header, ",");
        size_t skip = strspn(header, " \t");

        if (skip + len <= item && strncasecmp(header + skip, coding, len) == 0 &&
            strchr(" \t;,", header[skip + len]) != NULL) {
            const char *q = strstr(header + skip + len, "q=");

            return q == NULL || q >= header + item || strtod(q + 2, NULL) > 0;
        }
        header += header[item] == ',' ? item + 1 : item;
    }
    return false;
}

/* One of the forms in which a file is there, and what it is called in headers. */
struct variant {
    const struct blob *blob;
    const char *coding; /* NULL: as it is */
};

static struct variant choose(const struct asset *asset, struct request *request)
{
    const char *header = request_header(request, "Accept-Encoding");

    if (asset->brotli.data != NULL && accepts(header, "br"))
        return (struct variant){&asset->brotli, "br"};
    if (asset->gzip.data != NULL && accepts(header, "gzip"))
        return (struct variant){&asset->gzip, "gzip"};
    return (struct variant){&asset->plain, NULL};
}

bool assets_serve(const struct assets *assets, struct request *request, struct span path)
{
    const struct asset *asset = find(assets, path);
    struct variant variant;
    const char *known;
    char etag[32];

    if (asset == NULL || !request->is_get)
        return false;
    request->is_asset = true;
    variant = choose(asset, request);
    /* Each form has a tag of its own (RFC 9110, 8.8.3.3). */
    snprintf(etag, sizeof(etag), "\"%s%s%s\"", asset->hash, variant.coding != NULL ? "-" : "",
             variant.coding != NULL ? variant.coding : "");
    request_add_header(request, "ETag", etag);
    request_add_header(request, "Cache-Control",
                       asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (asset->gzip.data != NULL || asset->brotli.data != NULL)
        request_add_header(request, "Vary", "Accept-Encoding");
    if (asset->policy != NULL) {
        request->policy = asset->policy;
        request_add_header(request, "X-Frame-Options", "DENY");
        request_add_header(request, "Cross-Origin-Opener-Policy", "same-origin");
    }
    known = request_header(request, "If-None-Match");
    if (known != NULL && (strstr(known, etag) != NULL || strcmp(known, "*") == 0)) {
        request_reply_bytes(request, 304, NULL, NULL, 0);
        return true;
    }
    if (variant.coding != NULL)
        request_add_header(request, "Content-Encoding", variant.coding);
    request_reply_bytes(request, 200, asset->type, variant.blob->data, variant.blob->len);
    return true;
}
