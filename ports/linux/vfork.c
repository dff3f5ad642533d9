#include "ports/linux/vfork.h"

#include <errno.h>
#include <stdalign.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

/* The stack is whole pages of whatever size, to be given back when the child is gone. */
enum { STACK_BYTES = 64 * 1024, PAGE_BYTES = 4096, CLONE_VM_BIT = 0x100, CLONE_VFORK_BIT = 0x4000 };

static alignas(PAGE_BYTES) char stack[STACK_BYTES];

/* The instruction itself: libc's wrapper would return into a frame that the child has
 * overwritten by then. */
#if defined(__x86_64__)
static long clone_on_stack(struct kernel_clone_args *args, int (*body)(void *), void *argument)
{
	long result;
	register int (*fn)(void *) __asm__("r8") = body;
	register void *arg __asm__("r9") = argument;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "call *%%r8\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov $60, %%eax\n\t" /* exit */
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(result)
			 : "a"((long)CALL_CLONE3), "D"(args), "S"(sizeof *args), "r"(fn), "r"(arg)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static long clone_on_stack(struct kernel_clone_args *args, int (*body)(void *), void *argument)
{
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)sizeof *args;
	register int (*x2)(void *) __asm__("x2") = body;
	register void *x3 __asm__("x3") = argument;
	register long x8 __asm__("x8") = CALL_CLONE3;
	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, #0\n\t"
			 "mov x0, x3\n\t"
			 "blr x2\n\t"
			 "mov x8, #93\n\t" /* exit */
			 "svc #0\n\t"
			 "brk #1\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x2), "r"(x3), "r"(x8)
			 : "memory");
	return x0;
}
#elif defined(__arm__)
static long clone_on_stack(struct kernel_clone_args *args, int (*body)(void *), void *argument)
{
	register long r0 __asm__("r0") = (long)args;
	register long r1 __asm__("r1") = (long)sizeof *args;
	register int (*r2)(void *) __asm__("r2") = body;
	register void *r3 __asm__("r3") = argument;
	/* r7 holds the call's number, and a frame pointer in Thumb code. */
	__asm__ volatile("mov r4, r7\n\t"
			 "mov r7, %[call]\n\t"
			 "svc #0\n\t"
			 "mov r7, r4\n\t"
			 "cmp r0, #0\n\t"
			 "bne 1f\n\t"
			 "mov r0, r3\n\t"
			 "blx r2\n\t"
			 "mov r7, #1\n\t" /* exit */
			 "svc #0\n\t"
			 "udf #0\n"
			 "1:"
			 : "+r"(r0)
			 : "r"(r1), "r"(r2), "r"(r3), [call] "r"((long)CALL_CLONE3)
			 : "r4", "cc", "memory");
	return r0;
}
#else
#error "vfork.c: say how clone3 is called on this architecture"
#endif

pid_t vfork_run(struct kernel_clone_args *args, int (*body)(void *argument), void *argument)
{
	sigset_t all, before;
#ifdef __SANITIZE_ADDRESS__
	/* Frames that an earlier child never returned from left their marks. */
	__asan_unpoison_memory_region(stack, sizeof stack);
#endif
	args->flags |= CLONE_VM_BIT | CLONE_VFORK_BIT;
	args->stack = (uintptr_t)stack;
	args->stack_size = sizeof stack;
	/* No handler of ours may run on borrowed memory in the child. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	long pid = clone_on_stack(args, body, argument);
	sigprocmask(SIG_SETMASK, &before, NULL);
	madvise(stack, sizeof stack, MADV_DONTNEED); /* refused where pages are larger: they stay */
	if (pid >= 0)
		return (pid_t)pid;
	errno = (int)-pid;
	return -1;
}

void *vfork_room(void)
{
	return stack;
}

void vfork_reset_signals(void)
{
	for (int signo = 1; signo < NSIG; signo++)
		if (signo != SIGKILL && signo != SIGSTOP)
			signal(signo, SIG_DFL);
	vfork_reset_mask();
}

void vfork_reset_mask(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
