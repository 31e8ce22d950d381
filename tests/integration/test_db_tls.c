// needs: common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/check

/* TLS to the database, against servers of this program's own: one with a certificate of a CA that
 * is made here, one without TLS. Runs from the top of the repository. */
#include "database.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static unsigned tls_port;
static unsigned plain_port;

static void run(const char *format, ...) ATTR_PRINTF(1, 2);
static void run(const char *format, ...)
{
    char command[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* Free a moment ago; the test says so if it no longer is. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* ca.pem, and other.pem that signed nothing; a server's certificate for "localhost", a client's. */
static void make_certificates(void)
{
    static const char *const names[] = {"server", "client"};

    for (size_t i = 0; i < 2; i++)
        run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            "-subj '/CN=Banter test CA %zu' -keyout %s/%s.key -out %s/%s.pem 2>/dev/null",
            i, folder, i == 0 ? "ca" : "other", folder, i == 0 ? "ca" : "other");
    run("printf 'subjectAltName=DNS:localhost\n' > %s/san", folder);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        run("cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            "-subj '/CN=%s' -keyout %s.key -out %s.csr 2>/dev/null && openssl x509 -req -in %s.csr "
            "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out %s.pem 2>/dev/null",
            folder, i == 0 ? "localhost" : "client", names[i], names[i], names[i], names[i]);
    run("chmod -R a+rX %s && chmod a+r %s/*.key", folder, folder);
}

static void start_server(const char *name, unsigned port, const char *options)
{
    run("BANTER_MARIADB_ARGS='--skip-networking=0 --bind-address=127.0.0.1 --port=%u %s' "
        "sh deploy/mariadb.sh start %s/%s",
        port, options, folder, name);
    run("mariadb --no-defaults --socket=%s/%s/mariadb.sock --user=root -e \""
        "CREATE USER tls@'127.0.0.1' IDENTIFIED BY 'p'; GRANT ALL ON banter.* TO tls@'127.0.0.1'; "
        "CREATE USER client@'127.0.0.1' REQUIRE X509; "
        "GRANT ALL ON banter.* TO client@'127.0.0.1'\"",
        folder, name);
}

static int setup(void **state ATTR_UNUSED)
{
    char *options;

    snprintf(folder, sizeof(folder), "/tmp/banter-tls.XXXXXX");
    assert_non_null(mkdtemp(folder));
    make_certificates();
    tls_port = free_port();
    options = mem_printf("--ssl-ca=%s/ca.pem --ssl-cert=%s/server.pem --ssl-key=%s/server.key",
                         folder, folder, folder);
    start_server("with", tls_port, options);
    mem_free(options);
    plain_port = free_port();
    start_server("without", plain_port, "--skip-ssl");
    return 0;
}

static int teardown(void **state ATTR_UNUSED)
{
    run("sh deploy/mariadb.sh stop %s/with; sh deploy/mariadb.sh stop %s/without; rm -rf %s",
        folder, folder, folder);
    return 0;
}

/* Connects as the URL's rest says; the cipher of the session, "" for none. */
static enum err cipher_of(const char *user, const char *host, unsigned port, const char *rest,
                          char cipher[64])
{
    char *url = mem_printf("mysql://%s@%s:%u/banter%s", user, host, port, rest);
    struct db *db = database_connect(url);
    enum err err = db_run(db, "SHOW STATUS LIKE 'Ssl_cipher'", NULL, 0);

    cipher[0] = '\0';
    if (err == ERR_NONE && db_next(db)) {
        struct span value = db_col_bytes(db, 1);

        snprintf(cipher, 64, "%.*s", (int)value.len, (const char *)value.data);
    }
    mem_free(url);
    db_destroy(&db);
    return err;
}

static void test_required(void **state ATTR_UNUSED)
{
    char cipher[64];

    assert_int_equal(cipher_of("tls:p", "127.0.0.1", tls_port, "?tls=required", cipher), ERR_NONE);
    assert_string_not_equal(cipher, "");
    print_message("cipher %s\n", cipher);
}

static void test_verify(void **state ATTR_UNUSED)
{
    char cipher[64];
    char *right = mem_printf("?tls=verify&tls_ca=%s/ca.pem", folder);
    char *wrong = mem_printf("?tls=verify&tls_ca=%s/other.pem", folder);

    assert_int_equal(cipher_of("tls:p", "localhost", tls_port, right, cipher), ERR_NONE);
    assert_string_not_equal(cipher, "");
    /* The right chain, another name. */
    assert_int_equal(cipher_of("tls:p", "127.0.0.1", tls_port, right, cipher),
                     ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(cipher_of("tls:p", "localhost", tls_port, wrong, cipher),
                     ERR_DATABASE_UNAVAILABLE);
    /* Nobody whom the system trusts has signed it. */
    assert_int_equal(cipher_of("tls:p", "localhost", tls_port, "?tls=verify", cipher),
                     ERR_DATABASE_UNAVAILABLE);
    mem_free(right);
    mem_free(wrong);
}

static void test_client_certificate(void **state ATTR_UNUSED)
{
    char cipher[64];
    char *with =
        mem_printf("?tls=verify&tls_ca=%s/ca.pem&tls_cert=%s/client.pem&tls_key=%s/client.key",
                   folder, folder, folder);

    assert_int_equal(cipher_of("client", "localhost", tls_port, with, cipher), ERR_NONE);
    assert_int_equal(cipher_of("client", "localhost", tls_port, "?tls=required", cipher),
                     ERR_DATABASE_UNAVAILABLE);
    mem_free(with);
}

static void test_server_without(void **state ATTR_UNUSED)
{
    char cipher[64];
    char *verify = mem_printf("?tls=verify&tls_ca=%s/ca.pem", folder);

    assert_int_equal(cipher_of("tls:p", "127.0.0.1", plain_port, "", cipher), ERR_NONE);
    assert_string_equal(cipher, "");
    assert_int_equal(cipher_of("tls:p", "127.0.0.1", plain_port, "?tls=required", cipher),
                     ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(cipher_of("tls:p", "localhost", plain_port, verify, cipher),
                     ERR_DATABASE_UNAVAILABLE);
    mem_free(verify);
}

static void test_missing_file(void **state ATTR_UNUSED)
{
    char error[192] = "";

    assert_null(db_create("mysql://u:secret@h/c?tls=verify&tls_ca=/no/such", error, sizeof(error)));
    assert_non_null(strstr(error, "/no/such, which cannot be read: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_required),           cmocka_unit_test(test_verify),
        cmocka_unit_test(test_client_certificate), cmocka_unit_test(test_server_without),
        cmocka_unit_test(test_missing_file),
    };
    int status;

    db_library_init();
    status = cmocka_run_group_tests(tests, setup, teardown);
    db_library_fini();
    return status;
}
