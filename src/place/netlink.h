/* netlink: questions to the kernel about routes, neighbours, addresses and links (rtnetlink(7)).
 * No privilege is needed. Only send and receive on a socket that is open already, so it works in
 * the jail. For this folder only. */
#ifndef PORT26_PLACE_NETLINK_H
#define PORT26_PLACE_NETLINK_H

#include "base/error.h"

#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLINK_BUFFER = 32768, NETLINK_ATTRIBUTES = 64 };

/* An attribute of a message: `at` NULL when it is not there. */
struct netlink_attribute {
    const void *at;
    size_t len;
};

/* Opens a socket for questions (groups 0) or for news of these RTMGRP_* (then it does not block).
 * A descriptor, or -1 and *e. */
int netlink_open(uint32_t groups, struct error *e);
/* Asks; `each` gets every message that answers. `request` begins with a struct nlmsghdr whose len,
 * type and flags (NLM_F_DUMP or 0) are set. 0; or a negative errno, the kernel's own or
 * -ETIMEDOUT. */
int netlink_ask(int fd, struct nlmsghdr *request, void (*each)(void *arg, const struct nlmsghdr *m),
                void *arg);
/* Receives once, without waiting; each message that is the kernel's goes to `each`. The number of
 * messages, 0 when there is none; -ENOBUFS when some were lost; or another negative errno. */
int netlink_news(int fd, void (*each)(void *arg, const struct nlmsghdr *m), void *arg);
/* Finds the attributes behind a message's own struct of `head` octets. */
void netlink_attributes(const struct nlmsghdr *m, size_t head,
                        struct netlink_attribute out[NETLINK_ATTRIBUTES]);
/* The same inside of an attribute. */
void netlink_nested(struct netlink_attribute a, struct netlink_attribute out[NETLINK_ATTRIBUTES]);
/* A 32-bit attribute; `otherwise` when it is not there. */
uint32_t netlink_u32(struct netlink_attribute a, uint32_t otherwise);

#endif
