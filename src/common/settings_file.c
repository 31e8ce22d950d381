#include "common/settings_file.h"

#include <ctype.h>
#include <string.h>

void settings_file_init(struct settings_file *file, char *text, size_t len)
{
    file->at = text;
    file->end = text + len;
    file->line = 0;
    *file->end = '\0';
}

/* Takes the space off both ends, in place. */
static char *trim(char *begin, char *end)
{
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (end > begin && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return begin;
}

/* Takes the quotes off; false if they do not fit together. */
static bool unquote(char **value)
{
    char *text = *value;
    size_t len = strlen(text);
    char quote = text[0];

    if (quote != '"' && quote != '\'')
        return true;
    if (len < 2 || text[len - 1] != quote || memchr(text + 1, quote, len - 2) != NULL)
        return false;
    text[len - 1] = '\0';
    *value = text + 1;
    return true;
}

static bool is_name(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] ==
               '\0';
}

/* One line that is neither empty nor a comment; NULL or what is wrong with it. */
static const char *split(char *line, const char **name, const char **value)
{
    char *equals = strchr(line, '=');
    char *text;

    if (equals == NULL)
        return "NAME=value is needed";
    text = trim(equals + 1, equals + 1 + strlen(equals + 1));
    *name = trim(line, equals);
    if (!is_name(*name))
        return "a name has letters, digits and underscores only";
    if (text[0] != '\0' && text[strlen(text) - 1] == '\\')
        return "a value ends with its line; there is no continuing it";
    if (!unquote(&text))
        return "quotes are needed at both ends and nowhere between, or not at all";
    *value = text;
    return NULL;
}

enum settings_file_next settings_file_next(struct settings_file *file, const char **name,
                                           const char **value, const char **why)
{
    while (file->at < file->end) {
        char *begin = file->at;
        char *end = memchr(begin, '\n', (size_t)(file->end - begin));
        char *line;

        if (end == NULL)
            end = file->end;
        file->at = end < file->end ? end + 1 : end;
        file->line++;
        if (memchr(begin, '\0', (size_t)(end - begin)) != NULL) {
            *why = "there is a NUL byte in it";
            return SETTINGS_FILE_BAD;
        }
        line = trim(begin, end);
        if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
            continue;
        *why = split(line, name, value);
        return *why == NULL ? SETTINGS_FILE_LINE : SETTINGS_FILE_BAD;
    }
    return SETTINGS_FILE_END;
}
