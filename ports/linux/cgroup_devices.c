#include "ports/linux/cgroup_tree.h"

#include "base/scoped.h"
#include "ports/linux/kernel.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

/* What every workload may have; minor -1 stands for all. Making a node of it is allowed: the
 * sandbox does, in the leaf already, and the workload has no right to anyway. */
static const struct harmless {
	int major, minor;
} harmless[] = {
	{ 1, 3 },    /* null */
	{ 1, 5 },    /* zero */
	{ 1, 7 },    /* full */
	{ 1, 8 },    /* random */
	{ 1, 9 },    /* urandom */
	{ 5, 0 },    /* tty */
	{ 5, 2 },    /* ptmx */
	{ 136, -1 }, /* pts */
};

enum {
	HARMLESS = sizeof harmless / sizeof *harmless,
	CODE_MAX = 8 + 6 * (HARMLESS + CGROUP_DEVICES_MAX),
	ANY = -1,
};

/* --- v2: a small program that the kernel asks at each open --- */

/* Registers: 1 the context, then 2 type, 3 access, 4 major, 5 minor. */
struct code {
	struct bpf_insn at[CODE_MAX];
	size_t count;
};

static void add(struct code *c, uint8_t op, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	c->at[c->count++] = (struct bpf_insn){
		.code = op, .dst_reg = dst & 15u, .src_reg = src & 15u, .off = off, .imm = imm
	};
}

static void load_context(struct code *c)
{
	enum { LOAD = BPF_LDX | BPF_MEM | BPF_W, COPY = BPF_ALU64 | BPF_MOV | BPF_X };
	add(c, LOAD, 2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	add(c, COPY, 3, 2, 0, 0);
	add(c, BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	add(c, BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 16);
	add(c, LOAD, 4, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	add(c, LOAD, 5, 1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

/* If it is this device, the answer is known; else go on behind. */
static void allow(struct code *c, int type, int major, int minor, bool read_only)
{
	enum { UNLESS = BPF_JMP | BPF_JNE | BPF_K, SET = BPF_ALU64 | BPF_MOV | BPF_K };
	const int16_t rest = (int16_t)((minor == ANY ? 0 : 1) + (read_only ? 3 : 2));
	add(c, UNLESS, 2, 0, (int16_t)(rest + 1), type);
	add(c, UNLESS, 4, 0, rest, major);
	if (minor != ANY)
		add(c, UNLESS, 5, 0, (int16_t)(rest - 1), minor);
	if (read_only)
		add(c, BPF_JMP | BPF_JSET | BPF_K, 3, 0, 2, BPF_DEVCG_ACC_WRITE);
	add(c, SET, 0, 0, 0, 1);
	add(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int load(const struct code *c)
{
	union bpf_attr attr = { 0 };
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)c->at;
	attr.insn_cnt = (uint32_t)c->count;
	attr.license = (uintptr_t) "";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

static int load_filter(const struct cgroup_limits *limits)
{
	struct code c = { .count = 0 };
	load_context(&c);
	for (size_t i = 0; i < HARMLESS; i++)
		allow(&c, BPF_DEVCG_DEV_CHAR, harmless[i].major, harmless[i].minor, false);
	for (size_t i = 0; i < limits->device_count; i++) {
		const struct cgroup_device *d = &limits->devices[i];
		allow(&c, d->is_block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, (int)d->major,
		      (int)d->minor, d->read_only);
	}
	add(&c, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	add(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return load(&c);
}

static bool attach(const char *group, int filter)
{
	union bpf_attr attr = { 0 };
	SCOPED_FD fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	attr.target_fd = (uint32_t)fd;
	attr.attach_bpf_fd = (uint32_t)filter;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return fd >= 0 && syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr) == 0;
}

/* Where the kernel was built without it, the sandbox's own /dev is the only wall. */
static void limit_v2(const struct cgroup_tree *t, const char *leaf,
		     const struct cgroup_limits *limits)
{
	char path[CGROUP_PATH_MAX];
	cgroup_leaf_path(t->v2, leaf, path);
	if (limits->device_count) {
		SCOPED_FD filter = load_filter(limits);
		(void)(filter >= 0 && attach(path, filter));
		return;
	}
	/* Most have no device: they share one program. */
	(void)(t->device_filter >= 0 && attach(path, t->device_filter));
}

int cgroup_device_filter(void)
{
	const struct cgroup_limits none = { 0 };
	return load_filter(&none);
}

/* --- v1: a list --- */

static enum err limit_v1(const struct hierarchy *h, const char *leaf,
			 const struct cgroup_limits *limits, struct why *why)
{
	char path[CGROUP_PATH_MAX], text[48];
	cgroup_leaf_path(h, leaf, path);
	enum err e = cgroup_write(path, "devices.deny", "a", why);
	for (size_t i = 0; !e && i < HARMLESS; i++) {
		if (harmless[i].minor == ANY)
			snprintf(text, sizeof text, "c %d:* rwm", harmless[i].major);
		else
			snprintf(text, sizeof text, "c %d:%d rwm", harmless[i].major,
				 harmless[i].minor);
		e = cgroup_write(path, "devices.allow", text, why);
	}
	for (size_t i = 0; !e && i < limits->device_count; i++) {
		const struct cgroup_device *d = &limits->devices[i];
		snprintf(text, sizeof text, "%c %u:%u %s", d->is_block ? 'b' : 'c', d->major,
			 d->minor, d->read_only ? "rm" : "rwm");
		e = cgroup_write(path, "devices.allow", text, why);
	}
	return e;
}

enum err cgroup_limit_devices(struct cgroup_tree *t, const char *leaf,
			      const struct cgroup_limits *limits, struct why *why)
{
	if (t->devices)
		return limit_v1(t->devices, leaf, limits, why);
	if (t->v2)
		limit_v2(t, leaf, limits);
	return OK;
}
