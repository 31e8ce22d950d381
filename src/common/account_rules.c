#include "common/account_rules.h"

#include "common/limits.h"
#include "common/utf8.h"

static bool has_control_character(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f ||
            /* U+0080 to U+009F: terminals take them for commands, too */
            (text.data[i] == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0))
            return true;
    return false;
}

const char *account_username_fault(struct span username)
{
    if (username.len == 0 || utf8_length(username.data, username.len) > USERNAME_CHARS_MAX ||
        has_control_character(username))
        return "username must have 1 to 64 characters, none of them a control.";
    return NULL;
}

static bool email_plausible(struct span email)
{
    const uint8_t *at = email.len > 0 ? memchr(email.data, '@', email.len) : NULL;
    size_t local = at != NULL ? (size_t)(at - email.data) : 0;

    if (local == 0 || local + 1 >= email.len || has_control_character(email))
        return false;
    return memchr(at + 1, '@', email.len - local - 1) == NULL &&
           memchr(email.data, ' ', email.len) == NULL;
}

const char *account_email_fault(struct span email)
{
    if (utf8_length(email.data, email.len) > EMAIL_CHARS_MAX || !email_plausible(email))
        return "email must be an address of at most 254 characters.";
    return NULL;
}

const char *account_password_fault(struct span password)
{
    if (password.len == 0 || password.len > PASSWORD_BYTES_MAX)
        return "password must have 1 to 1,024 bytes.";
    return NULL;
}
