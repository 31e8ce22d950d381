// needs: common/mem common/check
#include "common/networks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct ip_address address(const char *text)
{
    struct ip_address out;

    if (!ip_address_parse((struct span){(const uint8_t *)text, strlen(text)}, &out))
        fail_msg("%s is no address", text);
    return out;
}

static void test_addresses(void **state ATTR_UNUSED)
{
    static const char *const same[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:201", "192.0.2.1"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"::1", "::1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    static const char *const bad[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.04",
        "01.2.3.4",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4:5",
        "[::1]",
        "::1%lo",
        "localhost",
        ":::",
        "1:2:3:4:5:6:7",
        "g::1",
        "0x7f.1",
        "1.2.3.4/8",
        "unknown",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555555",
    };
    char text[IP_ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct ip_address got = address(same[i][0]);

        assert_string_equal(ip_address_format(&got, text), same[i][1]);
        assert_true(ip_address_known(&got));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ip_address got;

        if (ip_address_parse((struct span){(const uint8_t *)bad[i], strlen(bad[i])}, &got))
            fail_msg("%s is taken", bad[i]);
    }
    struct ip_address got;
    assert_false(ip_address_parse((struct span){(const uint8_t *)"1.2.3.4\0x", 9}, &got));
    got = address("::");
    assert_false(ip_address_known(&got));
}

static void test_contain(void **state ATTR_UNUSED)
{
    static const struct {
        const char *networks;
        const char *inside; /* with blanks between */
        const char *outside;
    } rows[] = {
        {"", "", "0.0.0.0 127.0.0.1 ::1 ::"},
        {"10.0.0.0/8", "10.0.0.0 10.255.255.255 ::ffff:10.1.2.3", "11.0.0.0 9.255.255.255 ::a00:1"},
        {"192.0.2.5", "192.0.2.5", "192.0.2.4 192.0.2.6"},
        {"192.0.2.4/31", "192.0.2.4 192.0.2.5", "192.0.2.3 192.0.2.6"},
        {"172.16.0.0/12", "172.16.0.1 172.31.255.255", "172.32.0.0 172.15.255.255"},
        {"0.0.0.0/0", "0.0.0.0 255.255.255.255", "::1 2001:db8::1"},
        {"::/0", "::1 1.2.3.4 ffff::", ""},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
        {"::1/128", "::1", "::2 127.0.0.1"},
        {"::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0 ::1"},
        {" 10.0.0.1 ,\t::1 , 192.0.2.0/24", "10.0.0.1 ::1 192.0.2.77", "10.0.0.2 ::"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct networks networks;
        char error[128];

        if (!networks_parse(rows[i].networks, &networks, error, sizeof(error)))
            fail_msg("%s: %s", rows[i].networks, error);
        for (int in = 0; in < 2; in++) {
            char list[128];
            char *at = list;
            char *word;

            strcpy(list, in != 0 ? rows[i].inside : rows[i].outside);
            while ((word = strsep(&at, " ")) != NULL) {
                struct ip_address one;

                if (word[0] == '\0')
                    continue;
                one = address(word);
                if (networks_contain(&networks, &one) != (in != 0))
                    fail_msg("%s in %s: not %d", word, rows[i].networks, in);
            }
        }
        networks_fini(&networks);
        assert_int_equal(networks.count, 0);
    }
}

static void test_bad(void **state ATTR_UNUSED)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {",", "nothing between"},
        {"10.0.0.1,", "nothing between"},
        {"10.0.0.1,,::1", "nothing between"},
        {"10.0.0.0/33", "0 to 32"},
        {"10.0.0.0/", "0 to 32"},
        {"10.0.0.0/-1", "0 to 32"},
        {"10.0.0.0/08", "0 to 32"},
        {"10.0.0.0/8/8", "0 to 32"},
        {"10.0.0.0/255.0.0.0", "0 to 32"},
        {"::/129", "0 to 128"},
        {"::/1000", "0 to 128"},
        {"10.0.0.1/8", "behind the prefix"},
        {"2001:db8::1/64", "behind the prefix"},
        {"10.0.0.0 /8", "an address"},
        {"10.0.0.0/ 8", "0 to 32"},
        {"10.0.0.1 ::1", "an address"},
        {"balancer", "an address"},
        {"[::1]", "an address"},
        {"fe80::1%eth0", "an address"},
        {"/8", "an address"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct networks networks;
        char error[128] = "";

        if (networks_parse(rows[i].text, &networks, error, sizeof(error)))
            fail_msg("%s is taken", rows[i].text);
        if (strstr(error, rows[i].says) == NULL)
            fail_msg("%s: '%s' does not say '%s'", rows[i].text, error, rows[i].says);
        assert_null(networks.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_contain),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
