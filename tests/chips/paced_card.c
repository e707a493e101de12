/* A sound card made of a timer: an ALSA ioplug plug-in, so that the real alsaaudio is tested.
 *
 * It keeps the time of its own crystal (`ppm` beside CLOCK_MONOTONIC), loses sound when nobody
 * reads or writes in time (-EPIPE), and is pulled out while the file `gone` exists (-ENODEV).
 * What is played is written into the file `air` at the sample of CLOCK_MONOTONIC at which it is
 * heard; the microphone hears `air` `echo_samples` later and `echo_percent` as loud, together with
 * the file `mouth`, which is spoken from the moment the microphone opens. The file `log` followed by
 * `.capture` or `.playback` tells at which sample the stream began for the first time, and of all
 * samples played how many there were and how long they waited in the card together.
 * Units: samples of `rate`. Source: alsa-lib, pcm_ioplug.h (external I/O plug-in SDK 1.0.2).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

#define AIR_SAMPLES (1 << 23) /* some minutes; a sparse file */
#define LATE_NS 100000        /* a tick comes this much after its period is over */

typedef struct {
	snd_pcm_ioplug_t io;
	long rate, channels, period_min, period_max, ppm, echo_samples, echo_percent;
	char *gone, *air_path, *mouth_path, *log;
	int16_t *air, *mouth;
	long mouth_samples;
	int64_t start_ns, start_sample; /* of the running stream */
	int64_t moved;                  /* samples read or written since prepare */
	int16_t *queued;                /* written before the start */
	int64_t first_sample, waited, transferred;
} card_t;

static int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static double samples_per_ns(card_t *card)
{
	return card->rate * (1.0 + card->ppm * 1e-6) * 1e-9;
}

static int is_gone(card_t *card) { return card->gone && access(card->gone, F_OK) == 0; }

/* Samples that the crystal has counted since the start. */
static int64_t counted(card_t *card)
{
	return (int64_t)((now_ns() - card->start_ns) * samples_per_ns(card));
}

static void tell(card_t *card)
{
	char path[512];
	if (!card->log) return;
	snprintf(path, sizeof path, "%s.%s", card->log,
		 card->io.stream == SND_PCM_STREAM_PLAYBACK ? "playback" : "capture");
	FILE *file = fopen(path, "w");
	if (!file) return;
	fprintf(file, "%lld %lld %lld\n", (long long)card->first_sample,
		(long long)card->transferred, (long long)card->waited);
	fclose(file);
}

static int16_t *air_at(card_t *card, int64_t sample)
{
	return &card->air[(uint64_t)sample % AIR_SAMPLES];
}

static int card_start(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	if (is_gone(card)) return -ENODEV;
	card->start_ns = now_ns();
	card->start_sample = (int64_t)(card->start_ns * 1e-9 * card->rate);
	if (!card->first_sample) {
		card->first_sample = card->start_sample;
		tell(card);
	}
	int64_t period_ns = (int64_t)(io->period_size / samples_per_ns(card));
	int64_t first_ns = card->start_ns + period_ns + LATE_NS;
	struct itimerspec timer = {
		{period_ns / 1000000000, period_ns % 1000000000},
		{first_ns / 1000000000, first_ns % 1000000000},
	};
	if (card->air && io->stream == SND_PCM_STREAM_PLAYBACK)
		for (int64_t i = 0; i < card->moved; i++)
			*air_at(card, card->start_sample + i) = card->queued[i];
	return timerfd_settime(io->poll_fd, TFD_TIMER_ABSTIME, &timer, NULL) < 0 ? -errno : 0;
}

static int card_stop(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	struct itimerspec never = {{0, 0}, {0, 0}};
	timerfd_settime(io->poll_fd, 0, &never, NULL);
	if (card->air && io->stream == SND_PCM_STREAM_PLAYBACK && card->start_ns)
		for (int64_t i = counted(card); i < card->moved; i++)
			*air_at(card, card->start_sample + i) = 0; /* never heard */
	card->start_ns = 0;
	return 0;
}

static int card_prepare(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	if (is_gone(card)) return -ENODEV;
	card->moved = card->start_ns = 0;
	free(card->queued);
	card->queued = calloc(io->buffer_size, sizeof(int16_t));
	return card->queued ? 0 : -ENOMEM;
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	if (is_gone(card)) {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		return -ENODEV;
	}
	if (!card->start_ns) return 0;
	int64_t count = counted(card);
	int is_playback = io->stream == SND_PCM_STREAM_PLAYBACK;
	if (is_playback ? count > card->moved : count - card->moved > (int64_t)io->buffer_size) {
		return -EPIPE;
	}
	return count % (int64_t)io->buffer_size;
}

static int16_t *frame_of(const snd_pcm_channel_area_t *area, snd_pcm_uframes_t at)
{
	return (int16_t *)((char *)area->addr + (area->first + area->step * at) / 8);
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
				       snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
	card_t *card = io->private_data;
	if (is_gone(card)) return -ENODEV;
	if (card->start_ns && io->stream == SND_PCM_STREAM_PLAYBACK) {
		card->waited += size * (card->moved - counted(card));
		card->transferred += size;
		if (card->transferred / card->rate != (card->transferred - (int64_t)size) / card->rate)
			tell(card);
	}
	for (snd_pcm_uframes_t i = 0; i < size; i++, card->moved++) {
		int64_t sample = card->start_sample + card->moved;
		if (io->stream == SND_PCM_STREAM_PLAYBACK) {
			int16_t played = *frame_of(&areas[0], offset + i); /* the left ear */
			if (!card->start_ns) card->queued[card->moved % io->buffer_size] = played;
			else if (card->air) *air_at(card, sample) = played;
			continue;
		}
		long heard = card->moved < card->mouth_samples ? card->mouth[card->moved] : 0;
		if (card->air) heard += *air_at(card, sample - card->echo_samples) * card->echo_percent / 100;
		if (heard > 32767) heard = 32767;
		if (heard < -32768) heard = -32768;
		for (unsigned c = 0; c < io->channels; c++)
			*frame_of(&areas[c], offset + i) = (int16_t)heard;
	}
	return size;
}

