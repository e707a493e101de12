/* The line between the nodes of a swarm: counts each UDP datagram sent and holds it for a while.

   Preloaded (LD_PRELOAD) into a process that runs a whole swarm on loopback, so every peer, in
   whatever language, sends through the same line. wire_delay(us) sets the one-way delay, at first 0:
   sent at once. wire_datagrams() and wire_bytes() say what has been sent. At QUEUE_MAX datagrams on
   their way a sender waits. Build: gcc -O2 -shared -fPIC -o wire.so wire.c -ldl -lpthread */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define DATAGRAM_BYTES_MAX 2048
#define QUEUE_MAX 16384

struct held {
    struct timespec due;
    int fd;
    socklen_t to_bytes;
    struct sockaddr_storage to;
    size_t bytes;
    char data[DATAGRAM_BYTES_MAX];
};

static ssize_t (*real_sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
static ssize_t (*real_sendmsg)(int, const struct msghdr *, int);
static atomic_ulong datagrams, bytes_sent;
static atomic_long delay_us;
static struct held *queue; /* the delay is the same for all, so first in is first out */
static size_t first, count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

unsigned long wire_datagrams(void) { return atomic_load(&datagrams); }
unsigned long wire_bytes(void) { return atomic_load(&bytes_sent); }

static void *deliver(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (count == 0) pthread_cond_wait(&changed, &lock);
        struct held *next = &queue[first];
        pthread_mutex_unlock(&lock);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next->due, NULL);
        real_sendto(next->fd, next->data, next->bytes, MSG_NOSIGNAL,
                    (struct sockaddr *)&next->to, next->to_bytes);
        pthread_mutex_lock(&lock);
        first = (first + 1) % QUEUE_MAX;
        count--;
        pthread_cond_broadcast(&changed);
    }
    return NULL;
}

__attribute__((constructor)) static void begin(void) {
    real_sendto = dlsym(RTLD_NEXT, "sendto");
    real_sendmsg = dlsym(RTLD_NEXT, "sendmsg");
}

void wire_delay(long us) {
    pthread_t thread;
    if (queue == NULL) {
        queue = calloc(QUEUE_MAX, sizeof *queue);
        pthread_create(&thread, NULL, deliver, NULL);
    }
    atomic_store(&delay_us, us);
}

static int is_datagram(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

static ssize_t hold(int fd, const struct iovec *parts, size_t parts_count, const void *to,
                    socklen_t to_bytes) {
    struct held *last;
    pthread_mutex_lock(&lock);
    while (count == QUEUE_MAX) pthread_cond_wait(&changed, &lock);
    last = &queue[(first + count) % QUEUE_MAX];
    last->fd = fd;
    last->bytes = 0;
    for (size_t part = 0; part < parts_count; part++) {
        if (last->bytes + parts[part].iov_len > DATAGRAM_BYTES_MAX) {
            pthread_mutex_unlock(&lock);
            errno = EMSGSIZE;
            return -1;
        }
        memcpy(last->data + last->bytes, parts[part].iov_base, parts[part].iov_len);
        last->bytes += parts[part].iov_len;
    }
    last->to_bytes = to_bytes;
    memcpy(&last->to, to, to_bytes);
    clock_gettime(CLOCK_MONOTONIC, &last->due);
    last->due.tv_nsec += atomic_load(&delay_us) * 1000;
    last->due.tv_sec += last->due.tv_nsec / 1000000000;
    last->due.tv_nsec %= 1000000000;
    count++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return (ssize_t)last->bytes;
}

static ssize_t carry(int fd, const struct iovec *parts, size_t parts_count, int flags,
                     const struct sockaddr *to, socklen_t to_bytes) {
    struct msghdr message = {.msg_name = (void *)to, .msg_namelen = to_bytes,
                             .msg_iov = (struct iovec *)parts, .msg_iovlen = parts_count};
    size_t bytes = 0;
    if (to != NULL && is_datagram(fd)) {
        for (size_t part = 0; part < parts_count; part++) bytes += parts[part].iov_len;
        atomic_fetch_add(&datagrams, 1);
        atomic_fetch_add(&bytes_sent, bytes);
        if (atomic_load(&delay_us) > 0) return hold(fd, parts, parts_count, to, to_bytes);
    }
    return real_sendmsg(fd, &message, flags);
}

ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *to,
               socklen_t to_bytes) {
    struct iovec part = {(void *)data, bytes};
    return carry(fd, &part, 1, flags, to, to_bytes);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (message->msg_name != NULL && message->msg_controllen == 0)
        return carry(fd, message->msg_iov, message->msg_iovlen, flags, message->msg_name,
                     message->msg_namelen);
    return real_sendmsg(fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int messages_count, int flags) {
    for (unsigned int index = 0; index < messages_count; index++) {
        ssize_t sent = sendmsg(fd, &messages[index].msg_hdr, flags);
        if (sent < 0) return index > 0 ? (int)index : -1;
        messages[index].msg_len = (unsigned int)sent;
    }
    return (int)messages_count;
}
