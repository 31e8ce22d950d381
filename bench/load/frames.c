#include "client.h"

#include <string.h>

size_t frame_write(uint8_t *out, uint8_t opcode, const void *text, size_t len)
{
    size_t at = 0;

    out[at++] = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        out[at++] = (uint8_t)(0x80 | len);
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    }
    memset(out + at, 0, 4);
    at += 4;
    memcpy(out + at, text, len);
    return at + len;
}

size_t frame_read(const uint8_t *data, size_t len, uint8_t *opcode_out, const uint8_t **payload_out,
                  size_t *payload_len_out)
{
    uint64_t size;
    size_t head = 2;

    if (len < 2)
        return 0;
    size = data[1] & 0x7f;
    if (size == 126) {
        head = 4;
        if (len < head)
            return 0;
        size = (uint64_t)data[2] << 8 | data[3];
    } else if (size == 127) {
        head = 10;
        if (len < head)
            return 0;
        size = 0;
        for (int i = 2; i < 10; i++)
            size = size << 8 | data[i];
    }
    if (len - head < size)
        return 0;
    *opcode_out = data[0] & 0x0f;
    *payload_out = data + head;
    *payload_len_out = (size_t)size;
    return head + (size_t)size;
}
