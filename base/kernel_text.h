/*
 * kernel_text - numbers out of what /proc, /sys and control groups say.
 *
 * Pure: whoever reads the files passes their text, ending in NUL. What is not
 * there, is no number, or is beyond int64 is answered by false, never by 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers behind `key` on the line that begins with it ("MemTotal:", "cpu",
 * "inactive_file"); "" for the first line. How many could be read, at most `max`. */
size_t kernel_text_numbers(const char *text, const char *key, int64_t *out, size_t max);

/* The first of them. */
bool kernel_text_number(const char *text, const char *key, int64_t *out);

/* /proc/PID/stat: what a process is called, what it has used, what it has in memory. */
struct process_text {
	char name[32];
	int64_t ticks; /* of processor time, in user and in kernel mode */
	int64_t pages;
};
bool kernel_text_process(const char *text, struct process_text *out);

/* What must wait for a resource: percent of the last 10, 60 and 300 s, and microseconds. */
struct pressure {
	double avg10, avg60, avg300;
	int64_t total_us;
};

/* `share` is "some" or "full". */
bool kernel_text_pressure(const char *text, const char *share, struct pressure *out);

/* Bytes of all devices of a group: io.stat of v2, blkio.throttle.io_service_bytes of v1. */
bool kernel_text_io(const char *text, int64_t *out_read, int64_t *out_written);

/* The next interface of /proc/net/dev: its name and the sixteen numbers behind it.
 * *rest moves on; false: no further one. */
enum { INTERFACE_NAME_SIZE = 16, INTERFACE_NUMBERS = 16 };
bool kernel_text_interface(const char **rest, char out_name[INTERFACE_NAME_SIZE],
			   int64_t out[INTERFACE_NUMBERS]);

/* "0x01 0x02": what flash says of its age. How many could be read, at most `max`. */
size_t kernel_text_hex(const char *text, int64_t *out, size_t max);

/* The line of /proc/self/mountinfo on whose file system `path` lies. */
struct mount_text {
	char point[128], type[32], source[64];
	unsigned major, minor;
};
bool kernel_text_mount(const char *text, const char *path, struct mount_text *out);
