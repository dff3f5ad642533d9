/*
 * vfork - a child that borrows our memory until it is another program.
 *
 * Private to ports/linux. The caller stands still meanwhile, so nothing is
 * copied, however large it is, and what the child writes is there afterwards:
 * that is how it tells which step failed. The child runs on a stack of its own
 * and must neither return into the caller's frames nor keep anything locked:
 * system calls, and functions that are no more than that.
 */
#pragma once

#include "ports/linux/kernel.h"

/* Run `body` in the child; what it returns is its exit code. `args` says what
 * is new about it; stack, CLONE_VM and CLONE_VFORK are added here. The child
 * has every signal blocked. -1: errno says why there is none. */
pid_t vfork_run(struct kernel_clone_args *args, int (*body)(void *argument), void *argument);

/* In the child: memory for what is too large for its frames, gone with it. */
enum { VFORK_ROOM_BYTES = 16 * 1024 };
void *vfork_room(void);

/* Default actions and an empty mask, as a program expects them at its start; the
 * first is needed only where somebody up the line ignores signals. */
void vfork_reset_signals(void);
void vfork_reset_mask(void);
