// needs: common/digest common/mem common/check

/* Any text is a URL or a sentence; what is taken has the parts that a connection needs.
 * A setting is one text: there is nothing to cut. */
#include "common/db_url.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char error[160] = "";
    struct db_url url;

    if (db_url_parse(text, &url, error, sizeof(error))) {
        CHECK(url.user[0] != '\0' && url.name[0] != '\0' && url.port != 0);
        CHECK((url.host == NULL) != (url.socket == NULL));
        CHECK(url.tls_ca == NULL || (url.tls == DB_URL_TLS_VERIFY && url.tls_ca[0] == '/'));
        CHECK((url.tls_cert == NULL) == (url.tls_key == NULL));
        CHECK(url.tls == DB_URL_TLS_ANY || url.host != NULL);
        db_url_fini(&url);
    } else {
        CHECK(error[0] != '\0' && strlen(error) < sizeof(error) - 1);
    }
    mem_free(text);
    return 0;
}
