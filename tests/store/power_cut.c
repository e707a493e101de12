/* A file system whose power can be cut: what was written and not synchronised may be lost.
 *
 * Preloaded into the process that writes. Each write to a file in FERNRUF_CARD is done, and what
 * was there before is noted in FERNRUF_CARD_LOG; so is each fsync. After the process is killed,
 * tests/store/power.py takes back whatever part of the unsynchronised writes it likes.
 * Files are only ever begun anew by removing them first, so a removed one counts as synchronised.
 * A record of the log: kind, length of the path, place, length before, length of the bytes that
 * follow (little-endian), path, bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define SYNC_US 2000 /* a card takes its time: most cuts fall into it */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct head {
    uint8_t kind; /* 'w' write or truncate, 's' synchronised, 'r' renamed */
    uint16_t path_bytes;
    uint64_t place;
    uint64_t size_before;
    uint32_t bytes;
} __attribute__((packed));

static pid_t log_owner;
static int log_file = -1;

/* Each process begins its own log. */
static int open_log(void) {
    if (log_owner != getpid()) {
        log_owner = getpid();
        log_file = NEXT(open)(getenv("FERNRUF_CARD_LOG"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    }
    return log_file;
}

static int path_of(int file, char *path, size_t size) {
    const char *card = getenv("FERNRUF_CARD");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = card ? readlink(link, path, size - 1) : -1;
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, card, strlen(card)) && !strstr(path, "-shm");
}

static void note(uint8_t kind, const char *path, uint64_t place, uint64_t size, const void *bytes,
                 size_t length) {
    size_t path_bytes = strlen(path), total = sizeof(struct head) + path_bytes + length;
    struct head head = {kind, path_bytes, place, size, length};
    char *record = malloc(total);
    memcpy(record, &head, sizeof head);
    memcpy(record + sizeof head, path, path_bytes);
    memcpy(record + sizeof head + path_bytes, bytes, length);
    if (NEXT(write)(open_log(), record, total) != (ssize_t)total) abort();
    free(record);
}

/* What is in a file where `length` bytes are about to be changed. */
static void note_write(int file, off_t place, size_t length) {
    char path[512];
    struct stat state;
    if (!path_of(file, path, sizeof path) || fstat(file, &state)) return;
    char *before = malloc(length + 1);
    ssize_t got = pread(file, before, length, place); /* none of a file that is only written */
    note('w', path, place, state.st_size, before, got > 0 ? got : 0);
    free(before);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t place) {
    note_write(file, place, length);
    return NEXT(pwrite64)(file, data, length, place);
}

ssize_t pwrite(int file, const void *data, size_t length, off_t place) {
    note_write(file, place, length);
    return NEXT(pwrite)(file, data, length, place);
}

ssize_t write(int file, const void *data, size_t length) {
    char path[512];
    if (file > 2 && file != log_file && path_of(file, path, sizeof path))
        note_write(file, lseek(file, 0, SEEK_CUR), length);
    return NEXT(write)(file, data, length);
}

static void note_truncate(int file, off_t length) {
    struct stat state;
    if (!fstat(file, &state) && state.st_size > length) note_write(file, length, state.st_size - length);
}

int ftruncate(int file, off_t length) {
    note_truncate(file, length);
    return NEXT(ftruncate)(file, length);
}

int ftruncate64(int file, off64_t length) {
    note_truncate(file, length);
    return NEXT(ftruncate64)(file, length);
}

static void note_sync(int file) {
    char path[512];
    if (path_of(file, path, sizeof path)) note('s', path, 0, 0, "", 0);
}

int fsync(int file) {
    usleep(SYNC_US);
    int result = NEXT(fsync)(file);
    note_sync(file);
    return result;
}

int fdatasync(int file) {
    usleep(SYNC_US);
    int result = NEXT(fdatasync)(file);
    note_sync(file);
    return result;
}

int unlink(const char *path) {
    const char *card = getenv("FERNRUF_CARD");
    if (card && !strncmp(path, card, strlen(card))) note('s', path, 0, 0, "", 0);
    return NEXT(unlink)(path);
}

int rename(const char *from, const char *to) {
    const char *card = getenv("FERNRUF_CARD");
    if (card && !strncmp(to, card, strlen(card))) note('r', to, 0, 0, from, strlen(from));
    return NEXT(rename)(from, to);
}
