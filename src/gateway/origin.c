#include "gateway/origin.h"

#include <stdio.h>

#define WORKER_SHIFT 48

uint64_t origin_first_conn(unsigned worker, uint32_t random)
{
    return (uint64_t)worker << WORKER_SHIFT | random;
}

char *origin_format(const struct origin *origin, char out[ORIGIN_TEXT_SIZE])
{
    char client[CLIENT_ADDRESS_TEXT_SIZE];

    snprintf(out, ORIGIN_TEXT_SIZE, "conn=w%u-%llx client=%s",
             (unsigned)(origin->conn >> WORKER_SHIFT),
             (unsigned long long)(origin->conn & ((UINT64_C(1) << WORKER_SHIFT) - 1)),
             client_address_format(&origin->client, client));
    return out;
}

bool request_id_valid(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return len > 0 && len <= REQUEST_ID_CHARS_MAX && text[len] == '\0';
}
