// needs: common/bus_proto common/wire common/strbuf common/mem common/check common/errors
/* bus_proto: topics, on which ZeroMQ filters, and what two processes must compute alike. */
#include "common/bus_proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_topics(void **unused)
{
    static const enum bus_topic topics[] = {BUS_TOPIC_SHARD, BUS_TOPIC_PULSE, BUS_TOPIC_ROOM,
                                            BUS_TOPIC_WORKER, BUS_TOPIC_ALL};
    static const uint64_t ids[] = {0, 1, 255, 256, UINT32_MAX, JSON_INTEGER_MAX, UINT64_MAX};
    uint8_t bytes[BUS_TOPIC_SIZE + 1] = {0};
    enum bus_topic topic;
    uint64_t id;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        for (size_t j = 0; j < ARRAY_LEN(ids); j++) {
            bus_topic_encode(topics[i], ids[j], bytes);
            assert_int_equal(bytes[0], topics[i]);
            if (topics[i] == BUS_TOPIC_ROOM && ids[j] > JSON_INTEGER_MAX) {
                assert_false(bus_topic_decode(bytes, BUS_TOPIC_SIZE, &topic, &id));
                continue; /* no room has such an id */
            }
            assert_true(bus_topic_decode(bytes, BUS_TOPIC_SIZE, &topic, &id));
            assert_int_equal(topic, topics[i]);
            assert_true(id == ids[j]);
            for (size_t len = 0; len < BUS_TOPIC_SIZE; len++)
                assert_false(bus_topic_decode(bytes, len, &topic, &id));
            assert_false(bus_topic_decode(bytes, BUS_TOPIC_SIZE + 1, &topic, &id));
        }
    bytes[0] = 'x';
    assert_false(bus_topic_decode(bytes, BUS_TOPIC_SIZE, &topic, &id));
    bytes[0] = 0;
    assert_false(bus_topic_decode(bytes, BUS_TOPIC_SIZE, &topic, &id));
}

/* Two programs must agree on these; and swapped, neighbouring and summed pairs differ. */
static void test_digest(void **unused)
{
    (void)unused;
    assert_true(bus_presence_digest(1, 2) == bus_presence_digest(1, 2));
    assert_true(bus_presence_digest(1, 2) != bus_presence_digest(2, 1));
    assert_true(bus_presence_digest(0, 0) == 0);
    assert_true((bus_presence_digest(1, 1) ^ bus_presence_digest(2, 2)) !=
                (bus_presence_digest(1, 2) ^ bus_presence_digest(2, 1)));
    assert_int_equal(bus_shard(SHARD_COUNT), 0);
    assert_int_equal(bus_shard(SHARD_COUNT + 5), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
