#include "ctl/progress.h"

#include "common/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_MS        200
#define LINE_MS       5000
#define BAR_WIDTH_MAX 30
#define WIDTH_UNKNOWN 80
#define S_PER_MINUTE  60
#define MINUTES_PER_H 60

static void add_duration(struct strbuf *out, uint64_t seconds)
{
    uint64_t minutes = seconds / S_PER_MINUTE;

    if (minutes >= MINUTES_PER_H)
        strbuf_printf(out, "%llu:%02u:%02u", (unsigned long long)(minutes / MINUTES_PER_H),
                      (unsigned)(minutes % MINUTES_PER_H), (unsigned)(seconds % S_PER_MINUTE));
    else
        strbuf_printf(out, "%u:%02u", (unsigned)minutes, (unsigned)(seconds % S_PER_MINUTE));
}

static void add_bar(struct strbuf *out, double share, size_t width)
{
    size_t full = (size_t)(share * (double)width);

    strbuf_add_str(out, " [");
    for (size_t i = 0; i < width; i++)
        strbuf_add_char(out, i < full ? '#' : '.');
    strbuf_add_char(out, ']');
}

void progress_format(const struct progress *progress, uint64_t now_ms, size_t width,
                     struct strbuf *out)
{
    uint64_t done = progress->total != 0 ? MIN(progress->done, progress->total) : progress->done;
    double share = progress->total != 0 ? (double)done / (double)progress->total : 0;
    double seconds = (double)(now_ms - progress->started_ms) / 1000;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    struct strbuf text = STRBUF_EMPTY;

    strbuf_printf(&text, " %llu", (unsigned long long)done);
    if (progress->total != 0)
        strbuf_printf(&text, " of %llu", (unsigned long long)progress->total);
    strbuf_printf(&text, " %s", progress->unit);
    if (progress->total != 0)
        strbuf_printf(&text, ", %u %%", (unsigned)(share * 100));
    strbuf_printf(&text, ", %.0f/s", rate);
    if (progress->total != 0 && rate > 0) {
        strbuf_add_str(&text, ", ");
        add_duration(&text, (uint64_t)((double)(progress->total - done) / rate + 0.5));
        strbuf_add_str(&text, " left");
    }
    strbuf_add_str(out, progress->what);
    if (progress->total != 0 && progress->terminal) {
        size_t used = strlen(progress->what) + text.len + 4;

        if (used + 5 < width)
            add_bar(out, share, MIN(width - used, (size_t)BAR_WIDTH_MAX));
    }
    strbuf_add(out, text.data, text.len);
    if (out->len > width) {
        out->len = width;
        out->data[width] = '\0';
    }
    strbuf_fini(&text);
}

static size_t terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return (size_t)size.ws_col - 1;
    return WIDTH_UNKNOWN - 1;
}

void progress_start(struct progress *progress, const char *what, const char *unit, uint64_t total,
                    bool silent)
{
    *progress = (struct progress){.what = what, .unit = unit, .total = total, .silent = silent};
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->started_ms = clock_mono_ms();
    progress->shown_ms = progress->started_ms;
}

void progress_update(struct progress *progress, uint64_t done)
{
    uint64_t now_ms = clock_mono_ms();
    struct strbuf line = STRBUF_EMPTY;

    progress->done = done;
    if (progress->silent ||
        now_ms - progress->shown_ms < (uint64_t)(progress->terminal ? BAR_MS : LINE_MS))
        return;
    progress->shown_ms = now_ms;
    progress_format(progress, now_ms, progress->terminal ? terminal_width() : 200, &line);
    /* To the line's beginning, and the rest of it away. */
    fprintf(stderr, progress->terminal ? "\r%s\033[K" : "%s\n", strbuf_str(&line));
    fflush(stderr);
    strbuf_fini(&line);
}

void progress_end(struct progress *progress)
{
    if (!progress->silent && progress->terminal && progress->shown_ms != progress->started_ms)
        fputs("\r\033[K", stderr);
    progress->silent = true;
}
