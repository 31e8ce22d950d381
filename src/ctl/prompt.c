#include "ctl/prompt.h"

#include "common/mem.h"
#include "ctl/stop.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool prompt_possible(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

/* A line without its end; false at the end of the input, or if it is longer than size - 1 or has a
 * NUL. Read byte by byte, so that no password stays in a buffer of stdio's. */
static bool read_line(char *out, size_t size)
{
    size_t len = 0;
    char c;

    while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n') {
        if (len + 1 >= size || c == '\0')
            return false;
        out[len++] = c;
    }
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    return len > 0;
}

bool prompt_confirm(const struct ctl *ctl, const char *question)
{
    char answer[16];

    if (ctl->yes)
        return true;
    if (!prompt_possible()) {
        ctl_complain("%s There is no terminal to ask at: say --yes.", question);
        return false;
    }
    fprintf(stderr, "%s Type \"yes\": ", question);
    fflush(stderr);
    if (read_line(answer, sizeof(answer)) && strcmp(answer, "yes") == 0)
        return true;
    ctl_complain("not done.");
    return false;
}

static bool read_hidden(const char *what, char *out)
{
    struct termios before;
    struct termios hidden;
    bool good;

    fputs(what, stderr);
    fflush(stderr);
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    stop_on_signals(); /* Ctrl-C must not leave a terminal without echo */
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0)
        return false;
    good = read_line(out, PASSWORD_BYTES_MAX + 1) && !stop_requested();
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return good;
}

bool prompt_password(bool from_stdin, char out[PASSWORD_BYTES_MAX + 1])
{
    char again[PASSWORD_BYTES_MAX + 1];
    bool good;

    if (from_stdin) {
        if (read_line(out, PASSWORD_BYTES_MAX + 1))
            return true;
        ctl_complain("the first line of stdin is no password of 1 to %d bytes.",
                     PASSWORD_BYTES_MAX);
        return false;
    }
    if (!read_hidden("Password: ", out) || !read_hidden("Once more: ", again)) {
        ctl_complain(stop_requested() ? "not done." : "a password of 1 to 1,024 bytes is needed.");
        return false;
    }
    good = strcmp(out, again) == 0;
    mem_wipe(again, sizeof(again));
    if (!good)
        ctl_complain("these two are not the same.");
    return good;
}