static int card_poll_revents(snd_pcm_ioplug_t *io, struct pollfd *pfd, unsigned int nfds,
			     unsigned short *revents)
{
	card_t *card = io->private_data;
	uint64_t ticks;
	(void)nfds;
	*revents = 0;
	if (!(pfd[0].revents & POLLIN)) return 0;
	if (read(io->poll_fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN) return -errno;
	if (is_gone(card)) {
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		*revents = POLLERR | POLLHUP;
		return 0;
	}
	*revents = io->stream == SND_PCM_STREAM_PLAYBACK ? POLLOUT : POLLIN;
	return 0;
}

static int card_close(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	if (card->air) munmap(card->air, AIR_SAMPLES * sizeof(int16_t));
	close(io->poll_fd);
	free(card->mouth);
	free(card->queued);
	free(card->gone);
	free(card->air_path);
	free(card->mouth_path);
	free(card->log);
	free(card);
	return 0;
}

static const snd_pcm_ioplug_callback_t CALLBACKS = {
	.start = card_start,
	.stop = card_stop,
	.pointer = card_pointer,
	.transfer = card_transfer,
	.prepare = card_prepare,
	.poll_revents = card_poll_revents,
	.close = card_close,
};

static int constrain(card_t *card)
{
	snd_pcm_ioplug_t *io = &card->io;
	static const unsigned accesses[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
	static const unsigned formats[] = {SND_PCM_FORMAT_S16_LE};
	unsigned frame = 2 * card->channels;
	int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, accesses);
	if (!error) error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, formats);
	if (!error) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, card->rate, card->rate);
	if (!error) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, card->channels, card->channels);
	if (!error) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, card->period_min * frame, card->period_max * frame);
	if (!error) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 32);
	if (!error) error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 2 * card->period_min * frame, 32 * card->period_max * frame);
	return error;
}

static int open_files(card_t *card)
{
	if (card->air_path) {
		int file = open(card->air_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (file < 0 || ftruncate(file, AIR_SAMPLES * sizeof(int16_t)) < 0) return -errno;
		card->air = mmap(NULL, AIR_SAMPLES * sizeof(int16_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		close(file);
		if (card->air == MAP_FAILED) return -errno;
	}
	if (card->mouth_path) {
		FILE *file = fopen(card->mouth_path, "rb");
		if (!file) return -errno;
		fseek(file, 0, SEEK_END);
		card->mouth_samples = ftell(file) / sizeof(int16_t);
		rewind(file);
		card->mouth = calloc(card->mouth_samples + 1, sizeof(int16_t));
		card->mouth_samples = fread(card->mouth, sizeof(int16_t), card->mouth_samples, file);
		fclose(file);
	}
	return 0;
}

SND_PCM_PLUGIN_DEFINE_FUNC(paced)
{
	card_t *card = calloc(1, sizeof *card);
	struct { const char *name; long *number; char **text; } keys[] = {
		{"rate", &card->rate, NULL}, {"channels", &card->channels, NULL},
		{"period_min", &card->period_min, NULL}, {"period_max", &card->period_max, NULL},
		{"ppm", &card->ppm, NULL}, {"echo_samples", &card->echo_samples, NULL},
		{"echo_percent", &card->echo_percent, NULL}, {"gone", NULL, &card->gone},
		{"air", NULL, &card->air_path}, {"mouth", NULL, &card->mouth_path},
		{"log", NULL, &card->log},
	};
	snd_config_iterator_t i, next;
	(void)root;
	card->rate = 16000, card->channels = 1, card->period_min = 16, card->period_max = 4096;
	snd_config_for_each(i, next, conf) {
		snd_config_t *entry = snd_config_iterator_entry(i);
		const char *id, *text;
		if (snd_config_get_id(entry, &id) < 0) continue;
		for (unsigned k = 0; k < sizeof keys / sizeof keys[0]; k++) {
			if (strcmp(id, keys[k].name)) continue;
			if (keys[k].number) snd_config_get_integer(entry, keys[k].number);
			else if (!snd_config_get_string(entry, &text)) *keys[k].text = strdup(text);
		}
	}
	int error = is_gone(card) ? -ENODEV : open_files(card);
	if (error) {
		SNDERR("paced card: %s", snd_strerror(error));
		free(card);
		return error;
	}
	card->io.version = SND_PCM_IOPLUG_VERSION;
	card->io.name = "A sound card made of a timer";
	card->io.callback = &CALLBACKS;
	card->io.private_data = card;
	card->io.mmap_rw = 0;
	card->io.poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	card->io.poll_events = POLLIN;
	error = snd_pcm_ioplug_create(&card->io, name, stream, mode);
	if (error) {
		free(card);
		return error;
	}
	error = constrain(card);
	if (error) {
		snd_pcm_ioplug_delete(&card->io);
		return error;
	}
	*pcmp = card->io.pcm;
	return 0;
}

SND_PCM_PLUGIN_SYMBOL(paced);
