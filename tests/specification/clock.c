/* Sets a process's clock ahead, or behind: what the system says of the time of day, and so many seconds. Preloaded
 * into a worker by a test. How fast time passes stays as it is. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *at) {
    int told = (int)syscall(SYS_clock_gettime, which, at);
    if (told == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        const char *ahead_s = getenv("CLOCK_AHEAD_S");
        at->tv_sec += ahead_s == NULL ? 0 : atol(ahead_s);
    }
    return told;
}
