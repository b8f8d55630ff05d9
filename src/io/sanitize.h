/* sanitize: tells AddressSanitizer about stacks that are switched and used again. Nothing in other
 * builds. */
#ifndef PORT26_IO_SANITIZE_H
#define PORT26_IO_SANITIZE_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PORT26_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PORT26_ASAN 1
#endif

#if defined(PORT26_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SANITIZE_LEAVE(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define SANITIZE_ENTER(saved, bottom, size)                                                        \
    __sanitizer_finish_switch_fiber(saved, (const void **)(bottom), size)
#define SANITIZE_FORGET(at, n) ASAN_UNPOISON_MEMORY_REGION(at, n)
#define SANITIZE_LEAKS_UNLESS(condition)                                                           \
    int __lsan_is_turned_off(void);                                                                \
    int __lsan_is_turned_off(void)                                                                 \
    {                                                                                              \
        return condition;                                                                          \
    }
#else
/* Before a switch: saves this stack's state in *save (NULL: the stack is done with) and names the
 * stack to come. */
#define SANITIZE_LEAVE(save, bottom, size)  ((void)(save), (void)(bottom), (void)(size))
/* After a switch: restores what this stack saved; *bottom and *size take the stack it came from. */
#define SANITIZE_ENTER(saved, bottom, size) ((void)(saved), (void)(bottom), (void)(size))
/* The memory was a stack and will be used afresh. */
#define SANITIZE_FORGET(at, n)              ((void)(at), (void)(n))
/* At file level: no search for leaks at the process's end when the condition holds. */
#define SANITIZE_LEAKS_UNLESS(condition)
#endif

#endif
