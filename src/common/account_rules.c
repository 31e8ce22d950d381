#include "common/account_rules.h"

#include "common/common_passwords.h"
#include "common/unicode.h"
#include "common/utf8.h"

#include <string.h>

#define EMAIL_LOCAL_BYTES_MAX 64 /* RFC 5321, 4.5.3.1.1 */
#define DOMAIN_LABEL_MAX      63 /* RFC 1035, 2.3.4 */

static const char username_sentence[] =
    "username must have 1 to 64 characters that can be seen; single blanks may stand between them.";
static const char email_sentence[] =
    "email must be an address of at most 254 characters, as name@example.org.";

static struct span from(const char *text, size_t len)
{
    return (struct span){(const uint8_t *)text, len};
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

/* ---- names ---- */

static bool has_control_character(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f ||
            /* U+0080 to U+009F: terminals take them for commands, too */
            (text.data[i] == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0))
            return true;
    return false;
}

const char *account_known_username_fault(struct span username)
{
    if (username.len == 0 || utf8_length(username.data, username.len) > USERNAME_CHARS_MAX ||
        has_control_character(username))
        return "username must have 1 to 64 characters, none of them a control.";
    return NULL;
}

bool account_normal_username(struct span sent, struct account_name *name_out)
{
    /* Composing makes four characters one at most. */
    return sent.len <= sizeof(name_out->text) * UTF8_BYTES_PER_CHAR_MAX &&
           unicode_nfc(sent, name_out->text, sizeof(name_out->text), &name_out->len) &&
           utf8_length(name_out->text, name_out->len) <= USERNAME_CHARS_MAX;
}

/* " ada", "ada " and "a  da" look like somebody else. */
static bool has_stray_blank(const char *text, size_t len)
{
    return text[0] == ' ' || text[len - 1] == ' ' || strstr(text, "  ") != NULL;
}

const char *account_take_username(struct span sent, struct account_name *name_out)
{
    if (sent.len == 0 || !account_normal_username(sent, name_out) ||
        !unicode_visible(from(name_out->text, name_out->len)) ||
        has_stray_blank(name_out->text, name_out->len))
        return username_sentence;
    return NULL;
}

/* ---- e-mail addresses ---- */

/* RFC 5322, 3.2.3: what an atom is made of; RFC 6531 adds what is not ASCII. */
static bool is_atom(uint8_t byte)
{
    return byte >= 0x80 || (byte >= '0' && byte <= '9') ||
           (lower(byte) >= 'a' && lower(byte) <= 'z') ||
           (byte != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", byte) != NULL);
}

static bool is_label(uint8_t byte)
{
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           byte == '-';
}

/* Parts of what belongs, none empty, with dots between them. */
static bool is_dotted(struct span text, size_t part_max, bool (*belongs)(uint8_t byte))
{
    size_t part = 0;

    for (size_t i = 0; i < text.len; i++) {
        bool dot = text.data[i] == '.';

        if (dot ? part == 0 : !belongs(text.data[i]) || part == part_max)
            return false;
        part = dot ? 0 : part + 1;
    }
    return part > 0;
}

/* RFC 1123, 2.1: a label neither begins nor ends with a hyphen. */
static bool has_stray_hyphen(struct span domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if (domain.data[i] == '-' && (i == 0 || domain.data[i - 1] == '.' || i + 1 == domain.len ||
                                      domain.data[i + 1] == '.'))
            return true;
    return false;
}

static bool is_address(struct span email, size_t at)
{
    struct span local = {email.data, at};
    struct span domain = {email.data + at + 1, email.len - at - 1};

    return local.len <= EMAIL_LOCAL_BYTES_MAX && is_dotted(local, EMAIL_LOCAL_BYTES_MAX, is_atom) &&
           is_dotted(domain, DOMAIN_LABEL_MAX, is_label) && !has_stray_hyphen(domain) &&
           unicode_visible(email);
}

const char *account_take_email(struct span sent, struct account_email *email_out)
{
    const char *at;

    if (sent.len > sizeof(email_out->text) ||
        !unicode_nfc(sent, email_out->text, sizeof(email_out->text), &email_out->len) ||
        utf8_length(email_out->text, email_out->len) > EMAIL_CHARS_MAX)
        return email_sentence;
    at = memchr(email_out->text, '@', email_out->len);
    if (at == NULL)
        return email_sentence;
    for (char *c = email_out->text + (at - email_out->text); *c != '\0'; c++)
        *c = (char)lower((uint8_t)*c);
    /* A second "@" is in no label. */
    return is_address(from(email_out->text, email_out->len), (size_t)(at - email_out->text))
               ? NULL
               : email_sentence;
}

/* ---- passwords ---- */

const char *account_password_fault(struct span password)
{
    if (password.len == 0 || password.len > PASSWORD_BYTES_MAX)
        return "password must have 1 to 1,024 bytes.";
    return NULL;
}

static bool is_one_character(struct span password)
{
    return password.len > 0 && memcmp(password.data, password.data + 1, password.len - 1) == 0;
}

static bool is_same(struct span password, struct span other)
{
    if (other.data == NULL || password.len != other.len)
        return false;
    for (size_t i = 0; i < other.len; i++)
        if (lower(password.data[i]) != lower(other.data[i]))
            return false;
    return true;
}

enum err account_check_new_password(struct span password, struct span username, struct span email,
                                    const char **sentence_out)
{
    if (password.len < PASSWORD_BYTES_MIN) {
        *sentence_out = "password must have at least 8 bytes.";
        return ERR_PASSWORD_TOO_SHORT;
    }
    if (password.len > PASSWORD_BYTES_MAX) {
        *sentence_out = "password must have at most 1,024 bytes.";
        return ERR_VALIDATION;
    }
    if (common_passwords_have(password) || is_one_character(password) ||
        is_same(password, username) || is_same(password, email)) {
        *sentence_out = "password is one of those that are tried first: choose another.";
        return ERR_PASSWORD_TOO_COMMON;
    }
    return ERR_NONE;
}
